"""speech-gesture run: the node in this process, configured and activated by itself."""

from __future__ import annotations

import argparse
from typing import Any

from speech_gesture_pkg.cli.common import need_ros, set_values
from speech_gesture_pkg.cli.generator_args import add_generator, generator_values
from speech_gesture_pkg.cli.processes import yaml_value
from speech_gesture_pkg.config_files import load_yaml


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Options of the verb."""
    parser.add_argument(
        "--urdf",
        default="",
        help="URDF file or a robot's name; default: the robot_description topic",
    )
    add_generator(parser)
    parser.add_argument("--audio-topic", default=None, help="audio topic (default: audio)")
    parser.add_argument("--sync", choices=("live", "stamp", "delay"), default=None, help="sync.mode")
    parser.add_argument("--config", help="YAML parameter file (see config/gesture.yaml)")
    parser.add_argument("--set", action="append", default=[], metavar="NAME=VALUE", help="one parameter")
    parser.add_argument("--use-sim-time", action="store_true", help="time from /clock")


def ros_arguments(options: argparse.Namespace) -> list[str]:
    """The same as `ros2 run speech_gesture_pkg gesture_node --ros-args ...`."""
    values: dict[str, Any] = {"autostart": True}
    if options.config:
        values |= load_yaml(options.config)
    own = {"robot.urdf": options.urdf, "sync.mode": options.sync} | generator_values(options)
    values |= {name: value for name, value in own.items() if value}
    if options.use_sim_time:
        values["use_sim_time"] = True
    values |= set_values(options.set)
    arguments = ["--ros-args"]
    for name, value in values.items():
        if value not in ([], ()):  # ROS cannot tell the type of an empty list; it is the default of every list here
            arguments += ["-p", f"{name}:={yaml_value(value)}"]
    if options.audio_topic:
        arguments += ["-r", f"audio:={options.audio_topic}"]
    return arguments


def run(options: argparse.Namespace) -> int:
    """Run the node until it is interrupted."""
    arguments = ros_arguments(options)
    need_ros()
    from speech_gesture_pkg.ros.gesture_node import main

    return main(arguments)
