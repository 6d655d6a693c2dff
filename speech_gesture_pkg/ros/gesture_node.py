"""gesture_node: the lifecycle shell round the pipeline. Topics and services: docs/interface.md.

configure -> parameters, robot, generator; activate -> controllers, joint states, and a `Session`, which holds all that
there is only while the node is active.
"""

from __future__ import annotations

import math
import sys
import time
from collections.abc import Callable
from typing import Any

from rclpy.clock import Clock, ClockType
from rclpy.lifecycle import LifecycleNode, LifecycleState, TransitionCallbackReturn
from rclpy.qos import DurabilityPolicy, QoSProfile, ReliabilityPolicy
from std_msgs.msg import String
from std_srvs.srv import SetBool, Trigger

from speech_gesture_pkg.config import GestureConfig
from speech_gesture_pkg.errors import ConfigError, ModelError, RobotError, SpeechGestureError
from speech_gesture_pkg.pipeline.build import Robot, load_robot, make_pipeline
from speech_gesture_pkg.pipeline.events import Event
from speech_gesture_pkg.pipeline.pipeline import Pipeline
from speech_gesture_pkg.pipeline.states import Severity
from speech_gesture_pkg.pipeline.timing import CLOCK_STEP, SIMULATED_STEP
from speech_gesture_pkg.ros.audio_input import check_audio
from speech_gesture_pkg.ros.controllers import Found, find_controllers, timings
from speech_gesture_pkg.ros.event_log import EventLog
from speech_gesture_pkg.ros.graph_probe import GraphProbe
from speech_gesture_pkg.ros.joint_state_reader import JointStateReader
from speech_gesture_pkg.ros.memory import keep_little, release, settle
from speech_gesture_pkg.ros.messages.graph import INCOMPATIBLE, unmatched
from speech_gesture_pkg.ros.node_parameters import declare_all, given_description, live_change, read_config
from speech_gesture_pkg.ros.outputs import Diagnostics
from speech_gesture_pkg.ros.parameters import declare
from speech_gesture_pkg.ros.pipeline_thread import PipelineThread
from speech_gesture_pkg.ros.session import Session
from speech_gesture_pkg.ros.spin import WAKE_S, Done, run
from speech_gesture_pkg.ros.waiting import AGAIN_S, FIRST_S, WaitLog

LATCHED = QoSProfile(depth=1, durability=DurabilityPolicy.TRANSIENT_LOCAL, reliability=ReliabilityPolicy.RELIABLE)
OK, FAILURE = TransitionCallbackReturn.SUCCESS, TransitionCallbackReturn.FAILURE
SWITCH_S = 1e-3
"""Longest wait of the pipeline's thread for the one that takes messages, s: Python's 5 ms come at each publication."""
RETRY_S = 1.0
"""With autostart, time between attempts to activate."""
WATCH_S = 0.1
"""Time between two looks at the pipeline's thread."""


