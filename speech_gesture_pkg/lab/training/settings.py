"""How long and how fast a stage is trained."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from speech_gesture_pkg.errors import ConfigError, one_of
from speech_gesture_pkg.generators.settings import from_values, to_values

PRECISIONS = ("no", "bf16", "fp16")


@dataclass(frozen=True)
class TrainSettings:
    """Optimisation of one stage.

    Attributes:
        steps: optimisation steps.
        batch: sequences per step and process.
        rate: highest learning rate (AdamW); rises over `warmup` steps, then falls to a hundredth by a cosine.
        warmup: steps.
        decay: weight decay.
        clip: largest norm of the gradient.
        average: decay of the moving average of the weights that is kept as the result; 0 = none.
        precision: mixed precision: no, bf16 (also halves the time on CPUs that know avx512_bf16), fp16 (GPU only).
        seed: of weights, batches and dropout.
        validate_every, save_every: steps.
    """

    steps: int = 20000
    batch: int = 64
    rate: float = 3e-4
    warmup: int = 300
    decay: float = 0.01
    clip: float = 1.0
    average: float = 0.999
    precision: str = "no"
    seed: int = 0
    validate_every: int = 1000
    save_every: int = 1000

    def __post_init__(self) -> None:
        for name in ("steps", "batch", "validate_every", "save_every"):
            if getattr(self, name) < 1:
                raise ConfigError(f"training {name} is {getattr(self, name)}; it must be at least 1")
        if not self.rate > 0 or not self.clip > 0:
            raise ConfigError(f"training rate {self.rate} and clip {self.clip} must be positive")
        if not 0 <= self.average < 1:
            raise ConfigError(f"training average is {self.average}; it must be in [0, 1)")
        if self.precision not in PRECISIONS:
            raise ConfigError(one_of("training precision", self.precision, PRECISIONS))

    @classmethod
    def from_dict(cls, values: Mapping[str, Any]) -> TrainSettings:
        """From YAML. Raises ConfigError for unknown names and wrong types."""
        return from_values(cls, "training", values)

    def to_dict(self) -> dict[str, Any]:
        """Plain values."""
        return to_values(self)
