"""When two runs of the same speech agree: the shift, the tolerance, the human motion frame by frame."""

from __future__ import annotations

import numpy as np
import pytest

from speech_gesture_pkg.errors import InputError
from speech_gesture_pkg.lab.study.agreement import agreement


def motion(shift: float = 0.0, bump: float = 0.0) -> dict[str, np.ndarray]:
    t = np.arange(0.0, 6.0, 1 / 30)
    q = np.stack([np.sin(2 * (t - shift)), 0.3 * np.cos(t - shift)], axis=1)
    q[100, 1] += bump
    return {"joint_names": np.array(["x", "y"]), "commanded_time": t, "commanded_position": q}


class TestAgreement:
    def test_a_shifted_run_agrees_but_for_the_shift(self):
        found = agreement(motion(), motion(0.02), 0.0, 5.0)
        assert found.shift_s == pytest.approx(0.02, abs=1e-3)
        assert found.largest < 2e-3
        assert found.beyond_percent == 0.0

    def test_a_difference_is_found_where_it_is(self):
        found = agreement(motion(), motion(bump=0.2), 0.0, 5.0)
        assert found.joint == "y"
        assert found.time_s == pytest.approx(100 / 30, abs=0.011)
        assert found.largest == pytest.approx(0.2, abs=0.06)  # sampled at 100 Hz beside the peak

    @pytest.mark.parametrize(
        ("other", "agrees"),
        [
            (motion(0.02), True),
            (motion(0.0499), False),  # the shift is more than grid and transport explain
            (motion(bump=0.04), True),
            (motion(bump=0.2), False),
        ],
    )
    def test_what_agreeing_means(self, other, agrees):
        found = agreement(motion(), other, 0.0, 5.0)
        assert found.agrees == found.as_dict()["agrees"] == agrees

    def test_another_human_motion_never_agrees(self):
        wrists = np.zeros((180, 2, 3))
        human = {"human_start": np.array(0.0), "human_wrists": wrists}
        moved = human | {"human_wrists": wrists + 0.01 * (np.arange(180) == 90)[:, None, None]}
        assert agreement(motion() | human, motion() | human, 0.0, 5.0).agrees
        assert not agreement(motion() | human, motion() | moved, 0.0, 5.0).agrees

    @pytest.mark.parametrize(("frames", "agrees"), [(0, True), (1, True), (-2, True), (4, False)])
    def test_a_bag_may_place_the_human_motion_two_frames_off(self, frames, agrees):
        wrists = np.cumsum(np.random.default_rng(0).normal(size=(180, 2, 3)), axis=0)
        a = {"human_start": np.array(0.0), "human_wrists": wrists}
        found = agreement(motion() | a, motion() | a | {"human_start": np.array(frames / 30)}, 0.0, 5.0)
        assert found.agrees == agrees
        if agrees:
            assert found.human_shift == -frames

    def test_what_cannot_be_compared(self):
        with pytest.raises(InputError, match="commanded no robot"):
            agreement({}, motion(), 0.0, 5.0)
        with pytest.raises(InputError, match="no joint in common"):
            agreement(motion() | {"joint_names": np.array(["u", "v"])}, motion(), 0.0, 5.0)
        with pytest.raises(InputError, match="in common"):
            agreement(motion(), motion(), 5.0, 5.5)


def test_human_motion_of_two_runs_is_compared_frame_by_frame():
    t = np.arange(0.0, 8.0, 1 / 30)
    run = {"joint_names": np.array(["a"]), "commanded_time": t, "commanded_position": np.sin(t)[:, None]}
    wrists = np.cumsum(np.ones((len(t), 2, 3)), axis=0) * 1e-2
    a = run | {"human_start": np.array(0.0), "human_wrists": wrists}
    b = run | {"human_start": np.array(2 / 30), "human_wrists": wrists[2:]}
    found = agreement(a, b, 2.0, 6.0)
    assert (found.human_largest, found.human_beyond_percent) == (0.0, 0.0)
    moved = wrists.copy()
    moved[100:110, 0, 0] += 0.05
    found = agreement(a, run | {"human_start": np.array(0.0), "human_wrists": moved}, 2.0, 6.0)
    assert found.human_largest == pytest.approx(0.05)
    assert found.human_beyond_percent == pytest.approx(100 * 10 / len(t))
    assert agreement(run, run, 2.0, 6.0).human_largest is None
