"""gesture_node: the lifecycle shell round the pipeline. Topics and services: docs/interface.md."""

from __future__ import annotations

import math
import sys
import time
from collections.abc import Callable
from typing import Any

import rclpy
from rclpy.clock import Clock, ClockType
from rclpy.executors import ExternalShutdownException, SingleThreadedExecutor
from rclpy.lifecycle import LifecycleNode, LifecycleState, TransitionCallbackReturn
from rclpy.logging import get_logger
from rclpy.qos import DurabilityPolicy, QoSProfile, ReliabilityPolicy
from std_msgs.msg import String
from std_srvs.srv import SetBool, Trigger

from speech_gesture_pkg.config import GestureConfig
from speech_gesture_pkg.errors import ConfigError, ModelError, RobotError, SpeechGestureError
from speech_gesture_pkg.pipeline.build import Robot, load_robot, make_pipeline
from speech_gesture_pkg.pipeline.pipeline import Pipeline
from speech_gesture_pkg.pipeline.states import State
from speech_gesture_pkg.pipeline.stats import RateLimiter
from speech_gesture_pkg.pipeline.timing import CLOCK_STEP, SIMULATED_STEP
from speech_gesture_pkg.ros.action_watch import ActionWatch
from speech_gesture_pkg.ros.audio_input import AudioInput, check_audio
from speech_gesture_pkg.ros.clock import now_seconds
from speech_gesture_pkg.ros.controller_state_reader import ControllerStateReader
from speech_gesture_pkg.ros.controller_watch import ControllerWatch
from speech_gesture_pkg.ros.controllers import (
    SUFFIX,
    ControllerSearch,
    Found,
    foreign_publishers,
    foreign_sentence,
    timings,
)
from speech_gesture_pkg.ros.graph_probe import GraphProbe
from speech_gesture_pkg.ros.joint_state_reader import JointStateReader
from speech_gesture_pkg.ros.memory import keep_little, release, settle
from speech_gesture_pkg.ros.messages.graph import INCOMPATIBLE, unheard, unmatched
from speech_gesture_pkg.ros.node_parameters import declare_all, given_description, live_change, read_config
from speech_gesture_pkg.ros.outputs import Diagnostics, MotionOutputs
from speech_gesture_pkg.ros.parameters import declare
from speech_gesture_pkg.ros.pipeline_thread import COMMAND_QOS, Worker
from speech_gesture_pkg.ros.spin import WAKE_S, StopFlag, close, init
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

    configure reads parameters, URDF and generator; activate finds controllers and joint states, then moves slowly from
    where the robot stands. What is wrong is told in one sentence, and the transition fails.

    Attributes:
        problem: why the last transition failed, '' if it did not.
        exit_code: of a process that gives up because of that.
        interrupted: transitions that wait for others end early once it says so.
    """

    def __init__(self, **kwargs: Any) -> None:
        super().__init__("speech_gesture", **kwargs)
        self._wrong_parameters = declare_all(self)
        self.problem = ""
        self.exit_code = 0
        self.interrupted: Callable[[], bool] = lambda: False
        self._config = GestureConfig()
        self._controllers: dict[str, tuple[str, ...]] = {}
        self._robot: Robot | None = None
        self._worker: Worker | None = None
        self._hung: Worker | None = None
        """One that did not end: until it does, its robot's generator is not free."""
        self._audio: AudioInput | None = None
        self._outputs: MotionOutputs | None = None
        self._joint_states: JointStateReader | None = None
        self._last: tuple[Pipeline, int] | None = None
        """What moved the robot last, and the base of its times, if nobody else has since: it may still run."""
        self._watch: ControllerWatch | None = None
        self._actions: ActionWatch | None = None
        self._states: ControllerStateReader | None = None
        self._state = "unconfigured"
        self._limit = RateLimiter(AGAIN_S)
        """An attempt that fails for the same reason as one before is told only now and then."""
        # rclpy allows one severity per call site
        self._waits = WaitLog(lambda sentence: self.get_logger().warning(sentence))
        self._idle = WaitLog(lambda sentence: self.get_logger().info(sentence))
        self.autostart = False
        self._diagnostics = Diagnostics(self)
        self._stalled, self._foreign = False, ""
        # Not on the node's clock: simulated time may stand still.
        steady = Clock(clock_type=ClockType.STEADY_TIME)
        self.create_timer(1.0, self._every_second, clock=steady)
        self.create_timer(WATCH_S, self._check_watchdogs, clock=steady)
        self.create_service(SetBool, "~/pause", self._on_pause)
        self.create_service(Trigger, "~/reset", self._on_reset)
        self.add_on_set_parameters_callback(self._on_parameters)

    # --- lifecycle ----------------------------------------------------------------------------------------------

    def on_configure(self, state: LifecycleState) -> TransitionCallbackReturn:
        """Parameters, robot, generator."""
        return self._guard(self._configure, "inactive", self.get_logger().error)

    def on_activate(self, state: LifecycleState) -> TransitionCallbackReturn:
        """Controllers, joint states, and the slow approach."""
        result = self._guard(self._activate, "active", self._warn)
        if result is OK:
            super().on_activate(state)
            assert self._worker is not None
            self._worker.start()
        else:
            self._stop()
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
            self.problem, self.exit_code = str(e), e.exit_code
            return FAILURE
        self.problem, self.exit_code = "", 0
        self._state = reached
        return OK

    def _tell(self, sentence: str) -> None:
        if self._limit.ready(time.monotonic(), sentence):
            self.get_logger().info(sentence)

    def _warn(self, sentence: str) -> None:
        """Attempts to activate repeat, so their sentence is limited."""
        if not self._limit.ready(time.monotonic(), sentence):
            return
        if INCOMPATIBLE in sentence:  # waiting does not help
            self.get_logger().error(f"{sentence}: staying inactive")
        else:
            self.get_logger().warning(f"{sentence}: staying inactive")

    def _configure(self) -> None:
        for sentence in self._wrong_parameters.values():
            raise ConfigError(sentence)
        self._config, self._controllers = read_config(self)
        check_audio(self._config.audio)
        config = self._config.robot
        text = "" if config.urdf else given_description(self)
        if not config.urdf and not text:
            topic, timeout = self.resolve_topic_name("robot_description"), config.description_timeout
            with GraphProbe(self, self.interrupted, self._tell) as probe:
                message = probe.message(String, "robot_description", LATCHED, timeout)
            if message is None:
                why = unmatched(self, "robot_description", LATCHED)
                nothing = f"no robot: robot.urdf is empty and nothing came on {topic} within {timeout:g} s"
                raise RobotError(f"{nothing}; {why}" if why else nothing)
            text = message.data
        self._robot = load_robot(self._config, text)
        for warning in self._robot.warnings:
            self.get_logger().warning(warning)
        self.get_logger().info(self._robot.summary)
        self._joint_states = JointStateReader(self)

    def _activate(self) -> None:
        assert self._robot is not None
        assert self._joint_states is not None
        if self._hung is not None and (why := self._hung.abandoned):
            raise ModelError(f"{why} and is still busy; clean up and configure to load the generator anew")
        self._hung = None
        timeout = self._config.controllers.discovery_timeout
        with GraphProbe(self, self.interrupted, self._tell) as probe:
            found = self._find_controllers(probe, timeout)
            self._joint_states.wait_for({j for c in found.controllers for j in c.joints}, probe, timeout)
        controllers = found.controllers
        try:
            timing, advice = timings(controllers, self._config.trajectory.begin)
            for sentence in advice:
                self._advise(sentence)
            joints = {c.name: c.joints for c in controllers}
            step = SIMULATED_STEP if self.get_parameter("use_sim_time").value else CLOCK_STEP
            pipeline = make_pipeline(self._config, self._robot, joints, timing=timing, clock_step=step)
        except RobotError as e:
            raise RobotError("; ".join([str(e), *found.left_out])) from e
        for sentence in pipeline.layout.dropped:
            self.get_logger().warning(sentence)
        self._outputs = MotionOutputs(self, self._config.output)
        self._worker = Worker(self, pipeline, self._outputs)
        full_names = {c.name: t.removesuffix(SUFFIX) for c, t in zip(controllers, self._worker.topics, strict=True)}
        self._watch = ControllerWatch(self, controllers, self._worker.topics)
        self._actions = ActionWatch(self, full_names, self._check_watchdogs)
        self._states = ControllerStateReader(self, full_names, pipeline.controllers)
        if self._last is not None:
            before, self._worker.time.base = self._last
            pipeline.take_over(before)
        self._joint_states.attach(self._worker.put_joint_state)
        self._audio = AudioInput(self, self._config.audio, self._worker, self._config.sync.mode == "delay")
        self.get_logger().info(
            f"commanding {', '.join(f'{c.name} ({len(c.joints)} joints)' for c in controllers)}; sync mode "
            f"{self._config.sync.mode}, motion {1e3 * pipeline.offset:.0f} ms after the stamp of its sound"
        )
        settle()

    def _advise(self, sentence: str) -> None:
        """A warning that is said once in a while, not with every attempt to activate."""
        if self._limit.ready(time.monotonic(), sentence):
            self.get_logger().warning(sentence)

    def _find_controllers(self, probe: GraphProbe, timeout: float) -> Found:
        assert self._robot is not None
        settings, model = self._config.controllers, self._robot.model
        gesturing = {j for joints in self._robot.retargeter.groups.values() for j in joints}
        search = ControllerSearch(probe, model.joint_names, gesturing)
        found = search.find(settings.names, self._controllers, settings.check_parameters, timeout)
        for sentence in found.unused:
            self._tell(sentence)
        for sentence in (*found.left_out, *(w for c in found.controllers for w in c.warnings)):
            self._advise(sentence)
        topics = [search.topic_of(c.name) for c in found.controllers]
        if others := foreign_sentence(foreign_publishers(self, topics, own=0)) or found.busy:
            raise RobotError(others)
        if deaf := "; ".join(s for t in topics if (s := unheard(self, t, COMMAND_QOS))):
            raise RobotError(deaf)
        return found

    def _stop(self) -> None:
        ran = self._worker is not None
        if self._joint_states is not None:
            self._joint_states.attach(None)
        if self._worker is not None:
            self._worker.stop()
            self._worker.destroy()
            self._last = self._worker.own_motion
            self._hung = self._worker if self._worker.abandoned else self._hung
        for part in (self._audio, self._outputs):
            if part is not None:
                part.destroy(self)
        for watch in (self._watch, self._actions, self._states):
            if watch is not None:
                watch.destroy()
        self._worker = self._audio = self._outputs = self._watch = self._actions = self._states = None
        self._foreign = ""
        if ran:
            release()

    # --- services, parameters, timer ------------------------------------------------------------------------------

    def _on_pause(self, request: SetBool.Request, response: SetBool.Response) -> SetBool.Response:
        wanted = "paused" if request.data else "running"
        return self._answer(response, "pause", wanted, lambda worker: worker.pause(request.data))

    def _on_reset(self, request: Trigger.Request, response: Trigger.Response) -> Trigger.Response:
        return self._answer(response, "reset", "audio and generator state forgotten", lambda worker: worker.reset())

    def _answer(self, response: Any, verb: str, wanted: str, order: Callable[[Worker], str]) -> Any:
        if self._worker is None:
            response.success, response.message = False, f"nothing to {verb}: the node is {self._state}"
        else:
            not_yet = order(self._worker)
            response.success, response.message = not not_yet, f"not yet {wanted}: {not_yet}" if not_yet else wanted
        return response

    def _on_parameters(self, changes: list[Any]) -> Any:
        result, config = live_change(self._config, changes, self._state in ("inactive", "active"))
        if result.successful:
            self._config = config
            for change in changes:
                self._wrong_parameters.pop(change.name, None)
            if self._worker is not None:
                result.reason = self._worker.restyle(config)  # accepted all the same
        return result

    def _every_second(self) -> None:
        if self._audio is not None:
            self._audio.look()
        if self._worker is not None and self._watch is not None and self._states is not None:
            self._watch.look_at_subscribers()
            self._states.look()
            self._foreign = foreign_sentence(foreign_publishers(self, self._worker.topics, own=1))
        self._report()

    def _check_watchdogs(self) -> None:
        """Controllers that go stop the others, too; a pipeline that makes no steps is told at once."""
        stalled = ""
        if self._worker is not None and self._watch is not None and self._actions is not None:
            gone = self._watch.look(self._worker.listening)
            self._worker.hold(self._foreign or gone or self._actions.sentence())
            stalled = self._worker.watch()
        if bool(stalled) is not self._stalled:
            self._stalled = bool(stalled)
            self._report()
        self._say_what_is_missing()

    def _say_what_is_missing(self) -> None:
        """Nobody waits without a word: what keeps the robot from gesturing stands in the log."""
        worker = self._worker
        if worker is None:
            next_step = {"unconfigured": "configure", "inactive": "activate"}.get(self._state)
            waits = f"the node is {self._state}: it waits for the transition {next_step} (parameter autostart is false)"
            self._idle.look(waits if next_step and not self.autostart else "", again=math.inf)
            return
        self._idle.look("")
        if told := worker.watch() or worker.held or self._audio_problem:  # it was an error at once
            self._waits.look(told, first=AGAIN_S)
        else:
            self._waits.look(worker.notice or (self._audio.waiting if self._audio else ""), first=FIRST_S)

    @property
    def _audio_problem(self) -> str:
        return self._audio.problem if self._audio else ""

    def _report(self) -> None:
        worker, now = self._worker, now_seconds(self)
        if worker is None:
            self._diagnostics.publish(self._state, None, State.INACTIVE, {}, self.problem, "", now)
            return
        problem = worker.watch() or worker.held or self._audio_problem
        notice = worker.notice or (self._audio.waiting or self._audio.notice if self._audio else "")
        self._diagnostics.publish(self._state, worker.pipeline, worker.state, worker.drops, problem, notice, now)

    def wants_activation(self) -> bool:
        """Whether it is configured and nobody has activated or cleaned it up."""
        return self._state == "inactive"

    def close(self) -> None:
        """Leave the robot at rest, whatever the state."""
        self._stop()
        if self._joint_states is not None:
            self._joint_states.destroy()
        self._joint_states = None


