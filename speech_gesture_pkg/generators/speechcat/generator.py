"""SpeechCatGenerator: speech to tokens to motion, one token (4 frames) at a time, without torch."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from speech_gesture_pkg.audio.chunk import SAMPLE_RATE, AudioChunk
from speech_gesture_pkg.config import GeneratorConfig
from speech_gesture_pkg.errors import ModelError
from speech_gesture_pkg.features.encoded import EncodedSpeech, EncodedState
from speech_gesture_pkg.features.vectors import SpeechVectors, VectorState
from speech_gesture_pkg.generators.base import Style, usable_samples
from speech_gesture_pkg.generators.conditioning import part_gains, speaker_index, style_vector
from speech_gesture_pkg.generators.feature_windows import TokenWindows
from speech_gesture_pkg.generators.speechcat.bundle import SpeechCatBundle
from speech_gesture_pkg.generators.speechcat.config import FPS, SpeechCatConfig
from speech_gesture_pkg.generators.speechcat.representation import from_vectors, part_size
from speech_gesture_pkg.generators.speechcat.sampling import Sampling, draw
from speech_gesture_pkg.generators.speechcat.smoothing import WEIGHT, smoothed
from speech_gesture_pkg.motion.frames import MotionFrames
from speech_gesture_pkg.motion.parts import PARTS

_GAIN_STEP = 0.08
"""Share of the way that a part's gain goes per frame when style.parts or a small amplitude change."""


@dataclass(frozen=True)
class SpeechCatState:
    """Where a stream stands. Never changed in place.

    Attributes:
        seed, style, speaker: as started.
        start: time of the first sample on the stream clock, s; None before it.
        audio: samples that no feature has used yet. Shape [N], float32.
        heard: samples that the features have used.
        speech: of the features.
        vectors: the newest feature vectors. Shape [window, channels].
        first: index of the first of them.
        tokens: the newest tokens of each part. Shape [P, <= history].
        past, known: memory of the transformer.
        done: tokens made.
        gains: how much of each part (body, hands, face) is shown. Shape [3].
        shown: the last two frames of each part, before the gain. Shapes [<= 2, size].
    """

    seed: int
    style: Style
    speaker: int
    start: float | None
    audio: np.ndarray
    heard: int
    speech: VectorState | EncodedState
    vectors: np.ndarray
    first: int
    tokens: np.ndarray
    past: np.ndarray
    known: np.ndarray
    done: int
    gains: np.ndarray
    shown: dict[str, np.ndarray]


