"""Whether controllers are active: as the controller manager, the controllers, or their messages say.

A joint_trajectory_controller subscribes when it is configured, so that one that listens need not drive its joints.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from functools import partial
from importlib import import_module
from typing import Any

from lifecycle_msgs.msg import State
from lifecycle_msgs.srv import GetState
from rclpy.node import Node
from rclpy.qos import QoSProfile, ReliabilityPolicy

from speech_gesture_pkg.pipeline.controller_states import ControllerStates
from speech_gesture_pkg.ros.graph_probe import GraphProbe
from speech_gesture_pkg.ros.repeated_call import RepeatedCall

ANSWER_S = 1.0
"""How long a server that is there may take, s."""
AGAIN_S = 0.4
"""It is asked again after so long, s."""
STATE_S = 0.5
"""An active controller publishes its state within this time, s (10 to 50 Hz by default)."""
LISTS = "controller_manager_msgs/srv/ListControllers"
STATES = "control_msgs/msg/JointTrajectoryControllerState"
STATE_QOS = QoSProfile(depth=1, reliability=ReliabilityPolicy.BEST_EFFORT)
STATE_TOPICS = ("controller_state", "state")
"""Name of a controller's state in newer distributions, and in Humble."""


def interface(name: str) -> Any:
    """The class of a message or service type; None if its package is not installed."""
    package, kind, short = name.split("/")
    try:
        return getattr(import_module(f"{package}.{kind}"), short)
    except (ImportError, AttributeError):
        return None


def ask_activity(probe: GraphProbe, controllers: Mapping[str, str]) -> dict[str, bool]:
    """Whether controllers are active, as far as somebody says: the controller managers that are there, or themselves.

    Args:
        probe: asks.
        controllers: full node name of each controller, by name.
    """
    services = dict(probe.node.get_service_names_and_types())
    active: dict[str, bool] = {}
    kind = interface(LISTS)
    calls: dict[str, Any] = {}
    if kind is not None:
        calls |= {n: kind for n, types in services.items() if LISTS in types}
    own = {f"{full}/get_state": name for name, full in controllers.items()}
    calls |= {service: GetState for service in own if "lifecycle_msgs/srv/GetState" in services.get(service, [])}
    for service, answer in _call_all(probe, calls).items():
        if service in own:
            active.setdefault(own[service], answer.current_state.id == State.PRIMARY_STATE_ACTIVE)
            continue
        place = service.rsplit("/", 2)[0]  # the namespace of the controller manager is that of its controllers
        listed = {f"{place}/{c.name}": c.state == "active" for c in answer.controller}
        active |= {name: listed[full] for name, full in controllers.items() if full in listed}
    return active


def receive_activity(probe: GraphProbe, controllers: Mapping[str, str]) -> dict[str, bool]:
    """Which controllers publish their state, as only active ones do; {} where none can be received."""
    kind = interface(STATES)
    if kind is None:
        return {}
    types = dict(probe.node.get_topic_names_and_types())
    topics = {
        name: [t for t in _state_topics(full) if STATES in types.get(t, [])] for name, full in controllers.items()
    }
    published = {name for name, found in topics.items() if found}
    received: set[str] = set()
    subscriptions = [
        probe.node.create_subscription(kind, topics[name][-1], lambda _, n=name: received.add(n), STATE_QOS)
        for name in published
    ]
    probe.until(lambda: received >= published, STATE_S if published else 0.0)
    for each in subscriptions:
        probe.node.destroy_subscription(each)
    return {name: name in received for name in published} if received else {}


class ControllerStateReader:
    """Takes `~/controller_state` of the commanded controllers, where control_msgs is installed, 10 to 50 times a second
    each: which are active, and what they hold.

    Args:
        node: subscribes.
        controllers: full node name of each controller, by name.
        states: gets them.
    """

    def __init__(self, node: Node, controllers: Mapping[str, str], states: ControllerStates) -> None:
        self._node, self._states, self._kind = node, states, interface(STATES)
        self._missing = dict(controllers) if self._kind is not None else {}
        self._subscriptions: list[Any] = []
        self.look()

    def look(self) -> None:
        """Subscribe to those that have come since. To be called now and then."""
        for name, full in list(self._missing.items()):
            topic = next((t for t in _state_topics(full) if self._node.count_publishers(t)), None)
            if topic is not None:
                del self._missing[name]
                self._states.expect(name)
                receive = partial(self._on_state, name)
                self._subscriptions.append(self._node.create_subscription(self._kind, topic, receive, STATE_QOS))

    def _on_state(self, controller: str, message: Any) -> None:
        """One JointTrajectoryControllerState: its reference (Humble: desired) is what the controller holds."""
        point = getattr(message, "reference", None) or getattr(message, "desired", None)
        positions = point.positions if point is not None else ()
        self._states.push(controller, message.joint_names, positions)

    def destroy(self) -> None:
        """Take it off the graph."""
        for each in self._subscriptions:
            self._node.destroy_subscription(each)


def _state_topics(full_name: str) -> Iterable[str]:
    return (f"{full_name}/{short}" for short in STATE_TOPICS)


def _call_all(probe: GraphProbe, calls: Mapping[str, Any]) -> dict[str, Any]:
    """Responses to empty requests of services, by name, as far as they come."""
    pending = {service: RepeatedCall(probe.node, kind, service, AGAIN_S) for service, kind in calls.items()}
    found: dict[str, Any] = {}

    def answered() -> bool:
        for service, call in pending.items():
            if service not in found and (answer := call.answer(calls[service].Request())) is not None:
                found[service] = answer
        return found.keys() == pending.keys()

    probe.until(answered, ANSWER_S)
    for call in pending.values():
        call.destroy()
    return found
