"""`speech-gesture bench --denoiser`: the paper-size DiffSHEG network for BEAT, random weights.

512 channels, 8 + 8 layers, 34 frames at 15 fps, without the speech encoder: the peers' work (see docs/diffsheg.md).
"""

from __future__ import annotations

import argparse
import tempfile
import time
from dataclasses import replace
from pathlib import Path

import numpy as np

from speech_gesture_pkg.errors import ConfigError, MissingDependencyError
from speech_gesture_pkg.generators.diffsheg.bundle import PREPARE, TABLES, branch_file
from speech_gesture_pkg.generators.diffsheg.clip_schedule import ClipPlan, paper_plan
from speech_gesture_pkg.generators.diffsheg.config import BEAT, DiffShegConfig
from speech_gesture_pkg.generators.diffsheg.denoiser import Denoiser, Given
from speech_gesture_pkg.generators.diffsheg.samplers import seeded_noise
from speech_gesture_pkg.generators.onnx_session import Session
from speech_gesture_pkg.lab.models.diffsheg.longform import outpaint

FRAMES = 900
"""One minute at 15 fps, as in the paper's section 4.4."""
FEW = 4


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Options of the measurement."""
    parser.add_argument(
        "denoiser",
        nargs="+",
        choices=("float32", "int8"),
        metavar="PRECISION",
        help="precisions of DiffSHEG's network of the paper's size with random weights: a call, and 900 "
        "frames (needs the extra train); --threads says how many CPU threads",
    )
    parser.add_argument("--threads", type=int, default=2, help="CPU threads (default: %(default)s)")


def measure(options: argparse.Namespace) -> list[dict[str, float | int | str]]:
    """Figures of each precision asked for. Raises MissingDependencyError, ConfigError."""
    if options.threads < 1:
        raise ConfigError(f"--threads is {options.threads}; it must be at least 1")
    return [denoiser_figures(precision=p, threads=options.threads) for p in dict.fromkeys(options.denoiser)]


def table(rows: list[dict[str, float | int | str]]) -> str:
    """A line for each precision."""
    lines = [f"  paper-size DiffSHEG (BEAT), random weights, {rows[0]['threads']} threads"]
    for r in rows:
        lines.append(
            f"  {r['precision']:8}  one call {1e3 * float(r['call_s']):.1f} ms;  {FRAMES} frames: DDIM-25 and FOPPAS "
            f"{float(r['minute_s']):.1f} s ({r['minute_calls']} calls), {FEW} calls a clip {float(r['few_s']):.1f} s "
            f"({r['few_calls']} calls)"
        )
    return "\n".join(lines)


def export_random(folder: Path, precision: str = "float32", official: bool = False) -> DiffShegConfig:
    """The network's ONNX files with random weights in a folder; takes about a minute. Returns its configuration.

    Args:
        folder: exists.
        precision: float32 or int8.
        official: with the peculiarities of the authors' code (the mid-level encoder knows the diffusion step).

    Raises:
        MissingDependencyError: torch or the exporter is not installed.
    """
    try:
        import torch

        from speech_gesture_pkg.lab.models.diffsheg.checkpoint import DiffSheg
        from speech_gesture_pkg.lab.models.diffsheg.export import export_networks
    except ModuleNotFoundError as e:
        raise MissingDependencyError(
            f"this figure needs {e.name}, which is not installed: pip install 'speech_gesture_pkg[train]'"
        ) from e
    config = replace(BEAT, mid_time=True, mid_doubled=True) if official else BEAT
    torch.manual_seed(0)
    model = DiffSheg(config).eval()
    export_networks(model.network, model.channels, model.length, folder, precision)
    return config


def load_networks(folder: Path, config: DiffShegConfig, device: str = "cpu", threads: int = 2) -> Denoiser:
    """The networks that `export_random` wrote."""
    made = {name: Session(folder / branch_file(name), device, threads) for name in config.branches}
    prepare, tables = (Session(folder / name, device, threads) for name in (PREPARE, TABLES))
    return Denoiser(config, prepare, tables, made)


def call_seconds(denoiser: Denoiser, repeat: int = 20) -> float:
    """Median time of one denoiser call, both branches, for one training clip, s.

    Raises:
        ConfigError: a repeat below 1.
    """
    if repeat < 1:
        raise ConfigError(f"repeat is {repeat}; it must be at least 1")
    config, random = denoiser.config, np.random.default_rng(0)
    frames, spent = config.clip, []
    given = _given(config, random, frames)
    prepared = denoiser.prepare(given, np.zeros((1, frames, denoiser.sizes["motion"] + 1), np.float32), 500)
    tables = denoiser.tables(given.person[0], (500,))
    for _ in range(repeat + 2):
        x = random.standard_normal((1, frames, denoiser.sizes["motion"]), np.float32)
        began = time.perf_counter()
        other = None
        for name in config.branches:
            arrays = {k: prepared[f"{k}_{name}"] for k in ("base", "part", "stats")}
            arrays |= {"x": np.ascontiguousarray(x[..., denoiser.span(name)]), "table": tables[name]}
            arrays["keep"] = np.ones((1, 1, 1), np.float32)
            if other is not None:
                arrays["other"] = other
            other = denoiser.run(name, arrays)
        spent.append(time.perf_counter() - began)
    return float(np.median(spent[2:]))


def minute_seconds(denoiser: Denoiser, plan: ClipPlan, frames: int = FRAMES) -> tuple[float, int]:
    """Time for so many frames of one recording, clip after clip, s; and the number of denoiser calls."""
    config, random = denoiser.config, np.random.default_rng(0)
    sampler = plan.make_sampler(config)
    given = _given(config, random, frames)
    began = time.perf_counter()
    calls = 0

    def clip(first: int, last: int, known: object) -> None:
        nonlocal calls
        calls += sampler.calls(known is not None)

    outpaint(denoiser, sampler, given, plan, lambda k: seeded_noise((0,), k), clip)
    return time.perf_counter() - began, calls


def denoiser_figures(
    folder: str | Path | None = None, precision: str = "float32", threads: int = 2, whole: bool = True
) -> dict[str, float | int | str]:
    """The table's row.

    Args:
        folder: where the networks are kept (made there if absent); default: a temporary one.
        precision: float32 or int8.
        threads: CPU threads of a call.
        whole: also the 900 frames, which take half a minute.

    Returns:
        "precision", "threads", "call_s", and with `whole` "minute_s", "minute_calls" (25-step DDIM, FOPPAS with
        overlap 4 and jump_n 2), "few_s", "few_calls" (4 network calls a clip).

    Raises:
        MissingDependencyError: torch or the exporter is not installed.
    """
    with tempfile.TemporaryDirectory() as scratch:
        place = Path(folder or scratch)
        place.mkdir(parents=True, exist_ok=True)
        config = BEAT
        if not all((place / branch_file(n)).is_file() for n in config.branches):
            config = export_random(place, precision)
        denoiser = load_networks(place, config, threads=threads)
        figures: dict[str, float | int | str] = {"precision": precision, "threads": threads}
        figures["call_s"] = call_seconds(denoiser)
        if whole:
            figures["minute_s"], figures["minute_calls"] = minute_seconds(denoiser, paper_plan(config))
            few = replace(paper_plan(config), sampler="dpm", steps=FEW)
            figures["few_s"], figures["few_calls"] = minute_seconds(denoiser, few)
    return figures


def _given(config: DiffShegConfig, random: np.random.Generator, frames: int) -> Given:
    person = np.zeros((1, config.person), np.float32)
    person[0, 0] = 1.0
    speech = random.standard_normal((1, frames, config.speech), np.float32)
    return Given(speech, person, random.standard_normal((1, frames, config.hubert), np.float32))
