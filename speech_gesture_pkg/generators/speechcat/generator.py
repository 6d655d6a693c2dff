"""SpeechCatGenerator: speech to tokens to motion, one token (4 frames) at a time, without torch."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from speech_gesture_pkg.audio.chunk import SAMPLE_RATE, AudioChunk
from speech_gesture_pkg.body.motion import MotionFrames
from speech_gesture_pkg.body.parts import PARTS
from speech_gesture_pkg.errors import ConfigError, InputError, one_of
from speech_gesture_pkg.features.vectors import SpeechVectors, VectorState, silence
from speech_gesture_pkg.generators.base import Style
from speech_gesture_pkg.generators.speechcat.bundle import SpeechCatBundle
from speech_gesture_pkg.generators.speechcat.config import FPS, SpeechCatConfig
from speech_gesture_pkg.generators.speechcat.representation import from_vectors, part_size
from speech_gesture_pkg.generators.speechcat.sampling import Sampling, draw
from speech_gesture_pkg.generators.speechcat.windows import TokenWindows

_GAIN_STEP = 0.08
"""Share of the way that a part's gain goes per frame when style.parts or a small amplitude change."""
_LEAST_STYLE = 0.25
"""Amplitudes below this are not learned: they shrink the motion towards the calm pose instead."""


@dataclass(frozen=True)
class SpeechCatState:
    """Where a stream stands. Never changed in place.

    Attributes:
        seed, style, speaker: as started.
        start: time of the first sample on the stream clock, s; None before it.
        audio: samples that no feature has used yet. Shape [N], float32.
        heard: samples that the features have used.
        speech: of the features.
        vectors: the newest feature vectors. Shape [window, SPEECH_VECTOR].
        first: index of the first of them.
        tokens: the newest tokens of each part. Shape [P, <= history].
        past, known: memory of the transformer.
        done: tokens made.
        gains: how much of each part (body, hands, face) is shown. Shape [3].
    """

    seed: int
    style: Style
    speaker: int
    start: float | None
    audio: np.ndarray
    heard: int
    speech: VectorState
    vectors: np.ndarray
    first: int
    tokens: np.ndarray
    past: np.ndarray
    known: np.ndarray
    done: int
    gains: np.ndarray


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
        self._speech = SpeechVectors()
        self.hop_frames = config.downsample
        self.lookahead_s = self._windows.lookahead_s + config.decoder_ahead * config.token_s

    def start(self, seed: int = 0, speaker: str | None = None, style: Style | None = None) -> SpeechCatState:
        """Before the first sample. Raises ConfigError for a speaker that the model was not trained on."""
        speakers = self.bundle.config.speakers
        if speaker and speaker not in speakers:
            raise ConfigError(one_of("speaker", speaker, speakers))
        style = style or Style()
        first = self._windows.first(0)
        return SpeechCatState(
            int(seed),
            style,
            speakers.index(speaker) if speaker else 0,
            None,
            np.zeros(0, np.float32),
            0,
            self._speech.start(),
            silence(-first),
            first,
            np.zeros((len(self.bundle.config.parts), 0), np.int64),
            np.zeros(self.bundle.past_shape, np.float32),
            np.zeros(self.bundle.known_shape, np.float32),
            0,
            _goal(style),
        )

    def step(
        self, audio: AudioChunk, state: SpeechCatState, style: Style | None = None
    ) -> tuple[MotionFrames, SpeechCatState]:
        """The frames that `audio` completes, and the next state.

        Raises:
            InputError: another sample rate than 16 kHz, samples that are not flat or not finite.
            ModelError: a network failed.
        """
        samples = np.asarray(audio.samples, np.float32)
        if audio.sample_rate != SAMPLE_RATE:
            raise InputError(f"audio has {audio.sample_rate} Hz; speechcat needs {SAMPLE_RATE} Hz")
        if samples.ndim != 1:
            raise InputError(f"audio samples have shape {samples.shape}; speechcat needs mono samples [N]")
        if not np.isfinite(samples).all():
            raise InputError("audio samples hold NaN or infinite numbers; every sample must be finite")
        state = replace(
            state,
            style=style or state.style,
            start=audio.start if state.start is None else state.start,
            audio=np.concatenate([state.audio, samples]),
        )
        pieces: list[dict[str, np.ndarray]] = []
        first = max(0, state.done - self.bundle.config.decoder_ahead)
        while state.heard + len(state.audio) >= self._windows.samples(state.done):
            state = self._token(self._listen(state))
            if state.done > self.bundle.config.decoder_ahead:
                pieces.append(self._decode(state))
        return self._motion(pieces, first, state)

    def _listen(self, state: SpeechCatState) -> SpeechCatState:
        """Take exactly the samples that the next token needs, so that chunks cannot change even the last bit."""
        size = self._windows.samples(state.done) - state.heard
        new, speech = self._speech.step(state.audio[:size], state.speech)
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
            style=style_vector(state.style.amplitude, state.style.rate)[None, None],
            past=state.past,
            known=state.known,
        )
        token = draw(made["logits"][:, 0, 0], self.sampling, state.seed, state.done)
        tokens = np.concatenate([state.tokens, token[:, None]], 1)[:, -self.bundle.history :]
        return replace(state, tokens=tokens, past=made["new_past"], known=made["new_known"], done=state.done + 1)

    def _decode(self, state: SpeechCatState) -> dict[str, np.ndarray]:
        made = self.bundle.decoders(indices=state.tokens)
        return {p: made[f"frames_{p}"][-self.hop_frames :] for p in self.bundle.config.parts}

    def _motion(
        self, pieces: list[dict[str, np.ndarray]], first: int, state: SpeechCatState
    ) -> tuple[MotionFrames, SpeechCatState]:
        config = self.bundle.config
        count = len(pieces) * self.hop_frames
        gains = np.empty((count, len(PARTS)))
        gain, goal = state.gains, _goal(state.style)
        for k in range(count):
            gain = gain + _GAIN_STEP * (goal - gain)
            gains[k] = gain
        vectors = {}
        for part in config.parts:
            raw = np.concatenate([p[part] for p in pieces]) if pieces else np.zeros((0, part_size(part, config)))
            vectors[part] = self.bundle.calm[part] + _gain_of(part, gains, config) * (raw - self.bundle.calm[part])
        motion = from_vectors(vectors, config, (state.start or 0.0) + first * self.hop_frames / self.fps)
        shown = np.array([part in state.style.parts for part in PARTS])
        motion = replace(motion, valid=np.tile(shown, (count, 1)))
        return motion, replace(state, gains=gain)


def style_vector(amplitude: float, rate: float) -> np.ndarray:
    """What the network is told: log2 of amplitude and rate relative to the corpus' median. Shape [2], float32."""
    return np.log2(np.clip([amplitude, rate], _LEAST_STYLE, 1 / _LEAST_STYLE)).astype(np.float32)


def _goal(style: Style) -> np.ndarray:
    small = min(1.0, style.amplitude / _LEAST_STYLE)
    scale = {"body": small, "hands": small, "face": 1.0}
    return np.array([scale[p] if p in style.parts else 0.0 for p in PARTS])


def _gain_of(part: str, gains: np.ndarray, config: SpeechCatConfig) -> np.ndarray:
    """Gains of a stream's channels. Shape [T, 1] or, for all parts in one, [T, size]."""
    if part != "all":
        return gains[:, [PARTS.index(part)]]
    return np.repeat(gains, [part_size(p, config) for p in PARTS], 1)
