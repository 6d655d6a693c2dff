"""DiffSHEG's noise schedule, samplers and out-painting, against closed forms and algorithms written out."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from benchmarks.paper_diffsheg import BEAT, SHOW, outpaint, paper_plan
from speech_gesture_pkg.errors import ConfigError
from speech_gesture_pkg.generators.diffsheg.clip_schedule import ClipPlan, fresh, live_plan
from speech_gesture_pkg.generators.diffsheg.config import DiffShegConfig
from speech_gesture_pkg.generators.diffsheg.denoiser import Given
from speech_gesture_pkg.generators.diffsheg.noise_schedule import NoiseSchedule, jumps
from speech_gesture_pkg.generators.diffsheg.samplers import DpmSolver, Foppas, Known, seeded_noise

SCHEDULE = NoiseSchedule()
MEAN, SPREAD = 0.7, 1.8


def gaussian(x, step):
    """The exact denoiser of independent numbers N(MEAN, SPREAD^2): E[x_0 | x_t]."""
    a, s = SCHEDULE.signal(step), SCHEDULE.noise(step)
    clean = MEAN + a * SPREAD**2 / (a**2 * SPREAD**2 + s**2) * (x - a * MEAN)
    return clean, (x - a * clean) / s


def exact(start, step):
    """Where the probability-flow ODE of `gaussian` ends: it keeps how many deviations a number is off its mean."""
    a, s = SCHEDULE.signal(step), SCHEDULE.noise(step)
    return MEAN + SPREAD * (start - a * MEAN) / np.sqrt(a**2 * SPREAD**2 + s**2)


def ddim(denoise, x, grid):
    """DDIM (Song et al. 2021, equation 12 with sigma 0), written out."""
    for k in range(len(grid) - 1, -1, -1):
        clean, noise = denoise(x, grid[k])
        before = SCHEDULE.alpha_bar[grid[k - 1]] if k else 1.0
        x = np.sqrt(before) * clean + np.sqrt(1 - before) * noise
    return x


def test_noise_levels_are_those_of_linear_betas():
    product = 1.0
    for k in range(1000):
        product *= 1.0 - (1e-4 + (0.02 - 1e-4) * k / 999)
        if k in (0, 400, 999):
            assert SCHEDULE.alpha_bar[k] == pytest.approx(product, rel=1e-9)
    assert SCHEDULE.signal(-1) == 1.0
    assert SCHEDULE.noise(-1) == 0.0
    assert SCHEDULE.signal(300) ** 2 + SCHEDULE.noise(300) ** 2 == pytest.approx(1.0)


def test_ddim_25_visits_0_40_to_960():
    assert SCHEDULE.respaced(25) == tuple(range(0, 1000, 40))
    assert SCHEDULE.respaced(1000) == tuple(range(1000))


@pytest.mark.parametrize("count", [1, 2, 4, 8, 20])
def test_few_steps_are_evenly_spread_in_log_snr(count):
    steps = SCHEDULE.by_snr(count)
    assert len(steps) == count
    assert steps[-1] == 999
    assert list(steps) == sorted(set(steps))
    if count > 2:
        rises = -np.diff([SCHEDULE.half_log_snr(s) for s in steps])
        assert rises.max() / rises.min() < 1.1


@pytest.mark.parametrize(("rounds", "calls"), [(5, 63), (2, 27), (1, 15)])
def test_network_calls_of_the_published_schedule(rounds, calls):
    sampler = Foppas(SCHEDULE, 25, 15, 3, rounds)
    assert sampler.calls(known=True) == calls
    assert sampler.calls(known=False) == 25


@pytest.mark.parametrize(("top", "rounds"), [(4, 3), (6, 2), (5, 1)])
def test_jumps_of_length_one_are_algorithm_1(top, rounds):
    expected = [top - 1]
    for t in range(top, 0, -1):  # 1-based, as in the paper; step t is index t - 1
        for u in range(1, rounds + 1):
            expected.append(t - 2)
            if u < rounds and t > 1:
                expected.append(t - 1)
            else:
                break
    assert jumps(top, 1, rounds) == tuple(expected)


def test_foppas_without_known_frames_is_ddim():
    shape = (2, 6, 3)
    sampler = Foppas(SCHEDULE, 25, 15, 3, 5)
    made = sampler.sample(gaussian, shape, None, seeded_noise((1, 2), 0))
    start = seeded_noise((1, 2), 0)(shape).astype(float)
    np.testing.assert_allclose(made, ddim(gaussian, start, SCHEDULE.respaced(25)), atol=1e-4)


def test_dpm_solver_of_order_one_is_ddim():
    shape = (1, 4, 5)
    made = DpmSolver(SCHEDULE, 6, order=1).sample(gaussian, shape, None, seeded_noise((7,), 3))
    start = seeded_noise((7,), 3)(shape).astype(float)
    np.testing.assert_allclose(made, ddim(gaussian, start, SCHEDULE.by_snr(6)), atol=1e-4)


def test_dpm_solver_is_nearer_to_the_exact_solution_than_ddim_at_equal_calls():
    shape = (1, 50, 20)
    right = exact(seeded_noise((0,), 0)(shape).astype(float), 999)
    errors = {}
    for steps in (8, 16, 32):
        for order in (1, 2):
            made = DpmSolver(SCHEDULE, steps, order).sample(gaussian, shape, None, seeded_noise((0,), 0))
            errors[order, steps] = np.sqrt(((made - right) ** 2).mean())
    assert all(errors[2, n] < 0.6 * errors[1, n] for n in (8, 16, 32))


def test_samples_have_the_mean_and_spread_of_the_data():
    for sampler in (Foppas(SCHEDULE, 50), DpmSolver(SCHEDULE, 20)):
        made = sampler.sample(gaussian, (1, 200, 100), None, seeded_noise((3,), 0))
        assert made.mean() == pytest.approx(MEAN, abs=0.06)
        assert made.std() == pytest.approx(SPREAD, rel=0.06)


@pytest.mark.parametrize("sampler", [Foppas(SCHEDULE, 25, 15, 3, 2), DpmSolver(SCHEDULE, 4)])
def test_known_frames_come_back_and_are_blended_by_their_share(sampler):
    known = np.random.default_rng(0).normal(size=(1, 4, 3)).astype(np.float32)
    held = sampler.sample(gaussian, (1, 9, 3), Known(known, np.zeros(4)), seeded_noise((5,), 0))
    np.testing.assert_allclose(held[:, :4], known, atol=1e-6)
    ramp = np.linspace(0, 1, 4)
    np.testing.assert_allclose(fresh(4, 4), ramp)
    blended = sampler.sample(gaussian, (1, 9, 3), Known(known, ramp), seeded_noise((5,), 0))
    np.testing.assert_allclose(blended[:, 0], known[:, 0], atol=1e-6)
    assert np.abs(blended[:, 3] - known[:, 3]).max() > 0.1


def test_temperature_scales_the_noise_alone():
    plain, warm = (ClipPlan(temperature=t).noise((3, 4), 2)((2, 5, 3)) for t in (1.0, 1.5))
    np.testing.assert_array_equal(plain, seeded_noise((3, 4), 2)((2, 5, 3)))
    np.testing.assert_allclose(warm, 1.5 * plain, rtol=1e-6)


def test_a_clip_that_drifts_off_is_carried_on_from_the_known_frames():
    time = np.arange(20, dtype=np.float32)[None, :, None]
    truth = np.sin(0.2 * time).repeat(2, 2)
    drifted = truth + np.float32(0.5) + np.float32(0.03) * time  # pose and velocity are off
    made = Known(truth[:, :8], np.zeros(8), carry=10).finish(drifted)
    np.testing.assert_array_equal(made[:, :8], truth[:, :8])
    np.testing.assert_allclose(made[:, 18:], drifted[:, 18:], atol=1e-6)
    off = made - truth
    # it leaves the known frames with their pose and velocity: the first step off is of second order
    assert np.abs(off[:, 8]).max() < 0.05
    assert np.abs(np.diff(off, n=2, axis=1)).max() < 0.05
    jump = Known(truth[:, :8], np.zeros(8)).finish(drifted)
    assert np.abs(np.diff(jump - truth, n=2, axis=1)).max() > 0.6
    one = Known(truth[:, :1], np.zeros(1), carry=3).finish(drifted)  # of one frame no velocity is known
    np.testing.assert_allclose((one - drifted)[:, 0], (truth - drifted)[:, 0])
    assert (np.diff(np.abs((one - drifted)[0, :5, 0])) < 0).all()


def test_last_two_steps_blend_as_lines_14_to_16_say():
    """With a denoiser that always sees zeros, Algorithm 1 can be written down."""
    steps, w = 3, np.array([0.0, 0.5, 1.0])
    known = np.full((1, 3, 1), 2.0, np.float32)
    made = Foppas(SCHEDULE, steps, 0, 1, 1).sample(
        lambda x, step: (np.zeros_like(x), np.zeros_like(x)), (1, 5, 1), Known(known, w), seeded_noise((0,), 0)
    )
    # x_0 = w * 0 + (1 - w) * known, and nothing elsewhere
    np.testing.assert_allclose(made[0, :, 0], [2.0, 1.0, 0.0, 0.0, 0.0], atol=1e-6)


def test_resampling_draws_what_fits_the_known_frames():
    """Pairs of numbers with correlation 0.95: given the first, the second has the conditional mean 0.95 of it."""
    rho = 0.95
    cov = np.array([[1.0, rho], [rho, 1.0]])

    def pairs(x, step):
        a, s = SCHEDULE.signal(step), SCHEDULE.noise(step)
        gain = a * cov @ np.linalg.inv(a * a * cov + s * s * np.eye(2))
        clean = np.einsum("ij,bjc->bic", gain, x)
        return clean, (x - a * clean) / s

    known = np.full((1, 1, 4000), 1.5, np.float32)
    means = {}
    for rounds in (1, 5, 20):
        sampler = Foppas(SCHEDULE, 25, 0, 1, rounds, renoise="forward")
        made = sampler.sample(pairs, (1, 2, 4000), Known(known, np.zeros(1)), seeded_noise((1,), 0))
        means[rounds] = made[0, 1].mean()
    assert means[1] < means[5] < means[20]
    assert means[20] == pytest.approx(1.5 * rho, rel=0.05)


def test_noise_depends_on_seed_and_clip_alone():
    one = seeded_noise((4, 5), 2)((2, 3, 6))
    np.testing.assert_array_equal(one[1], seeded_noise((5,), 2)((1, 3, 6))[0])
    for other in (seeded_noise((4,), 3)((1, 3, 6)), seeded_noise((6,), 2)((1, 3, 6))):
        assert not np.isin(other.ravel(), one[0].ravel()).any()


class Counting:
    """Stands for the networks: the exact denoiser, and a note of every clip's length."""

    config = DiffShegConfig(clip=34, known=False)

    def __init__(self):
        self.lengths, self.sizes = [], {"motion": 2}

    def sample(self, sampler, given, known, noise, guidance):
        shape = (*given.speech.shape[:2], 2)
        self.lengths.append(shape[1])
        return sampler.sample(gaussian, shape, known, noise)


