"""Fallback: a learned generator that fails or is late repeatedly is replaced, tried again, and taken back.

The rule (parameters `fallback.*`): `after` troubles within `within` seconds. A trouble is a fault of the generator (it
raised, or gave numbers that are not finite), or a second in which it could not keep up. Then the spare generator takes
over. After `retry` seconds, twice as long after each failure, the learned one is loaded again beside the running
pipeline and rehearsed; if it keeps up it is taken back. After `attempts` failures it is given up.
"""

from __future__ import annotations

import threading
import time
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from speech_gesture_pkg.audio.chunk import AudioChunk
from speech_gesture_pkg.config import FallbackConfig
from speech_gesture_pkg.generators.base import Generator
from speech_gesture_pkg.pipeline.events import Counters, Event
from speech_gesture_pkg.pipeline.lateness import Lateness
from speech_gesture_pkg.pipeline.motion_source import MotionSource
from speech_gesture_pkg.pipeline.states import Severity

BUSY = 0.9
"""A generator that works for this share of a second cannot keep up; with late frames, half of it is enough."""
REHEARSAL = 3.0
"""How much audio a generator that was loaded again must get through before it is taken back, s."""
SPARE_TIME = 0.7
"""It must need less than this share of the audio's length."""
TRUSTED = 60.0
"""After so long without trouble the attempts before are forgotten, s."""


STARVED = 0.3
"""A second of which the pipeline waited more than this share for a processor says nothing about the generator."""

_SCHEDSTAT = Path("/proc/thread-self/schedstat")


def in_thread(job: Callable[[], None]) -> None:
    """Run `job` beside the pipeline. The process does not end before it: native code that loads must not be cut off."""
    threading.Thread(target=job, name="generator reload").start()


def waited_for_processor() -> float:
    """Seconds that this thread has been ready to run without getting a processor; 0 where the kernel does not say."""
    try:
        return int(_SCHEDSTAT.read_text().split()[1]) * 1e-9
    except (OSError, ValueError, IndexError):
        return 0.0


@dataclass(frozen=True)
class Spare:
    """What a learned generator can be replaced by, and how it is brought back.

    Attributes:
        generator: takes over; of the same frame rate.
        reload: loads the learned generator again, for attempt 0, 1, ...; may raise anything.
        spawn: runs a job beside the pipeline.
        in_charge: called with the generator in charge, or None for the spare; what it replaced can be freed then.
        speaker, seed: for the rehearsal, as in use.
        waited: seconds that the pipeline's thread has waited for a processor so far; called in that thread.
    """

    generator: Generator
    reload: Callable[[int], Generator]
    spawn: Callable[[Callable[[], None]], None] = in_thread
    in_charge: Callable[[Generator | None], None] = lambda generator: None
    speaker: str | None = None
    seed: int = 0
    waited: Callable[[], float] = waited_for_processor


BACKLOG = 0.3
"""A generator that takes over does not work off more audio than this: it begins with the newest, s."""


