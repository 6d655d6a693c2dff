"""The motion guarantees, for any targets, any timing, any limits (hypothesis)."""

from __future__ import annotations

import numpy as np
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from trajectory_checks import Controller, assert_inside, compose_offline, dense

from speech_gesture_pkg.trajectory import composer, stop
from speech_gesture_pkg.trajectory.limits import MotionLimits

RUN = settings(max_examples=100, deadline=None, suppress_health_check=list(HealthCheck))
KINDS = ("sine", "chirp", "jump", "noise", "constant", "nan", "partly nan", "inf", "huge", "edge")


@st.composite
def limits_and_start(draw) -> tuple[MotionLimits, np.ndarray]:
    joints = draw(st.integers(1, 5))
    rng = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    lower = rng.uniform(-3, 1, joints)
    upper = lower + 10 ** rng.uniform(-2, 0.7, joints)
    velocity = 10 ** rng.uniform(-1, 1, joints)
    acceleration = 10 ** rng.uniform(-0.3, 2, joints)
    order = rng.permutation(joints)
    cuts = sorted(set(rng.integers(0, joints + 1, 2).tolist()))
    limbs = tuple(tuple(int(j) for j in part) for part in np.split(order, cuts) if len(part))
    limits = MotionLimits(tuple(f"j{i}" for i in range(joints)), lower, upper, velocity, acceleration, limbs)
    where = draw(st.sampled_from(("inside", "edge", "outside")))
    q0 = {"inside": rng.uniform(lower, upper), "edge": upper, "outside": upper + rng.uniform(0, 0.1, joints)}[where]
    return limits, q0


def make_targets(kind: str, times: np.ndarray, limits: MotionLimits, rng: np.random.Generator) -> np.ndarray:
    count, joints = len(times), len(limits.lower)
    middle, half = (limits.upper + limits.lower) / 2, (limits.upper - limits.lower) / 2
    wave = rng.uniform(0, 6, joints)
    t = times[:, None]
    if kind == "sine":
        return middle + 1.3 * half * np.sin(2 * np.pi * rng.uniform(0.1, 15) * t + wave)
    if kind == "chirp":
        return middle + half * np.sin(np.pi * 5 * t * t + wave)
    if kind == "jump":
        return middle + half * rng.choice([-1.0, 1.0], (count, joints))
    if kind == "noise":
        return middle + half * rng.normal(0, 1, (count, joints))
    if kind == "constant":
        return np.repeat((middle + half * rng.uniform(-1, 1, joints))[None], count, axis=0)
    if kind == "edge":
        return np.repeat(np.where(rng.random(joints) < 0.5, limits.lower, limits.upper)[None], count, axis=0)
    if kind == "huge":
        return rng.choice([-1e300, 1e300, 5.0], (count, joints))
    values = middle + half * rng.uniform(-1, 1, (count, joints))
    bad = np.inf * rng.choice([-1, 1], (count, joints)) if kind == "inf" else np.full((count, joints), np.nan)
    return np.where(rng.random((count, joints)) < (0.3 if kind == "partly nan" else 1.0), bad, values)


CYCLES = st.lists(
    st.tuples(
        st.sampled_from((0.0, 0.004, 0.02, 1 / 30, 0.05, 0.1, 0.35, 1.0, 7.0)),  # time since the last cycle
        st.integers(0, 12),  # targets given
        st.sampled_from(KINDS),
        st.sampled_from(("publish", "publish", "publish", "silent", "hold", "commit twice", "extend late", "discard")),
    ),
    min_size=1,
    max_size=25,
)


