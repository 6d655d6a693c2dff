"""MotionSource: audio in, frames with robot joints and play times out. The first half of the pipeline."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from speech_gesture_pkg.audio.chunk import AudioChunk
from speech_gesture_pkg.audio.events import EventKind, StreamEvent
from speech_gesture_pkg.audio.formats import clipped_fraction
from speech_gesture_pkg.audio.stream import AudioStream
from speech_gesture_pkg.config import GestureConfig
from speech_gesture_pkg.errors import ClippedAudioError, GeneratorError
from speech_gesture_pkg.generators.base import Generator, Style, checked_motion
from speech_gesture_pkg.motion.frames import MotionFrames
from speech_gesture_pkg.pipeline.audio_pace import PaceWatch
from speech_gesture_pkg.pipeline.events import Event
from speech_gesture_pkg.pipeline.stamp_clock import StampClock
from speech_gesture_pkg.pipeline.states import Severity
from speech_gesture_pkg.retargeting.base import Retargeter, RetargetState

LOUD = 10 ** (-50 / 20)
"""RMS from which audio counts as speech: -50 dB below full scale."""

MOST_CLIPPED = 0.3
"""Audio with a larger share of samples at full scale is noise (a wrong format, a broken cable), not speech."""

LONGEST_READ = 0.2
"""Most audio that one generator step is given, s."""

MOST_AT_ONCE = 0.4
"""About as much audio is used in one `advance`, s: a sentence that comes in one message must not block the loop."""

MOST_TIME = 0.1
"""A slow generator gets no more audio in one `advance` after so long, s: the loop must look after the robot, too."""


@dataclass(frozen=True)
class ReadyFrame:
    """One frame that waits to be played.

    Attributes:
        play: when it should happen on the robot, node clock, s.
        q: the retargeter's joints, rad or m. Shape [R].
        motion: the human frame itself (one frame).
        arrival: when the audio that completed it came, steady clock, s; -inf if more audio waits (it came early).
    """

    play: float
    q: np.ndarray
    motion: MotionFrames
    arrival: float


class MotionFault(Exception):  # noqa: N818 - the name of the event in diagnostics
    """The generator or the retargeter failed or gave numbers that are not finite; the sentence says which.

    Attributes:
        generator: whether it was the generator.
    """

    def __init__(self, sentence: str, generator: bool = True) -> None:
        super().__init__(sentence)
        self.generator = generator


class MotionSource:
    """Turns contiguous audio into frames that wait for their play time.

    Args:
        generator: makes SMPL-X frames.
        retargeter: has `start()` and `step(motion, state) -> (q [T, R], state)`.
        config: all parameters.
        align: called with the stream time of a new segment's first frame; returns its play time on the trajectory grid.
        clock: steady clock in seconds.
    """

    def __init__(
        self,
        generator: Generator,
        retargeter: Retargeter,
        config: GestureConfig,
        align: Callable[[float], float],
        clock: Callable[[], float],
    ) -> None:
        self.generator, self.retargeter, self.config = generator, retargeter, config
        self.style = style_of(config)
        self.speaker = config.generator.speaker or None
        self.ready: deque[ReadyFrame] = deque()
        self.speech_at = -np.inf
        """Stream time of the last speech, s."""
        self.arrived = -np.inf
        """Steady time of the last audio message, s."""
        self._messages = 0
        self._align, self._clock = align, clock
        self.stream = AudioStream(config.audio.sample_rate, max_gap_s=config.audio.max_gap)
        self.stamps = StampClock(config.sync)
        """How far the clock of the audio's stamps is from the node's."""
        self.pace = PaceWatch()
        """Whether audio arrives as fast as its declared rate says."""
        self._segment = -1
        self._generator_state: Any = None
        self._retarget_state: RetargetState | None = None
        self._begin_play, self._made = 0.0, 0
        self._worked = 0.0
        self.offset = 0.0
        """Play time minus stream time of the current segment, s."""

    @property
    def begun(self) -> bool:
        """Whether a segment is under way, so that `offset` means something."""
        return self._generator_state is not None

    def push(self, samples: np.ndarray, rate: int, stamp: float | None, arrival: float, steady: float) -> list[Event]:
        """Take in mono audio [N] that came at node time `arrival`; what a person should know comes back.

        Raises InputError for what cannot be used.
        """
        clipped = clipped_fraction(samples)
        if clipped > MOST_CLIPPED:
            raise ClippedAudioError(f"{100 * clipped:.0f} % of the audio is clipped (at full scale); lower its volume")
        if rate != self.stream.source_rate:
            self.stream.change_rate(rate)
        stamp, events = self._timed(len(samples) / rate, rate, stamp, arrival)
        for event in self.stream.push(samples, stamp, arrival):
            if not (self.pace.problem and event.kind in (EventKind.OVERLAP, EventKind.GAP)):
                events.append(_event(event))
        self.arrived = steady
        self._messages += 1
        level = float(np.sqrt(np.mean(np.square(samples)))) if len(samples) else 0.0
        if level > LOUD and self.stream.end is not None:
            self.speech_at = self.stream.end
        return events

    @property
    def falls_silent(self) -> bool:
        """Whether there was speech in several messages, and no silence has been put in since.

        One message between two silences is a long message, whose next one is awaited: that is late.
        """
        return self._messages > 1

    def restyle(self, config: GestureConfig) -> None:
        """Parameters of style have changed."""
        self.config, self.style = config, style_of(config)

    def fill(self, until: float) -> list[Event]:
        """Silence up to stream time `until` where there is no audio."""
        self._messages = 0
        return [_event(e) for e in self.stream.fill_silence(until)]

    def flush(self) -> None:
        """Forget audio and frames that wait (barge-in, clock jump); the next audio starts a new segment."""
        self.ready.clear()
        self.stream.reset()
        self.stamps.restart()
        self._segment = -1
        self.speech_at = -np.inf

    def advance(self, play_until: float) -> int:
        """Make frames from the audio that is there, up to play time `play_until`; returns how many new segments began.

        After much audio it stops early; the next call goes on.

        Raises:
            MotionFault: the generator or the retargeter failed; frames made before stay in `ready`.
        """
        begun, used, entered = 0, 0.0, self._clock()
        generator = self.generator
        while used < MOST_AT_ONCE and self._clock() - entered < MOST_TIME:
            fresh = self._segment != self.stream.segment or self._generator_state is None
            offset = 0.0 if fresh else self.offset
            until = None if fresh else play_until - offset + generator.lookahead_s + 1.0 / generator.fps
            if until is not None and self.stream.position is not None and until <= self.stream.position:
                return begun
            chunk = self.stream.read(until, longest=LONGEST_READ)
            if chunk is None or not len(chunk.samples):
                return begun
            if self._segment != self.stream.segment or self._generator_state is None:
                begun += 1
                self._begin(chunk.start)
            self._make(chunk)
            used += chunk.duration
        return begun

    def postpone(self, seconds: float) -> None:
        """Everything of this segment happens `seconds` (a multiple of the grid step) later."""
        self._begin_play += seconds
        self.offset += seconds
        self.ready = deque(replace(frame, play=frame.play + seconds) for frame in self.ready)

    def go_on_from(self, q: np.ndarray | None) -> None:
        """The retargeter's next frames lead on from its joints `q` [R], if any (see `trajectory.deadlock`)."""
        if q is not None and self._retarget_state is not None:
            self._retarget_state = self.retargeter.start(q)

    def restart(self) -> None:
        """Fresh generator state with the next audio (after a fault)."""
        self._generator_state = None

    def replace(self, generator: Generator, speaker: str | None) -> None:
        """Another generator goes on with the next audio, as `speaker`; frames that wait are forgotten."""
        self.generator, self.speaker = generator, speaker
        self.ready.clear()
        self.restart()

    def worked(self) -> float:
        """Seconds that the generator has worked since the last call."""
        spent, self._worked = self._worked, 0.0
        return spent

    def pass_by(self, time: float) -> list[tuple[float, MotionFrames]]:
        """Frames that should happen before `time`, as (play time, frame); they wait no longer."""
        passed = []
        while self.ready and self.ready[0].play < time:
            frame = self.ready.popleft()
            passed.append((frame.play, frame.motion))
        return passed

    def next_frame(self, time: float) -> ReadyFrame | None:
        """The frame that waits next, if it should happen up to `time`; it waits no longer."""
        return self.ready.popleft() if self.ready and self.ready[0].play <= time else None

    def late(self, now: float) -> int:
        """How many frames wait although their time has passed at `now`."""
        return sum(frame.play < now for frame in self.ready)

    def _begin(self, start: float) -> None:
        self._segment = self.stream.segment
        try:
            seed = self.config.generator.seed
            self._generator_state = self.generator.start(seed=seed, speaker=self.speaker, style=self.style)
        except GeneratorError as e:
            raise MotionFault(str(e)) from e
        except Exception as e:
            raise MotionFault(f"generator {self.generator.name} did not start: {type(e).__name__}: {e}") from e
        self._retarget_state = self.retargeter.start()
        self._begin_play, self._made = self._align(start), 0
        self.offset = self._begin_play - start

    def _make(self, chunk: AudioChunk) -> None:
        began = self._clock()
        try:
            made, self._generator_state = self.generator.step(chunk, self._generator_state, self.style)
            motion = checked_motion(made, f"generator {self.generator.name}", self.generator.fps)
        except GeneratorError as e:
            self._generator_state = None
            raise MotionFault(str(e)) from e
        except Exception as e:
            self._generator_state = None
            raise MotionFault(f"generator {self.generator.name} failed: {type(e).__name__}: {e}") from e
        finally:
            self._worked += self._clock() - began
        if not len(motion):
            return
        try:
            state = self._retarget_state or self.retargeter.start()
            q, self._retarget_state = self.retargeter.step(motion, state)
        except Exception as e:
            self._generator_state = None
            raise MotionFault(f"retargeting failed: {type(e).__name__}: {e}", generator=False) from e
        if not np.isfinite(q).all():
            self._generator_state = None
            raise MotionFault("retargeting gave joint positions that are not finite", generator=False)
        arrival = self.arrived if self.stream.unread_s < 1.0 / self.generator.fps else -np.inf
        for i in range(len(motion)):
            # Counted, not added up: at Unix time that would drift off the grid within hours.
            play = self._begin_play + self._made / self.generator.fps
            self.ready.append(ReadyFrame(play, q[i], motion[i : i + 1], arrival))
            self._made += 1

    def _timed(
        self, duration: float, rate: int, stamp: float | None, arrival: float
    ) -> tuple[float | None, list[Event]]:
        """When the audio of a message begins on the node's clock, and what a person should know about that.

        Audio whose pace is wrong is placed by its arrival: what comes too much is cut, what is missing becomes silence.
        """
        events = []
        self.pace.add(duration, rate, arrival, stamp)
        self.stream.bursts = not self.pace.too_fast
        if text := self.pace.news():
            if self.pace.too_fast:
                self.flush()  # the delay that has built up
                text += "; what comes too much is left out"
            elif self.pace.problem:
                text += "; what is missing is taken as silence"
            events.append(Event(Severity.WARN if self.pace.problem else Severity.INFO, "audio_pace", text))
        if self.pace.problem and self.config.sync.mode != "stamp":
            return arrival - duration, events
        if stamp is None:
            return None, events
        stamp = self.stamps.correct(stamp, duration, arrival, self.stream.end)
        if text := self.stamps.news():
            events.append(Event(Severity.WARN if self.stamps.behind else Severity.INFO, "stamps_off", text))
        return stamp, events


def _event(found: StreamEvent) -> Event:
    """What happened to the audio stream, as an event."""
    return Event(Severity.WARN, found.kind.name.lower(), f"audio: {found}")


def style_of(config: GestureConfig) -> Style:
    """The generator's style from the parameters."""
    style = config.style
    return Style(style.amplitude, style.rate, frozenset(style.parts))
