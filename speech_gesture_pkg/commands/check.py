"""speech-gesture check BAG: the promise about motion, checked from outside."""

from __future__ import annotations

import argparse

from speech_gesture_pkg.commands.common import add_robot, report, urdf_of
from speech_gesture_pkg.errors import RobotError
from speech_gesture_pkg.evaluation.promise import PromiseReport, check_promise
from speech_gesture_pkg.retarget.mapping import map_robot
from speech_gesture_pkg.retarget.robot import RobotModel


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Options of the verb."""
    parser.add_argument("bag", help="rosbag2 folder, .mcap or .db3 with JointTrajectory topics")
    add_robot(parser)
    parser.add_argument("--max-link-speed", type=float, help="limit of hands and elbows, m/s (default: only reported)")


def run(options: argparse.Namespace) -> int:
    """0 if every trajectory keeps the promise, 1 if not."""
    path = urdf_of(options)
    try:
        urdf = path.read_text(encoding="utf-8")
    except OSError as e:
        raise RobotError(f"URDF file {path} cannot be read: {e.strerror or e}") from e
    arms = [arm.joints for arm in map_robot(RobotModel.from_string(urdf, str(path)), strict=False).arms.values()]
    found = check_promise(options.bag, urdf, arms=arms, link_speed=options.max_link_speed or float("inf"))
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
    if "link_speed" in worst:
        lines.append(f"  hands, wrists and elbows at most {worst['link_speed']:.2f} m/s")
    lines += [f"  {kind}: {count} messages, e.g. {found.examples[kind]}" for kind, count in found.broken.items()]
    return "\n".join(lines)
