"""From inputs and options to jobs."""

from __future__ import annotations

import difflib
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

import numpy as np
import soundfile

from speech_gesture_pkg.config import GeneratorConfig, GestureConfig
from speech_gesture_pkg.errors import ConfigError, InputError
from speech_gesture_pkg.generators.base import Generator
from speech_gesture_pkg.generators.model_bundle import model_folder
from speech_gesture_pkg.lab.metrics.corpus import STUDIED
from speech_gesture_pkg.lab.metrics.registry import METRICS, metric
from speech_gesture_pkg.lab.study import jobs
from speech_gesture_pkg.lab.study.inputs import Item, content_hash
from speech_gesture_pkg.lab.study.jobs import StudyJob
from speech_gesture_pkg.lab.study.normalise import fit_normaliser
from speech_gesture_pkg.plugins import is_plugin, plugin_sha256

CONTROL_TAKES = 24
"""Takes of each system that the sanity controls are run on: enough for a test, and a small part of a large study."""

OTHERS = 8
"""Other real motions that a real motion is judged against: a truth, a sample, and all for the normaliser."""


@dataclass(frozen=True)
class StudyOptions:
    """What is to be done with the inputs.

    Attributes:
        mode: `jobs.OFFLINE` or `jobs.LIVE`, for speech.
        configs: generator and seed -> all parameters.
        base: parameters where nothing is generated.
        samples: motions per audio, for diversity.
        metrics: names; empty = all.
        latents: file of autoencoders, or "".
        controls: takes of each system for the sanity controls; 0 = none.
        rerun: make motion from a bag's sound instead of judging what it holds.
        own_robot: the user named the robot.
        audio_topic: of bags with several.
        label: system name of bags and motion files; "" = "recorded", "motion".
        models: generator -> sha256 that names its model; "" for one that works by rule.
    """

    mode: str
    configs: dict[tuple[str, int], GestureConfig]
    base: GestureConfig
    samples: int = 1
    metrics: tuple[str, ...] = ()
    latents: str = ""
    controls: int = CONTROL_TAKES
    rerun: bool = False
    own_robot: bool = False
    audio_topic: str = ""
    label: str = ""
    models: dict[str, str] = field(default_factory=dict)


@dataclass
class StudyPlan:
    """All jobs of a study.

    Attributes:
        jobs: in the order of the inputs.
        normaliser: stamp of the normaliser, "" without ground truth.
        metrics: names of those that were asked for, of takes and of a corpus.
        warnings: sentences.
    """

    jobs: list[StudyJob] = field(default_factory=list)
    normaliser: str = ""
    metrics: tuple[str, ...] = ()
    warnings: list[str] = field(default_factory=list)


def metric_names(wanted: Sequence[str]) -> tuple[str, ...]:
    """All metrics, of takes and of a corpus, or those named; `robot_*` is a pattern, `module:NAME` a user's own.

    Raises:
        ConfigError: naming the nearest, or what is wrong with one's own.
    """
    for name in filter(is_plugin, wanted):
        metric(name)
    known = [*METRICS, *STUDIED]
    if not wanted:
        return tuple(known)
    found: list[str] = []
    for name in wanted:
        matching = [m for m in known if m == name or (name.endswith("*") and m.startswith(name[:-1]))]
        if not matching:
            near = difflib.get_close_matches(name, known, 3, 0.4)
            hint = f"; did you mean {' or '.join(near)}?" if near else f"; there are: {', '.join(known)}."
            raise ConfigError(f"metric {name!r} is unknown{hint} One of your own is named module:NAME")
        found += matching
    return tuple(n for n in known if n in found)


def make_plan(
    items: Sequence[Item], options: StudyOptions, folder: Path, progress: Callable[[Iterable[Item]], Iterable[Item]]
) -> StudyPlan:
    """Jobs for every input, system and seed, and for its ground truth.

    Args:
        items: from `find_inputs`.
        options: what to do.
        folder: of the study; the normaliser is kept there.
        progress: wraps the items while their files are hashed.
    """
    plan = StudyPlan(metrics=metric_names(options.metrics))
    prepared: list[tuple[Item, dict[str, str], float]] = []
    for item in progress(items):
        try:
            prepared.append((item, hashes_of(item), seconds_of(item)))
        except OSError as e:
            raise InputError(f"{item.path} cannot be read: {e.strerror or e}") from e
    truths = sorted({i.truth for i, _, _ in prepared if i.truth}, key=str)
    normaliser = _normaliser(plan, truths, {h["truth"] for _, h, _ in prepared if "truth" in h}, folder)
    shared = {"latents": jobs.file_hash(options.latents)} if options.latents else {}
    shared |= {"normaliser": plan.normaliser} if normaliser else {}
    metrics = tuple(name for name in plan.metrics if name not in STUDIED)
    shared |= {name: plugin_sha256(name, "metric") for name in filter(is_plugin, metrics)}
    for item, hashes, seconds in prepared:
        mine = hashes | shared
        for job in _of_item(item, options):
            plan.jobs.append(
                replace(
                    job,
                    metrics=metrics,
                    samples=options.samples if job.seed is not None else 1,
                    latents=options.latents,
                    normaliser=normaliser,
                    own_robot=options.own_robot,
                    audio_topic=options.audio_topic if item.kind == "bag" else "",
                    hashes=tuple(sorted((mine | _urdf(job) | _model(job, options)).items())),
                    seconds=seconds,
                )
            )
    _choose_controls(plan, options.controls, truths)
    return plan


