"""check_guarantees on small bags: a good one passes; each kind of violation is found and named."""

from __future__ import annotations

import numpy as np
import pytest
from bag_writing import BagWriter, joint_state, trajectory

from speech_gesture_pkg.cli.check import guarantees_text
from speech_gesture_pkg.trajectory import composer
from speech_gesture_pkg.trajectory.limits import MotionLimits
from speech_gesture_pkg.verification.bag_windows import commanded
from speech_gesture_pkg.verification.link_speed import arm_speeds
from speech_gesture_pkg.verification.motion_guarantees import check_guarantees, urdf_limits
from speech_gesture_pkg.verification.quintic import SampledTrajectory

NAMES = ("shoulder", "elbow", "wheel")
URDF = """<robot name="two">
  <joint name="shoulder" type="revolute"><limit lower="-1" upper="1" velocity="2" effort="1"/></joint>
  <joint name="elbow" type="revolute"><limit lower="0" upper="2" velocity="2" effort="1"/></joint>
  <joint name="wheel" type="continuous"><limit velocity="3" effort="1"/></joint>
  <joint name="plate" type="fixed"/>
</robot>"""
STEP = 0.05
TAIL = 0.4


def pose(t):
    """A smooth common motion [N, 3] with its derivatives, and where it ends: 0.3 sin(t) about each joint's middle."""
    t = np.asarray(t, float)[:, None]
    middle = np.array([0.0, 1.0, 0.0])
    return middle + 0.3 * np.sin(t), 0.3 * np.cos(t) + 0 * middle, -0.3 * np.sin(t) + 0 * middle


def window(begin: float, names=NAMES):
    """One window as a composer would send it: 0.2 s of the motion, then a quintic to rest 0.4 s later."""
    times = np.arange(0, 0.2 + 1e-9, STEP)
    p, v, a = (x[:, : len(names)].copy() for x in pose(begin + times))
    end = p[-1] + 0.5 * TAIL * v[-1]
    times = np.append(times, times[-1] + TAIL)
    p, v, a = (np.vstack([x, row]) for x, row in ((p, end), (v, 0 * end), (a, 0 * end)))
    return names, begin, times, p, v, a


def write(path, change=lambda i, parts: parts, count=12, lead=0.03):
    with BagWriter(path) as bag:
        for i in range(count):
            begin = 1.0 + 0.1 * i
            names, stamp, times, p, v, a = change(i, window(begin))
            message = trajectory(names, stamp, times, p, v, a)
            bag.write("/arm_controller/joint_trajectory", message, begin - lead)
    return path


def test_urdf_limits_are_read_from_the_xml():
    limits = urdf_limits(URDF)
    assert limits["elbow"] == (0.0, 2.0, 2.0)
    assert limits["wheel"] == (-np.inf, np.inf, 3.0)
    assert "plate" not in limits


def test_a_good_bag_passes(tmp_path):
    report = check_guarantees(write(tmp_path / "bag"), URDF, dict.fromkeys(NAMES, 5.0))
    assert report.kept, report.examples
    assert report.messages == 12
    assert report.least_lead == pytest.approx(0.03, abs=1e-6)
    # 0.3 cos(1) of 2 rad/s at the first knots; the way to rest is a little faster
    assert 0.3 * np.cos(1) / 2 <= report.worst["velocity_share"] < 0.12
    # the quintic through sampled sines misses them by far less than a milliradian
    assert report.worst["splice"] < 1e-5
    assert sorted(report.moving) == sorted(NAMES)
    assert report.as_dict()["joints_moving"] == 3


def spoil(key, row, value, at=5):
    """Change one number of one message: key is times, position, velocity or acceleration."""
    index = {"times": 2, "position": 3, "velocity": 4, "acceleration": 5}[key]

    def change(i, parts):
        if i == at:
            parts = list(parts)
            table = parts[index].copy()
            table[row] = value
            parts[index] = table
        return tuple(parts)

    return change


