"""FACEGOOD voice2face takes: speech with 116 named blend shapes at 30 fps, read as ARKit face weights and jaw.

Files: `<set>_<take>.flac` (or .wav) and `bs_value_<set>_<take>.npy [T, 116]` with names in `shirley_1015_bs_name.npy`
(or `shirley_1119_bs_name316.npy`; the file `shirley_1119_bs_name.npy` does not fit the columns). The rig is FACS-like;
`CHANNELS` says which ARKit weight each of its mouth, jaw, cheek and nose channels feeds. Only 16 to 21 of them move:
there are no blinks and no brows. Channels of teeth, tongue and corrections (`*Fix*`) have no ARKit counterpart.
"""

from __future__ import annotations

import warnings
from collections.abc import Iterable, Iterator
from pathlib import Path

import numpy as np

from speech_gesture_pkg.audio.files import read_audio
from speech_gesture_pkg.errors import InputError
from speech_gesture_pkg.lab.datasets.clip import Clip, Skipped, each, found
from speech_gesture_pkg.motion.bounded_npz import read_npy
from speech_gesture_pkg.motion.frames import MotionFrames
from speech_gesture_pkg.motion.parts import ARKIT_INDEX, ARKIT_NAMES
from speech_gesture_pkg.motion.skeleton import JOINT_INDEX, NUM_JOINTS

LICENCE = "MIT (FACEGOOD)"
FPS = 30.0
SPEAKER = "facegood"
HELD_OUT = ("2_05", "3_16")
NAME_FILES = ("shirley_1015_bs_name.npy", "shirley_1119_bs_name316.npy")
JAW_ANGLE = np.deg2rad(14.0)
"""SMPL-X jaw angle at jawOpen = 1; the takes' jaw is then 1 to 8 degrees, as in fits of talking people."""

_BOTH = ("Left", "Right")
CHANNELS: dict[str, tuple[tuple[str, float], ...]] = {
    "jawOpen": (("mouth_stretch_c", 1.0),),
    "jawForward": (("jaw_thrust_c", 1.0),),
    "jawLeft": (("jaw_sideways_l", 1.0),),
    "jawRight": (("jaw_sideways_r", 1.0),),
    "mouthFunnel": (*((f"mouth_funnel_{k}", 0.25) for k in ("dl", "dr", "ul", "ur")), ("mouth_oh_c", 0.5)),
    "mouthPucker": (("mouth_pucker_l", 0.5), ("mouth_pucker_r", 0.5), ("mouth_oo_c", 0.7)),
    "mouthLeft": (("mouth_sideways_l", 1.0),),
    "mouthRight": (("mouth_sideways_r", 1.0),),
    "mouthRollLower": (("mouth_suck_dl", 0.5), ("mouth_suck_dr", 0.5)),
    "mouthRollUpper": (("mouth_suck_ul", 0.5), ("mouth_suck_ur", 0.5)),
    "mouthShrugLower": (("mouth_chinRaise_d", 1.0),),
    "mouthShrugUpper": (("mouth_chinRaise_u", 1.0),),
    "cheekPuff": (("cheek_puff_l", 0.5), ("cheek_puff_r", 0.5)),
    **{
        f"{arkit}{side}": tuple((f"{channel}_{side[0].lower()}", 1.0) for channel in channels)
        for side in _BOTH
        for arkit, channels in {
            "mouthSmile": ("mouth_lipCornerPull", "mouth_lipCornerPullOpen"),
            "mouthFrown": ("mouth_lipCornerDepress",),
            "mouthStretch": ("mouth_lipStretch", "mouth_lipStretchOpen"),
            "mouthDimple": ("mouth_dimple",),
            "mouthPress": ("mouth_press",),
            "mouthLowerDown": ("mouth_lowerLipDepress",),
            "mouthUpperUp": ("mouth_upperLipRaise",),
            "cheekSquint": ("cheek_raise",),
            "noseSneer": ("nose_wrinkle",),
        }.items()
    },
}
"""ARKit weight -> the rig's channels that feed it, with factors."""


def channel_matrix(names: Iterable[str]) -> np.ndarray:
    """Matrix that turns the rig's channels into ARKit weights. Shape [len(names), 52].

    Raises:
        InputError: a channel of `CHANNELS` is not among the names.
    """
    at = {str(name): k for k, name in enumerate(names)}
    matrix = np.zeros((len(at), len(ARKIT_NAMES)))
    for arkit, channels in CHANNELS.items():
        for channel, factor in channels:
            if channel not in at:
                raise InputError(f"the blend shape names lack '{channel}'; use {NAME_FILES[0]}")
            matrix[at[channel], ARKIT_INDEX[arkit]] = factor
    return matrix


def channel_names(folder: Path) -> list[str]:
    """Names of the rig's channels from the folder's name file. Raises InputError if there is none."""
    for name in NAME_FILES:
        if (folder / name).is_file():
            return [str(n) for n in _load(folder / name)]
    raise InputError(f"folder {folder} has neither {' nor '.join(NAME_FILES)}")


def with_jaw(motion_poses: np.ndarray, face: np.ndarray) -> np.ndarray:
    """Poses [T, 55, 3] whose jaw follows `jawOpen` (changed in place and returned)."""
    motion_poses[:, JOINT_INDEX["jaw"]] = 0.0
    motion_poses[:, JOINT_INDEX["jaw"], 0] = JAW_ANGLE * face[:, ARKIT_INDEX["jawOpen"]]
    return motion_poses


def read_facegood(folder: str | Path, split: str | None = None, skipped: Skipped | None = None) -> Iterator[Clip]:
    """The takes that have blend shapes; only the face is valid. 2_05 and 3_16 are "test", the others "train"."""
    folder = Path(folder)
    paths = found(folder.glob("bs_value_*.npy"), folder, "FACEGOOD take (bs_value_*.npy)")
    matrix = channel_matrix(channel_names(folder))

    def read(path: Path) -> Iterable[Clip]:
        take = path.stem.removeprefix("bs_value_")
        audio = next((a for end in (".flac", ".wav") if (a := folder / f"{take}{end}").is_file()), None)
        if audio is None:
            raise InputError(f"{path} has no {take}.flac or {take}.wav beside it")
        values = _load(path)
        if values.ndim != 2 or values.shape[1] != len(matrix) or values.dtype.kind != "f" or not len(values):
            raise InputError(f"{path} has shape {list(values.shape)}; it must be [T, {len(matrix)}] numbers")
        if not np.isfinite(values).all():
            raise InputError(f"{path} holds NaN or infinite numbers")
        # some files are a little longer than their sound, some shorter
        values = values[: max(1, round(read_audio(audio).duration * FPS))]
        face = np.clip(values @ matrix, 0.0, 1.0)
        poses = with_jaw(np.zeros((len(face), NUM_JOINTS, 3)), face)
        motion = MotionFrames(poses, FPS, face=face, valid=np.tile([False, False, True], (len(face), 1)))
        place = "test" if take.endswith(HELD_OUT) else "train"
        yield Clip(take, motion, audio, SPEAKER, LICENCE, place, path)

    return each(paths, read, skipped, split)


def _load(path: Path) -> np.ndarray:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", UserWarning)  # headers written by Python 2 make numpy speak
        return read_npy(path)
