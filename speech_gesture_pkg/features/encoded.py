"""Speech as hidden states of wav2vec 2.0 (Baevski et al. 2020) or HuBERT (Hsu et al. 2021), block by block.

The encoder looks at its whole input, so a growing input would change its earlier output, and cost more and more. Here
each block of new audio is encoded together with the audio before it, `frames` states in all, and only the states of
the new audio are kept; with `ahead`, so many of the newest states are not kept yet, but come with the next block, when
the network has seen what follows them. Training cuts its recordings into the same blocks (`encode_whole`), so that a
live stream sees exactly the numbers that the model was trained on.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np

from speech_gesture_pkg.errors import InputError

HOP = 320
"""Samples between states (20 ms): the product of the strides of wav2vec 2.0's convolutions."""
REACH = 400
"""Samples that state k covers from sample k * HOP on (25 ms): the receptive field of those convolutions."""
FRAMES = 64
"""States of an encoder call, where nothing else is asked for: 1.3 s of audio."""


def samples_of(frames: int) -> int:
    """Samples of an encoder call of so many states."""
    return (frames - 1) * HOP + REACH


SAMPLES = samples_of(FRAMES)
"""Samples of an encoder call of `FRAMES` states."""

Encode = Callable[[np.ndarray], np.ndarray]
"""Audio [B, samples] -> states [B, frames, C], float32."""


@dataclass(frozen=True)
class EncodedState:
    """Where a stream stands. Never changed in place.

    Attributes:
        audio: the newest samples; silence before the stream's start. Shape [samples], float32.
        received: samples so far.
    """

    audio: np.ndarray
    received: int


class EncodedSpeech:
    """Audio in, states out; each call of `step` is a block, so equal blocks give equal states.

    State k of a stream covers its samples from k * HOP on.

    Args:
        encode: the network.
        channels: of a state.
        frames: states of an encoder call.
        ahead: states that the network sees beyond a block's last one.
    """

    def __init__(self, encode: Encode, channels: int, frames: int = FRAMES, ahead: int = 0) -> None:
        self._encode, self._channels, self._frames, self._ahead = encode, channels, frames, ahead

    def start(self) -> EncodedState:
        """State before the first sample."""
        return EncodedState(np.zeros(samples_of(self._frames), np.float32), 0)

    def step(self, samples: np.ndarray, state: EncodedState) -> tuple[np.ndarray, EncodedState]:
        """The states [F, C] that a block [N] (16 kHz mono) completes, and the next state.

        Raises:
            InputError: the block is longer than an encoder call, or does not end with a state.
        """
        received = state.received + len(samples)
        count = _new_states(state.received, received, self._frames, self._ahead)
        audio = np.concatenate([state.audio, np.asarray(samples, np.float32)])[-len(state.audio) :]
        return _newest(self._encode(audio[None])[0], count, self._ahead), EncodedState(audio, received)

    def quiet(self, count: int) -> np.ndarray:
        """What stands for the time before a stream's start and after a recording's end. Shape [count, C]."""
        return np.zeros((count, self._channels), np.float32)


def encode_whole(
    samples: np.ndarray,
    ends: Sequence[int],
    encode: Encode,
    batch: int = 16,
    frames: int = FRAMES,
    ahead: int = 0,
) -> np.ndarray:
    """The states of a recording that is cut into blocks, as `EncodedSpeech` gives them. Shape [F, C].

    Args:
        samples: 16 kHz mono. Shape [N]; silence follows it.
        ends: sample at which each block ends, increasing.
        encode: the network.
        batch: blocks per call.
        frames, ahead: see `EncodedSpeech`.

    Raises:
        InputError: no block, or one that is longer than an encoder call or does not end with a state.
    """
    windows, counts, before, size = [], [], 0, samples_of(frames)
    padded = np.concatenate([np.zeros(size, np.float32), np.asarray(samples, np.float32)])
    for end in ends:
        counts.append(_new_states(before, end, frames, ahead))
        audio = padded[end : end + size]
        windows.append(np.pad(audio, (0, size - len(audio))))
        before = end
    if not windows:
        raise InputError("there is no audio to encode")
    made = [encode(np.stack(windows[k : k + batch])) for k in range(0, len(windows), batch)]
    return np.concatenate([_newest(s, n, ahead) for s, n in zip(np.concatenate(made), counts, strict=True)])


def _new_states(before: int, end: int, frames: int, ahead: int) -> int:
    """States that a block from sample `before` to `end` completes. Raises InputError for a block that cannot be."""
    if end < REACH or (end - REACH) % HOP:
        raise InputError(f"a block ends at sample {end}; it must end with a state, at {REACH} + n * {HOP}")
    count = (end - before) // HOP if before else (end - REACH) // HOP + 1 - ahead
    if not 0 <= count <= frames - ahead:
        raise InputError(f"a block completes {count} states; at most {frames - ahead} are encoded at once")
    return count


def _newest(states: np.ndarray, count: int, ahead: int) -> np.ndarray:
    end = len(states) - ahead
    return np.asarray(states[end - count : end], np.float32)
