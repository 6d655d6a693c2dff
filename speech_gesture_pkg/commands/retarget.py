"""speech-gesture retarget motion.npz --urdf R.urdf -o traj.npz"""

from __future__ import annotations

import argparse

import numpy as np

from speech_gesture_pkg.assembly import layout_of, load_robot
from speech_gesture_pkg.body.files import load_motion
from speech_gesture_pkg.body.motion import resample
from speech_gesture_pkg.commands.common import add_robot, progress, report, urdf_of, writable_file
from speech_gesture_pkg.config import GestureConfig
from speech_gesture_pkg.trajectory.offline import compose_offline

BLOCK = 30


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Options of the verb."""
    parser.add_argument("motion", help="SMPL-X motion, npz in the BEAT2 layout")
    parser.add_argument("-o", "--output", default="trajectory.npz", help="npz to write (default: %(default)s)")
    add_robot(parser)


def run(options: argparse.Namespace) -> int:
    """Retarget a whole file, with the limits of the live path."""
    motion = resample(load_motion(options.motion), 30.0)
    output = writable_file(options.output, ".npz")
    config = GestureConfig().with_values({"robot.urdf": str(urdf_of(options))})
    robot = load_robot(config)
    layout = layout_of(robot, {}, config)
    state = robot.retargeter.start()
    pieces = []
    for first in progress(range(0, len(motion), BLOCK), "retargeting"):
        q, state = robot.retargeter.step(motion[first : first + BLOCK], state)
        pieces.append(q)
    targets = layout.from_retargeter(np.concatenate(pieces), layout.rest_from(np.zeros(len(layout.joint_names))))
    trajectory = compose_offline(targets, motion.fps, layout.limits)
    trajectory.save(output)
    result = {"output": str(output), "frames": len(trajectory.time), "joints": len(trajectory.joint_names)}
    report(options, result, f"{output}: {len(trajectory.time)} frames, {len(trajectory.joint_names)} joints")
    return 0
