"""speech-gesture evaluate PATH...: every metric on bags, speech and motion, of the generator and of the robot."""

from __future__ import annotations

import argparse
import sys
import time
from collections.abc import Iterable, Iterator, Mapping
from contextlib import closing
from copy import copy
from dataclasses import replace
from pathlib import Path
from typing import Any

from speech_gesture_pkg.cli.common import (
    add_robot,
    config_of,
    need_ros,
    progress,
    report,
    urdf_of,
    writable_folder,
)
from speech_gesture_pkg.cli.evaluate_text import comparison_text, metric_list, study_text
from speech_gesture_pkg.cli.generator_args import add_model
from speech_gesture_pkg.config import GestureConfig
from speech_gesture_pkg.errors import ConfigError, InputError, MissingDependencyError, SpeechGestureError
from speech_gesture_pkg.generators.registry import GENERATORS, load_generator, takes_model
from speech_gesture_pkg.lab.metrics.autoencoder import STARTER
from speech_gesture_pkg.lab.metrics.corpus import FRECHET
from speech_gesture_pkg.lab.study import jobs
from speech_gesture_pkg.lab.study.agreement import agreements
from speech_gesture_pkg.lab.study.compare import compare, load_results
from speech_gesture_pkg.lab.study.embeddings import LatentFile
from speech_gesture_pkg.lab.study.engine import cores, do_jobs
from speech_gesture_pkg.lab.study.inputs import find_inputs
from speech_gesture_pkg.lab.study.jobs import StudyJob
from speech_gesture_pkg.lab.study.plan import (
    CONTROL_TAKES,
    StudyOptions,
    StudyPlan,
    make_plan,
    metric_names,
    model_hash,
)
from speech_gesture_pkg.lab.study.results import csv_text, results_of
from speech_gesture_pkg.lab.study.store import RecordStore, write_json, write_text
from speech_gesture_pkg.lab.study.worker import Failure, failure_of
from speech_gesture_pkg.plugins import SEPARATOR
from speech_gesture_pkg.resources import resource


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Options of the verb."""
    parser.add_argument("inputs", nargs="*", help="bags, speech files, motion npz, folders of them, corpora")
    parser.add_argument("--out", default="evaluation_out", help="folder for records and results (default: %(default)s)")
    parser.add_argument("--truth", help="folder with npz files of real motion, paired by file name")
    parser.add_argument("--audio-topic", default="", help="the topic with the speech, for bags with several")
    parser.add_argument("--speech", help="folder with the speech of motion files, paired by file name")
    parser.add_argument("--split", default="", metavar="NAME", help="of a corpus: train, val or test (default: all)")
    parser.add_argument("--limit", type=int, default=0, metavar="N", help="most inputs, evenly spread (default: all)")
    made = parser.add_argument_group("what makes the motion")
    made.add_argument("--generator", action="append", help="may be given several times (default: every one there is)")
    how = made.add_mutually_exclusive_group()
    how.add_argument("--offline", action="store_true", help="without ROS on a simulated clock, faster than real time")
    how.add_argument("--live", action="store_true", help="through the node, in real time (the default for speech)")
    made.add_argument("--rate", type=float, default=1.0, help="speed of simulated time for --live (default: real time)")
    made.add_argument("--rerun", action="store_true", help="run a bag's sound again instead of judging what it holds")
    made.add_argument("--seed", type=int, default=0, help="first seed (default: %(default)s)")
    made.add_argument("--seeds", type=int, default=1, metavar="N", help="seeds per file (default: %(default)s)")
    made.add_argument("--samples", type=int, default=1, metavar="N", help="motions per file for diversity_thesis")
    add_model(made)  # type: ignore[arg-type]
    made.add_argument("--config", help="YAML parameter file")
    made.add_argument("--set", action="append", default=[], metavar="NAME=VALUE", help="one parameter")
    add_robot(made)  # type: ignore[arg-type]
    parser.set_defaults(robot=None)
    what = parser.add_argument_group("what is measured")
    what.add_argument(
        "--metrics",
        nargs="+",
        default=[],
        metavar="NAME",
        help="only these; robot_* is a pattern, module:NAME is your own",
    )
    what.add_argument("--list-metrics", action="store_true", help="print every metric, its unit and source, and end")
    what.add_argument(
        "--latents", default="", help="autoencoders of FGD, FED, FMD (default: the starter, FGD); none: off"
    )
    what.add_argument(
        "--sanity", type=int, default=CONTROL_TAKES, metavar="N", help="takes for the controls (default: %(default)s)"
    )
    what.add_argument("--label", default="", help="system name of bags and motion files in the results")
    scale = parser.add_argument_group("scale")
    scale.add_argument("--workers", type=int, help="local processes, or node sets for --live")
    scale.add_argument("--cluster", default="", metavar="ADDRESS", help="Dask scheduler, e.g. tcp://host:8786")
    scale.add_argument("--no-report", action="store_true", help="no HTML page")
    other = parser.add_argument_group("comparing")
    other.add_argument(
        "--compare", nargs="+", metavar="RESULTS", help="two results.json (or one, to compare its systems)"
    )
    other.add_argument("--systems", nargs=2, default=[], metavar=("A", "B"), help="which systems to compare")
    other.add_argument("--common", action="store_true", help="compare the files that both have")


def run(options: argparse.Namespace) -> int:
    """0 if everything was evaluated, 1 if some files failed."""
    if options.list_metrics:
        report(options, *metric_list())
        return 0
    if options.compare:
        return _compare(options)
    if not options.inputs:
        raise InputError("nothing to evaluate: give bags, speech files, motion npz files or folders of them")
    for name in ("seeds", "samples"):
        if getattr(options, name) < 1:
            raise ConfigError(f"--{name} is {getattr(options, name)}; it must be at least 1")
    if options.limit < 0:
        raise ConfigError(f"--limit is {options.limit}; it must be at least 1 (0 = all)")
    items = find_inputs(options.inputs, options.truth, options.speech, options.split, options.limit)
    if options.cluster:  # workers stand in other folders
        items = [
            replace(
                i, path=i.path.resolve(), truth=_whole(i.truth), speech=_whole(i.speech), semantic=_whole(i.semantic)
            )
            for i in items
        ]
    out = writable_folder(options.out).resolve() if options.cluster else writable_folder(options.out)
    study_options, refused = _study_options(options, needs_generator=any(i.kind != "motion" for i in items))
    plan = make_plan(items, study_options, out, lambda x: progress(x, "looking at the inputs", len(items)))
    return _study(options, out, plan, study_options, refused)


def _whole(path: Path | None) -> Path | None:
    return path.resolve() if path else None


def _study_options(options: argparse.Namespace, needs_generator: bool) -> tuple[StudyOptions, list[str]]:
    """What is to be done, and sentences on generators that cannot be used here."""
    urdf = urdf_of(options) if options.robot or options.urdf else urdf_of(_with(options, robot="demo"))
    given = options.generator or list(GENERATORS)
    configs: dict[tuple[str, int], GestureConfig] = {}
    models: dict[str, str] = {}
    refused = []
    for name in dict.fromkeys(given):
        config = _own_model(config_of(_with(options, generator=name), **{"robot.urdf": str(urdf)}))
        try:
            if needs_generator:
                models[name] = model_hash(load_generator(config.generator), config.generator)
        except SpeechGestureError as e:
            if options.generator:
                raise
            refused.append(f"generator {name} was left out: {e}")
            continue
        for seed in range(options.seed, options.seed + options.seeds):
            mine = _with(options, generator=name, seed=seed)
            configs[name, seed] = _own_model(config_of(mine, **{"robot.urdf": str(urdf)}))
    if not configs:
        raise MissingDependencyError(f"no generator can be used here: {'; '.join(refused)}")
    base = _own_model(config_of(_with(options, generator=None, seed=None), **{"robot.urdf": str(urdf)}))
    return StudyOptions(
        mode=jobs.OFFLINE if options.offline else jobs.LIVE,
        configs=configs,
        base=base,
        samples=options.samples,
        metrics=tuple(options.metrics),
        latents=_latents_file(options.latents) if FRECHET.keys() & metric_names(options.metrics) else "",
        controls=max(options.sanity, 0),
        rerun=options.rerun,
        own_robot=bool(options.robot or options.urdf),
        audio_topic=options.audio_topic,
        label=options.label,
        models=models,
    ), refused


def _own_model(config: GestureConfig) -> GestureConfig:
    """Without the model that is meant for another generator: one that works by rule has none."""
    return config if takes_model(config.generator.name) else config.with_values({"generator.model": ""})


def _latents_file(given: str) -> str:
    """The file of autoencoders: what was given, else the starter that ships with the package; "" if there is none."""
    if given == "none":
        return ""
    return str(Path(given).resolve() if given else resource(STARTER))


def _with(options: argparse.Namespace, **values: Any) -> argparse.Namespace:
    changed = copy(options)
    vars(changed).update(values)
    return changed


def _study(
    options: argparse.Namespace, out: Path, plan: StudyPlan, study_options: StudyOptions, refused: list[str]
) -> int:
    latents = LatentFile.load(study_options.latents) if study_options.latents else None
    store = RecordStore(out)
    wanted = [j for j in plan.jobs if not store.done(j.key)]
    done = len(plan.jobs) - len(wanted)
    live = [j for j in wanted if j.mode == jobs.LIVE]
    if live:
        _need_node(live, options)
    if done:
        _say(f"{done} of {len(plan.jobs)} are done already (in {store.folder}); {len(wanted)} to do")
    workers = 1 if live else options.workers or max(min(cores(), len(wanted)), 1)
    began = time.monotonic()
    failures: list[Failure] = []
    try:
        _do(wanted, options, out, store, workers, failures)
    except KeyboardInterrupt:
        left = sum(not store.done(j.key) for j in plan.jobs)
        _say(f"stopped with {len(plan.jobs) - left} of {len(plan.jobs)} done; the same command goes on from there")
        raise
    if failures and len(failures) == len(plan.jobs):
        raise InputError(f"nothing could be evaluated: {failures[0]['sentence']}")
    counts = {"records": len(plan.jobs) - len(failures), "failed": len(failures), "skipped_done": done}
    results = results_of(
        store,
        plan,
        failures,
        _settings(options, study_options, workers, latents),
        latents,
        command=["speech-gesture", *sys.argv[1:]],
        seconds=round(time.monotonic() - began, 3),
        counts=counts | {"not_run": len(refused)},
        warnings=plan.warnings + refused,
    )
    write_json(out / "results.json", results, indent=1)
    write_text(out / "results.csv", csv_text(results))
    page = None if options.no_report else _page(results, out, study_options.base.robot.urdf)
    report(options, _short(results, out, page), study_text(results, out, page))
    return 1 if failures else 0


def _do(
    wanted: list[StudyJob],
    options: argparse.Namespace,
    out: Path,
    store: RecordStore,
    workers: int,
    failures: list[Failure],
) -> None:
    """Do the jobs, write each record as it comes."""
    from tqdm import tqdm

    total = round(sum(j.seconds for j in wanted))
    played: list[Failure] = []
    spoken = {j.key for j in wanted if j.mode == jobs.LIVE}
    form = "{l_bar}{bar}| {n:.0f} of {total:.0f} s, {remaining} left{postfix}"
    with tqdm(
        total=total, desc="evaluating", disable=not sys.stderr.isatty() or not wanted, leave=False, bar_format=form
    ) as bar:
        source = _with_bags(wanted, out, played, options, bar)
        with closing(do_jobs(source, workers, options.cluster)) as outcomes:
            for outcome in outcomes:
                if outcome.record is not None:
                    store.save(outcome.key, outcome.record, outcome.arrays)
                elif outcome.failure is not None:
                    failures.append(outcome.failure)
                if outcome.key not in spoken:
                    bar.update(outcome.seconds)
                bar.set_postfix_str(f", {len(failures)} failed" if failures else "")
    failures += played


def _with_bags(
    wanted: Iterable[StudyJob], out: Path, failures: list[Failure], options: argparse.Namespace, bar: Any
) -> Iterator[StudyJob]:
    """The jobs; those that go through the node with the bag that it made, as soon as it is there."""
    runs: dict[tuple[Any, ...], list[StudyJob]] = {}
    for job in wanted:
        if job.mode == jobs.LIVE:
            runs.setdefault((job.system, job.seed, job.values), []).append(job)
        else:
            yield job
    for (system, seed, _), mine in runs.items():
        from speech_gesture_pkg.cli.live_run import LiveSettings, run_live

        waiting: dict[Path, list[StudyJob]] = {}
        for job in mine:
            waiting.setdefault(job.item.path, []).append(job)
        folder = _fresh(out / "bags" / f"{system.replace(SEPARATOR, '.')}_{seed}")
        settings = LiveSettings(workers=options.workers or 1, rate=options.rate)

        def spoken(seconds: float, total: float, before: float = bar.n) -> None:
            bar.update(min(before + seconds, bar.total) - bar.n)

        for path, bag in run_live(list(waiting), mine[0].config, folder, spoken, settings):
            for job in waiting.pop(path, ()):
                if isinstance(bag, Exception):
                    failures.append(failure_of(job, bag))
                else:
                    yield replace(job, bag=Path(bag))
        for job in (j for js in waiting.values() for j in js):
            failures.append(failure_of(job, InputError(f"{job.item.path} was not played: the node's run ended early")))


def _fresh(folder: Path) -> Path:
    """A folder name that is not taken: an interrupted run may have left bags."""
    candidate, number = folder, 2
    while candidate.exists():
        candidate, number = folder.with_name(f"{folder.name}_{number}"), number + 1
    return candidate


def _need_node(live: list[StudyJob], options: argparse.Namespace) -> None:
    try:
        need_ros()
    except MissingDependencyError as e:
        raise MissingDependencyError(f"{e}; or give --offline, which needs no ROS") from e
    minutes = sum(j.seconds + 2.0 for j in live) / 60.0 / options.rate / (options.workers or 1)
    _say(f"{len(live)} runs through the node, about {minutes:.0f} min; --offline is faster")


def _settings(
    options: argparse.Namespace, study_options: StudyOptions, workers: int, latents: LatentFile | None
) -> dict[str, Any]:
    first = next(iter(study_options.configs.values()))
    values = {k: v for k, v in jobs.changed(first).items() if k not in ("generator.name", "generator.seed")}
    return {
        "mode": "rerun" if study_options.rerun else study_options.mode,
        "generators": list(dict.fromkeys(name for name, _ in study_options.configs)),
        "seeds": sorted({seed for _, seed in study_options.configs}),
        "samples": study_options.samples,
        "workers": workers,
        "cluster": options.cluster,
        "parameters": values,
        "robot": {"name": Path(first.robot.urdf).stem, "urdf_sha256": jobs.file_hash(first.robot.urdf)},
        "latents": {"path": study_options.latents, "ids": {n: p.id for n, p in latents.providers.items()}}
        if latents
        else None,
        "level": 0.95,
    }


def _page(results: Mapping[str, Any], out: Path, urdf: str) -> Path:
    from speech_gesture_pkg.cli.evaluate_pictures import robot_pictures
    from speech_gesture_pkg.lab.report import write_report

    try:
        pictures = robot_pictures(urdf)
    except SpeechGestureError as e:
        _say(f"the report has no pictures of the robot: {e}")
        pictures = None
    return Path(write_report(results, out, pictures))


def _short(results: Mapping[str, Any], out: Path, page: Path | None) -> dict[str, Any]:
    keys = ("schema", "counts", "seconds", "settings", "corpus", "systems", "failures", "sanity", "warnings")
    files = {"json": str(out / "results.json"), "csv": str(out / "results.csv"), "report": str(page) if page else None}
    return {k: results[k] for k in keys} | {"files": files}


def _compare(options: argparse.Namespace) -> int:
    if len(options.compare) > 2:
        raise ConfigError(f"--compare got {len(options.compare)} files; it takes one or two")
    if options.inputs:
        raise ConfigError("--compare takes results only; evaluate the inputs first")
    a = load_results(options.compare[0])
    b = load_results(options.compare[-1]) if len(options.compare) > 1 else a
    found = compare(a, b, options.systems, options.common) | {"agreement": agreements(a, b)}
    out = writable_folder(options.out)
    write_json(out / "comparison.json", found, indent=1)
    page = None
    if not options.no_report:
        from speech_gesture_pkg.lab.report import write_comparison

        page = Path(write_comparison(found, out))
    report(options, found, comparison_text(found, out, page))
    return 0


def _say(text: str) -> None:
    print(text, file=sys.stderr, flush=True)