@RUN
@given(limits_and_start(), CYCLES, st.integers(0, 2**32 - 1), st.sampled_from((0.01, 1 / 30, 1 / 20)))
def test_every_window_keeps_the_guarantees(setup, cycles, seed, dt):
    limits, q0 = setup
    rng = np.random.default_rng(seed)
    lead, now = rng.uniform(0.0, 0.15), rng.uniform(-50, 50)
    state = composer.start(limits, q0, now, dt)
    controller = Controller(limits)
    executed = {}
    sent = state
    for pause, count, kind, action in cycles:
        now += pause * rng.uniform(0.5, 1.5)
        if action != "extend late":
            state = composer.commit(state, now, lead)
        if action == "commit twice":
            state = composer.commit(state, now, lead)
        if state.last_index * dt < (now - state.grid) + 1.0:
            times = composer.next_time(state) + dt * np.arange(count)
            state = composer.extend(state, make_targets(kind, times, limits, rng))
        if action == "silent":
            continue
        if action == "discard":  # and nothing sent until the next cycle
            state = composer.discard(sent)
            continue
        if action == "hold":
            state, window = stop.hold(state, now, lead)
        else:
            state, window = composer.publish(state, now, lead)
        controller.receive(window, now, lead)
        sent = state
        assert len(state.points) < 4.5 / dt + 200
        # The state reports what the controller really executed.
        for t in np.linspace(now - 0.3, now + lead, 4):
            if t >= controller.windows[0].stamp:
                executed[t] = controller.position(t)
                np.testing.assert_allclose(composer.positions_at(state, t), executed[t], atol=1e-8)
    # The node dies: the last window alone brings the robot to rest (asserted for each window by the controller).


@RUN
@given(limits_and_start(), CYCLES, st.integers(0, 2**32 - 1))
def test_the_plain_window_keeps_the_guarantees_in_the_order_commit_extend_window(setup, cycles, seed):
    limits, q0 = setup
    rng = np.random.default_rng(seed)
    now = 0.0
    state = composer.start(limits, q0, now)
    controller = Controller(limits)
    for pause, count, kind, _ in cycles:
        now += pause
        state = composer.commit(state, now, 0.05)
        times = composer.next_time(state) + np.arange(count) / 30
        state = composer.extend(state, make_targets(kind, times, limits, rng))
        controller.receive(composer.window(state, now, 0.05), now, 0.05)


@RUN
@given(limits_and_start(), CYCLES, st.integers(0, 2**32 - 1))
def test_frozen_knots_are_the_same_in_the_next_window(setup, cycles, seed):
    limits, q0 = setup
    rng = np.random.default_rng(seed)
    now, before, frozen = 0.0, None, 0
    state = composer.start(limits, q0, now)
    for pause, count, kind, _ in cycles:
        now += min(pause, 0.1)
        state = composer.commit(state, now, 0.05)
        times = composer.next_time(state) + np.arange(count) / 30
        state, window = composer.publish(composer.extend(state, make_targets(kind, times, limits, rng)), now, 0.05)
        if before is not None:
            shift = round((window.stamp - before.stamp) * 30)
            same = max(0, frozen - shift)
            for key in ("position", "velocity", "acceleration"):
                had, got = getattr(before, key)[shift : shift + same], getattr(window, key)[:same]
                np.testing.assert_allclose(got[: len(had)], had[: len(got)], rtol=0, atol=1e-12)
        # All knots before the last target's own that was sent are settled.
        frozen = state.sent - round((window.stamp - state.grid) * 30)
        before = window


@RUN
@given(limits_and_start(), st.sampled_from(KINDS), st.integers(0, 2**32 - 1))
def test_the_stop_trajectory_ends_at_the_rest_pose_inside_all_limits(setup, kind, seed):
    limits, q0 = setup
    rng = np.random.default_rng(seed)
    state = composer.start(limits, q0, 0.0)
    state = composer.extend(state, make_targets(kind, np.arange(15) / 30, limits, rng))
    controller = Controller(limits)
    state, window = composer.publish(state, 0.0, 0.05)
    controller.receive(window, 0.0, 0.05)
    rest = rng.uniform(limits.lower, limits.upper)
    _, last = stop.stop_trajectory(state, 0.2, 0.05, rest)
    controller.receive(last, 0.2, 0.05)
    np.testing.assert_allclose(last.position[-1], rest, atol=1e-6)


