"""The YAML file that says which DiffSHEG is trained on what, and how."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from speech_gesture_pkg.errors import ConfigError, one_of
from speech_gesture_pkg.generators.diffsheg.clip_schedule import ClipPlan, live_plan
from speech_gesture_pkg.generators.diffsheg.config import DiffShegConfig
from speech_gesture_pkg.lab.training.recipe import CorpusRecipe, sections_of
from speech_gesture_pkg.lab.training.settings import TrainSettings

SECTIONS = ("model", "corpus", "train", "plan")


@dataclass(frozen=True)
class Losses:
    """Weights of Eq. 8: prediction (Eq. 4), velocity (Eq. 6), Huber of x_0 (Eq. 7) with its delta.

    With `scaled`, Huber is divided by delta (smooth L1), as in the authors' code.
    """

    prediction: float
    velocity: float
    huber: float
    delta: float
    scaled: bool

    @staticmethod
    def named(name: str) -> Losses:
        """`paper`, `code` or `motion`. Raises ConfigError for another name."""
        if name not in LOSSES:
            raise ConfigError(one_of("diffsheg losses", name, tuple(LOSSES)))
        return LOSSES[name]


LOSSES = {
    "paper": Losses(10.0, 1.0, 1.0, 0.1, False),
    "code": Losses(1000.0, 1.0, 100.0, 0.1, True),
    "motion": Losses(10.0, 100.0, 1.0, 0.1, False),
}
"""The paper gives no delta: that of the authors' code is taken. `motion` is for short trainings: a frame's change is a
fifteenth of a pose's spread, so its error counts as much as the pose's only with a hundred times its weight."""


@dataclass(frozen=True)
class DiffShegRecipe:
    """Sections `model`, `corpus`, `train` (with `losses`: a name of `LOSSES`) and `plan` of a recipe."""

    model: DiffShegConfig = field(default_factory=DiffShegConfig)
    corpus: CorpusRecipe = field(default_factory=CorpusRecipe)
    train: TrainSettings = field(default_factory=TrainSettings)
    plan: ClipPlan = field(default_factory=ClipPlan)
    losses: str = "paper"

    @staticmethod
    def from_file(path: str | Path, changes: Mapping[str, Any] | None = None) -> DiffShegRecipe:
        """Read a YAML file.

        Args:
            path: of the file.
            changes: values by "section.name" that win over the file's.

        Raises:
            ConfigError: unreadable, unknown sections or names, wrong types or values.
        """
        sections = sections_of(path, SECTIONS, changes, "model.width, train.steps or plan.hop")
        try:
            model = DiffShegConfig.from_dict(sections["model"])
            losses = sections["train"].pop("losses", "paper")
            if losses not in LOSSES:
                raise ConfigError(one_of("train.losses", losses, LOSSES))
            corpus = CorpusRecipe.from_dict(sections["corpus"])
            plan = ClipPlan.from_dict({**live_plan(model).to_dict(), **sections["plan"]})
            plan.check(model)
            return DiffShegRecipe(model, corpus, TrainSettings.from_dict(sections["train"]), plan, losses)
        except ConfigError as e:
            raise ConfigError(f"{path}: {e}") from e
