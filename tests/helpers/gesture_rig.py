"""What the tests of gesture_node share: lifecycle calls, speech from the test process, a fake robot, expectations."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from functools import partial
from typing import Any

import numpy as np
from diagnostic_msgs.msg import DiagnosticArray
from infrastructure import Pulse
from lifecycle_msgs.srv import ChangeState, GetState
from rcl_interfaces.srv import SetParameters
from rclpy.parameter import Parameter
from rclpy.qos import QoSProfile, ReliabilityPolicy
from sensor_msgs.msg import JointState
from std_msgs.msg import Int16MultiArray
from trajectory_msgs.msg import JointTrajectory

from speech_gesture_pkg.audio.files import read_audio
from speech_gesture_pkg.bags.messages import BagMessage
from speech_gesture_pkg.config import GestureConfig
from speech_gesture_pkg.pipeline.build import layout_of, load_robot
from speech_gesture_pkg.pipeline.diagnostic_keys import DiagnosticKey
from speech_gesture_pkg.resources import DEMO_AUDIO, resource, robot_file
from speech_gesture_pkg.ros.clock import seconds, time_from_seconds
from speech_gesture_pkg.ros.sim_robot_node import DEMO_CONTROLLERS
from speech_gesture_pkg.trajectory.windows import TRANSPORT
from speech_gesture_pkg.verification.motion_guarantees import GuaranteeCheck, urdf_limits

NODE = "/speech_gesture"
# shutdown: of an active node
TRANSITIONS = {"configure": 1, "cleanup": 2, "activate": 3, "deactivate": 4, "shutdown": 7}
CHUNK = 0.032
ARM = DEMO_CONTROLLERS["right_arm_controller"]
ARMS = ("shoulder", "elbow", "wrist")
BEST_EFFORT = QoSProfile(depth=50, reliability=ReliabilityPolicy.BEST_EFFORT)


def one_arm(start: Callable[..., Any], **params: Any) -> Any:
    """The gesture node for a robot of which one controller, my_arm, moves the demo humanoid's right arm."""
    joints = f"[{', '.join(ARM)}]"
    mine = {"controllers__names": "[my_arm]", "controllers__my_arm__joints": joints}
    return start("gesture_node", robot__strict=False, **mine, **params)


def rest_pose() -> dict[str, float]:
    """Joint name -> rest position of the demo humanoid, rad."""
    config = GestureConfig().with_values({"robot.urdf": str(robot_file("demo"))})
    layout = layout_of(load_robot(config), {}, config)
    rest = layout.rest_from(np.zeros(len(layout.joint_names)))
    return dict(zip(layout.joint_names, rest.tolist(), strict=True))


def speech(kind: str = "int16") -> np.ndarray:
    """The bundled speech, 16 kHz mono, from where it gets loud. Shape [N]."""
    samples = read_audio(resource(DEMO_AUDIO)).samples
    loud = int(np.argmax(np.abs(samples) > 0.1))
    samples = samples[max(loud - 1600, 0) :]
    return (samples * 32767).astype(np.int16) if kind == "int16" else samples


class Speaker:
    """Speaks the bundled clip again and again, in real time, while the probe waits.

    Args:
        probe: its node publishes (or `node`).
        message: makes a message from samples and the time at which they begin, s.
    """

    def __init__(
        self,
        probe: Any,
        topic: str = "audio",
        kind: Any = Int16MultiArray,
        message: Callable[[np.ndarray, float], Any] = lambda x, _: Int16MultiArray(data=x.tolist()),
        node: Any = None,
    ) -> None:
        self.node = node or probe.node
        self.samples, self.size, self.sent = speech(), round(CHUNK * 16000), 0
        self._message = message
        self.publisher = self.node.create_publisher(kind, topic, BEST_EFFORT)
        self._began = time.monotonic()
        self._timer = self.node.create_timer(CHUNK / 2, self._tick)

    def _tick(self) -> None:
        due = int((time.monotonic() - self._began) / CHUNK)
        while self.sent < due:
            first = self.sent * self.size % (len(self.samples) - self.size)
            begin = self.node.get_clock().now().nanoseconds * 1e-9 - (due - self.sent) * CHUNK
            self.publisher.publish(self._message(self.samples[first : first + self.size], begin))
            self.sent += 1

    def stop(self) -> None:
        """Fall silent and leave the graph."""
        self.node.destroy_timer(self._timer)
        self.node.destroy_publisher(self.publisher)


