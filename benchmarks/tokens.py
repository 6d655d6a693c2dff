"""The `tokens` figure of `speech-gesture bench`: how long a token model takes for 50 tokens of every part."""

from __future__ import annotations

import time
from typing import Any

import numpy as np

from speech_gesture_pkg.audio.chunk import AudioChunk
from speech_gesture_pkg.errors import InputError
from speech_gesture_pkg.generators.speechcat.generator import SpeechCatGenerator

TOKENS = 50
"""As in the peers' figures: a T2M-GPT-size network without a cache takes 9.4 s on two threads."""


def token_figures(generator: Any, audio: AudioChunk, repeat: int = 5) -> dict[str, float] | None:
    """Seconds for 50 tokens of every part, from audio to SMPL-X frames in one call; None for models without tokens.

    Args:
        generator: any.
        audio: speech, 16 kHz; as much as 50 tokens need.
        repeat: the median of so many runs is given, after one that does not count.

    Raises:
        InputError: the audio is too short.
    """
    if not isinstance(generator, SpeechCatGenerator):
        return None
    size = generator.samples_for(TOKENS)
    if len(audio.samples) < size:
        raise InputError(
            f"the audio lasts {audio.duration:.1f} s; {TOKENS} tokens need {size / audio.sample_rate:.1f} s"
        )
    spent = []
    for _ in range(repeat + 1):
        state = generator.start()
        began = time.perf_counter()
        generator.step(AudioChunk(audio.samples[:size], 0.0, audio.sample_rate), state)
        spent.append(time.perf_counter() - began)
    config = generator.bundle.config
    return {
        "tokens": TOKENS,
        "parts": len(config.parts),
        "seconds": float(np.median(spent[1:])),
        "motion_seconds": TOKENS * config.token_s,
    }
