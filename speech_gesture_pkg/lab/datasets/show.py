"""SHOW / TalkSHOW: SMPL-X fits to talk shows, 30 fps, as pickles (read without running code).

A pickle holds `jaw_pose [T,3]`, `leye_pose [T,3]`, `reye_pose [T,3]`, `global_orient [T,3]`, `body_pose_axis [T,63]`,
`left_hand_pose`, `right_hand_pose [T,12 or 45]`, `expression [T,100]`, `betas`: 265 numbers a frame when the hands are
in axis-angle. Hands may be stored as 12 coefficients of the SMPL-X hand PCA; then the user's SMPL-X file gives the
basis. Folders: `<root>/<speaker>/<video>/<clip>/<clip>.pkl` with `<clip>.wav` beside it. An official split is read from
`train.txt`, `val.txt`, `test.txt` in the root (one clip name per line) where they exist.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from pathlib import Path

import numpy as np

from speech_gesture_pkg.audio.files import read_audio
from speech_gesture_pkg.errors import InputError
from speech_gesture_pkg.lab.datasets.clip import SPLITS, Clip, Skipped, check_lengths, each, found, hashed_split
from speech_gesture_pkg.lab.datasets.unpickle import load_plain_pickle
from speech_gesture_pkg.motion.bounded_npz import read_npz
from speech_gesture_pkg.motion.frames import MotionFrames
from speech_gesture_pkg.motion.skeleton import NUM_JOINTS

FPS = 30.0
LICENCE = "SHOW (TalkSHOW) dataset licence, research only"
MOST_FRAMES = 200_000
SIZES = {
    "jaw_pose": 3,
    "leye_pose": 3,
    "reye_pose": 3,
    "global_orient": 3,
    "body_pose_axis": 63,
    "left_hand_pose": 45,
    "right_hand_pose": 45,
    "expression": 100,
}
"""Key -> numbers per frame, in the order of the 265."""
_PCA = 12
_JOINTS = {
    "jaw_pose": 22,
    "leye_pose": 23,
    "reye_pose": 24,
    "global_orient": 0,
    "body_pose_axis": 1,
    "left_hand_pose": 25,
    "right_hand_pose": 40,
}


def hand_basis(model: str | Path) -> dict[str, tuple[np.ndarray, np.ndarray]]:
    """First 12 hand PCA components [12, 45] and mean [45] per side, from the user's own SMPL-X npz."""
    data = read_npz_keys(Path(model), ("hands_componentsl", "hands_meanl", "hands_componentsr", "hands_meanr"))
    return {
        side: (data[f"hands_components{side[0]}"][:_PCA].astype(float), data[f"hands_mean{side[0]}"].astype(float))
        for side in ("left", "right")
    }


def read_npz_keys(path: Path, keys: tuple[str, ...]) -> dict[str, np.ndarray]:
    """Named arrays of an npz whose other arrays may be pickled objects. Raises InputError."""
    if not path.is_file():
        raise InputError(f"SMPL-X model {path} does not exist; give the path of SMPLX_NEUTRAL.npz")
    try:
        return read_npz(path, keys)
    except InputError as error:
        raise InputError(f"{path} is not an SMPL-X npz with the hand PCA ({error})") from error


def read_show_motion(path: str | Path, basis: dict[str, tuple[np.ndarray, np.ndarray]] | None = None) -> MotionFrames:
    """Motion of one SHOW pickle.

    Args:
        path: the pickle.
        basis: of `hand_basis`, for hands stored as 12 coefficients.

    Raises:
        InputError: refused pickle, missing key, wrong shape, differing lengths, NaN, or PCA hands without a basis.
    """
    path = Path(path)
    data = load_plain_pickle(path)
    if not isinstance(data, dict):
        raise InputError(f"{path} holds a {type(data).__name__}; a SHOW pickle holds a dict")
    arrays: dict[str, np.ndarray] = {}
    for key, size in SIZES.items():
        if key not in data:
            raise InputError(f"{path} has no key '{key}'; its keys are: {', '.join(sorted(map(str, data))) or 'none'}")
        value = np.asarray(data[key])
        if value.dtype.kind not in "fiu":
            raise InputError(f"{path}: key '{key}' has dtype {value.dtype}; it must be numeric")
        value = value.reshape(len(value), -1).astype(float) if value.ndim else value
        if key.endswith("hand_pose") and value.ndim == 2 and value.shape[1] == _PCA:
            if basis is None:
                raise InputError(
                    f"{path}: '{key}' holds 12 PCA coefficients; give the SMPL-X model file that has their basis"
                )
            components, mean = basis[key.partition("_")[0]]
            value = value @ components + mean
        if value.ndim != 2 or value.shape[1] != size:
            raise InputError(f"{path}: key '{key}' has shape {list(value.shape)}; it must be [T, {size}]")
        arrays[key] = value
    lengths = {key: len(value) for key, value in arrays.items()}
    count = lengths["body_pose_axis"]
    odd = next((key for key, n in lengths.items() if n != count), None)
    if odd:
        raise InputError(f"{path}: '{odd}' has {lengths[odd]} frames and 'body_pose_axis' {count}; they must agree")
    if not 0 < count <= MOST_FRAMES:
        raise InputError(f"{path} has {count} frames; 1 to {MOST_FRAMES} are allowed")
    poses = np.zeros((count, NUM_JOINTS, 3))
    for key, first in _JOINTS.items():
        poses[:, first : first + SIZES[key] // 3] = arrays[key].reshape(count, -1, 3)
    motion = MotionFrames(poses, FPS, expression=arrays["expression"])
    if not motion.finite.all():
        raise InputError(f"{path}: frame {int(np.flatnonzero(~motion.finite)[0])} holds NaN or infinite numbers")
    return motion


def official_split(root: Path) -> dict[str, str]:
    """Clip name -> split from `train.txt`, `val.txt`, `test.txt`; empty if there are none."""
    listed: dict[str, str] = {}
    for split in SPLITS:
        path = root / f"{split}.txt"
        if path.is_file():
            listed.update((line.strip(), split) for line in path.read_text("utf-8").splitlines() if line.strip())
    return listed


def read_show(
    root: str | Path,
    split: str | None = None,
    skipped: Skipped | None = None,
    smplx: str | Path | None = None,
    progress: Callable[[Iterable[Path]], Iterable[Path]] | None = None,
) -> Iterator[Clip]:
    """Clips of a SHOW folder, one in memory at a time (arguments as in `layout.read_corpus`; `smplx`: PCA basis).

    With an official list, clips outside it are skipped; without one they are split 80/10/10 by a hash of their name.
    """
    root = Path(root)
    paths = found(root.rglob("*.pkl"), root, "SHOW pickle (*.pkl)")
    basis = hand_basis(smplx) if smplx else None
    official = official_split(root)

    def read(path: Path) -> Iterable[Clip]:
        if official and path.stem not in official:
            raise InputError(f"{path} is in none of the official lists train.txt, val.txt, test.txt")
        audio = path.with_suffix(".wav")
        if not audio.is_file():
            raise InputError(f"{path} has no {audio.name} beside it")
        motion = read_show_motion(path, basis)
        check_lengths(path, motion, read_audio(audio).duration)
        inside = path.relative_to(root).parts
        speaker = inside[0] if len(inside) > 1 else "unknown"
        place = official.get(path.stem) or hashed_split(path.stem)
        yield Clip(path.stem, motion, audio, speaker, LICENCE, place, path)

    return each(paths, read, skipped, split, progress)
