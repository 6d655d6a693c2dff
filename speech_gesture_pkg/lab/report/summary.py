"""What the upper half of the page shows: at a glance, figures of every metric, distributions, speed and latency."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Any

import numpy as np

from speech_gesture_pkg.lab.report.plots import Row, Shares, colour, histogram, strip

FAMILIES = {
    "robot": "What the robot did",
    "human": "The generated human motion",
    "corpus": "Distances between sets of motions",
}
_GLANCE = (
    ("beyond limits", ("robot_position_over_limit", "robot_velocity_over_limit", "robot_acceleration_over_limit"), "%"),
    ("in collision", ("robot_collision",), "%"),
    ("late windows", ("robot_late_windows",), "%"),
    ("latency p99", ("robot_latency_p99",), "s"),
    ("times real time", ("robot_real_time_factor",), ""),
    ("speech with motion", ("robot_speech_with_motion",), "%"),
    ("strokes on accents", ("robot_strokes_on_accents",), ""),
)
_FAULTS = ("beyond limits", "in collision", "late windows")
_SPEED_EDGES = np.linspace(0.0, 2.0, 41)

Entry = dict[str, Any]


def values_of(results: Mapping[str, Any]) -> dict[str, Any]:
    """Variables of the templates `summary` and `macros`."""
    order = list(results["systems"])
    colours = {system: colour(k) for k, system in enumerate(order)}
    return {
        "order": order,
        "colours": colours,
        "glance_heads": [label for label, _, _ in _GLANCE],
        "glance_rows": [_glance(system, results["systems"][system]) for system in order],
        **_figures(results, order),
        "strips": list(_strips(results, colours)),
        "histograms": [h for h in (_speeds(results, colours), _latencies(results, colours)) if h],
    }


def _glance(system: str, entry: Mapping[str, Any]) -> Entry:
    """The worst of each column's figures."""
    cells = []
    for label, names, unit in _GLANCE:
        means = [m["mean"] for n in names if (m := entry["metrics"].get(n)) and m.get("mean") is not None]
        cells.append({"value": max(means) if means else None, "unit": unit, "fault": label in _FAULTS})
    speech = (entry.get("timings") or {}).get("audio_s")
    return {"system": system, "records": entry["records"], "speech": speech, "cells": cells}


def _figures(results: Mapping[str, Any], order: Iterable[str]) -> Entry:
    """`families`: title and metrics with an entry for each system; `absent`: metrics without figure, and why."""
    groups: dict[str, list[Entry]] = {family: [] for family in FAMILIES}
    absent = []
    for family, group in groups.items():
        for name, spec in results["metrics"].items():
            if spec["family"] != family:
                continue
            entries = [_entry(results["systems"][s], name) for s in order]
            if any(e and e.get("mean") is not None for e in entries):
                group.append({**spec, "name": name, "fooled_by": spec.get("fooled_by") or (), "entries": entries})
            else:
                absent.append((name, sorted({r for e in entries if e for r in (e.get("missing") or {})})))
    return {"families": [(FAMILIES[f], group) for f, group in groups.items()], "absent": absent}


def _entry(system: Mapping[str, Any], name: str) -> Entry | None:
    """A metric of single recordings as it is; a corpus metric in the same form."""
    if name in system["metrics"]:
        return dict(system["metrics"][name])
    found = (system.get("corpus") or {}).get(name)
    if found is None:
        return None
    why = found.get("why")
    return {**found, "mean": found.get("value"), "missing": {why: 1} if why else {}}


def _strips(results: Mapping[str, Any], colours: Mapping[str, int]) -> Iterator[tuple[Entry, str]]:
    """A strip plot per metric that differs between recordings."""
    ranks = list(FAMILIES)
    for name, spec in sorted(results["metrics"].items(), key=lambda item: ranks.index(item[1]["family"])):
        rows = []
        for system, index in colours.items():
            entries = [r["metrics"].get(name) or {} for r in _of(results, system)]
            values = [e["value"] for e in entries if e.get("value") is not None]
            entry = results["systems"][system]["metrics"].get(name) or {}
            if values and entry.get("mean") is not None:
                rows.append(
                    Row(system, index, np.array(values, float), entry["mean"], entry.get("low"), entry.get("high"))
                )
        if rows and sum(len(r.values) for r in rows) > 1 and np.ptp(np.concatenate([r.values for r in rows])) > 0:
            yield {**spec, "name": name}, strip(rows, name)


def _of(results: Mapping[str, Any], system: str) -> list[Mapping[str, Any]]:
    """Records of a system."""
    return [r for r in results["records"] if r["system"] == system]


def _speeds(results: Mapping[str, Any], colours: Mapping[str, int]) -> Entry | None:
    """How fast hands are: robot of each system, and the human motion that it follows."""
    shares = []
    for key, dotted in (("robot_hand_speed", False), ("human_hand_speed", True)):
        for system, index in colours.items():
            curves = [(r.get("curves") or {}).get(key) or () for r in _of(results, system)]
            values = [v for curve in curves for v in curve if v is not None]
            if values:
                counts, _ = np.histogram(np.minimum(values, _SPEED_EDGES[-1]), _SPEED_EDGES)
                shares.append(Shares(system, index, _SPEED_EDGES, counts, dotted))
    note = "solid: robot, dotted: human motion; largest value of every 0.2 s, m/s; 2 and more in the last bin"
    return _histogram(shares, "Speed of the faster hand", note)


def _latencies(results: Mapping[str, Any], colours: Mapping[str, int]) -> Entry | None:
    """Histogram of latency over all windows of a system, where the records have one."""
    shares = []
    for system, index in colours.items():
        found = [r["latency_ms"] for r in _of(results, system) if r.get("latency_ms")]
        if found:
            edges = np.array(found[0]["edges"], float)
            total = np.sum([f["counts"] for f in found if len(f["counts"]) == len(edges) - 1], axis=0)
            used = int(np.flatnonzero(total).max()) + 1 if total.any() else 1
            if used == len(total) and used > 1:  # the last bin is open: draw it as wide as the one before
                edges[-1] = 2 * edges[-2] - edges[-3] if len(edges) > 2 else edges[-1]
            shares.append(Shares(system, index, edges[: used + 1], total[:used]))
    return _histogram(shares, "Latency", "from the arrival of audio to the sending of its motion, ms")


def _histogram(shares: list[Shares], title: str, note: str) -> Entry | None:
    systems = list(dict.fromkeys(s.label for s in shares))
    return {"title": title, "note": note, "systems": systems, "plot": histogram(shares, title)} if shares else None
