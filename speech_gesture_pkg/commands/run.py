"""speech-gesture run: the node in this process, configured and activated by itself."""

from __future__ import annotations

import argparse

from speech_gesture_pkg.commands.common import need_ros


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Options of the verb."""
    parser.add_argument("--urdf", default="", help="URDF file; without it the robot_description topic is used")
    parser.add_argument("--generator", default=None, help="which generator")
    parser.add_argument("--audio-topic", default=None, help="audio topic (default: audio)")
    parser.add_argument("--sync", choices=("live", "stamp", "delay"), default=None, help="sync.mode")
    parser.add_argument("--config", help="ROS 2 parameter file")
    parser.add_argument("--set", action="append", default=[], metavar="NAME=VALUE", help="one parameter")
    parser.add_argument("--use-sim-time", action="store_true", help="time from /clock")


def ros_arguments(options: argparse.Namespace) -> list[str]:
    """The same as `ros2 run speech_gesture_pkg gesture_node --ros-args ...`."""
    arguments = ["--ros-args", "-p", "autostart:=true"]
    if options.config:
        arguments += ["--params-file", options.config]
    given = {"robot.urdf": options.urdf, "generator.name": options.generator, "sync.mode": options.sync}
    pairs = [f"{k}:={v}" for k, v in given.items() if v] + [s.replace("=", ":=", 1) for s in options.set]
    if options.use_sim_time:
        pairs.append("use_sim_time:=true")
    for pair in pairs:
        arguments += ["-p", pair]
    if options.audio_topic:
        arguments += ["-r", f"audio:={options.audio_topic}"]
    return arguments


def run(options: argparse.Namespace) -> int:
    """Run the node until it is interrupted."""
    need_ros()
    from speech_gesture_pkg.nodes.gesture_node import main

    return main(ros_arguments(options))
