"""What the audio stream reports: gaps, overlaps, clock jumps, and the counts of them."""

from __future__ import annotations

from dataclasses import dataclass, fields
from enum import Enum


class EventKind(Enum):
    """Something happened to the stream. The value is a sentence about it; {s} stands for the seconds concerned."""

    UNSTAMPED = "the audio has no time stamps; samples are counted from when the first chunk arrived"
    GAP = "{s:.3f} s of audio is missing; filled with silence"
    LONG_GAP = "no audio for {s:.3f} s; a new segment starts"
    BURST = "the audio is published faster than it plays; its samples are counted on instead of stamped"
    OVERLAP = "{s:.3f} s of audio came twice or too late; dropped"
    CLOCK_BACK = "the audio's time stamps jumped back by {s:.3f} s; unread audio is discarded, a new segment starts"
    OVERFLOW = "{s:.3f} s of audio was not read in time; discarded, a new segment starts"


@dataclass(frozen=True)
class StreamEvent:
    """One event.

    Attributes:
        kind: what happened.
        time: stream time at which the audio goes on, seconds.
        seconds: length of the gap, overlap or jump, or of what was discarded.
    """

    kind: EventKind
    time: float
    seconds: float = 0.0

    def __str__(self) -> str:
        return self.kind.value.format(s=self.seconds)


@dataclass
class StreamStats:
    """Counts since the stream was made.

    Attributes:
        gaps, overlaps: number of GAP and OVERLAP events.
        long_gaps: number of LONG_GAP events.
        filled_s: silence put in for missing audio, seconds.
        idle_s: silence put in by `fill_silence`, seconds.
        dropped_s: audio thrown away because it came twice, too late or was not read, seconds.
        resets: number of CLOCK_BACK and OVERFLOW events.
        received_s: audio received, seconds.
    """

    gaps: int = 0
    overlaps: int = 0
    long_gaps: int = 0
    filled_s: float = 0.0
    idle_s: float = 0.0
    dropped_s: float = 0.0
    resets: int = 0
    received_s: float = 0.0

    def as_dict(self) -> dict[str, float]:
        """Names and numbers, for diagnostics."""
        return {f.name: getattr(self, f.name) for f in fields(self)}
