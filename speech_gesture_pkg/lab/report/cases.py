"""The lower half: worst moments, recordings with pictures, the table of all files, failures."""

from __future__ import annotations

import shlex
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from speech_gesture_pkg.lab.report.agreement import agreement_table
from speech_gesture_pkg.lab.report.figures import curves, joint_use, thumbnails
from speech_gesture_pkg.lab.report.markup import NONE, clock, h, number, plural, seconds, table
from speech_gesture_pkg.lab.report.plots import colour
from speech_gesture_pkg.lab.report.summary import name_of, systems_of

Pictures = Callable[[Mapping[str, Any]], Sequence[tuple[float, bytes]]]
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


def shown(results: Mapping[str, Any]) -> list[Mapping[str, Any]]:
    """The records that get pictures: worst moments of all systems in turn, then the first of each system."""
    by_key = {r["key"]: r for r in results["records"]}
    lists = [[m["key"] for m in moments] for moments in (results.get("worst") or {}).values()]
    keys: list[str] = []
    for rank in range(max(map(len, lists), default=0)):
        keys += [found[rank] for found in lists if rank < len(found)]
    for system in systems_of(results):
        keys += [r["key"] for r in results["records"] if r["system"] == system][:2]
    return [by_key[k] for k in list(dict.fromkeys(keys))[:SHOWN] if k in by_key]


def worst(results: Mapping[str, Any]) -> str:
    """Worst moments of each system, with links to their place in a recording that is shown."""
    order = systems_of(results)
    visible = {r["key"]: r for r in shown(results)}
    rows = []
    for system, moments in (results.get("worst") or {}).items():
        for m in moments:
            record = visible.get(m["key"])
            at = NONE if m.get("time_s") is None else clock(m["time_s"])
            link = f'<a href="#{_anchor(record, m)}">{at}</a>' if record else at
            value = number(100 * m["value"]) + " %" if m["unit"] == "share" else f"{number(m['value'])} {h(m['unit'])}"
            rows.append([name_of(system, order), h(m["what"]), h(m["file"]), link, value, h(m["sentence"])])
    if not rows:
        return ""
    return table(["system", "what", "file", "time", "value", "what happened"], rows, "wordy", numeric=(3, 4))


def _anchor(record: Mapping[str, Any], moment: Mapping[str, Any]) -> str:
    """The moment's mark in the curves, or the recording."""
    for k, own in enumerate(record.get("worst") or ()):
        if own["what"] == moment["what"] and own.get("time_s") == moment.get("time_s") and own["time_s"] is not None:
            return f"t-{h(record['key'])}-{k}"
    return f"r-{h(record['key'])}"


def recordings(results: Mapping[str, Any], pictures: Pictures | None) -> str:
    """Pictures, curves, worst moments, warnings and the command to look at it."""
    order = systems_of(results)
    parts = []
    for record in shown(results):
        index = colour(order.index(record["system"]))
        items = [
            f"<li><b>{h(m['what'])}</b> {'' if m.get('time_s') is None else 'at ' + clock(m['time_s']) + ': '}"
            f"{h(m['sentence'])}</li>"
            for m in record.get("worst") or ()
        ]
        items += [f'<li class="warn">{h(w)}</li>' for w in record.get("warnings") or ()]
        parts.append(
            f'<div class="case" id="r-{h(record["key"])}">'
            f"<h3>{name_of(record['system'], order)} · {h(record['name'])}</h3>"
            f"<p class=soft>{_described(record)}</p>"
            f"{thumbnails(record, pictures(record) if pictures else ())}{curves(record, index)}"
            f"{'<ul>' + ''.join(items) + '</ul>' if items else ''}<pre>{h(view_command(record))}</pre></div>"
        )
    return "".join(parts)


def _described(record: Mapping[str, Any]) -> str:
    audio = record.get("audio") or {}
    pieces = [h(record["file"]), h(record["mode"])]
    if record.get("seed") is not None:
        pieces.append(f"seed {h(record['seed'])}")
    if audio.get("seconds"):
        pieces.append(seconds(audio["seconds"]))
    if record.get("offset_s"):
        pieces.append(f"played {number(record['offset_s'])} s after its sound")
    return " · ".join(pieces)


def view_command(record: Mapping[str, Any]) -> str:
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


