"""Controls: what a metric must not be fooled by. Motion or audio is spoiled in one known way.

A metric that claims to judge motion beside speech should rank real motion above these. Which published ones do not
stands in the registry (`Metric.fooled_by`).
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from speech_gesture_pkg.errors import InputError
from speech_gesture_pkg.features.extractor import FeatureFrames
from speech_gesture_pkg.motion.frames import MotionFrames

JITTER_DEG = 2.0
"""Standard deviation of the jitter on each joint axis, degrees: visible trembling."""
BLOCK_S = 1.0


def frozen(motion: MotionFrames) -> MotionFrames:
    """The mean pose (of axis-angle and face weights), held for the whole time."""
    if len(motion) == 0:
        raise InputError("an empty motion cannot be frozen")
    held = {k: np.broadcast_to(getattr(motion, k).mean(axis=0), getattr(motion, k).shape).copy() for k in _VALUES}
    return replace(motion, **held)


_VALUES = ("poses", "translation", "expression", "face")


def jittered(motion: MotionFrames, seed: int = 0, degrees: float = JITTER_DEG) -> MotionFrames:
    """Independent Gaussian noise on every joint axis of every frame; face weights get the same number in percent."""
    rng = np.random.default_rng(seed)
    poses = motion.poses + np.deg2rad(degrees) * rng.standard_normal(motion.poses.shape)
    face = np.clip(motion.face + 0.01 * degrees * rng.standard_normal(motion.face.shape), 0.0, 1.0)
    return replace(motion, poses=poses, face=face)


def time_shuffled(motion: MotionFrames, seed: int = 0, block_s: float = BLOCK_S) -> MotionFrames:
    """The motion cut into blocks that are put together in random order: every pose stays, the timing is lost.

    Raises:
        InputError: fewer than two blocks.
    """
    size = max(1, round(block_s * motion.fps))
    count = -(-len(motion) // size)
    if count < 2:
        raise InputError(f"the motion has {len(motion)} frames; shuffling blocks of {size} needs more than one block")
    order = np.random.default_rng(seed).permutation(count)
    if (order == np.arange(count)).all():
        order = order[::-1]
    index = np.concatenate([np.arange(b * size, min((b + 1) * size, len(motion))) for b in order])
    return replace(motion, **{k: getattr(motion, k)[index] for k in (*_VALUES, "phase", "valid")})


def mirrored_audio(speech: FeatureFrames) -> FeatureFrames:
    """The features played backwards (mirrored in time): same syllables, same loudness, wrong moments."""
    return replace(
        speech,
        **{k: getattr(speech, k)[::-1].copy() for k in ("log_mel", "energy_db", "onset", "f0_hz", "voicing")},
    )
