"""Many motions for one recording at once: what the stream would make with each seed, in fewer network calls."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from speech_gesture_pkg.audio.chunk import AudioChunk
from speech_gesture_pkg.errors import InputError, ModelError
from speech_gesture_pkg.generators.base import Style, usable_samples
from speech_gesture_pkg.generators.conditioning import style_vector
from speech_gesture_pkg.generators.speechcat.bundle import SpeechCatBundle
from speech_gesture_pkg.generators.speechcat.generator import SpeechCatGenerator, checked
from speech_gesture_pkg.generators.speechcat.sampling import draw
from speech_gesture_pkg.motion.frames import MotionFrames

STREAMS = 16
"""Most streams in one call of the transformer: its memory grows by about a megabyte for each."""


def generate_batch(
    generator: SpeechCatGenerator,
    audio: AudioChunk,
    seeds: Sequence[int],
    speaker: str | None = None,
    style: Style | None = None,
) -> list[MotionFrames]:
    """One motion for each seed, as long as the audio. Equal to the stream's up to rounding, which may tip a draw.

    Args:
        generator: makes the motions.
        audio: a whole recording, 16 kHz.
        seeds: of the draws.
        speaker, style: as for `start`.

    Raises:
        InputError: no seeds, or audio that cannot be used.
        ModelError: a network failed.
    """
    if not len(seeds):
        raise InputError("there are no seeds: one motion is made for each")
    config = generator.bundle.config
    frames = max(1, round(audio.duration * generator.fps))
    wanted = -(-frames // config.downsample) + config.decoder_ahead
    windows = _windows(generator, audio, wanted)
    size = STREAMS if generator.bundle.batched else 1
    start = generator.start(0, speaker, style)
    motions = []
    for first in range(0, len(seeds), size):
        tokens = _draw(generator, windows, seeds[first : first + size], start.speaker, start.style)
        for each in tokens:
            made = generator.bundle.decoders(indices=each)
            shown = {
                p: checked(made[f"frames_{p}"], p)[config.decoder_ahead * config.downsample :] for p in config.parts
            }
            pieces = [
                {p: v[k : k + config.downsample] for p, v in shown.items()}
                for k in range(0, (wanted - config.decoder_ahead) * config.downsample, config.downsample)
            ]
            motion, _ = generator.show(pieces, 0, replace(start, start=audio.start))
            motions.append(motion[:frames])
    return motions


def _windows(generator: SpeechCatGenerator, audio: AudioChunk, tokens: int) -> np.ndarray:
    """Speech of each token; silence follows the recording. Shape [tokens, L, C]."""
    samples = usable_samples(audio, generator.name, generator.sample_rate)
    missing = max(0, generator.samples_for(tokens) - len(samples))
    state = replace(generator.start(), audio=np.pad(samples, (0, missing)))
    length = generator.window_length
    found = []
    for _ in range(tokens):
        state = generator.listen(state)
        found.append(state.vectors[:length])
        state = replace(state, done=state.done + 1)
    return np.stack(found)


def _draw(
    generator: SpeechCatGenerator, windows: np.ndarray, seeds: Sequence[int], speaker: int, style: Style
) -> np.ndarray:
    """Tokens of every stream. Shape [B, P, N]."""
    bundle: SpeechCatBundle = generator.bundle
    parts, count = len(bundle.config.parts), len(seeds)
    tokens = np.full((parts, count, len(windows) + 1), bundle.config.codes, np.int64)
    past = np.zeros((*bundle.past_shape[:3], count, *bundle.past_shape[4:]), np.float32)
    known = np.zeros((count, bundle.known_shape[1]), np.float32)
    told = np.repeat(style_vector(style)[None, None], count, 0)
    for k, window in enumerate(windows):
        made = bundle.transformer(
            tokens=tokens[:, :, k : k + 1],
            windows=np.repeat(window[None, None], count, 0),
            speaker=np.full(count, speaker, np.int64),
            style=told,
            past=past,
            known=known,
        )
        past, known, logits = made["new_past"], made["new_known"], made["logits"][:, :, 0]
        if not np.isfinite(logits).all():
            raise ModelError("the transformer gave logits that are not finite")
        for b, seed in enumerate(seeds):
            tokens[:, b, k + 1] = draw(logits[:, b], generator.sampling, seed, k)
    return tokens[:, :, 1:].transpose(1, 0, 2)
