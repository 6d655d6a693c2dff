"""What keeps the robot from moving, said in the log: soon, and again as long as it lasts."""

from __future__ import annotations

import re
import time
from collections.abc import Callable, Iterable

FIRST_S = 1.0
"""What lasts for so long is said, s."""
SHOWN = 6
"""So many names stand in a sentence, then a number."""
AGAIN_S = 30.0
"""And again after so long, s."""


def some(names: Iterable[str]) -> str:
    """Names for a sentence, sorted; only the first few of many."""
    listed = sorted(names)
    more = len(listed) - SHOWN
    return ", ".join(listed[:SHOWN]) + (f" and {more} more" if more > 0 else "")


class WaitLog:
    """Says a reason for standing still once it has lasted, and again every 30 s.

    A sentence in which only numbers have changed is the same reason.

    Args:
        log: takes a sentence.
        steady: steady clock, s.
    """

    def __init__(self, log: Callable[[str], object], steady: Callable[[], float] = time.monotonic) -> None:
        self._log, self._steady = log, steady
        self._reason = ""
        self._due = 0.0

    def look(self, sentence: str, first: float = FIRST_S, again: float = AGAIN_S) -> None:
        """To be called often; '' = nothing keeps it.

        Args:
            sentence: why the robot does not move now.
            first: how long that must last before it is said, s.
            again: it is repeated after so long, s; inf = never.
        """
        now, reason = self._steady(), re.sub(r"\d+(\.\d+)?", "#", sentence)
        if reason != self._reason:
            self._reason, self._due = reason, now + first
        if sentence and now >= self._due:
            self._due = now + again
            self._log(sentence)
