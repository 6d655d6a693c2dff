"""Largest speed of hands, wrists and elbows, as data and on a time grid (how it is kept: `link_speed`)."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from speech_gesture_pkg.errors import ConfigError

Speeds = Callable[[np.ndarray, np.ndarray], np.ndarray]
"""Speeds of P points at poses [N, J] with joint velocities [N, J], in m per the velocities' time unit. Shape [N, P]."""

RESERVE = 0.03
"""Part of the limit that is kept back for the turn of the Jacobian within a grid step."""
_AIM = 0.95
"""Part of the way per step that a limb is slowed to, so that its braking tail is slow enough, too."""
_SHARE = 0.25
"""A limb whose own motion adds less than this part of the limit is not slowed for a point on another limb."""


@dataclass(frozen=True, eq=False)
class LinkLimit:
    """The limit and the robot's points.

    Attributes:
        speed: largest speed of every point relative to the robot's root link, m/s, positive.
        reach: upper bound, over all poses, of a point's speed per joint speed, m. Shape [P, J].
        speeds: exact speeds, see `Speeds`.
    """

    speed: float
    reach: np.ndarray
    speeds: Speeds

    def __post_init__(self) -> None:
        if not (np.isfinite(self.speed) and self.speed > 0):
            raise ConfigError(f"link speed limit is {self.speed} m/s; it must be a positive number")

    def blend_duration(self, begin: np.ndarray, end: np.ndarray, peak: float) -> float:
        """Least duration of a move on the straight joint line, s.

        Args:
            begin, end: joint positions. Shape [J].
            peak: largest velocity of the move's time law, in units of distance / duration.
        """
        way = end - begin
        q = begin + np.linspace(0.0, 1.0, 12)[:, None] * way
        farthest = self.speeds(q, np.repeat(way[None], len(q), 0)).max(initial=0.0)
        return peak * float(farthest) / (self.speed * (1.0 - RESERVE))


class LinkGrid:
    """`LinkLimit` on a grid: the largest way of a point per grid step.

    Attributes:
        limit: where it comes from.
        step: (1 - RESERVE) * speed * dt, m.
        moves: whether a limb moves a point. Shape [P, L], bool.
        own: whether a limb carries it: of the limbs that move it, the one that moves fewest points (the arm, not the
            waist). Shape [P, L], bool.
    """

    def __init__(self, limit: LinkLimit, dt: float, limb_of: np.ndarray, limbs: int) -> None:
        self.limit = limit
        self.step = limit.speed * dt * (1.0 - RESERVE)
        self._reach = np.ascontiguousarray(limit.reach.T)
        self._counts = (self._reach > 0).astype(float)
        self._part = np.arange(limbs)[:, None] == limb_of
        moves = np.zeros((len(limit.reach), limbs), bool)
        for p, row in enumerate(limit.reach > 0):
            moves[p, limb_of[row]] = True
        self.moves = moves
        carried = np.where(moves, moves.sum(0), len(moves) + 1)
        self.own = moves & (carried == carried.min(1, initial=len(moves) + 1, keepdims=True))
        self._below = self._reach * ~self.own[:, limb_of].T

    def bounds(self, steps: np.ndarray) -> np.ndarray:
        """How far points can move at most by joint steps, whatever the pose, m. [..., J] -> [..., P]."""
        return np.abs(steps) @ self._reach

    def safe(self, step: np.ndarray, point: np.ndarray, tail: np.ndarray) -> bool:
        """Whether a step and the braking tail behind it are slow enough, by bounds: False may still be slow enough.

        From the speed m in the middle of the step: the Jacobian of a point turns by at most sum_i |dq_i|, so that leg k
        of the tail moves it by at most f_k (m + (1/2 + S_k) a w), where f_k is the leg's part of the step, S_k the way
        up to it in steps, a the sum of the joints' steps and w the bound of `bounds`. f_k S_k is at most 0.1925 tail.
        Limbs brake at different rates: what limbs below add at most (the waist) may no longer cancel.

        Args:
            step: joint steps. Shape [J].
            point: where it begins. Shape [J].
            tail: grid steps in which each limb stops. Shape [L].
        """
        size = np.abs(step)
        most = size @ self._reach
        if most.max(initial=0.0) <= self.step:
            return True
        middle = self.limit.speeds((point + 0.5 * step)[None], step[None])[0]
        turned = (0.5 + 0.1925 * tail.max()) * (size @ self._counts)
        return bool((middle + size @ self._below + turned * most).max() <= self.step)

    def excess(self, point: np.ndarray, step: np.ndarray) -> np.ndarray:
        """By what factor each limb's part of a step from `point` is too large; 0 where it is not. Shape [L]."""
        over = self.limit.speeds((point + 0.5 * step)[None], step[None])[0] / (_AIM * self.step)
        if over.max() <= 1.0:
            return np.zeros(len(self._part))
        share = self.bounds(self._part * step).T
        slowed = self.own | (self.moves & (share > _SHARE * self.step))
        return np.asarray(np.where(slowed, over[:, None], 0.0).max(0))
