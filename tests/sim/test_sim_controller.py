"""The simulated joint_trajectory_controller against splines from scipy and against the rules of each distribution."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.interpolate import BPoly, CubicHermiteSpline

from speech_gesture_pkg.errors import ConfigError
from speech_gesture_pkg.sim.controller import ControllerSettings, SimController
from speech_gesture_pkg.sim.rules import RULES, Goal, rules_of

DISTROS = tuple(RULES)
JOINTS = ("a", "b")
EMPTY: tuple[tuple[float, ...], ...] = ()


def goal(times, position, velocity=None, acceleration=None, stamp=None, names=JOINTS, effort=EMPTY):
    """A Goal; arrays [P, J], None for an empty field."""
    none = [()] * len(times)
    rows = [none if x is None else np.asarray(x, float).tolist() for x in (position, velocity, acceleration)]
    return Goal(tuple(names), stamp, np.asarray(times, float), *rows, efforts=effort)


def controller(distro="newest", **kwargs) -> SimController:
    return SimController(JOINTS, rules_of(distro), ControllerSettings(**kwargs))


def wave(t):
    """Analytic reference: two joints, with derivatives."""
    t = np.asarray(t, float)[:, None]
    w, p, amp = np.array([5.0, 7.0]), np.array([0.0, 0.8]), np.array([0.4, 0.25])
    x = w * t + p
    return amp * np.sin(x), amp * w * np.cos(x), -amp * w**2 * np.sin(x)


def run_windows(distro, lead, from_desired=True, lag=0.0, stamp_zero=False, latency=0.0025):
    """Overlapping 0.4 s windows of `wave` every 32 ms, seen every 2 ms.

    Returns time [N], measured positions [N, 2] and references [N, 2], the first 0.3 s left out.
    """
    sim = SimController(
        JOINTS,
        rules_of(distro),
        ControllerSettings(from_desired=from_desired, lag=lag, allow_nonzero_end=True),
        initial=wave([0.0])[0][0],
    )
    grid = np.arange(0.0, 0.4, 1 / 30)
    seen = []
    for step in range(1500):
        now = 0.002 * step + 0.0005
        if step % 16 == 0:
            sent = now - latency
            sim.receive(goal(grid, *wave(sent + lead + grid), None if stamp_zero else sent + lead), now)
        sim.advance(now)
        seen.append((sim.time, *sim.position, *sim.desired))
    table = np.array(seen)[150:]
    return table[:, 0], table[:, 1:3], table[:, 3:]


@pytest.mark.parametrize("distro", ["jazzy", "newest"])
def test_interpolation_is_that_of_scipy(distro):
    rng = np.random.default_rng(3)
    times = np.array([0.1, 0.25, 0.45, 0.7])
    p, v, a = rng.normal(size=(3, 4, 2))
    v[-1] = 0.0
    at = np.linspace(0.1, 0.699, 57)
    expected = {
        "linear": np.stack([np.interp(at, times, p[:, j]) for j in range(2)], 1),
        "cubic": CubicHermiteSpline(times, p, v)(at),
        "quintic": BPoly.from_derivatives(times, np.stack([p, v, a], 1))(at),
    }
    for kind, fields in {"linear": (p,), "cubic": (p, v), "quintic": (p, v, a)}.items():
        sim = controller(distro)
        assert sim.receive(goal(times, *fields, stamp=0.0 + 1e-12), 0.0) is None
        sim.advance(0.01)
        got = sim._spline.sample(at)[0]
        np.testing.assert_allclose(got, expected[kind], atol=1e-9, err_msg=kind)


def test_derivatives_are_those_of_the_position():
    rng = np.random.default_rng(4)
    p, v, a = rng.normal(size=(3, 3, 2))
    v[-1] = 0.0
    sim = controller()
    sim.receive(goal([0.2, 0.4, 0.6], p, v, a), 0.0)
    sim.advance(0.01)
    at = np.linspace(0.22, 0.58, 40)
    h = 1e-5
    q, dq, ddq = sim._spline.sample(at)
    up, down = sim._spline.sample(at + h)[0], sim._spline.sample(at - h)[0]
    np.testing.assert_allclose(dq, (up - down) / (2 * h), atol=1e-5)
    np.testing.assert_allclose(ddq, (up - 2 * q + down) / h**2, atol=2e-2)


@pytest.mark.parametrize("distro", DISTROS)
@pytest.mark.parametrize("from_desired", [True, False])
def test_future_windows_are_followed(distro, from_desired):
    time, position, _ = run_windows(distro, 0.04, from_desired)
    # at most two control cycles (2 ms) early or late, and no further off than 1e-3 rad
    shifts = np.linspace(-0.002, 0.002, 17)
    errors = np.stack([np.abs(position - wave(time - d)[0]) for d in shifts])
    assert errors.min(axis=0).max() < 1e-3


@pytest.mark.parametrize("distro", DISTROS)
def test_stamp_zero_is_late(distro):
    time, good, _ = run_windows(distro, 0.04)
    _, bad, _ = run_windows(distro, 0.0, stamp_zero=True)
    reference = wave(time)[0]
    # transport latency becomes tracking error: 2.5 ms at 2 rad/s is 5e-3 rad
    assert np.abs(bad - reference).max() > 5e-3
    assert np.sqrt(np.mean((bad - reference) ** 2)) > 2 * np.sqrt(np.mean((good - reference) ** 2))


@pytest.mark.parametrize("distro", ["humble", "jazzy"])
def test_measured_start_jerks_where_joints_lag(distro):
    """The default of starting from the measured state breaks the reference at every window."""

    def jerk(from_desired):
        _, _, reference = run_windows(distro, 0.04, from_desired, lag=0.05)
        return np.abs(np.diff(reference[:, 0], n=3)).max()

    assert jerk(False) > 10 * jerk(True)


def test_a_lagging_joint_settles_as_first_order():
    sim = controller(lag=0.1)
    sim.receive(goal([1e-6], [[1.0, -2.0]]), 0.0)
    sim.advance(0.301)
    np.testing.assert_allclose(sim.position, np.array([1.0, -2.0]) * (1 - np.exp(-3.0)), rtol=0.02)


BASE = ([0.1, 0.2], [[0.0, 0.0], [0.1, 0.1]])


@pytest.mark.parametrize("distro", DISTROS)
@pytest.mark.parametrize(
    ("reason", "bad"),
    [
        ("joints", goal([0.1], [[0.0]], names=["a"])),
        ("joints", goal([0.1], [[0.0, 0.0]], names=["a", "c"])),
        ("joints", goal([0.1], [[]], names=[])),
        ("empty", goal([], np.zeros((0, 2)))),
        ("time", goal([0.2, 0.2], BASE[1])),
        ("time", goal([0.2, 0.1], BASE[1])),
        ("past", goal(*BASE, stamp=1.0)),
        ("size", Goal(JOINTS, None, np.array([0.1]), [[0.0]], [[]], [[]])),
        ("size", Goal(JOINTS, None, np.array([0.1]), [[0.0, 0.0]], [[0.0]], [[]])),
        ("effort", goal(*BASE, effort=[[1.0, 1.0]] * 2)),
    ],
)
def test_rejections(distro, reason, bad):
    sim = controller(distro)
    no = sim.receive(bad, 10.0)
    assert no is not None
    assert no.reason == reason
    assert sim.rejected == {reason: 1}
    assert sim.accepted == 0


def test_end_velocity_is_refused_from_jazzy_on():
    moving = goal(BASE[0], BASE[1], [[0.0, 0.0], [0.0, 0.2]])
    assert controller("humble").receive(moving, 0.0) is None
    for distro in ("jazzy", "kilted", "newest"):
        no = controller(distro).receive(moving, 0.0)
        assert no is not None
        assert "velocity of b is 0.2" in no.sentence
        assert controller(distro, allow_nonzero_end=True).receive(moving, 0.0) is None


def test_nan_is_accepted_and_counted():
    sim = controller()
    assert sim.receive(goal([0.1], [[np.nan, 0.0]]), 0.0) is None
    assert sim.nonfinite == 1


@pytest.mark.parametrize(("distro", "jumps"), [("humble", True), ("jazzy", True), ("newest", False)])
def test_a_start_in_the_past(distro, jumps):
    """Humble and Jazzy join the trajectory where it should be by now; the newest starts it now."""
    sim = controller(distro, from_desired=True)
    sim.receive(goal([0.1, 0.5, 1.5], [[0.0, 0.0], [1.0, 1.0], [2.0, 2.0]], np.zeros((3, 2)), np.zeros((3, 2))), 0.0)
    sim.advance(0.05)
    t = np.array([0.0, 0.4, 1.0])
    p = np.stack([1.0 + t, 1.0 + t], 1)
    v = np.array([[1.0, 1.0], [1.0, 1.0], [0.0, 0.0]])
    sim.receive(goal(t, p, v, stamp=0.05 - 0.2), 0.05)

    sim.advance(0.0525)
    assert sim.late == 1
    assert sim.position[0] == pytest.approx(1.2 if jumps else 1.0, abs=0.01)


def test_partial_goals():
    both = goal([0.2, 1.0], [[0.5, 0.5], [1.0, 1.0]], np.zeros((2, 2)), np.zeros((2, 2)))
    only_b = goal([0.2, 0.4], [[-1.0], [-1.0]], np.zeros((2, 1)), np.zeros((2, 1)), names=["b"])
    for distro, a_end in (("jazzy", None), ("newest", 1.0)):
        sim = controller(distro, allow_partial=True, from_desired=True)
        sim.receive(both, 0.0)
        sim.advance(0.1)
        held = sim.desired[0]
        assert sim.receive(only_b, 0.1) is None
        sim.advance(3.0)
        # Jazzy holds the joints that are not named; the newest lets them finish the old trajectory
        assert sim.position[0] == pytest.approx(held if a_end is None else a_end, abs=0.01)
        assert sim.position[1] == pytest.approx(-1.0, abs=1e-9)


def test_joint_order_of_the_message_is_respected():
    sim = controller()
    sim.receive(goal([0.1], [[1.0, 2.0]], names=["b", "a"]), 0.0)
    sim.advance(1.0)
    np.testing.assert_allclose(sim.position, [2.0, 1.0])


def test_result_does_not_depend_on_how_often_it_is_asked():
    ends = []
    for step in (0.001, 0.0137, 0.31):
        sim = controller("jazzy", lag=0.03)
        sim.receive(goal([0.2, 0.8], [[0.5, 0.1], [1.0, 0.3]]), 0.0)
        t = 0.0
        while t < 0.62:
            t = min(t + step, 0.62)
            sim.advance(t)
        ends.append(sim.position)
    np.testing.assert_allclose(ends[1], ends[0], atol=1e-12)
    np.testing.assert_allclose(ends[2], ends[0], atol=1e-12)


def test_restart_holds_the_measured_position():
    sim = controller()
    sim.receive(goal([1.0], [[1.0, 1.0]]), 0.0)
    sim.advance(0.5)
    here = sim.position.copy()
    sim.restart(100.0)
    sim.advance(101.0)
    np.testing.assert_array_equal(sim.position, here)


def test_unknown_distro_names_the_choices():
    with pytest.raises(ConfigError, match="'foxy' is unknown; it must be one of: humble, jazzy, kilted, newest"):
        rules_of("foxy")
