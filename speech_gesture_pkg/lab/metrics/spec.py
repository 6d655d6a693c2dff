"""What the registry knows about a metric."""

from __future__ import annotations

import inspect
import re
from collections.abc import Callable
from dataclasses import dataclass
from enum import Enum
from operator import attrgetter
from typing import Any

import numpy as np

from speech_gesture_pkg.lab.metrics.sample import MetricInput
from speech_gesture_pkg.motion.parts import PARTS


class Better(Enum):
    """Which way a figure should go."""

    HIGHER = "higher"
    LOWER = "lower"
    REAL = "closer to real motion"


class Need(Enum):
    """What a metric needs beside the motion."""

    TRUTH = "ground truth"
    AUDIO = "audio"
    SAMPLES = "several samples of the same audio"
    FACE = "a moving face"
    FACE_POINTS = "face points of the SMPL-X mesh"
    SEMANTIC = "semantic scores"
    NORMALISER = "mean and deviation of the training corpus"
    ROBOT = "robot motion"
    LATENT = "an autoencoder"

    def missing_in(self, take: MetricInput) -> str:
        """Why a metric that needs this cannot be computed of a take; '' if the take has it."""
        parts: dict[Need, object] = {
            Need.TRUTH: take.truth,
            Need.AUDIO: take.speech,
            Need.SAMPLES: take.samples or None,
            Need.FACE: take.motion.valid[:, PARTS.index("face")].all() or None,
            Need.FACE_POINTS: take.face_points,
            Need.SEMANTIC: take.semantic,
            Need.NORMALISER: take.normaliser,
            Need.ROBOT: take.robot,
        }
        return "" if parts.get(self) is not None else f"it needs {self.value}, which the input lacks"


class Of:
    """The figure of a take by a function on arrays, whose docstring defines the metric.

    Args:
        function: on arrays.
        inputs: what it gets of a take; raises InputError if the take lacks it.
        attribute: of the function's result that is the figure; "": the result itself.
        mean: the mean of the function's result is the figure.
    """

    def __init__(
        self,
        function: Callable[..., Any],
        inputs: Callable[[MetricInput], tuple],
        attribute: str = "",
        mean: bool = False,
    ) -> None:
        self.function, self._inputs = function, inputs
        self._figure: Callable[[Any], float] = attrgetter(attribute) if attribute else np.mean if mean else float

    def __call__(self, take: MetricInput) -> float:
        """The figure. Raises InputError with the reason if there is none."""
        return float(self._figure(self.function(*self._inputs(take))))


@dataclass(frozen=True)
class Metric:
    """One metric of a take.

    Attributes:
        name: as in reports and JSON.
        compute: the figure of a take; raises InputError with the reason if there is none.
        unit: of the figure; empty for pure numbers.
        better: which way it should go.
        source: paper and equation, table or code that defines it.
        needs: what it needs beside the motion; a user's own metric is not computed where that is missing.
        note: on what it is computed, added to the definition.
        defined_by: whose docstring defines it; None: `compute`, or the function that it is `Of`.
        fooled_by: controls (`controls.py`) that score as well as or better than real motion, found on real data and
            held by tests/lab/test_metrics_controls.py.
    """

    name: str
    compute: Callable[[MetricInput], float]
    unit: str
    better: Better
    source: str
    needs: frozenset[Need] = frozenset()
    note: str = ""
    defined_by: Callable[..., Any] | None = None
    fooled_by: frozenset[str] = frozenset()


@dataclass(frozen=True)
class CorpusMetric:
    """One figure of a set of motions.

    Attributes:
        name, unit, better, source, needs, note, defined_by: as in `Metric`.
        summary: what it is in a few words.
    """

    name: str
    summary: str
    unit: str
    better: Better
    source: str
    needs: frozenset[Need]
    note: str
    defined_by: Callable[..., Any]


def definition_of(metric: Metric | CorpusMetric) -> str:
    """What a metric is, in words and formulas: the docstring of the function that computes it, and the note."""
    source = metric.defined_by
    if source is None and isinstance(metric, Metric):
        source = metric.compute.function if isinstance(metric.compute, Of) else metric.compute
    text = re.split(r"\n\s*\n?(?:Args|Returns|Raises):\n", inspect.getdoc(source) or "")[0].strip()
    return "\n\n".join(part for part in (text, metric.note) if part)