class Fallback:
    """Who is in charge.

    Args:
        generator: the one that was asked for.
        spare: None if it cannot be replaced (it is the spare itself).
        rule: parameters.
        steady: steady clock, s.

    Attributes:
        active: whether the spare is in charge.
        problem: why, for diagnostics; '' if it is not.
        attempts: failed attempts to bring the learned generator back.
    """

    def __init__(
        self, generator: Generator, spare: Spare | None, rule: FallbackConfig, steady: Callable[[], float]
    ) -> None:
        self._name, self._rule, self._steady = generator.name, rule, steady
        self._spare = spare if rule.after else None
        self.active = False
        self.problem = ""
        self.attempts = 0
        self._troubles: deque[float] = deque(maxlen=max(rule.after, 1))
        self._last = ""
        self._since = self._trusted_from = steady()
        self._busy, self._late, self._late_before = 0.0, 0, 0
        self._due, self._waited = np.inf, 0.0
        self._job: _Reload | None = None

    def fault(self, sentence: str) -> None:
        """The generator in charge failed, or could not keep up for a second."""
        if not self.active:
            self._last = sentence
            self._trusted_from = self._steady()
            self._troubles.append(self._steady())

    def switch(
        self, source: MotionSource, lateness: Lateness, counters: Counters, speaker: str | None
    ) -> tuple[list[Event], bool]:
        """Give the source another generator if it is time; what a person should know, and whether it got one."""
        self._busy += source.worked()
        self._late = counters.late_frames
        events: list[Event] = []
        generator = self.update(events)
        if generator is None:
            return events, False
        lateness.extra = 0.0
        lateness.clear()
        if source.stream.unread_s > BACKLOG:
            source.flush()
        source.replace(generator, None if self.active else speaker)
        return events, True

    def restart(self) -> None:
        """The robot is activated: what was before does not count."""
        self._troubles.clear()
        self._since, self._busy, self._late, self._late_before = self._steady(), 0.0, 0, 0

    def cancel(self) -> None:
        """The robot is deactivated: an attempt under way is broken off (and made again when it is activated)."""
        if self._job is not None:
            self._job.cancelled = True
        self._job = None

    def update(self, events: list[Event]) -> Generator | None:
        """A generator that takes over now, None for no change; `events` get why. Call it with every step."""
        if self._spare is None:
            return None
        now = self._steady()
        if now - self._since >= 1.0:
            self._update_load(self._spare, now, events)
        if not self.active:
            if len(self._troubles) == self._rule.after and now - self._troubles[0] <= self._rule.within:
                return self._give_up(self._spare, now, events)
            elif now - self._trusted_from > TRUSTED:
                self.attempts = 0
        elif self._job is not None:
            if self._job.done:
                return self._end_reload(self._spare, self._job, now, events)
        elif now >= self._due:
            self._job = _Reload(self._spare, self.attempts, self._spare.generator.fps)
            self._spare.spawn(self._job)
        return None

    def _update_load(self, spare: Spare, now: float, events: list[Event]) -> None:
        """Whether the generator kept up since the last call of this, a second ago or more."""
        elapsed, waited = now - self._since, spare.waited()
        starved, self._waited = waited - self._waited, waited
        if self._busy > (BUSY if self._late == self._late_before else 0.5 * BUSY) * elapsed:
            if starved > STARVED * elapsed:
                text = (
                    f"the machine is overloaded: the pipeline waited {starved:.1f} s of {elapsed:.1f} s for a processor"
                )
                events.append(Event(Severity.ERROR, "overloaded", text))
            else:
                # A step that took some seconds is as many troubles.
                for _ in range(min(round(elapsed), self._rule.after)):
                    self.fault(f"generator {self._name} worked {self._busy:.2f} s in {elapsed:.2f} s")
        self._since, self._busy, self._late_before = now, 0.0, self._late

    def _give_up(self, spare: Spare, now: float, events: list[Event]) -> Generator:
        span = now - self._troubles[0]
        self.active = True
        self._troubles.clear()
        spare.in_charge(None)
        # one step of some seconds is several troubles at once
        often = f"{self._rule.after} such troubles within {span:.1f} s: " if span >= 0.1 else ""
        text = f"{self._last}; {often}the {spare.generator.name} generator takes over"
        events.append(Event(Severity.ERROR, "degraded", f"{text}; {self._plan(now)}"))
        self.problem = f"running on {spare.generator.name} instead of {self._name}: {self._last}; {self._outlook}"
        return spare.generator

    def _end_reload(self, spare: Spare, job: _Reload, now: float, events: list[Event]) -> Generator | None:
        self._job = None
        if job.generator is not None:
            self.active, self.problem = False, ""
            self._trusted_from = self._since = now
            self._busy = 0.0
            # Counted although it worked: one that fails again at once must not come back for ever.
            self.attempts += 1
            spare.in_charge(job.generator)
            text = f"generator {self._name} was loaded anew and keeps up: it takes over again"
            events.append(Event(Severity.INFO, "recovered", text))
            return job.generator
        self.attempts += 1
        text = f"generator {self._name} could not be brought back: {job.error}; {self._plan(now)}"
        events.append(Event(Severity.ERROR, "not_recovered", text))
        self.problem = f"running on {spare.generator.name} instead of {self._name}: {job.error}; {self._outlook}"
        return None

    def _plan(self, now: float) -> str:
        """When the next attempt is made; in words."""
        if self.attempts >= self._rule.attempts:
            self._due = np.inf
            return f"given up after {self.attempts} attempts, until the node is activated anew"
        wait = self._rule.retry * 2.0**self.attempts
        self._due = now + wait
        return f"attempt {self.attempts + 1} of {self._rule.attempts} to bring it back in {wait:g} s"

    @property
    def _outlook(self) -> str:
        if self.attempts >= self._rule.attempts:
            return f"given up after {self.attempts} attempts"
        return f"attempt {self.attempts + 1} of {self._rule.attempts} follows"


class _Reload:
    """Loading and rehearsing a generator; runs beside the pipeline. Look at `done` first."""

    def __init__(self, spare: Spare, attempt: int, fps: float) -> None:
        self.done = self.cancelled = False
        self.generator: Generator | None = None
        self.error = ""
        self._spare, self._attempt, self._fps = spare, attempt, fps

    def __call__(self) -> None:
        try:
            made = self._spare.reload(self._attempt)
            spare, cancelled = self._spare, lambda: self.cancelled
            self.error = rehearse(made, self._fps, spare.seed, spare.speaker, cancelled=cancelled)
            self.generator = made if not self.error else None
        except Exception as e:  # a model, a driver or a runtime may raise anything
            self.error = str(e) or type(e).__name__
        finally:
            self.done = True


def rehearse(
    generator: Generator,
    fps: float,
    seed: int = 0,
    speaker: str | None = None,
    clock: Callable[[], float] = time.perf_counter,
    cancelled: Callable[[], bool] = lambda: False,
) -> str:
    """What is wrong with a generator that is given some seconds of noise; '' if it keeps up with finite frames.

    Args:
        generator: to be tried.
        fps: that its frames must have, Hz.
        seed, speaker: as for `Generator.start`.
        clock: measures its work, s.
        cancelled: looked at between pieces: nobody waits for the answer any more.
    """
    if generator.fps != fps:
        return f"it makes {generator.fps:g} frames per second instead of {fps:g}"
    rate = generator.sample_rate
    length = REHEARSAL + generator.lookahead_s
    noise = np.random.default_rng(0).normal(0.0, 0.05, round(rate * length)).astype(np.float32)
    state = generator.start(seed=seed, speaker=speaker)
    piece, frames = rate // 10, 0
    began = clock()
    for first in range(0, len(noise), piece):
        if cancelled():
            return "broken off"
        motion, state = generator.step(AudioChunk(noise[first : first + piece], first / rate, rate), state)
        frames += len(motion)
        if len(motion) and not motion.finite.all():
            return "its frames are not finite"
        if clock() - began > SPARE_TIME * length:
            return f"it needs {clock() - began:.2f} s for {(first + piece) / rate:.2f} s of audio"
    return "" if frames else f"it made no frames of {length:.2f} s of audio"