def long_motion(frames, plan, **how):
    networks = Counting()
    given = Given(np.zeros((1, frames, 1, 1), np.float32), np.zeros((1, 1), np.float32))
    made = outpaint(networks, plan.make_sampler(networks.config), given, plan, lambda k: seeded_noise((0,), k), **how)
    return made, networks.lengths


def test_a_minute_takes_808_calls_and_a_shorter_last_clip():
    plan, calls = paper_plan(BEAT), []
    sampler = plan.make_sampler(BEAT)
    made, lengths = long_motion(900, plan, watch=lambda a, b, known: calls.append(sampler.calls(known is not None)))
    assert made.shape == (1, 900, 2)
    assert sum(calls) == 25 + 29 * 27 == 808
    assert lengths == [34] * 29 + [900 - 29 * 30]
    assert long_motion(50, plan)[1] == [34, 20]


def test_the_overlap_may_change_from_clip_to_clip_and_is_reproduced():
    seen = []
    plan = ClipPlan(30, 4, 0, "foppas", 10, rounds=1)

    def watch(first, last, known):
        seen.append((first, last, None if known is None else known.frames))

    made, _ = long_motion(100, plan, overlaps=lambda k: (0, 10, 0, 20, 4, 8)[k], watch=watch)
    assert [s[:2] for s in seen] == [(0, 34), (24, 58), (58, 92), (72, 100)]
    for first, _, known in seen:
        if known is not None:
            np.testing.assert_allclose(made[:, first : first + known.shape[1]], known, atol=1e-6)


