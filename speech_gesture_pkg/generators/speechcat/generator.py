"""SpeechCatGenerator: speech to tokens to motion, one token (4 frames) at a time, without torch."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from speech_gesture_pkg.config import GeneratorConfig
from speech_gesture_pkg.errors import ModelError
from speech_gesture_pkg.features.encoded import EncodedSpeech
from speech_gesture_pkg.features.vectors import SpeechVectors
from speech_gesture_pkg.generators.conditioning import style_vector
from speech_gesture_pkg.generators.feature_windows import MOTION_FPS
from speech_gesture_pkg.generators.speechcat.bundle import SpeechCatBundle
from speech_gesture_pkg.generators.speechcat.representation import from_vectors, part_size
from speech_gesture_pkg.generators.speechcat.sampling import Sampling, draw
from speech_gesture_pkg.generators.speechcat.smoothing import WEIGHT, smoothed
from speech_gesture_pkg.generators.streaming import StreamingGenerator, StreamState
from speech_gesture_pkg.motion.frames import MotionFrames
from speech_gesture_pkg.motion.parts import PARTS


@dataclass(frozen=True)
class SpeechCatState(StreamState):
    """Where B streams stand (see `StreamState`; a unit is a token).

    Attributes:
        tokens: the newest tokens of each part. Shape [B, P, <= history].
        past, known: memory of the transformer.
        shown: the last two frames, before the gain. Shape [B, <= 2, C].
    """

    tokens: np.ndarray
    past: np.ndarray
    known: np.ndarray
    shown: np.ndarray


class SpeechCatGenerator(StreamingGenerator[SpeechCatState]):
    """Streaming SpeechCAT (see `generators.base.Generator`).

    Attributes:
        fps: 30 frames per second.
        hop_frames: frames of a token.
        lookahead_s: audio beyond the first frame of a token: the token itself, what it may see ahead, the features'
            window, and a token more if the decoder looks ahead.
    """

    name = "speechcat"
    fps = MOTION_FPS
    gain_share = 0.08

    def __init__(self, bundle: SpeechCatBundle, sampling: Sampling | None = None) -> None:
        config = bundle.config
        super().__init__(config, config.windows, speech_features(bundle))
        self.bundle, self.sampling = bundle, sampling or Sampling()
        self.hop_frames, self.delay = config.downsample, config.decoder_ahead
        self.lookahead_s = config.windows.lookahead_s + config.decoder_ahead * config.token_s
        self.batch = 16 if bundle.batched else 1  # a stream's memory of the transformer is about a megabyte
        self.calm = np.concatenate([bundle.calm[p] for p in config.parts])
        sizes = [part_size(p, config) for p in PARTS]
        self.parts, self._ends = np.repeat(np.arange(len(PARTS)), sizes), np.cumsum(sizes)[:-1]

    @classmethod
    def load(cls, folder: str | Path, config: GeneratorConfig) -> SpeechCatGenerator:
        """From an exported model and the parameters `generator.*`. Raises ModelError (see `SpeechCatBundle.load`)."""
        sampling = Sampling(config.temperature, config.top_k, config.top_p)
        made = cls(SpeechCatBundle.load(folder, config.device, config.threads), sampling)
        made._warm_up()
        return made

    def samples_for(self, units: int) -> int:
        """Samples of a stream that so many tokens need."""
        return self._windows.samples(units - 1)

    def _begin(self, state: StreamState) -> SpeechCatState:
        count, shapes = len(state.seeds), (self.bundle.past_shape, self.bundle.known_shape)
        return SpeechCatState(
            **vars(state),
            tokens=np.zeros((count, len(self.bundle.config.parts), 0), np.int64),
            past=np.zeros((*shapes[0][:3], count, *shapes[0][4:]), np.float32),
            known=np.zeros((count, shapes[1][1]), np.float32),
            shown=np.zeros((count, 0, len(self.calm)), np.float32),
        )

    def _oldest(self, state: SpeechCatState) -> int:
        return state.units

    def _advance(self, state: SpeechCatState) -> tuple[np.ndarray, SpeechCatState]:
        """The next token of each stream [B, P]."""
        count, parts = len(state.seeds), len(self.bundle.config.parts)
        before = state.tokens[..., -1:] if state.units else np.full((count, parts, 1), self.bundle.config.codes)
        window = state.vectors[: self._windows.length]
        made = self.bundle.transformer(
            tokens=np.ascontiguousarray(before.swapaxes(0, 1)),
            windows=np.repeat(window[None, None], count, 0),
            speaker=np.full(count, state.speaker, np.int64),
            style=np.repeat(style_vector(state.style)[None, None], count, 0),
            past=state.past,
            known=state.known,
        )
        logits = made["logits"][:, :, 0]
        if not np.isfinite(logits).all():
            raise ModelError("the transformer gave logits that are not finite")
        drawn = [draw(logits[:, b], self.sampling, seed, state.units) for b, seed in enumerate(state.seeds)]
        tokens = np.concatenate([state.tokens, np.stack(drawn)[..., None]], -1)[..., -self.bundle.history :]
        after = replace(state, tokens=tokens, past=made["new_past"], known=made["new_known"], units=state.units + 1)
        return np.stack(drawn), after

    def _decode(self, made: np.ndarray, state: SpeechCatState) -> tuple[np.ndarray, SpeechCatState]:
        if state.units <= self.delay:
            return np.zeros((len(made), 0, len(self.calm)), np.float32), state
        raw = [self._frames(tokens)[-self.hop_frames :] for tokens in state.tokens]
        smooth = np.stack([self._smooth(r, before) for r, before in zip(raw, state.shown, strict=True)])
        return smooth, replace(state, shown=smooth[:, -2:])

    def _decode_all(self, made: Sequence[np.ndarray], state: SpeechCatState) -> np.ndarray:
        skipped, streams = self.delay * self.hop_frames, []
        for tokens in np.stack(made, -1):
            raw, shown = self._frames(tokens)[skipped:], [np.zeros((0, len(self.calm)), np.float32)]
            for first in range(0, len(raw), self.hop_frames):
                shown.append(self._smooth(raw[first : first + self.hop_frames], shown[-1][-2:]))
            streams.append(np.concatenate(shown))
        return np.stack(streams)

    def _frames(self, tokens: np.ndarray) -> np.ndarray:
        """Decoded vectors [N * hop_frames, C] of tokens [P, N]."""
        made = self.bundle.decoders(indices=tokens)
        for part in self.bundle.config.parts:  # making rotations of them would hide numbers that are not finite
            if not np.isfinite(made[f"frames_{part}"]).all():
                raise ModelError(f"the decoder of {part} gave frames that are not finite")
        return np.concatenate([made[f"frames_{p}"] for p in self.bundle.config.parts], 1)

    def _smooth(self, raw: np.ndarray, before: np.ndarray) -> np.ndarray:
        """Frames [hop_frames, C] of a token, led on from those before [<= 2, C]."""
        split = zip(PARTS, np.split(raw, self._ends, 1), np.split(before, self._ends, 1), strict=True)
        return np.concatenate([smoothed(r, b, WEIGHT[p]) for p, r, b in split], 1)

    def _motion(self, vectors: np.ndarray, start: float) -> MotionFrames:
        return from_vectors({"all": vectors}, self.bundle.config, start)


def speech_features(bundle: SpeechCatBundle) -> SpeechVectors | EncodedSpeech:
    """The speech features that a model was trained on."""
    encoder = bundle.encoder
    if encoder is None:
        return SpeechVectors()
    return EncodedSpeech(lambda audio: encoder(audio=audio)["states"], bundle.channels)
