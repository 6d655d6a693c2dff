"""Whether controllers are active: as the controller manager, the controllers, or their messages tell.

A joint_trajectory_controller subscribes when it is configured, so that one that listens need not drive its joints.
"""

from __future__ import annotations

import time
from collections.abc import Iterable, Mapping
from importlib import import_module
from typing import Any

from lifecycle_msgs.msg import State
from lifecycle_msgs.srv import GetState
from rclpy.qos import QoSProfile, ReliabilityPolicy

from speech_gesture_pkg.ros.graph_probe import GraphProbe

ANSWER_S = 1.0
"""How long a server that is there may take, s."""
AGAIN_S = 0.4
"""It is asked again after so long, s."""
STATE_S = 0.5
"""An active controller tells its state within this time, s (10 to 50 Hz by default)."""
LISTS = "controller_manager_msgs/srv/ListControllers"
STATES = "control_msgs/msg/JointTrajectoryControllerState"


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
    told: dict[str, bool] = {}
    kind = interface(LISTS)
    calls: dict[str, Any] = {}
    if kind is not None:
        calls |= {n: kind for n, types in services.items() if LISTS in types}
    own = {f"{full}/get_state": name for name, full in controllers.items()}
    calls |= {service: GetState for service in own if "lifecycle_msgs/srv/GetState" in services.get(service, [])}
    for service, answer in _call_all(probe, calls).items():
        if service in own:
            told.setdefault(own[service], answer.current_state.id == State.PRIMARY_STATE_ACTIVE)
            continue
        place = service.rsplit("/", 2)[0]  # the namespace of the controller manager is that of its controllers
        listed = {f"{place}/{c.name}": c.state == "active" for c in answer.controller}
        told |= {name: listed[full] for name, full in controllers.items() if full in listed}
    return told


def hear_activity(probe: GraphProbe, controllers: Mapping[str, str]) -> dict[str, bool]:
    """Which controllers publish their state, as only active ones do; {} where that cannot be heard."""
    kind = interface(STATES)
    topics = dict(probe.node.get_topic_names_and_types())
    found = {
        name: topic
        for name, full in controllers.items()
        for topic in (f"{full}/controller_state", f"{full}/state")
        if kind is not None and STATES in topics.get(topic, [])
    }
    heard: set[str] = set()
    qos = QoSProfile(depth=1, reliability=ReliabilityPolicy.BEST_EFFORT)
    subscriptions = [
        probe.node.create_subscription(kind, topic, lambda _, n=name: heard.add(n), qos)
        for name, topic in found.items()
    ]
    probe.until(lambda: heard >= found.keys(), STATE_S if found else 0.0)
    for each in subscriptions:
        probe.node.destroy_subscription(each)
    return {name: name in heard for name in found} if heard else {}


def _call_all(probe: GraphProbe, calls: Mapping[str, Any]) -> dict[str, Any]:
    """Responses to empty requests of services, by name, as far as they come."""
    clients: dict[str, Any] = {service: probe.node.create_client(kind, service) for service, kind in calls.items()}
    asked: dict[str, list[Any]] = {service: [] for service in calls}
    due = dict.fromkeys(calls, -float("inf"))

    def answer(futures: Iterable[Any]) -> Any:
        return next((f.result() for f in futures if f.done() and f.exception() is None), None)

    def answered() -> bool:
        for service, client in clients.items():
            if time.monotonic() >= due[service] and client.service_is_ready() and answer(asked[service]) is None:
                due[service] = time.monotonic() + AGAIN_S
                asked[service].append(client.call_async(calls[service].Request()))
        return all(answer(futures) is not None for futures in asked.values())

    probe.until(answered, ANSWER_S)
    for client in clients.values():
        probe.node.destroy_client(client)
    return {service: found for service, futures in asked.items() if (found := answer(futures)) is not None}
