"""MotionFrames as the vectors that the networks see, and back: axis-angle rotations (paper section 3.1).

A frame is its gesture channels, then its expression channels.

| layout | gesture | expression |
|---|---|---|
| smplx | 14 joints of the upper body, 30 of the hands, root translation (135) | jaw, eyes, 52 ARKit weights (61) |
| show | spine, neck, head, arms (13), hands (30) (129) | jaw, 100 SMPL-X coefficients (103) |
| beat | 47 joints of the BEAT skeleton (141) | 51 ARKit weights (51) |
"""

from __future__ import annotations

import numpy as np

from speech_gesture_pkg.errors import InputError, ModelError
from speech_gesture_pkg.generators.diffsheg.config import DiffShegConfig
from speech_gesture_pkg.motion.frames import MotionFrames
from speech_gesture_pkg.motion.parts import ARKIT_NAMES, FACE_JOINTS, HAND_JOINTS, UPPER_JOINTS
from speech_gesture_pkg.motion.skeleton import JOINT_INDEX, NUM_JOINTS

_SHOW_BODY = (3, 6, 9, *range(12, 22))
_JAW = (JOINT_INDEX["jaw"],)
_JOINTS: dict[str, tuple[int, ...]] = {
    "smplx": (*UPPER_JOINTS, *HAND_JOINTS),
    "show": (*_SHOW_BODY, *HAND_JOINTS),
}
_FACE_JOINTS: dict[str, tuple[int, ...]] = {"smplx": FACE_JOINTS, "show": _JAW}
_WEIGHTS = {"smplx": len(ARKIT_NAMES), "show": 100}
_HANDS = set(HAND_JOINTS)


def sizes(config: DiffShegConfig) -> dict[str, int]:
    """Channels of gesture, expression and both (`motion`)."""
    if config.layout == "beat":
        gesture, expression = 3 * 47, 51
    else:
        gesture = 3 * len(_JOINTS[config.layout]) + 3 * (config.layout == "smplx")
        expression = 3 * len(_FACE_JOINTS[config.layout]) + _WEIGHTS[config.layout]
    return {"gesture": gesture, "expression": expression, "motion": gesture + expression}


def to_vectors(motion: MotionFrames, config: DiffShegConfig) -> np.ndarray:
    """Vectors [T, C], float32, of motion at the network's rate.

    Raises:
        InputError: another rate, NaN, too few expression coefficients, or the layout `beat`, which is not SMPL-X.
    """
    joints, face = _joints(config)
    if motion.fps != config.fps:
        raise InputError(
            f"motion has {motion.fps:g} fps; this DiffSHEG works at {config.fps:g} fps (resample it first)"
        )
    if not motion.finite.all():
        raise InputError(f"motion frame {int(np.argmin(motion.finite))} holds NaN or infinite numbers")
    count, weights = len(motion), _WEIGHTS[config.layout]
    found = motion.face if config.layout == "smplx" else motion.expression
    if found.shape[1] < weights:
        raise InputError(f"motion has {found.shape[1]} expression coefficients; {weights} are needed")
    pieces = [motion.poses[:, joints].reshape(count, -1)]
    if config.layout == "smplx":
        pieces.append(motion.translation)
    pieces += [motion.poses[:, face].reshape(count, -1), found[:, :weights]]
    return np.concatenate(pieces, 1).astype(np.float32)


def from_vectors(vectors: np.ndarray, config: DiffShegConfig, start: float = 0.0) -> MotionFrames:
    """The motion that vectors [T, C] stand for; its first frame is at `start` s.

    Raises:
        ModelError: the layout `beat`: its skeleton is not SMPL-X.
    """
    joints, face = _joints(config)
    vectors = np.asarray(vectors, float)
    count, size = len(vectors), sizes(config)["gesture"]
    poses = np.zeros((count, NUM_JOINTS, 3))
    poses[:, joints] = vectors[:, : 3 * len(joints)].reshape(count, len(joints), 3)
    poses[:, face] = vectors[:, size : size + 3 * len(face)].reshape(count, len(face), 3)
    weights = vectors[:, size + 3 * len(face) :]
    if config.layout == "show":
        return MotionFrames(poses, config.fps, start, expression=weights)
    translation = vectors[:, 3 * len(joints) : size]
    return MotionFrames(poses, config.fps, start, translation, face=np.clip(weights, 0.0, 1.0))


def part_channels(config: DiffShegConfig) -> np.ndarray:
    """Which part (index into `motion.parts.PARTS`: body, hands, face) each channel belongs to. Shape [C], int."""
    joints, _ = _joints(config)
    size = sizes(config)
    parts = np.repeat([1 if j in _HANDS else 0 for j in joints], 3)
    return np.concatenate([parts, np.zeros(size["gesture"] - len(parts), int), np.full(size["expression"], 2)])


def _joints(config: DiffShegConfig) -> tuple[list[int], list[int]]:
    if config.layout not in _JOINTS:
        raise ModelError(
            f"diffsheg layout {config.layout!r} is not SMPL-X: its vectors cannot be turned into motion here"
        )
    return list(_JOINTS[config.layout]), list(_FACE_JOINTS[config.layout])
