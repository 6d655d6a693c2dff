"""SMPL-X motion to messages: `~/smplx` (MultiDOFJointState) and `~/face` (JointState)."""

from __future__ import annotations

import array

import numpy as np
from builtin_interfaces.msg import Time
from geometry_msgs.msg import Transform
from sensor_msgs.msg import JointState, MultiDOFJointState

from speech_gesture_pkg.motion.frames import MotionFrames
from speech_gesture_pkg.motion.parts import ARKIT_NAMES
from speech_gesture_pkg.motion.skeleton import JOINT_INDEX, JOINT_NAMES, NUM_JOINTS

SMPLX_FRAME = "smplx"
"""frame_id of `~/smplx`: y up, z forward, x to the person's left (not REP-103), so that poses survive unchanged."""

JAW_ANGLE = "jaw_angle"
"""Last name in `~/face`: rotation of the SMPL-X jaw about x, rad, positive = open (the others: weights in [0, 1])."""

FACE_NAMES: tuple[str, ...] = (*ARKIT_NAMES, JAW_ANGLE)

_JAW = JOINT_INDEX["jaw"]


def axis_angle_to_quaternion(poses: np.ndarray) -> np.ndarray:
    """Axis-angle (rad) to unit quaternions (x, y, z, w) with w >= 0 for angles up to pi. Shape [..., 3] -> [..., 4]."""
    angle = np.sqrt(np.einsum("...i,...i->...", poses, poses))
    half = 0.5 * angle
    out = np.empty((*poses.shape[:-1], 4))
    # sin(a/2)/a through sinc is exact at a = 0
    out[..., :3] = poses * (0.5 * np.sinc(half / np.pi))[..., None]
    out[..., 3] = np.cos(half)
    return out


class SmplxMessage:
    """`~/smplx`: the 55 joints in canonical order; local rotations as quaternions, translation of the root only."""

    def __init__(self, frame_id: str = SMPLX_FRAME) -> None:
        self.message = MultiDOFJointState(joint_names=list(JOINT_NAMES))
        self.message.header.frame_id = frame_id
        self.message.transforms = [Transform() for _ in range(NUM_JOINTS)]

    def fill(self, motion: MotionFrames, index: int, stamp: Time) -> MultiDOFJointState:
        """The message of frame `index`; it is reused by the next call, so publish it before."""
        self.message.header.stamp = stamp
        quaternions = axis_angle_to_quaternion(motion.poses[index]).tolist()
        transforms = self.message.transforms
        for transform, (x, y, z, w) in zip(transforms, quaternions, strict=True):
            rotation = transform.rotation
            rotation.x, rotation.y, rotation.z, rotation.w = x, y, z, w
        root = transforms[0].translation
        root.x, root.y, root.z = motion.translation[index].tolist()
        return self.message


class FaceMessage:
    """`~/face`: the 52 ARKit weights and the jaw angle by name, in `position`."""

    def __init__(self) -> None:
        self.message = JointState(name=list(FACE_NAMES))
        self._values = np.zeros(len(FACE_NAMES))

    def fill(self, motion: MotionFrames, index: int, stamp: Time) -> JointState:
        """The message of frame `index`; it is reused by the next call, so publish it before."""
        self._values[:-1] = motion.face[index]
        self._values[-1] = motion.poses[index, _JAW, 0]
        self.message.header.stamp = stamp
        self.message.position = array.array("d", self._values.tobytes())
        return self.message
