"""The exported networks as a function of a noisy clip and a diffusion step."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from speech_gesture_pkg.errors import ModelError
from speech_gesture_pkg.generators.diffsheg.config import DiffShegConfig
from speech_gesture_pkg.generators.diffsheg.noise_schedule import NoiseSchedule
from speech_gesture_pkg.generators.diffsheg.representation import sizes
from speech_gesture_pkg.generators.diffsheg.samplers import Known, Noise, Sampler

Network = Callable[..., Mapping[str, np.ndarray]]
"""Arrays by name -> arrays by name, as `generators.onnx_session.Session`; has `inputs`, the names that it takes."""
_PEOPLE = 8
"""Persons and styles whose tables are kept."""


@dataclass(frozen=True)
class Given:
    """What a clip is made from; the arrays as for `network.model.Conditions`.

    Attributes:
        speech: [B, T, L, C] or, ready-made, [B, T, C].
        person: [B, P].
        hubert: [B, T, H], for a network with HuBERT.
    """

    speech: np.ndarray
    person: np.ndarray
    hubert: np.ndarray | None = None


class Denoiser:
    """The networks of a model.

    Args:
        config: shape of the networks.
        prepare, tables: of `lab.models.diffsheg.export`.
        branches: name -> network.
    """

    def __init__(self, config: DiffShegConfig, prepare: Any, tables: Any, branches: Mapping[str, Any]) -> None:
        self.config, self.schedule, self.sizes = config, NoiseSchedule.of(config), sizes(config)
        self._prepare, self._tables, self._branches = prepare, tables, dict(branches)
        self._kept: OrderedDict[tuple[bytes, tuple[int, ...]], dict[str, np.ndarray]] = OrderedDict()

    def span(self, name: str) -> slice:
        """Channels of a branch."""
        return slice(self.sizes["gesture"], None) if name == "expression" else slice(0, self.sizes[name])

    def tables(self, person: np.ndarray, steps: tuple[int, ...]) -> dict[str, np.ndarray]:
        """AdaIN tables of one person [P] at diffusion steps: branch -> [S, layers, 4, width]. Kept for later clips."""
        key = person.tobytes(), steps
        if key not in self._kept:
            rows = np.repeat(person[None], len(steps), 0)
            made = self._tables(step=np.array(steps, np.int64), person=rows)
            self._kept[key] = {name: made[f"table_{name}"] for name in self.config.branches}
            while len(self._kept) > _PEOPLE:
                self._kept.popitem(last=False)
        self._kept.move_to_end(key)
        return self._kept[key]

    def prepare(self, given: Given, told: np.ndarray, step: int) -> Mapping[str, np.ndarray]:
        """What speech and known frames contribute."""
        arrays = {
            "speech": given.speech,
            "hubert": given.hubert,
            "known": told,
            "step": np.full(len(given.speech), step, np.int64),
        }
        used: dict[str, np.ndarray] = {}
        for name in self._prepare.inputs:
            value = arrays[name]
            if value is None:
                raise ModelError(f"the network needs {name} states, but none are given")
            used[name] = value
        return self._prepare(**used)

    def run(self, name: str, arrays: dict[str, np.ndarray]) -> np.ndarray:
        """One branch's prediction."""
        network = self._branches[name]
        made = np.asarray(network(**{k: arrays[k] for k in network.inputs})["made"])
        if not np.isfinite(made).all():
            raise ModelError(f"the {name} branch gave numbers that are not finite")
        return made

    def sample(
        self, sampler: Sampler, given: Given, known: Known | None, noise: Noise, guidance: float = 1.0
    ) -> np.ndarray:
        """A clip [B, T, C], normalised.

        Args:
            sampler: how.
            given: conditions; their T is the clip's length, of any size up to that of the training clips.
            known: frames at the begin, if any.
            noise: all randomness.
            guidance: scale of classifier-free guidance; 1 = none.

        Raises:
            ModelError: a network failed or gave numbers that are not finite.
        """
        clip = _Clip(self, sampler, given, known if sampler.conditions else None, guidance)
        shape = (*given.speech.shape[:2], self.sizes["motion"])
        if self.config.flow != "final_x0":
            return sampler.sample(clip, shape, known, noise)
        return self._in_turn(clip, sampler, shape, known, noise)

    def _in_turn(
        self, clip: _Clip, sampler: Sampler, shape: tuple[int, int, int], known: Known | None, noise: Noise
    ) -> np.ndarray:
        """First the expression to its end, then the gesture, which sees it (paper, Table 3)."""
        first, second = self.config.branches
        clip.only = (first,)
        done = sampler.sample(clip, shape, known, noise)[..., self.span(first)]
        clip.only, clip.final = (second,), done
        made = sampler.sample(clip, shape, known, noise)
        made[..., self.span(first)] = done
        return made


