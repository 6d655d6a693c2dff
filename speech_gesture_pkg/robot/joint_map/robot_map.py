"""What each joint of a robot is for: the result of `mapping.map_robot`, the input of the retargeter."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np

from speech_gesture_pkg.robot.joint_map.motion_profile import MotionProfile
from speech_gesture_pkg.robot.stewart_neck.platform import Platform

FINGERS: tuple[str, ...] = ("thumb", "index", "middle", "ring", "pinky")
SIDES: tuple[str, ...] = ("left", "right")
GROUPS: tuple[str, ...] = ("left_arm", "right_arm", "head", "torso", "left_hand", "right_hand", "face")


def kind_of_group(group: str) -> str:
    """Whose limits the joints of a group have: "arms", "hands", or the group itself (head, torso, face)."""
    return {"left_arm": "arms", "right_arm": "arms", "left_hand": "hands", "right_hand": "hands"}.get(group, group)


@dataclass(frozen=True)
class ArmMap:
    """One arm as a serial chain with three named points and a palm.

    Points and directions are given in the root link's frame with the robot in its neutral pose (zero, or the nearest
    position within limits): there they can be read off a drawing and written into a YAML file.

    Attributes:
        side: "left" or "right".
        joints: joint names from the shoulder to the wrist.
        elbow: name of the elbow joint.
        shoulder: centre of the shoulder: least-squares meeting point of its axes, m. Shape [3].
        elbow_point: point of the elbow axis nearest to the shoulder, m. Shape [3].
        wrist_point: meeting point of the wrist axes, m. Shape [3].
        palm: columns are the finger direction, the palm normal (out of the palm) and their cross product. Shape [3, 3].
        wrist_joints: how many joints follow the elbow: 3 turn the palm freely.
    """

    side: str
    joints: tuple[str, ...]
    elbow: str
    shoulder: np.ndarray
    elbow_point: np.ndarray
    wrist_point: np.ndarray
    palm: np.ndarray

    @property
    def wrist_joints(self) -> int:
        return len(self.joints) - 1 - self.joints.index(self.elbow)


@dataclass(frozen=True)
class FingerJoint:
    """One finger joint, driven by human finger angles: q = open + (closed - open) * (weights . angles) / full.

    Attributes:
        joint: joint name.
        open, closed: position at straight fingers and at `full` curl, rad (m for sliding fingers).
        weights: of the human angles: flexion at knuckle, middle and end joint, and opposition (thumb only).
        full: curl that stands for `closed`, rad.
        human: the human fingers that are averaged.
    """

    joint: str
    open: float
    closed: float
    weights: tuple[float, float, float, float]
    full: float
    human: tuple[str, ...]


@dataclass(frozen=True)
class FaceJoint:
    """One face joint: q = neutral + sum over shapes of (position - neutral) * weight * gain.

    Attributes:
        joint: joint name.
        role: "jaw", "lid", "brow" or "antenna".
        neutral: position of the calm face.
        shapes: (ARKit weight, position at full weight, gain) triples.
    """

    joint: str
    role: str
    neutral: float
    shapes: tuple[tuple[str, float, float], ...]


@dataclass(frozen=True)
class RobotMap:
    """Which joints do what.

    Attributes:
        robot: the robot's name.
        body: rotation from the body frame (x forward, y left, z up) to the root link's frame. Shape [3, 3].
        arms: side -> `ArmMap`, for the arms that exist.
        head: neck joints from the torso up.
        torso: waist joints from the pelvis up.
        hands: side -> finger name -> joints of that finger.
        face: face joints.
        groups: group name -> joint names; only groups that have joints.
        missing: parts that the robot lacks, e.g. "left_hand".
        warnings: sentences on what was assumed or looks odd.
        profile: how much calmer than the parameters allow this robot must move.
        platform: the motors under a head that stands on a parallel mechanism, which are in no group; None = none.
        floor: height of the floor along the upward axis in the root link's frame, robot in its neutral pose, m; hands
            stay above it. None where that is not known.
    """

    robot: str
    body: np.ndarray
    arms: dict[str, ArmMap]
    head: tuple[str, ...]
    torso: tuple[str, ...]
    hands: dict[str, dict[str, tuple[FingerJoint, ...]]]
    face: tuple[FaceJoint, ...]
    groups: dict[str, tuple[str, ...]] = field(default_factory=dict)
    missing: tuple[str, ...] = ()
    warnings: tuple[str, ...] = ()
    profile: MotionProfile = field(default_factory=MotionProfile)
    platform: Platform | None = None
    floor: float | None = None

    @property
    def joints(self) -> frozenset[str]:
        """All mapped joints."""
        return frozenset(n for names in self.groups.values() for n in names)

    def to_dict(self) -> dict[str, object]:
        """Plain data for YAML; `map_robot` takes it back as override."""

        def vector(values: np.ndarray) -> list[float]:
            return [round(float(v), 5) + 0.0 for v in values]

        plain: dict[str, object] = {"forward": vector(self.body[:, 0]), "up": vector(self.body[:, 2])}
        plain["floor"] = None if self.floor is None else round(self.floor, 5) + 0.0
        for side in SIDES:
            arm = self.arms.get(side)
            plain[f"{side}_arm"] = arm and {
                "joints": list(arm.joints),
                "elbow": arm.elbow,
                "shoulder": vector(arm.shoulder),
                "elbow_point": vector(arm.elbow_point),
                "wrist_point": vector(arm.wrist_point),
                "finger_direction": vector(arm.palm[:, 0]),
                "palm_normal": vector(arm.palm[:, 1]),
            }
        plain["head"] = {"joints": list(self.head)} if self.head else None
        plain["torso"] = {"joints": list(self.torso)} if self.torso else None
        for side in SIDES:
            hand = self.hands.get(side)
            plain[f"{side}_hand"] = hand and {
                finger: [
                    {
                        "joint": j.joint,
                        "open": round(j.open, 5),
                        "closed": round(j.closed, 5),
                        "weights": list(j.weights),
                        "full": round(j.full, 5),
                        "human": list(j.human),
                    }
                    for j in joints
                ]
                for finger, joints in hand.items()
            }
        plain["face"] = [
            {
                "joint": j.joint,
                "role": j.role,
                "neutral": round(j.neutral, 5),
                "shapes": [[n, round(p, 5), round(g, 5)] for n, p, g in j.shapes],
            }
            for j in self.face
        ] or None
        return plain


def limbs_and_hands(mapping: RobotMap) -> tuple[list[tuple[str, ...]], list[tuple[str, ...]]]:
    """Joint names of each limb, and of each hand: an arm with its hand is a limb.

    A head on a platform is one limb with the legs that carry it: how far their ball joints let them touch is their
    maker's word, as it is for a wrist.
    """
    hands = [mapping.groups.get(f"{side}_hand", ()) for side in SIDES]
    arms = [mapping.groups.get(f"{side}_arm", ()) for side in SIDES]
    limbs = [(*arm, *hand) for arm, hand in zip(arms, hands, strict=True)]
    return limbs + ([tuple(mapping.platform.joints)] if mapping.platform is not None else []), hands
