"""Folders of training runs: what is finished is used, what was interrupted goes on, other settings are refused."""

from __future__ import annotations

import fcntl
import json
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from importlib.metadata import version
from pathlib import Path
from typing import Any

from torch import nn

from speech_gesture_pkg.errors import ConfigError
from speech_gesture_pkg.lab.datasets.layout import write_json
from speech_gesture_pkg.lab.training.corpus import Corpus
from speech_gesture_pkg.lab.training.engine import Stage, fit, processes
from speech_gesture_pkg.lab.training.settings import TrainSettings

BUNDLE = "bundle"
"""Folder of a run's exported model."""
_RUN = "run.json"

Report = Callable[[str, int, dict[str, float]], None]
"""Called with the stage, its step and the newest figures."""


@dataclass(kw_only=True)
class TrainingRuns:
    """Runs in one folder.

    Attributes:
        folder: of the runs.
        corpus: what to learn.
        about: of the corpus, for the checkpoints: name, layout and so on.
        report: of progress.
    """

    folder: Path
    corpus: Corpus
    about: Mapping[str, Any]
    report: Report = field(default=lambda stage, step, figures: None)

    def fit(self, stage: Stage, place: Path, settings: TrainSettings) -> dict[str, float]:
        """Train a stage in a folder. Returns its last figures."""
        return fit(stage, settings, place, lambda step, figures: self.report(stage.name, step, figures))

    def finished(self, result: Path, wanted: Mapping[str, Any]) -> bool:
        """Whether a run's result is there; notes beside it what it is going to be made by.

        Raises:
            ConfigError: the folder holds a run by other settings.
        """
        wanted, note = {**wanted, "corpus_sha256": self.corpus.sha256}, result.parent / _RUN
        if note.is_file():
            found = json.loads(note.read_text("utf-8"))
            if found != wanted:
                raise ConfigError(
                    f"{result.parent} holds a run with another {_difference(found, wanted)}; choose another folder, or "
                    "remove that one"
                )
        elif processes().is_main_process:
            write_json(note, wanted)
        return result.is_file()

    def save(
        self,
        model: nn.Module,
        path: Path,
        write: Callable[[Any, Path, dict[str, Any]], None],
        packages: tuple[str, ...],
        facts: Mapping[str, Any],
    ) -> None:
        """Write a checkpoint by `write`, with these facts, those of the corpus and the packages' versions."""
        state = processes()
        if state.is_main_process:
            whole = {"corpus": {**self.about, **self.corpus.facts()}, **facts}
            write(model.cpu(), path, whole | {"versions": {p: version(p) for p in packages}})
        state.wait_for_everyone()


@contextmanager
def alone(place: Path) -> Iterator[None]:
    """Train in a folder while no other command does; wait for one that does, and then use its result."""
    if not processes().is_main_process:
        yield
        return
    place.mkdir(parents=True, exist_ok=True)
    with (place / ".lock").open("w") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield


def _difference(found: Any, wanted: Any, name: str = "") -> str:
    """The first setting in which two runs differ, with both values."""
    if isinstance(found, dict) and isinstance(wanted, dict):
        for key in wanted:
            if found.get(key) != wanted[key]:
                return _difference(found.get(key), wanted[key], f"{name}.{key}".lstrip("."))
    return f"{name} ({found!r} there, {wanted!r} now)"
