"""One frame of direct retargeting: Gauss-Newton on directions and rotations, as a box QP (daqp)."""

from __future__ import annotations

from dataclasses import dataclass

import daqp
import numpy as np

from speech_gesture_pkg.retargeting.arm_reconfiguration import ArmSearch
from speech_gesture_pkg.retargeting.body_kinematics import BodyKinematics, direction_error, rotation_error
from speech_gesture_pkg.retargeting.collision_constraint import Avoidance
from speech_gesture_pkg.retargeting.step_limits import StepBox, approach, stopping_step
from speech_gesture_pkg.robot.joint_map.robot_map import SIDES

_PALM_SHARE = (0.3, 0.3, 0.6, 1.0)
"""Share of the palm's weight by number of joints after the elbow: too few wrist joints must not bend the arm."""


AWAY = 0.15
"""Share of its terms that an arm keeps while it changes over to another pose."""

_BRAKE = 0.5
"""Share of what all joints of both arms could do together to keep two capsules apart: they rarely all can."""


@dataclass(frozen=True)
class Weights:
    """Weights of the terms; residuals are angles in rad, so weights compare directly.

    Attributes:
        upper, fore, palm: directions of upper arm and forearm, rotation of the hand.
        head, chest: rotations of head and chest.
        posture: pull of every joint to its rest position; decides what the targets leave open.
        smooth: against changes of the step (acceleration).
        damp: against the step itself (velocity).
    """

    upper: float = 1.0
    fore: float = 1.0
    palm: float = 0.6
    head: float = 1.0
    chest: float = 1.0
    posture: float = 0.02
    smooth: float = 0.45
    damp: float = 0.06


@dataclass(frozen=True)
class BodyTarget:
    """One frame to show, in the root link's axes with respect to the torso.

    Attributes:
        directions: unit vectors of the upper arms, then the forearms, of the arms that exist. Shape [2 A, 3].
        rotations: rotations from neutral of the hands, then head, then chest, of those that exist. Shape [R, 3, 3].
        moved: how far each has turned since the last frame, as rotation-like error vectors, rad. Shape [2 A + R, 3].
            None where there is no last frame.
    """

    directions: np.ndarray
    rotations: np.ndarray
    moved: np.ndarray | None = None


