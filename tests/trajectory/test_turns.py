"""Continuous joints many turns from zero: the robot moves where it stands, and wrapped encoders are no jumps."""

from __future__ import annotations

import re
import warnings
from dataclasses import replace
from types import SimpleNamespace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pipeline_rig import CONTROLLERS, GROUPS, REST, ROBOT, Puppeteer, Stage, Talkative

from speech_gesture_pkg.config import GestureConfig, SafetyConfig
from speech_gesture_pkg.pipeline.build import clearance_of, layout_of, load_robot
from speech_gesture_pkg.pipeline.pipeline import Pipeline
from speech_gesture_pkg.pipeline.robot_interface import RobotInterface
from speech_gesture_pkg.pipeline.states import State
from speech_gesture_pkg.trajectory.deadlock import STEPS, StuckWatch
from speech_gesture_pkg.trajectory.layout import JointLayout, make_layout
from speech_gesture_pkg.trajectory.state import Counts, start
from speech_gesture_pkg.trajectory.turns import nearest_turn, turn_range

TURN = 2.0 * np.pi
WRIST, GRIPPER = 2, 3
MAPPED = (*GROUPS["left_arm"], *GROUPS["head"])


def robot_with_wrist(lower: float, upper: float) -> SimpleNamespace:
    robot = SimpleNamespace(**vars(ROBOT))
    robot.lower, robot.upper = ROBOT.lower.copy(), ROBOT.upper.copy()
    robot.lower[WRIST], robot.upper[WRIST] = lower, upper
    return robot


def layout_with_wrist(lower: float = -np.inf, upper: float = np.inf, rest: np.ndarray = REST) -> JointLayout:
    retargeter = Puppeteer()
    retargeter.rest = rest
    return make_layout(robot_with_wrist(lower, upper), retargeter, CONTROLLERS, SafetyConfig())


def standing(wrist: float) -> np.ndarray:
    return np.array([0.2, 0.5, wrist, 0.05, 0.1, 0.0])


@settings(max_examples=200, deadline=None)
@given(wrist=st.floats(-5000.0, 5000.0), rest=st.floats(-3.5, 3.5))
def test_a_continuous_joint_is_never_sent_farther_than_half_a_turn(wrist, rest):
    """The retargeter begins in its rest pose: both that first target and the rest pose are near."""
    poses = REST.copy()
    poses[WRIST] = rest
    layout, hold = layout_with_wrist(rest=poses), standing(wrist)
    first = layout.from_retargeter(poses[None], hold)[0]
    for target in (first, layout.rest_from(hold)):
        assert abs(target[WRIST] - wrist) <= np.pi + 1e-9
        turns = (target[WRIST] - rest) / TURN
        assert turns == pytest.approx(round(turns), abs=1e-9)
        np.testing.assert_array_equal(target[[0, 1, 4, 5]], REST[[0, 1, 3, 4]])  # the others have one place only
        assert target[GRIPPER] == hold[GRIPPER]


@settings(max_examples=200, deadline=None)
@given(wrist=st.floats(-60.0, 60.0), q=st.lists(st.floats(-8.0, 8.0), min_size=5, max_size=5))
def test_back_to_the_retargeter_is_the_inverse(wrist, q):
    layout, hold = layout_with_wrist(), standing(wrist)
    inside = layout.from_retargeter(np.array([q]), hold)[0]  # after clipping
    back = layout.to_retargeter(inside, hold, REST)
    np.testing.assert_allclose(layout.from_retargeter(back[None], hold)[0], inside, atol=1e-9)
    assert back[WRIST] == pytest.approx(q[WRIST], abs=1e-9)
    np.testing.assert_allclose(back[[0, 1, 3, 4]], inside[[0, 1, 4, 5]])


