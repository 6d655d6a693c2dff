"""speech-gesture ablation RUN... --corpus DIR: a learned generator and its baselines on held-out recordings."""

from __future__ import annotations

import argparse
import json
from dataclasses import replace
from typing import Any

from speech_gesture_pkg.cli.common import config_of, report, set_options, writable_folder
from speech_gesture_pkg.cli.generator_args import add_model
from speech_gesture_pkg.errors import ConfigError
from speech_gesture_pkg.lab.ablation.ablation import TRUTH, Ablation, HeldOut, Run, find_runs, held_out
from speech_gesture_pkg.lab.ablation.ablation_table import as_json, cells, listening_markdown, markdown
from speech_gesture_pkg.lab.ablation.listening import ListeningTest, listening_tests
from speech_gesture_pkg.lab.datasets.reading import LAYOUTS
from speech_gesture_pkg.lab.metrics.autoencoder.encoder import load_latents
from speech_gesture_pkg.lab.metrics.result import NotComputable
from speech_gesture_pkg.lab.study.sample import speech_features
from speech_gesture_pkg.motion.frames import MotionFrames


def add_corpus(parser: argparse.ArgumentParser, needed: bool) -> None:
    """--corpus, --layout, --split, --limit, --seconds."""
    parser.add_argument("--corpus", required=needed, metavar="DIR", help="corpus with recordings that were held out")
    parser.add_argument("--layout", choices=LAYOUTS, default="own", help="of the corpus (default: %(default)s)")
    parser.add_argument("--split", default="test", help="train, val or test (default: %(default)s)")
    parser.add_argument("--limit", type=int, default=0, metavar="N", help="at most N recordings, spread over the split")
    parser.add_argument("--seconds", type=float, default=0.0, help="only so much from the begin of each recording")


def recordings_of(options: argparse.Namespace) -> list[HeldOut]:
    """What the options of `add_corpus` ask for. Raises ConfigError, InputError."""
    if options.limit < 0 or options.seconds < 0:
        raise ConfigError(f"--limit {options.limit} and --seconds {options.seconds} must not be negative")
    return list(held_out(options.corpus, options.layout, options.split, options.limit, options.seconds))


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Options of the verb."""
    parser.add_argument(
        "runs", nargs="+", metavar="RUN", help="training folders (with bundles below) or single bundles"
    )
    add_corpus(parser, needed=True)
    parser.add_argument(
        "--samples", type=int, default=0, metavar="N", help="motions for each recording (default: 16, DiffSHEG 1)"
    )
    parser.add_argument(
        "--latents",
        metavar="FILE",
        help="autoencoders of FMD, FED and FGD (train latents); without it these are left out",
    )
    parser.add_argument(
        "--no-listening", action="store_true", help="without the permutation tests on speech and motion"
    )
    parser.add_argument("--out", default="ablation_out", help="folder for rows, motions, tables (default: %(default)s)")
    add_model(parser)
    set_options(parser)


def run(options: argparse.Namespace) -> int:
    """Measure, write ablation.json and ablation.md, print the tables."""
    config = config_of(options).generator
    if config.model:
        raise ConfigError("ablation takes its models from the RUN folders, not from --model")
    study, runs = find_runs(options.runs)
    latents = load_latents(options.latents) if options.latents else {}
    recordings = recordings_of(options)
    out = writable_folder(options.out)
    ablation = Ablation(out, study, options.samples, replace(config, name=study.generator), latents)
    rows = _measured(ablation, runs, recordings)
    table = cells(rows, study)
    minutes = sum(e.audio.duration for e in recordings) / 60
    variants = [*(v for v in study.variants if v in rows), *(v for v in rows if v not in (TRUTH, *study.variants))]
    title = (
        f"{len(recordings)} recordings, {minutes:.1f} min, split {options.split}; {ablation.samples} motions each; "
        f"{', '.join(f'{v} x {len(rows[v])}' for v in variants)} (mean ± spread over training seeds)"
    )
    columns = [TRUTH, *variants]
    text = [title, "", markdown(table, columns, study)]
    result: dict[str, Any] = {
        "recordings": [e.name for e in recordings],
        "minutes": minutes,
        "figures": as_json(table, study),
    }
    if not options.no_listening:
        tests = _listened(ablation, runs, recordings)
        text += ["", "Matched against shuffled speech:", "", listening_markdown(tests)]
        result["listening"] = {s: {n: test_json(t) for n, t in found.items()} for s, found in tests.items()}
    (out / "ablation.json").write_text(json.dumps(result, indent=1) + "\n", encoding="utf-8")
    (out / "ablation.md").write_text("\n".join(text) + "\n", encoding="utf-8")
    report(options, result, "\n".join(text))
    return 0


def test_json(test: ListeningTest | NotComputable) -> dict[str, Any]:
    """For JSON."""
    return {"reason": test.reason} if isinstance(test, NotComputable) else test.as_dict()


def _measured(ablation: Ablation, runs: list[Run], recordings: list[HeldOut]) -> dict[str, Any]:
    from tqdm import tqdm

    with tqdm(total=(len(runs) + 1) * len(recordings), desc="measuring", disable=None, leave=False) as bar:

        def step(done: str) -> None:
            bar.set_postfix_str(done)
            bar.update(1)

        return ablation.measure(runs, recordings, step)


def _listened(ablation: Ablation, runs: list[Run], recordings: list[HeldOut]) -> dict[str, Any]:
    """Tests of the true motion, and of each variant's first training seed."""
    speech = [speech_features(e.audio) for e in recordings]
    motions: dict[str, list[MotionFrames]] = {TRUTH: [e.truth for e in recordings]}
    for each in sorted(runs, key=lambda r: r.seed):
        if each.variant not in motions:
            motions[each.variant] = ablation.motions(each, recordings)
    return {name: listening_tests(list(zip(made, speech, strict=True))) for name, made in motions.items()}
