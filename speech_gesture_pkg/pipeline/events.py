"""What the pipeline reports: events, the result of a step, totals."""

from __future__ import annotations

from dataclasses import dataclass, field, fields

from speech_gesture_pkg.motion.frames import MotionFrames
from speech_gesture_pkg.outside_text import LONGEST_SENTENCE, one_line
from speech_gesture_pkg.pipeline.states import Severity
from speech_gesture_pkg.trajectory.composer import Window


@dataclass(frozen=True)
class Event:
    """Something a person should know, as one line. `code` names the kind, for counting and for rate limits."""

    severity: Severity
    code: str
    text: str

    def __post_init__(self) -> None:
        object.__setattr__(self, "text", one_line(self.text, LONGEST_SENTENCE))


@dataclass
class StepResult:
    """What one step gives to the outside.

    Attributes:
        windows: controller name -> window for exactly its joints.
        frames: the human motion behind the new part of the windows, as (play time, frame).
        events: for log and diagnostics.
    """

    windows: dict[str, Window] = field(default_factory=dict)
    frames: list[tuple[float, MotionFrames]] = field(default_factory=list)
    events: list[Event] = field(default_factory=list)

    def report(self, severity: Severity, code: str, text: str) -> None:
        """Add an event."""
        self.events.append(Event(severity, code, text))


@dataclass
class Counters:
    """Totals since activation."""

    frames: int = 0
    late_frames: int = 0
    windows: int = 0
    faults: int = 0
    resets: int = 0
    realigned: int = 0
    stalls: int = 0

    def clear(self) -> None:
        """Begin again at 0."""
        for each in fields(self):
            setattr(self, each.name, 0)
