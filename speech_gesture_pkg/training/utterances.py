"""A corpus in memory, as the networks see it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from speech_gesture_pkg.body.kinematics import wrist_velocity
from speech_gesture_pkg.body.motion import MotionFrames
from speech_gesture_pkg.errors import InputError
from speech_gesture_pkg.generators.speechcat.config import FPS, SpeechCatConfig
from speech_gesture_pkg.generators.speechcat.representation import to_vectors
from speech_gesture_pkg.generators.speechcat.windows import TokenWindows

_STYLE_SPAN = 4.0
"""Seconds around a frame over which its style is measured."""
_STROKE_SPEED = 0.35
"""A wrist faster than this makes a stroke, m/s (as in the kinematics table)."""


@dataclass(frozen=True)
class Utterance:
    """One recording.

    Attributes:
        name: for messages.
        vectors: token stream -> vectors [T, size], float32.
        speech: features on their 100 Hz grid, from the same instant. Shape [F, C], float32.
        liveliness: wrist speed (m/s) and strokes per second around each frame. Shape [T, 2].
        speaker: index.
        motion: the frames themselves, for the metrics; only of held-out recordings.
    """

    name: str
    vectors: dict[str, np.ndarray]
    speech: np.ndarray
    liveliness: np.ndarray
    speaker: int
    motion: MotionFrames | None = None

    def __len__(self) -> int:
        return len(self.liveliness)


def utterance(
    name: str, motion: MotionFrames, speech: np.ndarray, config: SpeechCatConfig, speaker: int, keep: bool = False
) -> Utterance:
    """Make an utterance of motion and speech features that begin together.

    Args:
        name: for messages.
        motion: at 30 fps.
        speech: features at 100 Hz. Shape [F, C].
        config: of the networks.
        speaker: index into `config.speakers`.
        keep: keep the motion for the metrics.

    Raises:
        InputError: lengths that differ by more than half a second, or NaN.
    """
    seconds, heard = len(motion) / FPS, len(speech) / 100.0
    if abs(seconds - heard) > 0.5:
        raise InputError(f"{name}: motion lasts {seconds:.2f} s, its audio {heard:.2f} s; they must agree within 0.5 s")
    if not np.isfinite(speech).all():
        raise InputError(f"{name}: the speech features hold NaN or infinite numbers")
    count = len(motion) // config.downsample * config.downsample
    motion = motion[:count]
    return Utterance(
        name,
        to_vectors(motion, config),
        np.asarray(speech, np.float32),
        liveliness(motion),
        speaker,
        motion if keep else None,
    )


def liveliness(motion: MotionFrames) -> np.ndarray:
    """Mean wrist speed (m/s, relative to the chest) and strokes per second over 4 s around each frame. Shape [T, 2]."""
    speed = np.linalg.norm(wrist_velocity(motion), axis=-1).max(1)
    if len(speed) < len(motion):
        speed = np.concatenate([speed[:1], speed])[: len(motion)]
    starts = np.concatenate([[0.0], (speed[1:] > _STROKE_SPEED) & (speed[:-1] <= _STROKE_SPEED)])
    span = min(len(speed), round(_STYLE_SPAN * motion.fps))
    box = np.ones(span)
    norm = np.convolve(np.ones(len(speed)), box, "same")
    mean = np.convolve(speed, box, "same") / norm
    return np.stack([mean, np.convolve(starts, box, "same") / norm * motion.fps], 1)


def style_reference(utterances: Sequence[Utterance]) -> np.ndarray:
    """Median liveliness of a corpus over the frames that move. Shape [2]."""
    both = np.concatenate([u.liveliness for u in utterances])
    moving = both[both[:, 0] > 0.05]
    return np.maximum(np.median(moving if len(moving) else both, axis=0), 1e-3)


def style_of(utterance: Utterance, reference: np.ndarray) -> np.ndarray:
    """What the network is told: log2 of the ratio to the corpus' median, within a factor 4. Shape [T, 2], float32."""
    ratio = np.clip(utterance.liveliness / reference, 0.25, 4.0)
    return np.log2(ratio).astype(np.float32)


def speech_windows(speech: np.ndarray, first: int, count: int, windows: TokenWindows, quiet: np.ndarray) -> np.ndarray:
    """Windows of tokens `first` to `first + count`; outside the recording there is silence. Shape [count, L, C]."""
    begin = windows.first(first)
    end = windows.first(first + count - 1) + windows.length
    inside = speech[max(0, begin) : max(0, end)]
    before = np.repeat(quiet[None], max(0, -begin) if begin < 0 else 0, 0)
    after = np.repeat(quiet[None], max(0, end - begin - len(before) - len(inside)), 0)
    whole = np.concatenate([before, inside, after])
    return np.stack([whole[windows.first(first + k) - begin :][: windows.length] for k in range(count)])