@pytest.mark.parametrize(
    ("kind", "change"),
    [
        ("finite", spoil("position", (2, 1), np.nan)),
        ("finite", spoil("acceleration", (0, 0), np.inf)),
        ("increasing", spoil("times", 2, STEP)),
        ("increasing", spoil("times", 3, 0.01)),
        ("tail", spoil("velocity", (-1, 1), 1e-3)),
        ("position", spoil("position", (-1, 0), 1.01)),
        ("position", spoil("position", (-1, 1), -0.01)),
        ("velocity", spoil("velocity", (2, 0), 2.1)),
        ("velocity", spoil("position", (2, 0), 0.9)),  # no point is too fast, but the way between them is
        ("acceleration", spoil("acceleration", (2, 0), 5.5)),
        ("continuous", spoil("position", 0, 0.002 + pose([1.5])[0][0])),
        ("continuous", spoil("velocity", (0, 0), 0.5)),
    ],
)
def test_each_kind_of_violation_is_found(tmp_path, kind, change):
    report = check_guarantees(write(tmp_path / "bag", change), URDF, dict.fromkeys(NAMES, 5.0))
    assert not report.kept
    assert kind in report.broken, report.examples
    assert "arm_controller" in report.examples[kind]


def test_a_window_that_starts_somewhere_else_is_a_jump(tmp_path):
    def change(i, parts):
        names, stamp, times, p, v, a = parts
        return names, stamp, times, p + (0.0011 if i == 5 else 0.0), v, a

    report = check_guarantees(write(tmp_path / "bag", change), URDF)
    assert report.broken["continuous"] == 2  # into it and out of it
    assert report.worst["splice"] == pytest.approx(0.0011, abs=2e-5)


def test_a_recording_may_begin_in_the_middle(tmp_path):
    """Its first window repeats what was sent before; nobody knows what that was."""
    report = check_guarantees(write(tmp_path / "bag", lead=-0.01), URDF)
    assert not report.broken


def composed(path, begin, late=0.0, jump=0.0, first=0):
    """Windows of the composer's spline from number `first` on; `begin` is the least lead that they begin with, s
    (negative: in the past)."""
    ones = np.ones(3)
    limits = MotionLimits(NAMES, np.array([-1.0, 0.0, -9.0]), np.array([1.0, 2.0, 9.0]), 2 * ones, 8 * ones)
    state = composer.start(limits, pose([0.0])[0][0], 1.0)
    with BagWriter(path) as bag:
        for k in range(60):
            now = 0.9 + 0.031 * k
            state = composer.commit(state, now, 0.035)
            time = composer.next_time(state)
            count = max(0, int(30 * (now + 0.3 - time)))
            swing = 0.25 * np.sin(4 * (time - 1.0 + np.arange(count) / 30))[:, None]
            state = composer.extend(state, pose([0.0])[0] + swing)
            state, w = composer.publish(state, now, 0.035, past=max(-begin, 0.0))
            if (now < 1.01 and k) or k < first:
                continue  # the controllers have not begun yet, or the recording has not
            position = w.position + (jump if k == 30 else 0.0)
            message = trajectory(NAMES, w.stamp, w.time_from_start, position, w.velocity, w.acceleration)
            bag.write(
                "/arm_controller/joint_trajectory",
                message,
                max(now + 0.001, 0.9 + 0.031 * 30 + late if k >= 30 else 0.0),
            )
    return path


def test_windows_that_begin_in_the_past_are_executed_exactly_by_all_rules(tmp_path):
    report = check_guarantees(composed(tmp_path / "bag", -0.06), URDF, dict.fromkeys(NAMES, 8.0))
    assert report.kept, report.examples
    assert 0.02 < report.least_lead < 0.2  # what is new begins so much later than the message comes
    assert {e.rule.distro for e in report.executed} == {"humble", "jazzy", "kilted", "newest"}
    assert {e.rate for e in report.executed} == {1000.0, 500.0, 100.0, 50.0}
    shares = [max(e.acceleration.values()) for e in report.executed]
    assert 0.3 < min(shares) <= max(shares) < 1.001  # of the catching up at the start
    assert "executed by the rules of humble, jazzy, kilted, newest at 50 to 1000 Hz" in guarantees_text(report)


@pytest.mark.parametrize("first", range(10, 40, 3))
def test_a_recording_that_begins_in_mid_motion_is_judged_from_its_first_window_on(tmp_path, first):
    report = check_guarantees(composed(tmp_path / "bag", -0.06, first=first), URDF, dict.fromkeys(NAMES, 8.0))
    assert report.kept, report.examples


def test_windows_that_begin_ahead_are_not_judged_by_what_is_executed(tmp_path):
    report = check_guarantees(composed(tmp_path / "bag", 0.0), URDF, dict.fromkeys(NAMES, 8.0))
    assert report.kept, report.examples
    assert report.executed == []
    assert "not judged" in guarantees_text(report)


