"""How far the training of a generator has come."""

from __future__ import annotations

import sys
from collections.abc import Mapping
from typing import Any


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
