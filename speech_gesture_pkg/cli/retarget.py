"""speech-gesture retarget MOTION... --urdf R.urdf -o OUT"""

from __future__ import annotations

import argparse
import sys
import time
from collections.abc import Sequence
from functools import partial
from pathlib import Path
from typing import Any

from speech_gesture_pkg.cli.common import add_robot, config_of, progress, report, urdf_of, writable_file
from speech_gesture_pkg.cli.common import writable_folder as folder_for
from speech_gesture_pkg.config import GestureConfig
from speech_gesture_pkg.errors import ConfigError, InputError
from speech_gesture_pkg.lab.batch_retargeting import Outcome, RetargetJob, Work, jobs_of, run_jobs, worker_count
from speech_gesture_pkg.motion.frames import MotionFrames, resample
from speech_gesture_pkg.motion.npz import load_motion
from speech_gesture_pkg.pipeline.build import layout_of, load_robot
from speech_gesture_pkg.pipeline.offline import retarget
from speech_gesture_pkg.trajectory.joint_motion import RobotTrajectory
from speech_gesture_pkg.trajectory.offline import BLOCK

_FILE, _FOLDER = "trajectory.npz", "trajectories"
_TOLD = 20
"""Failed files that are told one by one; --json has all of them."""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Options of the verb."""
    parser.add_argument(
        "motion", nargs="+", help="SMPL-X motion, npz in the BEAT2 layout: files, or folders that are searched for them"
    )
    parser.add_argument("-o", "--output", help=f"npz to write; of several files the folder ({_FILE}, {_FOLDER})")
    parser.add_argument("--workers", type=int, help="processes for several files (default: one per core)")
    parser.add_argument("--resume", action="store_true", help="leave files alone whose trajectory is there already")
    parser.add_argument("--config", help="YAML parameter file (see config/gesture.yaml)")
    parser.add_argument(
        "--set", action="append", default=[], metavar="NAME=VALUE", help="one parameter, e.g. robot.map_file=map.yaml"
    )
    add_robot(parser)
    parser.set_defaults(generator=None, seed=None)


def run(options: argparse.Namespace) -> int:
    """Retarget whole files, with the limits and the collision check of the live path."""
    if options.workers is not None and options.workers < 1:
        raise ConfigError(f"--workers is {options.workers}; it must be 1 or more")
    config = config_of(options, **{"robot.urdf": str(urdf_of(options))})
    if len(options.motion) == 1 and not Path(options.motion[0]).is_dir():
        return _one(options, config)
    return _many(options, config)


class Retargeting:
    """Motion files to trajectory files for one robot.

    Attributes:
        joint_names: of the trajectories.
    """

    def __init__(self, config: GestureConfig, show: bool = False) -> None:
        """Load the robot of `config`; `show`: a progress bar for each file."""
        self._config, self._robot, self._show = config, load_robot(config), show
        self.joint_names: tuple[str, ...] = layout_of(self._robot, {}, config).joint_names

    def __call__(self, job: RetargetJob) -> int:
        """Do a job; returns the frames written. Raises InputError, OutputError."""
        trajectory = self.trajectory(load_motion(job.source))
        trajectory.save(job.partial)
        return len(trajectory.time)

    def trajectory(self, motion: MotionFrames) -> RobotTrajectory:
        """The robot's motion for a person's, its braking tail included."""
        motion = resample(motion, self._robot.retargeter.settings.fps)
        frames = range(0, len(motion), BLOCK)
        shown = progress(frames, "retargeting") if self._show else frames
        return retarget(self._config, self._robot, motion, shown)


def _work(config: GestureConfig, show: bool = False) -> Work:
    return Retargeting(config, show)


def _one(options: argparse.Namespace, config: GestureConfig) -> int:
    job = RetargetJob(Path(options.motion[0]), writable_file(options.output or _FILE, ".npz"))
    motion = load_motion(job.source)
    work = Retargeting(config, show=True)
    if options.resume and _is_there(job, work.joint_names):
        report(options, {"output": str(job.output), "skipped": True}, f"{job.output} is there already")
        return 0
    trajectory = work.trajectory(motion)
    trajectory.save(job.output)
    frames, joints = len(trajectory.time), len(trajectory.joint_names)
    result = {"output": str(job.output), "frames": frames, "joints": joints}
    report(options, result, f"{job.output}: {frames} frames, {joints} joints")
    return 0


def _many(options: argparse.Namespace, config: GestureConfig) -> int:
    folder = Path(options.output or _FOLDER)
    if folder.is_file() or folder.suffix == ".npz":
        raise ConfigError(f"-o is {folder} and there are several motion files; give a folder")
    jobs = jobs_of(options.motion, folder)
    names = Retargeting(config).joint_names  # a robot that cannot be served is told before anything is written
    folder_for(folder)
    left = [job for job in jobs if not (options.resume and _is_there(job, names))]
    workers = worker_count(left, options.workers)
    done: list[Outcome] = []
    began, interrupted = time.perf_counter(), False
    outcomes = run_jobs(left, partial(_work, config), workers)
    bar = progress(outcomes, f"retargeting, {workers} process{'es'[: 2 * (workers > 1)]}", len(left))
    try:
        done.extend(bar)
    except KeyboardInterrupt:
        interrupted = True
    finally:
        outcomes.close()
    result = _totals(done, time.perf_counter() - began) | {
        "output": str(folder),
        "joints": len(names),
        "workers": workers,
        "skipped": len(jobs) - len(left),
        "not_begun": len(left) - len(done),
        "interrupted": interrupted,
    }
    report(options, result, _told(result))
    if interrupted:
        print("speech-gesture retarget: interrupted; --resume does the rest", file=sys.stderr)
        return 130
    return 1 if result["failed"] else 0


def _is_there(job: RetargetJob, names: tuple[str, ...]) -> bool:
    """Whether a job's result exists, is no older than its source and is of this robot."""
    try:
        fresh = job.output.stat().st_mtime >= job.source.stat().st_mtime
        return fresh and RobotTrajectory.load(job.output).joint_names == names
    except (OSError, InputError):
        return False


def _totals(done: Sequence[Outcome], seconds: float) -> dict[str, Any]:
    good = [o for o in done if not o.error]
    frames = sum(o.frames for o in good)
    return {
        "files": len(good),
        "frames": frames,
        "seconds": round(seconds, 3),
        "frames_per_s": round(frames / seconds, 1) if seconds > 0 else 0.0,
        "failed": [{"file": str(o.job.source), "error": o.error} for o in done if o.error],
    }


def _told(result: dict[str, Any]) -> str:
    """For a person."""
    lines = [
        f"{result['output']}: {result['files']} files, {result['frames']} frames, {result['joints']} joints in "
        f"{result['seconds']:.1f} s ({result['frames_per_s']:.0f} frames/s, {result['workers']} at a time)"
    ]
    if result["skipped"]:
        lines.append(f"{result['skipped']} files were there already")
    if result["not_begun"]:
        lines.append(f"{result['not_begun']} files are left")
    failed = result["failed"]
    lines += [f"failed: {f['error']}" for f in failed[:_TOLD]]
    if len(failed) > _TOLD:
        lines.append(f"... and {len(failed) - _TOLD} more; --json lists them all")
    return "\n".join(lines)
