"""What `evaluate` prints for a person."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from speech_gesture_pkg.lab.study.agreement import LARGEST
from speech_gesture_pkg.lab.study.results import metric_table

MOST = 8
"""Failures and notes that are printed; results.json has all."""


def metric_list() -> tuple[dict[str, Any], str]:
    """Every metric, as data and as a table."""
    table = metric_table()
    rows = [(n, m["unit"], m["better"], ", ".join(m["needs"]), m["source"]) for n, m in table.items()]
    return table, "\n".join(_aligned([("metric", "unit", "better", "needs", "source"), *rows]))


def study_text(results: Mapping[str, Any], out: Path, page: Path | None) -> str:
    """Figures of all systems side by side, failures, files."""
    systems = results["systems"]
    lines = []
    head = [f"{results['corpus']['files']} inputs, {results['corpus']['seconds'] / 60:.1f} min"]
    head += [f"{name}: {s['records']} records" for name, s in systems.items()]
    lines.append("; ".join(head))
    rows: list[tuple[str, ...]] = [("", "unit", *systems)]
    for name, about in results["metrics"].items():
        cells = [_figure(s, name, about["family"]) for s in systems.values()]
        cells = [c + "*" if c and s["fallback"] else c for c, s in zip(cells, systems.values(), strict=True)]
        if any(cells):
            rows.append((name, about["unit"], *(c or "-" for c in cells)))
    lines += _aligned(rows)
    lines += [f"* {name}: {fallback_text(name, s)}" for name, s in systems.items() if s["fallback"]]
    lines += _reasons(results)
    if results["sanity"] and (results["sanity"]["failing"] or results["sanity"]["passing"]):
        failing = results["sanity"]["failing"]
        lines.append(f"sanity: published metrics that a spoiled motion fools: {', '.join(failing) or 'none'}")
    lines += [f"note: {w}" for w in results["warnings"]]
    notes = [f"note: {r['name']}: {w}" for r in results["records"] for w in r["warnings"]]
    lines += notes[:MOST]
    if len(notes) > MOST:
        lines.append(f"note: {len(notes) - MOST} more on single inputs (results.json)")
    lines += [f"failed: {f['name']} ({f['system']}): {f['sentence']}" for f in results["failures"][:MOST]]
    if len(results["failures"]) > MOST:
        lines.append(f"failed: {len(results['failures']) - MOST} more (results.json)")
    done = results["counts"]["skipped_done"]
    again = f", {done} of them from an earlier run" if done else ""
    lines.append(f"{results['counts']['records']} records{again}, {results['seconds']:.1f} s")
    lines.append(f"{out / 'results.json'}, {out / 'results.csv'}" + (f", {page}" if page else ""))
    return "\n".join(lines)


def fallback_text(name: str, system: Mapping[str, Any]) -> str:
    """A sentence on figures that are not those of the system's generator alone."""
    found = system["fallback"]
    return (
        f"the fall-back {found['generator']} made {100 * found['share']:.0f} % of the motion, in {found['records']} of "
        f"{system['records']} records; the figures are not those of {name} alone"
    )


def _figure(system: Mapping[str, Any], name: str, family: str) -> str:
    if family == "corpus":
        entry = system["corpus"][name]
        return _interval(entry["value"], entry["low"], entry["high"])
    entry = system["metrics"].get(name)
    return _interval(entry["mean"], entry["low"], entry["high"]) if entry else ""


def _interval(value: float | None, low: float | None, high: float | None) -> str:
    if value is None:
        return ""
    return f"{value:.4g}" + (f" [{low:.4g}, {high:.4g}]" if low is not None and high is not None else "")


def _reasons(results: Mapping[str, Any]) -> list[str]:
    """Why figures are missing everywhere, the metrics of one reason on one line."""
    reasons: dict[str, list[str]] = {}
    for name, about in results["metrics"].items():
        entries = [
            s["corpus" if about["family"] == "corpus" else "metrics"].get(name) for s in results["systems"].values()
        ]
        if any(e and (e.get("mean") is not None or e.get("value") is not None) for e in entries):
            continue
        for e in entries:
            whys = [e["why"]] if e and about["family"] == "corpus" else list((e or {}).get("missing", {}))
            if whys:
                reasons.setdefault(whys[0], []).append(name)
                break
    return [f"no figure ({why}): {', '.join(names)}" for why, names in reasons.items()]


def comparison_text(found: Mapping[str, Any], out: Path, page: Path | None) -> str:
    """The rows that differ, then what was not compared."""
    lines = [f"{found['pairs']} pairs; {found['test']}"]
    for one, two in found["systems"]:
        rows = [
            r for r in found["rows"] if (r["system_a"], r["system_b"]) == (one, two) and r["difference"] is not None
        ]
        table: list[tuple[str, ...]] = [("", "unit", f"A {one}", f"B {two}", "B - A", "p (corrected)", "verdict")]
        for r in rows:
            p = f"{r['p_corrected']:.3g}" if r["p_corrected"] is not None else "-"
            difference = _interval(r["difference"], r["low"], r["high"])
            table.append(
                (r["metric"], r["unit"], f"{r['a_mean']:.4g}", f"{r['b_mean']:.4g}", difference, p, r["verdict"])
            )
        lines += _aligned(table)
    lines += _agreement(found["agreement"])
    lines.append(f"{out / 'comparison.json'}" + (f", {page}" if page else ""))
    return "\n".join(lines)


def _agreement(entries: Sequence[Mapping[str, Any]]) -> list[str]:
    """How far runs of the same speech, made in different ways, command different motion."""
    judged = [e for e in entries if "largest" in e]
    if not judged:
        return []
    worst = max(judged, key=lambda e: e["largest"])
    beyond = sum(e["beyond_percent"] * e["seconds"] for e in judged) / sum(e["seconds"] for e in judged)
    agree = [e["agrees"] for e in judged]
    clean = [e["agrees"] for e in judged if not e["warnings"]]
    return [
        f"{sum(agree)} of {len(agree)} runs agree (same human motion, joints within {LARGEST} rad); "
        f"of the {len(clean)} without a warning {sum(clean)}",
        f"commanded motion of {len(judged)} runs of the same speech ({' and '.join(judged[0]['modes'])}), shifted by "
        f"up to {1e3 * max(abs(e['shift_s']) for e in judged):.0f} ms, within {1e3 * worst['tolerance_s']:.0f} ms: "
        f"{beyond:.2f} % of samples differ by more than 0.01 rad; most {worst['largest']:.3g} rad "
        f"({worst['joint']} at {worst['time_s']:.2f} s of {worst['name']})",
        *_human(judged),
    ]


def _human(judged: Sequence[Mapping[str, Any]]) -> list[str]:
    seen = [e for e in judged if e.get("human_largest") is not None]
    if not seen:
        return []
    same = sum(e["human_beyond_percent"] == 0.0 for e in seen)
    most = max(seen, key=lambda e: float(e["human_largest"]))
    return [
        f"human motion: the same (wrists within 1 mm in every frame) in {same} of {len(seen)} runs; "
        f"most {1e3 * most['human_largest']:.3g} mm ({most['name']})"
    ]


def _aligned(rows: Sequence[Sequence[str]]) -> list[str]:
    widths = [max(len(r[i]) for r in rows) for i in range(len(rows[0]))]
    return ["  ".join(c.ljust(w) for c, w in zip(r, widths, strict=True)).rstrip() for r in rows]
