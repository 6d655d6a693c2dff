"""speech-gesture check BAG: the promise about motion, checked from outside."""

from __future__ import annotations

import argparse

from speech_gesture_pkg.commands.common import add_robot, report, urdf_of
from speech_gesture_pkg.errors import RobotError
from speech_gesture_pkg.evaluation.promise import PromiseReport, check_promise


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Options of the verb."""
    parser.add_argument("bag", help="rosbag2 folder, .mcap or .db3 with JointTrajectory topics")
    add_robot(parser)


def run(options: argparse.Namespace) -> int:
    """0 if every trajectory keeps the promise, 1 if not."""
    path = urdf_of(options)
    try:
        urdf = path.read_text(encoding="utf-8")
    except OSError as e:
        raise RobotError(f"URDF file {path} cannot be read: {e.strerror or e}") from e
    found = check_promise(options.bag, urdf)
    report(options, found.as_dict(), promise_text(found))
    return 0 if found.kept else 1


def promise_text(found: PromiseReport) -> str:
    """The report for a person."""
    if not found.messages:
        return "no trajectory messages: nothing to check"
    worst = found.worst
    lines = [
        f"{found.messages} trajectory messages, {len(found.moving)} joints moving: promise "
        + ("kept" if found.kept else "BROKEN"),
        f"  least lead {1e3 * found.least_lead:.1f} ms; largest step between windows {worst['splice']:.2e} rad, "
        f"{worst['splice_velocity']:.2e} rad/s",
        f"  velocity at most {100 * worst['velocity_share']:.0f} % of the URDF limit; acceleration at most "
        f"{worst['acceleration']:.1f} rad/s^2; longest window {worst['window_s']:.2f} s",
    ]
    lines += [f"  {kind}: {count} messages, e.g. {found.examples[kind]}" for kind, count in found.broken.items()]
    return "\n".join(lines)
