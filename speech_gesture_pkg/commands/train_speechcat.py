"""speech-gesture train speechcat: codebooks, transformers and their export, from a recipe and a corpus."""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Iterable
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

from speech_gesture_pkg.commands.common import progress, report, set_values, writable_folder
from speech_gesture_pkg.errors import MissingDependencyError
from speech_gesture_pkg.generators.speechcat.config import VARIANTS
from speech_gesture_pkg.training.recipe import SpeechCatRecipe

STAGES = ("codes", "tokens", "export")


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Options."""
    parser.add_argument("recipe", help="YAML file, e.g. config/train/speechcat_starter.yaml")
    parser.add_argument("--corpus", required=True, metavar="DIR", help="in the recipe's layout")
    parser.add_argument("-o", "--out", required=True, metavar="DIR", help="runs; what was interrupted there goes on")
    parser.add_argument(
        "--stage", choices=STAGES, default="export", help="the last stage to do; earlier ones come first (%(default)s)"
    )
    parser.add_argument("--variants", nargs="+", choices=VARIANTS, help="instead of the recipe's; one after the other")
    parser.add_argument("--seeds", nargs="+", type=int, default=[0], help="one run each (default: 0)")
    parser.add_argument("--codes-seed", type=int, help="codebooks of this seed for all (default: each seed its own)")
    parser.add_argument("--set", action="append", default=[], metavar="NAME=VALUE", help="e.g. --set tokens.steps=500")
    parser.add_argument("--threads", type=int, default=1, help="CPU threads of torch (default: %(default)s)")
    parser.add_argument("--cache", help="folder for speech features (default: OUT/features)")


def run(options: argparse.Namespace) -> int:
    """Train what is not trained yet."""
    recipe = SpeechCatRecipe.from_file(options.recipe, set_values(options.set))
    out = writable_folder(options.out)
    try:
        import torch

        from speech_gesture_pkg.generators.speechcat.network.speech_encoder import hearing, load_encoder
        from speech_gesture_pkg.training.speechcat import SpeechCatTraining
    except ModuleNotFoundError as e:
        raise MissingDependencyError(
            f"training needs {e.name}, which is not installed: pip install 'speech_gesture_pkg[train]'"
        ) from e
    from speech_gesture_pkg.training.corpus import load_corpus

    torch.set_num_threads(options.threads)
    encoder = load_encoder(recipe.model.encoder_path) if recipe.model.encoder == "wav2vec2" else None
    corpus = load_corpus(
        options.corpus,
        recipe.model,
        options.cache or out / "features",
        recipe.corpus.layout,
        recipe.corpus.smplx or None,
        hearing(encoder.encode, recipe.model) if encoder else None,
        _bar,
    )
    first = int(os.environ.get("RANK", "0")) == 0  # torchrun numbers its processes
    if first:
        sys.stderr.write(corpus.skipped.report() + "\n")
    with _Progress(recipe) as shown:
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


def _bar(paths: Iterable[Path]) -> Iterable[Path]:
    listed = list(paths)
    return progress(listed, "reading", len(listed))


class _Progress:
    """A bar on a terminal, a line every hundred steps elsewhere."""

    def __init__(self, recipe: SpeechCatRecipe) -> None:
        self._steps = {"codes": recipe.codes.steps, "decoders": recipe.decoders.steps, "tokens": recipe.tokens.steps}
        self._bar: Any = None
        self._name, self._stage = "", ""

    def __enter__(self) -> _Progress:
        return self

    def __exit__(self, *failure: object) -> None:
        self._close()

    def begin(self, name: str) -> None:
        """The run that is shown from now on."""
        self._close()
        self._name = name

    def __call__(self, stage: str, step: int, figures: dict[str, float]) -> None:
        from tqdm import tqdm

        if not sys.stderr.isatty():
            if step % 100 == 0 or step == self._steps[stage]:
                shown = ", ".join(f"{k} {v:.4g}" for k, v in figures.items())
                sys.stderr.write(f"{self._name} {stage} {step}/{self._steps[stage]}: {shown}\n")
            return
        if self._bar is None or stage != self._stage:
            self._close()
            self._stage = stage
            self._bar = tqdm(total=self._steps[stage], desc=f"{self._name} {stage}", leave=False)
        self._bar.update(step - self._bar.n)
        self._bar.set_postfix(loss=f"{figures['loss']:.4f}", refresh=False)

    def _close(self) -> None:
        if self._bar is not None:
            self._bar.close()
            self._bar = None
