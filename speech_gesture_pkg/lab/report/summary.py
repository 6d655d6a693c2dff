"""The upper half of the page: at a glance, figures of every metric, distributions."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from speech_gesture_pkg.lab.report.markup import NONE, h, interval, number, seconds, table, units
from speech_gesture_pkg.lab.report.plots import Row, Shares, colour, histogram, legend, strip

FAMILIES = {
    "robot": "What the robot did",
    "human": "The generated human motion",
    "corpus": "Distances between sets of motions",
}
ARROWS = {"higher": "↑ higher", "lower": "↓ lower", "closer to real motion": "≈ like real"}
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


def systems_of(results: Mapping[str, Any]) -> list[str]:
    """Systems in the order of their colours."""
    return list(results["systems"])


def name_of(system: str, order: Sequence[str]) -> str:
    """A system's name with its colour."""
    return f'<span class="name"><span class="dot f{colour(order.index(system))}"></span>{h(system)}</span>'


def glance(results: Mapping[str, Any]) -> str:
    """One row a system: what a robot's owner asks first. A share of faults that is not 0 is marked."""
    order = systems_of(results)
    rows = []
    for system in order:
        entry = results["systems"][system]
        audio = (entry.get("timings") or {}).get("audio_s")
        cells = [name_of(system, order), h(entry["records"]), seconds(audio)]
        for label, names, unit in _GLANCE:
            means = [m["mean"] for n in names if (m := entry["metrics"].get(n)) and m.get("mean") is not None]
            if not means:
                cells.append(f"<span class=soft>{NONE}</span>")
                continue
            value = max(means)
            text = f"{number(value)}{' ' + unit if unit else ''}"
            if label in _FAULTS:
                text = f'<span class="{"bad" if value > 0 else "good"}">{"✗" if value > 0 else "✓"} {text}</span>'
            cells.append(text)
        rows.append(cells)
    heads = ["system", "recordings", "speech", *(label for label, _, _ in _GLANCE)]
    return table(heads, rows, numeric=range(1, len(heads)))


def figures(results: Mapping[str, Any]) -> str:
    """Every metric that has a figure, one column a system; below, what has none and why."""
    order = systems_of(results)
    level = 100 * results["settings"].get("level", 0.95)
    rows: list[list[str] | str] = []
    missing: list[str] = []
    for family, title in FAMILIES.items():
        group = []
        for name, spec in results["metrics"].items():
            if spec["family"] != family:
                continue
            entries = {s: _entry(results["systems"][s], name) for s in order}
            if not any(e and e.get("mean") is not None for e in entries.values()):
                missing.append(_missing(name, entries))
                continue
            fooled = spec.get("fooled_by") or []
            mark = f' <a class="warn" href="#sanity" title="fooled by {h(", ".join(fooled))}">⚠</a>' if fooled else ""
            about = " · ".join(t for t in (units(spec["unit"]), ARROWS.get(spec["better"], "")) if t)
            breakable = h(name).replace("_", "_<wbr/>")
            first = f'<a class="mono" href="#m-{h(name)}">{breakable}</a>{mark}<span class=ci>{about}</span>'
            group.append([first, *(_cell(entries[s]) for s in order)])
        if group:
            rows += [h(title), *group]
    heads = ["metric", *(name_of(s, order) for s in order)]
    text = table(heads, rows, "few" if len(order) < 4 else "", numeric=range(1, len(heads)))
    text += (
        f"<p class=lead>Mean over recordings with the {level:g} % bootstrap interval (recordings are "
        "drawn) and their number. ⚠: a spoiled control scores as well as real motion on this metric, see the "
        "sanity appendix.</p>"
    )
    if missing:
        text += (
            f"<details><summary>{len(missing)} metrics have no figure here, and why</summary><ul>"
            + "".join(f"<li>{m}</li>" for m in missing)
            + "</ul></details>"
        )
    return text


def _entry(system: Mapping[str, Any], name: str) -> dict[str, Any] | None:
    """A take metric as it is; a corpus metric in the same form."""
    if name in system["metrics"]:
        return dict(system["metrics"][name])
    found = (system.get("corpus") or {}).get(name)
    if found is None:
        return None
    why = found.get("why")
    return {**found, "mean": found.get("value"), "missing": {why: 1} if why else {}}


