"""A training recipe: the YAML file that says what is trained on what, and how."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from speech_gesture_pkg.errors import ConfigError, one_of
from speech_gesture_pkg.lab.datasets.reading import LAYOUTS
from speech_gesture_pkg.safe_yaml import read_yaml


@dataclass(frozen=True)
class CorpusRecipe:
    """How to read the corpus.

    Attributes:
        name: for the checkpoints.
        layout: one of `lab.datasets.reading.LAYOUTS`.
        smplx: SMPL-X file with the hand PCA, for SHOW files with PCA hands.
        note: what must be said wherever figures of these weights stand.
    """

    name: str = "corpus"
    layout: str = "own"
    smplx: str = ""
    note: str = ""

    def __post_init__(self) -> None:
        if self.layout not in LAYOUTS:
            raise ConfigError(one_of("corpus layout", self.layout, LAYOUTS))

    @staticmethod
    def from_dict(values: Mapping[str, Any]) -> CorpusRecipe:
        """Section `corpus`. Raises ConfigError for unknown names and wrong types."""
        for name, value in values.items():
            if name not in CorpusRecipe.__dataclass_fields__:
                raise ConfigError(one_of("corpus setting", name, tuple(CorpusRecipe.__dataclass_fields__)))
            if not isinstance(value, str):
                raise ConfigError(f"corpus {name} is {value!r}; it must be a str")
        return CorpusRecipe(**values)


def sections_of(
    path: str | Path, names: tuple[str, ...], changes: Mapping[str, Any] | None, examples: str
) -> dict[str, dict[str, Any]]:
    """The sections of a recipe.

    Args:
        path: YAML file.
        names: of the sections that it may have.
        changes: values by "section.name" that win over the file's.
        examples: of such names, for the message.

    Raises:
        ConfigError: unreadable, or unknown sections.
    """
    try:
        tree = read_yaml(Path(path).read_text("utf-8"))
    except (OSError, UnicodeDecodeError, yaml.YAMLError) as e:
        raise ConfigError(f"recipe {path} cannot be read: {getattr(e, 'strerror', None) or e}") from e
    if not isinstance(tree, dict):
        raise ConfigError(f"recipe {path} must hold sections {', '.join(names)}")
    for name, section in tree.items():
        if name not in names:
            raise ConfigError(f"{path}: {one_of('section', name, names)}")
        if not isinstance(section, dict):
            raise ConfigError(f"{path}: section {name} must hold names and values")
    sections = {name: dict(tree.get(name) or {}) for name in names}
    for name, value in (changes or {}).items():
        section, dot, key = name.partition(".")
        if not dot or section not in sections:
            raise ConfigError(f"{name!r} is no setting; it must look like {examples}")
        sections[section][key] = value
    return sections
