"""MotionFrames as the vectors that the networks see, and back.

Rotations are the first two columns of their matrices, which is continuous (Zhou et al., CVPR 2019). Legs and feet are
not modelled: they stay at rest. Angles of jaw and eyes are small and kept as axis-angle.
"""

from __future__ import annotations

import numpy as np

from speech_gesture_pkg.errors import InputError
from speech_gesture_pkg.generators.feature_windows import MOTION_FPS
from speech_gesture_pkg.generators.speechcat.config import SpeechCatConfig
from speech_gesture_pkg.motion.frames import MotionFrames
from speech_gesture_pkg.motion.parts import ARKIT_NAMES, FACE_JOINTS, HAND_JOINTS, PARTS, UPPER_JOINTS
from speech_gesture_pkg.motion.skeleton import NUM_JOINTS, axis_angle_to_matrix, matrix_to_axis_angle

_PART_JOINTS = {"body": UPPER_JOINTS, "hands": HAND_JOINTS}
_TRANSLATION = 3


def part_size(part: str, config: SpeechCatConfig) -> int:
    """Length of a frame's vector of `part`."""
    if part == "all":
        return sum(part_size(p, config) for p in PARTS)
    if part == "face":
        return 3 * len(FACE_JOINTS) + (len(ARKIT_NAMES) if config.face == "arkit" else config.expressions)
    return 6 * len(_PART_JOINTS[part]) + (_TRANSLATION if part == "body" else 0)


def to_vectors(motion: MotionFrames, config: SpeechCatConfig) -> dict[str, np.ndarray]:
    """Vectors of each token stream: `config.parts` -> [T, part_size], float32.

    Raises:
        InputError: another rate than 30 fps, NaN, or a file without the expression coefficients that are asked for.
    """
    if motion.fps != MOTION_FPS:
        raise InputError(f"motion has {motion.fps} fps; SpeechCAT works at {MOTION_FPS:g} fps (resample it first)")
    if not motion.finite.all():
        raise InputError(f"motion frame {int(np.argmin(motion.finite))} holds NaN or infinite numbers")
    vectors = {
        "body": np.concatenate([_rotations(motion, UPPER_JOINTS), motion.translation], 1),
        "hands": _rotations(motion, HAND_JOINTS),
        "face": np.concatenate([motion.poses[:, FACE_JOINTS].reshape(len(motion), -1), _face(motion, config)], 1),
    }
    if config.parts == ("all",):
        vectors = {"all": np.concatenate([vectors[p] for p in PARTS], 1)}
    return {k: v.astype(np.float32) for k, v in vectors.items()}


def from_vectors(vectors: dict[str, np.ndarray], config: SpeechCatConfig, start: float = 0.0) -> MotionFrames:
    """The motion that vectors (as from `to_vectors`, decoded) stand for; its first frame is at `start` s."""
    if "all" in vectors:
        sizes = np.cumsum([part_size(p, config) for p in PARTS])[:-1]
        vectors = dict(zip(PARTS, np.split(np.asarray(vectors["all"]), sizes, axis=1), strict=True))
    body, hands, face = (np.asarray(vectors[p], float) for p in PARTS)
    count = len(body)
    six = np.concatenate([body[:, :-_TRANSLATION], hands], 1).reshape(count, len(UPPER_JOINTS) + len(HAND_JOINTS), 6)
    poses = np.zeros((count, NUM_JOINTS, 3))
    if count:
        poses[:, [*UPPER_JOINTS, *HAND_JOINTS]] = matrix_to_axis_angle(orthonormal(six))
    angles = 3 * len(FACE_JOINTS)
    poses[:, FACE_JOINTS] = face[:, :angles].reshape(count, len(FACE_JOINTS), 3)
    weights = face[:, angles:]
    extra = {"face": np.clip(weights, 0.0, 1.0)} if config.face == "arkit" else {"expression": weights}
    return MotionFrames(poses, MOTION_FPS, start, body[:, -_TRANSLATION:], **extra)


def orthonormal(six: np.ndarray) -> np.ndarray:
    """Rotation matrices [..., 3, 3] from two columns [..., 6], by Gram-Schmidt (Zhou et al., equation 15).

    Columns that span no plane (a network may draw anything) give no rotation.
    """
    a, b = six[..., :3], six[..., 3:]
    length = np.linalg.norm(a, axis=-1, keepdims=True)
    x = a / np.maximum(length, 1e-8)
    y = b - (x * b).sum(-1, keepdims=True) * x
    width = np.linalg.norm(y, axis=-1, keepdims=True)
    y = y / np.maximum(width, 1e-8)
    matrices = np.stack([x, y, np.cross(x, y)], -1)
    return np.where(((length > 1e-6) & (width > 1e-6))[..., None], matrices, np.eye(3))


def _rotations(motion: MotionFrames, joints: tuple[int, ...]) -> np.ndarray:
    matrices = axis_angle_to_matrix(motion.poses[:, joints])
    return np.concatenate([matrices[..., 0], matrices[..., 1]], -1).reshape(len(motion), -1)


def _face(motion: MotionFrames, config: SpeechCatConfig) -> np.ndarray:
    if config.face == "arkit":
        return motion.face
    found = motion.expression.shape[1]
    if found < config.expressions:
        raise InputError(f"motion has {found} expression coefficients; {config.expressions} are asked for")
    return motion.expression[:, : config.expressions]
