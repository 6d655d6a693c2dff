"""BEAT: motion capture as BVH (its upper body and hands are kept), ARKit face weights as json at 60 fps, wav, TextGrid.

Folders: `<root>/<speaker>/<id>.bvh` with `<id>.json`, `<id>.wav`, `<id>.TextGrid` beside it. The skeleton rests in a
T-pose facing +z with y up, as SMPL-X does, so a joint's world rotation is that of the SMPL-X joint it stands for. The
official split is per recording: `train_test_split.csv` as in BEAT2 where it exists, else 80/10/10 by a hash of the id.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path

import numpy as np

from speech_gesture_pkg.audio.files import read_audio
from speech_gesture_pkg.errors import InputError
from speech_gesture_pkg.lab.datasets.beat2 import official_split, speaker_of
from speech_gesture_pkg.lab.datasets.bvh import read_bvh
from speech_gesture_pkg.lab.datasets.clip import Clip, Skipped, check_lengths, each, found, hashed_split
from speech_gesture_pkg.lab.datasets.textgrid import read_words
from speech_gesture_pkg.motion.frames import MotionFrames, resample
from speech_gesture_pkg.motion.parts import ARKIT_INDEX, ARKIT_NAMES
from speech_gesture_pkg.motion.skeleton import JOINT_INDEX, NUM_JOINTS, matrix_to_axis_angle

LICENCE = "BEAT dataset licence (CC BY-NC 4.0)"
FPS = 30.0
FACE_FPS = 60.0
_FINGERS = {"M": "middle", "R": "ring", "P": "pinky", "I": "index", "T": "thumb"}
_BODY = ("Spine", "Neck", "Neck1")
_SIDES = {"R": "right", "L": "left"}


def _side(letter: str) -> tuple[str, ...]:
    """The 22 joints of a side: shoulder, arm, forearm, hand and fingers (index, ring, pinky with a metacarpal)."""
    arm = [f"{letter}Shoulder", f"{letter}Arm", f"{letter}Arm1", f"{letter}Hand"]
    for finger in "MRPIT":
        metacarpal = [f"{letter}Hand{finger}"] if finger in "RPI" else []
        arm += metacarpal + [f"{letter}Hand{finger}{k}" for k in (1, 2, 3)]
    return tuple(arm)


def _smplx_names() -> dict[str, str]:
    """BEAT joint -> SMPL-X joint whose world rotation it gives."""
    named = {
        "Hips": "pelvis",
        "Spine": "spine1",
        "Spine1": "spine2",
        "Spine3": "spine3",
        "Neck": "neck",
        "Head": "head",
    }
    for letter, side in _SIDES.items():
        named |= {
            f"{letter}Shoulder": f"{side}_collar",
            f"{letter}Arm": f"{side}_shoulder",
            f"{letter}Arm1": f"{side}_elbow",
            f"{letter}Hand": f"{side}_wrist",
        }
        for finger, name in _FINGERS.items():
            named |= {f"{letter}Hand{finger}{k}": f"{side}_{name}{k}" for k in (1, 2, 3)}
    return named


SMPLX_OF = _smplx_names()
UPPER_JOINTS: tuple[str, ...] = (*_BODY, *_side("R"), *_side("L"))
"""The 47 joints of BEAT's 141 gesture parameters, named as in its BVH files."""
_PARENT_OF = {
    "spine1": "pelvis",
    "spine2": "spine1",
    "spine3": "spine2",
    "neck": "spine3",
    "head": "neck",
    **{
        f"{side}_{a}": (f"{side}_{b}" if b != "spine3" else b)
        for side in _SIDES.values()
        for a, b in (("collar", "spine3"), ("shoulder", "collar"), ("elbow", "shoulder"), ("wrist", "elbow"))
    },
    **{
        f"{side}_{finger}{k}": f"{side}_{finger}{k - 1}" if k > 1 else f"{side}_wrist"
        for side in _SIDES.values()
        for finger in _FINGERS.values()
        for k in (1, 2, 3)
    },
}


