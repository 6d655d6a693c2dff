"""Many motion files at once: equal to one at a time, and no file costs another."""

from __future__ import annotations

import json
import os
import time
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
from trajectory_checks import compose_offline

from speech_gesture_pkg.cli import retarget
from speech_gesture_pkg.cli.main import main
from speech_gesture_pkg.config import GestureConfig
from speech_gesture_pkg.errors import InputError
from speech_gesture_pkg.lab.batch_retargeting import RetargetJob, frames_in, jobs_of, run_jobs, worker_count
from speech_gesture_pkg.motion.frames import MotionFrames
from speech_gesture_pkg.motion.npz import load_motion, save_motion
from speech_gesture_pkg.motion.skeleton import JOINT_INDEX, NUM_JOINTS
from speech_gesture_pkg.pipeline.build import clearance_of, layout_of, load_robot
from speech_gesture_pkg.retargeting.retargeter import RetargetState
from speech_gesture_pkg.trajectory.joint_motion import RobotTrajectory
from speech_gesture_pkg.trajectory.limits import MotionLimits
from speech_gesture_pkg.trajectory.offline import retarget_offline


def waving(frames: int, seed: int = 0) -> MotionFrames:
    """Both arms in smooth motion in front of the body."""
    rng = np.random.default_rng(seed)
    time_s = np.arange(frames) / 30.0
    poses = np.zeros((frames, NUM_JOINTS, 3))
    for side, sign in (("left", 1.0), ("right", -1.0)):
        swing = rng.uniform(0.1, 0.25) * np.sin(2 * np.pi * rng.uniform(0.3, 0.6) * time_s)
        poses[:, JOINT_INDEX[f"{side}_shoulder"], 2] = -sign * (1.1 + swing)
        poses[:, JOINT_INDEX[f"{side}_elbow"], 1] = -sign * (0.9 + 2 * swing)
    return MotionFrames(poses, 30.0)


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """long.npz (60 frames), deep/short.npz (20), deep/broken.npz."""
    place = tmp_path_factory.mktemp("motions")
    save_motion(place / "long.npz", waving(60))
    save_motion(place / "deep" / "short.npz", waving(20, 1))
    (place / "deep" / "broken.npz").write_bytes((place / "long.npz").read_bytes()[:900])
    return place


@pytest.fixture(scope="module")
def demo(demo_urdf):
    config = GestureConfig().with_values({"robot.urdf": str(demo_urdf)})
    robot = load_robot(config)
    return robot, layout_of(robot, {}, config)


def test_a_whole_file_is_the_streaming_retargeter_behind_the_composer(demo):
    """One frame at a time, then composed: the same to 1e-9."""
    robot, layout = demo
    motion = waving(75)
    state = robot.retargeter.start(robot.retargeter.solve_pose(motion[:1]))
    rows = []
    for k in range(len(motion)):
        q, state = robot.retargeter.step(motion[k : k + 1], state)
        rows.append(q[0])
    hold = layout.rest_from(np.zeros(len(layout.joint_names)))
    one_by_one = compose_offline(layout.from_retargeter(np.array(rows), hold), 30.0, layout.limits)
    whole = retarget_offline(motion, robot.retargeter, layout, clearance_of(robot, layout), 0.005)
    assert whole.joint_names == layout.joint_names
    np.testing.assert_allclose(whole.position, one_by_one.position, atol=1e-9)
    np.testing.assert_allclose(whole.time, one_by_one.time, atol=1e-12)
    assert np.ptp(whole.position, axis=0).max() > 0.3


class RoundTheDisc:
    """A "retargeter" of two joints that goes from (-1, 0) to (1, 0) round the unit disc's upper half, at any speed."""

    def __init__(self) -> None:
        self.rest = np.array([-1.5, 0.05])
        self.settings = SimpleNamespace(fps=30.0)
        self.starts = 0

    def start(self, q0=None):
        self.starts += 1
        return RetargetState(self.rest if q0 is None else q0, np.zeros(2))

    def step(self, motion, state):
        rows, q = [], state.q
        for _ in range(len(motion)):
            for _ in range(1):  # 0.1 rad a frame: three times as fast as the composer may follow
                to_goal = np.array([1.5, 0.0]) - q
                step = 0.1 * to_goal / max(np.linalg.norm(to_goal), 0.1)
                radius = np.linalg.norm(q)
                if radius < 1.1 and step @ q < 0:  # along the disc, clockwise
                    step = 0.1 * np.array([q[1], -q[0]]) / radius + 0.2 * (1.05 - radius) * q / radius
                q = q + step
            rows.append(q)
        return np.array(rows), RetargetState(q, np.zeros(2))


