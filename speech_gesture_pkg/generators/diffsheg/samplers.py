"""From noise to a clip of motion: DDIM with FOPPAS' out-painting, and DPM-Solver++ for few network calls."""

from __future__ import annotations

import itertools
from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol

import numpy as np

from speech_gesture_pkg.errors import ConfigError, one_of
from speech_gesture_pkg.generators.diffsheg.noise_schedule import NoiseSchedule, jumps

Denoise = Callable[[np.ndarray, int], tuple[np.ndarray, np.ndarray]]
"""Noisy motion [B, T, C] and diffusion step -> clean motion and noise that the network sees in it."""
Noise = Callable[[tuple[int, ...]], np.ndarray]
"""Normal numbers of a shape; successive calls are independent."""
RENOISE = ("paper", "forward")


@dataclass(frozen=True)
class Known:
    """Frames at a clip's begin that are known.

    Attributes:
        frames: normalised. Shape [B, K, C].
        fresh: share of the newly made motion that the result shows in each of them: 0 = the known frame itself. The
            paper's w; a ramp from 0 to 1 over the overlap. Shape [K].
        carry: new frames over which the difference between the last known frame and what the clip makes of it (in
            pose and velocity) fades out; 0 = not at all, as in the paper.
    """

    frames: np.ndarray
    fresh: np.ndarray
    carry: int = 0

    def finish(self, x: np.ndarray) -> np.ndarray:
        """The clip x [B, T, C] with its known frames as they are, and the new ones going on from there.

        The fading difference is a cubic Hermite curve from the last known frame to zero.
        """
        count = self.frames.shape[1]
        out = self.blend(x, self.frames)
        size = min(self.carry, x.shape[1] - count)
        if size and count:
            off = self.frames[:, -2:] - x[:, max(0, count - 2) : count]
            gap, slope = off[:, -1:], np.diff(off, axis=1) if count > 1 else np.zeros_like(off)
            s = (np.arange(1, size + 1, dtype=np.float32) / (self.carry + 1))[:, None]
            out[:, count : count + size] += ((1 + 2 * s) * gap + s * (self.carry + 1) * slope) * (1 - s) ** 2
        return out

    def blend(self, x: np.ndarray, held: np.ndarray) -> np.ndarray:
        """x [B, T, C] with its first K frames mixed with `held` [B, K, C] (Algorithm 1, lines 15 and 16)."""
        count, w = held.shape[1], self.fresh[:, None].astype(x.dtype)
        return np.concatenate([(1 - w) * held + w * x[:, :count], x[:, count:]], 1)


class Sampler(Protocol):
    """A way to sample clips.

    Attributes:
        conditions: whether a network with an input for known frames gets them.
    """

    conditions: bool

    @property
    def visited(self) -> tuple[int, ...]:
        """Every diffusion step at which the network may be called."""
        ...

    def calls(self, known: bool) -> int:
        """Network calls for one clip, without or with known frames."""
        ...

    def sample(self, denoise: Denoise, shape: tuple[int, int, int], known: Known | None, noise: Noise) -> np.ndarray:
        """A clip [B, T, C], normalised."""
        ...