@settings(max_examples=300, deadline=None)
@given(
    lower=st.floats(-40.0, -0.5),
    upper=st.floats(0.5, 40.0),
    wrist=st.floats(-45.0, 45.0),
    rest=st.floats(-3.0, 3.0),
    excursion=st.floats(-np.pi, np.pi),
)
def test_finite_limits_are_kept_and_cut_nothing_off(lower, upper, wrist, rest, excursion):
    """What the retargeter may ask for within half a turn of its rest pose comes through whole."""
    poses = REST.copy()
    poses[WRIST] = np.clip(rest, lower, upper)
    layout, hold = layout_with_wrist(lower, upper, poses), standing(wrist)
    low, high = layout.limits.lower[WRIST], layout.limits.upper[WRIST]
    wanted = poses.copy()
    wanted[WRIST] = np.clip(layout.rest[WRIST] + excursion, low, high)
    got = layout.from_retargeter(wanted[None], hold)[0, WRIST]
    turns = (got - wanted[WRIST]) / TURN
    assert turns == pytest.approx(round(turns), abs=1e-6)
    assert low <= got <= high
    # No other number of turns that fits as well is nearer to where it stands.
    fits = [
        k
        for k in range(-9, 10)
        if low <= max(layout.rest[WRIST] - np.pi, low) + k * TURN + 1e-9
        and min(layout.rest[WRIST] + np.pi, high) + k * TURN <= high + 1e-9
    ]
    nearest = min(abs(layout.rest[WRIST] + k * TURN - wrist) for k in {0, *fits})
    assert abs(layout.rest_from(hold)[WRIST] - wrist) == pytest.approx(nearest, abs=1e-6)


def test_examples_in_numbers():
    # Six turns and 0.3 rad: six turns. A wrist of +-2 pi has no room for a whole turn, one of +-4 pi has for one.
    assert layout_with_wrist().turns(standing(6 * TURN + 0.3))[WRIST] == pytest.approx(6 * TURN)
    assert layout_with_wrist(-TURN, TURN).turns(standing(5.9))[WRIST] == 0.0
    assert layout_with_wrist(-2 * TURN, 2 * TURN).turns(standing(-5.9))[WRIST] == pytest.approx(-TURN)
    assert layout_with_wrist(-2 * TURN, 2 * TURN).turns(standing(-12.5))[WRIST] == pytest.approx(-TURN)
    assert list(layout_with_wrist().continuous) == [False, False, True, False, False, False]
    assert not layout_with_wrist(-50, 50).continuous.any()


def test_sliding_joints_have_no_turns():
    robot = robot_with_wrist(-40.0, 40.0)
    robot.prismatic = np.array([False, False, True, True, False, False])
    layout = make_layout(robot, Puppeteer(), CONTROLLERS, SafetyConfig())
    assert layout.turns(standing(20.0))[WRIST] == 0.0
    np.testing.assert_array_equal(turn_range(np.zeros(1), np.array([-40.0]), np.array([40.0]), np.array([False])), 0)


def test_a_pose_that_is_not_known_changes_nothing():
    hold = standing(np.nan)
    assert (layout_with_wrist().turns(hold) == 0.0).all()


@settings(max_examples=200, deadline=None)
@given(true=st.floats(-200.0, 200.0), reference=st.floats(-2.9, 2.9))
def test_a_wrapped_encoder_is_near_its_reference(true, reference):
    """A driver in [-pi, pi) loses whole turns; they come back from a reference that is within half a turn."""
    wrapped = (true + np.pi) % TURN - np.pi
    continuous = np.array([True, False])
    got = nearest_turn(np.array([wrapped, wrapped]), np.array([true + reference, 300.0]), continuous)
    assert got[0] == pytest.approx(true, abs=1e-6)
    assert got[1] == wrapped


def test_unknown_positions_stay_unknown():
    value, reference = np.array([np.nan, 7.0, 7.0]), np.array([1.0, np.nan, np.inf])
    np.testing.assert_array_equal(nearest_turn(value, reference, np.ones(3, bool)), value)


