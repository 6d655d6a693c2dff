"""results.json and results.csv: everything about a study, in a stable schema (docs/evaluation.md)."""

from __future__ import annotations

import csv
import io
import os
import platform
import subprocess
from collections.abc import Mapping, Sequence
from datetime import datetime, timezone
from pathlib import Path
from typing import Any

import numpy as np
import scipy

from speech_gesture_pkg import __version__
from speech_gesture_pkg.lab.metrics.corpus import CORPUS_METRICS, STUDIED
from speech_gesture_pkg.lab.metrics.registry import METRICS
from speech_gesture_pkg.lab.metrics.spec import CorpusMetric, Metric, Need
from speech_gesture_pkg.lab.study import sanity, sanity_frechet, summary
from speech_gesture_pkg.lab.study.embeddings import LatentFile
from speech_gesture_pkg.lab.study.engine import cores
from speech_gesture_pkg.lab.study.jobs import PACKAGE, definitions_hash, hashed
from speech_gesture_pkg.lab.study.plan import StudyPlan
from speech_gesture_pkg.lab.study.store import RecordStore
from speech_gesture_pkg.outside_text import csv_cell

RESULTS = "speech-gesture-evaluation/1"
BASE_COLUMNS = ("file", "name", "system", "seed", "mode", "key", "audio_s", "offset_s", "warnings")
TIMING_COLUMNS = ("real_time_factor", "step_p50_ms", "step_p99_ms", "metrics_s", "total_s")


def results_of(
    store: RecordStore,
    plan: StudyPlan,
    failures: Sequence[Mapping[str, Any]],
    settings: Mapping[str, Any],
    latents: LatentFile | None = None,
    **more: Any,
) -> dict[str, Any]:
    """The results of a study from its records on disk.

    Args:
        store: of the study.
        plan: all jobs and metrics that were asked for; jobs without a record failed or were not run.
        failures: of `Outcome.failure`.
        settings: what was asked for, as plain data.
        latents: autoencoders for the Frechet distances.
        more: further entries (command, seconds, counts).
    """
    keys = [j.key for j in plan.jobs if store.path(j.key).is_file()]
    records = list(store.records(keys))
    systems = summary.gathered(records)
    corpus = summary.corpus_figures(systems, store.arrays, latents, plan.normaliser, plan.metrics)
    return {
        "schema": RESULTS,
        "created": datetime.now(timezone.utc).isoformat(timespec="seconds"),
        **more,
        "package": package(),
        "settings": dict(settings) | {"models": {r["system"]: r["weights_sha256"] for r in records if r["generator"]}},
        "definitions": definitions_hash(),
        "corpus": _corpus(records),
        "metrics": {name: about for name, about in metric_table().items() if name in plan.metrics},
        "records": [{k: v for k, v in r.items() if k != "controls"} for r in records],
        "failures": list(failures),
        "systems": {
            name: {
                "records": s.records,
                "metrics": s.figures(),
                "corpus": corpus[name],
                "timings": s.speed(),
                "fallback": s.fallback(),
            }
            for name, s in systems.items()
        },
        "worst": {name: s.worst() for name, s in systems.items()},
        "sanity": sanity.sanity_table(records, sanity_frechet.rows(records, store.arrays, latents)),
    }


def metric_table() -> dict[str, dict[str, Any]]:
    """Name -> what the registry says about a metric, those of a whole corpus included."""
    table: dict[str, dict[str, Any]] = {}
    for m in METRICS.values():
        family = "robot" if Need.ROBOT in m.needs else "human"
        table[m.name] = _about(m) | {"fooled_by": sorted(m.fooled_by), "family": family}
    for name in STUDIED:
        c = CORPUS_METRICS[name]
        table[name] = _about(c) | {"fooled_by": [], "family": "corpus", "doc": c.summary}
    return table


def _about(m: Metric | CorpusMetric) -> dict[str, Any]:
    return {"unit": m.unit, "better": m.better.value, "source": m.source, "needs": sorted(n.value for n in m.needs)}


def package() -> dict[str, Any]:
    """What the figures were made with and on."""
    commit, dirty = _git()
    return {
        "name": "speech_gesture_pkg",
        "version": __version__,
        "git": commit,
        "dirty": dirty,
        "python": platform.python_version(),
        "numpy": np.__version__,
        "scipy": scipy.__version__,
        "platform": f"{platform.system()} {platform.machine()}",
        "machine": _processor(),
        "cores": cores(),
    }


def _git() -> tuple[str, bool | None]:
    """Commit of the checkout that the package lies in, and whether it was changed since."""
    if not (PACKAGE.parent / ".git").exists():
        return "", None
    try:
        call = ["git", "-C", str(PACKAGE.parent)]
        commit = subprocess.run([*call, "rev-parse", "HEAD"], capture_output=True, text=True, timeout=10, check=True)
        status = subprocess.run(
            [*call, "status", "--porcelain", "--untracked-files=no"], capture_output=True, text=True, timeout=30
        )
    except (OSError, subprocess.SubprocessError):
        return "", None
    return commit.stdout.strip(), bool(status.stdout.strip())


def _processor() -> str:
    try:
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
    except OSError:
        return platform.processor()
    return next((x.split(":", 1)[1].strip() for x in lines if x.startswith("model name")), platform.processor())


def _corpus(records: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    """The inputs by what they hold: equal hashes mean the same files."""
    inputs: dict[str, dict[str, Any]] = {}
    for r in records:
        hashes = {k: v for k, v in r["hashes"].items() if k in ("audio", "input", "truth")}
        inputs[r["name"]] = {"hashes": hashes, "seconds": float(r["timings"].get("audio_s") or 0.0)}
        if r["audio"]:
            inputs[r["name"]]["seconds"] = float(r["audio"]["seconds"])
    content = sorted((os.path.basename(n), sorted(e["hashes"].items())) for n, e in inputs.items())
    seconds = sum(e["seconds"] for e in inputs.values())
    return {"sha256": hashed(content), "files": len(inputs), "seconds": round(seconds, 3)}


def csv_text(results: Mapping[str, Any]) -> str:
    """One row a record, then one a failure: base columns, every metric with its unit, timings, the failure's sentence.

    A metric that has no figure leaves its cell empty; results.json says why.
    """
    table = results["metrics"]
    names = [n for n, m in table.items() if m["family"] != "corpus"]
    header = [f"{n} [{table[n]['unit']}]" if table[n]["unit"] else n for n in names]
    text = io.StringIO()
    out = csv.writer(text, lineterminator="\n")
    out.writerow([_cell(v) for v in (*BASE_COLUMNS, *header, *TIMING_COLUMNS, "failure")])
    for r in results["records"]:
        base = [r["file"], r["name"], r["system"], r["seed"], r["mode"], r["key"]]
        base += [r["audio"]["seconds"] if r["audio"] else None, r["offset_s"], "; ".join(r["warnings"])]
        values = [r["metrics"].get(n, {}).get("value") for n in names]
        out.writerow([_cell(v) for v in (*base, *values, *(r["timings"].get(k) for k in TIMING_COLUMNS), "")])
    for f in results["failures"]:
        empty = [""] * (len(BASE_COLUMNS) - 4 + len(names) + len(TIMING_COLUMNS))
        out.writerow([_cell(v) for v in (f["file"], f["name"], f["system"], f["seed"], *empty, f["sentence"])])
    return text.getvalue()


def _cell(value: Any) -> Any:
    if value is None:
        return ""
    return f"{value:.9g}" if isinstance(value, float) else csv_cell(value)
