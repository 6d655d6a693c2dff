"""speech-gesture train latents | <learned generator>: what has weights, from a corpus."""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Iterable
from pathlib import Path

from speech_gesture_pkg.cli import train_latents
from speech_gesture_pkg.cli.common import progress, report, set_values, writable_folder
from speech_gesture_pkg.cli.train_progress import StepProgress
from speech_gesture_pkg.errors import MissingDependencyError
from speech_gesture_pkg.generators.registry import LEARNED
from speech_gesture_pkg.lab.training.trainer import Trainer, TrainingJob, trainer_of

_LATENTS = "latents"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Options of the verb."""
    parser.epilog = "speech-gesture train WHAT --help lists the options of each; --json prints its figures."
    what = parser.add_subparsers(dest="what", metavar="WHAT", required=True)
    latents = what.add_parser(
        _LATENTS,
        help="autoencoders of the Frechet distances",
        description="Train the autoencoders in whose latent space FGD, FED and FMD are measured.",
    )
    train_latents.add_arguments(latents)
    for name in LEARNED:
        trainer = trainer_of(name)
        sub = what.add_parser(
            name,
            help=f"{trainer.trains} of {trainer.title}, and their export",
            description=f"Train {trainer.title} by a recipe. Ctrl-C keeps the state; the same command goes on. Several "
            f"GPUs: torchrun --nproc_per_node N -m speech_gesture_pkg train {name} ...",
        )
        _add_run_options(sub, trainer)
        trainer.add_arguments(sub)
    for sub in what.choices.values():
        sub.add_argument("--json", action="store_true", default=argparse.SUPPRESS, help="print the result as JSON")


def _add_run_options(parser: argparse.ArgumentParser, trainer: Trainer[object]) -> None:
    parser.add_argument("recipe", help=f"YAML file, e.g. {trainer.recipe}")
    parser.add_argument("--corpus", required=True, metavar="DIR", help="in the recipe's layout")
    parser.add_argument("-o", "--out", required=True, metavar="DIR", help="runs; what was interrupted there goes on")
    parser.add_argument("--seeds", nargs="+", type=int, default=[0], help="one run each (default: 0)")
    parser.add_argument("--set", action="append", default=[], metavar="NAME=VALUE", help=f"e.g. --set {trainer.change}")
    parser.add_argument("--threads", type=int, default=1, help="CPU threads of torch (default: %(default)s)")
    parser.add_argument("--cache", help="folder for speech features (default: OUT/features)")


def run(options: argparse.Namespace) -> int:
    """Train what is not trained yet."""
    if options.what == _LATENTS:
        return train_latents.run(options)
    trainer = trainer_of(options.what)
    recipe = trainer.read_recipe(options.recipe, set_values(options.set))
    out = writable_folder(options.out)
    first = int(os.environ.get("RANK", "0")) == 0  # torchrun numbers its processes

    def note(text: str) -> None:
        if first:
            sys.stderr.write(f"{text}\n")

    try:
        import torch

        torch.set_num_threads(options.threads)
        with StepProgress(trainer.steps(recipe)) as shown:
            cache = Path(options.cache or out / "features")
            job = TrainingJob(options.corpus, out, cache, options.seeds, options, shown, _reading, note)
            made = trainer.train(recipe, job)
    except ModuleNotFoundError as e:
        raise MissingDependencyError(
            f"training needs {e.name}, which is not installed: pip install 'speech_gesture_pkg[train]'"
        ) from e
    if first:
        report(options, {"made": made, "corpus_sha256": job.corpus.sha256}, "\n".join(made.values()))
    return 0


def _reading(paths: Iterable[Path]) -> Iterable[Path]:
    """The paths, with a bar."""
    listed = list(paths)
    return progress(listed, "reading", len(listed))
