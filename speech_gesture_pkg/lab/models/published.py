"""Published comparisons that are repeated here: which variants of a model, which figures, and what was found.

By convention `lab.models.<name>.published.STUDY` is that of the learned generator of that name.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from importlib import import_module
from typing import Any

from speech_gesture_pkg.generators.registry import LEARNED


@dataclass(frozen=True)
class Figure:
    """A row of the table.

    Attributes:
        label: for a person.
        better: "higher" or "lower", as the publication's arrows say.
        published: its values for the study's variants; None where it gives none.
    """

    label: str
    better: str
    published: tuple[float, ...] | None = None


@dataclass(frozen=True)
class Study:
    """A comparison.

    Attributes:
        generator: its name in the registry.
        title: for a person.
        source: what the published figures are called.
        variants: in the publication's order, the whole model first.
        figures: metric -> row; the names are those of `lab.metrics`.
        samples: motions of each model for each recording, unless another number is asked for.
        variant: of a model, by its card's configuration.
    """

    generator: str
    title: str
    source: str
    variants: tuple[str, ...]
    figures: Mapping[str, Figure]
    samples: int
    variant: Callable[[Mapping[str, Any]], str]


def studies() -> dict[str, Study]:
    """Learned generator -> its comparison."""
    return {name: import_module(f"speech_gesture_pkg.lab.models.{name}.published").STUDY for name in LEARNED}