@RUN
@given(limits_and_start(), st.lists(st.sampled_from(KINDS), min_size=1, max_size=6), st.integers(0, 2**32 - 1))
def test_whole_files_keep_the_limits_and_end_at_rest(setup, kinds, seed):
    limits, _ = setup
    rng = np.random.default_rng(seed)
    targets = np.concatenate([make_targets(k, np.arange(20) / 25, limits, rng) for k in kinds])
    targets[0] = np.clip(np.nan_to_num(targets[0]), limits.lower, limits.upper)
    made = compose_offline(targets, 25.0, limits)
    assert_inside(limits, made.position, made.velocity, made.acceleration)
    assert len(made.time) >= len(targets) - 1
    for edge in (0, -1):
        assert (made.velocity[edge] == 0).all()
        assert (made.acceleration[edge] == 0).all()


@RUN
@given(limits_and_start(), CYCLES, st.integers(0, 2**32 - 1))
def test_limits_hold_with_a_collision_test_and_braking_is_the_only_reaction_to_a_broken_one(setup, cycles, seed):
    limits, q0 = setup
    rng = np.random.default_rng(seed)
    middle = (limits.lower + limits.upper) / 2

    def distance(q: np.ndarray) -> np.ndarray:
        values = np.abs(q - middle).sum(axis=1) - 0.2
        return np.where(rng.random(len(q)) < 0.1, np.nan, values)

    now = 0.0
    state = composer.start(limits, q0, now)
    controller = Controller(limits)
    for pause, count, kind, _ in cycles[:10]:
        now += pause
        state = composer.commit(state, now, 0.05)
        times = composer.next_time(state) + np.arange(count) / 30
        state = composer.extend(state, make_targets(kind, times, limits, rng), distance, 0.02)
        state, window = composer.publish(state, now, 0.05)
        controller.receive(window, now, 0.05)


@RUN
@given(limits_and_start(), st.integers(0, 2**32 - 1), st.sampled_from(KINDS))
def test_a_forbidden_region_is_never_entered(setup, seed, kind):
    limits, q0 = setup
    rng = np.random.default_rng(seed)
    wall = 0.5 * (np.clip(q0, limits.lower, limits.upper)[0] + limits.lower[0])

    def distance(q: np.ndarray) -> np.ndarray:
        return np.where(q[:, 0] >= wall - 1e-9, 1.0, -1.0)

    state = composer.start(limits, q0, 0.0)
    for _ in range(4):
        targets = make_targets(kind, np.arange(15) / 30, limits, rng)
        state = composer.extend(state, targets, distance)
    position, _, _ = dense(composer.window(state, state.grid, 0.0))
    assert (position[:, 0] >= wall - 1e-8).all()


@RUN
@given(limits_and_start(), st.integers(0, 2**32 - 1))
def test_a_step_is_reached_straight_and_without_overshoot(setup, seed):
    limits, q0 = setup
    rng = np.random.default_rng(seed)
    begin = np.clip(q0, limits.lower, limits.upper)
    goal = rng.uniform(limits.lower, limits.upper)
    state = composer.start(limits, begin, 0.0)
    dt = state.dt
    way = np.abs(goal - begin)
    # Fastest bang-bang move of the slowest joint (limbs move together), plus the planning reserve.
    full = way / limits.velocity + limits.velocity / limits.acceleration
    short = 2 * np.sqrt(way / limits.acceleration)
    fastest = np.where(way > limits.velocity**2 / limits.acceleration, full, short)
    slowest = max(fastest)
    count = int(np.ceil(1.3 * slowest / dt)) + 8
    state = composer.extend(state, np.repeat(goal[None], count, axis=0))
    np.testing.assert_allclose(state.last, goal, atol=2e-9)
    position, _, _ = dense(composer.window(state, 0.0, 0.0))
    assert (position <= np.maximum(begin, goal) + 1e-8).all()
    assert (position >= np.minimum(begin, goal) - 1e-8).all()
    for limb in limits.limbs:
        limb = list(limb)
        line = goal[limb] - begin[limb]
        if np.linalg.norm(line) > 1e-6:
            along = (position[:, limb] - begin[limb]) @ line / (line @ line)
            np.testing.assert_allclose(position[:, limb] - begin[limb], along[:, None] * line, atol=1e-7)
