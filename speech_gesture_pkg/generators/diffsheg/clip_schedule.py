"""How a stream is cut into clips, and how each is sampled."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from speech_gesture_pkg.errors import ConfigError, one_of
from speech_gesture_pkg.generators.diffsheg.config import DiffShegConfig
from speech_gesture_pkg.generators.diffsheg.noise_schedule import NoiseSchedule
from speech_gesture_pkg.generators.diffsheg.samplers import DpmSolver, Foppas, Noise, Sampler, seeded_noise
from speech_gesture_pkg.generators.settings import from_values, to_values

SAMPLERS = ("foppas", "dpm")


@dataclass(frozen=True)
class ClipPlan:
    """Clips of `overlap` known and `hop` new frames.

    Attributes:
        hop: new frames of a clip; frames come in multiples of it.
        overlap: frames at a clip's begin that the clip before has made. 0 = clips know nothing of each other.
        blend: the last of these that are mixed from both clips, and so are held back until the next clip is made. The
            paper blends the whole overlap; 0 = nothing is held back.
        sampler: `foppas` (DDIM and RePaint) or `dpm` (DPM-Solver++, few network calls).
        steps: network calls of a clip, for foppas without resampling.
        top: see `samplers.Foppas`; as a share of the steps.
        jump_length, rounds: resampling of foppas; `rounds` is the paper's U and the authors' jump_n_sample.
        guidance: scale of classifier-free guidance; 1 = none.
        carry: instead of blending: new frames over which the new clip's difference from the last known frame fades
            out (`samplers.Known`). Nothing is held back, so the look-ahead is shorter.
        temperature: scale of the noise that a clip is made from; 1 = as trained. A network that was trained for a short
            time moves too little at 1.
    """

    hop: int = 10
    overlap: int = 26
    blend: int = 2
    sampler: str = "dpm"
    steps: int = 4
    top: float = 0.6
    jump_length: int = 3
    rounds: int = 2
    guidance: float = 1.0
    carry: int = 0
    temperature: float = 1.0

    def __post_init__(self) -> None:
        least_of = {"hop": 1, "overlap": 0, "blend": 0, "carry": 0, "steps": 1, "jump_length": 1, "rounds": 1}
        for name, least in least_of.items():
            if getattr(self, name) < least:
                raise ConfigError(f"clip plan: {name} is {getattr(self, name)}; it must be at least {least}")
        if self.sampler not in SAMPLERS:
            raise ConfigError(one_of("sampler", self.sampler, SAMPLERS))
        if self.blend > self.overlap:
            raise ConfigError(
                f"clip plan: blend is {self.blend} frames; it must be within the overlap ({self.overlap})"
            )
        if self.blend and self.carry:
            raise ConfigError(
                f"clip plan: blend is {self.blend} and carry {self.carry}; one of them must be 0, because clips are "
                "joined in one way or the other"
            )
        if not 0 < self.top <= 1:
            raise ConfigError(f"clip plan: top is {self.top}; it must be in (0, 1]")
        if not 0 <= self.temperature <= 3:
            raise ConfigError(f"clip plan: temperature is {self.temperature}; it must be in [0, 3]")
        if not 0 <= self.guidance <= 20:
            raise ConfigError(f"clip plan: guidance is {self.guidance}; it must be in [0, 20]")

    @property
    def clip(self) -> int:
        """Frames of a clip."""
        return self.overlap + self.hop

    def check(self, config: DiffShegConfig) -> None:
        """Raise ConfigError if a network of this configuration cannot follow the plan."""
        if self.overlap >= config.clip:
            raise ConfigError(
                f"clip plan: overlap is {self.overlap} frames; it must be less than the clip, {config.clip} frames at "
                "most"
            )
        longest = max(self.clip, self.hop + self.blend)
        if longest > config.clip:
            raise ConfigError(
                f"clip plan: overlap {self.overlap} and hop {self.hop} make clips of {longest} frames; the network was "
                f"trained on {config.clip}"
            )
        if self.guidance != 1 and not config.null:
            raise ConfigError(
                f"clip plan: guidance is {self.guidance}, but the network was not trained without conditions; use 1"
            )

    def make_sampler(self, config: DiffShegConfig) -> Sampler:
        """The sampler. Raises ConfigError for steps that the schedule does not have."""
        schedule = NoiseSchedule.of(config)
        if self.sampler == "dpm":
            return DpmSolver(schedule, self.steps)
        top = max(1, round(self.top * self.steps))
        return Foppas(schedule, self.steps, top, self.jump_length, self.rounds)

    def noise(self, seeds: tuple[int, ...], clip: int) -> Noise:
        """All randomness of the clip of this number, for streams of these seeds."""
        draw, scale = seeded_noise(seeds, clip), np.float32(self.temperature)
        return draw if scale == 1 else lambda shape: scale * draw(shape)

    def with_overlap(self, overlap: int) -> ClipPlan:
        """The same plan with another overlap, e.g. while a stream runs."""
        return replace(self, overlap=overlap)

    @classmethod
    def from_dict(cls, values: Mapping[str, Any]) -> ClipPlan:
        """From stored or written values. Raises ConfigError for unknown names and wrong types."""
        return from_values(cls, "clip plan", values)

    def to_dict(self) -> dict[str, Any]:
        """Plain values."""
        return to_values(self)


def paper_plan(config: DiffShegConfig, rounds: int = 2) -> ClipPlan:
    """FOPPAS as the paper runs it: whole clips, the whole overlap (4 frames of 34, 10 of 88) blended, DDIM-25."""
    overlap = 10 if config.layout == "show" else 4
    return ClipPlan(config.clip - overlap, overlap, overlap, "foppas", 25, rounds=rounds)


def live_plan(config: DiffShegConfig) -> ClipPlan:
    """Small hops: a third of a second of new motion, as much of the old as fits, four network calls."""
    hop = max(1, round(config.fps / 3))
    return ClipPlan(hop, max(1, config.clip - hop), 0, carry=hop)


def fresh(count: int, blended: int) -> np.ndarray:
    """Share of the newer clip in known frames: 0, and over the last `blended` of them from 0 to 1. Shape [count].

    With all of them blended it is the paper's w.
    """
    ramp = np.linspace(0.0, 1.0, blended) if blended > 1 else np.full(blended, 0.5)
    return np.concatenate([np.zeros(count - blended), ramp])
