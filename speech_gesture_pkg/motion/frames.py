"""MotionFrames: the one motion type. Every generator makes it, every later stage reads it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
from scipy.spatial.transform import Rotation, Slerp

from speech_gesture_pkg.errors import InputError
from speech_gesture_pkg.motion.parts import ARKIT_NAMES, PARTS
from speech_gesture_pkg.motion.skeleton import NUM_JOINTS, axis_angle_to_matrix

PHASES: tuple[str, ...] = ("rest", "preparation", "stroke", "hold", "retraction")
"""Gesture phases (Kendon; McNeill 1992), the values of `MotionFrames.phase`."""


def _zeros(*tail: int) -> np.ndarray:
    return np.zeros((0, *tail))


@dataclass(frozen=True)
class MotionFrames:
    """T frames of SMPL-X motion at a declared rate.

    Attributes:
        poses: axis-angle of each joint relative to its parent, rad, canonical SMPL-X order; hands absolute
            (flat_hand_mean=True). Shape [T, 55, 3]. Kept as axis-angle so that BEAT2 files survive unchanged;
            `matrices()` gives [T, 55, 3, 3].
        fps: frames per second.
        start: time of frame 0 on the stream clock, seconds.
        translation: root translation, metres, y up. Shape [T, 3].
        expression: SMPL-X expression coefficients. Shape [T, E] (E = 100 in BEAT2, 0 if there are none).
        face: the 52 ARKit blend-shape weights in [0, 1], in the order of `ARKIT_NAMES`. Shape [T, 52].
        phase: gesture phase of each frame as an index into `PHASES`, for display and evaluation; 0 where the
            generator does not know. Shape [T], uint8.
        valid: which parts each frame really holds, in the order of `PARTS` (body, hands, face). Shape [T, 3], bool.
    """

    poses: np.ndarray
    fps: float
    start: float = 0.0
    translation: np.ndarray = field(default_factory=lambda: _zeros(3))
    expression: np.ndarray = field(default_factory=lambda: _zeros(0))
    face: np.ndarray = field(default_factory=lambda: _zeros(len(ARKIT_NAMES)))
    phase: np.ndarray = field(default_factory=lambda: np.zeros(0, np.uint8))
    valid: np.ndarray = field(default_factory=lambda: np.zeros((0, len(PARTS)), bool))

    def __post_init__(self) -> None:
        poses = np.asarray(self.poses)
        if poses.ndim != 3 or poses.shape[1:] != (NUM_JOINTS, 3):
            raise InputError(f"MotionFrames.poses has shape {poses.shape}; it must be [T, 55, 3] axis-angle")
        count = len(poses)
        tails = {
            "translation": (3,),
            "expression": (np.shape(self.expression)[-1],),
            "face": (len(ARKIT_NAMES),),
            "phase": (),
            "valid": (len(PARTS),),
        }
        kinds = {"valid": bool, "phase": np.uint8}
        for key, tail in tails.items():
            value = np.asarray(getattr(self, key))
            if len(value) == 0 and count:
                value = np.full((count, *tail), key == "valid", kinds.get(key, float))
                object.__setattr__(self, key, value)
            elif value.shape != (count, *tail):
                raise InputError(f"MotionFrames.{key} has shape {value.shape}; it must be {(count, *tail)}")

    def __len__(self) -> int:
        return len(self.poses)

    def __getitem__(self, index: slice) -> MotionFrames:
        """Frames `index` (a slice with step 1), with `start` moved along."""
        first, _, step = index.indices(len(self))
        if step != 1:
            raise ValueError("MotionFrames can only be sliced with step 1; resample instead")
        return replace(
            self,
            poses=self.poses[index],
            start=self.start + first / self.fps,
            translation=self.translation[index],
            expression=self.expression[index],
            face=self.face[index],
            phase=self.phase[index],
            valid=self.valid[index],
        )

    @property
    def times(self) -> np.ndarray:
        """Time of each frame on the stream clock, seconds. Shape [T]."""
        return self.start + np.arange(len(self)) / self.fps

    @property
    def end(self) -> float:
        """Time just after the last frame, seconds."""
        return self.start + len(self) / self.fps

    def matrices(self) -> np.ndarray:
        """Local rotation matrices. Shape [T, 55, 3, 3]."""
        return axis_angle_to_matrix(self.poses)

    @property
    def _numbers(self) -> tuple[np.ndarray, ...]:
        return self.poses, self.translation, self.face, self.expression

    @property
    def finite(self) -> np.ndarray:
        """Whether every number of each frame is finite. Shape [T], bool."""
        flat = [np.isfinite(a).all(axis=tuple(range(1, a.ndim))) for a in self._numbers]
        return np.asarray(np.logical_and.reduce(flat))

    @staticmethod
    def concatenate(pieces: Sequence[MotionFrames]) -> MotionFrames:
        """Consecutive pieces as one (same fps; the first piece's start)."""
        if not pieces:
            raise InputError("no motion to concatenate: the list of pieces is empty")
        rates = {p.fps for p in pieces}
        if len(rates) > 1:
            raise InputError(f"cannot concatenate motion of different rates: {sorted(rates)} fps")
        joined: dict[str, Any] = {
            key: np.concatenate([getattr(p, key) for p in pieces])
            for key in ("poses", "translation", "expression", "face", "phase", "valid")
        }
        return replace(pieces[0], **joined)


def resample(motion: MotionFrames, fps: float) -> MotionFrames:
    """The same motion at another rate: slerp on joint rotations, linear on the rest, nearest for phase and validity.

    Frame 0 stays where it is; the last frame is the last one not after the old last frame. The same rate returns the
    motion itself.

    Raises:
        InputError: `fps` is not positive or the motion is empty.
    """
    if not fps > 0:
        raise InputError(f"cannot resample to {fps} fps; it must be positive")
    if len(motion) == 0:
        raise InputError("cannot resample motion without frames")
    if fps == motion.fps:
        return motion
    count = len(motion)
    # the epsilon keeps the last frame when the ratio of rates is not exact in binary
    where = np.arange(int((count - 1) * fps / motion.fps + 1e-9) + 1) * (motion.fps / fps)
    where = np.minimum(where, count - 1)
    left = np.minimum(where.astype(int), max(count - 2, 0))
    right = np.minimum(left + 1, count - 1)
    share = where - left
    nearest = np.where(share < 0.5, left, right)
    poses = np.empty((len(where), NUM_JOINTS, 3), np.asarray(motion.poses).dtype)
    for joint in range(NUM_JOINTS):
        if count == 1:
            poses[:, joint] = motion.poses[:1, joint]
        else:
            keys = Rotation.from_rotvec(np.asarray(motion.poses[:, joint], float))
            poses[:, joint] = Slerp(np.arange(count), keys)(where).as_rotvec()

    def blend(values: np.ndarray) -> np.ndarray:
        weight = share[:, None]
        return ((1.0 - weight) * values[left] + weight * values[right]).astype(values.dtype)

    return replace(
        motion,
        poses=poses,
        fps=float(fps),
        translation=blend(motion.translation),
        expression=blend(motion.expression),
        face=blend(motion.face),
        phase=motion.phase[nearest],
        valid=motion.valid[nearest],
    )
