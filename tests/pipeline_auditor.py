"""The auditor of the pipeline's tests: it checks every window, and is the robot that executes them.

It knows the promise about motion (DESIGN section 4) and nothing of the composer: it takes limits from the robot and the
parameters, interpolates as a joint_trajectory_controller does, and compares each window with what was sent before it.
"""

from __future__ import annotations

import numpy as np

from speech_gesture_pkg.evaluation.quintic import SampledTrajectory


class Auditor:
    """Checks every window of one controller, and is the robot that executes them.

    Times are those of the node clock. `rebase` tells it of a clock that was set back: the robot went on moving.
    """

    def __init__(self, joints, lower, upper, velocity, acceleration, pose) -> None:
        self.joints = tuple(joints)
        self.lower, self.upper, self.velocity, self.acceleration = lower, upper, velocity, acceleration
        self.pose = np.array(pose)
        self.sent: list[SampledTrajectory] = []
        self.windows = 0
        self.bridge_speed = 0.0
        self.held: np.ndarray | None = None
        self.tremble = 1e-4

    def receive(self, window, now: float, lead: float, shortest: float) -> None:
        w = window
        where = f"window {self.windows} of {self.joints[0]} at {now:.4f}"
        t = w.time_from_start
        assert w.joint_names == self.joints, where
        assert t[0] == 0, where
        assert (np.diff(t) > 0).all(), where
        assert w.stamp > now, f"{where}: stamp {now - w.stamp:.4f} s in the past"
        assert t[-1] >= shortest - 1e-9, where
        assert (w.velocity[-1] == 0).all(), where
        assert (w.acceleration[-1] == 0).all(), where
        new = SampledTrajectory(w.stamp + t, w.position, w.velocity, w.acceleration)
        # On its own time: an epoch of 1e9 s resolves 0.2 us only.
        inner = SampledTrajectory(t, w.position, w.velocity, w.acceleration)
        p, v, a = inner.at(np.concatenate([t, np.linspace(0.0, t[-1], 3 * len(t))]))
        for values in (p, v, a):
            assert np.isfinite(values).all(), where
        assert (p >= self.lower - 1e-9).all(), where
        assert (p <= self.upper + 1e-9).all(), where
        # A float of 1e9 s resolves 0.2 us: 1e-3 of a short first step. (Nodes count from a base for this reason.)
        slack = 1 + 1e-6 + (1e-3 if abs(now) > 1e6 else 0.0)
        assert (np.abs(v) <= self.velocity * slack).all(), f"{where}: {np.abs(v / self.velocity).max()}"
        assert (np.abs(a) <= self.acceleration * slack).all(), f"{where}: {np.abs(a / self.acceleration).max()}"
        if self.held is not None and np.abs(new.position[0] - self.held).max() < 1e-3 and not new.velocity[0].any():
            self.sent, self.pose = [], self.held  # it does not follow, and is sent on from where it stands
        if not self.sent:
            self._bridge(new, now)
        else:
            for had, got, limit in zip(self._state(w.stamp), new.at(new.times[:1]), (1.0, self.velocity), strict=False):
                step = np.abs(had - got[0])
                assert (step <= 1e-6 * np.maximum(limit, 1.0) * (1 + 1e-7 * abs(now))).all(), (
                    f"{where}: jumps by {step.max():.4g}"
                )
        self.sent = [s for s in self.sent[-60:] if s.times[0] < new.times[0] - 1e-9] + [new]
        self.windows += 1

    def _bridge(self, new: SampledTrajectory, now: float) -> None:
        """The controller moves by itself from where the robot stands to the first point: it must have time for it."""
        way = np.abs(new.position[0] - self.pose).max()
        assert np.abs(new.velocity[0]).max() < 1e-9
        self.bridge_speed = 1.875 * way / (new.times[0] - now)
        start = SampledTrajectory(
            np.array([now, new.times[0]]),
            np.stack([self.pose, new.position[0]]),
            np.zeros((2, len(self.pose))),
            np.zeros((2, len(self.pose))),
        )
        self.sent.append(start)

    def _state(self, time: float):
        begun = [s for s in self.sent if s.times[0] <= time] or self.sent[:1]
        s = begun[-1]
        p, v, a = s.at(np.array([time]))
        ended = time >= s.times[-1]
        return p[0], (0 * v[0] if ended else v[0]), (0 * a[0] if ended else a[0])

    def position(self, time: float) -> np.ndarray:
        if self.held is None:
            return self.sent_to(time)
        return self.held + self.tremble * np.sin(1000.0 * time)

    def sent_to(self, time: float) -> np.ndarray:
        return self._state(time)[0] if self.sent else self.pose

    def speed(self, time: float) -> float:
        return float(np.abs(self._state(time)[1]).max()) if self.sent else 0.0

    def rebase(self, shift: float) -> None:
        self.sent = [SampledTrajectory(s.times + shift, s.position, s.velocity, s.acceleration) for s in self.sent]

    def move_by_hand(self, pose: np.ndarray) -> None:
        self.sent, self.pose = [], np.array(pose)

    def switch_off(self, now: float) -> None:
        """The controller is deactivated: windows still come, the robot holds where it is."""
        self.held = self.sent_to(now)

    def switch_on(self, now: float) -> float:
        """It is activated again and goes to where it is sent at once; how far that is."""
        assert self.held is not None
        away, self.held = float(np.abs(self.sent_to(now) - self.held).max()), None
        return away
