"""Session: everything that there is only while the gesture node is active."""

from __future__ import annotations

from collections.abc import Callable

from rclpy.lifecycle import LifecycleNode

from speech_gesture_pkg.config import GestureConfig
from speech_gesture_pkg.pipeline.pipeline import Pipeline
from speech_gesture_pkg.pipeline.states import State
from speech_gesture_pkg.ros.action_watch import ActionWatch
from speech_gesture_pkg.ros.audio_input import AudioInput
from speech_gesture_pkg.ros.clock import Timebase
from speech_gesture_pkg.ros.controller_activity import ControllerStateReader
from speech_gesture_pkg.ros.controller_watch import ControllerWatch
from speech_gesture_pkg.ros.controllers import SUFFIX, Controller
from speech_gesture_pkg.ros.joint_state_reader import JointStateReader, joint_states_of
from speech_gesture_pkg.ros.messages.graph import foreign_publishers
from speech_gesture_pkg.ros.outputs import MotionOutputs
from speech_gesture_pkg.ros.pipeline_thread import PipelineThread


class Session:
    """The pipeline's thread with its topics, and the watch over those who execute what it sends.

    Args:
        node: is active.
        config: all parameters.
        pipeline: to be run.
        controllers: that it commands.
        joint_states: where the robot is.
        before: what moved the robot last, and the base of its times, if it may still run.
        changed: called when an action goal begins.

    Attributes:
        thread: runs the pipeline.
        audio: where speech comes from.
    """

    def __init__(
        self,
        node: LifecycleNode,
        config: GestureConfig,
        pipeline: Pipeline,
        controllers: tuple[Controller, ...],
        joint_states: JointStateReader,
        before: tuple[Pipeline, int] | None,
        changed: Callable[[], None],
    ) -> None:
        self._node, self._joint_states = node, joint_states
        self._stalled = self._failed = False
        self._foreign = ""
        self._outputs = MotionOutputs(node, config.output)
        clock = Timebase(node, before[1] if before else None)
        self.thread = thread = PipelineThread(node, pipeline, self._outputs, clock)
        topics = thread.trajectories.topics
        full_names = {c.name: t.removesuffix(SUFFIX) for c, t in zip(controllers, topics, strict=True)}
        self._controllers = ControllerWatch(node, controllers, topics)
        self._actions = ActionWatch(node, full_names, changed)
        self._states = ControllerStateReader(node, full_names, pipeline.supervisor.controllers)
        if before is not None:
            pipeline.supervisor.take_over(before[0].supervisor)
        joint_states.attach(joint_states_of(pipeline, clock))
        self.audio = AudioInput(node, config.audio, thread, config.sync.mode == "delay")

    def close(self) -> None:
        """Leave the robot at rest, and take everything off the graph."""
        self._joint_states.attach(None)
        self.thread.stop()
        self.thread.trajectories.destroy()
        self.audio.destroy(self._node)
        self._outputs.destroy(self._node)
        for watch in (self._controllers, self._actions, self._states):
            watch.destroy()

    def look_at_graph(self) -> None:
        """Who publishes and who subscribes. To be called now and then."""
        self.audio.look()
        self._controllers.look_at_subscribers()
        self._states.look()
        self._foreign = foreign_publishers(self._node, self.thread.trajectories.topics, own=1)

    def watch(self) -> bool:
        """Controllers that go stop the others, too. Returns whether the pipeline's thread has failed, or goes on, since
        the last call. To be called often."""
        gone = self._controllers.look(self.thread.trajectories.subscribed)
        self.thread.hold(self._foreign or gone or self._actions.sentence())
        failed, before = bool(self._look_at_thread()), self._failed
        self._failed = failed
        return failed is not before

    def _look_at_thread(self) -> str:
        """What is wrong with the thread, '' if nothing is. A stall is logged when it begins."""
        thread = self.thread
        if thread.failure or not thread.running:
            return thread.failure
        stalled = thread.pipeline.active and thread.idle_for > thread.pipeline.config.safety.watchdog
        sentence = f"{thread.held_up}: the controllers have finished their braking tails"
        if stalled and not self._stalled:
            self._node.get_logger().error(sentence)
        self._stalled = stalled
        return sentence if stalled else ""

    @property
    def state(self) -> State:
        """What the robot is doing: that of the pipeline, unless that makes no steps."""
        pipeline = self.thread.pipeline
        return State.BRAKING if self._stalled and pipeline.active else pipeline.state

    @property
    def problem(self) -> str:
        """What a person should mend, '' if nothing."""
        return self._look_at_thread() or self.thread.held or self.audio.problem

    @property
    def waits_for(self) -> str:
        """What keeps the robot from gesturing although nothing is broken, '' if nothing."""
        return self.thread.notice or self.audio.waiting
