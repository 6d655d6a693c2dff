"""Options that choose a generator and its model, the same for every verb."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Any

from speech_gesture_pkg.config import DEVICES
from speech_gesture_pkg.generators.registry import GENERATORS


def add_generator(parser: argparse.ArgumentParser) -> None:
    """--generator, --model, --device."""
    parser.add_argument(
        "--generator",
        metavar="NAME",
        help=f"one of {', '.join(GENERATORS)}, or your own as module:Class (default: {GENERATORS[0]})",
    )
    add_model(parser)


def add_model(parser: argparse.ArgumentParser) -> None:
    """--model, --device."""
    parser.add_argument(
        "--model", metavar="DIR", help="learned generators: folder of an exported model (default: the starter model)"
    )
    parser.add_argument("--device", choices=DEVICES, help="learned generators: where they run (default: cpu)")


def generator_values(options: argparse.Namespace) -> dict[str, Any]:
    """Parameters `generator.*` that were given by these options; a node in another folder finds the model, too."""
    model = getattr(options, "model", None)
    if model and Path(model).is_dir():
        model = str(Path(model).resolve())
    given = {
        "generator.name": getattr(options, "generator", None),
        "generator.model": model,
        "generator.device": getattr(options, "device", None),
    }
    return {name: value for name, value in given.items() if value is not None}
