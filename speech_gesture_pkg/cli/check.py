"""speech-gesture check BAG: the motion guarantees, checked from outside."""

from __future__ import annotations

import argparse
from collections.abc import Mapping
from functools import partial
from pathlib import Path

import numpy as np

from speech_gesture_pkg.cli.common import add_robot, report, urdf_of
from speech_gesture_pkg.errors import ConfigError
from speech_gesture_pkg.retargeting.base import Retargeter
from speech_gesture_pkg.retargeting.stewart_neck_retargeter import make_retargeter
from speech_gesture_pkg.robot.joint_map.auto_map import map_robot
from speech_gesture_pkg.robot.joint_map.robot_map import RobotMap, limbs_and_hands
from speech_gesture_pkg.robot.model import RobotModel
from speech_gesture_pkg.robot.urdf_text import read_urdf_text
from speech_gesture_pkg.verification.bag_collision import BagContacts, bag_contacts
from speech_gesture_pkg.verification.executed import executed_text
from speech_gesture_pkg.verification.motion_guarantees import GuaranteeReport, check_guarantees

_TOLD = 12
"""Contacts that are listed one by one; --json has all of them."""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Options of the verb."""
    parser.add_argument("bag", help="rosbag2 folder, .mcap or .db3 with JointTrajectory topics")
    add_robot(parser)
    parser.add_argument("--max-link-speed", type=float, help="limit of hands and elbows, m/s (default: only reported)")
    parser.add_argument(
        "--update-rate",
        type=float,
        nargs="+",
        default=[],
        metavar="HZ",
        help="the controllers' control cycles per second, for what they would execute (default: 1000, 500, 100, 50)",
    )
    parser.add_argument(
        "--meshes", action="store_true", help="also test the URDF's shapes (meshes) for self-collision: pairs and times"
    )
    parser.add_argument(
        "--rate", type=float, default=10.0, help="with --meshes: poses tested a second (default: %(default)g)"
    )


def run(options: argparse.Namespace) -> int:
    """0 if every trajectory keeps the guarantees (with --meshes: and nothing touched), 1 if not."""
    if not 0.1 <= options.rate <= 200:
        raise ConfigError(f"--rate is {options.rate:g}; it must be in [0.1, 200] poses a second")
    if not all(1.0 <= rate <= 1e4 for rate in options.update_rate):
        raise ConfigError(f"--update-rate is {options.update_rate}; it must be in [1, 10000] Hz")
    path = urdf_of(options)
    urdf = read_urdf_text(path)
    robot = RobotModel.from_string(urdf, str(path))
    mapping = map_robot(robot, strict=False)
    arms = [arm.joints for arm in mapping.arms.values()]
    link_speed = options.max_link_speed or float("inf")
    found = check_guarantees(options.bag, urdf, arms=arms, link_speed=link_speed, rates=options.update_rate)
    contacts = contacts_of(options.bag, path, robot, mapping, options.rate) if options.meshes else []
    result = found.as_dict() | ({"contacts": [c.as_dict() for c in contacts]} if options.meshes else {})
    report(options, result, "\n".join([guarantees_text(found), *map(contacts_text, contacts)]))
    return 0 if found.kept and all(c.free for c in contacts) else 1


def contacts_of(bag: str, path: Path, robot: RobotModel, mapping: RobotMap, rate: float = 10.0) -> list[BagContacts]:
    """Which links touched in a bag, by the URDF's own shapes."""
    limbs, hands = limbs_and_hands(mapping)
    completed = None
    if mapping.platform is not None:
        completed = partial(_with_passive, make_retargeter(robot, mapping))
    return bag_contacts(bag, path, rate, limbs, hands, completed)


def _with_passive(retargeter: Retargeter, known: Mapping[str, float]) -> dict[str, float]:
    """Joint positions with those of a platform's passive joints; those that are not known rest."""
    q = np.array([known.get(n, rest) for n, rest in zip(retargeter.joint_names, retargeter.rest, strict=True)])
    return dict(known) | retargeter.shown(q)


def contacts_text(found: BagContacts) -> str:
    """For a person."""
    about = f"  {found.source}: {found.poses} poses over {found.seconds:.0f} s, {found.pairs} pairs of {found.shapes}: "
    apart = [c for c in found.contacts if not c.within]
    within = len(found.contacts) - len(apart)
    lines = [about + (f"{100 * found.share:.1f} % of the poses touch" if apart else "nothing touches")]
    lines += [f"    {c.pair} from {c.begin:.2f} to {c.end:.2f} s ({c.poses} poses)" for c in apart[:_TOLD]]
    if len(apart) > _TOLD:
        lines.append(f"    ... and {len(apart) - _TOLD} more contacts; --json lists them all")
    if within:
        lines.append(f"    beside them {within} contacts within one limb (a hand and its own forearm)")
    return "\n".join(lines)


def guarantees_text(found: GuaranteeReport) -> str:
    """The report for a person."""
    if not found.messages:
        return "no trajectory messages: nothing to check"
    worst = found.worst
    lines = [
        f"{found.messages} trajectory messages, {len(found.moving)} joints moving: guarantees "
        + ("kept" if found.kept else "BROKEN"),
        f"  least lead {1e3 * found.least_lead:.1f} ms; largest step between windows {worst['splice']:.2e} rad, "
        f"{worst['splice_velocity']:.2e} rad/s",
        f"  velocity at most {100 * worst['velocity_share']:.0f} % of the URDF limit; acceleration at most "
        f"{worst['acceleration']:.1f} rad/s^2; longest window {worst['window_s']:.2f} s",
    ]
    if "link_speed" in worst:
        lines.append(f"  hands, wrists and elbows at most {worst['link_speed']:.2f} m/s")
    lines.append(executed_text(found.executed))
    if found.broken and set(found.broken) <= {"late", "executed"}:
        lines.append(
            f"  the machine was late: {found.broken['late']} windows came up to {1e3 * worst['late_s']:.0f} ms after "
            "what they change had begun; with enough time for the node the same motion is smooth"
        )
    lines += [f"  {kind}: {count} messages, e.g. {found.examples[kind]}" for kind, count in found.broken.items()]
    return "\n".join(lines)
