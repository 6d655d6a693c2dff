"""Parameters of a joint_trajectory_controller that spoil the motion are warned about by name."""

from __future__ import annotations

import pytest

pytest.importorskip("rclpy", reason="rclpy is not installed; install the extra `ros`")

from speech_gesture_pkg.ros.controller_parameters import is_wanted, spoilers

GOOD = {"joints": ["a"], "interpolate_from_desired_state": True, "interpolation_method": "splines"}


@pytest.mark.parametrize(
    ("change", "simulated", "says"),
    [
        ({}, False, None),
        ({"interpolate_from_desired_state": False}, False, "interpolate_from_desired_state is false"),
        ({"interpolate_from_desired_state": False, "open_loop_control": True}, False, None),
        ({"interpolation_method": "none"}, False, "interpolation_method is none"),
        ({"interpolate_from_desired_state": False}, False, "a joint that sags under its weight gives way"),
        ({"constraints.a.trajectory": 0.05}, False, "trajectory is 0.05: it stops"),
        ({"constraints.a.trajectory": 0.05}, False, "50 ms makes it at 1 rad/s; set it to 0"),
        ({"constraints.a.trajectory": 0.0, "constraints.b.trajectory": 0.1}, False, None),
        ({"use_sim_time": False}, False, None),
        ({"use_sim_time": True}, False, "use_sim_time is true there and false here"),
        ({"use_sim_time": False}, True, "use_sim_time is false there and true here"),
    ],
)
def test_spoilers_are_named(change, simulated, says):
    assert all(map(is_wanted, change))
    told = spoilers("arm", GOOD | change, simulated, ["a"])
    assert len(told) == (says is not None)
    assert says is None or (says in told[0] and told[0].startswith("controller arm: "))


def test_a_controller_that_does_not_answer_is_not_warned_about():
    assert spoilers("arm", {}, False) == []
