"""The microphone of this machine as an audio topic."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from rclpy.node import Node

from speech_gesture_pkg.audio.chunk import SAMPLE_RATE
from speech_gesture_pkg.audio.formats import AudioFormat
from speech_gesture_pkg.audio.microphone import MicrophoneSource
from speech_gesture_pkg.ros.clock import now_seconds
from speech_gesture_pkg.ros.messages.audio import adapter_for
from speech_gesture_pkg.ros.messages.audio_types import AUDIO_TYPES
from speech_gesture_pkg.ros.parameters import declare, reject_unknown
from speech_gesture_pkg.ros.spin import run
from speech_gesture_pkg.ros.wav_player_node import AudioPublisher

REPORT_S = 5.0


class Microphone(Node):
    """Publishes `audio`, stamped with the time at which the first sample was recorded."""

    def __init__(self) -> None:
        super().__init__("microphone")
        kind = declare(self, "message_type", AUDIO_TYPES[0], "Type of the audio topic.", choices=AUDIO_TYPES)
        device = declare(self, "device", "", "Number of the device or part of its name; empty = the default one.")
        rate = declare(self, "sample_rate", SAMPLE_RATE, "Sample rate, Hz.", 4000, 192000)
        chunk_s = declare(self, "chunk_s", 0.02, "Length of a message's audio, s.", 0.005, 1.0)
        encoding = declare(self, "sample_format", "S16LE", "Encoding of byte messages, e.g. S16LE, F32LE.")
        reject_unknown(self)
        self._audio = AudioPublisher(self, adapter_for(kind), AudioFormat(rate, 1, encoding))
        self._source = MicrophoneSource(
            self._on_block,
            device=int(device) if device.isdecimal() else device or None,
            sample_rate=rate,
            block_s=chunk_s,
            clock=lambda: now_seconds(self),
        )
        self._source.start()
        self._reported = 0
        self.create_timer(REPORT_S, self._report)
        self.get_logger().info(f"recording at {rate} Hz to {self._audio.publisher.topic_name} as {kind}")

    def close(self) -> None:
        """Stop recording."""
        self._source.close()

    def _on_block(self, samples: np.ndarray, stamp: float) -> None:
        # in PortAudio's thread; publishing is thread-safe in rcl
        self._audio.publish(samples, stamp)

    def _report(self) -> None:
        lost = self._source.overflows - self._reported
        if lost:
            self._reported += lost
            self.get_logger().warning(f"{lost} microphone blocks were lost in the last {REPORT_S:.0f} s")


def main(args: Sequence[str] | None = None) -> int:
    """`ros2 run speech_gesture_pkg microphone_node`."""
    return run(Microphone, args)


if __name__ == "__main__":
    raise SystemExit(main())
