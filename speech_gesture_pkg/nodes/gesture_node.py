"""gesture_node: the lifecycle shell round the pipeline. Topics, services and parameters as in the README's tables."""

from __future__ import annotations

import signal
import sys
from typing import Any

import rclpy
from rclpy.executors import SingleThreadedExecutor
from rclpy.lifecycle import LifecycleNode, LifecycleState, TransitionCallbackReturn
from rclpy.qos import DurabilityPolicy, QoSProfile, ReliabilityPolicy
from rclpy.signals import SignalHandlerOptions
from sensor_msgs.msg import JointState
from std_msgs.msg import String
from std_srvs.srv import SetBool, Trigger

from speech_gesture_pkg.assembly import Robot, load_robot, make_pipeline
from speech_gesture_pkg.config import GestureConfig
from speech_gesture_pkg.errors import RobotError, SpeechGestureError
from speech_gesture_pkg.nodes.audio_input import AudioInput
from speech_gesture_pkg.nodes.clock import now_seconds
from speech_gesture_pkg.nodes.controllers import Controller, GraphProbe
from speech_gesture_pkg.nodes.node_parameters import declare_all, live_change, read_config
from speech_gesture_pkg.nodes.outputs import Diagnostics, MotionOutputs
from speech_gesture_pkg.nodes.worker import Worker

LATCHED = QoSProfile(depth=1, durability=DurabilityPolicy.TRANSIENT_LOCAL, reliability=ReliabilityPolicy.RELIABLE)
OK, FAILURE = TransitionCallbackReturn.SUCCESS, TransitionCallbackReturn.FAILURE


