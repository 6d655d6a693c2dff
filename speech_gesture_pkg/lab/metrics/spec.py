"""What the registry knows about a metric."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from enum import Enum

from speech_gesture_pkg.lab.metrics.sample import MetricInput


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


@dataclass(frozen=True)
class Metric:
    """One metric of a take.

    Attributes:
        name: as in reports and JSON.
        compute: the figure of a take; raises InputError with the reason if there is none.
        unit: of the figure; empty for pure numbers.
        better: which way it should go.
        source: paper and equation, table or code that defines it.
        needs: what it needs beside the motion.
        fooled_by: controls (`controls.py`) that score as well as or better than real motion, found on real data and
            held by tests/lab/test_metrics_controls.py.
    """

    name: str
    compute: Callable[[MetricInput], float]
    unit: str
    better: Better
    source: str
    needs: frozenset[Need] = frozenset()
    fooled_by: frozenset[str] = frozenset()
