"""The diffusion schedule: noise levels, respaced steps, and FOPPAS' walk through them."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np

from speech_gesture_pkg.errors import ConfigError
from speech_gesture_pkg.generators.diffsheg.config import DiffShegConfig


@dataclass(frozen=True)
class NoiseSchedule:
    """alpha-bar of T steps with linear betas (paper section 3.2).

    x_t = signal(t) * x_0 + noise(t) * epsilon. Step -1 is clean motion.
    """

    steps: int = 1000
    beta_first: float = 1e-4
    beta_last: float = 0.02

    @staticmethod
    def of(config: DiffShegConfig) -> NoiseSchedule:
        """The schedule that a network was trained with."""
        return NoiseSchedule(config.steps, config.beta_first, config.beta_last)

    @cached_property
    def alpha_bar(self) -> np.ndarray:
        """Products of 1 - beta. Shape [T], float64."""
        return np.asarray(np.cumprod(1.0 - np.linspace(self.beta_first, self.beta_last, self.steps)))

    def signal(self, step: int) -> float:
        """sqrt(alpha-bar); 1 for step -1."""
        return float(np.sqrt(self.alpha_bar[step])) if step >= 0 else 1.0

    def noise(self, step: int) -> float:
        """sqrt(1 - alpha-bar); 0 for step -1."""
        return float(np.sqrt(1.0 - self.alpha_bar[step])) if step >= 0 else 0.0

    def half_log_snr(self, step: int) -> float:
        """log(signal / noise), the lambda of DPM-Solver; infinite for step -1."""
        return float(np.log(self.signal(step)) - np.log(self.noise(step))) if step >= 0 else float("inf")

    def respaced(self, count: int) -> tuple[int, ...]:
        """`count` steps at equal distance from 0 on, rising: DDIM-25 of 1000 is 0, 40, ..., 960.

        Raises:
            ConfigError: the count is not in [1, T].
        """
        if not 1 <= count <= self.steps:
            raise ConfigError(f"sampling steps is {count}; it must be in [1, {self.steps}]")
        return tuple(range(0, count * (self.steps // count), self.steps // count))

    def by_snr(self, count: int) -> tuple[int, ...]:
        """`count` steps at about equal distance in log-SNR, rising from where little noise is left to the last one.

        Raises:
            ConfigError: the count is not in [1, T].
        """
        if not 1 <= count <= self.steps:
            raise ConfigError(f"sampling steps is {count}; it must be in [1, {self.steps}]")
        if count == 1:
            return (self.steps - 1,)
        snr = 0.5 * np.log(self.alpha_bar / (1.0 - self.alpha_bar))
        wanted = np.linspace(snr[-1], min(_CLEAN, float(snr[0])), count)
        found = [int(np.argmin(np.abs(snr - w))) for w in wanted]
        for k in range(1, count):  # neighbours may fall together when there are many
            found[k] = min(found[k], found[k - 1] - 1)
        if found[-1] < 0:
            return self.respaced(count)
        return tuple(reversed(found))


_CLEAN = 1.5
"""Log-SNR of the last step before clean motion in `by_snr`: noise of a fifth."""


def jumps(top: int, length: int, rounds: int) -> tuple[int, ...]:
    """RePaint's walk through respaced steps (Lugmayr et al. 2022, figure 7): down, and now and then up again.

    Args:
        top: the walk starts at respaced step top - 1.
        length: steps that a jump goes up.
        rounds: times that each stretch is denoised; 1 = no jumps. Algorithm 1 of the paper, line by line, is length 1
            and rounds U; the authors' code uses length 3 and rounds 5 or 2.

    Returns:
        Respaced steps, each next to the one before, the last one -1. From step k to k - 1 is a denoising step (a
        network call), from k to k + 1 noise is added.

    Raises:
        ConfigError: a number below 1.
    """
    for name, value in (("steps", top), ("jump length", length), ("resampling rounds", rounds)):
        if value < 1:
            raise ConfigError(f"FOPPAS {name} is {value}; it must be at least 1")
    left = {at: rounds - 1 for at in range(0, top - length, length)}
    walk = [top - 1]
    at = top - 1
    while at >= 0:
        if left.get(at, 0) > 0:
            left[at] -= 1
            walk += range(at + 1, at + length + 1)
            at += length
        at -= 1
        walk.append(at)
    return tuple(walk)
