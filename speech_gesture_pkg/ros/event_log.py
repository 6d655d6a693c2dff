"""EventLog: what a node says again and again, written to its log now and then; and how many messages it dropped."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Iterable

from rclpy.node import Node

from speech_gesture_pkg.errors import AudioNotFiniteError, ClippedAudioError, InputError
from speech_gesture_pkg.pipeline.events import Event
from speech_gesture_pkg.pipeline.states import Severity, Transition
from speech_gesture_pkg.pipeline.stats import RateLimiter


class EventLog:
    """The log of a node with a rate limit.

    Args:
        node: its logger is used.
        period: events of one code are logged once in so long, s.

    Attributes:
        drops: how many messages were dropped, by reason.
    """

    def __init__(self, node: Node, period: float) -> None:
        self._node, self._limit = node, RateLimiter(period)
        self.drops: Counter[str] = Counter()

    def log(self, event: Event) -> None:
        """Write it, unless one of its code was written a moment ago."""
        if not self._limit.ready(time.monotonic(), event.code):
            return
        logger = self._node.get_logger()
        # rclpy allows one severity per call site
        if event.severity is Severity.ERROR:
            logger.error(event.text)
        elif event.severity is Severity.WARN:
            logger.warning(event.text)
        else:
            logger.info(event.text)

    def info(self, sentence: str) -> None:
        """A sentence that repeats."""
        self.log(Event(Severity.INFO, sentence, sentence))

    def warning(self, sentence: str) -> None:
        """A warning that repeats."""
        self.log(Event(Severity.WARN, sentence, sentence))

    def states(self, changes: Iterable[Transition]) -> None:
        """Changes of the pipeline's state."""
        for change in changes:
            self.log(Event(Severity.INFO, f"state {change.after.name}", str(change)))

    def drop(self, reason: str, sentence: str, severity: Severity = Severity.ERROR) -> None:
        """Count a message that is not used and say why, now and then."""
        self.drops[reason] += 1
        self.log(Event(severity, reason, sentence))

    def drop_audio(self, error: InputError) -> None:
        """Count and report an audio message that cannot be used: numbers that are not finite, or clipped, are a hiccup,
        the rest needs mending by a person."""
        if isinstance(error, AudioNotFiniteError):
            self.drop("audio not finite", f"audio message dropped: {error}", Severity.WARN)
        elif isinstance(error, ClippedAudioError):
            self.drop("clipped audio", f"audio message dropped: {error}", Severity.WARN)
        else:
            self.drop("unusable audio", f"audio message dropped: {error}")