class SpeechCatGenerator:
    """Streaming SpeechCAT (see `generators.base.Generator`).

    Attributes:
        fps: 30 frames per second.
        hop_frames: frames of a token.
        lookahead_s: audio beyond the first frame of a token: the token itself, what it may hear ahead, the features'
            window, and a token more if the decoder looks ahead.
        sample_rate: 16000 Hz.
    """

    name = "speechcat"
    fps = FPS
    sample_rate = SAMPLE_RATE

    def __init__(self, bundle: SpeechCatBundle, sampling: Sampling | None = None) -> None:
        self.bundle, self.sampling = bundle, sampling or Sampling()
        config = bundle.config
        self._windows = TokenWindows.of(config)
        self._speech = hearing(bundle)
        self.hop_frames = config.downsample
        self.lookahead_s = self._windows.lookahead_s + config.decoder_ahead * config.token_s

    @classmethod
    def load(cls, folder: str | Path, config: GeneratorConfig) -> SpeechCatGenerator:
        """From an exported model and the parameters `generator.*`. Raises ModelError (see `SpeechCatBundle.load`)."""
        sampling = Sampling(config.temperature, config.top_k, config.top_p)
        made = cls(SpeechCatBundle.load(folder, config.device, config.threads), sampling)
        # the code round the networks is slow the first time, too: not in the first audio callback
        quiet = np.zeros(made.samples_for(2), np.float32)
        made.step(AudioChunk(quiet, 0.0, SAMPLE_RATE), made.start())
        return made

    def samples_for(self, tokens: int) -> int:
        """Samples of a stream that so many tokens need."""
        return self._windows.samples(tokens - 1)

    def start(self, seed: int = 0, speaker: str | None = None, style: Style | None = None) -> SpeechCatState:
        """Before the first sample. Raises ConfigError for a speaker that the model was not trained on."""
        style = style or Style()
        first = self._windows.first(0)
        return SpeechCatState(
            int(seed),
            style,
            speaker_index(speaker, self.bundle.config.speakers),
            None,
            np.zeros(0, np.float32),
            0,
            self._speech.start(),
            self._speech.quiet(-first),
            first,
            np.zeros((len(self.bundle.config.parts), 0), np.int64),
            np.zeros(self.bundle.past_shape, np.float32),
            np.zeros(self.bundle.known_shape, np.float32),
            0,
            part_gains(style),
            {p: np.zeros((0, part_size(p, self.bundle.config)), np.float32) for p in self.bundle.config.parts},
        )

    def step(
        self, audio: AudioChunk, state: SpeechCatState, style: Style | None = None
    ) -> tuple[MotionFrames, SpeechCatState]:
        """The frames that `audio` completes, and the next state.

        Raises:
            InputError: another sample rate than 16 kHz, samples that are not flat or not finite.
            ModelError: a network failed.
        """
        samples = usable_samples(audio, self.name, SAMPLE_RATE)
        state = replace(
            state,
            style=style or state.style,
            start=audio.start if state.start is None else state.start,
            audio=np.concatenate([state.audio, samples]),
        )
        pieces: list[dict[str, np.ndarray]] = []
        first = max(0, state.done - self.bundle.config.decoder_ahead)
        while state.heard + len(state.audio) >= self._windows.samples(state.done):
            state = self._token(self.listen(state))
            if state.done > self.bundle.config.decoder_ahead:
                pieces.append(self._decode(state))
        return self.show(pieces, first, state)

    @property
    def window_length(self) -> int:
        """Feature frames that a token hears."""
        return self._windows.length

    def listen(self, state: SpeechCatState) -> SpeechCatState:
        """The state with the speech vectors of its next token, from its audio.

        It takes exactly the samples that the next token needs, so that chunks cannot change even the last bit.
        """
        size = self._windows.samples(state.done) - state.heard
        new, speech = self._speech.step(state.audio[:size], state.speech)  # type: ignore[arg-type]
        vectors = np.concatenate([state.vectors, new])
        drop = self._windows.first(state.done) - state.first
        return replace(
            state,
            audio=state.audio[size:].copy(),
            heard=state.heard + size,
            speech=speech,
            vectors=vectors[drop:].copy(),
            first=state.first + drop,
        )

    def _token(self, state: SpeechCatState) -> SpeechCatState:
        parts = len(self.bundle.config.parts)
        before = state.tokens[:, -1:] if state.done else np.full((parts, 1), self.bundle.config.codes, np.int64)
        made = self.bundle.transformer(
            tokens=before[:, :, None],
            windows=state.vectors[None, None, : self._windows.length],
            speaker=np.array([state.speaker], np.int64),
            style=style_vector(state.style)[None, None],
            past=state.past,
            known=state.known,
        )
        logits = made["logits"][:, 0, 0]
        if not np.isfinite(logits).all():
            raise ModelError("the transformer gave logits that are not finite")
        token = draw(logits, self.sampling, state.seed, state.done)
        tokens = np.concatenate([state.tokens, token[:, None]], 1)[:, -self.bundle.history :]
        return replace(state, tokens=tokens, past=made["new_past"], known=made["new_known"], done=state.done + 1)

    def _decode(self, state: SpeechCatState) -> dict[str, np.ndarray]:
        made = self.bundle.decoders(indices=state.tokens)
        return {p: checked(made[f"frames_{p}"], p)[-self.hop_frames :] for p in self.bundle.config.parts}

    def show(
        self, pieces: list[dict[str, np.ndarray]], first: int, state: SpeechCatState
    ) -> tuple[MotionFrames, SpeechCatState]:
        """Decoded vectors of tokens from `first` on as motion, in the state's style; and the next state."""
        config = self.bundle.config
        count = len(pieces) * self.hop_frames
        gains = np.empty((count, len(PARTS)))
        gain, goal = state.gains, part_gains(state.style)
        for k in range(count):
            gain = gain + _GAIN_STEP * (goal - gain)
            gains[k] = gain
        vectors, shown = {}, {}
        for part in config.parts:
            raw, shown[part] = self._joined([p[part] for p in pieces], state.shown[part], part)
            vectors[part] = self.bundle.calm[part] + _gain_of(part, gains, config) * (raw - self.bundle.calm[part])
        motion = from_vectors(vectors, config, (state.start or 0.0) + first * self.hop_frames / self.fps)
        valid = np.array([part in state.style.parts for part in PARTS])
        motion = replace(motion, valid=np.tile(valid, (count, 1)))
        return motion, replace(state, gains=gain, shown=shown)

    def _joined(self, pieces: list[np.ndarray], before: np.ndarray, part: str) -> tuple[np.ndarray, np.ndarray]:
        """Frames of successive tokens, smooth over their borders, and the last two of them."""
        whole = [before]
        for raw in pieces:
            before = self._smooth(raw, before, part)
            whole.append(before)
            before = before[-2:]
        frames = np.concatenate(whole)
        return frames[len(whole[0]) :], frames[-2:]

    def _smooth(self, raw: np.ndarray, before: np.ndarray, part: str) -> np.ndarray:
        if part != "all":
            return smoothed(raw, before, WEIGHT[part])
        ends = np.cumsum([part_size(p, self.bundle.config) for p in PARTS])[:-1]
        split = zip(PARTS, np.split(raw, ends, 1), np.split(before, ends, 1), strict=True)
        return np.concatenate([smoothed(r, b, WEIGHT[p]) for p, r, b in split], 1)


def hearing(bundle: SpeechCatBundle) -> SpeechVectors | EncodedSpeech:
    """The speech features that a model was trained on."""
    encoder = bundle.encoder
    if encoder is None:
        return SpeechVectors()
    return EncodedSpeech(lambda audio: encoder(audio=audio)["states"], bundle.channels)


def checked(frames: np.ndarray, part: str) -> np.ndarray:
    """`frames`. Raises ModelError if one is not finite: making rotations of them would hide that."""
    if not np.isfinite(frames).all():
        raise ModelError(f"the decoder of {part} gave frames that are not finite")
    return frames


def _gain_of(part: str, gains: np.ndarray, config: SpeechCatConfig) -> np.ndarray:
    """Gains of a stream's channels. Shape [T, 1] or, for all parts in one, [T, size]."""
    if part != "all":
        return gains[:, [PARTS.index(part)]]
    return np.repeat(gains, [part_size(p, config) for p in PARTS], 1)