class Foppas:
    """DDIM (eta 0), and for clips with known frames RePaint adapted to it: paper section 3.5 and Algorithm 1.

    Args:
        schedule: of the network.
        steps: respaced steps of DDIM.
        top: clips with known frames start at this respaced step's noise; 0 = all steps, as Algorithm 1 has it. The
            authors' code starts at 60 % (15 of 25).
        length, rounds: resampling (see `schedule.jumps`).
        renoise: which beta a jump upwards adds: `paper`: that of the lower step (line 18, and the authors' code);
            `forward`: that of the diffusion process, Eq. 1.

    Raises:
        ConfigError: steps or rounds below 1, a top beyond the steps, an unknown `renoise`.
    """

    conditions = False

    def __init__(
        self,
        schedule: NoiseSchedule,
        steps: int = 25,
        top: int = 0,
        length: int = 1,
        rounds: int = 1,
        renoise: str = "paper",
    ) -> None:
        if renoise not in RENOISE:
            raise ConfigError(one_of("renoise", renoise, RENOISE))
        self.schedule, self.grid = schedule, schedule.respaced(steps)
        if not 0 <= top <= steps:
            raise ConfigError(f"FOPPAS top is {top}; it must be in [0 (all), {steps}]")
        self.plain = jumps(steps, 1, 1)
        self.walk = jumps(top or steps, length, rounds)
        kept = schedule.alpha_bar[list(self.grid)] / np.concatenate([[1.0], schedule.alpha_bar[list(self.grid[:-1])]])
        self.betas, self._shift = 1.0 - kept, int(renoise == "forward")

    @property
    def visited(self) -> tuple[int, ...]:
        """Every diffusion step at which the network may be called."""
        return self.grid

    def calls(self, known: bool) -> int:
        """Network calls for one clip, without or with known frames."""
        walk = self.walk if known else self.plain
        return sum(b < a for a, b in itertools.pairwise(walk))

    def sample(self, denoise: Denoise, shape: tuple[int, int, int], known: Known | None, noise: Noise) -> np.ndarray:
        """A clip [B, T, C], normalised; shape [B, T, C]."""
        schedule, x = self.schedule, noise(shape)
        walk = self.plain if known is None else self.walk
        for here, there in itertools.pairwise(walk):
            if there > here:
                beta = self.betas[here + self._shift]
                x = _f32(np.sqrt(1.0 - beta)) * x + _f32(np.sqrt(beta)) * noise(shape)
                continue
            step = self.grid[there] if there >= 0 else -1
            clean, epsilon = denoise(x, self.grid[here])
            signal, level = _f32(schedule.signal(step)), _f32(schedule.noise(step))
            x = signal * clean + level * epsilon
            if known is not None:
                held = signal * known.frames
                if there >= 0:
                    held = held + level * noise(known.frames.shape)
                if there < 0:
                    x = known.finish(x)
                else:
                    x = known.blend(x, held) if there == 0 else np.concatenate([held, x[:, held.shape[1] :]], 1)
        return x


class DpmSolver:
    """DPM-Solver++(2M) (Lu et al. 2022, Algorithm 2): second order in log-SNR, one network call a step.

    Known frames follow their own exact path: a fixed noise, scaled to every step. A network that gets them makes the
    rest fit.

    Args:
        schedule: of the network.
        steps: network calls for a clip.
        order: 2, or 1, which is DDIM.

    Raises:
        ConfigError: steps below 1, another order.
    """

    conditions = True

    def __init__(self, schedule: NoiseSchedule, steps: int = 4, order: int = 2) -> None:
        if order not in (1, 2):
            raise ConfigError(f"DPM-Solver order is {order}; it must be 1 or 2")
        self.schedule, self.grid, self.order = schedule, schedule.by_snr(steps), order

    @property
    def visited(self) -> tuple[int, ...]:
        """Every diffusion step at which the network may be called."""
        return self.grid

    def calls(self, known: bool) -> int:
        """Network calls for one clip."""
        return len(self.grid)

    def sample(self, denoise: Denoise, shape: tuple[int, int, int], known: Known | None, noise: Noise) -> np.ndarray:
        """A clip [B, T, C], normalised; shape [B, T, C]."""
        schedule = self.schedule
        x = start = noise(shape)
        steps = (*reversed(self.grid), -1)
        before: tuple[np.ndarray, float] | None = None
        for here, there in itertools.pairwise(steps):
            if known is not None:
                count = known.frames.shape[1]
                held = schedule.signal(here) * known.frames + schedule.noise(here) * start[:, :count]
                x = np.concatenate([held.astype(np.float32), x[:, count:]], 1)
            clean, _ = denoise(x, here)
            rise = schedule.half_log_snr(there) - schedule.half_log_snr(here)
            shown = clean
            if self.order == 2 and before is not None and there >= 0:
                ratio = _f32(0.5 * rise / before[1])
                shown = (1 + ratio) * clean - ratio * before[0]
            x = _f32(schedule.noise(there) / schedule.noise(here)) * x
            x = x - _f32(schedule.signal(there) * np.expm1(-rise)) * shown
            before = clean, rise
        return x if known is None else known.finish(x)


def _f32(value: float) -> np.float32:
    return np.float32(value)


def seeded_noise(seeds: tuple[int, ...], clip: int) -> Noise:
    """Normal numbers that depend on each stream's seed, the clip's number and the order of calls alone."""
    made = [np.random.Generator(np.random.Philox(key=s & 0xFFFFFFFFFFFFFFFF, counter=[0, 0, clip, 0])) for s in seeds]

    def draw(shape: tuple[int, ...]) -> np.ndarray:
        return np.stack([g.standard_normal(shape[1:], np.float32) for g in made])

    return draw
