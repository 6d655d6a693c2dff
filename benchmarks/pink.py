"""bench --robots --against pink: the same frames through Pink (https://github.com/stephane-caron/pink), an IK library.

Set up as a user of Pink would: elbow and wrist are position tasks at the human's bone directions times the robot's bone
lengths, the hand's and head's rotations are orientation tasks, all relative to the chest; the chest's rotation is an
orientation task; a light posture task decides the rest. Pink's own position and velocity limits hold; one step a frame.
Pink knows no acceleration limits by default, and no self-collision without a hand-written model.
"""

from __future__ import annotations

import time
from pathlib import Path
from typing import Any

import numpy as np
import pinocchio as pin

from speech_gesture_pkg.errors import MissingDependencyError
from speech_gesture_pkg.motion.frames import MotionFrames
from speech_gesture_pkg.retargeting.base import Retargeter
from speech_gesture_pkg.retargeting.targets import HumanTargets, human_targets
from speech_gesture_pkg.robot.joint_map.robot_map import SIDES, ArmMap

_ELBOW, _WRIST, _HAND, _HEAD, _CHEST, _POSTURE = 5.0, 5.0, 0.6, 1.0, 1.0, 0.02
"""Costs: m^-1 of positions (two tenths of a metre count as a radian), rad^-1 of rotations."""
_FASTEST = 10.0
_START = 60


def need_pink() -> None:
    """Raise MissingDependencyError with what to install if Pink is not there."""
    try:
        import pink  # noqa: F401
    except ImportError as e:
        raise MissingDependencyError("--against pink needs the Python package pin-pink: pip install pin-pink") from e


