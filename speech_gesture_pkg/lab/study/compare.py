"""Two studies side by side: paired by file, with intervals and significance; or two systems of one study."""

from __future__ import annotations

import json
import warnings
from collections import defaultdict
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from scipy.stats import wilcoxon

from speech_gesture_pkg.errors import InputError
from speech_gesture_pkg.lab.metrics.statistics import bootstrap_interval
from speech_gesture_pkg.lab.study.results import RESULTS

COMPARISON = "speech-gesture-comparison/1"
ALPHA = 0.05
LEAST = 6
"""Pairs below which the signed-rank test cannot reach 5 %."""
TEST = "Wilcoxon signed-rank over files (seeds averaged), Holm-corrected over all metrics of a pair of systems"


def load_results(path: str | Path) -> dict[str, Any]:
    """A results.json (or the folder that holds it). Raises InputError if it is none of this version."""
    path = Path(path)
    file = path / "results.json" if path.is_dir() else path
    try:
        results = json.loads(file.read_text(encoding="utf-8"))
    except FileNotFoundError as e:
        raise InputError(
            f"{file} does not exist; give a results.json of `speech-gesture evaluate`, or its folder"
        ) from e
    except (OSError, ValueError) as e:
        raise InputError(f"{file} cannot be read as JSON: {e}") from e
    if not isinstance(results, dict) or results.get("schema") != RESULTS:
        got = results.get("schema") if isinstance(results, dict) else type(results).__name__
        raise InputError(f"{file} has schema {got!r}; this version compares {RESULTS!r}")
    return results | {"path": str(file)}


def compare(
    a: Mapping[str, Any], b: Mapping[str, Any], systems: Sequence[str] = (), common: bool = False
) -> dict[str, Any]:
    """Differences b - a.

    Args:
        a, b: from `load_results`; the same one twice to compare two of its systems.
        systems: two names: of a's system and of b's; by default those of the same name (or the only ones).
        common: compare the files that both have; without it the inputs must be the same.

    Raises:
        InputError: the figures were made by different definitions, autoencoders or inputs, or nothing pairs.
    """
    if a["definitions"] != b["definitions"]:
        raise InputError(
            f"{a['path']} (package {a['package']['version']}) and {b['path']} (package {b['package']['version']}) were "
            "made with different definitions of the metrics; evaluate both with the same version"
        )
    pairs = _systems(a, b, systems)
    rows: list[dict[str, Any]] = []
    unpaired: dict[str, list[str]] = {"a": [], "b": []}
    count = 0
    for one, two in pairs:
        mine, other = _by_file(a, one), _by_file(b, two)
        both = sorted(set(mine) & set(other))
        alone = sorted(set(mine) - set(other)), sorted(set(other) - set(mine))
        if not both:
            raise InputError(
                f"{one} in {a['path']} and {two} in {b['path']} have no file in common (files are known by what they "
                "hold); they cannot be compared"
            )
        if (alone[0] or alone[1]) and not common:
            raise InputError(
                f"the inputs differ: {len(alone[0])} files are only in {a['path']}, {len(alone[1])} only in "
                f"{b['path']}; --common compares the {len(both)} that both have"
            )
        unpaired["a"] += [mine[k][0]["name"] for k in alone[0]]
        unpaired["b"] += [other[k][0]["name"] for k in alone[1]]
        count = max(count, len(both))
        rows += _rows(a, one, two, [(mine[k], other[k]) for k in both])
        rows += _corpus_rows(a, b, one, two, complete=not (alone[0] or alone[1]))
    return {
        "schema": COMPARISON,
        "a": _side(a),
        "b": _side(b),
        "pairs": count,
        "unpaired": unpaired,
        "systems": [list(p) for p in pairs],
        "test": TEST,
        "alpha": ALPHA,
        "rows": rows,
    }


def _side(results: Mapping[str, Any]) -> dict[str, Any]:
    folder = Path(results["path"]).resolve().parent
    return {"path": results["path"], "label": folder.name} | {k: results[k] for k in ("package", "settings", "corpus")}


def _systems(a: Mapping[str, Any], b: Mapping[str, Any], given: Sequence[str]) -> list[tuple[str, str]]:
    if given:
        if len(given) != 2:
            raise InputError(f"--systems names {len(given)} systems; it must name two: one of A, one of B")
        for name, side in zip(given, (a, b), strict=True):
            if name not in side["systems"]:
                raise InputError(f"{side['path']} has no system {name!r}; it has: {', '.join(side['systems'])}")
        return [(given[0], given[1])]
    mine, other = ([n for n in side["systems"] if n != "real"] for side in (a, b))
    same = [n for n in mine if n in other]
    if a["path"] == b["path"]:
        if len(mine) < 2:
            raise InputError(f"{a['path']} holds one system ({', '.join(mine)}); give a second results.json")
        return [(mine[0], n) for n in mine[1:]]
    if same:
        return [(n, n) for n in same]
    if len(mine) == len(other) == 1:
        return [(mine[0], other[0])]
    raise InputError(
        f"{a['path']} has the systems {', '.join(mine)}, {b['path']} {', '.join(other)}; "
        "say which to compare with --systems A B"
    )


