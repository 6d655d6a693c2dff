"""The parameters of trajectory controllers: asked for all at once, and which of them spoil the motion."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from rcl_interfaces.msg import Parameter as ParameterMessage
from rcl_interfaces.srv import GetParameters, ListParameters
from rclpy.node import Node
from rclpy.parameter import Parameter

from speech_gesture_pkg.ros.graph_probe import GraphProbe
from speech_gesture_pkg.ros.repeated_call import RepeatedCall

ANSWER_S = 3.0
"""How long a controller may take to answer about its parameters, s."""
AGAIN_S = 1.0
"""It is asked again after so long, s."""
LAG = 0.05
"""A usual lag of a robot's joints behind their commands, s."""

MANAGER = "controller_manager"
MANAGER_PARAMETERS = ("update_rate", "enforce_command_limits")
CONTROLLER_PARAMETERS = (
    *("joints", "command_interfaces", "state_interfaces", "update_rate", "use_sim_time"),
    *("interpolate_from_desired_state", "open_loop_control", "interpolation_method"),
    *("allow_trajectory_replacement", "allow_partial_joints_goal", "allow_nonzero_velocity_at_trajectory_end"),
    *("enforce_command_limits", "cmd_timeout", "constraints.stopped_velocity_tolerance"),
)
"""And `constraints.<joint>.trajectory` and `constraints.<joint>.goal` of each joint."""


def is_wanted(name: str) -> bool:
    """Whether a parameter of a controller or of the controller manager matters to whoever commands it."""
    constraint = name.startswith("constraints.") and name.endswith((".trajectory", ".goal")) and name.count(".") > 1
    return constraint or name in CONTROLLER_PARAMETERS or name in MANAGER_PARAMETERS


class Question:
    """Asks one node which parameters it has, and then for those that are wanted.

    A rclcpp node of older distributions answers nothing at all if one name is unknown to it: hence the list first.

    Args:
        node: asks; it must be spun.
        full_name: of the node that is asked.
    """

    def __init__(self, node: Node, full_name: str) -> None:
        self._list = RepeatedCall(node, ListParameters, f"{full_name}/list_parameters", AGAIN_S)
        self._get = RepeatedCall(node, GetParameters, f"{full_name}/get_parameters", AGAIN_S)
        self._names: list[str] | None = None
        self.values: dict[str, Any] | None = None
        """Its answer: the wanted parameters that it has; None as long as there is none."""

    def step(self) -> bool:
        """Whether it has answered. To be called again and again."""
        if self._names is None and (listed := self._list.answer(ListParameters.Request())) is not None:
            self._names = [n for n in listed.result.names if is_wanted(n)]
            self.values = None if self._names else {}
        if self._names and self.values is None:
            answer = self._get.answer(GetParameters.Request(names=self._names))
            self.values = None if answer is None else _plain(self._names, answer.values)
        return self.values is not None

    def destroy(self) -> None:
        """Take the clients off the graph."""
        self._list.destroy()
        self._get.destroy()


def _plain(names: Iterable[str], values: Iterable[Any]) -> dict[str, Any]:
    """Parameter messages as Python values, arrays as lists; those that are not set are left out."""
    pairs = zip(names, values, strict=False)
    found = {n: Parameter.from_parameter_msg(ParameterMessage(name=n, value=v)).value for n, v in pairs}
    return {
        n: list(v) if not isinstance(v, str) and hasattr(v, "__len__") else v for n, v in found.items() if v is not None
    }


def ask_all(probe: GraphProbe, nodes: Iterable[str], timeout: float = ANSWER_S) -> dict[str, dict[str, Any] | None]:
    """Parameters of nodes by full name, all asked at once; None for one that does not answer within `timeout` s."""
    questions = {name: Question(probe.node, name) for name in nodes}

    def waiting() -> str:
        silent = [name for name, question in questions.items() if question.values is None]
        return f"waiting for {', '.join(silent)} to answer about parameters" if silent else ""

    try:
        # all take a step each time: no short-circuit
        probe.until(lambda: all([q.step() for q in questions.values()]), timeout, waiting)
        return {name: question.values for name, question in questions.items()}
    finally:
        for question in questions.values():
            question.destroy()


def spoilers(name: str, values: Mapping[str, Any], simulated: bool, joints: Iterable[str] = ()) -> list[str]:
    """Sentences about controller parameters that spoil the motion (see docs/controllers.md).

    Args:
        name: of the controller.
        values: its parameters.
        simulated: whether the gesture node follows /clock.
        joints: those of its joints that gesture.
    """
    advice = []
    desired = values.get("interpolate_from_desired_state") or values.get("open_loop_control")
    which = next((n for n in ("interpolate_from_desired_state", "open_loop_control") if n in values), "")
    if which and not desired:
        advice.append(
            f"{which} is false, so every start of a motion begins at the measured state: a joint that sags under its "
            "weight gives way by as much; set it to true"
        )
    if values.get("interpolation_method") == "none":
        advice.append("interpolation_method is none, so the robot jumps from point to point; set it to splines")
    bounds = {j: values.get(f"constraints.{j}.trajectory") for j in joints}
    tight = {j: float(b) for j, b in bounds.items() if isinstance(b, (int, float)) and b > 0.0}
    if tight:
        joint = min(tight, key=lambda j: tight[j])
        others = f" (and of {len(tight) - 1} more)" if len(tight) > 1 else ""
        advice.append(
            f"constraints.{joint}.trajectory{others} is {tight[joint]:g}: it stops the motion when the joint is farther"
            f" behind, which a lag of {1e3 * LAG:g} ms makes it at {tight[joint] / LAG:.3g} rad/s; set it to 0"
        )
    if values.get("use_sim_time", simulated) != simulated:
        theirs, ours = str(not simulated).lower(), str(simulated).lower()
        advice.append(
            f"use_sim_time is {theirs} there and {ours} here, so its clock is not the one that time stamps are on; set "
            "both alike"
        )
    return [f"controller {name}: {sentence}" for sentence in advice]
