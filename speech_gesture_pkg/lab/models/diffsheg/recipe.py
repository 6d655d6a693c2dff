"""The YAML file that says which DiffSHEG is trained on what, and how."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from speech_gesture_pkg.errors import ConfigError, one_of
from speech_gesture_pkg.generators.diffsheg.clip_schedule import ClipPlan, live_plan
from speech_gesture_pkg.generators.diffsheg.config import DiffShegConfig
from speech_gesture_pkg.lab.models.diffsheg.train_denoiser import LOSSES
from speech_gesture_pkg.lab.training.recipe import CorpusRecipe, corpus_recipe, sections_of
from speech_gesture_pkg.lab.training.settings import TrainSettings

SECTIONS = ("model", "corpus", "train", "plan")


@dataclass(frozen=True)
class DiffShegRecipe:
    """Sections `model`, `corpus`, `train` (with `losses`: paper or code) and `plan` of a recipe."""

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
            corpus = corpus_recipe(sections["corpus"])
            plan = ClipPlan.from_dict({**live_plan(model).to_dict(), **sections["plan"]})
            plan.check(model)
            return DiffShegRecipe(model, corpus, TrainSettings.from_dict(sections["train"]), plan, losses)
        except ConfigError as e:
            raise ConfigError(f"{path}: {e}") from e