def _cell(entry: Mapping[str, Any] | None) -> str:
    if entry is None or entry.get("mean") is None:
        reasons = "; ".join((entry or {}).get("missing") or {}) or "not measured"
        return f'<span class=soft title="{h(reasons)}">{NONE}</span>'
    ends = interval(entry.get("low"), entry.get("high"))
    stamp = f' title="{h(entry["stamp"])}"' if entry.get("stamp") else ""
    count = f"n {h(entry['n'])}" if entry.get("n") else ""
    if entry.get("clips"):
        count = f"{h(entry['clips'])} clips"
    if entry.get("biased"):
        count += ' <b class="warn" title="fewer clips than latent dimensions: the figure is too large">too few</b>'
    if entry.get("floor") is not None:
        count += f" · floor {number(entry['floor'])}"
    return f"<span{stamp}>{number(entry['mean'])}</span><span class=ci>{ends} {count}</span>"


def _missing(name: str, entries: Mapping[str, Mapping[str, Any] | None]) -> str:
    reasons = sorted({r for e in entries.values() if e for r in (e.get("missing") or {})})
    return f'<a class="mono" href="#m-{h(name)}">{h(name)}</a>: {h("; ".join(reasons) or "not measured")}'


def distributions(results: Mapping[str, Any]) -> str:
    """A strip plot per metric that differs between recordings."""
    order = systems_of(results)
    parts = []
    ranks = list(FAMILIES)
    for name, spec in sorted(results["metrics"].items(), key=lambda item: ranks.index(item[1]["family"])):
        rows = []
        for system in order:
            values = values_by(results, system, name)
            entry = results["systems"][system]["metrics"].get(name) or {}
            if len(values) and entry.get("mean") is not None:
                index = colour(order.index(system))
                rows.append(Row(system, index, values, entry["mean"], entry.get("low"), entry.get("high")))
        if rows and sum(len(r.values) for r in rows) > 1 and np.ptp(np.concatenate([r.values for r in rows])) > 0:
            unit = f" <span class=soft>{units(spec['unit'])}</span>" if spec["unit"] else ""
            arrow = ARROWS.get(spec["better"], "")
            caption = f'<b class="mono">{h(name)}</b>{unit} <span class=soft>{arrow}</span>'
            parts.append(f"<figure><figcaption>{caption}</figcaption>{strip(rows, name)}</figure>")
    return f'<div class="grid">{"".join(parts)}</div>' if parts else ""


def values_by(results: Mapping[str, Any], system: str, name: str) -> np.ndarray:
    """Figures of one metric over the recordings of a system. Shape [N]."""
    found = [
        value
        for r in results["records"]
        if r["system"] == system and (value := (r["metrics"].get(name) or {}).get("value")) is not None
    ]
    return np.array(found, float)


def speeds(results: Mapping[str, Any]) -> str:
    """How fast hands are: robot of each system, and the human motion that it follows."""
    order = systems_of(results)
    shares = []
    for key, dotted in (("robot_hand_speed", False), ("human_hand_speed", True)):
        for system in order:
            values = [
                v
                for r in results["records"]
                if r["system"] == system
                for v in ((r.get("curves") or {}).get(key) or ())
                if v is not None
            ]
            if values:
                counts, _ = np.histogram(np.minimum(values, _SPEED_EDGES[-1]), _SPEED_EDGES)
                shares.append(Shares(system, colour(order.index(system)), _SPEED_EDGES, counts, dotted))
    return _figure(
        shares,
        "Speed of the faster hand",
        "solid: robot, dotted: human motion; largest value of every 0.2 s, m/s; 2 and more in the last bin",
    )


def latencies(results: Mapping[str, Any]) -> str:
    """Histogram of latency over all windows of a system, where the records have one."""
    order = systems_of(results)
    shares = []
    for system in order:
        found = [r["latency_ms"] for r in results["records"] if r["system"] == system and r.get("latency_ms")]
        if found:
            edges = np.array(found[0]["edges"], float)
            total = np.sum([f["counts"] for f in found if len(f["counts"]) == len(edges) - 1], axis=0)
            used = int(np.flatnonzero(total).max()) + 1 if total.any() else 1
            if used == len(total) and used > 1:  # the last bin is open: draw it as wide as the one before
                edges[-1] = 2 * edges[-2] - edges[-3] if len(edges) > 2 else edges[-1]
            shares.append(Shares(system, colour(order.index(system)), edges[: used + 1], total[:used]))
    return _figure(shares, "Latency", "from the arrival of audio to the sending of its motion, ms")


def _figure(shares: Sequence[Shares], title: str, note: str) -> str:
    if not shares:
        return ""
    entries = list(dict.fromkeys((s.label, s.colour) for s in shares))
    return (
        f"<figure><figcaption><b>{h(title)}</b> <span class=soft>{h(note)}</span></figcaption>"
        f"{histogram(shares, title)}{legend(entries)}</figure>"
    )
