"""Figures over all files: means with confidence intervals, corpus figures, worst moments."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Callable, Collection, Iterable, Mapping
from typing import Any

import numpy as np

from speech_gesture_pkg.errors import InputError
from speech_gesture_pkg.lab.metrics import frechet
from speech_gesture_pkg.lab.metrics.corpus import CORPUS_METRICS, FRECHET, STUDIED
from speech_gesture_pkg.lab.metrics.diversity import batch_diversities
from speech_gesture_pkg.lab.metrics.frechet import LatentStatistics
from speech_gesture_pkg.lab.metrics.statistics import bootstrap_interval
from speech_gesture_pkg.lab.study.embeddings import LatentFile
from speech_gesture_pkg.lab.study.jobs import REAL
from speech_gesture_pkg.pipeline.build import SPARE

LEVEL = 0.95
RESAMPLES = 200
"""Bootstrap samples of a Frechet distance: each costs two eigenvalue problems of the latent size."""
WORST = 20
_GRAVITY = {"late": 0, "clearance": 1, "limit": 2, "idle": 3, "direction": 4}


class SystemFigures:
    """What is gathered of one system, record by record; only numbers are kept."""

    def __init__(self) -> None:
        self.records = 0
        self.keys: list[str] = []
        self.values: dict[str, dict[str, list[float]]] = defaultdict(lambda: defaultdict(list))
        self.missing: dict[str, Counter[str]] = defaultdict(Counter)
        self.stamps: dict[str, str] = {}
        self.timings: dict[str, list[float]] = defaultdict(list)
        self.fallback_shares: list[float] = []
        self.moments: list[dict[str, Any]] = []

    def add(self, record: Mapping[str, Any]) -> None:
        """Take in a record."""
        self.records += 1
        self.keys.append(record["key"])
        for name, entry in record["metrics"].items():
            if entry["value"] is None:
                self.missing[name][entry["why"]] += 1
            else:
                self.values[name][record["name"]].append(entry["value"])
            self.stamps[name] = entry.get("stamp", "")
        for name, value in record["timings"].items():
            if value is not None:
                self.timings[name].append(value)
        self.fallback_shares.append(record["fallback_share"])
        for moment in record["worst"]:
            self.moments.append(moment | {"file": record["name"], "key": record["key"]})
        self.moments = sorted(self.moments, key=_gravity)[: 4 * WORST]

    def figures(self) -> dict[str, Any]:
        """Metric -> mean over files with interval. Seeds of one file are averaged first: files are the units."""
        return {
            name: _over_files(self.values.get(name, {}), self.missing.get(name, Counter()), self.stamps[name])
            for name in self.stamps
        }

    def speed(self) -> dict[str, float | None]:
        """Timings over all records."""
        busy, audio = sum(self.timings["busy_s"]), sum(self.timings["audio_s"])
        medians = {k: float(np.median(self.timings[k])) for k in ("step_p50_ms", "step_p99_ms") if self.timings[k]}
        factor = audio / busy if busy else None
        if factor is None and self.timings["real_time_factor"]:
            factor = float(np.median(self.timings["real_time_factor"]))
        return {"audio_s": audio, "busy_s": busy or None, "real_time_factor": factor, **medians}

    def fallback(self) -> dict[str, Any] | None:
        """In how many records the fall-back took over, and the share of all motion that it made; None if in none."""
        taken = sum(share > 0.0 for share in self.fallback_shares)
        share = float(np.mean(self.fallback_shares or [0.0]))
        return {"generator": SPARE, "records": taken, "share": share} if taken else None

    def worst(self) -> list[dict[str, Any]]:
        """The worst moments: some of each kind."""
        chosen: list[dict[str, Any]] = []
        by_kind: dict[str, list[dict[str, Any]]] = defaultdict(list)
        for moment in self.moments:
            by_kind[moment["what"]].append(moment)
        for kind in sorted(by_kind, key=lambda k: _GRAVITY.get(k, 9)):
            chosen += by_kind[kind][: WORST // 4]
        return chosen[:WORST]


def _gravity(moment: Mapping[str, Any]) -> tuple[int, float]:
    sign = 1.0 if moment["what"] in ("clearance", "late") else -1.0
    return _GRAVITY.get(moment["what"], 9), sign * float(moment["value"])


def _over_files(by_file: Mapping[str, list[float]], missing: Counter[str], stamp: str) -> dict[str, Any]:
    entry: dict[str, Any] = dict.fromkeys(("mean", "low", "high", "median", "min", "max", "worst_file"))
    entry |= {"n": len(by_file), "missing": dict(missing), "stamp": stamp}
    if not by_file:
        return entry
    names = list(by_file)
    values = np.array([np.mean(by_file[n]) for n in names])
    entry |= {
        "mean": float(values.mean()),
        "median": float(np.median(values)),
        "min": float(values.min()),
        "max": float(values.max()),
        "lowest_file": names[int(values.argmin())],
        "highest_file": names[int(values.argmax())],
    }
    del entry["worst_file"]
    if len(values) > 1:
        interval = bootstrap_interval(values, LEVEL)
        entry |= {"low": interval.low, "high": interval.high}
    return entry


def gathered(records: Iterable[Mapping[str, Any]]) -> dict[str, SystemFigures]:
    """System -> what its records hold."""
    found: dict[str, SystemFigures] = {}
    for record in records:
        found.setdefault(record["system"], SystemFigures()).add(record)
    return found


def corpus_figures(
    systems: Mapping[str, SystemFigures],
    arrays: Callable[[str], Mapping[str, np.ndarray]],
    latents: LatentFile | None,
    normaliser: str = "",
    names: Collection[str] = STUDIED,
) -> dict[str, dict[str, dict[str, Any]]]:
    """System -> corpus metric -> figure with interval, or why there is none.

    Args:
        systems: from `gathered`.
        arrays: key of a record -> its arrays.
        latents: autoencoders; without them Frechet distances say so.
        normaliser: stamp of the normaliser, "" if there is none.
        names: metrics that were asked for.
    """
    real = systems[REAL].keys if REAL in systems else []
    result: dict[str, dict[str, dict[str, Any]]] = {}
    for name, figures in systems.items():
        mine: dict[str, dict[str, Any]] = {}
        for metric in (m for m in FRECHET if m in names):
            if name == REAL:
                mine[metric] = _none(metric, "this is the real motion that the others are compared with")
            else:
                mine[metric] = _frechet(metric, figures.keys, real, arrays, latents)
        if "diversity_diffsheg" in names:
            mine["diversity_diffsheg"] = _div(figures.keys, arrays, normaliser)
        result[name] = mine
    return result


def _none(metric: str, why: str) -> dict[str, Any]:
    unit = CORPUS_METRICS[metric].unit
    return {"value": None, "low": None, "high": None, "n": 0, "unit": unit, "stamp": "", "why": why}


def _frechet(
    metric: str,
    keys: list[str],
    real: list[str],
    arrays: Callable[[str], Mapping[str, np.ndarray]],
    latents: LatentFile | None,
) -> dict[str, Any]:
    provider = latents.providers.get(metric) if latents else None
    if provider is None:
        return _none(metric, "no trained autoencoder was given (--latents)")
    column = f"latents_{metric}"
    mine = [a[column] for k in keys if column in (a := arrays(k))]
    truth = [a[column] for k in real if column in (a := arrays(k))]
    reference: LatentStatistics | None = getattr(provider, "reference", None)
    if not mine:
        return _none(metric, "no motion is long enough or has the parts that the autoencoder needs")
    if not truth and reference is None:
        return _none(metric, "there is no real motion to compare with: no ground truth with the parts it needs")
    try:
        side = frechet.statistics_of(np.concatenate(truth), provider.id) if truth else reference
        assert side is not None
        figure = frechet.frechet_between(side, frechet.statistics_of(np.concatenate(mine), provider.id))
        floor = frechet.frechet_floor(side, sum(map(len, mine)))
    except InputError as e:
        return _none(metric, str(e))
    low, high = _frechet_interval(figure.value, mine, truth, reference)
    against = f"{len(truth)} true motions" if truth else "the autoencoder's training corpus"
    return {
        "value": figure.value,
        "low": low,
        "high": high,
        "n": len(mine),
        "clips": figure.count,
        "biased": figure.biased,
        "floor": floor,
        "against": against,
        "unit": "",
        "stamp": provider.id,
        "why": None,
    }


def _frechet_interval(
    value: float, mine: list[np.ndarray], truth: list[np.ndarray], reference: LatentStatistics | None
) -> tuple[float | None, float | None]:
    """Bootstrap over files of both sides; from moments per file, so that a resample costs no pass.

    Drawn files repeat, so drawn covariances are narrower and drawn distances too large: percentiles of them would lie
    above the figure itself. The draws are therefore laid around the figure by their median: the interval says how much
    the choice of files matters, not how far few clips shift the figure (that says its floor).
    """
    if len(mine) < 3:
        return None, None
    sides = [_Moments(mine)] + ([_Moments(truth)] if len(truth) > 2 else [])
    rng = np.random.default_rng(0)
    fixed = None
    if len(sides) == 1:
        fixed = _Moments(truth).drawn(np.arange(len(truth))) if truth else None
        if fixed is None and reference is not None:
            fixed = reference.mean, reference.covariance
    values = []
    for _ in range(RESAMPLES):
        drawn = [s.drawn(rng.integers(0, s.files, s.files)) for s in sides]
        (mean, covariance), (other, spread) = drawn[0], drawn[1] if len(drawn) > 1 else fixed  # type: ignore[misc]
        values.append(frechet.frechet_distance(other, spread, mean, covariance))
    low, middle, high = (float(q) for q in np.quantile(values, [(1 - LEVEL) / 2, 0.5, (1 + LEVEL) / 2]))
    return max(value + low - middle, 0.0), value + high - middle


class _Moments:
    """Counts, sums and outer sums of the latents of each file."""

    def __init__(self, pieces: list[np.ndarray]) -> None:
        x = [np.asarray(p, float) for p in pieces]
        self.files = len(x)
        self.centre = np.concatenate(x).mean(axis=0)
        self.count = np.array([len(p) for p in x])
        self.total = np.stack([(p - self.centre).sum(axis=0) for p in x])
        self.pieces = [p - self.centre for p in x]

    def drawn(self, index: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Mean and covariance of the files of `index`, drawn with replacement."""
        weight = np.bincount(index, minlength=self.files).astype(float)
        count = float(weight @ self.count)
        mean = (weight @ self.total) / count
        stacked = np.concatenate([np.sqrt(w) * p for w, p in zip(weight, self.pieces, strict=True) if w])
        covariance = (stacked.T @ stacked - count * np.outer(mean, mean)) / max(count - 1.0, 1.0)
        return self.centre + mean, covariance


def _div(keys: list[str], arrays: Callable[[str], Mapping[str, np.ndarray]], normaliser: str) -> dict[str, Any]:
    """DiffSHEG's Div, in whole batches of 50 clips in the order of the files (one smaller batch if there are fewer)."""
    if not normaliser:
        return _none("diversity_diffsheg", "Div needs mean and deviation over real motion (--truth)")
    values = batch_diversities(clip for key in keys for clip in arrays(key).get("div_clips", ()))
    if not values:
        return _none("diversity_diffsheg", "the motions hold fewer than 2 whole clips of 88 frames")
    entry = {"value": float(np.mean(values)), "low": None, "high": None, "n": len(values), "unit": "std", "why": None}
    if len(values) > 1:
        interval = bootstrap_interval(np.array(values), LEVEL)
        entry |= {"low": interval.low, "high": interval.high}
    return entry | {"stamp": normaliser}
