"""Gesture clips made ready for laying on speech: arms as quaternions, both as they are and mirrored."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
from scipy.spatial.transform import Rotation

from speech_gesture_pkg.errors import InputError
from speech_gesture_pkg.lab.datasets.stats import turn
from speech_gesture_pkg.lab.starter_corpus.smartbody import FPS, GestureClip
from speech_gesture_pkg.motion.skeleton import JOINT_INDEX, JOINT_NAMES

SIDES = ("left", "right")
_CHAIN = ("collar", "shoulder", "elbow", "wrist")


def _arm(side: str) -> list[int]:
    fingers = [k for k, n in enumerate(JOINT_NAMES) if k >= 25 and n.startswith(side)]
    return [*(JOINT_INDEX[f"{side}_{name}"] for name in _CHAIN), *fingers]


ARMS = np.array([_arm("left"), _arm("right")])
"""SMPL-X joints of the left and right arm, fingers last. Shape [2, 19]."""
BEATS = ("beat", "chop", "beat_point", "example", "besides")
MEANING = (
    *("you", "me", "we", "here", "offer", "point_left", "point_right", "point_center", "point", "you_point", "plea"),
    *("inclusivity", "surround", "frame", "when", "however", "question", "receive", "bigger", "safe", "shrug"),
)
STRONG = ("negate", "no", "stop", "dismiss", "empty", "inclusivity_neg")
IDLE = "idle"
_OTHER_START = ("Idle03",)
"""Postures from which no gesture is taken: hands on hips."""
_LONGEST_S = 5.0
_FASTEST = np.deg2rad(32.0)
"""A clip that turns a joint further than this from frame to frame jumps."""


@dataclass(frozen=True)
class Gesture:
    """A clip, or its mirror image.

    Attributes:
        key: of the clip.
        kind: of the clip.
        arms: rotation of each arm joint, quaternions (x, y, z, w), of one hemisphere over time. Shape [T, 2, 19, 4].
        emphasis, onset, offset: as in `GestureClip`, seconds.
        uses: which arms take part: left, right.
        size: how far the emphasis is from the first frame in shoulder and elbow, rad.
    """

    key: str
    kind: str
    arms: np.ndarray
    emphasis: float
    onset: float
    offset: float
    uses: tuple[bool, bool]
    size: float

    @property
    def preparation(self) -> float:
        """Seconds from onset to emphasis."""
        return self.emphasis - self.onset


@dataclass(frozen=True)
class Library:
    """Gestures by the arms they use, and idle motion.

    Attributes:
        one: with one arm; first index: the arm.
        both: with both arms.
        idle: long quiet recordings. Shape [T, 2, 19, 4] each.
    """

    one: tuple[list[Gesture], list[Gesture]]
    both: list[Gesture]
    idle: list[np.ndarray]


def arm_quaternions(poses: np.ndarray, mirrored: bool) -> np.ndarray:
    """Quaternions of both arms, continuous in sign. poses [T, 55, 3] -> [T, 2, 19, 4]."""
    arms = poses[:, ARMS]
    if mirrored:
        # reflection at the plane x = 0: sides change places, y and z of an axis change sign
        arms = arms[:, ::-1] * np.array([1.0, -1.0, -1.0])
    quaternions = Rotation.from_rotvec(arms.reshape(-1, 3)).as_quat().reshape(*arms.shape[:-1], 4)
    steps = np.sign(np.einsum("t...k,t...k->t...", quaternions[1:], quaternions[:-1]))
    steps[steps == 0.0] = 1.0
    quaternions[1:] *= np.cumprod(steps, axis=0)[..., None]
    return quaternions


def make_library(clips: Iterable[GestureClip]) -> Library:
    """Sort the clips, and mirror them.

    Left out: clips from hands on hips, scratching and other acts that no speech goes with, jumps, clips without idle
    start, longer than 5 s.

    Raises:
        InputError: too little is left to make a corpus of (no idle recording, or fewer than 10 gestures).
    """
    one: tuple[list[Gesture], list[Gesture]] = ([], [])
    both: list[Gesture] = []
    idle: list[np.ndarray] = []
    for clip in clips:
        if clip.posture in _OTHER_START:
            continue
        if clip.kind == IDLE and clip.seconds > 8.0:
            idle += [arm_quaternions(clip.motion.poses, m) for m in (False, True)]
        if clip.kind not in (*BEATS, *MEANING, *STRONG) or clip.hands == "none" or clip.seconds > _LONGEST_S:
            continue
        for mirrored in (False, True):
            arms = arm_quaternions(clip.motion.poses, mirrored)
            if turn(arms[1:], arms[:-1]).max() > _FASTEST:
                break
            uses = {"both": (True, True), "left": (True, False), "right": (False, True)}[clip.hands]
            uses = uses[::-1] if mirrored else uses
            peak = min(round(clip.emphasis * FPS), len(arms) - 1)
            size = float(turn(arms[peak, :, 1:3], arms[0, :, 1:3]).max())
            gesture = Gesture(
                clip.key, clip.kind, arms.astype(np.float32), clip.emphasis, clip.onset, clip.offset, uses, size
            )
            (both if all(uses) else one[uses.index(True)]).append(gesture)
    if not idle or min(len(one[0]), len(one[1]), len(both)) < 10:
        raise InputError(
            f"the gesture clips hold {len(idle)} idle recordings, {len(one[0])} one-handed and {len(both)} two-handed "
            f"gestures; at least 1, 10 and 10 are needed"
        )
    return Library(one, both, idle)
