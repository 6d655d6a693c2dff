"""`speech-gesture bench --generators`: look-ahead, time to first frame, speed and memory, one process per generator."""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import time
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np

from speech_gesture_pkg.audio.chunk import AudioChunk
from speech_gesture_pkg.audio.files import read_audio
from speech_gesture_pkg.cli.common import peak_mb
from speech_gesture_pkg.config import GeneratorConfig, GestureConfig
from speech_gesture_pkg.errors import ConfigError, SpeechGestureError
from speech_gesture_pkg.generators.registry import GENERATORS, LEARNED, load_generator

CHUNK = 512
"""Samples of an audio message: 32 ms."""
_ROWS = (
    ("frames per second, hop", lambda r: f"{r['fps']:g}, {r['hop_frames']} frames"),
    ("declared look-ahead", lambda r: f"{r['lookahead_ms']:.0f} ms"),
    ("time to first frame", lambda r: f"{r['first_frame_ms']:.0f} ms"),
    ("step with new frames, p50 / p99", lambda r: f"{r['step_p50_ms']:.1f} / {r['step_p99_ms']:.1f} ms"),
    ("real-time factor", lambda r: f"{r['real_time_factor']:.1f}"),
    ("50 tokens of every part", lambda r: f"{r['tokens']['seconds']:.3f} s" if r.get("tokens") else "-"),
    ("load and warm up", lambda r: f"{r['load_s']:.2f} s"),
    ("peak resident memory", lambda r: f"{r['rss_mb']:.0f} MB"),
)


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Options of the measurement."""
    parser.add_argument(
        "generators",
        nargs="+",
        choices=GENERATORS,
        metavar="NAME",
        help=f"generators, side by side: {', '.join(GENERATORS)}; --model is for those that take one",
    )


def measure(options: argparse.Namespace, config: GestureConfig, audio: Path) -> dict[str, Any]:
    """Figures by generator; a sentence in place of the figures of one that cannot be used."""
    found: dict[str, Any] = {}
    names = list(dict.fromkeys(options.generators))
    learned = [name for name in names if name in LEARNED]
    if config.generator.model and len(learned) > 1:
        raise ConfigError(f"--model is given for {' and '.join(learned)}; measure them one by one")
    for name in names:
        own = asdict(config.generator) | {"name": name} | ({} if name in learned else {"model": ""})
        job = json.dumps({"generator": own, "audio": str(audio), "repeat": options.repeat})
        done = subprocess.run(
            [sys.executable, "-m", "benchmarks.generators", job],
            capture_output=True,
            text=True,
            check=False,
            timeout=600,
        )
        if done.returncode:
            found[name] = {"error": (done.stderr.strip().splitlines() or ["it failed"])[-1]}
        else:
            found[name] = json.loads(done.stdout.splitlines()[-1])
    return found


def table(measured: dict[str, Any]) -> str:
    """One column per generator."""
    good = {n: r for n, r in measured.items() if "error" not in r}
    lines = [["", *good], *([label, *(cell(r) for r in good.values())] for label, cell in _ROWS)] if good else []
    widths = [max(len(line[k]) for line in lines) for k in range(len(good) + 1)] if good else []
    text = ["  " + "  ".join(c.ljust(w) for c, w in zip(line, widths, strict=True)).rstrip() for line in lines]
    return "\n".join([*text, *(f"  {n}: {r['error']}" for n, r in measured.items() if "error" in r)])


def figures(generator: GeneratorConfig, audio: AudioChunk, repeat: int) -> dict[str, Any]:
    """Measured in this process: the generator alone, audio in messages of 32 ms, medians over `repeat` runs."""
    from benchmarks.tokens import token_figures

    began = time.perf_counter()
    made = load_generator(generator)
    loaded = time.perf_counter() - began
    runs = [_stream(made, generator, audio) for _ in range(max(1, repeat))]
    steps = np.concatenate([r[1] for r in runs])
    return {
        "generator": generator.name,
        "device": generator.device,
        "threads": generator.threads,
        "fps": made.fps,
        "hop_frames": made.hop_frames,
        "lookahead_ms": 1e3 * made.lookahead_s,
        "first_frame_ms": 1e3 * float(np.median([r[2] for r in runs])),
        "step_p50_ms": 1e3 * float(np.median(steps)),
        "step_p99_ms": 1e3 * float(np.percentile(steps, 99)),
        "step_max_ms": 1e3 * float(steps.max()),
        "real_time_factor": audio.duration / float(np.median([r[0] for r in runs])),
        "tokens": token_figures(made, audio),
        "load_s": loaded,
        "rss_mb": peak_mb(),
    }


def _stream(made: Any, generator: GeneratorConfig, audio: AudioChunk) -> tuple[float, np.ndarray, float]:
    """Busy seconds, seconds of each step that made frames, and when the first frame is there after the first sample."""
    state = made.start(generator.seed, generator.speaker or None)
    busy, steps, first = 0.0, [], 0.0
    for begin in range(0, len(audio.samples), CHUNK):
        part = audio.samples[begin : begin + CHUNK]
        began = time.perf_counter()
        frames, state = made.step(AudioChunk(part, begin / audio.sample_rate, audio.sample_rate), state)
        spent = time.perf_counter() - began
        busy += spent
        if len(frames):
            first = first or (begin + len(part)) / audio.sample_rate + spent
            steps.append(spent)
    return busy, np.array(steps), first


def main(argument: str) -> int:
    """One generator's figures as JSON on standard output."""
    job = json.loads(argument)
    try:
        made = figures(GeneratorConfig(**job["generator"]), read_audio(job["audio"]), job["repeat"])
    except SpeechGestureError as e:
        print(e, file=sys.stderr)
        return e.exit_code
    print(json.dumps(made))
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1]))
