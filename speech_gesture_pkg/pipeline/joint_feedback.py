"""JointFeedback: where the robot is, put together from joint state messages that may each name some joints only."""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Callable, Hashable, Sequence

import numpy as np

from speech_gesture_pkg.config import SafetyConfig
from speech_gesture_pkg.pipeline.timing import BEHIND, CLOCK_STEP, ClockOffset
from speech_gesture_pkg.trajectory.layout import JointLayout
from speech_gesture_pkg.trajectory.turns import nearest_turn

STILL = 0.4
"""A robot stands if its joints have stayed where they are for so long, s: longer than drivers report zeros at first."""
LONG_STILL = 0.9
"""Or for so long, s, if not one of all numbers changes: a driver that has stopped looks like this."""
COUNT = 3
"""And so many messages of each joint have said so."""
SAME, SHARE = 0.02, 0.05
"""They have, if none has gone farther than this, rad or m, or than this share of its range: encoders tremble, and arms
of legged robots sway."""
FRESH = 0.25
"""Motion begins only if each joint was reported so lately, s."""
BEYOND = 2.0 * np.pi
"""A joint that is farther outside its limits than this is not there, rad or m: its encoder or driver is wrong."""
SPARE_S = 0.05
"""Messages may come so much closer together or farther apart than they were sent, s."""
TREMBLES = 0.25
"""An encoder whose numbers go up and down in so large a share of its messages does not repeat the same one for long."""

LEAPS, LEAPS_WITHIN = 3, 1.0
"""So many leaps within so long, s, are no hiccup of an encoder."""
FORGOTTEN = 10.0
"""After so long it is taken for one that no longer trembles, s."""

_MOST_NAMED = 4


