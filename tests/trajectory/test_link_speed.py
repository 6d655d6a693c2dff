"""The limit on the speed of hands, wrists and elbows: kept whatever is asked, in every stage (hypothesis)."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from test_composer_properties import CYCLES, KINDS, make_targets
from trajectory_checks import Controller, compose_offline, dense

from speech_gesture_pkg.errors import ConfigError
from speech_gesture_pkg.trajectory import composer, stop
from speech_gesture_pkg.trajectory.blend import PEAK_VELOCITY
from speech_gesture_pkg.trajectory.limits import MotionLimits
from speech_gesture_pkg.trajectory.link_speed_limit import LinkLimit

RUN = settings(max_examples=40, deadline=None, suppress_health_check=list(HealthCheck))
ALLOWED = 1.02
"""What the docs promise: the limit is kept to 2 %."""


@dataclass(frozen=True)
class PlanarPerson:
    """Two planar arms of three links on a turning waist, in closed form: joint 0 is the waist, then left, then right.

    With complex numbers, a point of an arm is e^(i w) (o + sum_k L_k e^(i (q_1 + ... + q_k))).
    """

    lengths: np.ndarray
    offsets: tuple[complex, complex] = (0.2j, -0.2j)

    def velocity(self, q: np.ndarray, dq: np.ndarray) -> np.ndarray:
        """Velocities of both arms' link ends as complex numbers. [N, 7] twice to [N, 6]."""
        turn, turning = np.exp(1j * q[:, :1]), dq[:, :1]
        ends = []
        for offset, part in zip(self.offsets, (slice(1, 4), slice(4, 7)), strict=True):
            bones = self.lengths * np.exp(1j * np.cumsum(q[:, part], 1))
            spot = offset + np.cumsum(bones, 1)
            moved = np.cumsum(1j * np.cumsum(dq[:, part], 1) * bones, 1)
            ends.append(turn * (1j * turning * spot + moved))
        return np.concatenate(ends, 1)

    def speeds(self, q: np.ndarray, dq: np.ndarray) -> np.ndarray:
        return np.abs(self.velocity(q, dq))

    @property
    def reach(self) -> np.ndarray:
        """Levers of the stretched arm. Shape [6, 7]."""
        reach = np.zeros((6, 7))
        for arm in range(2):
            for point in range(3):
                for joint in range(point + 1):
                    reach[3 * arm + point, 1 + 3 * arm + joint] = self.lengths[joint : point + 1].sum()
                reach[3 * arm + point, 0] = 0.2 + self.lengths[: point + 1].sum()
        return reach


@st.composite
def people(draw) -> tuple[PlanarPerson, MotionLimits]:
    rng = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    person = PlanarPerson(rng.uniform(0.08, 0.4, 3))
    velocity = 10 ** rng.uniform(0.0, 1.0, 7)
    acceleration = 10 ** rng.uniform(0.7, 1.8, 7)
    limbs = draw(st.sampled_from((((0,), (1, 2, 3), (4, 5, 6)), ((0, 1, 2, 3, 4, 5, 6),), ())))
    speed = draw(st.sampled_from((0.25, 0.7, 1.5, 3.0)))
    lower, upper = rng.uniform(-2.5, -0.3, 7), rng.uniform(0.3, 2.5, 7)
    links = LinkLimit(speed, person.reach, person.speeds)
    return person, MotionLimits(tuple("wabcdef"), lower, upper, velocity, acceleration, limbs, links)


def assert_slow(person: PlanarPerson, limits: MotionLimits, position: np.ndarray, velocity: np.ndarray) -> None:
    assert limits.links is not None
    assert person.speeds(position, velocity).max() <= limits.links.speed * ALLOWED


@RUN
@given(people(), CYCLES, st.integers(0, 2**32 - 1), st.sampled_from((0.01, 1 / 30, 1 / 20)))
def test_no_window_moves_a_point_too_fast_nor_breaks_another_limit(setup, cycles, seed, dt):
    person, limits = setup
    rng = np.random.default_rng(seed)
    now, lead = 0.0, 0.05
    state = composer.start(limits, rng.uniform(limits.lower, limits.upper), now, dt)
    controller = Controller(limits)
    for pause, count, kind, action in cycles:
        now += pause
        state = composer.commit(state, now, lead)
        times = composer.next_time(state) + dt * np.arange(count)
        state = composer.extend(state, make_targets(kind, times, limits, rng))
        if action == "discard":
            state = composer.discard(state)
        publish = stop.hold if action == "hold" else composer.publish
        state, window = publish(state, now, lead)
        controller.receive(window, now, lead)
        position, velocity, _ = dense(window, 4)
        assert_slow(person, limits, position, velocity)


@RUN
@given(people(), st.sampled_from(KINDS), st.integers(0, 2**32 - 1))
def test_the_way_to_rest_is_as_slow_and_arrives(setup, kind, seed):
    person, limits = setup
    rng = np.random.default_rng(seed)
    state = composer.start(limits, rng.uniform(limits.lower, limits.upper), 0.0)
    state = composer.extend(state, make_targets(kind, np.arange(15) / 30, limits, rng))
    rest = rng.uniform(limits.lower, limits.upper)
    _, window = stop.stop_trajectory(state, 0.2, 0.05, rest, stop.WayToRest(speed=3.0))
    position, velocity, _ = dense(window, 4)
    assert_slow(person, limits, position, velocity)
    np.testing.assert_allclose(window.position[-1], rest, atol=1e-6)