class _Clip:
    """`samplers.Denoise` for one clip."""

    def __init__(
        self, networks: Denoiser, sampler: Sampler, given: Given, known: Known | None, guidance: float
    ) -> None:
        self.networks, self.given, self.guidance = networks, given, guidance
        self.only, self.final = networks.config.branches, None
        self._guided = bool(networks.config.null) and guidance != 1.0
        count, frames = given.speech.shape[:2]
        self._told = np.zeros((count, frames, networks.sizes["motion"] + 1), np.float32)
        if known is not None:
            size = known.frames.shape[1]
            self._told[:, :size, :-1] = known.frames
            self._told[:, :size, -1] = 1.0
        self._steps = sampler.visited
        self._tables = [networks.tables(p, self._steps) for p in given.person]
        self._prepared: dict[int, Mapping[str, np.ndarray]] = {}

    final: np.ndarray | None

    def __call__(self, x: np.ndarray, step: int) -> tuple[np.ndarray, np.ndarray]:
        config, networks = self.networks.config, self.networks
        key = step if config.mid_time else -1
        if key not in self._prepared:
            self._prepared[key] = networks.prepare(self.given, self._told, step)
        prepared, place = self._prepared[key], self._steps.index(step)
        clean, epsilon = np.zeros_like(x), np.zeros_like(x)
        other: np.ndarray | None = self.final
        for name in self.only:
            span = networks.span(name)
            arrays = {k: prepared[f"{k}_{name}"] for k in ("base", "part", "stats")}
            arrays["x"] = np.ascontiguousarray(x[..., span])
            arrays["table"] = np.stack([t[name][place] for t in self._tables])
            if other is not None:
                arrays["other"] = other
            made = self._guide(name, arrays)
            clean[..., span], epsilon[..., span] = self._split(arrays["x"], made, step)
            other = np.ascontiguousarray(clean[..., span])
        return clean, epsilon

    def _guide(self, name: str, arrays: dict[str, np.ndarray]) -> np.ndarray:
        """The prediction with classifier-free guidance: clips with conditions, then those without."""
        count = len(arrays["x"])
        arrays["keep"] = np.ones((count, 1, 1), np.float32)
        if not self._guided:
            return self.networks.run(name, arrays)
        twice = {k: np.concatenate([v, v]) for k, v in arrays.items()}
        twice["keep"][count:] = 0.0
        made = self.networks.run(name, twice)
        return made[count:] + np.float32(self.guidance) * (made[:count] - made[count:])

    def _split(self, x: np.ndarray, made: np.ndarray, step: int) -> tuple[np.ndarray, np.ndarray]:
        """Clean motion and noise from the prediction."""
        schedule = self.networks.schedule
        signal, noise = np.float32(schedule.signal(step)), np.float32(schedule.noise(step))
        if self.networks.config.prediction == "epsilon":
            return (x - noise * made) / signal, made
        clean = signal * x - noise * made if self.networks.config.prediction == "velocity" else made
        return clean, (x - signal * clean) / noise
