"""DiffShegGenerator: speech to motion, clip by clip, without torch."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from speech_gesture_pkg.audio.chunk import SAMPLE_RATE, AudioChunk
from speech_gesture_pkg.config import GeneratorConfig
from speech_gesture_pkg.errors import ModelError
from speech_gesture_pkg.features.vectors import SpeechVectors, VectorState
from speech_gesture_pkg.generators.base import Style, usable_samples
from speech_gesture_pkg.generators.conditioning import part_gains, speaker_index, style_vector
from speech_gesture_pkg.generators.diffsheg.bundle import HUBERT, DiffShegBundle
from speech_gesture_pkg.generators.diffsheg.clip_schedule import ClipPlan, fresh
from speech_gesture_pkg.generators.diffsheg.denoiser import Given
from speech_gesture_pkg.generators.diffsheg.hubert import HubertState, HubertStream
from speech_gesture_pkg.generators.diffsheg.representation import from_vectors, part_channels
from speech_gesture_pkg.generators.diffsheg.samplers import Known
from speech_gesture_pkg.generators.diffsheg.windows import frame_windows
from speech_gesture_pkg.motion.frames import MotionFrames
from speech_gesture_pkg.motion.parts import PARTS

_GAIN_S = 0.4
"""Time constant with which a part's gain follows style.parts or a small amplitude, s."""


