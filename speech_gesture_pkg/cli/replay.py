"""speech-gesture replay BAG"""

from __future__ import annotations

import argparse

from speech_gesture_pkg.cli.common import need_ros, report


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Options of the verb."""
    parser.add_argument("bag", help="rosbag2 folder, .mcap or .db3")
    parser.add_argument("--rate", type=float, default=1.0, help="playback speed")
    parser.add_argument("--loop", action="store_true", help="begin again at the end")
    parser.add_argument("--start", type=float, default=0.0, help="seconds into the bag")
    parser.add_argument("--duration", type=float, default=0.0, help="seconds to play (default: to the end)")
    parser.add_argument("--topics", nargs="*", default=[], help="what to play; all if not given")
    parser.add_argument("--exclude", nargs="*", default=[], help="what not to play")
    parser.add_argument("--remap", nargs="*", default=[], metavar="/OLD:=/NEW", help="topics to rename")
    parser.add_argument("--no-clock", action="store_true", help="do not publish /clock")
    parser.add_argument("--start-paused", action="store_true", help="begin paused; the space bar goes on")


def run(options: argparse.Namespace) -> int:
    """Play until the end or Ctrl-C; the space bar and the service ~/pause pause."""
    need_ros()
    from speech_gesture_pkg.ros.player import PlayOptions, parse_remap, replay

    how = PlayOptions(
        rate=options.rate,
        loop=options.loop,
        start_s=options.start,
        duration_s=options.duration,
        topics=options.topics,
        exclude=options.exclude,
        remap=parse_remap(options.remap),
        clock_hz=0.0 if options.no_clock else 100.0,
        paused=options.start_paused,
    )
    played = replay(options.bag, how, keys=True)
    late = f"sent {played['late_p50_ms']:.1f} ms after their time (median; 99 %: {played['late_p99_ms']:.1f} ms)"
    report(options, played, f"{played['messages']} messages played, {late}")
    return 0
