"""The page of one evaluation."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from speech_gesture_pkg.errors import InputError
from speech_gesture_pkg.lab.report import appendix, cases, summary
from speech_gesture_pkg.lab.report.markup import h, page, plural, seconds, section, write

SCHEMA = "speech-gesture-evaluation/1"
FILE = "report.html"


def write_report(results: Mapping[str, Any], out: Path, pictures: cases.Pictures | None = None) -> Path:
    """Write `out`/report.html.

    Args:
        results: as written to results.json.
        out: folder.
        pictures: draws a record's robot; called for the records that are shown only.

    Raises:
        InputError: results of another schema.
        OutputError: the file cannot be written.
    """
    if results.get("schema") != SCHEMA:
        raise InputError(f"the results have the schema {results.get('schema')!r}; this report reads {SCHEMA!r}")
    return write(Path(out) / FILE, page("Gesture evaluation", _body(results, pictures)))


def _body(results: Mapping[str, Any], pictures: cases.Pictures | None) -> str:
    plots = "".join((summary.speeds(results), summary.latencies(results)))
    sections = [
        section("glance", "At a glance", summary.glance(results)),
        section("figures", "Figures", summary.figures(results)),
        section("failures", "Not evaluated", cases.failures(results), lead="These failed; everything else went on."),
        section("worst", "Worst moments", cases.worst(results), lead="Where to look first. Times link to the curves."),
        section("recordings", "Recordings", cases.recordings(results, pictures), lead=_shown(results)),
        section("distributions", "Distributions", summary.distributions(results), lead=_DISTRIBUTIONS),
        section("motion", "Speed and latency", f'<div class="grid">{plots}</div>' if plots else ""),
        section("joints", "Use of the joints", cases.joints(results)),
        section("agreement", "Recorded and run again", cases.agreements(results)),
        section("files", "All recordings", cases.files(results) if results["records"] else ""),
        section("warnings", "Warnings", cases.warnings(results)),
        section("settings", "Settings, versions, hashes", appendix.settings(results)),
        section("definitions", "Appendix A: how each number is defined", appendix.definitions(results)),
        section("sanity", "Appendix B: sanity of the metrics", appendix.sanity(results)),
    ]
    return _head(results, sections) + "".join(sections)


_DISTRIBUTIONS = (
    "One dot a recording (a density where they are many); the diamond is the mean, the bar above the dots its interval."
)


def _shown(results: Mapping[str, Any]) -> str:
    count, total = len(cases.shown(results)), len(results["records"])
    extent = f"{count} of {total}: those of the worst moments first." if count < total else ""
    return f"{extent} Human motion from the front: left side blue, right side orange. The last line shows it moving."


def _head(results: Mapping[str, Any], sections: list[str]) -> str:
    counts, chosen = results.get("counts") or {}, results["settings"]
    failed = counts.get("failed") or len(results.get("failures") or ())
    pieces = [
        plural(len(results["records"]), "recording"),
        f"{seconds(results['corpus'].get('seconds'))} of speech",
        f"<span class={'bad' if failed else 'good'}>{h(failed)} failed</span>",
        h(str(chosen.get("mode"))),
        h(str((chosen.get("robot") or {}).get("name") or "no robot")),
        h(_moment(str(results.get("created")))),
    ]
    if counts.get("not_run"):
        pieces.insert(3, f"<span class=bad>{h(counts['not_run'])} not run yet</span>")
    links = []
    for text in sections:
        if text:
            anchor = text.split('id="', 1)[1].split('"', 1)[0]
            title = text.split("<h2>", 1)[1].split("</h2>", 1)[0]
            links.append(f'<a href="#{anchor}">{title}</a>')
    return f"<h1>Gesture evaluation</h1><p class=soft>{' · '.join(pieces)}</p><nav>{''.join(links)}</nav>"


def _moment(created: str) -> str:
    """`2026-01-31T12:30:59+00:00` for a person."""
    return f"{created[:10]} {created[11:16]} UTC" if created.endswith("+00:00") else created
