"""The pages: of one evaluation, and of two side by side."""

from __future__ import annotations

from collections.abc import Mapping
from functools import lru_cache
from pathlib import Path
from typing import Any

from jinja2 import Environment, PackageLoader, StrictUndefined, UndefinedError

from speech_gesture_pkg.errors import InputError, OutputError
from speech_gesture_pkg.lab.metrics.corpus import CORPUS_METRICS
from speech_gesture_pkg.lab.metrics.registry import METRICS, definition
from speech_gesture_pkg.lab.report import formatting, recordings, summary
from speech_gesture_pkg.lab.report.plots import difference_bar

REPORT, COMPARISON = "report.html", "comparison.html"
SCHEMAS = {REPORT: "speech-gesture-evaluation/1", COMPARISON: "speech-gesture-comparison/1"}
ARROWS = {"higher": "↑ higher", "lower": "↓ lower", "closer to real motion": "≈ like real"}


def write_report(results: Mapping[str, Any], out: Path, pictures: recordings.Pictures | None = None) -> Path:
    """Write `out`/report.html.

    Args:
        results: as written to results.json.
        out: folder.
        pictures: draws a record's robot; called for the records that are shown only.

    Raises:
        InputError: results of another schema, or incomplete ones.
        OutputError: the file cannot be written.
    """
    _check_schema(results, REPORT)
    values = {
        "results": results,
        "created": _moment(str(results.get("created"))),
        "parameters": [f"{k}={v}" for k, v in (results["settings"].get("parameters") or {}).items()],
        "definition": lambda name: definition(name) if name in METRICS or name in CORPUS_METRICS else "",
        **summary.values_of(results),
        **recordings.values_of(results, pictures),
    }
    return _write(Path(out) / REPORT, values)


def write_comparison(comparison: Mapping[str, Any], out: Path) -> Path:
    """Write `out`/comparison.html.

    Args:
        comparison: as written to comparison.json.
        out: folder.

    Raises:
        InputError: a comparison of another schema, or an incomplete one.
        OutputError: the file cannot be written.
    """
    _check_schema(comparison, COMPARISON)
    flat = [
        {f"{group}.{k}": str(v) for group in ("package", "settings", "corpus") for k, v in (s.get(group) or {}).items()}
        for s in (comparison["a"], comparison["b"])
    ]
    settings = [(key, *(f.get(key, "–") for f in flat)) for key in dict.fromkeys([*flat[0], *flat[1]])]
    values = {"comparison": comparison, "settings_of_both": settings, "difference_bar": difference_bar}
    return _write(Path(out) / COMPARISON, values)


def _check_schema(document: Mapping[str, Any], file: str) -> None:
    if document.get("schema") != SCHEMAS[file]:
        raise InputError(
            f"{file} cannot be made of the schema {document.get('schema')!r}; this version reads {SCHEMAS[file]!r}"
        )


@lru_cache(maxsize=1)
def _environment() -> Environment:
    """Templates are compiled once a process, at first use."""
    environment = Environment(
        loader=PackageLoader("speech_gesture_pkg.lab.report"),
        autoescape=True,
        trim_blocks=True,
        lstrip_blocks=True,
        undefined=StrictUndefined,
        extensions=["jinja2.ext.do"],
    )
    environment.filters |= {f.__name__: f for f in formatting.FILTERS}
    return environment


def _write(path: Path, values: Mapping[str, Any]) -> Path:
    """Render the template of the file's name; write the page whole or not at all."""
    try:
        text = _environment().get_template(f"{path.name}.j2").render(**values, arrows=ARROWS)
    except UndefinedError as e:
        raise InputError(f"{path.name} cannot be made: the results are incomplete ({e})") from e
    draft = path.with_name(path.name + ".writing")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        draft.write_text(text, encoding="utf-8")
        draft.replace(path)
    except OSError as e:
        raise OutputError(f"cannot write {path}: {e.strerror or e}") from e
    return path


def _moment(created: str) -> str:
    """`2026-01-31T12:30:59+00:00` for a person."""
    return f"{created[:10]} {created[11:16]} UTC" if created.endswith("+00:00") else created