class GestureNode(LifecycleNode):
    """Listens to speech and commands the robot.

    configure reads parameters, URDF and generator; activate finds controllers and joint states, then moves slowly from
    where the robot stands. What is wrong is told in one sentence, and the transition fails.
    """

    def __init__(self, **kwargs: Any) -> None:
        super().__init__("speech_gesture", **kwargs)
        declare_all(self)
        self.problem = ""
        self._config = GestureConfig()
        self._controllers: dict[str, tuple[str, ...]] = {}
        self._robot: Robot | None = None
        self._worker: Worker | None = None
        self._audio: AudioInput | None = None
        self._outputs: MotionOutputs | None = None
        self._subscription: Any = None
        self._state = "unconfigured"
        self._diagnostics = Diagnostics(self)
        self.create_timer(1.0, self._every_second)
        self.create_service(SetBool, "~/pause", self._on_pause)
        self.create_service(Trigger, "~/reset", self._on_reset)
        self.add_on_set_parameters_callback(self._on_parameters)

    # --- lifecycle ----------------------------------------------------------------------------------------------

    def on_configure(self, state: LifecycleState) -> TransitionCallbackReturn:
        """Parameters, robot, generator."""
        return self._guard(self._configure, "inactive")

    def on_activate(self, state: LifecycleState) -> TransitionCallbackReturn:
        """Controllers, joint states, and the slow approach."""
        result = self._guard(self._activate, "active")
        if result is OK:
            super().on_activate(state)
            assert self._worker is not None
            self._worker.start()
        return result

    def on_deactivate(self, state: LifecycleState) -> TransitionCallbackReturn:
        """The last windows end at rest; then silence."""
        self._stop()
        self._state = "inactive"
        return super().on_deactivate(state)

    def on_cleanup(self, state: LifecycleState) -> TransitionCallbackReturn:
        """Forget robot and generator."""
        self._stop()
        self._robot = None
        self._state = "unconfigured"
        return OK

    def on_shutdown(self, state: LifecycleState) -> TransitionCallbackReturn:
        """As deactivate."""
        self._stop()
        self._state = "finalized"
        return OK

    def _guard(self, job: Any, reached: str) -> TransitionCallbackReturn:
        try:
            job()
        except SpeechGestureError as e:
            self.problem = str(e)
            self.get_logger().error(str(e))
            return FAILURE
        self.problem = ""
        self._state = reached
        return OK

    def _configure(self) -> None:
        self._config, self._controllers = read_config(self)
        config = self._config.robot
        text = ""
        if not config.urdf:
            topic, timeout = self.resolve_topic_name("robot_description"), config.description_timeout
            with GraphProbe(self) as probe:
                message = probe.message(String, "robot_description", LATCHED, timeout)
            if message is None:
                raise RobotError(f"no robot: robot.urdf is empty and nothing came on {topic} within {timeout:g} s")
            text = message.data
        self._robot = load_robot(self._config, text)
        for warning in self._robot.warnings:
            self.get_logger().warning(warning)
        self.get_logger().info(self._robot.summary)

    def _activate(self) -> None:
        assert self._robot is not None
        timeout = self._config.controllers.discovery_timeout
        with GraphProbe(self) as probe:
            found = self._find_controllers(probe, timeout)
            joints = {j for c in found for j in c.joints}
            absent = probe.joint_state_covers(joints, "joint_states", timeout)
        if absent:
            topic = self.resolve_topic_name("joint_states")
            raise RobotError(f"no joint states of {', '.join(sorted(absent))} on {topic} within {timeout:g} s")
        pipeline = make_pipeline(self._config, self._robot, {c.name: c.joints for c in found})
        for sentence in pipeline.layout.dropped:
            self.get_logger().warning(sentence)
        self._outputs = MotionOutputs(self, self._config.output)
        self._worker = Worker(self, pipeline, self._outputs)
        self._subscription = self.create_subscription(JointState, "joint_states", self._worker.put_joint_state, 10)
        self._audio = AudioInput(self, self._config.audio, self._worker, self._config.sync.mode == "delay")
        self.get_logger().info(
            f"commanding {', '.join(f'{c.name} ({len(c.joints)} joints)' for c in found)}; sync mode "
            f"{self._config.sync.mode}, motion {1e3 * pipeline.offset:.0f} ms after the stamp of its sound"
        )

    def _find_controllers(self, probe: GraphProbe, timeout: float) -> list[Controller]:
        settings = self._config.controllers
        found = probe.find(settings.names, self._controllers, settings.check_parameters, timeout)
        if not found:
            raise RobotError(
                f"no trajectory controller found: no */joint_trajectory topic has a subscriber after {timeout:g} s"
            )
        for controller in found:
            for warning in controller.warnings:
                self.get_logger().warning(warning)
            topic = f"{controller.name}/joint_trajectory"
            others = [i.node_name for i in probe.node.get_publishers_info_by_topic(f"/{topic}")]
            if others:
                raise RobotError(f"{', '.join(others)} already publishes on /{topic}; only one node may command it")
        return found

    def _stop(self) -> None:
        if self._worker is not None:
            self._worker.stop()
            self._worker.destroy()
        for each in (self._audio, self._outputs):
            if each is not None:
                each.destroy(self)
        if self._subscription is not None:
            self.destroy_subscription(self._subscription)
        self._worker = self._audio = self._outputs = self._subscription = None

    # --- services, parameters, timer ------------------------------------------------------------------------------

    def _on_pause(self, request: SetBool.Request, response: SetBool.Response) -> SetBool.Response:
        response.success = self._worker is not None
        if self._worker is None:
            response.message = f"nothing to pause: the node is {self._state}"
        else:
            self._worker.pause(request.data)
            response.message = "paused" if request.data else "running"
        return response

    def _on_reset(self, request: Trigger.Request, response: Trigger.Response) -> Trigger.Response:
        response.success = self._worker is not None
        if self._worker is None:
            response.message = f"nothing to reset: the node is {self._state}"
        else:
            self._worker.reset()
            response.message = "audio and generator state forgotten"
        return response

    def _on_parameters(self, changes: list[Any]) -> Any:
        result, config = live_change(self._config, changes, self._state == "active")
        if result.successful:
            self._config = config
            if self._worker is not None:
                self._worker.restyle(config)
        return result

    def _every_second(self) -> None:
        if self._audio is not None:
            self._audio.look()
        pipeline = self._worker.pipeline if self._worker else None
        drops = self._worker.drops if self._worker else {}
        failure = self._worker.failure if self._worker else ""
        problem = failure or self.problem or (self._audio.problem if self._audio else "")
        self._diagnostics.publish(pipeline, drops, problem, now_seconds(self))

    def start_by_itself(self) -> bool:
        """configure and activate without a lifecycle manager; whether it is active now."""
        if self._state == "unconfigured" and self.trigger_configure() is not OK:
            return False
        return self._state == "active" or self.trigger_activate() is OK

    def close(self) -> None:
        """Leave the robot at rest, whatever the state."""
        self._stop()


def main(args: list[str] | None = None) -> int:
    """Run until SIGINT or SIGTERM; then brake, go to rest, exit 0. Exit code 4 or 5 if configuring fails."""
    # rclpy's own handlers would close the context before the last windows are out.
    rclpy.init(args=args, signal_handler_options=SignalHandlerOptions.NO)
    wanted: list[int] = []
    for sig in (signal.SIGINT, signal.SIGTERM):
        signal.signal(sig, lambda number, frame: wanted.append(number))
    node = GestureNode()
    node.declare_parameter("autostart", False)
    code = 0
    try:
        if node.get_parameter("autostart").value and not _autostart(node, wanted):
            code = 5
        else:
            executor = SingleThreadedExecutor()
            executor.add_node(node)
            while not wanted and rclpy.ok():
                executor.spin_once(timeout_sec=0.1)
    finally:
        node.close()
        node.destroy_node()
        rclpy.try_shutdown()
    return code


def _autostart(node: GestureNode, wanted: list[int]) -> bool:
    """Configure once; activate until it works (controllers may come later). False if configuring fails."""
    executor = SingleThreadedExecutor()
    executor.add_node(node)
    if node.trigger_configure() is not OK:
        return False
    while not wanted and not node.start_by_itself():
        for _ in range(10):
            executor.spin_once(timeout_sec=0.1)
            if wanted:
                break
    executor.remove_node(node)
    return True


if __name__ == "__main__":
    sys.exit(main())