class Watch:
    """Diagnostics and joint states as the test process hears them. `now` gives the node time, s."""

    def __init__(self, probe: Any, namespace: str = "", now: Callable[[], float] | None = None) -> None:
        self.probe = probe
        self._node = f"{namespace}{NODE}"
        self.now = now or (lambda: probe.node.get_clock().now().nanoseconds * 1e-9)
        self.diagnostics = probe.collect(DiagnosticArray, "/diagnostics")
        self.states = probe.collect(JointState, f"{namespace}/joint_states")

    @property
    def values(self) -> dict[str, str]:
        """Keys and values of the node's latest diagnostics, with `level` and `message`."""
        for array in reversed(self.diagnostics):
            for status in array.status:
                if status.name == f"{self._node}: pipeline":
                    found = {v.key: v.value for v in status.values}
                    return found | {"level": str(status.level[0]), "message": status.message}
        return {}

    def until_state(self, *states: str, timeout: float = 15.0) -> None:
        """Wait until diagnostics show one of the pipeline states."""
        self.probe.wait(lambda: self.values.get(DiagnosticKey.STATE) in states, timeout)

    def positions(self) -> dict[str, float]:
        """Latest joint positions, rad."""
        return dict(zip(self.states[-1].name, self.states[-1].position, strict=True))

    def arm_speed(self) -> float:
        """Fastest arm joint now, rad/s."""
        last = self.states[-1]
        return max(abs(v) for n, v in zip(last.name, last.velocity, strict=True) if any(a in n for a in ARMS))

    def moving(self) -> bool:
        """Whether an arm is in the middle of a gesture just now (not in messages that wait to be read)."""
        if not self.states or self.now() - seconds(self.states[-1].header.stamp) > 0.1:
            return False
        return self.values.get(DiagnosticKey.STATE) == "gesturing" and self.arm_speed() > 0.5

    def still(self, duration: float = 0.3, since: float = 0.0) -> bool:
        """Whether no joint has moved in the last `duration` seconds, all of them after node time `since`."""
        if not self.states:
            return False
        end = seconds(self.states[-1].header.stamp)
        begin = end - duration
        recent = [m.position for m in self.states[-int(200 * duration) :] if seconds(m.header.stamp) >= begin]
        return begin > since and len(recent) > 50 * duration and bool(np.ptp(np.array(recent), axis=0).max() < 1e-6)

    def span(self, duration: float, words: Sequence[str] = ARMS) -> float:
        """Mean over the arm joints of the span of their positions during the next `duration` seconds, rad."""
        del self.states[:]
        end = time.monotonic() + duration
        self.probe.wait(lambda: time.monotonic() > end, duration + 5.0)
        columns = [i for i, n in enumerate(self.states[0].name) if any(a in n for a in words)]
        return float(np.ptp(np.array([m.position for m in self.states])[:, columns], axis=0).mean())


class Guarantees:
    """Checks every trajectory of the demo humanoid's controllers that comes by against the motion guarantees.

    The node looks at the clock at least 12 ms before a window's first point and publishes at once. A machine that does
    not let it run for longer just then makes the window late; excused if this process was held up for as long, too.
    """

    def __init__(self, probe: Any, urdf: str, controllers: Sequence[str] = tuple(DEMO_CONTROLLERS)) -> None:
        self._urdf, self._before, self._node = urdf, 0, probe.node
        self._topics = [f"/{name}/joint_trajectory" for name in controllers]
        self.check = GuaranteeCheck(urdf)
        self._pulse = Pulse()
        self._pulse.start()
        probe.at_close.append(self._pulse.end)
        self.listen()

    def listen(self) -> None:
        """Take trajectories from now on."""
        self._subscriptions = [
            self._node.create_subscription(JointTrajectory, topic, partial(self._on_window, topic), 100)
            for topic in self._topics
        ]

    def leave(self) -> None:
        """The node must not see a listener here for a while."""
        for each in self._subscriptions:
            self._node.destroy_subscription(each)

    def _on_window(self, topic: str, message: JointTrajectory, info: Any) -> None:
        sent = 1e-9 * info["source_timestamp"]  # not when it was received: the test process may be held up
        self.check.add(BagMessage(topic, "trajectory_msgs/msg/JointTrajectory", sent, message))

    def forget(self) -> None:
        """Another robot, or one that was moved: its next windows need not continue the ones before."""
        self._before = self.kept()
        self.check = GuaranteeCheck(self._urdf)

    def kept(self) -> int:
        """How many windows came; fails the test if one broke the guarantees."""
        busy = self._pulse.stall() > TRANSPORT
        assert not set(self.check.report.broken) - ({"late"} if busy else set()), self.check.report.examples
        return self._before + self.check.report.messages