def read_beat_motion(path: str | Path) -> MotionFrames:
    """Upper body and hands of a BEAT BVH as SMPL-X, at the file's rate; legs rest, the root stays.

    Raises:
        InputError: not a BVH, or joints missing (the first one is named).
    """
    bvh = read_bvh(path)
    missing = [name for name in SMPLX_OF if name not in bvh.names]
    if missing:
        raise InputError(f"{path} has no joint '{missing[0]}' ({len(missing)} missing); it is not a BEAT skeleton")
    world = bvh.world()
    by_smplx = {smplx: world[:, bvh.names.index(name)] for name, smplx in SMPLX_OF.items()}
    local = np.tile(np.eye(3), (len(world), NUM_JOINTS, 1, 1))
    local[:, 0] = by_smplx["pelvis"]
    for name, parent in _PARENT_OF.items():
        local[:, JOINT_INDEX[name]] = np.swapaxes(by_smplx[parent], 1, 2) @ by_smplx[name]
    return MotionFrames(matrix_to_axis_angle(local), bvh.fps)


def read_beat_face(path: str | Path) -> tuple[np.ndarray, np.ndarray]:
    """Times [F] (s) and ARKit weights [F, 52] of a BEAT face file; weights it lacks (tongueOut) are 0.

    Raises:
        InputError: not JSON, without names and frames, unknown names, rows of another length, or NaN.
    """
    path = Path(path)
    try:
        data = json.loads(path.read_text("utf-8"))
        names, frames = list(data["names"]), list(data["frames"])
        rows = np.array([f["weights"] for f in frames], float)
        times = np.array([f.get("time", k / FACE_FPS) for k, f in enumerate(frames)], float)
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise InputError(f"{path} is not a BEAT face file with 'names' and 'frames' ({error})") from error
    unknown = [n for n in names if n not in ARKIT_INDEX]
    if unknown:
        raise InputError(f"{path}: {unknown[0]!r} is not one of the 52 ARKit blend shapes")
    if rows.shape != (len(frames), len(names)) or not len(rows):
        raise InputError(f"{path}: weights have shape {list(rows.shape)}; they must be [F >= 1, {len(names)}]")
    if not np.isfinite(rows).all() or not np.isfinite(times).all() or (np.diff(times) <= 0).any():
        raise InputError(f"{path} holds NaN, or times that do not increase")
    weights = np.zeros((len(rows), len(ARKIT_NAMES)))
    weights[:, [ARKIT_INDEX[n] for n in names]] = rows
    return times, np.clip(weights, 0.0, 1.0)


def read_beat(
    root: str | Path,
    split: str | None = None,
    skipped: Skipped | None = None,
    progress: Callable[[Iterable[Path]], Iterable[Path]] | None = None,
) -> Iterator[Clip]:
    """Clips of a BEAT folder at 30 fps, one in memory at a time (arguments as in `layout.read_corpus`).

    Motion and audio are cut to the shorter of the two, as BEAT's own preparation does; a face file is optional.
    """
    root = Path(root)
    paths = found(root.rglob("*.bvh"), root, "BEAT recording (*.bvh)")
    official = official_split(root)

    def read(path: Path) -> Iterable[Clip]:
        name = path.stem
        audio = path.with_suffix(".wav")
        if not audio.is_file():
            raise InputError(f"{path} has no {audio.name} beside it")
        motion = resample(read_beat_motion(path), FPS)
        seconds = read_audio(audio).duration
        motion = motion[: max(1, min(len(motion), round(seconds * FPS)))]
        check_lengths(path, motion, seconds, 2.0)
        face_file = path.with_suffix(".json")
        face = np.zeros((0, len(ARKIT_NAMES)))
        if face_file.is_file():
            times, weights = read_beat_face(face_file)
            face = np.stack([np.interp(motion.times, times, column) for column in weights.T], 1)
        valid = np.tile([True, True, len(face) > 0], (len(motion), 1))
        motion = MotionFrames(motion.poses, FPS, face=face, valid=valid)
        text = path.with_suffix(".TextGrid")
        words = read_words(text) if text.is_file() else ()
        place = official.get(name) or hashed_split(name)
        yield Clip(name, motion, audio, speaker_of(name), LICENCE, place, path, words)

    return each(paths, read, skipped, split, progress)
