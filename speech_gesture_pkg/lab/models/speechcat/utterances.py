"""Recordings as SpeechCAT sees them: motion as vectors of each token stream, and the speech features for it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from speech_gesture_pkg.audio.chunk import SAMPLE_RATE
from speech_gesture_pkg.features.encoded import HOP, REACH, Encode, encode_whole
from speech_gesture_pkg.generators.speechcat.config import SpeechCatConfig
from speech_gesture_pkg.generators.speechcat.representation import to_vectors
from speech_gesture_pkg.lab.models.speech_encoder import SpeechEncoder
from speech_gesture_pkg.lab.training.corpus import SPEECH, Feature, Recording, own_features, samples

AUDIO = "audio"
"""Name of the sound itself in a recording, for an encoder that is fine-tuned."""


@dataclass(frozen=True)
class Utterance:
    """A recording and its vectors.

    Attributes:
        recording: cut to whole tokens.
        vectors: token stream (`SpeechCatConfig.parts`) -> vectors [T, size], float32.
    """

    recording: Recording
    vectors: dict[str, np.ndarray]

    def __len__(self) -> int:
        return len(self.recording)


def utterances(recordings: Sequence[Recording], config: SpeechCatConfig) -> list[Utterance]:
    """The utterances of recordings. Raises InputError for motion that this network cannot hold."""
    whole = [r.in_units(config.downsample) for r in recordings]
    return [Utterance(r, to_vectors(r.motion, config)) for r in whole]


def corpus_features(config: SpeechCatConfig, encoder: SpeechEncoder | None, cache: Path) -> dict[str, Feature]:
    """What a corpus has to hold for a configuration.

    Args:
        config: of the network.
        encoder: the wav2vec 2.0 of a configuration that has one.
        cache: folder for the package's own features.
    """
    if encoder is None:
        return own_features(cache)
    if config.encoder_tuned:  # states that change while the encoder learns are not worth making here
        return {AUDIO: Feature(samples, SAMPLE_RATE)}
    return {SPEECH: Feature(lambda path: encoded(samples(path), encoder.encode, config), config.windows.rate)}


def encoded(audio: np.ndarray, encode: Encode, config: SpeechCatConfig) -> np.ndarray:
    """Encoder states [F, C] of a recording [N] in the blocks of a live stream, F as long as the recording."""
    frames = max(1, round(len(audio) / SAMPLE_RATE * config.windows.rate))
    ends: list[int] = []
    while not ends or (ends[-1] - REACH) // HOP + 1 < frames:
        ends.append(config.windows.samples(len(ends)))
    return encode_whole(audio, ends, encode)[:frames]
