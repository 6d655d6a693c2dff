"""speech-gesture corpus starter | stats | smartbody: corpora for training."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from speech_gesture_pkg.cli.common import progress, report, writable_folder
from speech_gesture_pkg.lab.datasets.clip import SPLITS, Skipped
from speech_gesture_pkg.lab.datasets.reading import LAYOUTS, read_layout
from speech_gesture_pkg.lab.datasets.stats import corpus_stats
from speech_gesture_pkg.lab.starter_corpus.build import build_starter
from speech_gesture_pkg.lab.starter_corpus.smartbody_convert import convert_smartbody
from speech_gesture_pkg.motion.liveliness import kinematics_table


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Options of the verb."""
    what = parser.add_subparsers(dest="what", metavar="WHAT", required=True)
    starter = what.add_parser("starter", help="make the starter corpus of freely licensed sources")
    starter.add_argument("sources", help="folder with smartbody_gestures, librispeech*, facegood_face")
    starter.add_argument("-o", "--out", required=True, help="folder to write; an interrupted run is gone on with")
    starter.add_argument("--minutes", type=float, default=60.0, help="at least so much (default: %(default)s)")
    starter.add_argument("--seed", type=int, default=0, help="of every choice (default: %(default)s)")
    stats = what.add_parser("stats", help="amounts, joints, speeds and faces of a corpus")
    stats.add_argument("folder")
    stats.add_argument("--layout", choices=LAYOUTS, default="own", help="(default: %(default)s)")
    stats.add_argument("--split", choices=SPLITS, help="only this one")
    stats.add_argument("--smplx", help="SMPL-X npz with the hand PCA, for SHOW files with PCA hands")
    raw = what.add_parser("smartbody", help="convert raw SmartBody clips (.skm, .sk, .bvh) to SMPL-X")
    raw.add_argument("source", help="folder data/behaviorsets (or above) of the SmartBody source")
    raw.add_argument("-o", "--out", required=True, help="folder to write")
    for sub in (starter, stats, raw):
        sub.add_argument("--json", action="store_true", default=argparse.SUPPRESS, help="print the result as JSON")


def run(options: argparse.Namespace) -> int:
    """Do it."""
    return {"starter": _starter, "stats": _stats, "smartbody": _smartbody}[options.what](options)


def _starter(options: argparse.Namespace) -> int:
    from tqdm import tqdm

    out = writable_folder(options.out)
    with tqdm(total=options.minutes, unit="min", disable=not sys.stderr.isatty()) as bar:
        bar.bar_format = "{l_bar}{bar}| {n:.1f}/{total:g} min [{elapsed}<{remaining}]"
        index = build_starter(
            options.sources, out, options.minutes, options.seed, lambda done: bar.update(done - bar.n) and None
        )
    result = {k: v for k, v in index.items() if k != "clips"} | {"out": str(out), "recordings": len(index["clips"])}
    text = f"{out}: {index['minutes']:.1f} min in {len(index['clips'])} recordings"
    if index["skipped"]:
        text += "\n" + Skipped(len(index["clips"]), index["skipped"]).report()
    report(options, result, text)
    return 0


def _stats(options: argparse.Namespace) -> int:
    skipped = Skipped()

    def bar(paths: Iterable[Path]) -> Iterable[Path]:
        paths = list(paths)
        return progress(paths, options.layout, len(paths))

    found = corpus_stats(read_layout(options.folder, options.layout, options.split, skipped, options.smplx, bar))
    report(options, found | {"skipped": skipped.reasons}, f"{stats_table(found)}\n\n{skipped.report()}")
    return 0


def stats_table(found: dict[str, Any]) -> str:
    """Markdown."""
    d = found["duration_s"]
    lines = [
        f"{found['minutes']:.1f} min, {found['recordings']} recordings of {d['min']:.1f} to {d['max']:.1f} s "
        f"(median {d['median']:.1f}), {found['speakers']} speakers",
        *(f"  {s}: {v['recordings']} recordings, {v['minutes']:.1f} min" for s, v in found["splits"].items()),
        "",
        kinematics_table(found["kinematics"]),
        "",
        "| joint | mean x y z, deg | std x y z, deg | speed mean, 95th, max, deg/s |",
        "|---|---|---|---|",
    ]
    for name, j in found["joints"].items():
        mean, std = (" ".join(f"{v:.1f}" for v in j[key]) for key in ("mean_deg", "std_deg"))
        speed = f"{j['speed_mean_deg_s']:.0f} {j['speed_p95_deg_s']:.0f} {j['speed_max_deg_s']:.0f}"
        lines.append(f"| {name} | {mean} | {std} | {speed} |")
    lines += ["", "| face weight | mean | std | 5th | 95th | max |", "|---|---|---|---|---|---|"]
    for name, w in found["face"].items():
        lines.append(f"| {name} | " + " | ".join(f"{w[k]:.2f}" for k in ("mean", "std", "p5", "p95", "max")) + " |")
    return "\n".join(lines)


def _smartbody(options: argparse.Namespace) -> int:
    out = writable_folder(options.out)
    skipped = Skipped()
    count = convert_smartbody(Path(options.source), out, skipped, lambda paths: progress(paths, "clips", len(paths)))
    report(options, {"out": str(out), "clips": count, "skipped": skipped.reasons}, f"{out}: {skipped.report()}")
    return 0
