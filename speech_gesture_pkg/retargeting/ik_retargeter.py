"""IkRetargeter: SMPL-X frames in, joint positions of one robot out, inside its limits and clear of itself."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from speech_gesture_pkg.errors import InputError
from speech_gesture_pkg.motion.frames import MotionFrames
from speech_gesture_pkg.retargeting.arm_reconfiguration import Branch, advance
from speech_gesture_pkg.retargeting.base import RetargetSettings, RetargetState
from speech_gesture_pkg.retargeting.body_kinematics import BodyKinematics, direction_error, rotation_error
from speech_gesture_pkg.retargeting.collision_constraint import Avoidance
from speech_gesture_pkg.retargeting.direct_joints import DirectDrives, rest_drives
from speech_gesture_pkg.retargeting.ik_solver import AWAY, BodySolver, BodyTarget
from speech_gesture_pkg.retargeting.step_limits import StepBounds, approach
from speech_gesture_pkg.retargeting.targets import HumanTargets, human_targets
from speech_gesture_pkg.robot.collision.model import CollisionModel
from speech_gesture_pkg.robot.joint_limits import JointLimits
from speech_gesture_pkg.robot.joint_map.robot_map import SIDES, RobotMap
from speech_gesture_pkg.robot.model import RobotModel

_REST_ARMS = (
    *((0.16, 0.30), (0.25, 0.30), (0.36, 0.35), (0.36, 0.6), (0.25, 0.9)),
    *((0.5, 0.6), (0.4, 2.0), (0.4, 8.0), (0.8, 8.0)),
)
"""How far arms at rest are spread and forearms point forward, the calmest first."""

_LOOK_AHEAD = 2.0
"""Added to `collision_active` per step of the fastest joint, m/rad: two arms of half a metre, for two frames."""
_SEARCHED = 20
"""Iterations of the search for a start of `IkRetargeter.solve_pose`."""
_FINGERS_AHEAD = 3.0
"""Frames that arms look ahead on fingers, which open faster than arms can brake."""


class IkRetargeter:
    """A `Retargeter` by inverse kinematics, one frame at a time.

    Arms and head follow the human's relative to the chest, the waist follows the chest; fingers and face are driven
    directly.

    Attributes:
        joint_names: the J mapped joints, in the order of the URDF.
        collision: the collision model over `joint_names`.
        robot, map, settings, groups, rest, limits: as `Retargeter` has them.
    """

    def __init__(self, robot: RobotModel, robot_map: RobotMap, settings: RetargetSettings | None = None) -> None:
        self.settings = settings = settings or RetargetSettings()
        self.robot, self.map = robot, robot_map
        self.groups: Mapping[str, tuple[str, ...]] = robot_map.groups
        mapped = robot_map.joints
        self.joint_names: tuple[str, ...] = tuple(n for n in robot.joint_names if n in mapped)
        slots = np.array([robot.joint_index[n] for n in self.joint_names], int)
        self._body = BodyKinematics(robot, robot_map)
        self._drives = DirectDrives(robot, robot_map)
        place = {n: i for i, n in enumerate(self.joint_names)}
        self._solved = np.array([place[n] for n in self._body.joints], int)
        self._driven = np.array([place[n] for n in self._drives.joints], int)
        self.limits = JointLimits.from_robot(robot, self.joint_names, self.groups, settings.limits)
        self._bounds = StepBounds(self.limits, 1.0 / settings.fps)
        self._arms = [SIDES.index(s) for s in SIDES if s in robot_map.arms]
        self.rest = np.clip(robot.neutral()[slots], self.limits.lower, self.limits.upper)
        self._solver = BodySolver(self._body, settings.weights, self.rest[self._solved])
        poses = self._rest_poses()
        at_rest = np.repeat(robot.neutral()[None], len(poses), 0)
        at_rest[:, slots] = poses
        self.collision = CollisionModel(robot, robot_map, at_rest, self.joint_names)
        self.rest = poses[self.collision.chosen].copy()
        self._avoidance = None
        if settings.collision:
            self._avoidance = Avoidance(robot, robot_map, self._body, self.collision, self._drives.joints)
        self._solver = BodySolver(self._body, settings.weights, self.rest[self._solved], self._avoidance)
        limits = (self.limits.lower, self.limits.upper, self._bounds.step)
        self._searches = self._solver.arm_searches(*(values[self._solved] for values in limits))
        self.rest.setflags(write=False)

    def start(self, q0: np.ndarray | None = None) -> RetargetState:
        """State of a robot standing still at `q0` [J] (the rest pose if None). Positions are clipped to the limits."""
        q = np.array(self.rest if q0 is None else q0, float)
        if q.shape != self.rest.shape or not np.isfinite(q).all():
            raise InputError(f"start pose has shape {q.shape}; it must be {self.rest.shape[0]} finite joint positions")
        return RetargetState(np.clip(q, self.limits.lower, self.limits.upper), np.zeros(len(q)))

    def step(self, motion: MotionFrames, state: RetargetState) -> tuple[np.ndarray, RetargetState]:
        """Joint positions [T, J] for T frames, and the state after them (see `Retargeter.step`)."""
        if abs(motion.fps - self.settings.fps) > 1e-6:
            raise InputError(f"motion has {motion.fps:g} fps; this retargeter is set to {self.settings.fps:g}")
        if not len(motion):
            return np.empty((0, len(state.q))), state
        if not motion.finite.all():
            raise InputError("motion has NaN or infinite values; drop those frames before retargeting")
        targets = human_targets(motion)
        directions, rotations = self._body_targets(targets)
        driven = self._drives.positions(targets.drives)
        settings, solved, free = self.settings, self._solved, self._driven
        change = self._bounds.change[free]
        lower, upper = self.limits.lower, self.limits.upper
        q, dq = state.q, state.dq
        moved, drift = self._motion_of_targets(directions, rotations, driven, state)
        branches = state.branches or (Branch(),) * len(self._arms)
        result = np.empty((len(motion), len(q)))
        for t in range(len(motion)):
            low, high = self._bounds.box(q, dq)
            step = np.empty(len(q))
            if len(free):
                wanted = driven[t]
                closer = approach(wanted - q[free], drift[t], change)
                step[free] = np.minimum(np.maximum(closer, low[free]), high[free])
            if len(solved):
                # The faster the arms, the farther they must look.
                active = settings.collision_active + _LOOK_AHEAD * float(np.abs(dq[solved]).max())
                avoid = (active, settings.collision_margin, settings.collision_gain)
                if self._avoidance is not None:
                    ahead = q[free] + _FINGERS_AHEAD * step[free]
                    self._avoidance.set_fingers(np.minimum(np.maximum(ahead, lower[free]), upper[free]))
                step[solved] = self._solver.step(
                    q[solved],
                    dq[solved],
                    BodyTarget(directions[t], rotations[t], moved[t]),
                    low[solved],
                    high[solved],
                    self._bounds.change[solved],
                    settings.iterations,
                    avoid,
                    tuple(b.goal for b in branches),
                )
                branches = self._advanced(branches, q, directions[t], rotations[t])
            moved_to = np.minimum(np.maximum(q + step, lower), upper)
            q, dq = moved_to, moved_to - q
            result[t] = q
        return result, RetargetState(q, dq, (directions[-1], rotations[-1], driven[-1]), branches)

    def _advanced(
        self, branches: tuple[Branch, ...], q: np.ndarray, directions: np.ndarray, rotations: np.ndarray
    ) -> tuple[Branch, ...]:
        """Other ways to hold the arms, a frame on (`q` [J]: before the step)."""
        arms, found = len(branches), []
        errors = self._solver.arm_costs()
        for arm, branch in enumerate(branches):
            search, cost = self._searches[arm], float(errors[arm])
            if branch.goal is not None:
                cost /= AWAY * AWAY
            targets = directions[arm], directions[arms + arm], rotations[arm]
            columns = self._solved[search.columns]

            def is_free(poses: np.ndarray, columns: np.ndarray = columns) -> np.ndarray:
                whole = np.repeat(q[None], len(poses), 0)
                whole[:, columns] = poses
                return self.collision.is_free(whole)

            found.append(advance(search, branch, q[columns], cost, targets, is_free))
        return tuple(found)

    def solve_pose(self, motion: MotionFrames, q0: np.ndarray | None = None, iterations: int = 40) -> np.ndarray:
        """The pose for one frame, however far: no velocity or acceleration limits, several starts, best kept.

        Args:
            motion: one frame.
            q0: where to start beside the rest pose. Shape [J].

        Returns:
            positions [J].
        """
        targets = human_targets(motion[:1])
        directions, rotations = self._body_targets(targets)
        q = np.array(self.rest if q0 is None else q0, float)
        q[self._driven] = self._drives.positions(targets.drives)[0]
        if len(self._solved):
            if self._avoidance is not None:
                self._avoidance.set_fingers(q[self._driven])
            target = BodyTarget(directions[0], rotations[0])
            q[self._solved] = self._settle(q[self._solved], target, iterations, self._searched(q, target))
        return np.clip(q, self.limits.lower, self.limits.upper)

    def first_pose(self, motion: MotionFrames) -> np.ndarray | None:
        """The pose [J] for the first frame; None for a motion without frames."""
        return self.solve_pose(motion[:1]) if len(motion) else None

    def shown(self, q: np.ndarray) -> dict[str, float]:
        """Positions of the joints `q` [J] by name."""
        return dict(zip(self.joint_names, np.asarray(q, float).tolist(), strict=True))

    def tracking_errors(self, motion: MotionFrames, q: np.ndarray) -> dict[str, np.ndarray]:
        """Angles between the human and the robot at `q` [T, J], rad: name of the term -> [T]."""
        directions, rotations = self._body_targets(human_targets(motion))
        sides = [SIDES[i] for i in self._arms]
        names = [f"{s}_{part}" for part in ("upper_arm", "forearm", "palm") for s in sides]
        names += [p for p in ("head", "torso") if self._body.has(p)]
        errors = np.array(
            [
                self._solver.errors(row[self._solved], BodyTarget(d, r))
                for row, d, r in zip(q, directions, rotations, strict=True)
            ]
        ).reshape(len(q), len(names))
        return {n: errors[:, i] for i, n in enumerate(names)}

    def _body_targets(self, targets: HumanTargets) -> tuple[np.ndarray, np.ndarray]:
        """Directions [T, 2 A, 3] and rotations from neutral [T, R, 3, 3] in the root link's axes."""
        body, arms = self.map.body, self._arms
        directions = np.concatenate([targets.upper[:, arms], targets.fore[:, arms]], 1) @ body.T
        parts = [body @ targets.palms[:, arms] @ self._body.palms.transpose(0, 2, 1)]
        for part, rotation, scale in (
            ("head", targets.head, self.settings.head_scale),
            ("torso", targets.chest, self.settings.torso_scale),
        ):
            if self._body.has(part):
                turned = rotation if scale == 1.0 else _scaled(rotation, scale)
                parts.append((body @ turned @ body.T)[:, None])
        return directions, np.concatenate(parts, 1)

    @staticmethod
    def _motion_of_targets(
        directions: np.ndarray, rotations: np.ndarray, driven: np.ndarray, state: RetargetState
    ) -> tuple[np.ndarray, np.ndarray]:
        """How far each target has moved since the frame before: error vectors [T, 2 A + R, 3] and positions [T, D]."""
        last = state.target or (directions[0], rotations[0], driven[0])
        before = [
            np.concatenate([old[None], new[:-1]])
            for old, new in zip(last, (directions, rotations, driven), strict=True)
        ]
        count = len(directions)
        turned = direction_error(directions.reshape(-1, 3), before[0].reshape(-1, 3)).reshape(count, -1, 3)
        spun = rotation_error(rotations.reshape(-1, 3, 3), before[1].reshape(-1, 3, 3)).reshape(count, -1, 3)
        return np.concatenate([turned, spun], 1), driven - before[2]

    def _searched(self, q: np.ndarray, target: BodyTarget) -> tuple[np.ndarray, ...]:
        """A start [n] for the solved joints with every arm where a search from many starts finds it best, if any."""
        start, arms = q[self._solved].copy(), len(self._searches)
        for arm, search in enumerate(self._searches):
            poses = search.starts(start[search.columns])
            goals = target.directions[arm], target.directions[arms + arm], target.rotations[arm]
            found, _ = search.improve(poses, *goals, _SEARCHED)
            start[search.columns] = found[np.argmin(search.improve(found, *goals, 1)[1])]
        return (start,) if arms else ()

    def _settle(
        self, q: np.ndarray, target: BodyTarget, iterations: int, further: tuple[np.ndarray, ...] = ()
    ) -> np.ndarray:
        """Best of a few starts, and of `further` ones, after `iterations` steps without rate limits."""
        lower, upper = self.limits.lower[self._solved], self.limits.upper[self._solved]
        reach = 0.5
        middle = lower / 2 + upper / 2
        best, cost = q, np.inf
        still = np.zeros(len(q))
        for start in (q, self.rest[self._solved], middle, 0.5 * (middle + self.rest[self._solved]), *further):
            x = np.clip(start, lower, upper)
            for _ in range(iterations):
                low, high = np.maximum(lower - x, -reach), np.minimum(upper - x, reach)
                avoid = (self.settings.collision_active, self.settings.collision_margin, self.settings.collision_gain)
                step = self._solver.step(x, still, target, low, high, high - low, 1, avoid)
                x = np.clip(x + step, lower, upper)
                if np.abs(step).max(initial=0.0) < 1e-4:
                    break
            error = float((self._solver.errors(x, target) ** 2).sum())
            if error < cost - 1e-4:
                best, cost = x, error
        return best

    def _rest_poses(self) -> np.ndarray:
        """Arms hanging a little out and forward, elbows slightly bent, palms to the thighs, fingers relaxed.

        Returns:
            poses [K, J], the calmest first; the others keep the arms farther from wide hips and bases.
        """
        rest = self.rest.copy()
        rest[self._driven] = self._drives.positions(rest_drives()[None])[0]
        if not len(self._solved):
            return rest[None]
        poses = np.repeat(rest[None], len(_REST_ARMS) if self._arms else 1, 0)
        for pose, (out, forward) in zip(poses, _REST_ARMS, strict=False):
            pose[self._solved] = self._settle(rest[self._solved], self._hanging(out, forward), 60)
        return poses

    def _hanging(self, out: float, forward: float) -> BodyTarget:
        """Arms down, spread by `out`, forearms `forward` (both as tangents of the angle from straight down)."""
        signs = np.array([(1.0, -1.0)[i] for i in self._arms])
        ones = np.ones(len(signs))
        upper = np.stack([0.02 * ones, out * signs, -ones], 1)
        fore = np.stack([forward * ones, 0.6 * out * signs, -ones], 1)
        upper, fore = (v / np.linalg.norm(v, axis=1)[:, None] for v in (upper, fore))
        inward = np.stack([-0.15 * ones, -signs, 0 * ones], 1)
        normal = inward - (inward * fore).sum(1)[:, None] * fore
        normal /= np.linalg.norm(normal, axis=1)[:, None]
        palms = np.stack([fore, normal, np.cross(fore, normal)], 2)
        body = self.map.body
        rotations = [body @ palms @ self._body.palms.transpose(0, 2, 1)]
        rotations += [np.eye(3)[None] for p in ("head", "torso") if self._body.has(p)]
        return BodyTarget(np.concatenate([upper, fore]) @ body.T, np.concatenate(rotations))


def _scaled(rotations: np.ndarray, scale: float) -> np.ndarray:
    """Rotations [T, 3, 3] about the same axes by `scale` times the angle."""
    from scipy.spatial.transform import Rotation

    return Rotation.from_rotvec(Rotation.from_matrix(rotations).as_rotvec() * scale).as_matrix()
