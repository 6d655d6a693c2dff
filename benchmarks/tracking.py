"""bench --robots: one robot's figures on human motion, and those of a reference solver on the same frames."""

from __future__ import annotations

import time
from collections.abc import Iterable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.limits import limit_violations
from speech_gesture_pkg.motion.frames import MotionFrames
from speech_gesture_pkg.retargeting.base import Retargeter, RetargetSettings
from speech_gesture_pkg.retargeting.ik_retargeter import IkRetargeter
from speech_gesture_pkg.retargeting.stewart_neck_retargeter import MOST_TURN, StewartNeckRetargeter, make_retargeter
from speech_gesture_pkg.retargeting.targets import human_targets
from speech_gesture_pkg.robot.joint_map.auto_map import map_robot
from speech_gesture_pkg.robot.joint_map.robot_map import RobotMap, limbs_and_hands
from speech_gesture_pkg.robot.model import RobotModel
from speech_gesture_pkg.verification.self_collision import SelfCollision

FPS = 30.0
TERMS = (("upper arm", "upper_arm"), ("forearm", "forearm"), ("palm", "palm"), ("head", "head"))
REACHABLE = np.radians(2.0)
"""A target is reachable if a pose within the limits and clear of itself shows the arms' bones this nearly."""
_PROBE = 60
"""Every so many frames the reachability is examined: it costs a hundred times a step."""
_SHAPES = 5
"""Every so many frames the URDF's own shapes are tested."""


class Tally:
    """Figures of one solver on many clips."""

    def __init__(self, retargeter: Retargeter, shapes: SelfCollision) -> None:
        self.retargeter = retargeter
        names, groups = retargeter.joint_names, retargeter.groups
        solved = [n for g in ("left_arm", "right_arm", "head", "torso") for n in groups.get(g, ())]
        self.solved = [names.index(n) for n in solved]
        self.spent: list[float] = []
        self._shapes = shapes
        self._errors: dict[str, list[np.ndarray]] = {}
        self._jerks: list[np.ndarray] = []
        self._gaps: list[np.ndarray] = []
        self._tested = self._touching = self._violations = 0

    def add(self, motion: MotionFrames, q: np.ndarray) -> None:
        """Positions [T, J] for a clip, in the order of the retargeter's joints."""
        r = self.retargeter
        for name, error in tracking_errors(r, motion, q).items():
            self._errors.setdefault(name, []).append(error)
        self._jerks.append(np.diff(q[:, self.solved], 3, axis=0) * FPS**3)
        self._gaps.append(r.collision.distance(q))
        found = self._shapes.report(*whole_poses(r, q[::_SHAPES]))
        self._tested += found.frames
        self._touching += found.colliding
        times, motors = np.arange(len(q)) / FPS, motors_of(r)
        for names in (tuple(n for n in r.joint_names if n not in motors), motors):
            columns = [r.joint_names.index(n) for n in names]
            over = limit_violations(r.robot.urdf, names, times, q[:, columns], r.limits.acceleration[columns])
            # The retargeter tells the motors of a platform where to be; how fast they get there the composer says.
            self._violations += over["position"] if names == motors else sum(over.values())

    def figures(self, reachable: np.ndarray) -> dict[str, float]:
        """See `robot_figures`. `reachable`: numbers of the frames whose target is known to be reachable."""
        whole = {name: np.degrees(np.concatenate(e)) for name, e in self._errors.items()}
        figures = {
            "joints": float(len(self.solved)),
            "p50_ms": 1e3 * float(np.median(self.spent)),
            "p99_ms": 1e3 * float(np.percentile(self.spent, 99)),
            "jerk": float(np.sqrt((np.concatenate(self._jerks) ** 2).mean())) if self.solved else 0.0,
            "colliding": 100.0 * float((np.concatenate(self._gaps) < 0).mean()),
            "colliding_shapes": 100.0 * self._touching / max(self._tested, 1),
            "violations": float(self._violations),
        }
        for _, term in TERMS:
            own = [e for name, e in whole.items() if name.endswith(term)]
            if own:
                figures |= {f"{term}_mean": float(np.mean(own)), f"{term}_p95": float(np.percentile(own, 95))}
                if len(reachable):
                    part = np.array(own)[:, reachable]
                    figures[f"{term}_mean_reachable"] = float(part.mean())
                    figures[f"{term}_p95_reachable"] = float(np.percentile(part, 95))
        return figures


