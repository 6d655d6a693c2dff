"""speech-gesture train speechcat: codebooks, transformers and their export, from a recipe and a corpus."""

from __future__ import annotations

import argparse
import os
import sys
from dataclasses import asdict, replace

from speech_gesture_pkg.cli.common import report, set_values, writable_folder
from speech_gesture_pkg.cli.train_progress import StepProgress, add_run_options, needs_training, reading
from speech_gesture_pkg.generators.speechcat.config import VARIANTS
from speech_gesture_pkg.lab.training.recipe import SpeechCatRecipe

STAGES = ("codes", "tokens", "export")


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Options."""
    add_run_options(parser, "config/train/speechcat_starter.yaml", "tokens.steps=500")
    parser.add_argument(
        "--stage", choices=STAGES, default="export", help="the last stage to do; earlier ones come first (%(default)s)"
    )
    parser.add_argument("--variants", nargs="+", choices=VARIANTS, help="instead of the recipe's; one after the other")
    parser.add_argument("--codes-seed", type=int, help="codebooks of this seed for all (default: each seed its own)")


def run(options: argparse.Namespace) -> int:
    """Train what is not trained yet."""
    recipe = SpeechCatRecipe.from_file(options.recipe, set_values(options.set))
    out = writable_folder(options.out)
    try:
        import torch

        from speech_gesture_pkg.lab.models.speech_encoder import load_encoder
        from speech_gesture_pkg.lab.models.speechcat.features import hearing
        from speech_gesture_pkg.lab.models.speechcat.train import SpeechCatTraining
    except ModuleNotFoundError as e:
        raise needs_training(e) from e
    from speech_gesture_pkg.lab.training.corpus import load_corpus

    torch.set_num_threads(options.threads)
    encoder = load_encoder(recipe.model.encoder_path) if recipe.model.encoder == "wav2vec2" else None
    corpus = load_corpus(
        options.corpus,
        recipe.model,
        options.cache or out / "features",
        recipe.corpus.layout,
        recipe.corpus.smplx or None,
        hearing(encoder.encode, recipe.model) if encoder else None,
        reading,
    )
    first = int(os.environ.get("RANK", "0")) == 0  # torchrun numbers its processes
    if first:
        sys.stderr.write(corpus.skipped.report() + "\n")
    steps = {"codes": recipe.codes.steps, "decoders": recipe.decoders.steps, "tokens": recipe.tokens.steps}
    with StepProgress(steps) as shown:
        about = asdict(recipe.corpus)
        stages = (recipe.codes, recipe.decoders, recipe.tokens)
        training = SpeechCatTraining(out, corpus, about, *stages, options.codes_seed, encoder, shown)
        made = {}
        for seed in options.seeds:
            for variant in options.variants or [recipe.model.variant]:
                config = replace(recipe.model, variant=variant)
                shown.begin(f"{variant} {seed}")
                do = {"codes": training.train_codes, "tokens": training.train_tokens, "export": training.export}
                made[f"{variant}-{seed}"] = str(do[options.stage](config, seed))
    if first:
        report(options, {"made": made, "corpus_sha256": corpus.sha256}, "\n".join(made.values()))
    return 0