def test_a_jump_is_executed_and_a_late_window_is_the_machines_fault(tmp_path):
    report = check_guarantees(composed(tmp_path / "jump", -0.06, jump=0.05), URDF, dict.fromkeys(NAMES, 8.0))
    assert {"continuous", "executed"} <= set(report.broken)
    assert not any(e.smooth for e in report.executed)
    report = check_guarantees(composed(tmp_path / "late", -0.06, late=0.6), URDF, dict.fromkeys(NAMES, 8.0))
    assert set(report.broken) == {"late", "executed"}
    assert "the machine was late: " in guarantees_text(report)


def test_a_start_needs_time_for_its_way(tmp_path):
    """From standing the controller's own quintic leads there: 0.1 rad in 0.3 s are 0.63 rad/s and 6.4 rad/s^2."""
    for way, broken in ((0.1, False), (0.2, True)):
        with BagWriter(tmp_path / f"bag{way}") as bag:
            for k, begin in enumerate((1.0, 3.0)):
                still = np.tile([0.0, 1.0 + way * k, 0.0], (2, 1))
                message = trajectory(NAMES, begin, np.array([0.0, 0.4]), still, 0 * still, 0 * still)
                bag.write("/arm_controller/joint_trajectory", message, begin - 0.3)
        report = check_guarantees(tmp_path / f"bag{way}", URDF, dict.fromkeys(NAMES, 8.0))
        assert ("continuous" in report.broken) is broken
        assert report.worst["bridge"] == pytest.approx(way)


def test_other_joints_are_found(tmp_path):
    def swap(i, parts):
        return (("elbow", "shoulder", "wheel"), *parts[1:]) if i == 3 else parts

    def fewer(i, parts):
        return (NAMES[:2], parts[1], parts[2], *(x[:, :2] for x in parts[3:])) if i == 3 else parts

    def unknown(i, parts):
        return (("shoulder", "elbow", "tail"), *parts[1:])

    for k, change in enumerate((swap, fewer, unknown)):
        report = check_guarantees(write(tmp_path / f"bag{k}", change), URDF)
        assert report.broken["joints"] >= 1


def test_no_points_are_found(tmp_path):
    def empty(i, parts):
        return (parts[0], parts[1], [], [], [], []) if i == 3 else parts

    assert check_guarantees(write(tmp_path / "bag", empty), URDF).broken["joints"] == 1


def test_what_is_no_curve_is_named_and_the_rest_is_checked(tmp_path):
    def bare(i, parts):
        return (*parts[:5], np.zeros((len(parts[2]), 0))) if i == 2 else parts

    def lonely(i, parts):
        return (parts[0], parts[1], *(p[-1:] for p in parts[2:])) if i == 2 else parts

    def ragged(i, parts):
        return (*parts[:5], [*parts[5][:-1], parts[5][-1][:1]]) if i == 2 else parts

    lacks = "lack positions, velocities or acc"
    for k, (change, what) in enumerate(((bare, lacks), (ragged, lacks), (lonely, "of 1 points"))):
        report = check_guarantees(write(tmp_path / f"bag{k}", change), URDF)
        assert report.broken["points"] == 1
        assert what in report.examples["points"]
        assert "arm_controller" in report.examples["points"]
        assert report.moving


def test_numbers_that_are_no_robot_s_are_as_good_as_infinite(tmp_path):
    report = check_guarantees(write(tmp_path / "bag", spoil("acceleration", 2, 1e300)), URDF)
    assert report.broken["finite"] == 1
    assert np.isfinite([*report.worst.values()]).all()


def test_a_stamp_far_ahead_is_told_and_does_not_count(tmp_path):
    def ahead(i, parts):
        return (parts[0], parts[1] + 1e5, *parts[2:]) if i == 2 else parts

    report = check_guarantees(write(tmp_path / "bag", ahead), URDF)
    assert report.broken == {"future": 1}
    assert "stamped 100000 s ahead" in report.examples["future"]


def test_a_bag_without_trajectories_keeps_no_guarantee(tmp_path):
    with BagWriter(tmp_path / "bag") as bag:
        bag.write("/joint_states", joint_state(NAMES, 0.0, [0, 0, 0]), 0.0)
    report = check_guarantees(tmp_path / "bag", URDF)
    assert report.messages == 0
    assert not report.kept


