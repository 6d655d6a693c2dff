"""Two evaluations side by side."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from speech_gesture_pkg.errors import InputError
from speech_gesture_pkg.lab.report.agreement import agreement_table
from speech_gesture_pkg.lab.report.markup import (
    NONE,
    h,
    interval,
    number,
    page,
    plural,
    section,
    table,
    units,
    write,
)
from speech_gesture_pkg.lab.report.plots import difference_bar
from speech_gesture_pkg.lab.report.summary import ARROWS

SCHEMA = "speech-gesture-comparison/1"
FILE = "comparison.html"
_VERDICTS = {
    "better": '<span class="good">▲ better</span>',
    "worse": '<span class="bad">▼ worse</span>',
    "different": '<span class="warn">≠ different</span>',
    "no difference": '<span class="soft">= not significant</span>',
    "not compared": '<span class="soft">not compared</span>',
}


def write_comparison(comparison: Mapping[str, Any], out: Path) -> Path:
    """Write `out`/comparison.html.

    Args:
        comparison: as written to comparison.json.
        out: folder.

    Raises:
        InputError: a comparison of another schema.
        OutputError: the file cannot be written.
    """
    if comparison.get("schema") != SCHEMA:
        raise InputError(f"the comparison has the schema {comparison.get('schema')!r}; this report reads {SCHEMA!r}")
    sides = comparison["a"], comparison["b"]
    labels = [h(str(s.get("label") or s.get("path"))) for s in sides]
    body = (
        f"<h1>A: {labels[0]}<br>B: {labels[1]}</h1><p class=soft>{h(plural(comparison['pairs'], 'file'))} in both · "
        f"{h(comparison['test'])} · significant below {comparison['alpha']:g}</p>{_count(comparison)}"
    )
    for pair in comparison["systems"]:
        rows = [r for r in comparison["rows"] if [r["system_a"], r["system_b"]] == list(pair)]
        title = pair[0] if pair[0] == pair[1] else f"{pair[0]} (A) and {pair[1]} (B)"
        body += section(f"s-{pair[0]}-{pair[1]}", title, _rows(rows, comparison["alpha"]))
    body += section("agreement", "The same sound in both", agreement_table(comparison.get("agreement") or ()))
    body += section("unpaired", "Files in one of them only", _unpaired(comparison))
    body += section("settings", "Settings", _settings(comparison), lead="What differs is marked.")
    return write(Path(out) / FILE, page("Comparison of two evaluations", body))


def _count(comparison: Mapping[str, Any]) -> str:
    """How many metrics went which way."""
    verdicts = [r["verdict"] for r in comparison["rows"]]
    found = " · ".join(f"{text} {verdicts.count(v)}" for v, text in _VERDICTS.items() if v in verdicts)
    return f"<p>B against A: {found}</p>"


def _rows(rows: list[Mapping[str, Any]], alpha: float) -> str:
    cells, absent = [], []
    for r in rows:
        if r.get("a_mean") is None and r.get("b_mean") is None:
            absent.append(f'<li><span class="mono">{h(r["metric"])}</span>: {h(r.get("why") or "no figure")}</li>')
            continue
        first = f'<span class="mono">{h(r["metric"])}</span>'
        unit = units(r["unit"] or "")
        if r["verdict"] == "not compared" or r.get("difference") is None:
            why = f"<span class=soft>{h(r.get('why') or 'not compared')}</span>"
            cells.append([first, unit, number(r.get("a_mean")), number(r.get("b_mean")), "", "", "", "", why])
            continue
        good = {"better": True, "worse": False}.get(r["verdict"])
        bar = "" if r.get("low") is None else difference_bar(r["low"], r["difference"], r["high"], good)
        p = r.get("p_corrected")
        strong = f"<b>{_p(p)}</b>" if p is not None and p < alpha else _p(p)
        cells.append(
            [
                first,
                unit,
                number(r["a_mean"]),
                number(r["b_mean"]),
                f"{number(r['difference'])}<span class=ci>{interval(r.get('low'), r.get('high'))} n {h(r['n'])}</span>",
                bar,
                strong,
                ARROWS.get(r["better"], h(r["better"])),
                _VERDICTS.get(r["verdict"], h(r["verdict"])),
            ]
        )
    heads = ["metric", "unit", "A", "B", "B − A", "", "p, corrected", "should be", "verdict of B"]
    text = table(heads, cells, numeric=(2, 3, 4, 6)) if cells else ""
    if absent:
        text += f"<details><summary>{len(absent)} metrics have no figure on either side, and why</summary>"
        text += f"<ul>{''.join(absent)}</ul></details>"
    return text


def _p(value: float | None) -> str:
    return NONE if value is None else "&lt; 0.001" if value < 0.001 else f"{value:.3f}"


def _unpaired(comparison: Mapping[str, Any]) -> str:
    found = comparison.get("unpaired") or {}
    rows = [[side.upper(), h(name)] for side in ("a", "b") for name in found.get(side) or ()]
    return table(["in", "file"], rows) if rows else ""


def _settings(comparison: Mapping[str, Any]) -> str:
    flat = [
        {f"{group}.{k}": v for group in ("package", "settings", "corpus") for k, v in (s.get(group) or {}).items()}
        for s in (comparison["a"], comparison["b"])
    ]
    rows = []
    for key in dict.fromkeys([*flat[0], *flat[1]]):
        a, b = (str(f.get(key, NONE)) for f in flat)
        mark = "" if a == b else '<span class="warn">≠</span>'
        rows.append([f'<span class="mono">{h(key)}</span>', f"<code>{h(a)}</code>", f"<code>{h(b)}</code>", mark])
    return table(["", "A", "B", ""], rows)
