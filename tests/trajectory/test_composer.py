"""Behaviour of the composer in known situations: tracking, late targets, collision, controllers' own rules."""

from __future__ import annotations

import numpy as np
import pytest
from trajectory_checks import Controller, assert_window, make_limits, quintic, sample

from speech_gesture_pkg.errors import ConfigError, InputError
from speech_gesture_pkg.trajectory import composer
from speech_gesture_pkg.trajectory.collision_check import CollisionCheck
from speech_gesture_pkg.trajectory.limits import GridLimits

DT = 1 / 30
LEAD = 0.06


def run_live(limits, motion, seconds=3.0, ahead=6, q0=None, late=lambda k: False):
    """30 cycles a second; motion(times [N]) -> targets [N, J]. Yields (now, state, window)."""
    state = composer.start(limits, np.zeros(len(limits.lower)) if q0 is None else q0, 0.0)
    for k in range(int(seconds * 30)):
        now = k * DT
        state = composer.commit(state, now, LEAD)
        time = composer.next_time(state)
        count = max(0, round((now + ahead * DT - time) / DT)) if not late(k) else 0
        state = composer.extend(state, motion(time + DT * np.arange(count)))
        state, window = composer.publish(state, now, LEAD)
        yield now, state, window


def sine(amplitude, frequency, joints=3):
    return lambda t: amplitude * np.sin(2 * np.pi * frequency * t)[:, None] * np.ones(joints)


def test_feasible_targets_are_the_control_points():
    limits = make_limits(velocity=3.0, acceleration=10.0, limbs=((0, 1, 2),))
    motion = sine(0.4, 0.7)  # peaks at 1.8 rad/s and 7.7 rad/s^2
    *_, (_, state, _) = run_live(limits, motion)
    times = state.grid + DT * np.arange(state.first, state.last_index + 1)
    np.testing.assert_array_equal(state.points[-50:], motion(times)[-50:])
    # Only the catching up from rest is held back: the target alone uses 77 % of the acceleration limit.
    assert state.counts.limited < 30
    assert state.counts.steps > 80


@pytest.mark.parametrize("overshoot", [1.5, 4.0, 20.0])
def test_infeasible_sines_are_followed_without_running_away(overshoot):
    limits = make_limits(acceleration=10.0, limbs=((0, 1, 2),))
    frequency = np.sqrt(10.0 * overshoot / 0.4) / (2 * np.pi)
    largest = max(np.abs(state.last).max() for _, state, _ in run_live(limits, sine(0.4, frequency), 6.0))
    assert largest <= 1.3 * 0.4


def test_a_joint_that_stops_at_its_limit_does_not_stop_the_limb():
    limits = make_limits(upper=[2.0, 0.2, 2.0], velocity=4.0, acceleration=15.0, limbs=((0, 1, 2),))
    motion = sine(0.4, 0.6)
    worst = 0.0
    for _, state, _ in run_live(limits, motion, 5.0):
        if state.last_index > 40:
            target = motion(np.array([state.time_of(state.last_index)]))[0]
            worst = max(worst, np.abs(state.last - target)[[0, 2]].max())
    assert worst < 0.04


def test_a_limb_brakes_for_nan_while_the_others_go_on():
    limits = make_limits(joints=4, limbs=((0, 1), (2, 3)))
    motion = sine(0.4, 0.5, 4)
    state = composer.start(limits, np.zeros(4), 0.0)
    state = composer.extend(state, motion(DT * np.arange(2, 40)))
    broken = motion(DT * np.arange(40, 70))
    broken[:, 1] = np.inf
    state = composer.extend(state, broken)
    assert (state.points[-1, :2] == state.points[-2, :2]).all()
    np.testing.assert_array_equal(state.points[-1, 2:], broken[-1, 2:])
    assert state.counts.braked == 30
    state = composer.extend(state, motion(DT * np.arange(70, 110)))
    np.testing.assert_array_equal(state.points[-1], motion(DT * np.arange(109, 110))[0])


def test_a_late_generator_brakes_and_is_joined_again():
    limits = make_limits()
    motion = sine(0.4, 0.5)
    controller = Controller(limits)
    speeds = {}
    cycles = list(run_live(limits, motion, 4.0, late=lambda k: 40 <= k < 70))
    for now, _, window in cycles:
        controller.receive(window, now, LEAD)
        speeds[round(now * 30)] = np.abs(sample(window, now + LEAD + DT)[1]).max()
    assert speeds[65] == 0.0
    state = cycles[-1][1]
    assert state.counts.braked > 0
    np.testing.assert_array_equal(state.last, motion(np.array([state.time_of(state.last_index)]))[0])


