"""What defines an autoencoder of the Frechet distances."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any

from speech_gesture_pkg.errors import ConfigError

STARTER = "models/fgd_smartbody.safetensors"
"""The autoencoder that ships with the package (`resources.resource`): gestures only."""


@dataclass(frozen=True)
class AutoencoderSettings:
    """Clips, network and optimisation. All but the last four enter the id: another value is another metric.

    DiffSHEG (appendix D and "Frechet Distance") retrains one autoencoder each for gesture + expression, gesture and
    expression, on axis-angle parameters, and measures on non-overlapping clips; clips of 34 frames at 15 fps are its
    setting on BEAT, 300 latent dimensions those of BEAT's evaluation code, whose convolutional encoder goes back to
    Yoon et al. (2020). The network's widths here are our own, so figures can only be compared with figures of the same
    weights.

    Attributes:
        clip_frames: frames of a clip.
        fps: rate of the clips, Hz.
        latent: size of the latent vector.
        widths: channels of the convolutions; the first has stride 1, the others stride 2.
        least_deviation: floor of the standard deviation by which a channel is divided, rad (or face weight): a joint
            that hardly moved in the corpus must not outweigh all others as soon as it moves.
        velocities: the network sees (and reconstructs) the z-scores of the velocities beside those of the parameters.
            Published autoencoders see the parameters alone, and are blind to trembling: 2 degrees of noise are small
            beside the range of a gesture, but large beside what a real joint does from one frame to the next.
        steps: optimisation steps (Adam).
        batch: clips per step, cut at random places.
        rate: first learning rate; falls to 0 by a cosine.
        seed: of weights and batches.
    """

    clip_frames: int = 34
    fps: float = 15.0
    latent: int = 300
    widths: tuple[int, ...] = (64, 96, 128)
    least_deviation: float = 0.05
    velocities: bool = True
    steps: int = 3000
    batch: int = 64
    rate: float = 1e-3
    seed: int = 0

    def __post_init__(self) -> None:
        if not self.widths or min(self.widths) < 1:
            raise ConfigError(f"widths is {self.widths}; it must list at least one positive number of channels")
        for name in ("fps", "least_deviation", "rate"):
            if not getattr(self, name) > 0:
                raise ConfigError(f"{name} is {getattr(self, name)}; it must be positive")
        for name in ("latent", "steps", "batch"):
            if getattr(self, name) < 1:
                raise ConfigError(f"{name} is {getattr(self, name)}; it must be at least 1")
        if self.lengths[-1] < 1:
            raise ConfigError(
                f"clips of {self.clip_frames} frames are too short for {len(self.widths) - 1} halvings; "
                f"at least {2 ** (len(self.widths) - 1)} frames are needed"
            )

    @property
    def lengths(self) -> list[int]:
        """Frames after each convolution (the first keeps them, each further one halves them, rounding down)."""
        return [self.clip_frames >> k for k in range(len(self.widths))]

    @property
    def definition(self) -> str:
        """One line that says what the latent space is, without weights and corpus."""
        sees = "parameters and velocities" if self.velocities else "parameters"
        return (
            f"convolutional autoencoder {'-'.join(map(str, self.widths))}, {self.latent} latent dimensions, "
            f"clips of {self.clip_frames} frames at {self.fps:g} fps, axis-angle, z-scores of {sees} with a floor of "
            f"{self.least_deviation:g}"
        )

    def as_dict(self) -> dict[str, object]:
        """Plain values for JSON."""
        return asdict(self)

    @staticmethod
    def from_dict(values: dict[str, Any]) -> AutoencoderSettings:
        """Inverse of `as_dict`. Raises ConfigError for unknown names."""
        try:
            return AutoencoderSettings(**(values | {"widths": tuple(values["widths"])}))
        except (TypeError, KeyError) as e:
            raise ConfigError(f"settings of the autoencoder cannot be read: {e}") from e
