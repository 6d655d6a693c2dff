"""HuBERT states (Hsu et al. 2021) at the motion's rate, block by block with a bounded past and future.

State k of HuBERT stands for the middle of the samples that it covers, 12.5 ms + k * 20 ms. Frame f shows the instant
f / fps and sees the states before and after it, linearly interpolated; before the first state's middle, the first one.

The blocks (`features.encoded`) are counted in frames from the stream's start. They depend on nothing but the
configuration: not on the chunks that audio comes in, nor on how the stream is cut into clips. Training
(`frame_states`) cuts its recordings into the same blocks.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from speech_gesture_pkg.audio.chunk import SAMPLE_RATE
from speech_gesture_pkg.features.encoded import HOP, REACH, Encode, EncodedSpeech, EncodedState, encode_whole
from speech_gesture_pkg.generators.diffsheg.config import DiffShegConfig

_PART = 24
"""A frame's place is a multiple of 1 / 24 state: 30 fps are 5 states in 3 frames, a state's middle is 5 / 8 state."""
_MORE_S = 0.5
"""Motion may go on after its audio for so long (`lab.datasets.clip.check_lengths`)."""


@dataclass(frozen=True)
class HubertWindows:
    """Which states a frame sees, and in which block of audio they are made.

    Attributes:
        stride: frames of 30 fps motion for one of the network's.
        block: frames of a block.
        past, ahead: states seen at least before a block's first and beyond its last one.
    """

    stride: int
    block: int
    past: int
    ahead: int

    @staticmethod
    def of(config: DiffShegConfig) -> HubertWindows:
        """The windows that a network was made for."""
        past, ahead = (round(s * SAMPLE_RATE / HOP) for s in (config.hubert_past, config.hubert_ahead))
        return HubertWindows(config.stride, config.hubert_block, past, ahead)

    def places(self, first: int, count: int) -> tuple[np.ndarray, np.ndarray]:
        """For frames from `first` on: the state before each (-1 before the first one), and the next one's share."""
        places = 40 * self.stride * np.arange(first, first + count, dtype=np.int64) - 15
        return places // _PART, (places % _PART / _PART).astype(np.float32)

    def states(self, blocks: int) -> int:
        """States that the frames of so many blocks see."""
        return int(self.places(blocks * self.block - 1, 1)[0][0]) + 2 if blocks else 0

    def samples(self, block: int) -> int:
        """Samples of the stream at which a block ends."""
        return (self.states(block + 1) + self.ahead - 1) * HOP + REACH

    def samples_for(self, frame: int) -> int:
        """Samples of the stream that must be there before a frame is known."""
        return self.samples(frame // self.block)

    @property
    def frames(self) -> int:
        """States of an encoder call."""
        return self.past + max(self.states(b + 1) - self.states(b) for b in range(_PART)) + self.ahead

    def interpolated(self, states: np.ndarray, offset: int, first: int, count: int) -> np.ndarray:
        """States [F, H] from state `offset` on at frames from `first` on. Shape [count, H]."""
        before, share = self.places(first, count)
        left, right = (np.maximum(k, 0) - offset for k in (before, before + 1))
        return np.asarray(states[left] + share[:, None] * (states[right] - states[left]), np.float32)


@dataclass(frozen=True)
class HubertState:
    """Where a stream stands. Never changed in place.

    Attributes:
        audio: samples that no block has used yet. Shape [N], float32.
        encoded: of the encoder.
        blocks: made so far.
        last: the newest state, which the next block's first frame may need. Shape [<= 1, H].
        frames: states of the newest frames. Shape [F, H].
        first: index of the first of them.
    """

    audio: np.ndarray
    encoded: EncodedState
    blocks: int
    last: np.ndarray
    frames: np.ndarray
    first: int

    def window(self, first: int, last: int) -> np.ndarray:
        """States of frames `first` to `last` - 1. Shape [last - first, H]."""
        return self.frames[first - self.first : last - self.first]


class HubertStream:
    """Audio in, states at the motion's rate out; chunks of any size give the same.

    Args:
        encode: the network.
        config: of the model.
    """

    def __init__(self, encode: Encode, config: DiffShegConfig) -> None:
        self.windows, self._channels = HubertWindows.of(config), config.hubert
        self._speech = EncodedSpeech(encode, config.hubert, self.windows.frames, self.windows.ahead)

    def start(self) -> HubertState:
        """Before the first sample."""
        empty = np.zeros((0, self._channels), np.float32)
        return HubertState(np.zeros(0, np.float32), self._speech.start(), 0, empty, empty, 0)

    def step(self, samples: np.ndarray, state: HubertState, keep: int) -> HubertState:
        """The state after more samples [N] (16 kHz mono), without frames before frame `keep`."""
        state = replace(state, audio=np.concatenate([state.audio, np.asarray(samples, np.float32)]))
        while state.encoded.received + len(state.audio) >= self.windows.samples(state.blocks):
            state = self._block(state)
        drop = max(0, min(keep - state.first, len(state.frames)))
        return replace(state, frames=state.frames[drop:].copy(), first=state.first + drop)

    def _block(self, state: HubertState) -> HubertState:
        w, block = self.windows, state.blocks
        size = w.samples(block) - state.encoded.received
        new, encoded = self._speech.step(state.audio[:size], state.encoded)
        states = np.concatenate([state.last, new])
        made = w.interpolated(states, w.states(block) - len(state.last), block * w.block, w.block)
        frames = np.concatenate([state.frames, made])
        return HubertState(state.audio[size:], encoded, block + 1, states[-1:], frames, state.first)

    def lookahead_s(self, hop: int, blend: int, fps: float) -> float:
        """Audio needed beyond the first frame of a clip that gives out `hop` frames and holds `blend` back, s.

        Clips and blocks fall together in another way each time, and the longest wait counts.
        """
        ends = [self.windows.samples_for((c + 1) * hop + blend - 1) for c in range(_PART * self.windows.block)]
        return max(end / SAMPLE_RATE - c * hop / fps for c, end in enumerate(ends))


def frame_states(samples: np.ndarray, encode: Encode, config: DiffShegConfig) -> np.ndarray:
    """States of the frames of a recording [N] (16 kHz mono), as in a live stream. Shape [T, H].

    T is half a second longer than the recording, which silence follows: its motion may be.
    """
    windows = HubertWindows.of(config)
    count = int((len(samples) / SAMPLE_RATE + _MORE_S) * config.fps) + 1
    ends = [windows.samples(b) for b in range(-(-count // windows.block))]
    states = encode_whole(samples, ends, encode, frames=windows.frames, ahead=windows.ahead)
    return windows.interpolated(states, 0, 0, count)