def test_the_checkers_quintic_is_the_one_through_both_ends():
    """Against the boundary conditions solved as a linear system."""
    rng = np.random.default_rng(1)
    times = np.array([2.0, 2.3])
    p, v, a = rng.normal(size=(3, 2, 2))
    powers = np.vander(times - 2.0, 6, increasing=True)
    k = np.arange(6)
    shifted = np.hstack([np.zeros((2, 1)), powers[:, :-1]]) * k
    twice = np.hstack([np.zeros((2, 2)), powers[:, :-2]]) * k * (k - 1)
    x = np.linalg.solve(np.vstack([powers, shifted, twice]), np.vstack([p, v, a]))
    at = np.linspace(2.0, 2.3, 9)
    found = SampledTrajectory(times, p, v, a).at(at)
    u = np.vander(at - 2.0, 6, increasing=True)
    np.testing.assert_allclose(found[0], u @ x, atol=1e-12)
    np.testing.assert_allclose(found[1], np.hstack([np.zeros((9, 1)), u[:, :-1]]) * k @ x, atol=1e-10)
    np.testing.assert_allclose(found[2], np.hstack([np.zeros((9, 2)), u[:, :-2]]) * k * (k - 1) @ x, atol=1e-8)
    np.testing.assert_allclose(SampledTrajectory(times, p, v, a).at([0.0, 9.0])[0], p)


ARM_URDF = """<robot name="two">
  <link name="base"/><link name="upper"/><link name="fore"/><link name="palm"/><link name="finger"/>
  <joint name="shoulder" type="revolute"><parent link="base"/><child link="upper"/><axis xyz="0 0 1"/>
    <limit lower="-1" upper="1" velocity="2" effort="1"/></joint>
  <joint name="elbow" type="revolute"><parent link="upper"/><child link="fore"/><origin xyz="0.4 0 0"/>
    <axis xyz="0 0 1"/><limit lower="0" upper="2" velocity="2" effort="1"/></joint>
  <joint name="hold" type="fixed"><parent link="fore"/><child link="palm"/><origin xyz="0.3 0 0"/></joint>
  <joint name="wheel" type="continuous"><parent link="palm"/><child link="finger"/><origin xyz="0.1 0 0"/>
    <axis xyz="0 1 0"/><limit velocity="3" effort="1"/></joint></robot>"""
ARMS = [("shoulder", "elbow")]


def test_link_speeds_are_those_of_the_whole_arm():
    """A planar arm in closed form: |0.4 a' + r (a' + b') e^(ib)| for the point r beyond the elbow."""
    rng = np.random.default_rng(2)
    a, b, w, da, db, dw = rng.normal(0, 1, (6, 9))
    position, velocity = ({"shoulder": x, "elbow": y, "wheel": z} for x, y, z in ((a, b, w), (da, db, dw)))
    found = arm_speeds(ARM_URDF, ARMS, position, velocity)
    assert set(found) == {"fore", "palm", "finger"}  # the wheel is a finger: it counts as still
    for link, r in (("fore", 0.0), ("palm", 0.3), ("finger", 0.4)):
        np.testing.assert_allclose(found[link], np.abs(0.4 * da + r * (da + db) * np.exp(1j * b)), atol=1e-12)


def split(path):
    """Shoulder and elbow in two controllers."""
    with BagWriter(path) as bag:
        for i in range(12):
            names, stamp, times, p, v, a = window(1.0 + 0.1 * i)
            for topic, part in (("left", [0]), ("right", [1, 2])):
                message = trajectory([names[j] for j in part], stamp, times, p[:, part], v[:, part], a[:, part])
                bag.write(f"/{topic}/joint_trajectory", message, stamp - 0.03)
    return path


def test_too_fast_links_are_found_across_controllers(tmp_path):
    bag = split(tmp_path / "bag")
    report = check_guarantees(bag, ARM_URDF, arms=ARMS, link_speed=0.5)
    assert report.kept, report.examples
    # At the first point both joints turn with 0.3 cos(1) rad/s, the elbow bent by 1 + 0.3 sin(1).
    first = np.abs(0.3 * np.cos(1.0) * (0.4 + 0.8 * np.exp(1j * (1.0 + 0.3 * np.sin(1.0)))))
    assert first <= report.worst["link_speed"] < 1.5 * first
    broken = check_guarantees(bag, ARM_URDF, arms=ARMS, link_speed=0.1)
    assert set(broken.broken) == {"link_speed"}
    assert "m/s" in broken.examples["link_speed"]


def test_the_commanded_motion_takes_each_window_from_its_first_point_on():
    times = np.array([0.0, 1.0])
    ramps = [SampledTrajectory(times + t, *np.array([[[t], [t + 1]], [[1], [1]], [[0], [0]]], float)) for t in (0, 0.5)]
    t, p, v = commanded({"a": ramps}, {"a": ["x"]})
    np.testing.assert_allclose(p["x"], t, atol=1e-12)
    np.testing.assert_allclose(v["x"][1:-1], 1.0, atol=1e-12)
