"""The ROS side of `bench --soak`: stands between the gesture node and its inputs, and hears all that it sends.

The simulated robot and the speech player are remapped to `joint_states_raw` and `audio_raw`; this node passes their
messages on, so that a fault can hold them back, spoil or repeat them as if the real source did so.
"""

from __future__ import annotations

import array
import time
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np
import rclpy
from diagnostic_msgs.msg import DiagnosticArray
from lifecycle_msgs.srv import ChangeState
from rcl_interfaces.srv import SetParameters
from rclpy.executors import SingleThreadedExecutor
from rclpy.node import Node
from rclpy.parameter import Parameter
from rclpy.qos import QoSProfile, ReliabilityPolicy
from rclpy.serialization import deserialize_message
from sensor_msgs.msg import JointState, MultiDOFJointState
from std_msgs.msg import UInt8MultiArray
from std_srvs.srv import SetBool, Trigger
from trajectory_msgs.msg import JointTrajectory, JointTrajectoryPoint

from speech_gesture_pkg.bags.messages import BagMessage
from speech_gesture_pkg.ros.clock import NANO, duration_msg

NODE = "/speech_gesture"
STATUS = f"{NODE}: pipeline"
FOREIGN = "foreign"
"""Frame id by which the trajectories of the foreign commander are told from the gesture node's."""
_CDR_STAMP = slice(4, 12)
"""Where the header stamp stands in a serialized message that begins with a header: after 4 bytes of encapsulation."""

Spoil = Callable[[bytes], Sequence[bytes | None]]
"""What becomes of the payload of an audio message: the payloads that go on instead (none = it is held back)."""


def _bytes_message(payload: bytes) -> UInt8MultiArray:
    return UInt8MultiArray(data=array.array("B", payload))


