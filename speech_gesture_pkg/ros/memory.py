"""A node's memory stays what it needs, and looking after it never holds motion up."""

from __future__ import annotations

import ctypes
import gc
import sys

_MMAP_THRESHOLD, _TRIM_THRESHOLD, _ARENA_MAX = -3, -1, -8
"""Numbers of `mallopt`, from glibc's malloc.h."""
LARGE = 256 * 1024
"""Pieces from this size on get pages of their own, which go back to the system when they are freed, bytes."""
ARENAS = 2
"""Heaps that all threads share; glibc would make eight for each core, each with its own holes."""


def keep_little() -> bool:
    """Configure the allocator; to be called before other threads exist. Returns whether that was possible.

    By default, glibc takes the first large piece that is freed as a sign that such pieces come often: from then on
    they lie among the small ones, and one small piece behind a large hole keeps all of it. A node that meets half a
    minute of audio in one message would never give that memory back.
    """
    if not sys.platform.startswith("linux"):
        return False
    mallopt = getattr(ctypes.CDLL(None), "mallopt", None)  # absent with musl
    if mallopt is None:
        return False
    wanted = ((_MMAP_THRESHOLD, LARGE), (_TRIM_THRESHOLD, LARGE), (_ARENA_MAX, ARENAS))
    return all([mallopt(name, value) == 1 for name, value in wanted])


def settle() -> None:
    """All objects that there are now are here to stay: Python's collector need not look at them again and again.

    Its full rounds take tens of milliseconds, longer than a window's lead.
    """
    gc.collect()
    gc.freeze()


def release() -> None:
    """Free what was settled and is no longer used: pipelines, with the audio that they keep, refer to themselves."""
    gc.unfreeze()
    gc.collect()