@dataclass(frozen=True)
class DiffShegState:
    """Where a stream stands. Never changed in place.

    Attributes:
        seed, style, speaker: as started.
        start: time of the first sample on the stream clock, s; None before it.
        audio: samples that no feature has used yet. Shape [N], float32.
        heard: samples that the features have used.
        speech: of the features.
        vectors: the newest feature vectors. Shape [F, channels].
        first: index of the first of them.
        hubert: of HuBERT, for a model that hears it.
        overlap: frames that the next clip takes over.
        recent: the newest frames, normalised; the last `held` of them have not been given out. Shape [K, C].
        held: see there.
        made, clips: frames and clips made.
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
    hubert: HubertState | None
    overlap: int
    recent: np.ndarray
    held: int
    made: int
    clips: int
    gains: np.ndarray


class DiffShegGenerator:
    """Streaming DiffSHEG (see `generators.base.Generator`).

    Attributes:
        fps: of the network.
        hop_frames: new frames of a clip.
        lookahead_s: audio beyond the first frame that a clip gives out: the clip's new frames, those held back for
            blending, and the speech that they and HuBERT hear after the last one.
        sample_rate: 16000 Hz.
    """

    name = "diffsheg"
    sample_rate = SAMPLE_RATE

    def __init__(self, bundle: DiffShegBundle, plan: ClipPlan | None = None) -> None:
        self.bundle, self.plan = bundle, plan or bundle.plan
        config = bundle.config
        self.plan.check(config)
        if config.speech:
            raise ModelError(
                "this DiffSHEG hears ready-made features, which are not made live; a model with speech 0 is needed"
            )
        self.sampler = self.plan.make_sampler(config)
        self._windows, self._speech = frame_windows(config), SpeechVectors()
        self._hubert = hubert_stream(bundle)
        self._longest = config.clip - self.plan.hop
        self._parts = part_channels(config)
        self.fps, self.hop_frames = config.fps, self.plan.hop
        self.lookahead_s = (self.plan.hop + self.plan.blend - 1) / self.fps + self._windows.lookahead_s
        if self._hubert is not None:
            later = self._hubert.lookahead_s(self.plan.hop, self.plan.blend, self.fps)
            self.lookahead_s = max(self.lookahead_s, later)

    @classmethod
    def load(
        cls, folder: str | Path, config: GeneratorConfig, plan: ClipPlan | None = None, fps: float | None = None
    ) -> DiffShegGenerator:
        """From an exported model and the parameters `generator.*`.

        Args:
            folder: of the model.
            config: device and threads.
            plan: instead of the model's own.
            fps: what the caller counts on, if anything.

        Raises:
            ModelError: see `DiffShegBundle.load`; or the model runs at another rate than `fps`.
            ConfigError: a plan that the model cannot follow.
        """
        bundle = DiffShegBundle.load(folder, config.device, config.threads)
        if fps is not None and fps != bundle.config.fps:
            raise ModelError(f"model {folder} makes {bundle.config.fps:g} frames a second; {fps:g} are asked for")
        made = cls(bundle, plan)
        # the code round the networks is slow the first time, too: not in the first audio callback
        quiet = np.zeros(made._samples(2 * made.plan.hop + made.plan.blend), np.float32)
        made.step(AudioChunk(quiet, 0.0, SAMPLE_RATE), made.start())
        return made

    def start(self, seed: int = 0, speaker: str | None = None, style: Style | None = None) -> DiffShegState:
        """Before the first sample. Raises ConfigError for a speaker that the model was not trained on."""
        style = style or Style()
        first = self._windows.first(0)
        return DiffShegState(
            int(seed),
            style,
            speaker_index(speaker, self.bundle.config.speakers),
            None,
            np.zeros(0, np.float32),
            0,
            self._speech.start(),
            self._speech.quiet(-first),
            first,
            self._hubert.start() if self._hubert is not None else None,
            self.plan.overlap,
            np.zeros((0, len(self._parts)), np.float32),
            0,
            0,
            0,
            part_gains(style),
        )

    def with_overlap(self, state: DiffShegState, overlap: int) -> DiffShegState:
        """The state with another overlap from the next clip on. Raises ConfigError if the plan cannot have it."""
        self.plan.with_overlap(overlap).check(self.bundle.config)
        return replace(state, overlap=overlap)

    def step(
        self, audio: AudioChunk, state: DiffShegState, style: Style | None = None
    ) -> tuple[MotionFrames, DiffShegState]:
        """The frames that `audio` completes, and the next state.

        Raises:
            InputError: another sample rate than 16 kHz, samples that are not flat or not finite.
            ModelError: a network failed.
        """
        state = self.hear(audio, state)
        if style is not None:
            state = replace(state, style=style)
        first = state.made - state.held
        pieces: list[np.ndarray] = []
        while state.heard + len(state.audio) >= self._samples(state.made + self._fresh(state)):
            made, states = self.clips([self.listen(state)])
            pieces.append(made[0])
            state = states[0]
        return self.show(pieces, first, state)

    def samples_for(self, hops: int) -> int:
        """Samples of a stream that so many hops of frames need."""
        return self._samples(hops * self.plan.hop + self.plan.blend)

    def hear(self, audio: AudioChunk, state: DiffShegState) -> DiffShegState:
        """The state with more audio. Raises InputError for audio that cannot be used."""
        start = audio.start if state.start is None else state.start
        return replace(
            state, start=start, audio=np.concatenate([state.audio, usable_samples(audio, self.name, SAMPLE_RATE)])
        )

    def _fresh(self, state: DiffShegState) -> int:
        """New frames of the next clip; the first one also makes those that are held back."""
        return self.plan.hop + (0 if state.clips else self.plan.blend)

    def _samples(self, frames: int) -> int:
        """Samples of a stream that so many frames need."""
        own = self._windows.samples(frames - 1)
        return own if self._hubert is None else max(own, self._hubert.windows.samples_for(frames - 1))

    def listen(self, state: DiffShegState) -> DiffShegState:
        """The state with the speech of its next clip, made from exactly the samples that this clip needs."""
        size = self._samples(state.made + self._fresh(state)) - state.heard
        new, speech = self._speech.step(state.audio[:size], state.speech)
        vectors = np.concatenate([state.vectors, new])
        oldest, hubert = max(0, state.made - self._longest), state.hubert
        if self._hubert is not None and hubert is not None:
            hubert = self._hubert.step(state.audio[:size], hubert, oldest)
        drop = max(0, self._windows.first(oldest) - state.first)
        return replace(
            state,
            audio=state.audio[size:].copy(),
            heard=state.heard + size,
            speech=speech,
            vectors=vectors[drop:].copy(),
            first=state.first + drop,
            hubert=hubert,
        )

    def clips(self, states: Sequence[DiffShegState]) -> tuple[list[np.ndarray], list[DiffShegState]]:
        """The next clip of streams that have heard and made equally much, in one batch.

        Returns:
            The frames [hop, C], normalised, that each stream's clip gives out, and the next states.
        """
        one = states[0]
        count, keep = min(one.overlap, len(one.recent)), self.plan.blend
        held = min(one.held, count)
        frames = range(one.made - count, one.made + self._fresh(one))
        places = np.array([self._windows.first(k) for k in frames])[:, None] + np.arange(self._windows.length)
        known = None
        if count:
            known = Known(np.stack([s.recent[-count:] for s in states]), fresh(count, held), self.plan.carry)
        hubert = [s.hubert.window(frames.start, frames.stop) for s in states if s.hubert is not None]
        given = Given(
            np.stack([s.vectors[places - s.first] for s in states]),
            np.stack([self._person(s) for s in states]),
            np.stack(hubert) if hubert else None,
        )
        noise = self.plan.noise(tuple(s.seed for s in states), one.clips)
        made = self.bundle.denoiser.sample(self.sampler, given, known, noise, self.plan.guidance)
        out, after = [], []
        for state, clip in zip(states, made, strict=True):
            # frames that are held back are those of the newer clip, mixed with the older one's by the sampler
            whole = np.concatenate([state.recent[: len(state.recent) - held], clip[count - held :]])
            out.append(whole[len(state.recent) - state.held : len(whole) - keep])
            recent = whole[max(0, len(whole) - max(self._longest, 1)) :].copy()
            after.append(replace(state, recent=recent, held=keep, made=frames.stop, clips=state.clips + 1))
        return out, after

    def _person(self, state: DiffShegState) -> np.ndarray:
        config = self.bundle.config
        one = np.zeros(len(config.speakers), np.float32)
        one[state.speaker] = 1.0
        return np.concatenate([one, style_vector(state.style)]) if config.style else one

    def show(self, pieces: list[np.ndarray], first: int, state: DiffShegState) -> tuple[MotionFrames, DiffShegState]:
        """Normalised frames from frame `first` on as motion, in the state's style; and the next state."""
        bundle = self.bundle
        made = np.concatenate(pieces) if pieces else np.zeros((0, len(self._parts)), np.float32)
        goal, rate = part_gains(state.style), 1.0 - np.exp(-1.0 / (_GAIN_S * self.fps))
        far = (1.0 - rate) ** np.arange(1, len(made) + 1)[:, None]
        gains = goal + far * (state.gains - goal)
        raw = made * bundle.deviation + bundle.mean
        vectors = bundle.calm + gains[:, self._parts] * (raw - bundle.calm)
        motion = from_vectors(vectors, bundle.config, (state.start or 0.0) + first / self.fps)
        shown = np.array([part in state.style.parts for part in PARTS])
        motion = replace(motion, valid=np.tile(shown, (len(made), 1)))
        return motion, replace(state, gains=gains[-1] if len(gains) else state.gains)


def hubert_stream(bundle: DiffShegBundle) -> HubertStream | None:
    """HuBERT for a model that hears it. Raises ModelError if its folder does not hold it."""
    network = bundle.hubert
    if not bundle.config.hubert:
        return None
    if network is None:
        raise ModelError(
            f"this DiffSHEG hears HuBERT, but its folder has no {HUBERT}; export the model with its encoder"
        )
    return HubertStream(lambda audio: network(audio=audio)["states"], bundle.config)
