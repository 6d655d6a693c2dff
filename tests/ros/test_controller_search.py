"""ControllerSearch on real nodes: which parameters are read, and who says that a controller is active."""

from __future__ import annotations

import threading
from types import SimpleNamespace
from typing import Any

import pytest

pytest.importorskip("rclpy", reason="rclpy is not installed; install the extra `ros`")
from rclpy.executors import SingleThreadedExecutor
from rclpy.lifecycle import LifecycleNode, TransitionCallbackReturn
from rclpy.node import Node
from trajectory_msgs.msg import JointTrajectory

from speech_gesture_pkg.errors import RobotError
from speech_gesture_pkg.ros import controller_activity, controllers
from speech_gesture_pkg.ros.controllers import ControllerSearch
from speech_gesture_pkg.ros.graph_probe import GraphProbe

ARM = ["shoulder", "elbow"]
SETTINGS: dict[str, Any] = {
    "joints": ARM,
    "state_interfaces": ["position"],
    "command_interfaces": ["position"],
    "update_rate": 100,
    "interpolate_from_desired_state": True,
    "interpolation_method": "splines",
    "cmd_timeout": 0.25,
    "constraints.stopped_velocity_tolerance": 0.01,
    "constraints.elbow.trajectory": 0.05,
    "constraints.elbow.goal": 0.02,
    "allow_trajectory_replacement": False,
}


class Active(LifecycleNode):
    """A controller that has its lifecycle services, as older ones do."""

    def on_activate(self, state: Any) -> TransitionCallbackReturn:
        return TransitionCallbackReturn.SUCCESS


@pytest.fixture
def robot(probe):
    """Adds nodes, all spun by a thread; `find` searches as the gesture node does."""
    executor = SingleThreadedExecutor(context=probe.context)
    made: list[Any] = []

    def add(kind: type, name: str, settings: dict[str, Any], namespace: str = "/r", listens: bool = True) -> Any:
        node = kind(name, namespace=namespace, context=probe.context, use_global_arguments=False)
        for key, value in settings.items():
            node.declare_parameter(key, value)
        if listens:
            node.create_subscription(JointTrajectory, "~/joint_trajectory", lambda _: None, 10)
        executor.add_node(node)
        made.append(node)
        return node

    owner = add(Node, "owner", {}, listens=False)

    def find(*names: str, check: bool = True, joints: Any = None) -> Any:
        with GraphProbe(owner) as graph:
            return ControllerSearch(graph, {*ARM, "lift"}, set(ARM)).find(names, joints or {}, check, 5.0)

    thread = threading.Thread(target=executor.spin, daemon=True)
    thread.start()
    yield SimpleNamespace(add=add, find=find)
    executor.shutdown()
    thread.join(10.0)
    for node in made:
        node.destroy_node()


def test_all_kinds_of_parameters_are_read_and_what_spoils_the_motion_is_named(robot):
    robot.add(Node, "arm", SETTINGS | {"gains.elbow.p": 3.0})
    robot.add(Node, "controller_manager", {"update_rate": 250, "enforce_command_limits": False}, listens=False)
    (arm,) = robot.find().controllers
    manager = {"controller_manager.update_rate": 250, "controller_manager.enforce_command_limits": False}
    assert arm.parameters == SETTINGS | manager | {"use_sim_time": False}
    assert (arm.name, arm.joints) == ("arm", tuple(ARM))
    (warning,) = arm.warnings
    assert "constraints.elbow.trajectory is 0.05" in warning


def test_unasked_parameters_are_not_missed(robot):
    robot.add(Node, "arm", {"joints": ["other"]})
    (arm,) = robot.find("arm", check=False, joints={"arm": tuple(ARM)}).controllers
    assert arm.joints == tuple(ARM)
    assert arm.parameters == {}
    assert arm.warnings == ()


def test_the_active_one_of_two_is_found_by_its_lifecycle_service(robot):
    robot.add(LifecycleNode, "a_position", SETTINGS)
    effort = robot.add(Active, "effort", SETTINGS | {"command_interfaces": ["effort"]})
    effort.trigger_configure()
    effort.trigger_activate()
    found = robot.find()
    assert [c.name for c in found.controllers] == ["effort"]
    assert found.left_out == ("a_position is left out: it is not active; controllers.names says which to command",)
    with pytest.raises(RobotError, match="controller a_position cannot be commanded: it is not active"):
        robot.find("a_position")


def test_a_controller_without_parameter_services_is_not_waited_for(robot, monkeypatch):
    """A bag recorder that listens before the controller is there."""
    recorder = robot.add(Node, "recorder", {}, listens=False)
    recorder.create_subscription(JointTrajectory, "/r/arm/joint_trajectory", lambda _: None, 10)
    asked: list[Any] = []
    monkeypatch.setattr(controllers, "ask_all", lambda probe, nodes: asked.extend(nodes) or {})
    with pytest.raises(
        RobotError, match=r"arm is left out: it does not answer about its joints \(/r/recorder listens\)"
    ):
        robot.find()
    (arm,) = robot.find(joints={"arm": tuple(ARM)}).controllers
    assert arm.parameters == {}
    assert asked == []


def test_the_controller_manager_knows_by_namespace(monkeypatch):
    """Where controller_manager_msgs is installed."""
    listed = [SimpleNamespace(name="arm", state="active"), SimpleNamespace(name="effort", state="inactive")]
    service = "/r1/controller_manager/list_controllers"
    node = SimpleNamespace(get_service_names_and_types=lambda: [(service, [controller_activity.LISTS])])
    monkeypatch.setattr(controller_activity, "interface", lambda name: object)
    monkeypatch.setattr(
        controller_activity, "_call_all", lambda probe, calls: {s: SimpleNamespace(controller=listed) for s in calls}
    )
    names = {"arm": "/r1/arm", "effort": "/r1/effort", "other": "/r2/arm"}
    told = controller_activity.ask_activity(SimpleNamespace(node=node), names)
    assert told == {"arm": True, "effort": False}, "/r2 has another manager"


def test_without_the_managers_messages_nobody_is_asked():
    assert controller_activity.interface("no_such_msgs/srv/Nothing") is None
    assert controller_activity.interface("std_srvs/srv/Nothing") is None
    assert controller_activity.interface("std_srvs/srv/Trigger").__name__ == "Trigger"
