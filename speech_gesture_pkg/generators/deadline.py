"""Work that must end: what takes too long is left behind, and said."""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import TypeVar

T = TypeVar("T")


def within(seconds: float, work: Callable[[], T], give_up: Callable[[], object] = lambda: None) -> T:
    """The result of `work`, done in a thread of its own.

    Args:
        seconds: how long it may take, s.
        work: its exceptions are raised here.
        give_up: called when time is up, to let the work end as soon as it can. It is not waited for: a thread cannot
            be ended from outside.

    Raises:
        TimeoutError: time is up.
    """
    made: list[T] = []
    failed: list[BaseException] = []

    def run() -> None:
        try:
            made.append(work())
        except BaseException as e:  # handed on to the caller
            failed.append(e)

    thread = threading.Thread(target=run, name="within", daemon=True)
    thread.start()
    thread.join(seconds)
    if thread.is_alive():
        give_up()
        raise TimeoutError(f"it takes longer than {seconds:g} s")
    if failed:
        raise failed[0]
    return made[0]
