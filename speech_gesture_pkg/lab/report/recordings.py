"""What the lower half of the page shows: worst moments, recordings with pictures, use of joints, all files."""

from __future__ import annotations

import shlex
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

from markupsafe import Markup

from speech_gesture_pkg.lab.report.figures import curves, human, picture
from speech_gesture_pkg.lab.report.formatting import clock
from speech_gesture_pkg.lab.report.plots import colour

Record = Mapping[str, Any]
Pictures = Callable[[Record], Sequence[tuple[float, bytes]]]
"""PNG pictures of a record's robot with their times, s."""

SHOWN = 16
"""Recordings with pictures and curves: those of the worst moments, then one of each system."""
PRINTED = 60
"""Rows of the file table that are printed."""
CORE = (
    "robot_acceleration_at_limit",
    "robot_collision",
    "robot_direction_error",
    "robot_latency_p99",
    "robot_speech_with_motion",
    "robot_strokes_on_accents",
)
"""Metrics of the file table that are printed, too."""


def values_of(results: Mapping[str, Any], pictures: Pictures | None) -> dict[str, Any]:
    """Variables of the template `recordings`, and `reruns`."""
    records, order = results["records"], list(results["systems"])
    visible = {r["key"]: r for r in shown(results)}
    measured = [
        n for n in results["metrics"] if any((r["metrics"].get(n) or {}).get("value") is not None for r in records)
    ]
    return {
        "worst_moments": [
            (system, m, _anchor(visible[m["key"]], m) if m["key"] in visible else None)
            for system, moments in (results.get("worst") or {}).items()
            for m in moments
        ],
        "visible": visible,
        "cases": [
            {
                "record": r,
                "strips": list(_strips(r, pictures)),
                "curves": curves(r, colour(order.index(r["system"]))),
                "command": view_command(r),
            }
            for r in visible.values()
        ],
        "joints_of": [(system, used) for system in order if (used := _joints(records, system))],
        "reruns": [
            {"name": r["name"], "system": r["system"], "modes": ["recorded", "again"], **r["agreement"]}
            for r in records
            if r.get("agreement")
        ],
        "file_columns": [(n, "num" if n in CORE else "num wide") for n in results["metrics"] if n in measured],
        "printed": PRINTED,
        "warned": list(_warnings(results).items()),
    }


def shown(results: Mapping[str, Any]) -> list[Record]:
    """The records that get pictures: worst moments of all systems in turn, then the first of each system."""
    by_key = {r["key"]: r for r in results["records"]}
    lists = [[m["key"] for m in moments] for moments in (results.get("worst") or {}).values()]
    keys: list[str] = []
    for rank in range(max(map(len, lists), default=0)):
        keys += [found[rank] for found in lists if rank < len(found)]
    for system in results["systems"]:
        keys += [r["key"] for r in results["records"] if r["system"] == system][:2]
    return [by_key[k] for k in list(dict.fromkeys(keys))[:SHOWN] if k in by_key]


def _anchor(record: Record, moment: Mapping[str, Any]) -> str:
    """The moment's mark in the curves, or the recording."""
    for k, own in enumerate(record.get("worst") or ()):
        if own["what"] == moment["what"] and own.get("time_s") == moment.get("time_s") and own["time_s"] is not None:
            return f"t-{record['key']}-{k}"
    return f"r-{record['key']}"


def _strips(record: Record, pictures: Pictures | None) -> Iterator[list[tuple[float, Markup]]]:
    """Times and pictures of the human, then of the robot, as far as there are any."""
    poses = record.get("poses") or {}
    if poses.get("positions"):
        yield [(t, human(p)) for t, p in zip(poses["times_s"], poses["positions"], strict=True)]
    if pictures and (drawn := pictures(record)):
        yield [(t, picture(png, f"the robot at {clock(t)}")) for t, png in drawn]


def view_command(record: Record) -> str:
    """What to type to see this recording move."""
    if record.get("view"):
        return str(record["view"])
    if record.get("bag"):
        return f"speech-gesture view {shlex.quote(str(record['bag']))}"
    file = shlex.quote(str(record["file"]))
    if record["mode"] == "motion" or record["system"] in ("real", "motion"):
        return f"speech-gesture view {shlex.quote(str((record.get('truth') or {}).get('path') or record['file']))}"
    seed = "" if record.get("seed") is None else f" --seed {record['seed']}"
    changed = "".join(
        f" --set {shlex.quote(f'{name}={value}')}"
        for name, value in (record.get("config") or {}).get("changed", {}).items()
        if not name.startswith("robot.")
    )
    generator = f" --generator {record['generator']}" if record.get("generator") else ""
    return (
        f"speech-gesture generate {file}{generator}{seed}{changed} -o motion.npz && "
        f"speech-gesture view motion.npz --audio {file}"
    )


def _joints(records: Sequence[Record], system: str) -> list[dict[str, Any]]:
    """Use of limits per joint: widest range and largest shares over a system's recordings.

    `range` is the used part of the position range, from 0 to 1; None without limits.
    """
    merged: dict[str, dict[str, Any]] = {}
    for joint in (j for r in records if r["system"] == system for j in r.get("joints") or ()):
        into = merged.setdefault(joint["name"], dict(joint))
        into["low"], into["high"] = min(into["low"], joint["low"]), max(into["high"], joint["high"])
        for key in ("speed_p99", "speed_max"):
            if joint.get(key) is not None:
                into[key] = max(into.get(key) or 0.0, joint[key])
    for joint in merged.values():
        lower, upper = joint.get("lower"), joint.get("upper")
        joint["range"] = None
        if lower is not None and upper is not None and upper > lower:
            joint["range"] = [min(max((joint[e] - lower) / (upper - lower), 0.0), 1.0) for e in ("low", "high")]
    return list(merged.values())


def _warnings(results: Mapping[str, Any]) -> dict[str, list[str]]:
    """Sentences on material that was incomplete -> the recordings they are about."""
    found: dict[str, list[str]] = {sentence: [] for sentence in results.get("warnings") or ()}
    for record in results["records"]:
        for sentence in record.get("warnings") or ():
            found.setdefault(sentence, []).append(record["name"])
    return found
