"""Finding the trajectory controllers: which there are, which joints they own, and whether they are set up well."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any

import rclpy
from rcl_interfaces.msg import ParameterType
from rcl_interfaces.srv import GetParameters
from rclpy.executors import SingleThreadedExecutor
from rclpy.node import Node
from rclpy.qos import QoSProfile, ReliabilityPolicy
from sensor_msgs.msg import JointState

from speech_gesture_pkg.errors import RobotError

SUFFIX = "/joint_trajectory"
JOINT_STATE_QOS = QoSProfile(depth=10, reliability=ReliabilityPolicy.BEST_EFFORT)
"""BEST_EFFORT matches every publisher of joint states."""
JTC_PARAMETERS = (
    "joints",
    "interpolate_from_desired_state",
    "open_loop_control",
    "allow_nonzero_velocity_at_trajectory_end",
    "interpolation_method",
    "use_sim_time",
)

ANSWER_S = 3.0
"""How long a controller may take to answer about its parameters, s."""
AGAIN_S = 1.0
"""It is asked again after so long, s: a server that has not discovered its client yet answers to nobody."""


@dataclass(frozen=True)
class Controller:
    """A trajectory controller.

    Attributes:
        name: its node name, relative to the namespace of the gesture node where it lies within that, else absolute;
            the topic is `<name>/joint_trajectory`.
        joints: in its own order.
        warnings: sentences about parameters that spoil the motion.
    """

    name: str
    joints: tuple[str, ...]
    warnings: tuple[str, ...] = ()


class GraphProbe:
    """A helper node with an executor of its own, so that a node can wait for the graph inside a callback.

    Use as a context manager. All waits are bounded and poll the graph.

    Args:
        owner: names are resolved as this node resolves them.
        interrupted: waits end early once it says so.
    """

    def __init__(self, owner: Node, interrupted: Callable[[], bool] = lambda: False) -> None:
        self.node = rclpy.create_node(
            f"{owner.get_name()}_probe",
            namespace=owner.get_namespace(),
            context=owner.context,
            use_global_arguments=False,
        )
        self._owner, self._interrupted = owner, interrupted
        self._executor = SingleThreadedExecutor(context=owner.context)
        self._executor.add_node(self.node)

    def __enter__(self) -> GraphProbe:
        return self

    def __exit__(self, *_: object) -> None:
        self._executor.shutdown()
        self.node.destroy_node()

    def until(self, ready: Callable[[], Any], timeout: float) -> Any:
        """Spin until `ready()` is true; its value, or None after `timeout` seconds."""
        deadline = time.monotonic() + timeout
        while True:
            value = ready()
            if value:
                return value
            if time.monotonic() >= deadline or self._interrupted() or not self._owner.context.ok():
                return None
            self._executor.spin_once(timeout_sec=0.02)

    def message(self, kind: Any, topic: str, qos: Any, timeout: float) -> Any:
        """The next message on `topic` (as the owner resolves it), None after `timeout` seconds."""
        box: list[Any] = []
        subscription = self.node.create_subscription(kind, self._owner.resolve_topic_name(topic), box.append, qos)
        try:
            return self.until(lambda: box[0] if box else None, timeout)
        finally:
            self.node.destroy_subscription(subscription)

    def joint_state_covers(self, joints: set[str], topic: str, timeout: float) -> set[str]:
        """Wait until joint states have covered `joints`; those that never came."""
        seen: set[str] = set()
        subscription = self.node.create_subscription(
            JointState, self._owner.resolve_topic_name(topic), lambda m: seen.update(m.name), JOINT_STATE_QOS
        )
        try:
            self.until(lambda: joints <= seen, timeout)
        finally:
            self.node.destroy_subscription(subscription)
        return joints - seen

    def listening(self, everywhere: bool = False) -> list[str]:
        """Controllers whose trajectory topic has a subscriber: names relative to the owner's namespace.

        Those of other namespaces, which are other robots', count only if `everywhere`; their names are absolute.
        """
        home = self._owner.get_namespace().rstrip("/") + "/"
        found = []
        for topic, types in self.node.get_topic_names_and_types():
            right = topic.endswith(SUFFIX) and "trajectory_msgs/msg/JointTrajectory" in types
            if right and (everywhere or topic.startswith(home)) and self.node.get_subscriptions_info_by_topic(topic):
                found.append(topic[: -len(SUFFIX)].removeprefix(home))
        return sorted(found)

    def topic_of(self, name: str) -> str:
        """Full name of a controller's trajectory topic, remappings included."""
        return self._owner.resolve_topic_name(name + SUFFIX)

    def subscribed(self, name: str) -> bool:
        """Whether controller `name` listens."""
        return bool(self.node.get_subscriptions_info_by_topic(self.topic_of(name)))

    def parameters(self, names: list[str], timeout: float = ANSWER_S) -> dict[str, dict[str, Any]]:
        """Parameters of trajectory controllers, all asked at once; a node that does not answer gives {}.

        Each parameter is asked for by itself: a rclcpp node answers nothing at all if one name is unknown to it.
        """
        clients: dict[str, Any] = {
            n: self.node.create_client(GetParameters, self.topic_of(n).removesuffix(SUFFIX) + "/get_parameters")
            for n in names
        }
        asked: dict[tuple[str, str], list[Any]] = {}
        due = dict.fromkeys(names, -float("inf"))

        def first(futures: list[Any]) -> Any:
            return next((f for f in futures if f.done()), None)

        def answered() -> bool:
            for name, client in clients.items():
                if time.monotonic() >= due[name] and client.service_is_ready():
                    due[name] = time.monotonic() + AGAIN_S
                    for key in JTC_PARAMETERS:
                        futures = asked.setdefault((name, key), [])
                        if first(futures) is None:
                            futures.append(client.call_async(GetParameters.Request(names=[key])))
            return len(asked) == len(names) * len(JTC_PARAMETERS) and all(map(first, asked.values()))

        self.until(answered, timeout)
        found: dict[str, dict[str, Any]] = {n: {} for n in names}
        for (name, key), futures in asked.items():
            future = first(futures)
            values = future.result().values if future is not None and future.result() else []
            if values and values[0].type == ParameterType.PARAMETER_STRING_ARRAY:
                found[name][key] = list(values[0].string_array_value)
            elif values and values[0].type == ParameterType.PARAMETER_BOOL:
                found[name][key] = values[0].bool_value
            elif values and values[0].type == ParameterType.PARAMETER_STRING:
                found[name][key] = values[0].string_value
        for client in clients.values():
            self.node.destroy_client(client)
        return found

    def find(
        self, names: tuple[str, ...], joints: dict[str, tuple[str, ...]], check: bool, timeout: float
    ) -> list[Controller]:
        """The controllers to command.

        Args:
            names: asked for; empty = discover.
            joints: known from parameters, by controller.
            check: whether to read the controllers' parameters even where the joints are known.
            timeout: for discovery, s.

        Raises:
            RobotError: no controller, one that was asked for has no subscriber, or its joints are nowhere to be had.
        """
        if names:
            if not self.until(lambda: all(self.subscribed(n) for n in names), timeout):
                absent = ", ".join(self.topic_of(n) for n in names if not self.subscribed(n))
                raise RobotError(f"no controller listens on {absent} after {timeout:g} s; is it loaded and active?")
        else:
            # More polls after the first sight: controllers of one robot appear within some tenths of a second.
            if not self.until(self.listening, timeout):
                raise RobotError(self._nobody(timeout))
            seen: list[list[str]] = []

            def settled() -> bool:
                seen.append(self.listening())
                return len(seen) > 15 and seen[-1] == seen[-15]

            self.until(settled, 1.5)
            names = tuple(self.listening())
        values = self.parameters([n for n in names if check or n not in joints])
        simulated = bool(self._owner.get_parameter_or("use_sim_time").value)
        return [self._describe(n, joints.get(n, ()), values.get(n, {}), check, simulated) for n in names]

    def _nobody(self, timeout: float) -> str:
        """Sentence for a search that found no controller."""
        home = self._owner.get_namespace()
        within = "" if home == "/" else f" in namespace {home}"
        text = (
            f"no trajectory controller found{within}: no */joint_trajectory topic has a subscriber after {timeout:g} s"
        )
        others = self.listening(everywhere=True)
        return text + (f"; elsewhere there are {', '.join(others)}: name yours in controllers.names" if others else "")

    @staticmethod
    def _describe(
        name: str, joints: tuple[str, ...], values: dict[str, Any], check: bool, simulated: bool
    ) -> Controller:
        owned = joints or tuple(values.get("joints", ()))
        if not owned:
            raise RobotError(
                f"the joints of controller {name} are unknown: it does not answer; set controllers.{name}.joints"
            )
        return Controller(name, owned, tuple(_spoilers(name, values, simulated)) if check else ())


