"""speech-gesture generate WAV -o motion.npz"""

from __future__ import annotations

import argparse
import logging
import time
from pathlib import Path

import numpy as np

from speech_gesture_pkg.audio.chunk import AudioChunk
from speech_gesture_pkg.audio.files import read_audio
from speech_gesture_pkg.cli.common import add_motion, config_of, progress, report, writable_file
from speech_gesture_pkg.config import GestureConfig
from speech_gesture_pkg.errors import GeneratorError
from speech_gesture_pkg.generators.base import checked_motion
from speech_gesture_pkg.motion.bvh_export import save_bvh
from speech_gesture_pkg.motion.frames import MotionFrames
from speech_gesture_pkg.motion.npz import save_motion
from speech_gesture_pkg.pipeline.build import make_generator
from speech_gesture_pkg.pipeline.motion_source import style_of

logger = logging.getLogger(__name__)


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Options of the verb."""
    parser.add_argument("wav", help="speech, any format that libsndfile reads")
    parser.add_argument(
        "-o", "--output", default="motion.npz", help="npz in the BEAT2 layout, or .bvh (default: %(default)s)"
    )
    parser.add_argument("--bvh", help="write a BVH file too")
    add_motion(parser)


def run(options: argparse.Namespace) -> int:
    """Generate and save."""
    audio = read_audio(options.wav)
    config = config_of(options)
    output = writable_file(options.output, ".npz", ".bvh")
    bvh = writable_file(options.bvh, ".bvh") if options.bvh else (output if output.suffix == ".bvh" else None)
    logger.info("%s: %.1f s of speech; generator %s", options.wav, audio.duration, config.generator.name)
    began = time.perf_counter()
    motion = generate(audio, config, f"generating {Path(options.wav).name}")
    seconds = time.perf_counter() - began
    if output.suffix != ".bvh":
        save_motion(output, motion)
    if bvh:
        save_bvh(bvh, motion)
    result = {
        "output": str(output),
        "frames": len(motion),
        "fps": motion.fps,
        "seconds": audio.duration,
        "real_time_factor": audio.duration / seconds,
    }
    report(options, result, f"{output}: {len(motion)} frames at {motion.fps:g} fps ({audio.duration:.1f} s of speech)")
    return 0


def generate(audio: AudioChunk, config: GestureConfig, label: str = "") -> MotionFrames:
    """Motion for a whole file, through the streaming path in pieces of 1 s; silence covers the look-ahead."""
    generator = make_generator(config)
    style = style_of(config)
    state = generator.start(config.generator.seed, config.generator.speaker or None, style)
    padding = np.zeros(int((generator.lookahead_s + 2.0 / generator.fps) * audio.sample_rate), np.float32)
    samples = np.concatenate([audio.samples, padding])
    pieces = []
    for first in progress(range(0, len(samples), audio.sample_rate), label):
        part = samples[first : first + audio.sample_rate]
        frames, state = generator.step(AudioChunk(part, audio.start + first / audio.sample_rate), state)
        pieces.append(checked_motion(frames, f"generator {generator.name}", generator.fps))
    wanted = max(round(audio.duration * generator.fps), 1)
    motion = MotionFrames.concatenate(pieces)[:wanted]
    if not len(motion):
        raise GeneratorError(f"generator {generator.name} made no frames of {audio.duration:.2f} s of speech")
    return motion
