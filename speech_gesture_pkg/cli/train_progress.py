"""What the trainings of the generators share on the command line: options, and how far they have come."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from speech_gesture_pkg.cli.common import progress
from speech_gesture_pkg.errors import MissingDependencyError


def add_run_options(parser: argparse.ArgumentParser, recipe: str, change: str) -> None:
    """Recipe, corpus and the like; `recipe` and `change` are examples for the help."""
    parser.add_argument("recipe", help=f"YAML file, e.g. {recipe}")
    parser.add_argument("--corpus", required=True, metavar="DIR", help="in the recipe's layout")
    parser.add_argument("-o", "--out", required=True, metavar="DIR", help="runs; what was interrupted there goes on")
    parser.add_argument("--seeds", nargs="+", type=int, default=[0], help="one run each (default: 0)")
    parser.add_argument("--set", action="append", default=[], metavar="NAME=VALUE", help=f"e.g. --set {change}")
    parser.add_argument("--threads", type=int, default=1, help="CPU threads of torch (default: %(default)s)")
    parser.add_argument("--cache", help="folder for speech features (default: OUT/features)")


def needs_training(error: ModuleNotFoundError) -> MissingDependencyError:
    """The sentence for a package of the extra `train` that is not there."""
    return MissingDependencyError(
        f"training needs {error.name}, which is not installed: pip install 'speech_gesture_pkg[train]'"
    )


def reading(paths: Iterable[Path]) -> Iterable[Path]:
    """The paths, with a bar."""
    listed = list(paths)
    return progress(listed, "reading", len(listed))


class StepProgress:
    """A bar on a terminal, a line every hundred steps elsewhere.

    Args:
        steps: of each stage, by its name.
    """

    def __init__(self, steps: Mapping[str, int]) -> None:
        self._steps = dict(steps)
        self._bar: Any = None
        self._name, self._stage = "", ""

    def __enter__(self) -> StepProgress:
        return self

    def __exit__(self, *failure: object) -> None:
        self._close()

    def begin(self, name: str) -> None:
        """The run that is shown from now on."""
        self._close()
        self._name = name

    def __call__(self, stage: str, step: int, figures: dict[str, float]) -> None:
        from tqdm import tqdm

        if not sys.stderr.isatty():
            if step % 100 == 0 or step == self._steps[stage]:
                shown = ", ".join(f"{k} {v:.4g}" for k, v in figures.items())
                sys.stderr.write(f"{self._name} {stage} {step}/{self._steps[stage]}: {shown}\n")
            return
        if self._bar is None or stage != self._stage:
            self._close()
            self._stage = stage
            self._bar = tqdm(total=self._steps[stage], desc=f"{self._name} {stage}", leave=False)
        self._bar.update(step - self._bar.n)
        self._bar.set_postfix(loss=f"{figures['loss']:.4f}", refresh=False)

    def _close(self) -> None:
        if self._bar is not None:
            self._bar.close()
            self._bar = None
