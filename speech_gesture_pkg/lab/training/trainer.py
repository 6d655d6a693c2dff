"""What `speech-gesture train` needs to know of a model.

By convention `lab.models.<name>.trainer.TRAINER` is a `Trainer` of the learned generator of that name. Its module must
not import torch at its top: the command's help is built from it.
"""

from __future__ import annotations

import argparse
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from importlib import import_module
from pathlib import Path
from typing import Any, Generic, Protocol, TypeVar

from speech_gesture_pkg.lab.training.corpus import Corpus, Feature, load_corpus
from speech_gesture_pkg.lab.training.recipe import CorpusRecipe

R = TypeVar("R")


class Progress(Protocol):
    """Shows how far a training has come."""

    def begin(self, name: str) -> None:
        """The run that is shown from now on."""
        ...

    def __call__(self, stage: str, step: int, figures: dict[str, float]) -> None:
        """A stage's step, and its newest figures."""
        ...


@dataclass
class TrainingJob:
    """What was asked for on the command line.

    Attributes:
        folder: of the corpus.
        out: of the runs.
        cache: of speech features.
        seeds: one run each.
        options: the trainer's own (`Trainer.add_arguments`).
        progress: of training.
        reading: wraps the files of the corpus.
        note: says something to the person.
        corpus: what was read.
    """

    folder: str
    out: Path
    cache: Path
    seeds: Sequence[int]
    options: argparse.Namespace
    progress: Progress
    reading: Callable[[Iterable[Path]], Iterable[Path]]
    note: Callable[[str], object]
    corpus: Corpus = field(default_factory=Corpus)

    def read(self, recipe: CorpusRecipe, features: Mapping[str, Feature]) -> Corpus:
        """The corpus with these speech features."""
        self.corpus = load_corpus(self.folder, features, recipe.layout, recipe.smplx or None, self.reading)
        self.note(self.corpus.skipped.report())
        return self.corpus

    def each(self, variants: Iterable[str], do: Callable[[str, int], Path]) -> dict[str, str]:
        """`do(variant, seed)` for all of them. Returns name of the run -> what it made."""
        made = {}
        for seed in self.seeds:
            for variant in variants:
                self.progress.begin(f"{variant} {seed}")
                made[f"{variant}-{seed}"] = str(do(variant, seed))
        return made


class Trainer(ABC, Generic[R]):
    """Trains and exports a model by recipes of type R.

    Attributes:
        name: of the generator.
        title: for people.
        trains: what has weights, for the help.
        recipe: an example of a recipe.
        change: an example of a changed setting.
    """

    name: str
    title: str
    trains: str
    recipe: str
    change: str

    def add_arguments(self, parser: argparse.ArgumentParser) -> None:
        """Options of its own."""

    @abstractmethod
    def read_recipe(self, path: str | Path, changes: Mapping[str, Any]) -> R:
        """The recipe of a file with values by "section.name" that win over the file's. Raises ConfigError."""

    @abstractmethod
    def steps(self, recipe: R) -> dict[str, int]:
        """Stage -> its optimisation steps."""

    @abstractmethod
    def train(self, recipe: R, job: TrainingJob) -> dict[str, str]:
        """Train what is not trained yet. Returns name of each run -> what it made."""


def trainer_of(name: str) -> Trainer[Any]:
    """The trainer of a learned generator."""
    trainer: Trainer[Any] = import_module(f"speech_gesture_pkg.lab.models.{name}.trainer").TRAINER
    return trainer
