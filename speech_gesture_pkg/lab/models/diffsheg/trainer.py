"""Training DiffSHEG from the command line (see `lab.training.trainer`)."""

from __future__ import annotations

import argparse
from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Any

from speech_gesture_pkg.generators.diffsheg.config import ABLATIONS, ablated
from speech_gesture_pkg.lab.models.diffsheg.recipe import DiffShegRecipe
from speech_gesture_pkg.lab.training.corpus import own_features
from speech_gesture_pkg.lab.training.trainer import Trainer, TrainingJob


class DiffShegTrainer(Trainer[DiffShegRecipe]):
    """The denoiser of each variant."""

    name = "diffsheg"
    title = "DiffSHEG"
    trains = "denoising networks"
    recipe = "config/train/diffsheg_starter.yaml"
    change = "train.steps=500"

    def add_arguments(self, parser: argparse.ArgumentParser) -> None:
        """--variants."""
        names = tuple(ABLATIONS)
        parser.add_argument(
            "--variants", nargs="+", choices=names, default=["full"], help="rows of the paper's Tables 1 and 3"
        )

    def read_recipe(self, path: str | Path, changes: Mapping[str, Any]) -> DiffShegRecipe:
        """See `DiffShegRecipe.from_file`."""
        return DiffShegRecipe.from_file(path, changes)

    def steps(self, recipe: DiffShegRecipe) -> dict[str, int]:
        """Of the only stage."""
        return {self.name: recipe.train.steps}

    def train(self, recipe: DiffShegRecipe, job: TrainingJob) -> dict[str, str]:
        """Train what is not trained yet."""
        from speech_gesture_pkg.lab.models.diffsheg.hubert import HUBERT, hubert_feature, load_hubert
        from speech_gesture_pkg.lab.models.diffsheg.train import DiffShegTraining

        features, encoder = own_features(job.cache), None
        if any(ablated(recipe.model, variant).hubert for variant in job.options.variants):
            encoder = load_hubert(recipe.model)
            features[HUBERT] = hubert_feature(encoder, recipe.model, job.cache)
        training = DiffShegTraining(
            folder=job.out,
            corpus=job.read(recipe.corpus, features),
            about=asdict(recipe.corpus),
            report=job.progress,
            settings=recipe.train,
            losses=recipe.losses,
            encoder=encoder,
        )
        return job.each(
            job.options.variants,
            lambda variant, seed: training.export(ablated(recipe.model, variant), seed, variant, recipe.plan),
        )


TRAINER = DiffShegTrainer()