def test_overlap_zero_makes_clips_of_their_own():
    plan = ClipPlan(10, 0, 0, "foppas", 5, rounds=3)
    made, _ = long_motion(20, plan)
    for k in range(2):
        start = seeded_noise((0,), k)((1, 10, 2)).astype(float)
        right = ddim(gaussian, start, SCHEDULE.respaced(5))
        np.testing.assert_allclose(made[:, 10 * k : 10 * k + 10], right, atol=1e-4)


def test_plans_of_the_paper_and_live():
    assert (BEAT.person, BEAT.clip, BEAT.null) == (30, 34, 0.0)
    assert (SHOW.person, SHOW.clip, SHOW.null) == (4, 88, 0.2)
    assert (paper_plan(BEAT).clip, paper_plan(BEAT).overlap) == (34, 4)
    assert (paper_plan(SHOW).clip, paper_plan(SHOW).overlap) == (88, 10)
    live = live_plan(DiffShegConfig())
    live.check(DiffShegConfig())
    assert live.make_sampler(DiffShegConfig()).calls(True) <= 4
    assert ClipPlan.from_dict(live.to_dict()) == live


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"overlap": 48}, "overlap is 48 frames; it must be less than the clip, 48"),
        ({"overlap": 40, "hop": 10}, "overlap 40 and hop 10 make clips of 50 frames"),
        ({"guidance": 1.15}, "guidance is 1.15, but the network was not trained without conditions"),
    ],
)
def test_plans_that_a_network_cannot_follow(changes, words):
    with pytest.raises(ConfigError, match=words):
        replace(ClipPlan(), **changes).check(DiffShegConfig())


