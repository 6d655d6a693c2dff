"""A corpus in memory, as the networks see it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from speech_gesture_pkg.errors import InputError
from speech_gesture_pkg.generators.feature_windows import TokenWindows
from speech_gesture_pkg.generators.speechcat.config import FPS, SpeechCatConfig
from speech_gesture_pkg.generators.speechcat.representation import to_vectors
from speech_gesture_pkg.motion.frames import MotionFrames
from speech_gesture_pkg.motion.liveliness import wrist_velocity
from speech_gesture_pkg.motion.parts import PARTS

_STROKE_SPEED = 0.35
"""A wrist faster than this makes a stroke, m/s (as in the kinematics table)."""


@dataclass(frozen=True)
class Utterance:
    """One recording.

    Attributes:
        name: for messages.
        vectors: part (body, hands, face) -> vectors [T, size], float32.
        speech: features on their own grid (`TokenWindows.rate`), from the same instant. Shape [F, C], float32.
        speed: of the faster wrist relative to the chest, m/s. Shape [T].
        speaker: index.
        motion: the frames themselves, for the metrics; only of held-out recordings.
        audio: the sound, 16 kHz; only where the encoder learns along. Shape [N], float32.
        hubert: HuBERT states at the rate of the network's motion, for one that hears them. Shape [T' >= T, H], float32.
    """

    name: str
    vectors: dict[str, np.ndarray]
    speech: np.ndarray
    speed: np.ndarray
    speaker: int
    motion: MotionFrames | None = None
    audio: np.ndarray | None = None
    hubert: np.ndarray | None = None

    def __len__(self) -> int:
        return len(self.speed)

    @property
    def liveliness(self) -> np.ndarray:
        """Mean wrist speed (m/s) and strokes per second of the whole recording, pauses included. Shape [2]."""
        starts = (self.speed[1:] > _STROKE_SPEED) & (self.speed[:-1] <= _STROKE_SPEED)
        return np.array([self.speed.mean(), starts.sum() * FPS / len(self.speed)])

    def streams(self, config: SpeechCatConfig) -> dict[str, np.ndarray]:
        """The vectors by token stream (`config.parts`)."""
        if config.parts == PARTS:
            return self.vectors
        return {"all": np.concatenate([self.vectors[p] for p in PARTS], 1)}


def utterance(
    name: str, motion: MotionFrames, speech: np.ndarray, config: SpeechCatConfig, speaker: int, keep: bool = False
) -> Utterance:
    """Make an utterance of motion and speech features that begin together.

    Args:
        name: for messages.
        motion: at 30 fps.
        speech: features at the rate of the configuration's encoder. Shape [F, C].
        config: of the networks; the variant does not matter.
        speaker: index into `config.speakers`.
        keep: keep the motion for the metrics.

    Raises:
        InputError: lengths that differ by more than half a second, or NaN.
    """
    seconds, heard = len(motion) / FPS, len(speech) / TokenWindows.of(config).rate
    if abs(seconds - heard) > 0.5:
        raise InputError(f"{name}: motion lasts {seconds:.2f} s, its audio {heard:.2f} s; they must agree within 0.5 s")
    if not np.isfinite(speech).all():
        raise InputError(f"{name}: the speech features hold NaN or infinite numbers")
    count = len(motion) // config.downsample * config.downsample
    motion = motion[:count]
    return Utterance(
        name,
        to_vectors(motion, replace(config, variant="full")),
        np.asarray(speech, np.float32),
        _wrist_speed(motion),
        speaker,
        motion if keep else None,
    )


def _wrist_speed(motion: MotionFrames) -> np.ndarray:
    speed = np.linalg.norm(wrist_velocity(motion), axis=-1).max(1)
    if len(speed) < len(motion):
        speed = np.concatenate([speed[:1], speed])[: len(motion)]
    return np.asarray(speed)


def style_reference(utterances: Sequence[Utterance]) -> np.ndarray:
    """Median liveliness of the recordings of a corpus. Shape [2]."""
    return np.asarray(np.maximum(np.median([u.liveliness for u in utterances], axis=0), 1e-3))


def style_of(utterance: Utterance, reference: np.ndarray) -> np.ndarray:
    """What the network is told of a recording: log2 of the ratio to the corpus' median, within a factor 4. Shape [2].

    It is one for the whole recording: told of the moment, the network would learn to move when it is told to instead
    of when it is spoken.
    """
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