def test_a_composer_that_got_stuck_is_picked_up_where_it_is():
    """The straight way leads through a disc: alone, the composer would stand before it for good."""
    limits = MotionLimits(
        ("a", "b"), np.full(2, -3.0), np.full(2, 3.0), np.full(2, 1.0), np.full(2, 10.0), ((0, 1),), None
    )
    layout = SimpleNamespace(
        joint_names=("a", "b"),
        limits=limits,
        source=np.array([0, 1]),
        rest_from=lambda hold: hold,
        from_retargeter=lambda q, hold: q,
        to_retargeter=lambda q, hold, rest: q,
    )
    motion = MotionFrames(np.zeros((300, NUM_JOINTS, 3)), 30.0)

    def gap(q):
        return np.linalg.norm(q, axis=1) - 0.95

    follower = RoundTheDisc()
    made = retarget_offline(motion, follower, layout, gap, 0.01)
    assert follower.starts > 1
    np.testing.assert_allclose(made.position[-1], [1.5, 0.0], atol=0.02)
    assert gap(made.position).min() > 0.0
    targets, _ = RoundTheDisc().step(motion, RoundTheDisc().start())
    alone = compose_offline(targets, 30.0, limits, RoundTheDisc().rest, gap, 0.01)
    assert np.linalg.norm(alone.position[-1] - [1.5, 0.0]) > 1.0


def test_places_of_results(folder, tmp_path):
    jobs = jobs_of([folder, folder / "long.npz"], tmp_path)
    assert [j.source.name for j in jobs] == ["long.npz", "short.npz", "broken.npz"]  # the longest first
    assert [j.output.relative_to(tmp_path).as_posix() for j in jobs] == [
        "long.npz",
        "deep/short.npz",
        "deep/broken.npz",
    ]
    assert [j.frames for j in jobs] == [60, 20, 0]
    other = tmp_path / "long.npz"
    save_motion(other, waving(2))
    with pytest.raises(InputError, match="would both be written to"):
        jobs_of([folder / "long.npz", other], tmp_path / "out")
    with pytest.raises(InputError, match="does not exist"):
        jobs_of([folder / "none.npz"], tmp_path)
    (tmp_path / "empty").mkdir()
    with pytest.raises(InputError, match=r"holds no \.npz"):
        jobs_of([tmp_path / "empty"], tmp_path)


def test_results_inside_the_searched_folder_are_no_sources(folder, tmp_path):
    save_motion(tmp_path / "a.npz", waving(3))
    save_motion(tmp_path / "out" / "a.npz", waving(3))
    assert [j.source for j in jobs_of([tmp_path], tmp_path / "out")] == [tmp_path / "a.npz"]


def test_length_by_the_header(folder):
    assert frames_in(folder / "long.npz") == len(load_motion(folder / "long.npz")) == 60
    assert frames_in(folder / "nothing.npz") == 0


@pytest.mark.parametrize(("asked", "frames", "expected"), [(3, 10, 3), (9, 10, 4), (None, 10, 1), (1, 10**6, 1)])
def test_workers(asked, frames, expected):
    """As asked but no more than files; on its own one where little is to be done."""
    assert worker_count([RetargetJob(Path("a"), Path("b"), frames)] * 4, asked) == expected


def fake_work(job: RetargetJob) -> int:
    """Writes a file; some names bring trouble."""
    job.partial.write_text("half")
    if "dies" in job.source.name:
        os._exit(3)
    if "bad" in job.source.name:
        raise InputError(f"{job.source} is bad")
    if "fault" in job.source.name:
        raise TypeError("ours")
    if "slow" in job.source.name:
        time.sleep(60)
    job.partial.write_text("whole")
    return 7


def make_fake_work():
    return fake_work


def fake_jobs(folder: Path, names: str) -> list[RetargetJob]:
    return [RetargetJob(Path(n), folder / "out" / f"{n}.npz") for n in names.split()]