@pytest.mark.parametrize(
    ("make", "words"),
    [
        (lambda: ClipPlan(steps=0), "steps is 0; it must be at least 1"),
        (lambda: ClipPlan(hop=0), "hop is 0"),
        (lambda: ClipPlan(overlap=3, blend=4), "blend is 4 frames; it must be within the overlap"),
        (lambda: ClipPlan(temperature=-1.0), "temperature is -1.0; it must be in"),
        (lambda: ClipPlan(overlap=3, blend=2, carry=4), "clips are joined in one way or the other"),
        (lambda: ClipPlan(sampler="euler"), "sampler 'euler' is unknown; it must be one of: foppas, dpm"),
        (lambda: ClipPlan(rounds=0), "rounds is 0"),
        (lambda: ClipPlan.from_dict({"overlap": "4"}), "overlap is '4'; it must be a int"),
        (lambda: ClipPlan.from_dict({"size": 4}), "clip plan setting 'size' is unknown"),
        (lambda: SCHEDULE.respaced(0), r"sampling steps is 0; it must be in \[1, 1000\]"),
        (lambda: SCHEDULE.by_snr(1001), "sampling steps is 1001"),
        (lambda: jumps(0, 1, 1), "FOPPAS steps is 0"),
        (lambda: Foppas(SCHEDULE, 25, 26), "FOPPAS top is 26"),
        (lambda: Foppas(SCHEDULE, 25, renoise="x"), "renoise 'x' is unknown"),
        (lambda: DpmSolver(SCHEDULE, 4, 3), "order is 3"),
        (lambda: long_motion(40, ClipPlan(30, 4), overlaps=lambda k: 34), "clip 0: overlap is 34 frames"),
        (lambda: long_motion(0, ClipPlan(30, 4)), "no speech"),
        (lambda: DiffShegConfig(flow="sideways"), "flow 'sideways' is unknown"),
        (lambda: DiffShegConfig(fps=24.0), "fps is 24.0; it must be one of 7.5, 15, 30"),
        (lambda: DiffShegConfig(mel=False, mid=False), "would get no speech"),
        (lambda: DiffShegConfig(width=30), "width is 30"),
        (lambda: DiffShegConfig.from_dict({"layers": "8"}), "layers is '8'; it must be a int"),
        (lambda: DiffShegConfig.from_dict({"depth": 8}), "diffsheg setting 'depth' is unknown"),
    ],
)
def test_settings_that_cannot_be(make, words):
    with pytest.raises(ConfigError, match=words):
        make()
