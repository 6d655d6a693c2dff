"""Publishes speech as a robot's TTS would: PCM in chunks on the topic `audio`, in real time.

python examples/tts_publisher.py speech.wav

Put your TTS in place of `read_audio`: anything that gives 16 bit samples. If it is ready long before it is played,
publish a stamped type with the time at which it will be heard, and set `sync.mode: stamp`.
"""

import sys

import numpy as np
import rclpy
from rclpy.node import Node
from std_msgs.msg import Int16MultiArray

from speech_gesture_pkg import read_audio

CHUNK = 512
"""Samples of a message: 32 ms at 16 kHz."""


class TtsPublisher(Node):
    """Publishes the samples [N] (int16, 16 kHz mono) of one utterance, then is `done`."""

    def __init__(self, pcm: np.ndarray) -> None:
        super().__init__("tts")
        self._pcm, self._sent, self.done = pcm, 0, False
        self._publisher = self.create_publisher(Int16MultiArray, "audio", 10)
        self.create_timer(CHUNK / 16000, self._speak)

    def _speak(self) -> None:
        if not self._sent and not self._publisher.get_subscription_count():
            return  # the gesture node is not there yet
        chunk = self._pcm[self._sent : self._sent + CHUNK]
        self._publisher.publish(Int16MultiArray(data=chunk.tolist()))
        self._sent += len(chunk)
        self.done = self._sent >= len(self._pcm)


def main(wav: str) -> None:
    """Speak a file."""
    rclpy.init()
    node = TtsPublisher(np.round(32767 * read_audio(wav).samples).astype(np.int16))
    while rclpy.ok() and not node.done:
        rclpy.spin_once(node)
    node.get_logger().info("everything is said")
    node.destroy_node()
    rclpy.try_shutdown()


if __name__ == "__main__":
    main(sys.argv[1])
