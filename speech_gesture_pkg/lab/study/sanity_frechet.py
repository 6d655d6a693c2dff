"""Sanity of the Frechet distances: are real motions nearer to real ones than the same motions spoiled?

One figure belongs to a set of takes, so the takes are drawn again (with replacement, the same ones for the motion as it
is and for the control): a control differs from the motion if all draws say the same.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import Any

import numpy as np

from speech_gesture_pkg.errors import InputError
from speech_gesture_pkg.lab.metrics.corpus import FRECHET
from speech_gesture_pkg.lab.metrics.frechet import LatentStatistics, frechet_between, statistics_of
from speech_gesture_pkg.lab.metrics.sample import MetricInput
from speech_gesture_pkg.lab.study.embeddings import LatentFile, latent_vectors
from speech_gesture_pkg.lab.study.sanity import BLIND, CONTROLS, FOOLED, LEAST, PASSES, SEES_AUDIO, cell, verdict_of

DRAWS = 24
"""Draws of the takes: if all agree, p < 0.05."""
AS_IS = "as_is"


def control_latents(takes: Mapping[str, MetricInput], latents: LatentFile | None) -> dict[str, np.ndarray]:
    """Latents of a take as it is and spoiled, for the npz beside its record: `control_NAME_CONTROL` [N, L]."""
    found: dict[str, np.ndarray] = {}
    for name, provider in (latents.providers if latents else {}).items():
        for control, take in takes.items():
            if name not in FRECHET or control in SEES_AUDIO:
                continue
            try:
                found[f"control_{name}_{control}"] = latent_vectors(name, take, provider)
            except InputError:
                continue  # no such parts, or no frames: the record's own figure says so
    return found


def rows(
    records: Iterable[Mapping[str, Any]],
    arrays: Callable[[str], Mapping[str, np.ndarray]],
    latents: LatentFile | None,
) -> list[dict[str, Any]]:
    """Rows for `sanity.sanity_table`: distances from the autoencoder's own corpus, as it is and spoiled."""
    kept = [(r["controls"]["material"], arrays(r["key"])) for r in records if "controls" in r]
    found = []
    for name, provider in (latents.providers if latents else {}).items():
        reference: LatentStatistics | None = getattr(provider, "reference", None)
        if name not in FRECHET or reference is None:
            continue
        for material in dict.fromkeys(m for m, _ in kept):
            mine = [a for m, a in kept if m == material and f"control_{name}_{AS_IS}" in a]
            if sum(len(a[f"control_{name}_{AS_IS}"]) for a in mine) > 1:
                found.append(_row(name, material, mine, reference))
    return found


def _row(
    name: str, material: str, takes: list[Mapping[str, np.ndarray]], reference: LatentStatistics
) -> dict[str, Any]:
    cells = {c: _cell(f"control_{name}_", c, takes, reference) for c in CONTROLS}
    row = {"metric": name, "material": material, "published": True, "real_low": None, "real_high": None}
    row["real"] = _distance([a[f"control_{name}_{AS_IS}"] for a in takes], reference)
    row |= {"takes": len(takes), "controls": cells}
    return row | {"verdict": verdict_of(cells)}


def _cell(
    prefix: str, control: str, takes: list[Mapping[str, np.ndarray]], reference: LatentStatistics
) -> dict[str, Any]:
    if control in SEES_AUDIO:
        return cell(why="the metric does not listen")
    pairs = [(a[prefix + AS_IS], a[prefix + control]) for a in takes if prefix + control in a]
    if len(pairs) < LEAST:
        return cell(why=f"{len(pairs)} takes; at least {LEAST} are needed to tell")
    rng = np.random.default_rng(0)
    gains = []
    for _ in range(DRAWS):
        drawn = [pairs[i] for i in rng.integers(0, len(pairs), len(pairs))]
        gains.append(_distance([s for _, s in drawn], reference) - _distance([r for r, _ in drawn], reference))
    worse = float(np.mean(np.array(gains) > 0.0))
    verdict = PASSES if worse == 1.0 else FOOLED if worse == 0.0 else BLIND
    p = max(2.0 * min(worse, 1.0 - worse), 1.0 / DRAWS)
    return cell(_distance([s for _, s in pairs], reference), p, verdict)


def _distance(pieces: list[np.ndarray], reference: LatentStatistics) -> float:
    return frechet_between(reference, statistics_of(np.concatenate(pieces), reference.provider)).value
