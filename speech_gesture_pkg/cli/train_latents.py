"""speech-gesture train latents: the autoencoders of FGD, FED and FMD, from a corpus of motion."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Iterator
from dataclasses import fields
from pathlib import Path
from typing import Any

from speech_gesture_pkg.cli.common import progress, report, writable_file
from speech_gesture_pkg.errors import InputError, MissingDependencyError
from speech_gesture_pkg.lab.datasets.reading import LAYOUTS, read_layout
from speech_gesture_pkg.lab.metrics.autoencoder import AutoencoderSettings
from speech_gesture_pkg.lab.metrics.autoencoder.corpus import LatentCorpus, gather
from speech_gesture_pkg.lab.metrics.autoencoder.encoder import save_latents
from speech_gesture_pkg.motion.folder import motions_in
from speech_gesture_pkg.motion.frames import MotionFrames

_DEFAULT = AutoencoderSettings()


def add_arguments(latents: argparse.ArgumentParser) -> None:
    """Options."""
    latents.add_argument("--corpus", nargs="+", required=True, metavar="PATH", help="motion npz files, or folders")
    latents.add_argument("--split", help="only this split (train, val, test) of corpora that have splits")
    latents.add_argument("--layout", choices=LAYOUTS, default="own", help="of these corpora (default: %(default)s)")
    latents.add_argument("-o", "--out", required=True, help="weights to write (.safetensors)")
    latents.add_argument(
        "--distance",
        nargs="+",
        choices=("fgd", "fed", "fmd"),
        default=(),
        help="gesture, face, both (default: all that the corpus allows)",
    )
    helps = {
        "clip_frames": "frames of a clip",
        "fps": "frames per second of the clips",
        "latent": "latent dimensions",
        "steps": "optimisation steps",
        "batch": "clips per step",
        "rate": "learning rate",
        "seed": "seed of weights and batches",
    }
    for name, text in helps.items():
        default = getattr(_DEFAULT, name)
        flag = "--" + name.replace("_", "-")
        latents.add_argument(flag, type=type(default), default=default, help=f"{text} (default: %(default)s)")
    latents.add_argument(
        "--no-velocities",
        dest="velocities",
        action="store_false",
        help="show the network the parameters alone, as published autoencoders do (blind to trembling)",
    )


def run(options: argparse.Namespace) -> int:
    """Train, write, report."""
    out = writable_file(options.out, ".safetensors")
    given = {f.name: getattr(options, f.name) for f in fields(AutoencoderSettings) if hasattr(options, f.name)}
    settings = AutoencoderSettings(**given)
    notes: list[str] = []
    motions = progress(_motions(options), "reading")
    corpora = gather(motions, settings, options.distance, notes.append)
    figures = _train(corpora, settings, out, notes)
    lines = [*notes, *(f"{name}: {_sentence(f)}" for name, f in figures.items()), str(out)]
    report(options, {"weights": str(out), "notes": notes, "autoencoders": figures}, "\n".join(lines))
    return 0


def _motions(options: argparse.Namespace) -> Iterator[MotionFrames]:
    """The corpora's motions, or those of a split."""
    if options.split is None:
        yield from (motion for _, motion in motions_in(options.corpus))
        return
    for folder in options.corpus:
        found = 0
        for clip in read_layout(folder, options.layout, options.split):
            found += 1
            yield clip.motion
        if not found:
            raise InputError(f"{folder} has no recordings in its split {options.split!r}")


def _sentence(figure: dict[str, Any]) -> str:
    return (
        f"{figure['train_clips']} + {figure['held_out_clips']} clips, error {figure['error']:.4f}, held out "
        f"{figure['held_out_error']:.4f} (variance 1); {figure['id']}"
    )


def _train(
    corpora: list[LatentCorpus], settings: AutoencoderSettings, out: Path, notes: list[str]
) -> dict[str, dict[str, Any]]:
    """Train each; figures by distance. The state of each is kept beside `out` until all are done."""
    try:
        import torch
    except ModuleNotFoundError as e:
        raise MissingDependencyError("training needs torch: pip install 'speech_gesture_pkg[train]'") from e
    from tqdm import tqdm

    from speech_gesture_pkg.lab.metrics.autoencoder.training import train

    torch.set_num_threads(1)  # these networks are small, and one thread makes the sums come out the same
    encoders, figures = [], {}
    for corpus in corpora:
        snapshot = out.with_name(f"{out.stem}.{corpus.name}.partial")
        with tqdm(total=settings.steps, desc=f"training {corpus.name}", disable=None, leave=False) as bar:

            def step(done: int, loss: float, bar: Any = bar) -> None:
                bar.update(done - bar.n)
                bar.set_postfix(loss=f"{loss:.4f}", refresh=False)

            try:
                found = train(corpus, settings, snapshot, step)
            except KeyboardInterrupt:
                bar.close()
                sys.stderr.write(f"the state of training is in {snapshot}; the same command goes on from there\n")
                raise
        encoders.append(found.encoder)
        figures[corpus.name] = {
            "id": found.encoder.id,
            "weights_sha256": found.encoder.weights,
            "corpus_sha256": corpus.sha256,
            "corpus_seconds": round(corpus.seconds, 2),
            "skipped": corpus.skipped,
            "error": found.error,
            "held_out_error": found.held_out_error,
            "train_clips": found.train_clips,
            "held_out_clips": found.held_out_clips,
        }
        if corpus.skipped:
            notes.append(f"{corpus.skipped} motions are shorter than a clip and were left out")
    save_latents(out, encoders)
    return figures