def _spoilers(name: str, values: dict[str, Any], simulated: bool) -> list[str]:
    """Sentences about controller parameters that spoil the motion (see README, Controllers).

    Args:
        name: of the controller.
        values: its parameters.
        simulated: whether the gesture node follows /clock.
    """
    told = []
    desired = values.get("interpolate_from_desired_state") or values.get("open_loop_control")
    if values and not desired and "interpolate_from_desired_state" in values:
        told.append(
            f"controller {name}: interpolate_from_desired_state is false, so each window starts from the measured "
            "state and the motion is rough; set it to true (Humble: open_loop_control)"
        )
    if values.get("interpolation_method") == "none":
        told.append(
            f"controller {name}: interpolation_method is none, so the robot jumps from point to point; set it to "
            "splines"
        )
    if values.get("use_sim_time", simulated) != simulated:
        theirs, ours = str(not simulated).lower(), str(simulated).lower()
        told.append(
            f"controller {name}: use_sim_time is {theirs} there and {ours} here, so its clock is not the one that time "
            "stamps are on; set both alike"
        )
    return told


def foreign_publishers(node: Node, topics: Iterable[str], own: int) -> dict[str, list[str]]:
    """Who else publishes on trajectory topics: full topic name to full node names.

    Args:
        node: whose publishers do not count.
        topics: full names.
        own: how many publishers `node` itself has on each.
    """
    found = {}
    for topic in topics:
        names = [f"{i.node_namespace.rstrip('/')}/{i.node_name}" for i in node.get_publishers_info_by_topic(topic)]
        me = node.get_fully_qualified_name()
        others = [n for n in names if n != me]
        if names.count(me) > own:
            others.append(f"another node named {me}")
        if others:
            found[topic] = sorted(set(others))
    return found


def foreign_sentence(found: dict[str, list[str]]) -> str:
    """One sentence for what `foreign_publishers` found, '' for nothing."""
    names = sorted({n for nodes in found.values() for n in nodes})
    if not names:
        return ""
    return f"{' and '.join(names)} publishes on {', '.join(sorted(found))} too; only one node may command a controller"
