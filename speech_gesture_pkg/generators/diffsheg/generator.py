"""DiffShegGenerator: speech to motion, clip by clip, without torch."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from speech_gesture_pkg.config import GeneratorConfig
from speech_gesture_pkg.errors import ModelError
from speech_gesture_pkg.features.vectors import SpeechVectors
from speech_gesture_pkg.generators.conditioning import style_vector
from speech_gesture_pkg.generators.diffsheg.bundle import HUBERT, DiffShegBundle
from speech_gesture_pkg.generators.diffsheg.clip_schedule import ClipPlan, fresh
from speech_gesture_pkg.generators.diffsheg.denoiser import Given
from speech_gesture_pkg.generators.diffsheg.hubert import HubertState, HubertStream
from speech_gesture_pkg.generators.diffsheg.representation import from_vectors, part_channels
from speech_gesture_pkg.generators.diffsheg.samplers import Known
from speech_gesture_pkg.generators.streaming import StreamingGenerator, StreamState
from speech_gesture_pkg.motion.frames import MotionFrames

_GAIN_S = 0.4
"""Time constant with which a part's gain follows style.parts or a small amplitude, s."""


@dataclass(frozen=True)
class DiffShegState(StreamState):
    """Where B streams stand (see `StreamState`; a unit is a clip).

    Attributes:
        hubert: of HuBERT, for a model with it.
        overlap: frames that the next clip takes over.
        recent: the newest frames, normalised; the last `held` of them have not been given out. Shape [B, K, C].
        held: see there.
    """

    hubert: HubertState | None
    overlap: int
    recent: np.ndarray
    held: int


class DiffShegGenerator(StreamingGenerator[DiffShegState]):
    """Streaming DiffSHEG (see `generators.base.Generator`).

    Attributes:
        fps: of the network.
        hop_frames: new frames of a clip.
        lookahead_s: audio beyond the first frame that a clip gives out: the clip's new frames, those held back for
            blending, and the speech that they and HuBERT see after the last one.
    """

    name = "diffsheg"

    def __init__(self, bundle: DiffShegBundle, plan: ClipPlan | None = None) -> None:
        config = bundle.config
        super().__init__(config, config.windows, SpeechVectors())
        self.bundle, self.plan = bundle, plan or bundle.plan
        self.plan.check(config)
        if config.speech:
            raise ModelError(
                "this DiffSHEG takes ready-made features, which are not made live; a model with speech 0 is needed"
            )
        self.sampler = self.plan.make_sampler(config)
        self._hubert = hubert_stream(bundle)
        self._longest = config.clip - self.plan.hop
        self.parts, self.calm = part_channels(config), bundle.calm
        self.fps, self.hop_frames = config.fps, self.plan.hop
        self.gain_share = float(1.0 - np.exp(-1.0 / (_GAIN_S * self.fps)))
        self.lookahead_s = (self.plan.hop + self.plan.blend - 1) / self.fps + self._windows.lookahead_s
        if self._hubert is not None:
            later = self._hubert.lookahead_s(self.plan.hop, self.plan.blend, self.fps)
            self.lookahead_s = max(self.lookahead_s, later)

    @classmethod
    def load(cls, folder: str | Path, config: GeneratorConfig) -> DiffShegGenerator:
        """From an exported model and the parameters `generator.*`. Raises ModelError (see `DiffShegBundle.load`)."""
        made = cls(DiffShegBundle.load(folder, config.device, config.threads))
        made._warm_up()
        return made

    def samples_for(self, units: int) -> int:
        """Samples of a stream that so many clips need."""
        last = self._made(units) - 1
        own = self._windows.samples(last)
        return own if self._hubert is None else max(own, self._hubert.windows.samples_for(last))

    def with_overlap(self, state: DiffShegState, overlap: int) -> DiffShegState:
        """The state with another overlap from the next clip on. Raises ConfigError if the plan cannot have it."""
        self.plan.with_overlap(overlap).check(self.bundle.config)
        return replace(state, overlap=overlap)

    def _made(self, clips: int) -> int:
        """Frames that so many clips make; the first one also makes those that are held back."""
        return clips * self.plan.hop + self.plan.blend if clips else 0

    def _begin(self, state: StreamState) -> DiffShegState:
        recent = np.zeros((len(state.seeds), 0, len(self.parts)), np.float32)
        hubert = self._hubert.start() if self._hubert is not None else None
        return DiffShegState(**vars(state), hubert=hubert, overlap=self.plan.overlap, recent=recent, held=0)

    def _oldest(self, state: DiffShegState) -> int:
        return max(0, self._made(state.units) - self._longest)

    def _encode(self, state: DiffShegState) -> DiffShegState:
        after = super()._encode(state)
        if self._hubert is None or state.hubert is None:
            return after
        samples = state.audio[: self._pending(state)]
        return replace(after, hubert=self._hubert.step(samples, state.hubert, self._oldest(state)))

    def _advance(self, state: DiffShegState) -> tuple[np.ndarray, DiffShegState]:
        """The frames [B, hop, C], normalised, that the next clip gives out."""
        keep, recent, size = self.plan.blend, state.recent, state.recent.shape[1]
        count = min(state.overlap, size)
        held, begin, end = min(state.held, count), self._made(state.units) - count, self._made(state.units + 1)
        known = Known(recent[:, size - count :], fresh(count, held), self.plan.carry) if count else None
        noise = self.plan.noise(state.seeds, state.units)
        made = self.bundle.denoiser.sample(
            self.sampler, self._conditions(state, begin, end), known, noise, self.plan.guidance
        )
        # frames that are held back are those of the newer clip, mixed with the older one's by the sampler
        whole = np.concatenate([recent[:, : size - held], made[:, count - held :]], 1)
        out = whole[:, size - state.held : whole.shape[1] - keep]
        recent = whole[:, max(0, whole.shape[1] - max(self._longest, 1)) :].copy()
        return out, replace(state, recent=recent, held=keep, units=state.units + 1)

    def _conditions(self, state: DiffShegState, begin: int, end: int) -> Given:
        """What frames `begin` to `end` - 1 are made from."""
        config, count = self.bundle.config, len(state.seeds)
        places = np.array([self._windows.first(k) for k in range(begin, end)])[:, None]
        speech = state.vectors[places + np.arange(self._windows.length) - state.first]
        person = np.zeros(len(config.speakers), np.float32)
        person[state.speaker] = 1.0
        if config.style:
            person = np.concatenate([person, style_vector(state.style)])
        hubert = None if state.hubert is None else np.stack([state.hubert.window(begin, end)] * count)
        return Given(np.stack([speech] * count), np.stack([person] * count), hubert)

    def _decode(self, made: np.ndarray, state: DiffShegState) -> tuple[np.ndarray, DiffShegState]:
        return made * self.bundle.deviation + self.bundle.mean, state

    def _decode_all(self, made: Sequence[np.ndarray], state: DiffShegState) -> np.ndarray:
        return self._decode(np.concatenate(made, 1), state)[0]

    def _motion(self, vectors: np.ndarray, start: float) -> MotionFrames:
        return from_vectors(vectors, self.bundle.config, start)


def hubert_stream(bundle: DiffShegBundle) -> HubertStream | None:
    """HuBERT for a model with it. Raises ModelError if its folder does not hold it."""
    network = bundle.hubert
    if not bundle.config.hubert:
        return None
    if network is None:
        raise ModelError(
            f"this DiffSHEG needs HuBERT, but its folder has no {HUBERT}; export the model with its encoder"
        )
    return HubertStream(lambda audio: network(audio=audio)["states"], bundle.config)
