"""Training SpeechCAT from the command line (see `lab.training.trainer`)."""

from __future__ import annotations

import argparse
from collections.abc import Mapping
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

from speech_gesture_pkg.generators.speechcat.config import VARIANTS
from speech_gesture_pkg.lab.models.speechcat.recipe import STAGES, SpeechCatRecipe
from speech_gesture_pkg.lab.training.trainer import Trainer, TrainingJob


class SpeechCatTrainer(Trainer[SpeechCatRecipe]):
    """Codebooks, decoders and transformer, one after the other."""

    name = "speechcat"
    title = "SpeechCAT"
    trains = "codebooks and transformer"
    recipe = "config/train/speechcat_starter.yaml"
    change = "tokens.steps=500"

    def add_arguments(self, parser: argparse.ArgumentParser) -> None:
        """--stage, --variants, --codes-seed."""
        parser.add_argument(
            "--stage",
            choices=("codes", "tokens", "export"),
            default="export",
            help="the last stage to do; earlier ones come first (%(default)s)",
        )
        parser.add_argument(
            "--variants", nargs="+", choices=VARIANTS, help="instead of the recipe's; one after another"
        )
        parser.add_argument("--codes-seed", type=int, help="codebooks of this seed for all (default: each its own)")

    def read_recipe(self, path: str | Path, changes: Mapping[str, Any]) -> SpeechCatRecipe:
        """See `SpeechCatRecipe.from_file`."""
        return SpeechCatRecipe.from_file(path, changes)

    def steps(self, recipe: SpeechCatRecipe) -> dict[str, int]:
        """Of the codebooks, of the decoders, of the transformer."""
        return {stage: getattr(recipe, stage).steps for stage in STAGES}

    def train(self, recipe: SpeechCatRecipe, job: TrainingJob) -> dict[str, str]:
        """Train what is not trained yet."""
        from speech_gesture_pkg.lab.models.speech_encoder import load_encoder
        from speech_gesture_pkg.lab.models.speechcat.train import SpeechCatTraining
        from speech_gesture_pkg.lab.models.speechcat.utterances import corpus_features

        encoder = load_encoder(recipe.model.encoder_path) if recipe.model.encoder == "wav2vec2" else None
        corpus = job.read(recipe.corpus, corpus_features(recipe.model, encoder, job.cache))
        training = SpeechCatTraining(
            folder=job.out,
            corpus=corpus,
            about=asdict(recipe.corpus),
            report=job.progress,
            codes=recipe.codes,
            decoders=recipe.decoders,
            tokens=recipe.tokens,
            codes_seed=job.options.codes_seed,
            encoder=encoder,
        )
        do = {"codes": training.train_codes, "tokens": training.train_tokens, "export": training.export}
        return job.each(
            job.options.variants or [recipe.model.variant],
            lambda variant, seed: do[job.options.stage](replace(recipe.model, variant=variant), seed),
        )


TRAINER = SpeechCatTrainer()
