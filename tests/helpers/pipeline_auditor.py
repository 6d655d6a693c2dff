"""The auditor of the pipeline's tests: it checks every window, and is the robot that executes them.

It knows the motion guarantees (docs/guarantees.md) and nothing of the composer: it takes limits from the robot and
the parameters, interpolates as a joint_trajectory_controller does, and compares each window with what was sent before.
"""

from __future__ import annotations

import numpy as np

from speech_gesture_pkg.verification.quintic import SampledTrajectory


class Auditor:
    """Checks every window of one controller, and is the robot that executes them from the moment of their arrival.

    A window that has begun is joined where it is by then: it must be what was executed before, in position, velocity
    and acceleration, at least until it is due. To one that begins later the controller bridges from where it is, by a
    quintic of its own: that must keep the limits. Times are those of the node clock. `rebase` tells of a clock that was
    set back: the robot went on moving.
    """

    def __init__(self, joints, lower, upper, velocity, acceleration, pose) -> None:
        self.joints = tuple(joints)
        self.lower, self.upper, self.velocity, self.acceleration = lower, upper, velocity, acceleration
        self.pose = np.array(pose)
        self.sent: list[tuple[float, SampledTrajectory]] = []
        self.windows = 0
        self.bridge_speed = 0.0
        self.held: np.ndarray | None = None

    def receive(self, window, now: float, lead: float, shortest: float) -> None:
        w = window
        where = f"window {self.windows} of {self.joints[0]} at {now:.4f}"
        t = w.time_from_start
        assert w.joint_names == self.joints, where
        assert t[0] == 0, where
        assert (np.diff(t) > 0).all(), where
        assert w.send_by > now, f"{where}: too late by {now - w.send_by:.4f} s"
        assert w.stamp + t[-1] >= now + shortest - 1e-9, where
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
        self.windows += 1
        if self.held is not None:
            return  # a controller that is switched off takes up nothing
        if w.stamp > now:
            self._bridge(new, now, where, slack)
            return
        for at in np.linspace(now, now + lead, 3):
            limits = (1.0, self.velocity, self.acceleration)
            for had, got, limit in zip(self._state(at), new.at(np.array([at])), limits, strict=True):
                step = np.abs(had - got[0])
                assert (step <= 1e-6 * np.maximum(limit, 1.0) * (1 + 1e-6 * abs(now))).all(), (
                    f"{where}: jumps by {step.max():.4g}"
                )
        self._execute(now, new)

    def _execute(self, now: float, new: SampledTrajectory) -> None:
        self.sent = [s for s in self.sent[-60:] if s[0] < now - 1e-9] + [(now, new)]

    def _bridge(self, new: SampledTrajectory, now: float, where: str, slack: float) -> None:
        """The controller moves by itself from where it is to the first point: it must have time for it."""
        assert np.abs(new.velocity[0]).max() < 1e-9, f"{where}: begins later, and in motion"
        p, v, a = self._state(now)
        # In its own time, as above.
        span = new.times[0] - now
        way = SampledTrajectory(
            np.array([0.0, span]),
            np.stack([p, new.position[0]]),
            np.stack([v, new.velocity[0]]),
            np.stack([a, new.acceleration[0]]),
        )
        _, speed, bend = way.at(np.linspace(0.0, span, 50))
        self.bridge_speed = float(np.abs(speed).max())
        text = f"{where}: bridges {np.abs(p - new.position[0]).max():.3g} in {span:.3f} s"
        assert (np.abs(speed) <= self.velocity * slack).all(), text
        assert (np.abs(bend) <= self.acceleration * slack).all(), text
        curve = (new.position, new.velocity, new.acceleration)
        rows = [np.concatenate([x[None], y]) for x, y in zip((p, v, a), curve, strict=True)]
        self._execute(now, SampledTrajectory(np.concatenate([[now], new.times]), *rows))

    def _state(self, time: float):
        begun = [s for begin, s in self.sent if begin <= time + 1e-9] or [s for _, s in self.sent[:1]]
        if not begun:
            return self.pose, np.zeros_like(self.pose), np.zeros_like(self.pose)
        s = begun[-1]
        p, v, a = s.at(np.array([time]))
        ended = time >= s.times[-1]
        return p[0], (0 * v[0] if ended else v[0]), (0 * a[0] if ended else a[0])

    @property
    def end(self) -> float:
        """When the motion that was sent has ended; 0 if nothing was."""
        return self.sent[-1][1].times[-1] if self.sent else 0.0

    def position(self, time: float) -> np.ndarray:
        return self._state(time)[0] if self.held is None else self.held

    def speed(self, time: float) -> float:
        return float(np.abs(self._state(time)[1]).max()) if self.held is None else 0.0

    def rebase(self, shift: float) -> None:
        self.sent = [
            (begin + shift, SampledTrajectory(s.times + shift, s.position, s.velocity, s.acceleration))
            for begin, s in self.sent
        ]

    def move_by_hand(self, pose: np.ndarray) -> None:
        self.sent, self.pose = [], np.array(pose)

    def switch_off(self, now: float) -> None:
        """The controller is deactivated: windows still come, the robot holds where it is."""
        self.held = self._state(now)[0]

    def switch_on(self) -> None:
        """It is activated again and holds where it is."""
        assert self.held is not None
        self.move_by_hand(self.held)
        self.held = None
