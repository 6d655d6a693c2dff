"""speech-gesture listening: any generator's motion with matched against shuffled speech, by permutation tests."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Any

from speech_gesture_pkg.audio.chunk import AudioChunk
from speech_gesture_pkg.audio.files import read_audio
from speech_gesture_pkg.cli.ablation import add_corpus, recordings_of, test_json
from speech_gesture_pkg.cli.common import add_motion, config_of, progress, report
from speech_gesture_pkg.config import GestureConfig
from speech_gesture_pkg.errors import InputError
from speech_gesture_pkg.lab.ablation.ablation_table import listening_markdown
from speech_gesture_pkg.lab.ablation.listening import SEGMENT_S, listening_tests
from speech_gesture_pkg.lab.study.from_audio import samples_of
from speech_gesture_pkg.lab.study.sample import speech_features
from speech_gesture_pkg.motion.frames import MotionFrames
from speech_gesture_pkg.pipeline.build import make_generator


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Options of the verb."""
    parser.add_argument("wav", nargs="*", help="speech files; or give --corpus")
    add_corpus(parser, needed=False)
    parser.add_argument(
        "--segment", type=float, default=SEGMENT_S, help="length of a segment, s (default: %(default)s)"
    )
    add_motion(parser)


def run(options: argparse.Namespace) -> int:
    """0 if strokes and jaw fit their own speech better than other speech (p < 0.01), else 1."""
    config = config_of(options)
    held = recordings_of(options) if options.corpus else []
    audios = [*(read_audio(Path(w)) for w in options.wav), *(h.audio for h in held)]
    if not audios:
        raise InputError("there is nothing to listen to: give speech files or --corpus")
    name = config.generator.name
    speech = [speech_features(a) for a in audios]
    tests: dict[str, Any] = {}
    if held and not options.wav:
        tests["corpus"] = listening_tests(list(zip((h.truth for h in held), speech, strict=True)), options.segment)
    tests[name] = listening_tests(list(zip(_motions(config, audios), speech, strict=True)), options.segment)
    result = {system: {n: test_json(t) for n, t in found.items()} for system, found in tests.items()}
    report(options, result, listening_markdown(tests))
    wanted = [result[name][n].get("p_value", 1.0) for n in ("strokes_on_accents", "jaw_on_loudness")]
    return 0 if max(wanted) < 0.01 else 1


def _motions(config: GestureConfig, audios: list[AudioChunk]) -> list[MotionFrames]:
    generator = make_generator(config)
    seed = config.generator.seed
    return [samples_of(generator, config, a, (seed,))[0] for a in progress(audios, "generating")]
