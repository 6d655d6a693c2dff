"""`python -m benchmarks VERB ...` in a checkout: what developers measure, and the soak test."""

from __future__ import annotations

import argparse
import logging
import os
import sys
from pathlib import Path
from typing import Any

from benchmarks import denoiser, generators, kinematics, robots, soak
from speech_gesture_pkg.cli.common import add_motion, add_robot, config_of, head_line, machine, report, set_options
from speech_gesture_pkg.errors import SpeechGestureError
from speech_gesture_pkg.motion.liveliness import kinematics_table
from speech_gesture_pkg.resources import DEMO_AUDIO, resource

VERBS = {
    "generators": "generators side by side: time, look-ahead, memory",
    "denoiser": "DiffSHEG's network of the paper's size with random weights",
    "robots": "tracking, limits, self-collision and time of retargeting, by robot",
    "kinematics": "how lively the motion is, beside what was measured on real talkers",
    "soak": "the real nodes for long, with faults (docs/soak.md)",
}


def parser() -> argparse.ArgumentParser:
    """Of the command line."""
    top = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__)
    verbs = {}
    added = top.add_subparsers(dest="verb", metavar="VERB", required=True)
    for verb, text in VERBS.items():
        verbs[verb] = sub = added.add_parser(verb, help=text, description=f"{text[0].upper()}{text[1:]}.")
        sub.add_argument("--json", action="store_true", help="print the result as JSON")
    generators.add_arguments(verbs["generators"])
    verbs["generators"].add_argument("--repeat", type=int, default=3, help="medians of so many (default: %(default)s)")
    for verb in ("generators", "robots", "soak"):
        verbs[verb].add_argument("--audio", help="speech file (default: the bundled clip)")
    denoiser.add_arguments(verbs["denoiser"])
    set_options(verbs["denoiser"])
    robots.add_arguments(verbs["robots"])
    verbs["kinematics"].add_argument("speech", nargs="+", metavar="WAV", help="speech files")
    soak.add_arguments(verbs["soak"])
    add_robot(verbs["soak"])
    for verb in ("robots", "kinematics", "soak"):
        add_motion(verbs[verb])
    # `generators` names what it measures itself; the model and device of `add_motion` are left
    add_motion(verbs["generators"])
    return top


def run(options: argparse.Namespace) -> int:
    """Measure and print."""
    if options.verb == "soak":
        return soak.run(options)
    if options.verb == "kinematics":
        figures = kinematics.kinematics(config_of(options), options.speech)
        report(options, figures, kinematics_table(figures))
        return 0
    result: dict[str, Any] = {"machine": machine()}
    if options.verb == "generators":
        audio = Path(options.audio) if options.audio else resource(DEMO_AUDIO)
        result["generators"] = generators.measure(options, config_of(options), audio)
        text = f"{head_line(result)}\n{generators.table(result['generators'])}"
    elif options.verb == "denoiser":
        rows = denoiser.measure(options)
        result["denoiser"] = rows
        text = f"{head_line(result)}\n{denoiser.table(rows)}"
    else:
        result |= robots.measure(options)
        text = f"{head_line(result)}\n{robots.table(result)}"
    report(options, result, text)
    return 0


def main(arguments: list[str] | None = None) -> int:
    """Exit codes as of `speech-gesture`."""
    for name in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS"):
        os.environ.setdefault(name, "1")
    logging.basicConfig(level=logging.WARNING, format="%(levelname)s %(message)s")
    options = parser().parse_args(arguments)
    try:
        return run(options)
    except SpeechGestureError as e:
        print(f"benchmarks {options.verb}: {e}", file=sys.stderr)
        return e.exit_code
    except KeyboardInterrupt:
        print(f"benchmarks {options.verb}: interrupted", file=sys.stderr)
        return 130


if __name__ == "__main__":
    sys.exit(main())
