"""speech-gesture record [TOPIC ...] -o BAG"""

from __future__ import annotations

import argparse

from speech_gesture_pkg.cli.common import need_ros, report


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Options of the verb."""
    parser.add_argument("topics", nargs="*", help="topics, or */ending; none = what this package publishes and hears")
    parser.add_argument("-o", "--output", default="bag", help="bag folder to make (default: %(default)s)")
    parser.add_argument("--all", action="store_true", help="every topic")
    parser.add_argument("--duration", type=float, help="seconds; without it until Ctrl-C")


def run(options: argparse.Namespace) -> int:
    """Record."""
    need_ros()
    from speech_gesture_pkg.ros.recorder import STANDARD_TOPICS, record

    topics = () if options.all else (options.topics or STANDARD_TOPICS)
    counts = record(topics, options.output, options.duration)
    lines = [f"{options.output}: {sum(counts.values())} messages"] + [
        f"  {n:8d}  {t}" for t, n in sorted(counts.items())
    ]
    report(options, {"output": options.output, "messages": counts}, "\n".join(lines))
    return 0
