"""Sanity: which metrics distinguish the motion from the same motion spoiled? (`metrics.controls`)

Where the motion is ground truth it is judged against another real motion ("truth") with a third one as further sample:
real people differ, and a metric that calls a frozen pose better than a real performance is fooled.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np

from speech_gesture_pkg.errors import InputError
from speech_gesture_pkg.lab.metrics import controls
from speech_gesture_pkg.lab.metrics.registry import METRICS, measure_all
from speech_gesture_pkg.lab.metrics.result import NotComputable
from speech_gesture_pkg.lab.metrics.sample import MetricInput, Normaliser, gesture_parameters, standard
from speech_gesture_pkg.lab.metrics.spec import Better, Metric, Need
from speech_gesture_pkg.lab.metrics.statistics import bootstrap_interval, permutation_test
from speech_gesture_pkg.lab.study.from_motion import motion_of
from speech_gesture_pkg.lab.study.sample import EvaluationSample
from speech_gesture_pkg.motion.frames import MotionFrames

if TYPE_CHECKING:
    from speech_gesture_pkg.lab.study.jobs import StudyJob

CONTROLS = {
    "jittered": "noise of 2 degrees on every joint axis of every frame",
    "time_shuffled": "blocks of 1 s in random order",
    "frozen": "the mean pose, held",
    "mirrored_audio": "the speech played backwards",
}
"""Name -> what is done."""
REAL_MATERIAL = {"real": "ground truth", "motion": "motion files, taken for real"}
SEES_AUDIO = frozenset({"mirrored_audio"})
ALPHA = 0.05
LEAST = 6
"""Takes below which nothing is said: a sign test of fewer cannot reach 5 %."""
PASSES, FOOLED, BLIND, REFUSES, CHANGES = "passes", "fooled", "blind", "no figure", "changes"


def names_judged() -> list[str]:
    """Metrics of human motion: the controls spoil the human's, not the robot's."""
    return [n for n, m in METRICS.items() if Need.ROBOT not in m.needs]


def control_figures(job: StudyJob, sample: EvaluationSample) -> dict[str, Any]:
    """Figures of a take and of its spoiled versions: control -> metric -> number (None if there is none)."""
    take = replace(sample.take, robot=None)
    if job.others:
        others = [motion_of(p) for p in job.others]
        take = replace(take, truth=others[0], samples=(others[1],), normaliser=_normaliser([take.motion, *others]))
    names = [n for n in names_judged() if n in job.metrics]
    return {
        "material": job.system,
        "figures": {control: _figures(changed, names) for control, changed in spoiled(take, job.key).items()},
    }


def _normaliser(motions: list[MotionFrames]) -> Normaliser | None:
    """Over these motions, as far as they have a body and hands."""
    parameters = []
    for motion in motions:
        try:
            parameters.append(gesture_parameters(standard(motion, "a motion")))
        except InputError:
            continue  # a face alone
    return Normaliser.fit(parameters) if parameters else None


def spoiled(take: MetricInput, key: str) -> dict[str, MetricInput]:
    """The take as it is, and each control of it that can be made; `key` seeds the noise."""
    seed = int(key[:8], 16)
    found = {"as_is": take}
    if len(take.motion) == 0:
        return found
    found["jittered"] = replace(take, motion=controls.jittered(take.motion, seed))
    found["frozen"] = replace(take, motion=controls.frozen(take.motion))
    if take.motion.end - take.motion.start > controls.BLOCK_S:
        found["time_shuffled"] = replace(take, motion=controls.time_shuffled(take.motion, seed))
    if take.speech is not None:
        found["mirrored_audio"] = replace(take, speech=controls.mirrored_audio(take.speech))
    return found


def _figures(take: MetricInput, names: list[str]) -> dict[str, float | None]:
    return {
        m.name: None if isinstance(m.value, NotComputable) or not np.isfinite(m.number) else m.number
        for m in measure_all(take, names)
    }


def sanity_table(records: Iterable[Mapping[str, Any]], corpus: Iterable[dict[str, Any]] = ()) -> dict[str, Any] | None:
    """The appendix: what each control does to each metric; None if no record holds controls.

    Args:
        records: of a study.
        corpus: rows of distances between sets of motions (`sanity_frechet.rows`).
    """
    takes: dict[str, list[dict[str, dict[str, float | None]]]] = defaultdict(list)
    seconds: dict[str, float] = defaultdict(float)
    for record in records:
        if "controls" in record:
            material = record["controls"]["material"]
            takes[material].append(record["controls"]["figures"])
            seconds[material] += float(record["timings"].get("audio_s") or 0.0)
    if not takes:
        return None
    rows = [row for material, found in takes.items() for row in _rows(material, found)]
    rows += corpus
    judged = [r for r in rows if r["verdict"] in ("passes", "fails")]
    on_real = {r["metric"] for r in judged if r["material"] in REAL_MATERIAL}
    # Generated motion speaks only where there is no real one.
    judged = [r for r in judged if r["material"] in REAL_MATERIAL or r["metric"] not in on_real]
    failing = sorted({r["metric"] for r in judged if r["verdict"] == "fails"})
    return {
        "material": [
            {
                "name": m,
                "what": REAL_MATERIAL.get(m, f"motion of {m}, standing for real motion"),
                "takes": len(found),
                "seconds": round(seconds[m], 2),
            }
            for m, found in takes.items()
        ],
        "controls": list(CONTROLS),
        "doc": CONTROLS,
        "rows": rows,
        "failing": [n for n in failing if n not in METRICS or _published(METRICS[n])],
        "passing": sorted({r["metric"] for r in judged} - set(failing)),
    }


def _published(metric: Metric) -> bool:
    return not metric.source.startswith("ours")


def _rows(material: str, takes: list[dict[str, dict[str, float | None]]]) -> list[dict[str, Any]]:
    rows = []
    for name in names_judged():
        metric = METRICS[name]
        if material not in REAL_MATERIAL and metric.needs & {Need.TRUTH, Need.SAMPLES}:
            continue  # only a real performance can be asked to be nearer to a real one than a control
        real = [t["as_is"][name] for t in takes if t["as_is"].get(name) is not None]
        if not real:
            continue
        values = np.array(real, float)
        interval = bootstrap_interval(values) if len(values) > 1 else None
        cells = {c: _cell(metric, c, takes) for c in CONTROLS}
        rows.append(
            {
                "metric": name,
                "material": material,
                "published": _published(metric),
                "real": float(values.mean()),
                "real_low": interval.low if interval else None,
                "real_high": interval.high if interval else None,
                "takes": len(values),
                "controls": cells,
                "verdict": verdict_of(cells),
            }
        )
    return rows


def _cell(metric: Metric, control: str, takes: list[dict[str, dict[str, float | None]]]) -> dict[str, Any]:
    """What one control does to one metric, over all takes that have both figures."""
    if control in SEES_AUDIO and Need.AUDIO not in metric.needs:
        return cell(why="the metric does not listen")
    had = [t for t in takes if t["as_is"][metric.name] is not None and control in t]
    pairs = [(t["as_is"][metric.name], t[control][metric.name]) for t in had]
    both = np.array([(a, b) for a, b in pairs if b is not None], float)
    if len(had) < LEAST:
        return cell(why=f"{len(had)} takes; at least {LEAST} are needed to tell")
    if len(both) < len(had) / 2:
        return cell(verdict=REFUSES, why=f"no figure for {len(had) - len(both)} of {len(had)} takes")
    if len(both) < 2:
        return cell()
    test = permutation_test(both[:, 0], both[:, 1])
    sure = test.p_value < ALPHA and abs(test.difference) > 1e-12
    return cell(float(both[:, 1].mean()), test.p_value, _verdict(metric, test.difference, sure))


def cell(
    value: float | None = None, p_value: float | None = None, verdict: str | None = None, why: str | None = None
) -> dict[str, Any]:
    """What one control does to one metric: the spoiled figure, or why nothing can be said."""
    return {"value": value, "p_value": p_value, "verdict": verdict, "why": why}


def verdict_of(cells: Mapping[str, Mapping[str, Any]]) -> str:
    """Of a metric, from its cells: it fails if one control scores as well."""
    verdicts = {c["verdict"] for c in cells.values()} - {None}
    return ("fails" if verdicts & {FOOLED, BLIND} else "passes") if verdicts else "not judged"


def _verdict(metric: Metric, difference: float, sure: bool) -> str:
    if not sure:
        return BLIND
    if metric.better is Better.REAL:
        return CHANGES
    gain = difference if metric.better is Better.HIGHER else -difference
    return FOOLED if gain > 0 else PASSES
