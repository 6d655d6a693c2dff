"""Files that only we (and root) can have written: what the cache of robots' shapes may be read from."""

from __future__ import annotations

import os
import stat
from pathlib import Path
from typing import IO


def open_private(path: Path) -> IO[bytes]:
    """A file opened for reading that nobody else may write; symbolic links are not followed.

    Raises:
        FileNotFoundError: it is not there.
        PermissionError: another user owns it, or others may write it.
        OSError: it cannot be opened, or is a link.
    """
    handle = os.open(path, os.O_RDONLY | getattr(os, "O_NOFOLLOW", 0) | getattr(os, "O_NONBLOCK", 0))
    file = os.fdopen(handle, "rb")
    # Of the file that was opened, not of what its name means by now.
    why = "it is no file" if not stat.S_ISREG((found := os.fstat(handle)).st_mode) else _foreign(found)
    if why:
        file.close()
        raise PermissionError(f"{path} is not trusted: {why}")
    return file


def check_private_folder(path: Path) -> None:
    """Raise PermissionError for a folder that another user may change, or could put another one in the place of.

    Every folder above must belong to root or us, and be writable by the world only with the sticky bit (/tmp).
    """
    found = path.lstat()
    if not stat.S_ISDIR(found.st_mode):
        raise PermissionError(f"{path} is not trusted: it is no folder")
    if why := _foreign(found):
        raise PermissionError(f"{path} is not trusted: {why}")
    for above in path.resolve().parents:
        found = above.stat()
        if not _ours(found):
            raise PermissionError(f"{path} is not trusted: user {found.st_uid} owns {above}")
        if found.st_mode & stat.S_IWOTH and not found.st_mode & stat.S_ISVTX:
            raise PermissionError(f"{path} is not trusted: everybody may write {above}")


def _ours(found: os.stat_result) -> bool:
    return not hasattr(os, "geteuid") or found.st_uid in (0, os.geteuid())


def _foreign(found: os.stat_result) -> str:
    """Why others may write what is so described, or ""."""
    if not _ours(found):
        return f"user {found.st_uid} owns it"
    if found.st_mode & (stat.S_IWGRP | stat.S_IWOTH):
        return f"others may write it (mode {stat.S_IMODE(found.st_mode):o})"
    return ""
