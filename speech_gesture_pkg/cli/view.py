"""speech-gesture view FILE: motion npz, trajectory npz or bag; in the browser, or to --video / --png"""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Any

from speech_gesture_pkg.audio.chunk import AudioChunk
from speech_gesture_pkg.audio.files import read_audio
from speech_gesture_pkg.bags.reader import SUFFIXES
from speech_gesture_pkg.cli.common import add_robot, report, urdf_of, writable_file
from speech_gesture_pkg.errors import InputError
from speech_gesture_pkg.motion.bounded_npz import read_npz
from speech_gesture_pkg.motion.npz import load_motion
from speech_gesture_pkg.outside_text import one_line
from speech_gesture_pkg.trajectory.joint_motion import RobotTrajectory
from speech_gesture_pkg.verification.bag_content import read_content
from speech_gesture_pkg.viewer.content import Content


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Options of the verb."""
    parser.add_argument("file", help="motion npz, trajectory npz, or rosbag2 folder / .mcap / .db3")
    parser.add_argument("--audio", help="speech file to hear with it")
    parser.add_argument("--audio-topic", default="", help="topic of the speech in a bag with several audio topics")
    parser.add_argument("--video", help="write an mp4 instead of opening the browser page")
    parser.add_argument("--png", help="write a contact sheet instead of opening the browser page")
    parser.add_argument("--count", type=int, default=8, help="pictures on the contact sheet (default: %(default)s)")
    parser.add_argument("--host", default="127.0.0.1", help="address of the page (default: this machine only)")
    parser.add_argument("--port", type=int, default=8080, help="port of the page (default: %(default)s)")
    add_robot(parser)


def run(options: argparse.Namespace) -> int:
    """Show it."""
    scene = load_scene(Path(options.file), options.audio_topic)
    if options.audio:
        begin = scene.motion.start if scene.motion is not None else 0.0
        speech = read_audio(options.audio)
        scene.audio = AudioChunk(speech.samples, begin, speech.sample_rate)
    scene.urdf = urdf_of(options) if scene.trajectory is not None else None
    written: dict[str, Any] = {}
    if options.video:
        from tqdm import tqdm

        from speech_gesture_pkg.viewer.video import render_video

        with tqdm(desc="rendering", leave=False, disable=None) as bar:

            def step(done: int, total: int) -> None:
                bar.total = total
                bar.update(done - bar.n)

            out = writable_file(options.video, ".mp4")
            render_video(out, scene, progress=step)
        written["video"] = str(out)
    if options.png:
        from speech_gesture_pkg.viewer.picture import render_png

        out = writable_file(options.png, ".png")
        render_png(out, scene, options.count)
        written["png"] = str(out)
    if written:
        report(options, written, "\n".join(written.values()))
        return 0
    from speech_gesture_pkg.viewer.browser import open_player

    player = open_player(scene, options.host, options.port)
    print(f"open {player.page.url} in a browser; Ctrl-C ends")
    player.wait()
    return 0


def load_scene(path: Path, audio_topic: str = "") -> Content:
    """Tell the kinds of file apart by what is in them. Raises InputError for anything else."""
    if path.suffix.lower() != ".npz":
        if path.is_file() and path.suffix not in SUFFIXES:
            raise InputError(f"{path} cannot be shown; give a motion or trajectory .npz, or a rosbag2 folder or file")
        content = read_content(path, audio_topic=audio_topic)
        if content.motion is None and content.joints is None:
            raise InputError(f"bag {path} holds neither SMPL-X motion nor joint states: there is nothing to see")
        return Content(content.motion, content.joints, audio=content.audio)
    keys = read_npz(path).keys()
    if "joint_names" in keys:
        return Content(trajectory=RobotTrajectory.load(path))
    if "poses" in keys:
        return Content(motion=load_motion(path))
    raise InputError(
        f"{path} holds neither a motion (key poses) nor a trajectory (key joint_names); its keys are: "
        f"{one_line(', '.join(sorted(keys)) or 'none')}"
    )
