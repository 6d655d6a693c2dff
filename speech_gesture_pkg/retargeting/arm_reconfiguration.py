"""Other ways to hold an arm: Gauss-Newton from many starts at once, and when to change over to what it finds."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from speech_gesture_pkg.retargeting.body_kinematics import BodyKinematics, direction_error, rotation_error
from speech_gesture_pkg.robot.joint_map.robot_map import SIDES
from speech_gesture_pkg.robot.model import skew

_STARTS = 14
_DAMP = 0.01
_REACH = 0.6
"""Largest step of a joint in one iteration, rad."""
_AT_LIMIT = 1e-3
"""Distance from a limit at which a joint stands there, rad."""
_HOLDINGS = 3
"""Times that joints are held at their limits and the others solved for again."""
_PER_FRAME = 2
"""Iterations per frame while a search runs."""
_ITERATIONS = 16
_POOR = 0.1
"""A sum of squared weighted errors (rad^2) above which an arm may be stuck: 18 degrees."""
_PATIENCE = 25
"""Frames for which an arm must be that far off."""
_BETTER = 0.4
"""Share of the present sum below which another pose is worth a change-over."""
_THERE = 0.2
"""Distance of every joint from the goal at which the arm is left to itself again, rad."""
_WAY = 0.5
"""Sum of squared weighted errors of a frame on the way to another pose, about, rad^2."""
_STAY = 40
"""Frames for which another pose is of use, about: a held gesture."""
_LONGEST = 30
"""Frames after which a change-over is given up, beside 1.5 times those that it needs at the joints' speeds."""
_PAUSE = 45
"""Frames before the next search after one that found nothing better, or was given up."""


@dataclass(frozen=True)
class Branch:
    """What is known of one arm's other ways. Never changed in place.

    Attributes:
        count: frames far off; of a search or change-over, its frames; negative: frames left to pause.
        search: poses under search. Shape [S, n]; None outside a search.
        goal: the pose to change over to. Shape [n]; None if there is none.
        limit: frames after which a change-over is given up.
    """

    count: int = 0
    search: np.ndarray | None = None
    goal: np.ndarray | None = None
    limit: int = 0


class ArmSearch:
    """Poses of one arm that show its bones and palm, found from many starts, within limits but blind to collision.

    Attributes:
        columns: of the arm among the solved joints.
    """

    def __init__(
        self,
        body: BodyKinematics,
        arm: int,
        scale: np.ndarray,
        lower: np.ndarray,
        upper: np.ndarray,
        fastest: np.ndarray,
    ) -> None:
        """One arm.

        Args:
            body: the robot.
            arm: its number there.
            scale: weights of upper arm, forearm, palm. Shape [3].
            lower, upper: limits of its joints. Shape [n].
            fastest: steps that its joints can do in a frame, rad. Shape [n].
        """
        self.columns = body.columns[f"{SIDES[body.sides[arm]]}_arm"]
        first, last = self.columns.start, self.columns.stop
        places = body.origin[first + 1 : last + 1]
        self._offsets = np.diff(np.concatenate([np.zeros((1, 3)), places]), axis=0)
        self._turns = [_Turn(axis) for axis in body.axes[first:last]]
        self._axes = body.axes[first:last]
        arms = len(body.sides)
        self._carriers = [body.carriers[arm] - first - 1, body.carriers[arms + arm] - first - 1]
        self._locals = body.locals[[arm, arms + arm]]
        self._shoulder = body.shoulders[arm]
        self._neutral = body.neutral[self.columns]
        self._scale = scale
        self._fastest = np.maximum(fastest, 1e-9)
        self.lower, self.upper = np.maximum(lower, -np.pi), np.minimum(upper, np.pi)
        self._starts = np.random.default_rng(0).uniform(self.lower, self.upper, (_STARTS, last - first))

    def starts(self, q: np.ndarray) -> np.ndarray:
        """Where a search begins: all over the limits, and at `q` [n]. Shape [S, n]."""
        return np.concatenate([q[None], self._starts])

    def frames_to(self, poses: np.ndarray, q: np.ndarray) -> np.ndarray:
        """Frames that a change-over from `q` [n] to poses [S, n] takes at the joints' speeds. Shape [S]."""
        return (np.abs(poses - q) / self._fastest).max(1)

    def improve(self, q: np.ndarray, upper: np.ndarray, fore: np.ndarray, palm: np.ndarray, iterations: int) -> tuple[
        np.ndarray, np.ndarray
    ]:  # fmt: skip
        """Better poses.

        Args:
            q: poses. Shape [S, n].
            upper, fore: directions to show. Shape [3].
            palm: the hand's rotation from neutral. Shape [3, 3].
            iterations: of damped Gauss-Newton.

        Returns:
            poses [S, n], and the sums of squared weighted errors [S] of those before the last iteration.
        """
        cost = np.zeros(len(q))
        for _ in range(iterations):
            rows, errors = self._linearise(q, upper, fore, palm)
            cost = (errors * errors).sum(1)
            turned = rows.transpose(0, 2, 1)
            hessian = turned @ rows + _DAMP * np.eye(q.shape[1])
            step = self._bounded(q, hessian, (turned @ errors[:, :, None])[:, :, 0])
            largest = np.abs(step).max(1, keepdims=True)
            q = np.clip(q + step * np.minimum(1.0, _REACH / np.maximum(largest, 1e-9)), self.lower, self.upper)
        return q, cost

    def _bounded(self, q: np.ndarray, hessian: np.ndarray, slope: np.ndarray) -> np.ndarray:
        """Newton steps within the limits: min s' H s / 2 - g' s, lower <= q + s <= upper, nearly.

        Joints that stand at a limit and are pushed beyond it, or that a first solution takes beyond it, stop there, and
        the others are solved for with those held. Merely cutting the steps off would leave the others where they are
        right only together with what was cut off.

        Args:
            q: poses. Shape [S, n].
            hessian: Shape [S, n, n].
            slope: downhill. Shape [S, n].
        """
        low, high = self.lower - q, self.upper - q
        held = ((low > -_AT_LIMIT) & (slope < 0)) | ((high < _AT_LIMIT) & (slope > 0))
        step = np.zeros_like(q)
        for _ in range(_HOLDINGS):
            free = ~held
            matrix = hessian * (free[:, :, None] & free[:, None]) + np.eye(q.shape[1]) * held[:, :, None]
            right = np.where(free, slope - (hessian @ (step * held)[:, :, None])[:, :, 0], step)
            step = np.linalg.solve(matrix, right[:, :, None])[:, :, 0]
            beyond = (step < low) | (step > high)
            if not (beyond & free).any():
                break
            step = np.clip(step, low, high)
            held = held | beyond
        return np.clip(step, low, high)

    def _linearise(
        self, q: np.ndarray, upper: np.ndarray, fore: np.ndarray, palm: np.ndarray
    ) -> tuple[np.ndarray, np.ndarray]:
        """Weighted rows [S, 9, n] and errors [S, 9]."""
        count, joints = q.shape
        turn, place = np.repeat(np.eye(3)[None], count, 0), np.zeros((count, 3))
        axes, origins = np.empty((count, joints, 3)), np.empty((count, joints, 3))
        points = [place, place]
        for k in range(joints):
            place = place + turn @ self._offsets[k]
            axes[:, k], origins[:, k] = turn @ self._axes[k], place
            turn = turn @ self._turns[k](q[:, k] - self._neutral[k])
            for n, carrier in enumerate(self._carriers):
                if k == carrier:
                    points[n] = place + turn @ self._locals[n]
        speeds = []
        for point, carrier in zip(points, self._carriers, strict=True):
            speed = np.cross(axes, point[:, None] - origins)
            speed[:, carrier + 1 :] = 0.0
            speeds.append(speed.transpose(0, 2, 1))
        rows, errors = np.empty((count, 9, joints)), np.empty((count, 9))
        bones = (points[0] - self._shoulder, points[1] - points[0])
        for n, (bone, speed, target) in enumerate(
            zip(bones, (speeds[0], speeds[1] - speeds[0]), (upper, fore), strict=True)
        ):
            length = np.sqrt((bone * bone).sum(1))[:, None]
            along = bone / length
            tangent = speed - along[:, :, None] * (along[:, None] @ speed)
            part = slice(3 * n, 3 * n + 3)
            rows[:, part] = tangent * (self._scale[n] / length)[:, :, None]
            errors[:, part] = direction_error(target[None], along) * self._scale[n]
        rows[:, 6:] = axes.transpose(0, 2, 1) * self._scale[2]
        errors[:, 6:] = rotation_error(palm[None], turn) * self._scale[2]
        return rows, errors