def robot_figures(urdf: str | Path, motions: Iterable[MotionFrames], against: str | None = None) -> dict[str, Any]:
    """Retarget all clips frame by frame, as live, and measure.

    Args:
        urdf: URDF file.
        motions: clips at 30 fps.
        against: "pink" to run that solver on the same frames too.

    Returns:
        "tracking", and "pink" if asked for (arms needed), each with "joints" (solved), "load_s", "p50_ms", "p99_ms";
        per term "<term>_mean", "_p95" over all frames and "_mean_reachable", "_p95_reachable" (deg, arms pooled; absent
        where the robot lacks the part); "reachable" (% of frames), "colliding" (% of frames, by the robot's capsules),
        "colliding_shapes" (% of every fifth frame, by the URDF's shapes); "jerk" (rms over arms, head and waist,
        rad/s^3); "violations" (numbers of positions, velocities and accelerations beyond the limits).
    """
    began = time.perf_counter()
    robot = RobotModel.from_file(urdf)
    mapping = map_robot(robot)
    retargeter = make_retargeter(robot, mapping)
    load = time.perf_counter() - began
    posed, _ = whole_poses(retargeter, retargeter.rest[None])
    shapes = SelfCollision(urdf, posed, *limbs_and_hands(mapping))
    tally, probes = Tally(retargeter, shapes), _Reach(robot, mapping)
    other, other_solve, other_load = None, None, 0.0
    if against and mapping.arms and isinstance(retargeter, IkRetargeter):
        from benchmarks.pink import PinkFollower

        began = time.perf_counter()
        other, other_solve = Tally(retargeter, shapes), PinkFollower(urdf, retargeter)
        other_load = time.perf_counter() - began
    for motion in motions:
        q = _stream(retargeter, motion, tally.spent)
        tally.add(motion, q)
        probes.add(motion, q)
        if other is not None and other_solve is not None:
            other.add(motion, other_solve.follow(motion, q, other.spent))
    result = {"tracking": tally.figures(probes.reachable) | {"load_s": load} | probes.figures()}
    if other is not None:
        result[str(against)] = other.figures(probes.reachable) | {"load_s": other_load} | probes.figures()
    return result


def motors_of(retargeter: Retargeter) -> tuple[str, ...]:
    """The motors of a platform under the head, if there is one."""
    return tuple(retargeter.platform.joints) if isinstance(retargeter, StewartNeckRetargeter) else ()


def whole_poses(retargeter: Retargeter, q: np.ndarray) -> tuple[tuple[str, ...], np.ndarray]:
    """Joints by name and their positions [N, ...] with which a URDF can be posed.

    The retargeter's `q` [N, J], and where the head stands on a platform also the passive joints of its legs.
    """
    poses = [retargeter.shown(row) for row in q]
    names = tuple(poses[0] if poses else retargeter.joint_names)
    return names, np.array([[pose[n] for n in names] for pose in poses]).reshape(len(poses), len(names))


def tracking_errors(retargeter: Retargeter, motion: MotionFrames, q: np.ndarray) -> dict[str, np.ndarray]:
    """Angles between human and robot [T], rad. Of a head on a platform: of what its motors are told to reach."""
    if isinstance(retargeter, IkRetargeter):
        return retargeter.tracking_errors(motion, q)
    assert isinstance(retargeter, StewartNeckRetargeter), "make_retargeter makes no other"
    body = retargeter.map.body
    wanted = body @ human_targets(motion).head @ body.T
    _, reached = retargeter.platform.reach(wanted, scale=retargeter.settings.head_scale, most=MOST_TURN)
    cosine = (np.einsum("tij,tij->t", wanted, reached) - 1.0) / 2.0
    return {"head": np.arccos(np.clip(cosine, -1.0, 1.0))}


class _Reach:
    """Which frames have a target that the robot can show at all, on a sample of frames."""

    def __init__(self, robot: RobotModel, mapping: RobotMap) -> None:
        settings = RetargetSettings()
        free = replace(settings, collision=False, weights=replace(settings.weights, palm=0.01))
        self._free = IkRetargeter(robot, mapping, free) if mapping.arms else None
        self._count, self._tried = 0, 0
        self._good: list[int] = []

    def add(self, motion: MotionFrames, q: np.ndarray) -> None:
        """Examine a clip that was followed by `q` [T, J]."""
        if self._free is None:
            return
        for k in range(0, len(q), _PROBE):
            frame = motion[k : k + 1]
            best = self._free.solve_pose(frame, q[k], 30)
            errors = self._free.tracking_errors(frame, best[None])
            self._tried += 1
            near = all(e[0] < REACHABLE for name, e in errors.items() if name.endswith("arm"))
            if near and self._free.collision.is_free(best[None], self._free.settings.collision_margin)[0]:
                self._good.append(self._count + k)
        self._count += len(q)

    @property
    def reachable(self) -> np.ndarray:
        """Numbers of the reachable frames among those examined."""
        return np.array(self._good, int)

    def figures(self) -> dict[str, float]:
        """ "reachable", % of the frames examined; nothing for a robot without arms."""
        return {"reachable": 100.0 * len(self._good) / self._tried} if self._tried else {}


def _stream(retargeter: Retargeter, motion: MotionFrames, spent: list[float]) -> np.ndarray:
    """Positions [T, J], one frame at a time; seconds of each step are added to `spent`."""
    state, rows = retargeter.start(retargeter.first_pose(motion)), []
    for k in range(len(motion)):
        frame = motion[k : k + 1]
        began = time.perf_counter()
        q, state = retargeter.step(frame, state)
        spent.append(time.perf_counter() - began)
        rows.append(q[0])
    return np.array(rows)