def _normaliser(plan: StudyPlan, truths: list[Path], hashes: set[str], folder: Path) -> str:
    if not truths:
        return ""
    stamp = f"normaliser sha256:{jobs.hashed(sorted(hashes))[:16]} of {len(truths)} true motions"
    target = folder / "normaliser.npz"
    plan.normaliser = fit_normaliser(truths, target, stamp)
    if not plan.normaliser:
        plan.warnings.append("no true motion has a body and hands: there is no normaliser for PCM and Div")
        return ""
    return str(target)


def _urdf(job: StudyJob) -> dict[str, str]:
    name = dict(job.values).get("robot.urdf", "")
    return {"urdf": jobs.file_hash(name)} if name else {}


def model_hash(generator: Generator, config: GeneratorConfig) -> str:
    """sha256 that names the model of a learned generator, of a user's own also its code; "" for a built-in rule."""
    if not is_plugin(config.name):
        return str(getattr(getattr(generator, "bundle", None), "card_sha256", ""))
    model = content_hash(model_folder(config.model)) if config.model else ""
    return jobs.hashed([plugin_sha256(config.name, "generator"), model])


def _model(job: StudyJob, options: StudyOptions) -> dict[str, str]:
    model = options.models.get(job.system, "") if job.seed is not None else ""
    return {"model": model} if model else {}


def hashes_of(item: Item) -> dict[str, str]:
    """sha256 of everything that an input consists of."""
    found = {"audio" if item.kind == "audio" else "input": content_hash(item.path)}
    for name, path in (("truth", item.truth), ("speech", item.speech), ("semantic", item.semantic)):
        if path is not None:
            found[name] = content_hash(path)
    return found


def seconds_of(item: Item) -> float:
    """About how long an input is, s; 10 where that cannot be seen without reading it."""
    path = item.path if item.kind == "audio" else item.speech
    try:
        return float(soundfile.info(str(path)).duration) if path else 10.0
    except (soundfile.SoundFileError, OSError, RuntimeError):
        return 10.0


def _of_item(item: Item, options: StudyOptions) -> list[StudyJob]:
    found: list[StudyJob] = []
    base = tuple(sorted(jobs.changed(options.base).items()))
    if item.kind == "motion":
        found.append(StudyJob(item, jobs.MOTION, options.label or "motion", base))
    elif item.kind == "bag" and not options.rerun:
        found.append(StudyJob(item, jobs.RECORDED, options.label or "recorded", base))
    else:
        mode = jobs.RERUN if item.kind == "bag" else options.mode
        for (generator, seed), config in options.configs.items():
            found.append(StudyJob(item, mode, generator, tuple(sorted(jobs.changed(config).items())), seed))
    if item.truth is not None:
        found.append(StudyJob(item, jobs.REAL, "real", base))
    return found


def _choose_controls(plan: StudyPlan, count: int, truths: list[Path]) -> None:
    """Mark evenly spread takes of each system, of its first seed."""
    if not count:
        return
    by_system: dict[str, list[int]] = {}
    for i, job in enumerate(plan.jobs):
        by_system.setdefault(job.system, []).append(i)
    for places in by_system.values():
        seeds = {plan.jobs[i].seed for i in places}
        first = [i for i in places if plan.jobs[i].seed == min(seeds, key=lambda s: -1 if s is None else s)]
        for k in np.unique(np.linspace(0, len(first) - 1, min(count, len(first))).round().astype(int)):
            job = plan.jobs[first[k]]
            others = _others(job, truths, [plan.jobs[i].item.path for i in places])
            hashes = dict(job.hashes) | {f"other{n}": content_hash(p) for n, p in enumerate(others)}
            plan.jobs[first[k]] = replace(job, controls=True, others=others, hashes=tuple(sorted(hashes.items())))


def _others(job: StudyJob, truths: list[Path], judged: list[Path]) -> tuple[Path, ...]:
    """Other motions to judge a real motion against; those that follow it in the list."""
    if job.mode == jobs.REAL and job.item.truth is not None:
        table, own = truths, job.item.truth
    elif job.mode == jobs.MOTION and job.item.truth is None:
        table, own = judged, job.item.path
    else:
        return ()
    if len(table) < 3:
        return ()
    at = table.index(own)
    return tuple(table[(at + k) % len(table)] for k in range(1, min(OTHERS + 1, len(table))))