@pytest.mark.parametrize("workers", [1, 2])
def test_one_bad_file_does_not_cost_the_others(tmp_path, workers):
    names = "a bad b fault c" + (" dies d" if workers > 1 else "")
    found = {o.job.source.name: o for o in run_jobs(fake_jobs(tmp_path, names), make_fake_work, workers)}
    assert set(found) == set(names.split())
    assert {n for n, o in found.items() if not o.error} == {"a", "b", "c"} | ({"d"} if workers > 1 else set())
    assert found["bad"].error == "bad is bad"
    assert found["fault"].error == "fault: TypeError: ours"
    if workers > 1:
        assert "its worker process died (exit code 3)" in found["dies"].error
    good = sorted(f"{n}.npz" for n, o in found.items() if not o.error)
    assert sorted(p.name for p in (tmp_path / "out").iterdir()) == good
    assert all(p.read_text() == "whole" for p in (tmp_path / "out").iterdir())


def test_what_is_begun_is_removed_when_ended_early(tmp_path):
    outcomes = run_jobs(fake_jobs(tmp_path, "a slow1 slow2"), make_fake_work, 2)
    assert next(outcomes).job.source.name == "a"
    outcomes.close()
    assert [p.name for p in (tmp_path / "out").iterdir()] == ["a.npz"]


def test_files_side_by_side_equal_one_at_a_time(folder, tmp_path, capsys):
    """And the broken file is listed, the exit code tells of it, and --resume leaves the rest alone."""
    for workers in (1, 2):
        assert main(f"retarget {folder} -o {tmp_path}/{workers} --workers {workers} --json".split()) == 1
        result = json.loads(capsys.readouterr().out)
        assert (result["files"], result["workers"]) == (2, workers)
        assert [Path(f["file"]).name for f in result["failed"]] == ["broken.npz"]
    for name in ("long.npz", "deep/short.npz"):
        one, two = (RobotTrajectory.load(tmp_path / str(n) / name) for n in (1, 2))
        np.testing.assert_array_equal(one.position, two.position)
    kept = (tmp_path / "1" / "long.npz").stat().st_mtime_ns
    (tmp_path / "1" / "deep" / "short.npz").unlink()
    assert main(f"retarget {folder} -o {tmp_path}/1 --workers 1 --resume".split()) == 1
    out = capsys.readouterr().out
    assert "1 files" in out
    assert "1 files were there already" in out
    assert (tmp_path / "1" / "long.npz").stat().st_mtime_ns == kept
    assert (tmp_path / "1" / "deep" / "short.npz").is_file()


def test_interrupted(folder, tmp_path, capsys, monkeypatch):
    """Ctrl-C: what is done is told and kept, the exit code is that of an interruption."""

    def interrupted(jobs, make_work, workers):
        outcomes = run_jobs(jobs, make_work, workers)
        yield next(outcomes)
        raise KeyboardInterrupt

    monkeypatch.setattr(retarget, "run_jobs", interrupted)
    assert main(f"retarget {folder} -o {tmp_path} --workers 1".split()) == 130
    captured = capsys.readouterr()
    assert "1 files, 60 frames" in captured.out.replace("61 frames", "60 frames")
    assert "2 files are left" in captured.out
    assert "--resume" in captured.err
    assert (tmp_path / "long.npz").is_file()


def test_options(folder, tmp_path, capsys):
    assert main(f"retarget {folder} -o {tmp_path}/t.npz".split()) == 4
    assert "give a folder" in capsys.readouterr().err
    assert main(f"retarget {folder} -o {tmp_path} --workers 0".split()) == 4
    assert "--workers is 0; it must be 1 or more" in capsys.readouterr().err


def test_parameters_count(folder, tmp_path, capsys):
    """--set reaches the composer: slower hands."""
    for speed in (1.5, 0.1):
        main(f"retarget {folder}/long.npz -o {tmp_path}/{speed}.npz --set safety.max_link_speed={speed}".split())
    fast, slow = (RobotTrajectory.load(tmp_path / f"{speed}.npz") for speed in (1.5, 0.1))
    assert np.abs(slow.velocity).max() < 0.7 * np.abs(fast.velocity).max()