class FakeRobot:
    """A robot in the test process: listens to trajectories, stands still, publishes joint states while told to."""

    def __init__(self, probe: Any, controller: str, joints: Sequence[str], qos: Any = 100, state_qos: Any = 10) -> None:
        self.joints, self.publishing = list(joints), False
        self._node, self._topic = probe.node, f"/{controller}/joint_trajectory"
        self.listen(qos)
        self._states = probe.node.create_publisher(JointState, "/joint_states", state_qos)
        rest = rest_pose()
        self._message = JointState(name=self.joints, position=[rest[j] for j in self.joints])
        probe.node.create_timer(0.02, self._tick)

    def listen(self, qos: Any = 100) -> None:
        """Take trajectories from now on; `windows` is empty at first."""
        self.windows: list[JointTrajectory] = []
        self._subscription = self._node.create_subscription(JointTrajectory, self._topic, self.windows.append, qos)

    def leave(self) -> None:
        """The controller goes; joint states go on."""
        self._node.destroy_subscription(self._subscription)

    def _tick(self) -> None:
        if self.publishing:
            self._message.header.stamp = time_from_seconds(self._node.get_clock().now().nanoseconds * 1e-9)
            self._states.publish(self._message)


def assert_inside_limits(states: Sequence[JointState], urdf: str) -> None:
    """What the robot did was inside the position and velocity limits of its URDF."""
    limits = urdf_limits(urdf)
    names = list(states[0].name)
    lower, upper, speed = (np.array([limits[j][k] for j in names]) for k in range(3))
    q = np.array([m.position for m in states])
    assert ((q >= lower - 1e-6) & (q <= upper + 1e-6)).all()
    # over 30 ms: a controller bends a window that comes in the last moment (a busy machine) into the motion under way
    time = np.array([seconds(m.header.stamp) for m in states])
    ratio = np.abs(q[3:] - q[:-3]) / (time[3:] - time[:-3])[:, None] / speed
    k, j = np.unravel_index(ratio.argmax(), ratio.shape)
    assert ratio.max() <= 1.05, f"{names[j]} at {ratio.max():.3f} of its speed at {time[k]:.3f} s"


def last_moved(states: Sequence[JointState]) -> float:
    """When the robot last moved, node time, s; 0 if it never did."""
    q = np.array([m.position for m in states])
    moved = np.flatnonzero(np.abs(np.diff(q, axis=0)).max(axis=1) > 1e-6)
    return seconds(states[moved[-1] + 1].header.stamp) if len(moved) else 0.0


def change(probe: Any, transition: str, node: str = NODE, timeout: float = 20.0) -> bool:
    """Ask for a lifecycle transition; whether it succeeded."""
    request = ChangeState.Request()
    request.transition.id = TRANSITIONS[transition]
    return probe.call(ChangeState, f"{node}/change_state", request, timeout).success


def lifecycle(probe: Any, node: str = NODE) -> str:
    """The node's lifecycle state."""
    return probe.call(GetState, f"{node}/get_state", GetState.Request()).current_state.label


def set_parameter(probe: Any, name: str, value: Any, node: str = NODE) -> str:
    """Set a parameter; '' or why it was refused."""
    request = SetParameters.Request(parameters=[Parameter(name, value=value).to_parameter_msg()])
    result = probe.call(SetParameters, f"{node}/set_parameters", request).results[0]
    return "" if result.successful else result.reason


def assert_stops(window: JointTrajectory) -> None:
    """The window ends with zero velocity."""
    assert np.abs(window.points[-1].velocities).max() < 1e-9


def told(output: str, *parts: str) -> bool:
    """Whether one line of the output holds all the parts."""
    return any(all(p in line for p in parts) for line in output.splitlines())


def stand_in_stamped_audio(tmp_path, monkeypatch) -> str:
    """The message type `AudioDataStamped` of ros-drivers, header + bytes, for nodes started after this."""
    package = tmp_path / "site" / "audio_common_msgs"
    package.mkdir(parents=True)
    (package / "__init__.py").touch()
    (package / "msg.py").write_text("from sensor_msgs.msg import CompressedImage as AudioDataStamped\n")
    monkeypatch.setenv("PYTHONPATH", str(package.parent))
    return "audio_common_msgs/msg/AudioDataStamped"
