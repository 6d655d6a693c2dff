"""Motion files in the BEAT2 npz layout, read and written without loss.

Keys of BEAT2: `poses [T, 165]` axis-angle (55 joints x 3, rad), `expressions [T, 100]`, `trans [T, 3]` (m),
`betas [300]`, `gender` (text), `mocap_frame_rate` (frames per second). Our own keys, ignored by other readers:
`face [T, 52]` with `face_names [52]` (ARKit), `valid [T, 3]`, `phase [T]`, `start` (seconds on the stream clock).
"""

from __future__ import annotations

from pathlib import Path

import numpy as np

from speech_gesture_pkg.errors import InputError, OutputError
from speech_gesture_pkg.motion.bounded_npz import read_npz
from speech_gesture_pkg.motion.frames import MotionFrames
from speech_gesture_pkg.motion.parts import ARKIT_INDEX, ARKIT_NAMES, PARTS
from speech_gesture_pkg.motion.skeleton import NUM_JOINTS

NUM_BETAS = 300
NUM_EXPRESSIONS = 100
POSE_SIZE = NUM_JOINTS * 3
DEFAULT_FPS_KEY = "mocap_frame_rate"


def _check(path: Path, key: str, value: np.ndarray, shape: tuple[int | None, ...]) -> None:
    """InputError unless `value` is finite, numeric and of `shape` (None = any size)."""
    wanted = "[" + ", ".join("T" if n is None else str(n) for n in shape) + "]"
    if value.ndim != len(shape) or any(n is not None and n != m for n, m in zip(shape, value.shape, strict=True)):
        raise InputError(f"{path}: key '{key}' has shape {list(value.shape)}; it must be {wanted}")
    if value.dtype.kind not in "fiub":
        raise InputError(f"{path}: key '{key}' has dtype {value.dtype}; it must be numeric")
    if not np.isfinite(value).all():
        raise InputError(f"{path}: key '{key}' holds NaN or infinite numbers; every number must be finite")


def _face(path: Path, data: dict[str, np.ndarray], count: int) -> np.ndarray:
    """Face weights in our order, whatever the order in the file. Shape [T, 52], or [0, 52] if the file has none."""
    if "face" not in data:
        return np.zeros((0, len(ARKIT_NAMES)))
    weights = data["face"]
    names = [str(n) for n in data["face_names"]] if "face_names" in data else list(ARKIT_NAMES)
    unknown = [n for n in names if n not in ARKIT_INDEX]
    if unknown:
        raise InputError(f"{path}: face_names has {unknown[0]!r}, which is not one of the 52 ARKit blend shapes")
    _check(path, "face", weights, (count, len(names)))
    if names == list(ARKIT_NAMES):
        return weights
    ordered = np.zeros((count, len(ARKIT_NAMES)), weights.dtype)
    ordered[:, [ARKIT_INDEX[n] for n in names]] = weights
    return ordered


def load_motion(path: str | Path) -> MotionFrames:
    """Motion from an npz in the BEAT2 layout; arrays keep their stored dtype.

    `expressions` and our own keys may be absent. Body shape and gender are read by `load_body_shape`.

    Raises:
        InputError: missing file or key, wrong shape, NaN, a rate that is not positive, or pickled objects.
    """
    path = Path(path)
    data = read_npz(path)
    for key in ("poses", "trans", DEFAULT_FPS_KEY):
        if key not in data:
            raise InputError(f"{path} has no key '{key}'; its keys are: {', '.join(sorted(data)) or 'none'}")
    poses, trans = data["poses"], data["trans"]
    _check(path, "poses", poses, (None, POSE_SIZE))
    count = len(poses)
    if count == 0:
        raise InputError(f"{path}: key 'poses' has no frames")
    _check(path, "trans", trans, (count, 3))
    expression = data.get("expressions", np.zeros((count, 0)))
    _check(path, "expressions", expression, (count, None))
    rate = data[DEFAULT_FPS_KEY]
    if rate.size != 1 or rate.dtype.kind not in "fiu" or not float(rate.reshape(())) > 0:
        raise InputError(f"{path}: mocap_frame_rate is {rate!r}; it must be one positive number")
    optional = {}
    for key, shape, kind in (("valid", (count, len(PARTS)), bool), ("phase", (count,), np.uint8)):
        if key in data:
            _check(path, key, data[key], shape)
            optional[key] = data[key].astype(kind)
    start = data.get("start", np.zeros(()))
    _check(path, "start", start.reshape(-1), (1,))
    return MotionFrames(
        poses=poses.reshape(count, NUM_JOINTS, 3),
        fps=float(rate.reshape(())),
        start=float(start.reshape(())),
        translation=trans,
        expression=expression,
        face=_face(path, data, count),
        **optional,
    )


def load_body_shape(path: str | Path) -> tuple[np.ndarray, str]:
    """Shape coefficients `betas` (zeros [300] if absent) and gender ("neutral" if absent) of a motion file."""
    path = Path(path)
    data = read_npz(path)
    betas = data.get("betas", np.zeros(NUM_BETAS))
    _check(path, "betas", betas, (None,))
    return betas, str(data["gender"].reshape(())) if "gender" in data else "neutral"


def save_motion(
    path: str | Path, motion: MotionFrames, betas: np.ndarray | None = None, gender: str = "neutral"
) -> None:
    """Write `motion` as npz in the BEAT2 layout plus our own keys; dtypes are kept.

    Motion without expression coefficients gets `expressions` of zeros [T, 100], so that BEAT2 readers accept the file.
    A whole frame rate is stored as an integer, as BEAT2 does.

    Args:
        path: file to write; `.npz` is appended if the name lacks it.
        motion: T frames.
        betas: SMPL-X shape coefficients; zeros [300] if None.
        gender: "neutral", "female" or "male".

    Raises:
        OutputError: the file cannot be written.
    """
    path = Path(path)
    if path.suffix != ".npz":
        path = path.with_name(path.name + ".npz")
    count = len(motion)
    expression = motion.expression
    if expression.shape[1] == 0:
        expression = np.zeros((count, NUM_EXPRESSIONS), np.float32)
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        np.savez_compressed(
            path,
            poses=np.asarray(motion.poses).reshape(count, POSE_SIZE),
            expressions=expression,
            trans=motion.translation,
            betas=np.zeros(NUM_BETAS, np.float32) if betas is None else np.asarray(betas),
            gender=np.array(gender),
            mocap_frame_rate=np.array(int(motion.fps) if float(motion.fps).is_integer() else float(motion.fps)),
            face=motion.face,
            face_names=np.array(ARKIT_NAMES),
            valid=motion.valid,
            phase=motion.phase,
            start=np.array(float(motion.start)),
        )
    except OSError as error:
        raise OutputError(f"{path} cannot be written ({error.strerror or error})") from error
