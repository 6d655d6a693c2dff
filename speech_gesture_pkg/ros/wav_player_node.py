"""Plays an audio file as an audio topic in real time: the text-to-speech or microphone of demos, tests and benches."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from rclpy.duration import Duration
from rclpy.node import Node
from rclpy.qos import DurabilityPolicy, QoSProfile, ReliabilityPolicy

from speech_gesture_pkg.audio.chunk import SAMPLE_RATE
from speech_gesture_pkg.audio.files import read_audio
from speech_gesture_pkg.audio.formats import AudioFormat
from speech_gesture_pkg.audio.resample import resample
from speech_gesture_pkg.ros.clock import NANO, schedule_clock
from speech_gesture_pkg.ros.messages.audio import AudioAdapter, adapter_for
from speech_gesture_pkg.ros.messages.audio_types import AUDIO_TYPES, audio_info_class
from speech_gesture_pkg.ros.parameters import declare, reject_unknown, required
from speech_gesture_pkg.ros.spin import Done, run

MAX_BURST = 50
"""Chunks published at once when the process was held up; the schedule itself never drifts."""


class AudioPublisher:
    """Topic `audio` of a node, and `audio_info` where the type needs and has one.

    Args:
        node: publishes.
        adapter: message type.
        fmt: rate, channels and encoding of the messages.
    """

    def __init__(self, node: Node, adapter: AudioAdapter, fmt: AudioFormat) -> None:
        self.adapter, self.fmt = adapter, fmt
        self.publisher = node.create_publisher(
            adapter.message, "audio", QoSProfile(depth=10, reliability=ReliabilityPolicy.RELIABLE)
        )
        info = audio_info_class() if adapter.type_name.startswith("audio_common_msgs") and adapter.needs_info else None
        self._info = None
        if info is not None:
            # latched, unlike the original's: late subscribers get it too, and volatile ones still match
            qos = QoSProfile(depth=1, durability=DurabilityPolicy.TRANSIENT_LOCAL)
            self._info = node.create_publisher(info, "audio_info", qos)
            self._info.publish(
                info(
                    channels=fmt.channels,
                    sample_rate=fmt.sample_rate,
                    sample_format=fmt.encoding,
                    coding_format="wave",
                )
            )

    def flush(self) -> None:
        """Wait until reliable subscribers have everything (0.5 s at most)."""
        self.publisher.wait_for_all_acked(Duration(seconds=0.5))

    def publish(self, samples: np.ndarray, stamp: float) -> None:
        """Publish mono float32 samples [N], stamped in seconds."""
        self.publisher.publish(self.adapter.write(samples, self.fmt, stamp))


class WavPlayer(Node):
    """Publishes `audio` (and `audio_info`) on an absolute schedule; parameters are declared in the constructor."""

    def __init__(self) -> None:
        super().__init__("wav_player")
        declare(self, "file", "", "Audio file to play (WAV, FLAC, OGG, MP3).")
        kind = declare(self, "message_type", AUDIO_TYPES[0], "Type of the audio topic.", choices=AUDIO_TYPES)
        chunk_s = declare(self, "chunk_s", 0.032, "Length of a message's audio, s.", 0.001, 1.0)
        speed = declare(self, "rate", 1.0, "Playback speed: messages are sent this much faster.", 0.01, 100.0)
        self._loop = declare(self, "loop", False, "Start again at the end, without a gap.")
        self._lead = declare(
            self, "lead_s", 0.0, "Stamp = time of publishing + this, s (when it is heard).", -1.0, 10.0
        )
        self._delay = declare(self, "start_delay", 0.0, "Wait before the first message, s.", 0.0, 600.0)
        self._wait = declare(self, "wait_for_subscriber", True, "Wait for a subscriber, then for start_delay.")
        self._listeners = declare(self, "wait_for_nodes", [], "Wait until nodes of these names subscribe; empty = any.")
        self._exit = declare(self, "exit_at_end", True, "End the process after the last message (not with loop).")
        rate = declare(self, "sample_rate", SAMPLE_RATE, "Sample rate of the messages, Hz.", 4000, 192000)
        channels = declare(self, "channels", 1, "Channels of the messages (copies of one).", 1, 32)
        encoding = declare(self, "sample_format", "S16LE", "Encoding of byte messages, e.g. S16LE, F32LE.")
        reject_unknown(self)
        path = required(self, "file")

        fmt = AudioFormat(rate, channels, encoding)
        self._samples = resample(read_audio(path, self.get_logger().warning).samples, SAMPLE_RATE, rate)
        self._size = max(1, round(chunk_s * rate))
        self._period_ns = round(self._size / rate / speed * NANO)
        self._audio = AudioPublisher(self, adapter_for(kind), fmt)
        self._pace = schedule_clock(self)
        self._start_ns: int | None = None
        self._sent = 0
        self.create_timer(self._period_ns / NANO, self._tick, clock=self._pace)
        seconds = len(self._samples) / rate
        self.get_logger().info(f"{path}: {seconds:.2f} s as {kind} on {self._audio.publisher.topic_name}")

    def close(self) -> None:
        """Let the last messages arrive."""
        if hasattr(self, "_audio"):
            self._audio.flush()

    def _tick(self) -> None:
        now = self._pace.now().nanoseconds
        if self._start_ns is None:
            if self._wait and not self._heard():
                return
            self._start_ns = now + round(self._delay * NANO)
        elapsed = now - self._start_ns
        if elapsed < -round(self._delay * NANO) - NANO:  # simulated time went back
            self._start_ns = now - self._sent * self._period_ns
            return
        due = min(elapsed // self._period_ns + 1, self._sent + MAX_BURST)
        ros_now = self.get_clock().now().nanoseconds
        while self._sent < due:
            chunk = self._chunk(self._sent)
            if not len(chunk):
                if self._exit and elapsed >= self._sent * self._period_ns:
                    raise Done
                return
            planned = ros_now - (elapsed - self._sent * self._period_ns)
            self._audio.publish(chunk, planned / NANO + self._lead)
            self._sent += 1

    def _heard(self) -> bool:
        """Whether those that the audio is for have subscribed, and as many are connected."""
        publisher = self._audio.publisher
        connected = publisher.get_subscription_count()
        if not self._listeners:
            return connected > 0
        infos = self.get_subscriptions_info_by_topic(publisher.topic_name)
        return {i.node_name for i in infos} >= set(self._listeners) and connected >= len(self._listeners)

    def _chunk(self, number: int) -> np.ndarray:
        """Samples of message `number` [N]; empty beyond the end."""
        first = number * self._size
        if not self._loop:
            return self._samples[first : first + self._size]
        return np.take(self._samples, np.arange(first, first + self._size), mode="wrap")


def main(args: Sequence[str] | None = None) -> int:
    """`ros2 run speech_gesture_pkg wav_player_node --ros-args -p file:=speech.wav`."""
    return run(WavPlayer, args)


if __name__ == "__main__":
    raise SystemExit(main())
