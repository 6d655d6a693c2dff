"""A trained DiffSHEG as the robot loads it: a folder with `diffsheg.json` and its ONNX networks."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from speech_gesture_pkg.errors import ModelError
from speech_gesture_pkg.features.encoded import samples_of
from speech_gesture_pkg.generators.diffsheg.clip_schedule import ClipPlan, live_plan
from speech_gesture_pkg.generators.diffsheg.config import DiffShegConfig
from speech_gesture_pkg.generators.diffsheg.denoiser import Denoiser, Given
from speech_gesture_pkg.generators.diffsheg.hubert import HubertWindows
from speech_gesture_pkg.generators.diffsheg.representation import sizes
from speech_gesture_pkg.generators.diffsheg.samplers import DpmSolver, seeded_noise
from speech_gesture_pkg.generators.model_bundle import (
    Shape,
    card_errors,
    card_name,
    check_inputs,
    check_outputs,
    check_row,
    in_words,
    load_networks,
    read_card,
    sha256_of,
)
from speech_gesture_pkg.generators.onnx_session import Session

NAME = "diffsheg"
CARD = card_name(NAME)
PREPARE = "prepare.onnx"
TABLES = "tables.onnx"
HUBERT = "hubert.onnx"
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
        hubert: `audio [B, samples]` -> `states [B, frames, C]`, for networks with HuBERT; None if it is not there.
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
        path = Path(folder) / CARD
        card = read_card(path, NAME)
        with card_errors(path):
            config = DiffShegConfig.from_dict(card["config"])
            plan = ClipPlan.from_dict(card["plan"]) if "plan" in card else live_plan(config)
            plan.check(config)
            rows = {k: np.asarray(card[k], np.float32) for k in ("mean", "deviation", "calm")}
            facts = dict(card.get("facts", {}))
        for name, row in rows.items():
            check_row(path, name, row, sizes(config)["motion"], positive=name == "deviation")
        names = [*file_names(config), *([HUBERT] if config.hubert and HUBERT in card["files"] else [])]
        made = load_networks(path, card, names, device, threads)
        branches = {name: made[branch_file(name)] for name in config.branches}
        bundle = DiffShegBundle(
            config=config,
            denoiser=Denoiser(config, made[PREPARE], made[TABLES], branches),
            hubert=made.get(HUBERT),
            plan=plan,
            **rows,
            device=made[PREPARE].device,
            facts=facts,
            card_sha256=sha256_of(path),
        )
        for name, wanted in _inputs(config).items():
            check_inputs(path, name, made[name], wanted, optional=("hubert", "known", "speech"))
        bundle._probe(path.parent)
        return bundle

    def _probe(self, folder: Path) -> None:
        """Make a clip of zeros: do the networks fit each other, are their numbers finite?"""
        c = self.config
        hubert = np.zeros((1, _PROBED, c.hubert), np.float32) if c.hubert else None
        speech = np.zeros((1, _PROBED, *c.speech_shape), np.float32)
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
    """Raise ModelError if HuBERT does not take and make what the configuration says."""
    frames = HubertWindows.of(config).frames
    samples, found = samples_of(frames), network.shapes.get("audio", ())
    if len(found) != 2 or found[1] not in (None, samples):
        raise ModelError(f"model file {path}: input audio has shape {found}, by the configuration {(None, samples)}")
    made = network(audio=np.zeros((1, samples), np.float32))
    check_outputs(path, made, {"states": (1, frames, config.hubert)})


def _inputs(config: DiffShegConfig) -> dict[str, dict[str, Shape]]:
    """File -> input -> shape by the configuration."""
    size, width = sizes(config), config.branch_width
    wanted: dict[str, dict[str, Shape]] = {
        PREPARE: {
            "speech": (None, None, *config.speech_shape),
            "hubert": (None, None, config.hubert),
            "known": (None, None, size["motion"] + 1),
        },
        TABLES: {"person": (None, config.person)},
    }
    for name in config.branches:
        table = (None, config.layers, 4, width)
        wanted[branch_file(name)] = {"x": (None, None, size[name]), "table": table, "base": (None, None, width)}
    return wanted