class PinkFollower:
    """Pink on one robot, over the joints that the retargeter solves; the others stand at rest."""

    def __init__(self, urdf: str | Path, retargeter: Retargeter) -> None:
        import pink
        from pink.tasks import FrameTask, PostureTask, RelativeFrameTask

        self._retargeter = retargeter
        mapping, robot = retargeter.map, retargeter.robot
        self._arms = [mapping.arms[s] for s in SIDES if s in mapping.arms]
        groups = retargeter.groups
        solved = [n for g in ("left_arm", "right_arm", "head", "torso") for n in groups.get(g, ())]
        whole = pin.buildModelFromUrdf(str(urdf), mimic=False)
        locked = [whole.getJointId(n) for n in whole.names[1:] if n not in solved]
        neutral = pin.neutral(whole)
        self._at_neutral(whole, neutral, dict(zip(robot.joint_names, robot.neutral().tolist(), strict=True)))
        model = pin.buildReducedModel(whole, locked, neutral)
        model.velocityLimit = np.minimum(model.velocityLimit, _FASTEST)
        self._model, self._dt = model, 1.0 / retargeter.settings.fps
        start = pin.neutral(model)
        self._at_neutral(model, start, dict(zip(robot.joint_names, robot.neutral().tolist(), strict=True)))
        data = model.createData()
        pin.forwardKinematics(model, data, start)

        def frame(name: str, joint: str, point: np.ndarray) -> str:
            """A frame on a joint's body whose axes are the root link's in the neutral pose."""
            body = model.getJointId(joint) if joint else 0
            place = data.oMi[body].inverse() * pin.SE3(np.eye(3), point)
            model.addFrame(pin.Frame(name, body, place, pin.FrameType.OP_FRAME))
            return name

        torso, zero = groups.get("torso", ()), np.zeros(3)
        chest = frame("pink_chest", torso[-1] if torso else "", zero)
        self._tasks: dict[str, Any] = {}
        for arm in self._arms:
            wrist_joint = arm.joints[min(arm.joints.index(arm.elbow) + 1, len(arm.joints) - 1)]
            for part, joint, point, costs in (
                ("elbow", arm.elbow, arm.elbow_point, (_ELBOW, 0.0)),
                ("wrist", wrist_joint, arm.wrist_point, (_WRIST, 0.0)),
                ("hand", arm.joints[-1], zero, (0.0, _HAND)),
            ):
                name = frame(f"pink_{arm.side}_{part}", joint, point)
                self._tasks[f"{arm.side}_{part}"] = RelativeFrameTask(name, chest, *costs)
        if groups.get("head"):
            self._tasks["head"] = RelativeFrameTask(frame("pink_head", groups["head"][-1], zero), chest, 0.0, _HEAD)
        if torso:
            self._tasks["chest"] = FrameTask(chest, 0.0, _CHEST)
        posture = PostureTask(_POSTURE)
        rest = start.copy()
        self._at_neutral(model, rest, dict(zip(retargeter.joint_names, retargeter.rest.tolist(), strict=True)))
        posture.set_target(rest)
        self._all = [*self._tasks.values(), posture]
        self._rest = rest
        self._solved = solved
        self._pink = pink
        self._data = model.createData()

    def follow(self, motion: MotionFrames, others: np.ndarray, spent: list[float]) -> np.ndarray:
        """Positions [T, J] in the order of the retargeter's joints; those that Pink does not solve are `others`'."""
        targets = human_targets(motion)
        configuration = self._pink.Configuration(self._model, self._data, self._rest)
        self._aim(targets, 0)
        for _ in range(_START):  # to the first frame, as the retargeter starts there too
            self._solve(configuration)
        places = {n: i for i, n in enumerate(self._retargeter.joint_names)}
        out = others.copy()
        for t in range(len(motion)):
            began = time.perf_counter()
            self._aim(targets, t)
            self._solve(configuration)
            spent.append(time.perf_counter() - began)
            for name in self._solved:
                out[t, places[name]] = self._angle(configuration.q, name)
        return out

    def _solve(self, configuration: Any) -> None:
        """One step. Where Pink's program has no solution it stays where it is."""
        try:
            velocity = self._pink.solve_ik(configuration, self._all, self._dt, solver="daqp", safety_break=False)
        except self._pink.exceptions.PinkError:
            return
        configuration.integrate_inplace(velocity, self._dt)

    def _aim(self, targets: HumanTargets, t: int) -> None:
        body = self._retargeter.map.body
        for arm in self._arms:
            side = SIDES.index(arm.side)
            elbow = arm.shoulder + _length(arm, "upper") * (body @ targets.upper[t, side])
            wrist = elbow + _length(arm, "fore") * (body @ targets.fore[t, side])
            hand = body @ targets.palms[t, side] @ arm.palm.T
            self._tasks[f"{arm.side}_elbow"].set_target(pin.SE3(np.eye(3), elbow))
            self._tasks[f"{arm.side}_wrist"].set_target(pin.SE3(np.eye(3), wrist))
            self._tasks[f"{arm.side}_hand"].set_target(pin.SE3(hand, np.zeros(3)))
        for part, rotation in (("head", targets.head[t]), ("chest", targets.chest[t])):
            if part in self._tasks:
                self._tasks[part].set_target(pin.SE3(body @ rotation @ body.T, np.zeros(3)))

    @staticmethod
    def _at_neutral(model: pin.Model, q: np.ndarray, values: dict[str, float]) -> None:
        """Write positions of joints by name into a configuration vector, in place."""
        for name, value in values.items():
            if model.existJointName(name):
                joint = model.joints[model.getJointId(name)]
                q[joint.idx_q : joint.idx_q + joint.nq] = (
                    (value,) if joint.nq == 1 else (float(np.cos(value)), float(np.sin(value)))
                )

    def _angle(self, q: np.ndarray, name: str) -> float:
        joint = self._model.joints[self._model.getJointId(name)]
        if joint.nq == 1:
            return float(q[joint.idx_q])
        return float(np.arctan2(q[joint.idx_q + 1], q[joint.idx_q]))


def _length(arm: ArmMap, bone: str) -> float:
    ends = (arm.shoulder, arm.elbow_point) if bone == "upper" else (arm.elbow_point, arm.wrist_point)
    return float(np.linalg.norm(ends[1] - ends[0]))
