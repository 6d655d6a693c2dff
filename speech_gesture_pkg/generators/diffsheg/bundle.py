"""A trained DiffSHEG as the robot loads it: a folder with `diffsheg.json` and its ONNX networks."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from speech_gesture_pkg.errors import ConfigError, ModelError
from speech_gesture_pkg.features.encoded import samples_of
from speech_gesture_pkg.features.vectors import SPEECH_VECTOR
from speech_gesture_pkg.generators.checked_files import in_words, read_card, sha256_of, verify
from speech_gesture_pkg.generators.diffsheg.clip_schedule import ClipPlan, live_plan
from speech_gesture_pkg.generators.diffsheg.config import DiffShegConfig
from speech_gesture_pkg.generators.diffsheg.denoiser import Denoiser, Given
from speech_gesture_pkg.generators.diffsheg.hubert import HubertWindows
from speech_gesture_pkg.generators.diffsheg.representation import sizes
from speech_gesture_pkg.generators.diffsheg.samplers import DpmSolver, seeded_noise
from speech_gesture_pkg.generators.diffsheg.windows import frame_windows
from speech_gesture_pkg.generators.onnx_session import Session

CARD = "diffsheg.json"
PREPARE = "prepare.onnx"
TABLES = "tables.onnx"
HUBERT = "hubert.onnx"
FORMAT = "speech-gesture-diffsheg/1"
_PROBED = 5
"""Frames of the clip that is made once to see that the networks work."""


def branch_file(name: str) -> str:
    """File of a branch's network."""
    return f"{name}.onnx"


def file_names(config: DiffShegConfig) -> tuple[str, ...]:
    """The networks of a configuration; HuBERT itself, if the folder has it, is not among them."""
    return (PREPARE, TABLES, *(branch_file(name) for name in config.branches))


@dataclass(frozen=True)
class DiffShegBundle:
    """The exported networks with what is needed to use them.

    Attributes:
        config: shape of the networks.
        denoiser: the networks.
        hubert: `audio [B, samples]` -> `states [B, frames, C]`, for networks that hear HuBERT; None if it is not there.
        plan: how the model is meant to run live.
        mean, deviation, calm: of each channel; calm is the pose at rest. Shape [C].
        device: where the networks run.
        facts: training data, metrics, hashes.
        card_sha256: names this very model.
    """

    config: DiffShegConfig
    denoiser: Denoiser
    hubert: Session | None
    plan: ClipPlan
    mean: np.ndarray
    deviation: np.ndarray
    calm: np.ndarray
    device: str
    facts: dict[str, Any]
    card_sha256: str

    @staticmethod
    def load(folder: str | Path, device: str = "cpu", threads: int = 2) -> DiffShegBundle:
        """Read and verify a folder, and run its networks once.

        Raises:
            ModelError: a file is missing, has another sha256 than the card states, the card cannot be used or does not
                fit its networks, their numbers are not finite, or the device is not there.
            MissingDependencyError: no onnxruntime.
        """
        folder = Path(folder)
        card = read_card(folder / CARD, FORMAT, "DiffSHEG")
        try:
            config = DiffShegConfig.from_dict(card["config"])
            names = [*file_names(config), *([HUBERT] if config.hubert and HUBERT in card["files"] else [])]
            if set(card["files"]) != set(names):
                raise ValueError(f"it lists the files {sorted(card['files'])}; they must be {sorted(names)}")
            plan = ClipPlan.from_dict(card["plan"]) if "plan" in card else live_plan(config)
            plan.check(config)
            mean, deviation, calm = (np.asarray(card[k], np.float32) for k in ("mean", "deviation", "calm"))
            facts = dict(card.get("facts", {}))
        except (KeyError, TypeError, ValueError, AttributeError, OverflowError, ConfigError) as e:
            raise ModelError(f"model card {folder / CARD} cannot be used: {in_words(e)}") from e
        for name in names:
            verify(folder / name, card["files"][name])
        made = {name: Session(folder / name, device, threads) for name in names}
        branches = {name: made[branch_file(name)] for name in config.branches}
        denoiser = Denoiser(config, made[PREPARE], made[TABLES], branches)
        for name, row in (("mean", mean), ("deviation", deviation), ("calm", calm)):
            size = (denoiser.sizes["motion"],)
            if row.shape != size or not np.isfinite(row).all() or (name == "deviation" and (row <= 0).any()):
                raise ModelError(
                    f"model card {folder / CARD}: {name} has shape {row.shape}; it must be {size}, finite"
                    + (" and positive" if name == "deviation" else "")
                )
        used = made[PREPARE].device
        digest = sha256_of(folder / CARD)
        bundle = DiffShegBundle(config, denoiser, made.get(HUBERT), plan, mean, deviation, calm, used, facts, digest)
        _check(folder, config, made)
        bundle._probe(folder)
        return bundle

    @property
    def speech_shape(self) -> tuple[int, ...]:
        """Of a frame's speech."""
        if self.config.speech:
            return (self.config.speech,)
        return (frame_windows(self.config).length, SPEECH_VECTOR)

    def _probe(self, folder: Path) -> None:
        """Make a clip of zeros: do the networks fit each other, are their numbers finite?"""
        c = self.config
        hubert = np.zeros((1, _PROBED, c.hubert), np.float32) if c.hubert else None
        speech = np.zeros((1, _PROBED, *self.speech_shape), np.float32)
        given = Given(speech, np.zeros((1, c.person), np.float32), hubert)
        sampler = DpmSolver(self.denoiser.schedule, 1)
        try:
            made = self.denoiser.sample(sampler, given, None, seeded_noise((0,), 0))
        except (KeyError, ValueError) as e:
            raise ModelError(f"the networks in {folder} do not fit each other: {in_words(e)}") from e
        if self.hubert is not None:
            _probe_hubert(folder / HUBERT, self.hubert, c)
        if made.shape != (1, _PROBED, self.denoiser.sizes["motion"]):
            raise ModelError(f"the networks in {folder} make clips of shape {made.shape}; the card says otherwise")


