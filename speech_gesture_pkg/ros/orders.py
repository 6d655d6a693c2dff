"""Orders: what others want of the pipeline's thread, which may be busy or hang. The newest of each kind counts."""

from __future__ import annotations

import threading
from dataclasses import dataclass, replace

from speech_gesture_pkg.config import GestureConfig


@dataclass(frozen=True)
class Pending:
    """What is to be done, at most once of each kind; in the order reset, style, pause.

    Attributes:
        ticket: of the newest order in it.
        pause: whether to be paused from now on; None = as before.
        interrupt: a pause was asked for, even if it has been ended since: what was received and planned is discarded.
        reset: see Pipeline.reset.
        style: parameters to take over; None = as before.
    """

    ticket: int = 0
    pause: bool | None = None
    interrupt: bool = False
    reset: bool = False
    style: GestureConfig | None = None


class Orders:
    """States that the newest order sets, not a queue: however many come while the thread hangs, none is lost.

    Any thread may ask; one thread takes.

    Attributes:
        paused: what the newest pause order says; it holds for every pipeline that begins.
    """

    def __init__(self) -> None:
        self.paused = False
        self._changed = threading.Condition()
        self._asked = self._taken = 0
        self._pending = Pending()

    def pause(self, on: bool) -> int:
        """Be paused from now on, or not; its ticket for `wait`."""
        with self._changed:
            self.paused = on
            return self._ask(pause=on, interrupt=on or self._pending.interrupt)

    def reset(self) -> int:
        """Forget audio and generator state; its ticket for `wait`."""
        with self._changed:
            return self._ask(reset=True)

    def restyle(self, config: GestureConfig) -> int:
        """Take over parameters; its ticket for `wait`."""
        with self._changed:
            return self._ask(style=config)

    def _ask(self, **kinds: object) -> int:
        self._asked += 1
        self._pending = replace(self._pending, ticket=self._asked, **kinds)  # type: ignore[arg-type]
        return self._asked

    @property
    def stopping(self) -> bool:
        """Whether a pause waits to be taken: nothing that was planned before it may be sent."""
        return bool(self._pending.pause)

    def take(self) -> Pending | None:
        """What is to be done now, None if nothing; say `done` after it."""
        with self._changed:
            pending, self._pending = self._pending, Pending()
        return pending if pending.ticket else None

    def done(self, pending: Pending) -> None:
        """Wake those who wait for it."""
        with self._changed:
            self._taken = pending.ticket
            self._changed.notify_all()

    def wait(self, ticket: int, timeout: float) -> bool:
        """Whether the order was done, within `timeout` s."""
        with self._changed:
            return self._changed.wait_for(lambda: self._taken >= ticket, max(timeout, 0.0))