class SoakGraph:
    """Relays, ears and services of the soak test, spun by `spin`.

    Args:
        topics: trajectory topics that the gesture node commands.
        on_window: called with each window of the gesture node; `received` is the time at which it was published.

    Attributes:
        audio: None passes audio messages on; else see `Spoil`.
        joints: None passes joint states on; else what becomes of a message (None = it is held back).
        joint_names, position, velocity: of the robot, from its latest joint state.
        measured_at: when that came, s (steady).
        values: keys and values of the latest diagnostics, with `message`.
        heard: frames of human motion since the last look, as (published, happens) in s.
        foreign: trajectory topics on which somebody else has commanded since the gesture node did.
        lead: least time from the arrival of a window in this process to its stamp, s.
    """

    def __init__(self, topics: Sequence[str], on_window: Callable[[BagMessage], None]) -> None:
        rclpy.init(args=[])
        self.node = rclpy.create_node("soak")
        self.audio: Spoil | None = None
        self.joints: Callable[[JointState], JointState | None] | None = None
        self.joint_names: list[str] = []
        self.position = self.velocity = np.zeros(0)
        self.measured_at = 0.0
        self.values: dict[str, str] = {}
        self.heard: list[tuple[float, float]] = []
        self.foreign: set[str] = set()
        self.lead = np.inf
        self._on_window = on_window
        self._extra: Node | None = None
        self._executor = SingleThreadedExecutor()
        self._executor.add_node(self.node)
        best_effort = QoSProfile(depth=50, reliability=ReliabilityPolicy.BEST_EFFORT)
        self._audio = self.node.create_publisher(UInt8MultiArray, "audio", QoSProfile(depth=50))
        self._joints = self.node.create_publisher(JointState, "joint_states", 10)
        self.node.create_subscription(UInt8MultiArray, "audio_raw", self._on_audio, best_effort, raw=True)
        self.node.create_subscription(JointState, "joint_states_raw", self._on_joints, 10, raw=True)
        self.node.create_subscription(DiagnosticArray, "/diagnostics", self._on_diagnostics, 10)
        self.node.create_subscription(MultiDOFJointState, f"{NODE}/smplx", self._on_frame, 50, raw=True)
        for topic in topics:
            self.node.create_subscription(JointTrajectory, topic, self._listener(topic), 50)
        self._pause: Any = self.node.create_client(SetBool, f"{NODE}/pause")
        self._reset: Any = self.node.create_client(Trigger, f"{NODE}/reset")
        self._set: Any = self.node.create_client(SetParameters, f"{NODE}/set_parameters")
        self._change: Any = self.node.create_client(ChangeState, f"{NODE}/change_state")

    def spin(self, seconds: float) -> None:
        """Let messages pass for so long."""
        end = time.monotonic() + seconds
        while (left := end - time.monotonic()) > 0:
            self._executor.spin_once(timeout_sec=left)

    def close(self) -> None:
        """Leave the graph."""
        self.leave()
        self._executor.shutdown()
        self.node.destroy_node()
        rclpy.try_shutdown()

    # --- what passes ----------------------------------------------------------------------------------------------

    def _on_audio(self, raw: bytes) -> None:
        if self.audio is None:
            self._audio.publish(raw)
            return
        payload = bytes(deserialize_message(raw, UInt8MultiArray).data)
        for spoilt in self.audio(payload):
            if spoilt is not None:
                self.say(spoilt)

    def renew_voice(self) -> None:
        """The publisher of the speech leaves, and another one comes."""
        self.node.destroy_publisher(self._audio)
        self._audio = self.node.create_publisher(UInt8MultiArray, "audio", QoSProfile(depth=50))

    def say(self, payload: bytes) -> None:
        """Publish an audio message of these bytes, as the speech's own publisher."""
        self._audio.publish(_bytes_message(payload))

    def _on_joints(self, raw: bytes) -> None:
        message = deserialize_message(raw, JointState)
        self.joint_names, self.measured_at = list(message.name), time.monotonic()
        self.position, self.velocity = np.array(message.position), np.array(message.velocity)
        if self.joints is None:
            self._joints.publish(raw)
        elif (changed := self.joints(message)) is not None:
            self._joints.publish(changed)

    def _on_frame(self, raw: bytes, info: Mapping[str, Any]) -> None:
        sec, nanosec = np.frombuffer(raw[_CDR_STAMP], "<u4")
        self.heard.append((info["source_timestamp"] / NANO, float(sec) + float(nanosec) / NANO))

    def _on_diagnostics(self, message: DiagnosticArray) -> None:
        for status in message.status:
            if status.name == STATUS:
                self.values = {v.key: v.value for v in status.values} | {"message": status.message}

    def _listener(self, topic: str) -> Callable[[JointTrajectory, Mapping[str, Any]], None]:
        def on_window(message: JointTrajectory, info: Mapping[str, Any]) -> None:
            if message.header.frame_id == FOREIGN:
                self.foreign.add(topic)
                return
            stamp = message.header.stamp
            self.lead = min(self.lead, stamp.sec - time.time() + stamp.nanosec / NANO)
            kind = "trajectory_msgs/msg/JointTrajectory"
            self._on_window(BagMessage(topic, kind, info["source_timestamp"] / NANO, message))

        return on_window

    # --- what others on the graph do -------------------------------------------------------------------------------

    def enter(self, name: str) -> Node:
        """Another node joins the graph; `leave` takes it away."""
        self.leave()
        self._extra = rclpy.create_node(name)
        return self._extra

    def leave(self) -> None:
        """The other node leaves the graph."""
        if self._extra is not None:
            self._extra.destroy_node()
            self._extra = None

    def second_voice(self) -> Callable[[bytes], None]:
        """Another node begins to publish audio; call what is returned for each message."""
        publisher = self.enter("second_voice").create_publisher(UInt8MultiArray, "audio", QoSProfile(depth=10))
        return lambda payload: publisher.publish(_bytes_message(payload))

    def foreign_commander(self, topic: str) -> Callable[[Mapping[str, float], float], None]:
        """Another node begins to command; call what is returned with positions (rad) and the time to get there, s."""
        publisher = self.enter("foreign_commander").create_publisher(JointTrajectory, topic, 10)

        def command(positions: Mapping[str, float], seconds: float) -> None:
            point = JointTrajectoryPoint(positions=list(positions.values()), velocities=[0.0] * len(positions))
            point.time_from_start = duration_msg(seconds)
            message = JointTrajectory(joint_names=list(positions), points=[point])
            message.header.frame_id = FOREIGN
            publisher.publish(message)

        return command

    # --- services of the gesture node: futures that are `done()` one day ---------------------------------------------

    def pause(self, on: bool) -> Any:
        """Ask it to pause or to go on."""
        return self._pause.call_async(SetBool.Request(data=on))

    def reset(self) -> Any:
        """Ask it to forget."""
        return self._reset.call_async(Trigger.Request())

    def set_parameter(self, name: str, value: Any) -> Any:
        """Ask it to change a parameter."""
        return self._set.call_async(SetParameters.Request(parameters=[Parameter(name, value=value).to_parameter_msg()]))

    def transition(self, number: int) -> Any:
        """Ask it for a lifecycle transition (lifecycle_msgs/Transition)."""
        request = ChangeState.Request()
        request.transition.id = number
        return self._change.call_async(request)
