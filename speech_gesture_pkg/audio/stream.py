"""AudioStream: irregular, stamped chunks of audio in; one contiguous 16 kHz stream on the stream clock out."""

from __future__ import annotations

import math
from collections import deque

import numpy as np

from speech_gesture_pkg.audio.chunk import AudioChunk
from speech_gesture_pkg.audio.events import EventKind, StreamEvent, StreamStats
from speech_gesture_pkg.audio.resample import StreamResampler
from speech_gesture_pkg.audio.segment import ROUNDING, Segment
from speech_gesture_pkg.errors import AudioNotFiniteError, ConfigError, InputError

BACK_LIMIT_S = 1.0
"""Stamps that go back by more than this are a clock jump (a bag that loops), not late audio."""


QUEUED_S = 0.25
"""Audio that was published this far ahead of its stamps waits in a queue, as in a player; less is clock drift."""


class AudioStream:
    """The stamped buffer between the audio topic and the pipeline.

    Audio is kept in segments. Within a segment audio is contiguous: stamp jitter below the tolerance is ignored, short
    gaps are filled with silence, repeated or late audio is dropped. What cannot be joined starts a new segment.
    Speech synthesisers that publish faster than real time, each chunk stamped when it is published, are recognised:
    their chunks follow each other.
    One thread at a time may use it.

    Args:
        source_rate: sample rate of what is pushed, Hz (see also `change_rate`).
        max_gap_s: longest gap that is filled, seconds.
        tolerance_s: largest difference between stamp and sample count that counts as jitter, seconds.
        max_buffer_s: most unread audio that is kept, seconds. (One pushed chunk may be longer and is kept whole.)

    Attributes:
        stats: counts for diagnostics.
    """

    def __init__(
        self, source_rate: int, max_gap_s: float = 0.5, tolerance_s: float = 0.04, max_buffer_s: float = 30.0
    ) -> None:
        if not 0.0 <= tolerance_s <= max_gap_s < max_buffer_s:
            raise ConfigError(
                f"audio tolerance {tolerance_s} s, longest gap {max_gap_s} s and buffer {max_buffer_s} s must satisfy "
                "0 <= tolerance <= gap < buffer"
            )
        self.source_rate = int(source_rate)
        self.max_gap_s, self.tolerance_s, self.max_buffer_s = max_gap_s, tolerance_s, max_buffer_s
        self.stats = StreamStats()
        self.delay_s = StreamResampler(self.source_rate).delay_s
        """Seconds by which what can be read lags behind what was pushed (the resampler's filter)."""
        self._segments: deque[Segment] = deque()
        self._made = 0
        self._idle = False  # the newest segment ends with silence from fill_silence
        self._reported_unstamped = False
        self._last_arrival = -math.inf
        self._last_stamp = math.inf
        self._last_duration = 0.0
        self._burst = False
        self.bursts = True
        """Whether audio that is published faster than it plays is taken for speech that is sent ahead (see above)."""

    @property
    def segment(self) -> int:
        """Number of the segment that `position` lies in: the one of the chunk last read (0 before any audio)."""
        return self._segments[0].number if self._segments else 0

    @property
    def position(self) -> float | None:
        """Stream time up to which audio has been read, seconds; None before any audio."""
        return self._segments[0].position if self._segments else None

    @property
    def end(self) -> float | None:
        """Stream time up to which there is audio (pushed or filled), seconds; None before any audio."""
        return self._segments[-1].end if self._segments else None

    @property
    def unread_s(self) -> float:
        """Seconds that `read` could serve now, all segments together."""
        return sum(s.unread_s for s in self._segments)

    def push(self, samples: np.ndarray, stamp: float | None, arrival: float) -> list[StreamEvent]:
        """Take in a chunk.

        Args:
            samples: mono at `source_rate`. Shape [N], float32. Kept without a copy: do not change it afterwards.
            stamp: time of the first sample on the node's clock, seconds; None if the message carries none.
            arrival: time at which the chunk came, same clock.

        Returns:
            What had to be done to fit it in; empty for a chunk that simply follows.

        Raises:
            InputError: NaN or infinite samples, an array that is not flat, or a stamp that is not finite.
        """
        samples = self._checked(samples, stamp)
        if not len(samples):
            return []
        events: list[StreamEvent] = []
        duration = len(samples) / self.source_rate
        self.stats.received_s += duration
        if self.unread_s > self.max_buffer_s:
            self._discard(EventKind.OVERFLOW, self.unread_s, events, arrival if stamp is None else stamp)
        if stamp is None:
            start = self._start_of_unstamped(duration, arrival, events)
        else:
            start = self._start_of_stamped(duration, stamp, arrival, events)
        self._last_arrival = arrival
        skip = self._place(start, len(samples), stamp is not None, events)
        if skip < len(samples):
            self._segments[-1].write(samples[skip:])
            self._idle = False
        return events

    def fill_silence(self, until: float) -> list[StreamEvent]:
        """Extend the newest segment with silence up to stream time `until`, so that motion goes on without audio.

        Does nothing if there is audio up to `until` already. With no audio yet a segment starts at `until`. Call it
        with a time a little behind now: audio that comes later for a time that was filled is dropped. A step of more
        than `max_buffer_s` (a paused clock) starts a new segment at `until`, reported by a LONG_GAP event.
        """
        if not math.isfinite(until):
            raise InputError(f"cannot fill silence until {until}; the time must be finite")
        newest = self._segments[-1] if self._segments else None
        if newest is None:
            self._new_segment(until)
            self._idle = True
            return []
        missing = until - newest.end
        if missing > self.max_buffer_s:
            event = StreamEvent(EventKind.LONG_GAP, until, missing)
            self.stats.long_gaps += 1
            self._new_segment(until)
            self._idle = True
            return [event]
        count = math.floor(missing * self.source_rate + ROUNDING)
        events: list[StreamEvent] = []
        if count > 0:
            if self.unread_s > self.max_buffer_s:
                self._discard(EventKind.OVERFLOW, self.unread_s, events, until)
                self._new_segment(until)
            else:
                newest.write_zeros(count)
                self.stats.idle_s += count / self.source_rate
            self._idle = True
        return events

    def read(self, until: float | None = None, longest: float | None = None) -> AudioChunk | None:
        """The next contiguous unread audio, up to stream time `until`; None if there is none yet.

        A chunk never spans two segments; look at `segment` after reading to see whether a new one began.

        Args:
            until: stream time, s.
            longest: most that is read at once, s (about: to a sample).
        """
        while len(self._segments) > 1 and not self._segments[0].unread_s:
            self._segments.popleft()
        if not self._segments:
            return None
        if longest is not None:
            limit = self._segments[0].position + longest
            until = limit if until is None else min(until, limit)
        return self._segments[0].read(until)

    def change_rate(self, rate: int) -> None:
        """Chunks come at `rate` Hz from now on; the audio goes on in the same segment."""
        self.source_rate = int(rate)
        self.delay_s = StreamResampler(self.source_rate).delay_s
        if self._segments:
            self._segments[-1].change_rate(StreamResampler(self.source_rate))

    def reset(self) -> None:
        """Forget all audio, read or not (barge-in, a clock that was set); the next push starts a new segment."""
        self._segments.clear()
        self._idle = self._burst = False
        self._last_arrival = -math.inf

    def _checked(self, samples: np.ndarray, stamp: float | None) -> np.ndarray:
        samples = np.asarray(samples, np.float32)
        if samples.ndim != 1:
            raise InputError(f"the audio chunk has shape {samples.shape}; the stream takes mono samples [N]")
        if not np.isfinite(samples).all():
            raise AudioNotFiniteError(
                "the audio chunk holds NaN or infinite samples; the publisher must send finite samples"
            )
        if stamp is not None and not math.isfinite(stamp):
            raise InputError(f"the audio's time stamp is {stamp}; it must be finite")
        return samples

    def _start_of_unstamped(self, duration: float, arrival: float, events: list[StreamEvent]) -> float:
        """Counted on from the last chunk, unless the source paused or the clock jumped back."""
        if not self._reported_unstamped:
            self._reported_unstamped = True
            events.append(StreamEvent(EventKind.UNSTAMPED, arrival - duration))
        end = self.end
        if end is None or arrival < self._last_arrival - BACK_LIMIT_S:
            return arrival - duration
        late = arrival - duration - end
        return arrival - duration if late > self.max_gap_s or (self._idle and late > 0.0) else end

    def _start_of_stamped(self, duration: float, stamp: float, arrival: float, events: list[StreamEvent]) -> float:
        """The stamp, unless it is the time of publishing in a burst faster than real time; then counted on.

        A chunk that arrives before its last sample can have been recorded carries the time of publishing. If such
        stamps advance by less than the audio does, or did so while the queue that this built up is still there, the
        chunks follow each other. Stamps that stand still or go back are repetitions or a clock jump.
        """
        step, self._last_stamp = stamp - self._last_stamp, stamp
        fast = step < 0.75 * self._last_duration
        self._last_duration = duration
        end = self.end
        queued = 0.0 if end is None else end - stamp
        if end is None or queued <= self.tolerance_s:
            self._burst = False
            return stamp
        published = arrival < stamp + 0.75 * duration
        if self.bursts and step > 0.0 and published and (fast or (self._burst and queued > QUEUED_S)):
            if not self._burst and queued > QUEUED_S:
                self._burst = True
                events.append(StreamEvent(EventKind.BURST, end, queued))
            return end
        self._burst = False
        return stamp

    def _place(self, start: float, count: int, stamped: bool, events: list[StreamEvent]) -> int:
        """Prepare the newest segment for `count` samples from time `start`; how many of them must be skipped."""
        if not self._segments:
            self._new_segment(start)
            return 0
        newest = self._segments[-1]
        ahead = start - newest.end
        if ahead > self.max_gap_s:
            self._report(EventKind.LONG_GAP, start, ahead, events)
            self._new_segment(start)
        elif ahead < -BACK_LIMIT_S:
            self._discard(EventKind.CLOCK_BACK, -ahead, events, start)
            self._new_segment(start)
        elif ahead > self.tolerance_s or (self._idle and ahead > 0.0):
            # After filled silence even a small gap is closed: it costs nothing and keeps the speech on its stamps.
            missing = round(ahead * self.source_rate)
            newest.write_zeros(missing)
            if self._idle:
                self.stats.idle_s += missing / self.source_rate
            else:
                self._report(EventKind.GAP, start, ahead, events)
        elif stamped and ahead < -self.tolerance_s:
            skip = min(round(-ahead * self.source_rate), count)
            self._report(EventKind.OVERLAP, newest.end, skip / self.source_rate, events)
            return skip
        return 0

    def _report(self, kind: EventKind, time: float, seconds: float, events: list[StreamEvent]) -> None:
        events.append(StreamEvent(kind, time, seconds))
        if kind is EventKind.GAP:
            self.stats.gaps += 1
            self.stats.filled_s += seconds
        elif kind is EventKind.LONG_GAP:
            self.stats.long_gaps += 1
        elif kind is EventKind.OVERLAP:
            self.stats.overlaps += 1
            self.stats.dropped_s += seconds

    def _discard(self, kind: EventKind, seconds: float, events: list[StreamEvent], time: float) -> None:
        """Throw all segments away and say so."""
        events.append(StreamEvent(kind, time, seconds))
        self.stats.resets += 1
        self.stats.dropped_s += self.unread_s
        self._segments.clear()
        self._idle = False

    def _new_segment(self, anchor: float) -> None:
        if self._segments:
            self._segments[-1].finish()
        self._made += 1
        self._segments.append(Segment(self._made, anchor, StreamResampler(self.source_rate)))
        self._idle = False