def test_targets_that_came_too_late_to_be_sent_are_not_executed():
    """Extended behind the last window's end and committed over: the controller ran the tail, so the state must too."""
    limits = make_limits()
    controller = Controller(limits)
    state = composer.extend(composer.start(limits, np.zeros(3), 0.0), 0.03 * np.arange(1, 12)[:, None] * np.ones(3))
    state, window = composer.publish(state, 0.0, LEAD)
    controller.receive(window, 0.0, LEAD)
    state = composer.extend(state, np.ones((60, 3)))
    state, window = composer.publish(state, 1.0, LEAD)
    controller.receive(window, 1.0, LEAD)
    np.testing.assert_allclose(window.position[0], controller.windows[0].position[-1], atol=1e-12)


def test_discarded_targets_are_executed_until_the_next_window():
    limits = make_limits()
    controller = Controller(limits)
    state = composer.extend(composer.start(limits, np.zeros(3), 0.0), sine(0.5, 0.5)(DT * np.arange(2, 40)))
    state, window = composer.publish(state, 0.0, LEAD)
    controller.receive(window, 0.0, LEAD)
    state = composer.discard(state)
    assert composer.next_time(state) < 0.2
    state = composer.commit(state, 0.5, LEAD)
    # What the controllers have been executing meanwhile: the discarded targets.
    np.testing.assert_allclose(
        state.points[-1], sine(0.5, 0.5)(np.array([state.time_of(state.last_index)]))[0], atol=0.05
    )
    assert composer.next_time(state) == pytest.approx(0.5 + LEAD + 2 * DT, abs=DT)
    state, window = composer.publish(state, 0.5, LEAD)
    controller.receive(window, 0.5, LEAD)
    assert window.time_from_start[-1] <= max(0.4, composer.braking_time(limits)) + 3 * DT
    np.testing.assert_allclose(composer.stop_point(state), window.position[-1], atol=1e-12)


@pytest.mark.parametrize("seed", range(4))
def test_smooth_motion_along_position_limits_can_always_stop_inside(seed):
    rng = np.random.default_rng(seed)
    limits = make_limits(4, -0.5, 0.5, 4.0, rng.uniform(3, 30, 4), ((0, 1, 2, 3),))
    waves = [(rng.uniform(-0.6, 0.6, 4), rng.uniform(0.1, 2.5, 4), rng.uniform(0, 6, 4)) for _ in range(4)]
    state = composer.start(limits, np.zeros(4), 0.0)
    for t in DT * np.arange(2, 500):
        state = composer.extend(state, sum(a * np.sin(2 * np.pi * f * t + w) for a, f, w in waves)[None])
        tail = composer.tail(state)
        assert (np.abs(tail) <= 0.5).all()
        assert (np.abs(np.diff(tail, 2, axis=0)) <= limits.acceleration * DT**2).all()


def test_start_holds_still_and_start_outside_waits_for_a_slow_return():
    limits = make_limits()
    state = composer.start(limits, np.array([0.0, 2.1, -2.05]), 10.0)
    assert (np.abs(state.last) <= 2.0).all()
    # 0.1 rad at a peak of 0.2 rad/s by minimum jerk: 1.875 * 0.1 / 0.2 s before the reference begins.
    assert state.grid == pytest.approx(10.0 + 0.9375)
    state, window = composer.publish(state, 10.0, LEAD)
    assert window.stamp == pytest.approx(10.9375)
    assert_window(window, limits, 10.0, LEAD)
    assert (window.velocity == 0).all()
    inside = composer.start(limits, np.zeros(3), 10.0)
    assert inside.grid == 10.0
    assert composer.at_rest(inside)
    assert composer.at_rest(inside, np.array([0.0, np.nan, 0.0]))
    assert not composer.at_rest(inside, np.array([0.0, 0.1, 0.0]))


def test_input_errors_name_the_cause():
    limits = make_limits()
    with pytest.raises(InputError, match="j1 is not a finite number"):
        composer.start(limits, np.array([0, np.nan, 0]), 0.0)
    with pytest.raises(InputError, match=r"shape \(2,\)"):
        composer.start(limits, np.zeros(2), 0.0)
    state = composer.start(limits, np.zeros(3), 0.0)
    with pytest.raises(InputError, match=r"\[N, 3\]"):
        composer.extend(state, np.zeros(3))
    with pytest.raises(InputError, match="now is nan"):
        composer.commit(state, np.nan, LEAD)
    with pytest.raises(ConfigError, match="margin is -1"):
        composer.Composer(limits, distance=lambda q: q[:, 0], margin=-1)


