"""Many motions for one recording at once: what the stream would make with each seed, in fewer network calls."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from speech_gesture_pkg.audio.chunk import AudioChunk
from speech_gesture_pkg.errors import InputError
from speech_gesture_pkg.generators.base import Style
from speech_gesture_pkg.generators.diffsheg.generator import DiffShegGenerator, DiffShegState
from speech_gesture_pkg.motion.frames import MotionFrames

STREAMS = 16
"""Most streams in one network call."""


def generate_batch(
    generator: DiffShegGenerator,
    audio: AudioChunk,
    seeds: Sequence[int],
    speaker: str | None = None,
    style: Style | None = None,
) -> list[MotionFrames]:
    """One motion for each seed, as long as the audio. Equal to the stream's up to rounding.

    Args:
        generator: makes the motions.
        audio: a whole recording, 16 kHz; silence follows it.
        seeds: of the noise.
        speaker, style: as for `start`.

    Raises:
        InputError: no seeds, or audio that cannot be used.
        ModelError: a network failed.
    """
    if not len(seeds):
        raise InputError("there are no seeds: one motion is made for each")
    frames = max(1, round(audio.duration * generator.fps))
    hops = -(-frames // generator.hop_frames)
    padding = max(0, generator.samples_for(hops) - len(audio.samples))
    padded = replace(audio, samples=np.pad(np.asarray(audio.samples, np.float32), (0, padding)))
    motions = []
    for first in range(0, len(seeds), STREAMS):
        states = [generator.start(seed, speaker, style) for seed in seeds[first : first + STREAMS]]
        motions += [m[:frames] for m in _together(generator, padded, states, hops)]
    return motions


def _together(
    generator: DiffShegGenerator, audio: AudioChunk, states: list[DiffShegState], hops: int
) -> list[MotionFrames]:
    """`hops` clips of streams that hear the same."""
    states = [generator.hear(audio, state) for state in states]
    pieces: list[list[np.ndarray]] = [[] for _ in states]
    for _ in range(hops):
        listening = generator.listen(states[0])
        states = [
            replace(
                state,
                audio=listening.audio,
                heard=listening.heard,
                speech=listening.speech,
                vectors=listening.vectors,
                first=listening.first,
                hubert=listening.hubert,
            )
            for state in states
        ]
        made, states = generator.clips(states)
        for stream, piece in zip(pieces, made, strict=True):
            stream.append(piece)
    return [generator.show(p, 0, state)[0] for p, state in zip(pieces, states, strict=True)]
