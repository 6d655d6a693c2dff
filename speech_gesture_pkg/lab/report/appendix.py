"""The end of the page: settings and versions, definitions of the metrics, sanity of the metrics."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from speech_gesture_pkg.lab.metrics.definitions import defined, definition
from speech_gesture_pkg.lab.report.markup import NONE, facts, h, number, prose, seconds, table, units

_VERDICTS = {
    "passes": ('<span class="good">✓ {}</span>', "real motion scores better, p < 0.05"),
    "fooled": ('<span class="bad">✗ {}</span>', "the control scores as well or better"),
    "blind": ('<span class="warn">○ {}</span>', "no difference to be seen"),
    "changes": ('<span class="soft">≠ {}</span>', "differs; the metric has no better side"),
    "no figure": ('<span class="soft">{}</span>', "not defined on this material"),
}


def settings(results: Mapping[str, Any]) -> str:
    """How the figures came about."""
    package, chosen, corpus = results["package"], results["settings"], results["corpus"]
    commit = package.get("commit") or package.get("git") or ""
    robot, latents = chosen.get("robot") or {}, chosen.get("latents") or {}
    pairs = [
        ("command", " ".join(map(str, results.get("command") or ()))),
        ("made", results.get("created")),
        ("took", seconds(results.get("seconds"))),
        ("mode", chosen.get("mode")),
        ("generators", ", ".join(chosen.get("generators") or ())),
        *((f"model of {n}, sha256", m) for n, m in (chosen.get("models") or {}).items() if m),
        ("seeds", ", ".join(map(str, chosen.get("seeds") or ()))),
        ("samples per file", chosen.get("samples")),
        ("changed parameters", ", ".join(f"{k}={v}" for k, v in (chosen.get("parameters") or {}).items())),
        ("robot", robot.get("name")),
        ("URDF sha256", robot.get("urdf_sha256")),
        ("material", f"{corpus.get('files')} files, {seconds(corpus.get('seconds'))}"),
        ("material sha256", corpus.get("sha256")),
        ("metric definitions sha256", results.get("definitions")),
        ("autoencoders", latents.get("path")),
        *((f"autoencoder {name}", text) for name, text in (latents.get("ids") or {}).items()),
        ("package", f"{package.get('name')} {package.get('version')}"),
        ("commit", f"{commit}{' with local changes' if package.get('dirty') else ''}"),
        ("Python, numpy, scipy", ", ".join(str(package.get(k)) for k in ("python", "numpy", "scipy"))),
        ("machine", f"{package.get('machine')}, {package.get('cores')} cores, {package.get('platform')}"),
        ("workers", chosen.get("cluster") or chosen.get("workers")),
    ]
    return facts(pairs)


def definitions(results: Mapping[str, Any]) -> str:
    """What each figure means, where it comes from, what it needs."""
    items = []
    for name, spec in results["metrics"].items():
        needs = ", ".join(spec.get("needs") or ()) or "the motion alone"
        fooled = f" Fooled by: {', '.join(spec['fooled_by'])}." if spec.get("fooled_by") else ""
        unit = f" [{units(spec['unit'])}]" if spec["unit"] else ""
        items.append(
            f'<dt id="m-{h(name)}"><span class="mono">{h(name)}</span> <span class=soft>{unit}</span></dt>'
            f"<dd>{prose(_definition(name) or spec.get('doc') or '')}"
            f"<small>Source: {h(spec['source'])}. Better: {h(spec['better'])}. "
            f"Needs {h(needs)}.{h(fooled)}</small></dd>"
        )
    return f'<dl class="terms">{"".join(items)}</dl>'


def _definition(name: str) -> str:
    return definition(name) if name in defined() else ""


def sanity(results: Mapping[str, Any]) -> str:
    """Metric x control: does real motion score better than the same motion spoiled in a known way?"""
    found = results.get("sanity")
    if not found:
        return ""
    parts = ["<p>Real motion is compared with itself, spoiled in one known way. A metric that claims to see the "
             "difference should rank real motion first.</p>"]  # fmt: skip
    failing, passing = found.get("failing") or [], found.get("passing") or []
    if failing:
        parts.append(
            f'<p class="note"><b>{len(failing)} published metrics fail</b> (a spoiled control scores as well as real '
            f"motion or better): {', '.join(f'<span class=mono>{h(n)}</span>' for n in failing)}.</p>"
        )
    if passing:
        parts.append(f"<p>Pass: {', '.join(f'<span class=mono>{h(n)}</span>' for n in passing)}.</p>")
    parts.append(
        "<ul>"
        + "".join(
            f"<li><b>{h(control.replace('_', ' '))}</b>: {h(text)}</li>" for control, text in found["doc"].items()
        )
        + "</ul>"
    )
    for material in found["material"]:
        rows = [_sanity_row(row, found["controls"]) for row in found["rows"] if row["material"] == material["name"]]
        if rows:
            parts.append(
                f"<h3>{h(material['what'])}</h3>"
                f"<p class=soft>{h(material['takes'])} takes, {seconds(material['seconds'])}</p>"
            )
            heads = ["metric", "real", *(h(c.replace("_", " ")) for c in found["controls"]), ""]
            parts.append(table(heads, rows, numeric=range(1, 2 + len(found["controls"]))))
    key = "; ".join(f"{pattern.format(word)}: {text}" for word, (pattern, text) in _VERDICTS.items())
    return "".join(parts) + f"<p class=soft>{key}.</p>"


def _sanity_row(row: Mapping[str, Any], controls: list[str]) -> list[str]:
    cells = [f'<a class="mono" href="#m-{h(row["metric"])}">{h(row["metric"])}</a>']
    ends = (
        f"<span class=ci>[{number(row['real_low'])}, {number(row['real_high'])}]</span>"
        if row.get("real_low") is not None
        else ""
    )
    cells.append(f"{number(row.get('real'))}{ends}")
    for control in controls:
        entry = row["controls"].get(control)
        if not entry:
            cells.append(NONE)
            continue
        pattern, _ = _VERDICTS.get(entry.get("verdict") or "", ("{}", ""))
        value = number(entry.get("value")) if entry.get("value") is not None else h(entry.get("verdict") or NONE)
        p = "" if entry.get("p_value") is None else f"<span class=ci>p {entry['p_value']:.2g}</span>"
        why = f' title="{h(entry["why"])}"' if entry.get("why") else ""
        cells.append(f"<span{why}>{pattern.format(value)}</span>{p}")
    verdict = row.get("verdict", "")
    kind = {"passes": "good", "fails": "bad"}.get(verdict, "soft")
    return [*cells, f'<span class="{kind}">{h(verdict)}</span>']
