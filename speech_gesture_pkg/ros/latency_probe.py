"""Measuring from outside: publishes speech, listens to the trajectories, times one against the other."""

from __future__ import annotations

import time
from bisect import bisect_left
from dataclasses import dataclass

import numpy as np
import rclpy
from diagnostic_msgs.msg import DiagnosticArray
from rclpy.executors import SingleThreadedExecutor
from rclpy.qos import QoSProfile, ReliabilityPolicy
from sensor_msgs.msg import MultiDOFJointState
from std_msgs.msg import Int16MultiArray
from trajectory_msgs.msg import JointTrajectory

from speech_gesture_pkg.audio.chunk import AudioChunk
from speech_gesture_pkg.errors import SpeechGestureError
from speech_gesture_pkg.pipeline.diagnostic_keys import DiagnosticKey
from speech_gesture_pkg.ros.clock import seconds


@dataclass(frozen=True)
class ProbeResult:
    """What was measured.

    Attributes:
        latencies: from publishing the audio that completes a frame (its time plus the look-ahead) to receiving the
            window that holds it, s. Shape [N].
        windows: messages received on the watched trajectory topic.
        leads: stamp minus reception of each window, s. Shape [windows].
    """

    latencies: np.ndarray
    windows: int
    leads: np.ndarray


def probe(
    audio: AudioChunk, topic: str, node_name: str, offset: float, lookahead: float, chunk_s: float = 0.02
) -> ProbeResult:
    """Play `audio` on `/audio` in real time and time the answers.

    Frames are identified by the stamps of `~/smplx`, which the node publishes right after the window that holds them;
    so the window that counts for a frame is the last one received before its smplx message.

    Args:
        audio: 16 kHz mono.
        topic: trajectory topic to watch.
        node_name: of the gesture node.
        offset: play time minus stream time, s (diagnostics: "motion after sound").
        lookahead: declared by the generator, s.
        chunk_s: length of one audio message, s.
    """
    node = rclpy.create_node("latency_probe")
    sent_end: list[float] = []
    sent_at: list[float] = []
    window_at: list[float] = []
    leads: list[float] = []
    latencies: list[float] = []

    def on_window(message: JointTrajectory) -> None:
        window_at.append(time.time())
        leads.append(seconds(message.header.stamp) - window_at[-1])

    def on_frame(message: MultiDOFJointState) -> None:
        needed = seconds(message.header.stamp) - offset + lookahead
        i = bisect_left(sent_end, needed - 1e-4)
        if window_at and 0 < i < len(sent_end) and sent_at[0] < needed - 1.0:
            latencies.append(window_at[-1] - sent_at[i])

    node.create_subscription(JointTrajectory, topic, on_window, 10)
    node.create_subscription(MultiDOFJointState, f"/{node_name}/smplx", on_frame, 10)
    publisher = node.create_publisher(
        Int16MultiArray, "/audio", QoSProfile(depth=10, reliability=ReliabilityPolicy.BEST_EFFORT)
    )
    executor = SingleThreadedExecutor()
    executor.add_node(node)
    deadline = time.monotonic() + 10.0
    while not publisher.get_subscription_count() and time.monotonic() < deadline:
        executor.spin_once(timeout_sec=0.02)
    pcm = (np.clip(audio.samples, -1, 1) * 32767).astype(np.int16)
    size = round(chunk_s * audio.sample_rate)
    begin = time.time()
    for first in range(0, len(pcm) - size, size):
        due = begin + (first + size) / audio.sample_rate
        while (left := due - time.time()) > 0:
            executor.spin_once(timeout_sec=left)
        sent_end.append(begin + (first + size) / audio.sample_rate)
        sent_at.append(time.time())
        publisher.publish(Int16MultiArray(data=pcm[first : first + size].tolist()))
    node.destroy_node()
    return ProbeResult(np.array(latencies), len(window_at), np.array(leads))


def motion_offset(timeout: float) -> float:
    """Play time minus stream time as the running node reports it on /diagnostics, s."""
    node = rclpy.create_node("offset_probe")
    found: list[float] = []

    def on_diagnostics(message: DiagnosticArray) -> None:
        for status in message.status:
            found.extend(float(v.value) * 1e-3 for v in status.values if v.key == DiagnosticKey.OFFSET)

    node.create_subscription(DiagnosticArray, "/diagnostics", on_diagnostics, 10)
    executor = SingleThreadedExecutor()
    executor.add_node(node)
    deadline = time.monotonic() + timeout
    # The first report may be from before the stream began: take the second.
    while len(found) < 2 and time.monotonic() < deadline:
        executor.spin_once(timeout_sec=0.05)
    node.destroy_node()
    if not found:
        raise SpeechGestureError(f"no diagnostics of the gesture node within {timeout:g} s")
    return found[-1]