def files(results: Mapping[str, Any]) -> str:
    """All records, sortable by any figure."""
    order = systems_of(results)
    named = [n for n in results["metrics"] if any(_value(r, n) is not None for r in results["records"])]
    visible = {r["key"] for r in shown(results)}
    heads = ["file", "system", "seed", "speech, s", *(f'<span class="mono">{h(n)}</span>' for n in named)]
    kinds = ["", "", "num", "num", *("num" if n in CORE else "num wide" for n in named)]
    head = "".join(f'<th class="{k}" scope="col">{text}</th>' for text, k in zip(heads, kinds, strict=True))
    body = []
    for row, record in enumerate(results["records"]):
        key, name = record["key"], h(record["name"])
        label = f'<a href="#r-{h(key)}">{name}</a>' if key in visible else name
        audio = (record.get("audio") or {}).get("seconds")
        seed = "" if record.get("seed") is None else h(record["seed"])
        cells = [
            f'<td data-v="{name}">{label}</td>',
            f'<td data-v="{h(record["system"])}">{name_of(record["system"], order)}</td>',
            f'<td class="num" data-v="{seed}">{seed}</td>',
            f'<td class="num" data-v="{"" if audio is None else h(audio)}">{number(audio)}</td>',
        ]
        for name_, kind in zip(named, kinds[4:], strict=True):
            value = _value(record, name_)
            why = "" if value is not None else f' title="{h((record["metrics"].get(name_) or {}).get("why") or "")}"'
            cells.append(f'<td class="{kind}" data-v="{"" if value is None else h(value)}"{why}>{number(value)}</td>')
        body.append(f"<tr{' class=screen-only' if row >= PRINTED else ''}>{''.join(cells)}</tr>")
    more = len(results["records"]) - PRINTED
    note = f"<p class='print-only'>{plural(more, 'further row')} in results.csv.</p>" if more > 0 else ""
    return (
        '<p class="screen-only"><input id="find" type="search" placeholder="filter" aria-label="filter the rows"> '
        "<span class=soft>click a head to sort by it</span></p>"
        f'<div class="scroll"><table class="sort"><thead><tr>{head}</tr></thead><tbody>{"".join(body)}</tbody></table>'
        f"</div>{note}"
    )


def _value(record: Mapping[str, Any], name: str) -> float | None:
    value: float | None = (record["metrics"].get(name) or {}).get("value")
    return value


def failures(results: Mapping[str, Any]) -> str:
    """What could not be evaluated."""
    rows = [
        [h(f["file"]), h(f["system"]), "" if f.get("seed") is None else h(f["seed"]), h(f["sentence"])]
        for f in results.get("failures") or ()
    ]
    return table(["file", "system", "seed", "why"], rows, "wordy") if rows else ""


def warnings(results: Mapping[str, Any]) -> str:
    """Sentences on material that was incomplete, each once with the number of recordings."""
    found: dict[str, list[str]] = {sentence: [] for sentence in results.get("warnings") or ()}
    for record in results["records"]:
        for sentence in record.get("warnings") or ():
            found.setdefault(sentence, []).append(record["name"])
    rows = [
        [h(sentence), str(len(names) or ""), h(", ".join(names[:3]) + (" …" if len(names) > 3 else ""))]
        for sentence, names in found.items()
    ]
    return table(["warning", "recordings", "for example"], rows, numeric=(1,)) if rows else ""


def joints(results: Mapping[str, Any]) -> str:
    """Use of limits per joint, one figure a system, where the records have it."""
    order = systems_of(results)
    parts = []
    for system in order:
        merged: dict[str, dict[str, Any]] = {}
        for record in results["records"]:
            if record["system"] == system:
                for joint in record.get("joints") or ():
                    _merge(merged.setdefault(joint["name"], dict(joint)), joint)
        if merged:
            drawing = joint_use(list(merged.values()), colour(order.index(system)))
            parts.append(f"<figure><figcaption>{name_of(system, order)}</figcaption>{drawing}</figure>")
    return "".join(parts)


def agreements(results: Mapping[str, Any]) -> str:
    """How far a new run of a recording's sound is from what was recorded."""
    found = [(r, r["agreement"]) for r in results["records"] if r.get("agreement")]
    return agreement_table(
        {"name": r["name"], "system": r["system"], "modes": ["recorded", "again"]} | a for r, a in found
    )


def _merge(into: dict[str, Any], joint: Mapping[str, Any]) -> None:
    """Widest range and largest shares over recordings."""
    into["low"], into["high"] = min(into["low"], joint["low"]), max(into["high"], joint["high"])
    for key in ("speed_p99", "speed_max", "acceleration_p99", "at_limit"):
        if joint.get(key) is not None:
            into[key] = max(into.get(key) or 0.0, joint[key])