def _probe_hubert(path: Path, network: Session, config: DiffShegConfig) -> None:
    """Raise ModelError if HuBERT does not hear and make what the configuration says."""
    frames = HubertWindows.of(config).frames
    asked, found = (None, samples_of(frames)), network.shapes.get("audio", ())
    if len(found) != 2 or found[1] not in (None, asked[1]):
        raise ModelError(f"model file {path}: input audio has shape {found}, by the configuration {asked}")
    states = network(audio=np.zeros((1, samples_of(frames)), np.float32)).get("states")
    if states is None or states.shape != (1, frames, config.hubert) or not np.isfinite(states).all():
        shape = "missing" if states is None else states.shape
        raise ModelError(f"model file {path}: states are {shape}; they must be {(1, frames, config.hubert)}, finite")


def _check(folder: Path, config: DiffShegConfig, made: Mapping[str, Session]) -> None:
    """Raise ModelError where an input's shape is not what the card's configuration makes it."""
    size, width = sizes(config), config.branch_width
    speech = (config.speech,) if config.speech else (frame_windows(config).length, SPEECH_VECTOR)
    wanted: dict[str, dict[str, tuple[int | None, ...]]] = {
        PREPARE: {
            "speech": (None, None, *speech),
            "hubert": (None, None, config.hubert),
            "known": (None, None, size["motion"] + 1),
        },
        TABLES: {"person": (None, config.person)},
    }
    for name in config.branches:
        table = (None, config.layers, 4, width)
        wanted[branch_file(name)] = {"x": (None, None, size[name]), "table": table, "base": (None, None, width)}
    for file, inputs in wanted.items():
        for name, asked in inputs.items():
            found = made[file].shapes.get(name)
            if found is None and name in ("hubert", "known", "speech"):
                continue
            if (
                found is None
                or len(found) != len(asked)
                or any(b and a != b for a, b in zip(found, asked, strict=True))
            ):
                raise ModelError(
                    f"model card {folder / CARD} does not fit {file}: input {name} has shape {found}, by the "
                    f"configuration {asked}"
                )