def started(wrist: float) -> tuple[Stage, float, np.ndarray]:
    """A robot whose continuous wrist stands at `wrist`: how long it takes to gesture, and where it went, [T, 6]."""
    config, puppeteer = GestureConfig(), Puppeteer()
    layout = layout_with_wrist()
    safety = config.safety
    acceleration = [safety.acceleration_arms] * 3 + [safety.acceleration_torso] + [safety.acceleration_head] * 2
    limits = (layout.limits.lower, layout.limits.upper, ROBOT.velocity, np.array(acceleration))
    generator = Talkative()

    def pipeline(steady):
        return Pipeline(config, generator, RobotInterface(layout=layout, retargeter=puppeteer), steady=steady)

    stage = Stage(pose=standing(wrist), pipeline=pipeline, limits=limits).activate()
    took = stage.until_state(State.GESTURING)
    path = []
    for _ in range(100):
        stage.speak(0.032)
        path.append(stage.robot)
    return stage, took, np.array(path)


def test_a_wrist_six_turns_away_starts_as_quickly_as_one_at_home():
    """The same motion, twelve pi away: approach, gestures, and the way to rest."""
    near, quick, home = started(0.3)
    far, took, away = started(6 * TURN + 0.3)
    assert took == pytest.approx(quick, abs=1e-9)
    shift = np.zeros(6)
    shift[WRIST] = 6 * TURN
    assert np.ptp(home[:, WRIST]) > 0.05  # it moves
    np.testing.assert_allclose(away - home, np.broadcast_to(shift, home.shape), atol=1e-8)
    for stage, rest in ((near, 0.0), (far, 6 * TURN)):
        stage.stop()
        assert stage.robot[WRIST] == pytest.approx(rest, abs=1e-3)


def test_a_wrist_at_forty_radians_is_not_unwound():
    """40 rad are 2.3 rad from the sixth turn; from there to zero it would take more than half a minute."""
    _, took, path = started(40.0)
    assert took < 8.0
    assert np.abs(path[:, WRIST] - 6 * TURN).max() < 2.0


def test_arms_with_continuous_wrists_are_as_clear_of_the_body_at_any_turn(demo_urdf):
    """The whole robot: nothing warns of infinite limits, and turns change no distance."""
    text = re.sub(r'("(?:left|right)_wrist_roll" type=")revolute', r"\1continuous", demo_urdf.read_text("utf-8"))
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        robot = load_robot(GestureConfig(), text)
        layout = layout_of(robot, {}, GestureConfig())
    names = np.array(layout.joint_names)[layout.continuous]
    assert sorted(names) == ["left_wrist_roll", "right_wrist_roll"]
    home = layout.rest_from(np.zeros(len(layout.joint_names)))
    away = layout.rest_from(np.where(layout.continuous, 40.0, 0.0))
    np.testing.assert_allclose((away - home)[layout.continuous], 6 * TURN)
    np.testing.assert_allclose((away - home)[~layout.continuous], 0.0)
    distance = clearance_of(robot, layout)
    np.testing.assert_allclose(distance(away[None]), distance(home[None]), atol=1e-9)


def test_a_composer_that_got_stuck_hands_back_the_retargeters_own_turn():
    """Handed back as it stands, the wrist would be moved by its six turns a second time."""
    layout, hold = layout_with_wrist(), standing(6 * TURN + 0.3)
    state = start(layout.limits, hold, 0.0)
    state = replace(state, counts=Counts(steps=STEPS, blocked=STEPS), target=hold + np.array([0.5, 0, 0, 0, 0, 0]))
    here = StuckWatch(layout, REST).look(state, hold)
    assert here is not None
    np.testing.assert_allclose(here, [0.2, 0.5, 0.3, 0.1, 0.0], atol=1e-9)
    np.testing.assert_allclose(layout.from_retargeter(here[None], hold)[0], hold, atol=1e-9)