class BodySolver:
    """Finds the step of arms, neck and waist for a frame.

    min over dq of  |W (J dq - e)|^2 + posture |q + dq - rest|^2 + smooth |dq - previous dq|^2 + damp |dq|^2
    subject to      low <= dq <= high   (position, velocity, acceleration, room to stop; see `step_limits`)
                    A dq >= b               (near capsule pairs close in only as fast as the arm can brake), soft

    e stacks the errors of bone directions (tangent vectors) and of rotations (rotation vectors), J their Jacobians.
    A second iteration linearises again at q + dq.
    """

    def __init__(
        self, kinematics: BodyKinematics, weights: Weights, rest: np.ndarray, avoidance: Avoidance | None = None
    ) -> None:
        self._body = kinematics
        self._avoidance = avoidance
        self._rest = rest
        self._weights = weights
        arms = len(kinematics.shoulders)
        count = len(kinematics.joints)
        parts = [weights.upper] * arms + [weights.fore] * arms
        turned = [weights.palm * _PALM_SHARE[min(n, 3)] for n in kinematics.wrist_joints]
        turned += [w for part, w in (("head", weights.head), ("torso", weights.chest)) if kinematics.has(part)]
        self._scale_directions = np.array(parts)[:, None]
        self._scale_rotations = np.array(turned)[:, None]
        self._scale = np.concatenate([self._scale_directions, self._scale_rotations])
        self._arms = arms
        self._diagonal = np.full(count, weights.posture**2 + weights.smooth**2 + weights.damp**2)
        self._empty = np.zeros((0, count))
        self._rows = np.zeros((3 * (2 * arms + len(turned)), count))
        self._errors = np.zeros(len(self._rows))

    def step(
        self,
        q: np.ndarray,
        previous: np.ndarray,
        target: BodyTarget,
        box: StepBox,
        iterations: int = 1,
        collision: tuple[float, float, float] | None = None,
        goals: tuple[np.ndarray | None, ...] = (),
    ) -> np.ndarray:
        """The step dq [n] within the box.

        Args:
            q: present positions of the solved joints. Shape [n].
            previous: the last step. Shape [n].
            target: what to show.
            box: bounds of the step. Shapes [n].
            iterations: Gauss-Newton iterations.
            collision: gap below which pairs are watched, gap kept (m), and share of a missing gap that one step must
                regain; None leaves collision out.
            goals: for each arm the joints to change over to, or None.
        """
        weights, (low, high, _) = self._weights, box
        step = np.minimum(np.maximum(previous, low), high)
        pull = weights.posture**2 * (self._rest - q) + weights.smooth**2 * previous
        for _ in range(iterations):
            jacobian = self._linearise(q + step, target)
            rows, errors = self._rows, self._errors
            diagonal, drawn = self._diagonal, pull
            for arm, goal in enumerate(goals):
                if goal is not None:
                    diagonal, drawn = self._drawn(arm, goal, q, diagonal, drawn)
            hessian = rows.T @ rows
            hessian.flat[:: len(q) + 1] += diagonal
            gradient = -(rows.T @ (errors + rows @ step)) - drawn
            lower, upper = low, high
            if target.moved is not None:
                lower, upper = self._restrained(hessian, gradient, target.moved, box)
            matrix, sense = self._empty, None
            if collision is not None and self._avoidance is not None:
                matrix, bound = self._clearance(self._avoidance, jacobian, step, box, collision)
                if len(matrix):
                    lower = np.concatenate([lower, bound])
                    upper = np.concatenate([upper, np.full(len(matrix), 1e30)])
                    sense = np.zeros(len(lower), np.int32)
                    sense[len(low) :] = 8
            found, _, flag, _ = daqp.solve(hessian, gradient, matrix, upper, lower, sense, eps_prox=0.0)
            if flag < 1 or not np.isfinite(found).all():
                # Numerically lost (never seen with finite targets): brake, which the box always allows.
                return np.minimum(np.maximum(0.0, low), high)
            step = np.minimum(np.maximum(found, low), high)
        return step

    def _drawn(
        self, arm: int, goal: np.ndarray, q: np.ndarray, diagonal: np.ndarray, pull: np.ndarray
    ) -> tuple[np.ndarray, np.ndarray]:
        """Diagonal and pull [n] with an arm drawn to `goal`, its own terms weakened."""
        for row in (arm, self._arms + arm, 2 * self._arms + arm):
            self._rows[3 * row : 3 * row + 3] *= AWAY
            self._errors[3 * row : 3 * row + 3] *= AWAY
        columns = self._body.columns[f"{SIDES[self._body.sides[arm]]}_arm"]
        diagonal, pull = diagonal.copy(), pull.copy()
        diagonal[columns] += 1.0
        pull[columns] += goal - q[columns]
        return diagonal, pull

    def arm_searches(self, lower: np.ndarray, upper: np.ndarray, fastest: np.ndarray) -> list[ArmSearch]:
        """A search for each arm within limits [n] of the solved joints, which do `fastest` [n] in a frame."""
        searches = []
        for arm, side in enumerate(self._body.sides):
            columns = self._body.columns[f"{SIDES[side]}_arm"]
            scale = self._scale[[arm, self._arms + arm, 2 * self._arms + arm], 0]
            searches.append(ArmSearch(self._body, arm, scale, lower[columns], upper[columns], fastest[columns]))
        return searches

    def arm_costs(self) -> np.ndarray:
        """Sums of squared weighted errors of the arms where the last `step` linearised. Shape [A]."""
        squares = (self._errors * self._errors).reshape(-1, 3).sum(1)[: 3 * self._arms]
        return squares.reshape(3, self._arms).sum(0)

    def _clearance(
        self,
        avoidance: Avoidance,
        jacobian: np.ndarray,
        step: np.ndarray,
        box: StepBox,
        collision: tuple[float, float, float],
    ) -> tuple[np.ndarray, np.ndarray]:
        """Rows A dq >= b of near pairs: close in only as fast as the arm can brake at a share of its strength.

        Rows that no step within the box could break are left out.
        """
        active, margin, gain = collision
        low, high, change = box
        rows, gaps = avoidance.rows(jacobian, active)
        if not len(rows):
            return rows, gaps
        room = gaps - rows @ step - margin
        brake = _BRAKE * np.abs(rows) @ change + 1e-9
        bound = np.where(room > 0, -stopping_step(np.maximum(room, 0.0), brake), -gain * room)
        matters = np.minimum(rows * low, rows * high).sum(1) < bound
        return rows[matters], bound[matters]

    def _restrained(
        self, hessian: np.ndarray, gradient: np.ndarray, moved: np.ndarray, box: StepBox
    ) -> tuple[np.ndarray, np.ndarray]:
        """Bounds tightened so that a joint that lags behind catches up without overshoot.

        The unbounded solution says where each joint should be, the same system with the target's own motion says how
        fast that moves. A joint may close the gap only as fast as it can brake again (`step_limits.approach`).
        """
        low, high, change = box
        scaled = moved * self._scale
        right = np.stack([-gradient, self._rows.T @ scaled.ravel()], 1)
        wanted, drift = np.linalg.solve(hessian, right).T
        reach = approach(wanted, drift, change)
        ahead = wanted > drift
        upper = np.where(ahead, np.maximum(np.minimum(high, reach), low), high)
        lower = np.where(ahead, low, np.minimum(np.maximum(low, reach), high))
        return lower, upper

    def errors(self, q: np.ndarray, target: BodyTarget) -> np.ndarray:
        """Angles between what is shown at `q` and the target, rad: directions, then rotations. Shape [2 A + R]."""
        self._linearise(q, target)
        errors = self._errors.reshape(-1, 3) / self._scale
        return np.sqrt((errors * errors).sum(1))

    def _linearise(self, q: np.ndarray, target: BodyTarget) -> np.ndarray:
        """Fill weighted rows and errors at `q`; returns the spatial Jacobian."""
        body, arms = self._body, self._arms
        jacobian, points = body.update(q)
        split = 6 * arms
        if arms:
            speeds = body.point_jacobians(jacobian, points) * body.support
            bones = points.copy()
            bones[:arms] -= body.shoulders
            bones[arms:] -= points[:arms]
            speeds[arms:] -= speeds[:arms]
            lengths = np.sqrt((bones * bones).sum(1))[:, None]
            directions = bones / lengths
            # d(b/|b|) = (I - u u^T) db / |b|
            along = directions[:, None, :] @ speeds
            tangent = (speeds - directions[:, :, None] * along) * (self._scale_directions / lengths)[:, :, None]
            self._rows[:split] = tangent.reshape(split, -1)
            errors = direction_error(target.directions, directions) * self._scale_directions
            self._errors[:split] = errors.ravel()
        if len(body.rotated):
            self._rows[split:] = (jacobian[3:] * body.turning * self._scale_rotations[:, :, None]).reshape(
                -1, jacobian.shape[1]
            )
            error = rotation_error(target.rotations, body.poses[body.rotated][:, :3, :3]) * self._scale_rotations
            self._errors[split:] = error.ravel()
        return jacobian
