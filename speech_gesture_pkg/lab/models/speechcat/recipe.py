"""The YAML file that says which SpeechCAT is trained on what, and how."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from speech_gesture_pkg.errors import ConfigError
from speech_gesture_pkg.generators.speechcat.config import SpeechCatConfig
from speech_gesture_pkg.lab.training.recipe import CorpusRecipe, sections_of
from speech_gesture_pkg.lab.training.settings import TrainSettings

STAGES = ("codes", "decoders", "tokens")


@dataclass(frozen=True)
class SpeechCatRecipe:
    """Sections `model`, `corpus`, `codes`, `decoders`, `tokens` of a recipe."""

    model: SpeechCatConfig = field(default_factory=SpeechCatConfig)
    corpus: CorpusRecipe = field(default_factory=CorpusRecipe)
    codes: TrainSettings = field(default_factory=TrainSettings)
    decoders: TrainSettings = field(default_factory=TrainSettings)
    tokens: TrainSettings = field(default_factory=TrainSettings)

    @staticmethod
    def from_file(path: str | Path, changes: Mapping[str, Any] | None = None) -> SpeechCatRecipe:
        """Read a YAML file.

        Args:
            path: of the file.
            changes: values by "section.name" that win over the file's.

        Raises:
            ConfigError: unreadable, unknown sections or names, wrong types or values.
        """
        sections = sections_of(path, ("model", "corpus", *STAGES), changes, "model.width, codes.steps or tokens.rate")
        try:
            return SpeechCatRecipe(
                SpeechCatConfig.from_dict(sections["model"]),
                CorpusRecipe.from_dict(sections["corpus"]),
                *(TrainSettings.from_dict(sections[stage]) for stage in STAGES),
            )
        except ConfigError as e:
            raise ConfigError(f"{path}: {e}") from e