def main(args: list[str] | None = None) -> int:
    """Run until SIGINT or SIGTERM; then brake, go to rest, exit 0. If autostart fails: the exit code of its error."""
    node: GestureNode | None = None
    keep_little()
    sys.setswitchinterval(SWITCH_S)
    try:
        init(args)
        with StopFlag() as stop:
            try:
                node = GestureNode()
                node.interrupted = lambda: stop.set
                autostart = declare(node, "autostart", False, "Configure and activate without a lifecycle manager.")
                node.autostart = autostart
                if autostart and node.trigger_configure() is not OK and not stop.set:
                    return node.exit_code or 1
                _spin(node, stop, autostart)
            finally:
                close(node)
    except ExternalShutdownException:
        return 0
    except SpeechGestureError as e:
        get_logger("speech_gesture").fatal(str(e))
        return e.exit_code
    return 0


def _spin(node: GestureNode, stop: StopFlag, activate: bool) -> None:
    """Spin; with `activate`, try to activate until it works or somebody else decides (controllers may come later)."""
    executor = SingleThreadedExecutor()
    executor.add_node(node)
    due = time.monotonic()
    while not stop.set and rclpy.ok():
        if activate and time.monotonic() >= due:
            activate = node.wants_activation() and node.trigger_activate() is not OK
            due = time.monotonic() + RETRY_S
        executor.spin_once(timeout_sec=WAKE_S)


if __name__ == "__main__":
    raise SystemExit(main())