def test_states_are_immutable_and_functions_pure():
    limits = make_limits()
    state = composer.start(limits, np.zeros(3), 0.0)
    with pytest.raises(ValueError, match="read-only"):
        state.points[0, 0] = 1.0
    one = composer.extend(state, np.full((5, 3), 0.3))
    two = composer.extend(state, np.full((5, 3), 0.3))
    np.testing.assert_array_equal(one.points, two.points)
    assert len(state.points) == 3


def test_targets_in_pieces_are_targets_at_once():
    limits = make_limits(limbs=((0, 2),))
    targets = np.random.default_rng(3).normal(size=(60, 3))
    state = composer.start(limits, np.zeros(3), 0.0)
    once = composer.extend(state, targets)
    for part in np.split(targets, [1, 7, 7, 30]):
        state = composer.extend(state, part)
    np.testing.assert_array_equal(state.points, once.points)


def test_memory_is_flat_over_hours_and_over_a_long_pause():
    limits = make_limits()
    sizes, now = [], 0.0
    state = composer.start(limits, np.zeros(3), 0.0)
    for k in range(2000):
        now += 3600.0 if k % 500 == 499 else DT
        state = composer.commit(state, now, LEAD)
        state = composer.extend(state, sine(0.5, 0.4)(composer.next_time(state) + np.zeros(1)))
        state, window = composer.publish(state, now, LEAD)
        sizes.append(len(state.points))
    assert max(sizes) < 90
    assert_window(window, limits, now, LEAD)


def test_a_clock_that_goes_back_does_not_break_the_window():
    limits = make_limits()
    *_, (now, state, _) = run_live(limits, sine(0.5, 0.5))
    for back in (0.1, 1.0, 100.0):
        again, window = composer.publish(state, now - back, LEAD)
        assert_window(window, limits, now - back, LEAD)
        assert again.last_index == state.last_index


def test_the_horizon_bounds_a_window_and_the_rest_comes_later():
    limits = make_limits()
    state = composer.extend(composer.start(limits, np.zeros(3), 0.0), sine(0.5, 0.4)(DT * np.arange(2, 600)))
    controller = Controller(limits)
    for k in range(60):
        state, window = composer.publish(state, k / 20, LEAD, horizon=0.5)
        controller.receive(window, k / 20, LEAD)
        assert window.time_from_start[-1] <= 0.5 + composer.braking_time(limits) + 3 * DT
    np.testing.assert_array_equal(state.points[-1], sine(0.5, 0.4)(np.array([599 * DT]))[0])


def test_a_window_can_be_cut_into_controllers():
    limits = make_limits()
    _, window = composer.publish(composer.start(limits, np.array([0.1, 0.2, 0.3]), 0.0), 0.0, LEAD)
    part = window.select([2, 0])
    assert part.joint_names == ("j2", "j0")
    np.testing.assert_allclose(part.position[0], [0.3, 0.1])
    made = part.trajectory()
    assert made.fps == pytest.approx(30)
    assert window.end == window.stamp + window.time_from_start[-1]


# --- self-collision ------------------------------------------------------------------------------------------------


def wall(q):
    """Distance to a wall that joints 0 (limb A) and 1 (limb B) approach with their sum; joint 2 has no part in it."""
    return 1.0 - (q[:, 0] + q[:, 1])


def test_motion_stops_before_a_collision_and_limbs_without_a_part_in_it_go_on():
    limits = make_limits()
    state = composer.start(limits, np.zeros(3), 0.0)
    calls = []

    def distance(q):
        calls.append(len(q))
        return wall(q)

    state = composer.extend(state, np.full((90, 3), 1.5), CollisionCheck(distance, 0.05))
    assert (wall(state.points) >= 0.05).all()
    assert wall(state.points[-1:]) < 0.15
    assert state.points[-1, 2] == 1.5
    assert state.counts.blocked > 0
    state = composer.extend(state, np.full((60, 3), -0.5), CollisionCheck(distance, 0.05))
    np.testing.assert_array_equal(state.last, -0.5)


