"""The space bar of the terminal, while something else runs."""

from __future__ import annotations

import os
import select
import sys
from types import TracebackType
from typing import Any


class SpaceBar:
    """A context manager that takes single keys from the terminal, without Enter; Ctrl-C works as ever.

    Args:
        wanted: False leaves the terminal alone, as does a standard input that is none.
    """

    def __init__(self, wanted: bool = True) -> None:
        self._file = sys.stdin.fileno() if wanted and sys.stdin is not None and sys.stdin.isatty() else None
        self._old: Any = None

    def __enter__(self) -> SpaceBar:
        if self._file is not None:
            try:
                import termios
                import tty

                self._old = termios.tcgetattr(self._file)
                tty.setcbreak(self._file)
            except (ImportError, termios.error):  # no such terminal: no keys
                self._file = None
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, tb: TracebackType | None) -> None:
        if self._old is not None and self._file is not None:
            import termios

            termios.tcsetattr(self._file, termios.TCSADRAIN, self._old)

    def pressed(self) -> bool:
        """True if it was pressed an odd number of times since the last call; never waits."""
        count = 0
        while self._file is not None and select.select([self._file], [], [], 0.0)[0]:
            keys = os.read(self._file, 64)
            if not keys:
                self._file = None
            count += keys.count(b" ")
        return count % 2 == 1