class _Turn:
    """Rotations about one axis, by Rodrigues' formula."""

    def __init__(self, axis: np.ndarray) -> None:
        self._cross = skew(axis[None])[0]
        self._square = self._cross @ self._cross

    def __call__(self, angles: np.ndarray) -> np.ndarray:
        """Angles [S] to rotations [S, 3, 3]."""
        sine, versine = np.sin(angles)[:, None, None], (1 - np.cos(angles))[:, None, None]
        return np.eye(3) + sine * self._cross + versine * self._square


def advance(
    arm: ArmSearch,
    branch: Branch,
    q: np.ndarray,
    cost: float,
    targets: tuple[np.ndarray, np.ndarray, np.ndarray],
    is_free: Callable[[np.ndarray], np.ndarray],
) -> Branch:
    """The arm's other ways, one frame on.

    An arm that has been far off for some time searches, a few iterations a frame. Where another pose is clearly better,
    it becomes the goal and follows the target until the arm is there; after a while in vain it is given up.

    Args:
        arm: the arm.
        branch: of the frame before.
        q: the arm's present joints. Shape [n].
        cost: present sum of squared weighted errors.
        targets: upper arm and forearm [3], hand [3, 3].
        is_free: whether poses of the arm [S, n] are clear of collision, the rest of the robot as it is: bool [S].
    """
    if branch.goal is not None:
        if np.abs(branch.goal - q).max() < _THERE:
            return Branch()
        moved, there = arm.improve(branch.goal[None], *targets, 1)
        if branch.count >= branch.limit or there[0] > cost:
            return Branch(-_PAUSE)
        return Branch(branch.count + 1, None, moved[0], branch.limit)
    if branch.count < 0:
        return Branch(branch.count + 1)
    if branch.search is None:
        if cost < _POOR:
            return branch if branch.count == 0 else Branch()
        count = branch.count + 1
        return Branch(count, arm.starts(q) if count >= _PATIENCE else None)
    found, costs = arm.improve(branch.search, *targets, _PER_FRAME)
    if branch.count < _PATIENCE + _ITERATIONS // _PER_FRAME:
        return Branch(branch.count + 1, found)
    # Of the good ones the one that is reached soonest: on the way the arm shows nothing.
    frames = arm.frames_to(found, q)
    worth = (costs < _BETTER * cost) & (_WAY * frames < _STAY * (cost - costs))
    good = np.flatnonzero(worth & (costs < 1.3 * float(costs.min()) + 0.005))
    good = good[is_free(found[good])] if len(good) else good
    if not len(good):
        return Branch(-_PAUSE)
    chosen = good[np.argmin(frames[good])]
    return Branch(0, None, found[chosen], _LONGEST + int(1.5 * frames[chosen]))
