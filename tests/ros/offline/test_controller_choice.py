"""Which listeners are commanded, and what is said of the others."""

from __future__ import annotations

import pytest

pytest.importorskip("rclpy", reason="rclpy is not installed; install the extra `ros`")

from speech_gesture_pkg.errors import RobotError
from speech_gesture_pkg.ros.controller_choice import Candidate, choose

ARM, HEAD = ("shoulder", "elbow"), ("yaw", "pitch")
URDF = {*ARM, *HEAD, "lift"}
GESTURING = {*ARM, *HEAD}


def controller(name, joints, active=None, **parameters):
    return Candidate(name, joints, (f"/{name}",), active, {"joints": list(joints)} | parameters)


def pick(*candidates, named=False):
    choice = choose(candidates, URDF, GESTURING, named)
    return [c.name for c in choice.chosen], choice


def test_what_gestures_do_not_move_gets_nothing():
    names, choice = pick(controller("arm", ARM), controller("lift", ("lift",)))
    assert names == ["arm"]
    assert choice.unused == ("controller lift gets no commands: gestures do not move lift",)
    assert choice.left_out == ()


@pytest.mark.parametrize(
    ("other", "says"),
    [
        (Candidate("plot", (), ("/plotter",)), ("does not answer about its joints (/plotter listens)", "plot.joints")),
        (controller("odd", ("yaw", "tail")), ("odd is left out: the URDF has no actuated joint tail",)),
        (controller("spare", HEAD, active=False), ("spare is left out: it is not active",)),
    ],
)
def test_one_that_cannot_be_commanded_is_left_out_and_named(other, says):
    names, choice = pick(other, controller("arm", ARM))
    assert names == ["arm"]
    (sentence,) = choice.left_out
    assert all(part in sentence for part in (*says, "controllers.names"))
    with pytest.raises(RobotError, match=f"controller {other.name} cannot be commanded"):
        pick(other, controller("arm", ARM), named=True)


@pytest.mark.parametrize(
    ("first", "second", "taken", "why"),
    [
        (controller("a", ARM), controller("b", ARM, active=True), "b", "b is active"),
        (controller("a", ARM, active=False), controller("b", ARM), "b", "a is left out: it is not active"),
        (controller("a", ARM, command_interfaces=["effort"]), controller("b", ARM), "b", "b commands positions"),
        (controller("b", ARM), controller("a", ARM), "a", "which of them is active cannot be told here, a is taken"),
        (Candidate("a", ARM), controller("b", ARM), "b", "b answers about its parameters"),
        (controller("arm", ARM), controller("body", (*ARM, *HEAD)), "body", "body is taken"),
    ],
)
def test_of_two_for_the_same_joints_one_is_commanded(first, second, taken, why):
    names, choice = pick(first, second)
    assert names == [taken]
    (sentence,) = choice.left_out
    assert why in sentence
    assert "controllers.names" in sentence


def test_two_that_were_asked_for_may_not_share_a_joint():
    with pytest.raises(RobotError, match="controllers a and b both move elbow, shoulder; name one of them only"):
        pick(controller("a", ARM), controller("b", ARM), named=True)


def test_the_order_of_the_graph_is_kept_and_several_are_found():
    names, _ = pick(controller("neck", HEAD), controller("arm", ARM))
    assert names == ["neck", "arm"]


def test_when_none_is_left_every_reason_is_told():
    with pytest.raises(RobotError) as refused:
        pick(controller("lift", ("lift",)), controller("arm", ARM, active=False))
    assert "no controller can be commanded; arm is left out: it is not active" in str(refused.value)
    assert "lift gets no commands" in str(refused.value)
