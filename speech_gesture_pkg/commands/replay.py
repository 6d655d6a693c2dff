"""speech-gesture replay BAG"""

from __future__ import annotations

import argparse

from speech_gesture_pkg.commands.common import need_ros, report


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Options of the verb."""
    parser.add_argument("bag", help="rosbag2 folder, .mcap or .db3")
    parser.add_argument("--rate", type=float, default=1.0, help="playback speed")
    parser.add_argument("--loop", action="store_true", help="begin again at the end")
    parser.add_argument("--start", type=float, default=0.0, help="seconds into the bag")
    parser.add_argument("--topics", nargs="*", default=[], help="what to play; all if not given")
    parser.add_argument("--remap", nargs="*", default=[], metavar="/OLD:=/NEW", help="topics to rename")
    parser.add_argument("--no-clock", action="store_true", help="do not publish /clock")


def run(options: argparse.Namespace) -> int:
    """Play until the end or Ctrl-C."""
    need_ros()
    from speech_gesture_pkg.nodes.player import parse_remap, replay

    count = replay(
        options.bag,
        rate=options.rate,
        loop=options.loop,
        start_s=options.start,
        topics=options.topics,
        remap=parse_remap(options.remap),
        clock_hz=0.0 if options.no_clock else 100.0,
    )
    report(options, {"messages": count}, f"{count} messages played")
    return 0