def test_a_start_in_collision_may_only_be_left():
    limits = make_limits()
    q0 = np.array([0.8, 0.8, 0.0])  # distance -0.6
    deeper = composer.extend(composer.start(limits, q0, 0.0), np.full((60, 3), 1.2), CollisionCheck(wall))
    assert wall(deeper.points).min() >= -0.6 - 1e-6
    assert deeper.points[-1, 2] == 1.2
    out = composer.extend(composer.start(limits, q0, 0.0), np.zeros((60, 3)), CollisionCheck(wall))
    np.testing.assert_array_equal(out.last, 0.0)


def test_a_free_way_costs_one_call_of_the_distance():
    limits = make_limits()
    calls = []

    def distance(q):
        calls.append(len(q))
        return np.ones(len(q))

    state = composer.extend(composer.start(limits, np.zeros(3), 0.0), np.full((5, 3), 0.5), CollisionCheck(distance))
    assert len(calls) == 1
    assert calls[0] <= 1 + 5 * 7
    np.testing.assert_array_equal(
        state.points, composer.extend(composer.start(limits, np.zeros(3), 0.0), np.full((5, 3), 0.5)).points
    )


# --- joint_trajectory_controller -----------------------------------------------------------------------------------


class Emulated:
    """joint_trajectory_controller: quintic between points; what lies before the first point differs by version.

    `forgets` (Humble, Jazzy with interpolate_from_desired_state / open_loop_control): at each message the old
    trajectory is dropped and the desired state of that moment is joined to the first point. Otherwise (newest) the
    active trajectory goes on until the new stamp.
    """

    def __init__(self, q0, forgets):
        self.forgets = forgets
        zero = np.zeros_like(q0)
        self.points = [(-1e9, q0, zero, zero)]

    def desired(self, time):
        after = next((i for i, point in enumerate(self.points) if point[0] > time), None)
        if after is None:
            return self.points[-1][1:]
        t0, *begin = self.points[after - 1]
        t1, *end = self.points[after]
        return tuple(x[0] for x in quintic(t1 - t0, *begin, *end, [time - t0]))

    def receive(self, window, time):
        new = [
            (window.stamp + t, p, v, a)
            for t, p, v, a in zip(
                window.time_from_start, window.position, window.velocity, window.acceleration, strict=True
            )
        ]
        if self.forgets or self.points[-1][0] < time:
            old = [(time, *self.desired(time))]
        else:
            old = [point for point in self.points if point[0] < window.stamp - 1e-9]
        self.points = old + new


@pytest.mark.parametrize("forgets", [True, False])
@pytest.mark.parametrize("frequency", [0.5, 1.5])
def test_controllers_follow_the_reference_to_a_milliradian(forgets, frequency):
    limits = make_limits(joints=2, velocity=5.0, acceleration=60.0)
    rng = np.random.default_rng(0)
    robot = Emulated(np.zeros(2), forgets)
    arrivals = [(now + rng.uniform(0.001, 0.03), w) for now, _, w in run_live(limits, sine(0.4, frequency, 2))]
    *_, (_, state, _) = run_live(limits, sine(0.4, frequency, 2))
    worst, previous = 0.0, None
    for time in np.arange(1.2, 2.9, 0.004):
        while arrivals and arrivals[0][0] <= time:
            robot.receive(arrivals[0][1], arrivals[0][0])
            arrivals.pop(0)
        position = robot.desired(time)[0]
        worst = max(worst, np.abs(position - composer.positions_at(state, time)).max())
        if previous is not None:
            assert np.abs(position - previous).max() <= 5.0 * 0.004 + 1e-3
        previous = position
    assert worst < 1e-3


# --- speed -----------------------------------------------------------------------------------------------------------


@pytest.mark.bench
def test_a_cycle_of_49_joints_is_fast():
    import time

    limits = make_limits(joints=49, limbs=tuple(tuple(range(i, i + 7)) for i in range(0, 49, 7)))
    assert GridLimits.of(limits, DT).limb_of.max() == 6
    state = composer.start(limits, np.zeros(49), 0.0)
    took = []
    for k in range(200):
        begin = time.perf_counter()
        state = composer.commit(state, k * DT, LEAD)
        state = composer.extend(state, sine(1.0, 0.7, 49)(np.array([composer.next_time(state)])))
        state, _ = composer.publish(state, k * DT, LEAD)
        took.append(time.perf_counter() - begin)
    assert np.median(took) < 2e-3  # about 0.1 ms on one core of 2024
