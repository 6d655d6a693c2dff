"""SmartBody gesture clips as SMPL-X: `smartbody_smplx.npz` and `.json`, as `smartbody_convert` writes them.

npz: `<key>.poses [T, K, 3]` axis-angle at 30 fps, `<key>.trans [T, 3]`, and `smplx55_index [K]`, the SMPL-X joint of
each column. json: `{"clips": [{"key", "set", "posture", "type", "sync": {"stroke": seconds, ...}, ...}]}`, where
`sync.stroke` is the stroke's peak (the mark called `emphasis` in the raw files).
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from speech_gesture_pkg.errors import InputError
from speech_gesture_pkg.motion.bounded_npz import read_npz
from speech_gesture_pkg.motion.frames import MotionFrames
from speech_gesture_pkg.motion.skeleton import JOINT_INDEX, NUM_JOINTS, forward_kinematics

FPS = 30.0
LICENCE = "LGPL-2.1 (SmartBody, (c) University of Southern California, Institute for Creative Technologies)"
NAME = "smartbody_smplx"
_ONSET, _OFFSET = 0.12, 0.25
"""A wrist has left, or is back at, its start when its way is this share of its largest."""
_ONE_HANDED = 0.35
"""A hand takes part if it goes at least this share of the other's way."""


@dataclass(frozen=True)
class GestureClip:
    """One gesture.

    Attributes:
        key: `set__clip`.
        kind: beat, negate, you, ...
        group: the set it is from.
        posture: how it starts, e.g. Idle01.
        motion: 30 fps, body and hands.
        emphasis: peak of the stroke, seconds after the first frame.
        onset, offset: when the hands have left their start and are back, seconds.
        hands: "left", "right", "both" or "none".
    """

    key: str
    kind: str
    group: str
    posture: str
    motion: MotionFrames
    emphasis: float
    onset: float
    offset: float
    hands: str

    @property
    def seconds(self) -> float:
        """Duration."""
        return (len(self.motion) - 1) / self.motion.fps


def read_gestures(folder: str | Path) -> Iterator[GestureClip]:
    """The clips of a converted SmartBody folder.

    Raises:
        InputError: files missing, not of this layout, or a clip with NaN or a mark outside it.
    """
    folder = Path(folder)
    npz, table = folder / f"{NAME}.npz", folder / f"{NAME}.json"
    for path in (npz, table):
        if not path.is_file():
            raise InputError(f"{path} does not exist; 'speech-gesture corpus smartbody' makes it of the raw files")
    try:
        clips = json.loads(table.read_text("utf-8"))["clips"]
        arrays = read_npz(npz)
        index = arrays["smplx55_index"]
        for clip in clips:
            yield _gesture(npz, clip, arrays[f"{clip['key']}.poses"], arrays[f"{clip['key']}.trans"], index)
    except (KeyError, TypeError, ValueError, OSError) as error:
        raise InputError(f"{folder} is not a converted SmartBody folder ({type(error).__name__}: {error})") from error


def _gesture(path: Path, clip: dict, poses: np.ndarray, trans: np.ndarray, index: np.ndarray) -> GestureClip:
    full = np.zeros((len(poses), NUM_JOINTS, 3))
    full[:, index] = poses
    motion = MotionFrames(full, FPS, translation=np.asarray(trans, float))
    if not motion.finite.all():
        raise InputError(f"{path}: clip {clip['key']} holds NaN or infinite numbers")
    emphasis = float(clip["sync"]["stroke"])
    if not 0.0 <= emphasis <= len(poses) / FPS:
        raise InputError(f"{path}: clip {clip['key']} has its stroke at {emphasis} s, outside its {len(poses) / FPS} s")
    hands, onset, offset = stroke_span(motion, emphasis)
    return GestureClip(
        clip["key"], str(clip["type"]), str(clip["set"]), str(clip["posture"]), motion, emphasis, onset, offset, hands
    )


def stroke_span(motion: MotionFrames, emphasis: float) -> tuple[str, float, float]:
    """Which hands move, and when they have left and are back, seconds.

    A hand's way is the distance of its wrist, relative to the chest, from where it starts (or ends, after the stroke).
    """
    rotations, positions = forward_kinematics(motion.matrices())
    chest = JOINT_INDEX["spine3"]
    wrists = positions[:, [JOINT_INDEX["left_wrist"], JOINT_INDEX["right_wrist"]]] - positions[:, None, chest]
    wrists = np.einsum("tba,tjb->tja", rotations[:, chest], wrists)
    peak = min(round(emphasis * motion.fps), len(motion) - 1)
    before = np.linalg.norm(wrists - wrists[0], axis=-1)
    after = np.linalg.norm(wrists - wrists[-1], axis=-1)
    way = before.max(0)
    if way.max() < 0.05:
        return "none", 0.0, motion.end
    both = way.min() >= _ONE_HANDED * way.max()
    hand = int(way.argmax())
    early = np.flatnonzero(before[: peak + 1, hand] < _ONSET * way[hand])
    late = np.flatnonzero(after[peak:, hand] < _OFFSET * way[hand])
    onset = early[-1] if len(early) else 0
    offset = peak + (late[0] if len(late) else len(motion) - 1 - peak)
    return "both" if both else ("left", "right")[hand], onset / motion.fps, offset / motion.fps
