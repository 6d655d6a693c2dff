"""What a metric gives: a number with unit and stamp, or the reason why there is none."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from speech_gesture_pkg.errors import InputError


@dataclass(frozen=True)
class NotComputable:
    """Stands where a number would stand if the input allowed one.

    Attributes:
        reason: one sentence: what is missing or wrong.
    """

    reason: str


@dataclass(frozen=True)
class Measurement:
    """One figure of one take or corpus.

    Attributes:
        name: of the metric, as in the registry.
        value: the number, or why there is none.
        unit: of the number; empty for pure numbers.
        stamp: what the number depends on beside the input (for Frechet distances the autoencoder's and its corpus's
            hash); empty if nothing. Figures of different stamps cannot be compared.
    """

    name: str
    value: float | NotComputable
    unit: str = ""
    stamp: str = ""

    @property
    def number(self) -> float:
        """The value, NaN if there is none (for plots; tables should print the reason)."""
        return math.nan if isinstance(self.value, NotComputable) else self.value


def finite(name: str, values: object, ndim: int | None = None) -> np.ndarray:
    """`values` as a float array. Raises InputError if it is not finite or has not `ndim` axes."""
    array = np.asarray(values, float)
    if ndim is not None and array.ndim != ndim:
        raise InputError(f"{name} has shape {array.shape}; it must have {ndim} axes")
    if not np.isfinite(array).all():
        bad = int((~np.isfinite(array)).sum())
        raise InputError(f"{name} holds {bad} values that are NaN or infinite; figures need finite numbers")
    return array


def frames(name: str, values: object, ndim: int, least: int) -> np.ndarray:
    """`values` as a finite array of at least `least` frames (first axis). Raises InputError otherwise."""
    array = finite(name, values, ndim)
    if len(array) < least or array.size == 0:
        raise InputError(f"{name} has shape {array.shape}; at least {least} frames with data are needed")
    return array


def pair(name: str, predicted: object, truth: object, ndim: int, least: int = 1) -> tuple[np.ndarray, np.ndarray]:
    """Prediction and ground truth as finite arrays of the same shape. Raises InputError otherwise."""
    a = frames(f"generated {name}", predicted, ndim, least)
    b = frames(f"true {name}", truth, ndim, least)
    if a.shape != b.shape:
        raise InputError(f"generated {name} have shape {a.shape}, true {name} {b.shape}; they must be the same")
    return a, b