class GestureNode(LifecycleNode):
    """Listens to speech and commands the robot.

    What is wrong with a transition is logged in one sentence, and the transition fails.

    Attributes:
        problem: why the last transition failed, '' if it did not.
        interrupted: transitions that wait for others end early once it says so.
    """

    def __init__(self, **kwargs: Any) -> None:
        super().__init__("speech_gesture", **kwargs)
        self._wrong_parameters = declare_all(self)
        self.problem = ""
        self.interrupted: Callable[[], bool] = lambda: False
        self._exit_code = 0
        self._config = GestureConfig()
        self._controllers: dict[str, tuple[str, ...]] = {}
        self._robot: Robot | None = None
        self._joint_states: JointStateReader | None = None
        self._session: Session | None = None
        self._hung: PipelineThread | None = None
        """One that did not end: until it does, its robot's generator is not free."""
        self._last: tuple[Pipeline, int] | None = None
        """What moved the robot last, and the base of its times, if nobody else has since: it may still run."""
        self._state = "unconfigured"
        self._repeats = EventLog(self, AGAIN_S)
        """Attempts to activate repeat: what they say is logged only now and then."""
        # rclpy allows one severity per call site
        self._waits = WaitLog(lambda sentence: self.get_logger().warning(sentence))
        self._idle = WaitLog(lambda sentence: self.get_logger().info(sentence))
        self._diagnostics = Diagnostics(self)
        # Not on the node's clock: simulated time may stand still.
        steady = Clock(clock_type=ClockType.STEADY_TIME)
        self.create_timer(1.0, self._every_second, clock=steady)
        self.create_timer(WATCH_S, self._check_watchdogs, clock=steady)
        self.create_service(SetBool, "~/pause", self._on_pause)
        self.create_service(Trigger, "~/reset", self._on_reset)
        self.add_on_set_parameters_callback(self._on_parameters)
        self._autostart = declare(self, "autostart", False, "Configure and activate without a lifecycle manager.")
        self._attempt_due = -math.inf if self._autostart else math.inf

    # --- lifecycle ----------------------------------------------------------------------------------------------

    def on_configure(self, state: LifecycleState) -> TransitionCallbackReturn:
        """Parameters, robot, generator."""
        return self._guard(self._configure, "inactive", self.get_logger().error)

    def on_activate(self, state: LifecycleState) -> TransitionCallbackReturn:
        """Controllers, joint states, and the slow approach."""
        result = self._guard(self._activate, "active", self._stay_inactive)
        if result is OK:
            super().on_activate(state)
            assert self._session is not None
            self._session.thread.start()
        return result

    def on_deactivate(self, state: LifecycleState) -> TransitionCallbackReturn:
        """The last windows end at rest; then silence."""
        self._stop()
        self._state = "inactive"
        return super().on_deactivate(state)

    def on_cleanup(self, state: LifecycleState) -> TransitionCallbackReturn:
        """Forget robot and generator."""
        self.close()
        self._robot = self._hung = self._last = None
        self._state = "unconfigured"
        return OK

    def on_shutdown(self, state: LifecycleState) -> TransitionCallbackReturn:
        """As deactivate."""
        self.close()
        self._state = "finalized"
        return OK

    def _guard(self, job: Callable[[], None], reached: str, log: Callable[[str], Any]) -> TransitionCallbackReturn:
        try:
            job()
        except SpeechGestureError as e:
            if not self.interrupted():
                log(str(e))
            self.problem, self._exit_code = str(e), e.exit_code
            return FAILURE
        self.problem, self._exit_code = "", 0
        self._state = reached
        return OK

    def _stay_inactive(self, sentence: str) -> None:
        severity = Severity.ERROR if INCOMPATIBLE in sentence else Severity.WARN  # waiting does not help
        self._repeats.log(Event(severity, sentence, f"{sentence}: staying inactive"))

    def _configure(self) -> None:
        for sentence in self._wrong_parameters.values():
            raise ConfigError(sentence)
        self._config, self._controllers = read_config(self)
        check_audio(self._config.audio)
        self._robot = load_robot(self._config, "" if self._config.robot.urdf else self._robot_description())
        for warning in self._robot.warnings:
            self.get_logger().warning(warning)
        self.get_logger().info(self._robot.summary)
        self._joint_states = JointStateReader(self)

    def _robot_description(self) -> str:
        """The URDF text from the parameter or the topic `robot_description`. Raises RobotError if there is none."""
        if text := given_description(self):
            return text
        topic, timeout = self.resolve_topic_name("robot_description"), self._config.robot.description_timeout
        with GraphProbe(self, self.interrupted, self._repeats.info) as probe:
            message = probe.message(String, "robot_description", LATCHED, timeout)
        if message is None:
            why = unmatched(self, "robot_description", LATCHED)
            nothing = f"no robot: robot.urdf is empty and nothing came on {topic} within {timeout:g} s"
            raise RobotError(f"{nothing}; {why}" if why else nothing)
        return message.data

    def _activate(self) -> None:
        robot, joint_states, config = self._robot, self._joint_states, self._config
        assert robot is not None
        assert joint_states is not None
        if self._hung is not None and (why := self._hung.abandoned):
            raise ModelError(f"{why} and is still busy; clean up and configure to load the generator anew")
        self._hung = None
        with GraphProbe(self, self.interrupted, self._repeats.info) as probe:
            found = find_controllers(probe, robot, config.controllers, self._controllers, self._repeats)
            joints = {j for c in found.controllers for j in c.joints}
            joint_states.wait_for(joints, probe, config.controllers.discovery_timeout)
        pipeline = self._make_pipeline(robot, found)
        self._session = Session(
            self, config, pipeline, found.controllers, joint_states, self._last, self._check_watchdogs
        )
        self.get_logger().info(
            f"commanding {', '.join(f'{c.name} ({len(c.joints)} joints)' for c in found.controllers)}; sync mode "
            f"{config.sync.mode}, motion {1e3 * pipeline.offset:.0f} ms after the stamp of its sound"
        )
        settle()

    def _make_pipeline(self, robot: Robot, found: Found) -> Pipeline:
        try:
            timing, advice = timings(found.controllers, self._config.trajectory.begin)
            for sentence in advice:
                self._repeats.warning(sentence)
            joints = {c.name: c.joints for c in found.controllers}
            step = SIMULATED_STEP if self.get_parameter("use_sim_time").value else CLOCK_STEP
            pipeline = make_pipeline(self._config, robot, joints, timing=timing, clock_step=step)
        except RobotError as e:
            raise RobotError("; ".join([str(e), *found.left_out])) from e
        for sentence in pipeline.layout.dropped:
            self.get_logger().warning(sentence)
        return pipeline

    def _stop(self) -> None:
        session, self._session = self._session, None
        if session is not None:
            session.close()
            self._last = session.thread.own_motion
            self._hung = session.thread if session.thread.abandoned else self._hung
            del session
            release()

    def close(self) -> None:
        """Leave the robot at rest, whatever the state."""
        self._stop()
        if self._joint_states is not None:
            self._joint_states.destroy()
        self._joint_states = None

    def step(self) -> float:
        """With autostart: configure, and try to activate until it works or somebody else decides (controllers may come
        later). Returns when to call it again, s. Raises Done if configuring fails."""
        if time.monotonic() >= self._attempt_due:
            first = self._attempt_due == -math.inf
            if first and self.trigger_configure() is not OK and not self.interrupted():
                raise Done(self._exit_code or 1)
            wanted = self._state == "inactive" and not self.interrupted() and self.trigger_activate() is not OK
            self._attempt_due = time.monotonic() + RETRY_S if wanted else math.inf
        return WAKE_S

    # --- services, parameters, timers -----------------------------------------------------------------------------

    def _on_pause(self, request: SetBool.Request, response: SetBool.Response) -> SetBool.Response:
        wanted = "paused" if request.data else "running"
        return self._answer(response, "pause", wanted, lambda t: t.order(t.orders.pause(request.data)))

    def _on_reset(self, request: Trigger.Request, response: Trigger.Response) -> Trigger.Response:
        wanted = "audio and generator state forgotten"
        return self._answer(response, "reset", wanted, lambda t: t.order(t.orders.reset()))

    def _answer(self, response: Any, verb: str, wanted: str, order: Callable[[PipelineThread], str]) -> Any:
        if self._session is None:
            response.success, response.message = False, f"nothing to {verb}: the node is {self._state}"
        else:
            not_yet = order(self._session.thread)
            response.success, response.message = not not_yet, f"not yet {wanted}: {not_yet}" if not_yet else wanted
        return response

    def _on_parameters(self, changes: list[Any]) -> Any:
        result, config = live_change(self._config, changes, self._state in ("inactive", "active"))
        if result.successful:
            self._config = config
            for change in changes:
                self._wrong_parameters.pop(change.name, None)
            if self._session is not None:
                self._session.thread.orders.restyle(config)
                result.reason = self._session.thread.order_soon()  # accepted all the same
        return result

    def _every_second(self) -> None:
        if self._session is not None:
            self._session.look_at_graph()
        self._diagnostics.publish(self._state, self._session, self.problem)

    def _check_watchdogs(self) -> None:
        """Controllers that go stop the others, too; a pipeline that makes no steps is reported at once."""
        session = self._session
        if session is not None and session.watch():
            self._diagnostics.publish(self._state, session, self.problem)
        # Nobody waits without a word: what keeps the robot from gesturing stands in the log.
        if session is None:
            next_step = {"unconfigured": "configure", "inactive": "activate"}.get(self._state)
            waits = f"the node is {self._state}: it waits for the transition {next_step} (parameter autostart is false)"
            self._idle.look(waits if next_step and not self._autostart else "", again=math.inf)
            return
        self._idle.look("")
        if problem := session.problem:  # it was an error at once
            self._waits.look(problem, first=AGAIN_S)
        else:
            self._waits.look(session.waits_for, first=FIRST_S)


def main(args: list[str] | None = None) -> int:
    """Run until SIGINT or SIGTERM; then brake, go to rest, exit 0. If autostart fails: the exit code of its error."""
    keep_little()
    sys.setswitchinterval(SWITCH_S)
    return run(GestureNode, args)


if __name__ == "__main__":
    raise SystemExit(main())