class JointFeedback:
    """The newest position of each joint, how old it is, and whether it may be believed.

    Messages may come in another thread than questions: a pipeline that is held up must not make them look old.

    Args:
        layout: the J joints of interest; others are ignored. Where a driver wraps the position of a continuous joint
            round, it goes on.
        safety: how old positions may be, and how far off the clock of their stamps.
        steady: steady clock, s.
        exact: whether the controllers must be on the node's clock within milliseconds.
    """

    def __init__(
        self, layout: JointLayout, safety: SafetyConfig, steady: Callable[[], float], exact: bool = False
    ) -> None:
        limits, timeout = layout.limits, safety.joint_state_timeout
        self._names, count = limits.joint_names, len(limits.joint_names)
        self._index = {name: i for i, name in enumerate(limits.joint_names)}
        self._timeout, self._steady = timeout, steady
        self._lower, self._upper = limits.lower - BEYOND, limits.upper + BEYOND
        self._fastest = limits.velocity
        self._same = np.minimum(SAME, SHARE * (limits.upper - limits.lower))
        self._continuous = layout.continuous
        self.clock = ClockOffset(safety.clock_tolerance, CLOCK_STEP if exact else BEHIND)
        self._position = np.full(count, np.nan)
        self._seen = np.full(count, -np.inf)
        self._place, self._since = self._position.copy(), np.full(count, np.inf)
        self._received, self._turned, self._step = np.zeros(count, int), np.zeros(count, int), np.zeros(count)
        self._constant = np.full(count, np.inf)
        self._trembling = np.zeros(count, bool)
        self._refused: dict[int, tuple[float, float]] = {}
        self._leaps: deque[float] = deque(maxlen=LEAPS)
        self._leapt = ""
        self._sources: dict[int, tuple[Hashable, float]] = {}
        self._conflict: tuple[float, str, Hashable, Hashable] | None = None
        self._given: list[str] = []
        self._known, self._joints = np.zeros(0, bool), np.zeros(0, np.intp)
        self._lock = threading.Lock()

    def push(
        self,
        names: Sequence[str],
        positions: Sequence[float] | np.ndarray,
        source: Hashable | None = None,
        ahead: float | None = None,
        at: float | None = None,
    ) -> None:
        """Positions of some joints. Names without a finite position near their limits are passed over.

        Args:
            names: joints; those that nobody asked for are ignored.
            positions: rad or m.
            source: identifies the publisher; None = not known.
            ahead: how far the message's stamp is ahead of the node's clock, s; None = no stamp.
            at: steady time at which it came, s; None = now.
        """
        with self._lock:
            now = self._steady() if at is None else at
            if ahead is not None:
                self.clock.see(ahead, now)
            count = min(len(names), len(positions))
            joints, given = self._joints_of(list(names[:count])), np.asarray(positions[:count], float)[self._known]
            given = nearest_turn(given, self._position[joints], self._continuous[joints])
            possible = (self._lower[joints] <= given) & (given <= self._upper[joints])  # NaN is not
            if not possible.all():
                for j, value in zip(joints[~possible].tolist(), given[~possible].tolist(), strict=True):
                    self._refused[j] = (now, value)
                joints, given = joints[possible], given[possible]
            if not len(joints):
                return
            self._compare(joints, given, now)
            if source is not None:
                self._trace(joints, source, now)
            self._position[joints], self._seen[joints] = given, now

    def _compare(self, joints: np.ndarray, given: np.ndarray, now: float) -> None:
        """How the new positions go with those before."""
        gap = now - self._seen[joints]
        step = given - self._position[joints]
        moved = ~(np.abs(given - self._place[joints]) <= self._same[joints]) | (gap > self._timeout)
        if moved.any():
            self._look_for_leap(joints[moved], step[moved], gap[moved], now)
            these = joints[moved]
            self._place[these], self._since[these], self._constant[these] = given[moved], now, now
            self._received[these] = self._turned[these] = self._step[these] = 0
        self._received[joints] += 1
        changes = step != 0.0
        different, step = joints[changes], step[changes]
        self._constant[different] = now
        self._turned[different] += step * self._step[different] < 0.0
        self._step[different] = step
        self._trembling[joints[now - self._constant[joints] > FORGOTTEN]] = False
        seen = self._received[joints]
        long = (seen >= 2 * COUNT) & (now - self._since[joints] > STILL)
        self._trembling[joints[long & (self._turned[joints] > TREMBLES * seen)]] = True

    def _look_for_leap(self, joints: np.ndarray, step: np.ndarray, gap: np.ndarray, now: float) -> None:
        possible = self._fastest[joints] * (gap + SPARE_S) + SAME
        leapt = (np.abs(step) > possible) & (gap <= self._timeout)
        if leapt.any():
            k = int(leapt.argmax())
            before = self._position[joints[k]]
            text = f"{self._names[joints[k]]} leaps from {before:.2f} to {before + step[k]:.2f}"
            self._leaps.append(now)
            self._leapt = f"joint states: {text}, faster than it can move (two publishers? a driver that starts?)"

    def _trace(self, joints: np.ndarray, source: Hashable, now: float) -> None:
        for j in joints.tolist():
            before = self._sources.get(j)
            if before is not None and before[0] != source and now - before[1] < self._timeout:
                self._conflict = (now, self._names[j], before[0], source)
            self._sources[j] = (source, now)

    def _joints_of(self, names: list[str]) -> np.ndarray:
        if names != self._given:  # a driver names the same joints every time
            joints = np.array([self._index.get(name, -1) for name in names], np.intp)
            self._given, self._known = names, joints >= 0
            self._joints = joints[self._known]
        return self._joints

    @property
    def position(self) -> np.ndarray | None:
        """All joints, shape [J]; None while one has not been seen yet or not for `timeout`."""
        with self._lock:
            if self._steady() - self._seen.min() > self._timeout:
                return None
            return self._position.copy()

    @property
    def standing(self) -> np.ndarray | None:
        """All joints, if they have stayed where they are for a moment; else None. Shape [J]."""
        position = self.position
        with self._lock:
            stands = (self._steady() - self._since >= 0.5 * STILL).all()
        return position if stands else None

    @property
    def two_sources(self) -> tuple[str, Hashable, Hashable] | None:
        """A joint that two publishers report, and who they are; None if there is none lately."""
        with self._lock:
            if self._conflict is None or self._steady() - self._conflict[0] > 2.0 * self._timeout:
                return None
            return self._conflict[1:]

    @property
    def behind(self) -> float:
        """How far the stamps of joint states are behind the node's clock at least, s."""
        with self._lock:
            return self.clock.behind(self._steady())

    @property
    def unreliable(self) -> str:
        """Why joint states cannot be used at all, even by a robot that moves; '' if they can."""
        with self._lock:
            now = self._steady()
            if off := self.clock.problem(now):
                return off
            if self._conflict is not None and now - self._conflict[0] < STILL:
                return f"joint states of {self._conflict[1]} come from two publishers"
            again = len(self._leaps) == LEAPS and now - self._leaps[0] < LEAPS_WITHIN
            return self._leapt if again else ""

    @property
    def doubt(self) -> str:
        """Why it is not believed that the robot stands where it is said to be, in a sentence; '' if it is.

        Believed is what several messages in a row have said of every joint, fresh, each from one publisher, of joints
        that stand. An encoder that trembled and now repeats one number has stopped.
        """
        with self._lock:
            now = self._steady()
            old = now - self._seen
            if (old > max(self._timeout, FRESH)).any():
                return self._missing(old, now)
            if off := self.clock.problem(now):
                return off
            if self._leaps and now - self._leaps[-1] < STILL:
                return self._leapt
            if self._conflict is not None and now - self._conflict[0] < STILL:
                return f"joint states of {self._conflict[1]} come from two publishers"
            for wrong, what in (
                (old > FRESH, f"no joint state for {old.max():.1f} s of"),
                (
                    (self._seen - self._since < STILL) | (self._received < COUNT),
                    "waiting until the robot stands; last to move:",
                ),
                (self._all_constant(now), "waiting a little longer, since joint states repeat the very same numbers:"),
                (
                    self._trembling & (now - self._constant > STILL),
                    "joint states repeat the same number though the encoder trembled before:",
                ),
            ):
                if wrong.any():
                    return f"{what} {self._list(np.flatnonzero(wrong))}"
            return ""

    def _all_constant(self, now: float) -> np.ndarray:
        """All joints, if not one number has changed of late, and that not yet for long. Shape [J], bool."""
        quiet = now - float(self._constant.max())
        return np.full(len(self._since), FRESH <= quiet < LONG_STILL)

    def _missing(self, old: np.ndarray, now: float) -> str:
        lost = np.flatnonzero(old > self._timeout)
        bad = [j for j in lost.tolist() if j in self._refused and now - self._refused[j][0] < self._timeout]
        if bad:
            value = self._refused[bad[0]][1]
            return f"joint states give {value:g} for {self._list(np.array(bad))}, where no joint can be"
        return f"no joint states of {self._list(lost)}"

    def _list(self, joints: np.ndarray) -> str:
        names = [self._names[j] for j in joints[:_MOST_NAMED]]
        more = len(joints) - len(names)
        return ", ".join(names) + (f" and {more} more" if more > 0 else "")
