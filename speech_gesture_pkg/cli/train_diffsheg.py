"""speech-gesture train diffsheg: denoisers and their export, from a recipe and a corpus."""

from __future__ import annotations

import argparse
import os
import sys
from dataclasses import asdict

from speech_gesture_pkg.cli.common import report, set_values, writable_folder
from speech_gesture_pkg.cli.train_progress import StepProgress, add_run_options, needs_training, reading
from speech_gesture_pkg.generators.diffsheg.config import ABLATIONS, ablated


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Options."""
    add_run_options(parser, "config/train/diffsheg_starter.yaml", "train.steps=500")
    parser.add_argument(
        "--variants", nargs="+", choices=tuple(ABLATIONS), default=["full"], help="rows of the paper's Tables 1 and 3"
    )


def run(options: argparse.Namespace) -> int:
    """Train and export what is not trained yet."""
    try:
        import torch

        from speech_gesture_pkg.lab.models.diffsheg.hubert import hearing, load_hubert
        from speech_gesture_pkg.lab.models.diffsheg.recipe import DiffShegRecipe
        from speech_gesture_pkg.lab.models.diffsheg.train import DiffShegTraining
        from speech_gesture_pkg.lab.models.diffsheg.train_denoiser import corpus_config
    except ModuleNotFoundError as e:
        raise needs_training(e) from e
    from speech_gesture_pkg.lab.training.corpus import load_corpus

    recipe = DiffShegRecipe.from_file(options.recipe, set_values(options.set))
    out = writable_folder(options.out)
    torch.set_num_threads(options.threads)
    cache, kind = options.cache or out / "features", recipe.corpus
    hears = any(ablated(recipe.model, variant).hubert for variant in options.variants)
    encoder = load_hubert(recipe.model) if hears else None
    corpus = load_corpus(
        options.corpus,
        corpus_config(recipe.model),
        cache,
        kind.layout,
        kind.smplx or None,
        None,
        reading,
        hearing(encoder, recipe.model, cache) if encoder else None,
    )
    first = int(os.environ.get("RANK", "0")) == 0  # torchrun numbers its processes
    if first:
        sys.stderr.write(corpus.skipped.report() + "\n")
    with StepProgress({"diffsheg": recipe.train.steps}) as shown:
        training = DiffShegTraining(out, corpus, asdict(recipe.corpus), recipe.train, recipe.losses, shown, encoder)
        made = {}
        for seed in options.seeds:
            for variant in options.variants:
                shown.begin(f"{variant} {seed}")
                config = ablated(recipe.model, variant)
                made[f"{variant}-{seed}"] = str(training.export(config, seed, variant, recipe.plan))
    if first:
        report(options, {"made": made, "corpus_sha256": corpus.sha256}, "\n".join(made.values()))
    return 0
