"""The YAML file that says which DiffSHEG is trained on what, and how."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import yaml

from speech_gesture_pkg.errors import ConfigError, one_of
from speech_gesture_pkg.generators.diffsheg.config import DiffShegConfig
from speech_gesture_pkg.generators.diffsheg.plan import ClipPlan, live_plan
from speech_gesture_pkg.training.diffsheg_stage import LOSSES
from speech_gesture_pkg.training.recipe import CorpusRecipe
from speech_gesture_pkg.training.settings import TrainSettings

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
        sections = _read(path)
        for name, value in (changes or {}).items():
            section, dot, key = name.partition(".")
            if not dot or section not in SECTIONS:
                raise ConfigError(f"{name!r} is no setting; it must look like model.width, train.steps or plan.hop")
            sections[section][key] = value
        try:
            model = DiffShegConfig.from_dict(sections["model"])
            losses = sections["train"].pop("losses", "paper")
            if losses not in LOSSES:
                raise ConfigError(one_of("train.losses", losses, LOSSES))
            corpus = _corpus(sections["corpus"])
            plan = ClipPlan.from_dict({**live_plan(model).to_dict(), **sections["plan"]})
            plan.check(model)
            return DiffShegRecipe(model, corpus, TrainSettings.from_dict(sections["train"]), plan, losses)
        except ConfigError as e:
            raise ConfigError(f"{path}: {e}") from e


def _read(path: str | Path) -> dict[str, dict[str, Any]]:
    try:
        tree = yaml.safe_load(Path(path).read_text("utf-8"))
    except (OSError, UnicodeDecodeError, yaml.YAMLError) as e:
        raise ConfigError(f"recipe {path} cannot be read: {getattr(e, 'strerror', None) or e}") from e
    if not isinstance(tree, dict):
        raise ConfigError(f"recipe {path} must hold sections {', '.join(SECTIONS)}")
    for name, section in tree.items():
        if name not in SECTIONS:
            raise ConfigError(f"{path}: {one_of('section', name, SECTIONS)}")
        if not isinstance(section, dict):
            raise ConfigError(f"{path}: section {name} must hold names and values")
    return {name: dict(tree.get(name) or {}) for name in SECTIONS}


def _corpus(values: Mapping[str, Any]) -> CorpusRecipe:
    for name, value in values.items():
        if name not in CorpusRecipe.__dataclass_fields__:
            raise ConfigError(one_of("corpus setting", name, tuple(CorpusRecipe.__dataclass_fields__)))
        if not isinstance(value, str):
            raise ConfigError(f"corpus {name} is {value!r}; it must be a str")
    return CorpusRecipe(**values)
