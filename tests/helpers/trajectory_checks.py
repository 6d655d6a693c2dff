"""Independent checks of windows, shared by the trajectory tests: the controller's quintic, limits, continuity."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np

from speech_gesture_pkg.trajectory import composer
from speech_gesture_pkg.trajectory.limits import MotionLimits
from speech_gesture_pkg.trajectory.offline import whole_motion
from speech_gesture_pkg.trajectory.state import Window


def quintic(h, p0, v0, a0, p1, v1, a1, s):
    """Quintic through both ends' position, velocity, acceleration, as a linear system. s [S] -> p, v, a [S, J]."""
    # Boundary conditions of sum_k x_k (t/h)^k at t = 0 and t = h, in units of h.
    matrix = np.array(
        [
            [1, 0, 0, 0, 0, 0],
            [0, 1, 0, 0, 0, 0],
            [0, 0, 2, 0, 0, 0],
            [1, 1, 1, 1, 1, 1],
            [0, 1, 2, 3, 4, 5],
            [0, 0, 2, 6, 12, 20],
        ],
        float,
    )
    right = np.stack([p0, v0 * h, a0 * h * h, p1, v1 * h, a1 * h * h])
    x = np.linalg.solve(matrix, right)
    u = np.asarray(s, float)[:, None] / h
    k = np.arange(6)
    p = u**k @ x
    v = (k[1:] * u ** (k[1:] - 1)) @ x[1:] / h
    a = (k[2:] * (k[2:] - 1) * u ** (k[2:] - 2)) @ x[2:] / (h * h)
    return p, v, a


def sample(window: Window, time: float):
    """Position, velocity, acceleration [J] that a controller makes of the window at `time`; held after its end."""
    t = window.time_from_start
    s = time - window.stamp
    if s >= t[-1]:
        return window.position[-1], window.velocity[-1], window.acceleration[-1]
    i = int(np.clip(np.searchsorted(t, s, side="right") - 1, 0, len(t) - 2))
    ends = [x[i + e] for e in (0, 1) for x in (window.position, window.velocity, window.acceleration)]
    return tuple(x[0] for x in quintic(t[i + 1] - t[i], *ends, [s - t[i]]))


def dense(window: Window, per_step: int = 8):
    """The controller's interpolation of the whole window. p, v, a [S, J]."""
    t = window.time_from_start
    parts = []
    for i in range(len(t) - 1):
        h = t[i + 1] - t[i]
        ends = [x[i + e] for e in (0, 1) for x in (window.position, window.velocity, window.acceleration)]
        parts.append(quintic(h, *ends, np.linspace(0, h, per_step, endpoint=False)))
    return tuple(np.concatenate([part[k] for part in parts]) for k in range(3))


def assert_inside(limits: MotionLimits, p, v, a):
    assert np.isfinite(p).all()
    assert np.isfinite(v).all()
    assert np.isfinite(a).all()
    assert (p >= limits.lower - 1e-12).all()
    assert (p <= limits.upper + 1e-12).all()
    assert (np.abs(v) <= limits.velocity * (1 + 1e-9)).all()
    assert (np.abs(a) <= limits.acceleration * (1 + 1e-9)).all()


def assert_window(window: Window, limits: MotionLimits, now: float, lead: float, min_length: float = 0.4):
    """What the motion guarantees say of a single window."""
    t = window.time_from_start
    assert t[0] == 0.0
    assert (np.diff(t) > 0).all()
    assert t[-1] >= min_length - 1e-9
    assert window.stamp >= now + lead - 1e-6
    shape = (len(t), len(limits.joint_names))
    assert window.position.shape == window.velocity.shape == window.acceleration.shape == shape
    assert (window.velocity[-1] == 0).all()
    assert (window.acceleration[-1] == 0).all()
    assert_inside(limits, window.position, window.velocity, window.acceleration)
    assert_inside(limits, *dense(window))


@dataclass
class Controller:
    """Executes windows: each replaces the one before at its stamp. Keeps what was executed."""

    limits: MotionLimits
    windows: list[Window] = field(default_factory=list)

    def receive(self, window: Window, now: float, lead: float) -> None:
        assert_window(window, self.limits, now, lead)
        if self.windows:
            before = self.windows[-1]
            assert window.stamp >= before.stamp
            scale = np.maximum(1.0, np.maximum(self.limits.velocity, self.limits.acceleration))
            for had, got in zip(sample(before, window.stamp), sample(window, window.stamp), strict=True):
                np.testing.assert_allclose(got / scale, had / scale, rtol=0, atol=1e-8)
        self.windows.append(window)

    def position(self, time: float) -> np.ndarray:
        active = [w for w in self.windows if w.stamp <= time] or self.windows[:1]
        return sample(active[-1], time)[0]


def make_limits(joints=3, lower=-2.0, upper=2.0, velocity=3.0, acceleration=10.0, limbs=()) -> MotionLimits:
    full = [np.full(joints, x, float) if np.ndim(x) == 0 else np.asarray(x, float) for x in (lower, upper)]
    rates = [np.full(joints, x, float) if np.ndim(x) == 0 else np.asarray(x, float) for x in (velocity, acceleration)]
    return MotionLimits(tuple(f"j{i}" for i in range(joints)), *full, *rates, limbs)


def compose_offline(targets, fps, limits, start=None, distance=None, margin=0.0):
    """Targets [T, J] at once through the composer, from rest at `start` [J] (None: the first finite target) to rest."""
    if start is None:
        first = targets[np.isfinite(targets).argmax(axis=0), np.arange(targets.shape[1])]
        start = np.clip(first, limits.lower, limits.upper)
    # The start holds the control points of -1/fps, 0 and 1/fps: at rest at time 0.
    return whole_motion(composer.extend(composer.start(limits, start, 0.0, 1.0 / fps), targets[2:], distance, margin))