def _by_file(results: Mapping[str, Any], system: str) -> dict[str, list[dict[str, Any]]]:
    """What a file holds (its hash; its truth counts, too) -> its records (one a seed)."""
    found: dict[str, list[dict[str, Any]]] = defaultdict(list)
    for record in results["records"]:
        if record["system"] == system:
            hashes = record["hashes"]
            found[hashes.get("audio") or hashes.get("input", record["name"])].append(record)
    return found


def _values(records: list[dict[str, Any]], metric: str) -> tuple[float | None, str, str]:
    """Mean over seeds, the reason if there is none, and the stamp."""
    entries = [r["metrics"][metric] for r in records if metric in r["metrics"]]
    numbers = [e["value"] for e in entries if e["value"] is not None]
    stamp = next((e.get("stamp", "") for e in entries), "")
    if numbers:
        return float(np.mean(numbers)), "", stamp
    return None, next((e["why"] for e in entries), "the metric was not asked for"), stamp


def _rows(
    a: Mapping[str, Any], one: str, two: str, pairs: list[tuple[list[dict[str, Any]], list[dict[str, Any]]]]
) -> list[dict[str, Any]]:
    rows = []
    for metric, about in a["metrics"].items():
        if about["family"] == "corpus":
            continue
        values = [(_values(x, metric), _values(y, metric)) for x, y in pairs]
        stamps = {v[2] for x, y in values for v in (x, y) if x[0] is not None and y[0] is not None}
        if len(stamps) > 1:
            raise InputError(
                f"{metric}: figures of {' and '.join(sorted(s or 'nothing' for s in stamps))} cannot be compared; "
                "evaluate both with the same ground truth and autoencoder"
            )
        both = np.array([(x[0], y[0]) for x, y in values if x[0] is not None and y[0] is not None], float)
        why = next((w for x, y in values for w in (x[1], y[1]) if w), "")
        rows.append(_row(metric, about, one, two, both.reshape(-1, 2), why))
    _holm(rows)
    for row in rows:
        row["verdict"] = _verdict(row)
    return rows


def _row(metric: str, about: Mapping[str, Any], one: str, two: str, both: np.ndarray, why: str) -> dict[str, Any]:
    row: dict[str, Any] = {"system_a": one, "system_b": two, "metric": metric, "unit": about["unit"]}
    row |= {"better": about["better"], "n": len(both), "significant": False, "why": None}
    row |= dict.fromkeys(("a_mean", "b_mean", "difference", "low", "high", "p", "p_corrected"))
    if not len(both):
        return row | {"why": why or "there is no figure"}
    difference = both[:, 1] - both[:, 0]
    row |= {"a_mean": float(both[:, 0].mean()), "b_mean": float(both[:, 1].mean())}
    row["difference"] = float(difference.mean())
    if len(both) < LEAST:
        return row | {"why": f"{len(both)} pairs; a test needs at least {LEAST}"}
    interval = bootstrap_interval(difference)
    row |= {"low": interval.low, "high": interval.high, "p": _p_value(difference)}
    return row


def _p_value(difference: np.ndarray) -> float:
    if not np.any(difference):
        return 1.0
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # ties and zeros make it approximate, which is good enough here
        return float(wilcoxon(difference, zero_method="zsplit").pvalue)


def _holm(rows: list[dict[str, Any]]) -> None:
    """Holm's step-down correction (Holm 1979) of all p-values."""
    tested = sorted((r for r in rows if r["p"] is not None), key=lambda r: r["p"])
    largest = 0.0
    for i, row in enumerate(tested):
        largest = max(largest, min((len(tested) - i) * row["p"], 1.0))
        row["p_corrected"] = largest
        row["significant"] = largest < ALPHA


def _verdict(row: Mapping[str, Any]) -> str:
    if row["p"] is None:
        return "not compared"
    if not row["significant"]:
        return "no difference"
    if row["better"] not in ("higher", "lower"):
        return "different"
    return "better" if (row["difference"] > 0) == (row["better"] == "higher") else "worse"


def _corpus_rows(
    a: Mapping[str, Any], b: Mapping[str, Any], one: str, two: str, complete: bool
) -> list[dict[str, Any]]:
    """Frechet distances and Div: one figure a side, no pairs; intervals that do not overlap differ significantly."""
    rows = []
    both = [n for n in a["metrics"] if n in b["metrics"]]
    for metric in (n for n in both if a["metrics"][n]["family"] == "corpus"):
        x, y = a["systems"][one]["corpus"][metric], b["systems"][two]["corpus"][metric]
        about = a["metrics"][metric]
        row = _row(metric, about, one, two, np.empty((0, 2)), x["why"] or y["why"] or "")
        if x["value"] is not None and y["value"] is not None:
            if x["stamp"] != y["stamp"]:
                raise InputError(
                    f"{metric}: one figure was made with {x['stamp']!r}, the other with {y['stamp']!r}; figures of "
                    "different autoencoders cannot be compared, evaluate both with the same one"
                )
            row |= {"a_mean": x["value"], "b_mean": y["value"], "n": min(x["n"], y["n"])}
            row |= {"difference": y["value"] - x["value"], "why": "one figure a corpus: intervals are compared"}
            if not complete:
                row["why"] = "a figure of the whole corpus, and the corpora differ"
            elif None not in (x["low"], y["low"]):
                row["significant"] = y["low"] > x["high"] or y["high"] < x["low"]
        row["verdict"] = "not compared" if row["difference"] is None or not complete else _verdict(row | {"p": 1.0})
        rows.append(row)
    return rows