@RUN
@given(people(), st.lists(st.sampled_from(KINDS), min_size=1, max_size=3), st.integers(0, 2**32 - 1))
def test_whole_files_with_collision_tests_keep_it(setup, kinds, seed):
    person, limits = setup
    rng = np.random.default_rng(seed)
    targets = np.concatenate([make_targets(k, np.arange(20) / 30, limits, rng) for k in kinds])
    targets[0] = np.clip(np.nan_to_num(targets[0]), limits.lower, limits.upper)
    made = compose_offline(targets, 30.0, limits, distance=lambda q: q[:, 1] - q[:, 4] + 1.0, margin=0.02)
    assert_slow(person, limits, made.position, made.velocity)


def straight(speed: float | None, acceleration: float = 200.0) -> MotionLimits:
    """One joint with a hand 0.5 m away: the hand's speed is half of the joint's."""
    reach = np.array([[0.5]])
    links = None if speed is None else LinkLimit(speed, reach, lambda q, dq: 0.5 * np.abs(dq))
    return MotionLimits(
        ("a",), np.array([-3.0]), np.array([3.0]), np.array([20.0]), np.array([acceleration]), (), links
    )


def test_the_limit_is_used_up_where_it_binds():
    """A step of 2 rad with a hand that may move 1 m/s: 2 rad/s, less the reserves of 3 and 5 %."""
    state = composer.extend(composer.start(straight(1.0), np.zeros(1), 0.0), np.full((90, 1), 2.0))
    _, velocity, _ = dense(composer.window(state, 0.0, 0.0))
    assert 1.84 < np.abs(velocity).max() <= 2.0
    np.testing.assert_allclose(state.last, 2.0, atol=1e-8)


def test_motion_that_is_slow_enough_is_not_touched():
    targets = 0.3 * np.sin(2.0 * np.arange(90) / 30)[:, None]
    made = [compose_offline(targets, 30.0, straight(speed)).position for speed in (None, 1.0)]
    np.testing.assert_array_equal(*made)


def test_arms_are_slowed_rather_than_the_waist():
    """A fast left arm: neither the waist's slow sway nor the right arm waits for it."""
    person = PlanarPerson(np.array([0.3, 0.25, 0.1]))
    links = LinkLimit(1.0, person.reach, person.speeds)
    full = np.ones(7)
    limbs = ((0,), (1, 2, 3), (4, 5, 6))
    limits = MotionLimits(tuple("wabcdef"), -2 * full, 2 * full, 10 * full, 40 * full, limbs, links)
    t = np.arange(120)[:, None] / 30
    slow = 0.15 * (1 - np.cos(0.5 * t)) * np.array([1, 0, 0, 0, 0.5, 0.5, 0.5])
    fast = slow + 0.7 * (1 - np.cos(6.0 * t)) * np.array([0, 1, 1, 0, 0, 0, 0])
    made = compose_offline(fast, 30.0, limits).position[:118]
    calm = compose_offline(slow, 30.0, limits).position[:118]
    np.testing.assert_allclose(made[:, [0, 4, 5, 6]], calm[:, [0, 4, 5, 6]], atol=1e-9)
    assert np.abs(made[:, 1] - fast[:118, 1]).max() > 0.2


def test_blends_take_as_long_as_the_hand_needs():
    limit = straight(0.5).links
    # 2 rad at half a metre is 1 m; minimum jerk peaks at 1.875 of the mean speed.
    assert limit.blend_duration(np.zeros(1), np.full(1, 2.0), PEAK_VELOCITY) == pytest.approx(1.875 / 0.485)


def test_a_pose_outside_the_limits_is_left_as_slowly():
    """0.1 rad outside, half a metre of lever: a minimum-jerk move of 5 cm peaks at 1.875 of its mean speed."""
    begun = composer.start(straight(0.05), np.array([3.1]), 7.0)
    assert begun.grid == pytest.approx(7.0 + 1.875 * 0.05 / 0.05)
    assert composer.start(straight(None), np.array([3.1]), 7.0).grid == pytest.approx(7.0 + 1.875 * 0.1 / 0.2)


def test_a_limit_that_is_lowered_while_the_hand_is_fast_makes_it_brake():
    targets = np.linspace(0, 3.0, 46)[:, None]  # 2 rad/s, 1 m/s
    state = composer.extend(composer.start(straight(2.0), np.zeros(1), 0.0), targets)
    assert state.points[-1] - state.points[-2] > 0.06
    slower = replace(state, rules=composer.start(straight(0.25), np.zeros(1), 0.0).rules)
    # 200 rad/s^2 for 1.5 rad/s: two grid steps.
    after = composer.extend(slower, np.full((10, 1), 3.0)).points[-10:]
    assert np.diff(after[:, 0]).max() < 0.067
    assert np.diff(after[3:, 0]).max() * 30 * 0.5 <= 0.25


def test_wrong_limits_are_refused_by_name():
    with pytest.raises(ConfigError, match="link speed limit is 0"):
        LinkLimit(0.0, np.ones((1, 1)), lambda q, dq: dq)
    one, two = np.ones(1), LinkLimit(1.0, np.ones((1, 2)), lambda q, dq: dq)
    with pytest.raises(ConfigError, match="links is for 2 joints"):
        MotionLimits(("a",), -one, one, one, one, (), two)
