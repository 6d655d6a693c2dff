"""What the gesture node publishes besides trajectories: human motion, markers, delayed audio, diagnostics."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from diagnostic_msgs.msg import DiagnosticArray
from rclpy.lifecycle import LifecycleNode
from rclpy.qos import QoSProfile, ReliabilityPolicy
from sensor_msgs.msg import JointState, MultiDOFJointState
from visualization_msgs.msg import MarkerArray

from speech_gesture_pkg.config import OutputConfig
from speech_gesture_pkg.motion.frames import MotionFrames
from speech_gesture_pkg.pipeline.diagnostic_keys import DiagnosticKey, dropped
from speech_gesture_pkg.pipeline.pipeline import Pipeline
from speech_gesture_pkg.pipeline.states import State
from speech_gesture_pkg.ros.clock import Timebase, now_seconds, time_from_seconds
from speech_gesture_pkg.ros.messages import diagnostics
from speech_gesture_pkg.ros.messages.audio import AudioAdapter
from speech_gesture_pkg.ros.messages.markers import SkeletonMarkers
from speech_gesture_pkg.ros.messages.motion import FaceMessage, SmplxMessage

if TYPE_CHECKING:
    from speech_gesture_pkg.ros.session import Session


class MotionOutputs:
    """Publishers of `~/smplx`, `~/face` and `~/markers`, as far as they are wanted."""

    def __init__(self, node: LifecycleNode, config: OutputConfig) -> None:
        self._jobs: list[tuple[Any, Any]] = []
        if config.smplx:
            self._jobs.append((node.create_lifecycle_publisher(MultiDOFJointState, "~/smplx", 10), SmplxMessage()))
        if config.face:
            self._jobs.append((node.create_lifecycle_publisher(JointState, "~/face", 10), FaceMessage()))
        if config.markers:
            markers = SkeletonMarkers(config.marker_frame, (0.0, config.marker_offset, 0.0))
            self._jobs.append((node.create_lifecycle_publisher(MarkerArray, "~/markers", 10), markers))

    def publish(self, frames: list[tuple[float, MotionFrames]], time: Timebase) -> None:
        """Each frame, stamped with the time at which it happens on the robot."""
        for play, frame in frames:
            stamp = time.msg(play)
            for publisher, message in self._jobs:
                publisher.publish(message.fill(frame, 0, stamp))

    def destroy(self, node: LifecycleNode) -> None:
        """Take the publishers off the graph."""
        for publisher, _ in self._jobs:
            node.destroy_lifecycle_publisher(publisher)
        self._jobs = []


class DelayedAudio:
    """`~/audio_out`: the audio messages themselves, re-published when their gesture happens (sync.mode delay)."""

    def __init__(self, node: LifecycleNode, adapter: AudioAdapter, time: Timebase, offset: Callable[[], float]) -> None:
        self._node, self._adapter, self._time, self._offset = node, adapter, time, offset
        qos = QoSProfile(depth=100, reliability=ReliabilityPolicy.BEST_EFFORT)
        self._publisher = node.create_publisher(adapter.message, "~/audio_out", qos)
        self._queue: deque[tuple[float, Any]] = deque(maxlen=2000)

    def put(self, message: Any, begin: float) -> None:
        """Keep `message`, whose first sample is at `begin` (s since the base), until its gesture happens."""
        self._queue.append((begin, message))

    def flush(self, now: float) -> None:
        """Publish what is due, stamped with the time at which it is played.

        The offset is asked for now: it may have grown since the message came.
        """
        while self._queue and (due := self._queue[0][0] + self._offset()) <= now:
            message = self._queue.popleft()[1]
            self._adapter.restamp(message, due + self._time.base)
            self._publisher.publish(message)

    def destroy(self) -> None:
        """Take the publisher off the graph."""
        self._node.destroy_publisher(self._publisher)


class Diagnostics:
    """`/diagnostics`, once a second, in every lifecycle state. All robots share that topic: the status carries the full
    name of the node."""

    def __init__(self, node: LifecycleNode) -> None:
        self._node = node
        self._publisher = node.create_publisher(DiagnosticArray, "/diagnostics", 10)

    def publish(self, lifecycle: str, session: Session | None, failed: str) -> None:
        """One status: state, real-time factor, latency, limits, drops.

        Args:
            lifecycle: state of the node.
            session: None unless the node is active.
            failed: why the last transition failed, '' if it did not; it counts while the node is not active.
        """
        state, problem, notice, drops = State.INACTIVE, failed, "", {}
        if session is not None:
            problem, drops = session.problem, dict(session.thread.events.drops)
            notice, state = session.waits_for or session.audio.notice, session.state
        level = diagnostics.OK
        if problem or notice or state in (State.DEGRADED, State.INACTIVE):
            level = diagnostics.WARN
        if state in (State.BRAKING, State.FAILED) or (problem and session):
            level = diagnostics.ERROR
        values: dict[str, Any] = {DiagnosticKey.STATE: state.name.lower(), DiagnosticKey.LIFECYCLE: lifecycle}
        if session is not None:
            values |= self._figures(session.thread.pipeline)
        values |= {dropped(reason): count for reason, count in drops.items()}
        message = diagnostics.diagnostic_array(
            time_from_seconds(now_seconds(self._node)),
            f"{self._node.get_fully_qualified_name()}: pipeline",
            level,
            problem or notice or state.value,
            values,
        )
        self._publisher.publish(message)

    @staticmethod
    def _figures(pipeline: Pipeline) -> dict[str, Any]:
        counters, busy, audio = pipeline.counters, pipeline.compute, pipeline.source.stream.stats
        frame = 1.0 / pipeline.generator.fps
        return {
            DiagnosticKey.GENERATOR: pipeline.generator.name,
            DiagnosticKey.REAL_TIME_FACTOR: frame / busy.mean if busy.count else float("nan"),
            DiagnosticKey.LATENCY_P50: 1e3 * pipeline.latency.p50,
            DiagnosticKey.LATENCY_P99: 1e3 * pipeline.latency.p99,
            DiagnosticKey.LOOKAHEAD: 1e3 * pipeline.generator.lookahead_s,
            DiagnosticKey.OFFSET: 1e3 * pipeline.offset,
            DiagnosticKey.BEGIN: pipeline.mover.timings.begins,
            DiagnosticKey.LIMITED: 100.0 * pipeline.mover.reference.limited_share,
            DiagnosticKey.FRAMES: counters.frames,
            DiagnosticKey.LATE_FRAMES: counters.late_frames,
            DiagnosticKey.WINDOWS: counters.windows,
            DiagnosticKey.FAULTS: counters.faults,
            DiagnosticKey.RESETS: counters.resets,
            DiagnosticKey.STALLS: counters.stalls,
            DiagnosticKey.GAPS_FILLED: audio.filled_s,
            DiagnosticKey.SILENCE: audio.idle_s,
            DiagnosticKey.STAMPS_BEHIND: pipeline.source.stamps.behind,
            DiagnosticKey.AUDIO_PACE: pipeline.source.pace.pace,
            DiagnosticKey.FALLBACK: "active" if pipeline.fallback.active else "no",
            DiagnosticKey.ATTEMPTS: pipeline.fallback.attempts,
        }
