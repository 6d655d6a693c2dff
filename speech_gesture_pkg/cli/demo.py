"""speech-gesture demo: speech file -> audio topic -> gesture node -> simulated robot, in real processes."""

from __future__ import annotations

import argparse
import json
import os
import sys
import time
from dataclasses import asdict
from pathlib import Path
from typing import Any

from speech_gesture_pkg.audio.files import read_audio
from speech_gesture_pkg.cli.common import (
    add_motion,
    add_robot,
    changed_values,
    config_of,
    need_ros,
    progress,
    report,
    urdf_of,
    writable_folder,
)
from speech_gesture_pkg.cli.processes import NodeProcess, isolated_environment, stop_all
from speech_gesture_pkg.config import NODE, SYNC_MODES
from speech_gesture_pkg.config_files import controller_joints, load_yaml
from speech_gesture_pkg.errors import SpeechGestureError
from speech_gesture_pkg.pipeline.build import Robot, calmed, layout_of, load_robot
from speech_gesture_pkg.resources import DEMO_AUDIO, resource
from speech_gesture_pkg.sim.rules import RULES

SETTLE = 1.5
"""Seconds that the robot idles before the speech and after it."""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Options of the verb."""
    parser.add_argument("--audio", help="speech file (default: the bundled clip)")
    parser.add_argument("--out", default="demo_out", help="folder for bag, video and report (default: %(default)s)")
    parser.add_argument(
        "--headless", action="store_true", help="no browser page; end by itself (the default without a display)"
    )
    parser.add_argument("--port", type=int, default=8080, help="port of the browser page (default: %(default)s)")
    parser.add_argument(
        "--distro", default="newest", choices=tuple(RULES), help="whose controller rules the simulated robot follows"
    )
    parser.add_argument("--sync", choices=SYNC_MODES, help="sync.mode (default: live)")
    parser.add_argument(
        "--stamp-zero", action="store_true", help="trajectories with stamp 0 (to see how much worse it is)"
    )
    parser.add_argument("--no-video", action="store_true", help="skip the video")
    add_robot(parser)
    add_motion(parser)


def run(options: argparse.Namespace) -> int:
    """Run the loop, then check and show what was recorded."""
    audio_path = Path(options.audio) if options.audio else resource(DEMO_AUDIO)
    audio = read_audio(audio_path)
    urdf = urdf_of(options)
    zero = True if options.stamp_zero else None
    more = {"robot.urdf": str(urdf), "sync.mode": options.sync, "trajectory.stamp_zero": zero}
    config = config_of(options, **more)
    robot = load_robot(config)
    given = controller_joints(load_yaml(options.config)) if options.config else {}
    layout = layout_of(robot, given, config)
    out = writable_folder(options.out)
    need_ros()
    headless = options.headless or not (os.environ.get("DISPLAY") or os.environ.get("WAYLAND_DISPLAY"))
    bag = _fresh(out / "bag")
    controllers = {n: [layout.joint_names[i] for i in c] for n, c in layout.controllers.items()}
    ros = isolated_environment(out / "log")
    processes: list[NodeProcess] = []

    def start(module: str, parameters: dict[str, Any]) -> NodeProcess:
        processes.append(NodeProcess(module, parameters, ros))
        return processes[-1]

    try:
        sim = {"urdf": str(urdf), "distro": options.distro, "controllers": list(controllers)}
        sim["allow_trajectory_replacement"] = False  # as docs/controllers.md advises for the newest
        start("sim_robot_node", sim | {f"{name}.joints": joints for name, joints in controllers.items()})
        recorder = start("recorder", {"out": str(bag)})
        viewer = None if headless else start("viewer_node", {"urdf": str(urdf), "port": options.port})
        names = {"controllers.names": list(controllers)} | {f"controllers.{n}.joints": j for n, j in given.items()}
        gesture = start("gesture_node", {**changed_values(config), **names, "autostart": True})
        gesture.wait_for("commanding", 120.0, processes)
        if config.output.smplx:
            recorder.wait_for("recording /speech_gesture/smplx", 120.0, processes)
        if viewer is not None:
            viewer.wait_for("http://", 120.0, processes)
            url = viewer.output().partition("http://")[2].split()[0]  # another port than asked for if that was taken
            print(f"watch it at http://{url} (Ctrl-C ends the demo)", file=sys.stderr, flush=True)
        time.sleep(SETTLE)  # seen, not waited for: the approach and some idle motion belong to the demo
        sound = {"file": str(audio_path), "loop": not headless, "exit_at_end": True}
        player = start("wav_player_node", {**sound, "wait_for_nodes": [NODE, "bag_recorder"]})
        if headless:
            _play(player, processes, audio.duration)
        else:
            _repeat(processes)
        time.sleep(SETTLE)
        gesture.stop()
        gesture.check()
        time.sleep(2.0)  # the controllers finish the last window: the way to rest
    finally:
        stop_all(processes)
    return _show(options, out, bag, robot, layout, calmed(config, robot.map.profile).safety.max_link_speed, audio)


def _play(player: NodeProcess, processes: list[NodeProcess], seconds: float) -> None:
    """Wait for the speech to end, with a progress bar; stop at once if a node dies."""
    began = time.monotonic()
    bar = iter(progress(range(int(10 * seconds) + 1), "speaking"))
    while player.running():
        for process in processes:
            process.check()
        time.sleep(0.1)
        next(bar, None)
        if time.monotonic() - began > seconds + 30.0:
            raise SpeechGestureError(f"the speech player did not end within {seconds + 30.0:.0f} s")
    player.check()


def _repeat(processes: list[NodeProcess]) -> None:
    """Let the speech play again and again for the person who watches, until Ctrl-C."""
    try:
        while True:
            for process in processes:
                process.check()
            time.sleep(0.1)
    except KeyboardInterrupt:
        print("ending the demo", file=sys.stderr, flush=True)
    processes[-1].stop()


def _show(
    options: argparse.Namespace, out: Path, bag: Path, robot: Robot, layout: Any, link_speed: float, audio: Any
) -> int:
    # matplotlib, rosbags and the like take their time: not before the nodes run
    from speech_gesture_pkg.cli.check import guarantees_text
    from speech_gesture_pkg.cli.demo_report import (
        diagnostics_of,
        generator_use,
        last_figures,
        summary_text,
        write_video,
    )
    from speech_gesture_pkg.verification.motion_guarantees import check_guarantees
    from speech_gesture_pkg.verification.tracking import check_tracking

    limits = layout.limits
    acceleration = dict(zip(limits.joint_names, limits.acceleration.tolist(), strict=True))
    arms = [arm.joints for arm in robot.map.arms.values()]
    guarantees = check_guarantees(bag, robot.model.urdf, acceleration, arms, link_speed)
    tracking = check_tracking(bag)
    statuses = diagnostics_of(bag)
    figures = {
        "bag": str(bag),
        "generator": generator_use(statuses, config_of(options).generator.name),
        "guarantees": guarantees.as_dict(),
        "tracking": asdict(tracking),
        "diagnostics": last_figures(statuses),
    }
    if not options.no_video:
        figures["video"] = str(write_video(bag, out / "demo.mp4", urdf_of(options), audio))
    text = "\n".join([guarantees_text(guarantees), summary_text(figures)])
    (out / "summary.json").write_text(json.dumps(figures, indent=2, default=str), encoding="utf-8")
    (out / "summary.txt").write_text(text + "\n", encoding="utf-8")
    report(options, figures, text)
    return 0 if guarantees.kept or options.stamp_zero else 1


def _fresh(folder: Path) -> Path:
    """A folder name that is not taken: an earlier demo's bag is kept."""
    candidate, number = folder, 2
    while candidate.exists():
        candidate, number = folder.with_name(f"{folder.name}_{number}"), number + 1
    return candidate
