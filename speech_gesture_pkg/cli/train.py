"""speech-gesture train latents | speechcat | diffsheg: what has weights, from a corpus."""

from __future__ import annotations

import argparse

from speech_gesture_pkg.cli import train_diffsheg, train_latents, train_speechcat

_WHAT = {"latents": train_latents, "speechcat": train_speechcat, "diffsheg": train_diffsheg}


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Options of the verb."""
    parser.epilog = "speech-gesture train WHAT --help lists the options of each; --json prints its figures."
    what = parser.add_subparsers(dest="what", metavar="WHAT", required=True)
    latents = what.add_parser(
        "latents",
        help="autoencoders of the Frechet distances",
        description="Train the autoencoders in whose latent space FGD, FED and FMD are measured.",
    )
    train_latents.add_arguments(latents)
    speechcat = what.add_parser(
        "speechcat",
        help="codebooks and transformer of SpeechCAT, and their export",
        description="Train SpeechCAT by a recipe. Ctrl-C keeps the state; the same command goes on. "
        "Several GPUs: torchrun --nproc_per_node N -m speech_gesture_pkg train speechcat ...",
    )
    train_speechcat.add_arguments(speechcat)
    diffsheg = what.add_parser(
        "diffsheg",
        help="denoising networks of DiffSHEG, and their export",
        description="Train DiffSHEG by a recipe. Ctrl-C keeps the state; the same command goes on. "
        "Several GPUs: torchrun --nproc_per_node N -m speech_gesture_pkg train diffsheg ...",
    )
    train_diffsheg.add_arguments(diffsheg)
    for sub in (latents, speechcat, diffsheg):
        sub.add_argument("--json", action="store_true", default=argparse.SUPPRESS, help="print the result as JSON")


def run(options: argparse.Namespace) -> int:
    """Do it."""
    return _WHAT[options.what].run(options)
