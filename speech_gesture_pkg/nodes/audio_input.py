"""The audio topic: which type it has, one publisher only, messages to mono samples."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from rclpy.lifecycle import LifecycleNode

from speech_gesture_pkg.audio.formats import AudioFormat
from speech_gesture_pkg.config import AudioConfig
from speech_gesture_pkg.errors import InputError, SpeechGestureError
from speech_gesture_pkg.nodes.messages.audio import AudioAdapter, adapter_for, format_from_info
from speech_gesture_pkg.nodes.messages.audio_types import audio_info_class
from speech_gesture_pkg.nodes.messages.graph import AUDIO_QOS, detect_audio_type, qos_problem
from speech_gesture_pkg.nodes.outputs import DelayedAudio
from speech_gesture_pkg.nodes.worker import Worker

TOPIC = "audio"


class AudioInput:
    """Subscribes `audio` as soon as its type is known and hands samples to the worker.

    Attributes:
        problem: sentence about what is wrong with the audio, '' if nothing is.
    """

    def __init__(self, node: LifecycleNode, config: AudioConfig, worker: Worker, delay: bool) -> None:
        self._node, self._worker, self._delay = node, worker, delay
        self._format = AudioFormat(config.sample_rate, config.channels, config.sample_format)
        self._wanted = config.message_type
        self._adapter: AudioAdapter | None = None
        self._subscription: Any = None
        self._late_audio: DelayedAudio | None = None
        self.problem = ""
        info = audio_info_class()
        self._info = node.create_subscription(info, "audio_info", self._on_info, 1) if info else None
        if self._wanted != "auto":
            self._subscribe(self._wanted)
        # The graph shows a new publisher after some tenths of a second: look often until there is one.
        self._timer = node.create_timer(0.1, self.look)

    def look(self) -> None:
        """Ask the graph: subscribe when the type is known, complain when two speak or policies do not fit."""
        found = detect_audio_type(self._node, TOPIC)
        problem = found.problem
        if self._adapter is None and found.type_name and not problem:
            self._subscribe(found.type_name)
        if self._adapter is not None:
            self._timer.cancel()
            mismatches = (qos_problem(x, AUDIO_QOS, found.topic) for x in found.publishers)
            problem = problem or next((m for m in mismatches if m), "")
        if problem and problem != self.problem:
            self._node.get_logger().error(problem)
        self.problem = problem

    def destroy(self, node: LifecycleNode) -> None:
        """Take it off the graph."""
        node.destroy_timer(self._timer)
        for subscription in (self._subscription, self._info):
            if subscription is not None:
                node.destroy_subscription(subscription)
        if self._late_audio is not None:
            self._late_audio.destroy()

    def _subscribe(self, kind: str) -> None:
        self._adapter = adapter_for(kind)
        if self._delay:
            self._late_audio = DelayedAudio(self._node, self._adapter, self._worker.time)
            self._worker.each_cycle = self._late_audio.flush
        self._subscription = self._node.create_subscription(self._adapter.message, TOPIC, self._on_audio, AUDIO_QOS)
        self._node.get_logger().info(f"listening on {self._node.resolve_topic_name(TOPIC)} ({kind})")

    def _on_info(self, message: Any) -> None:
        try:
            self._format = format_from_info(message)
        except SpeechGestureError as e:
            self.problem = str(e)
            self._node.get_logger().error(str(e), throttle_duration_sec=5.0)

    def _on_audio(self, message: Any) -> None:
        now = self._worker.time.now()
        assert self._adapter is not None
        if len(self.problem) and "publishers" in self.problem:
            self._worker.drop("second publisher", self.problem)
            return
        try:
            audio = self._adapter.read(message, self._format)
        except InputError as e:
            self._worker.drop("unusable audio", f"audio message dropped: {e}")
            return
        if audio.stamp is not None:
            audio = replace(audio, stamp=audio.stamp - self._worker.time.base)
        self._worker.put_audio(audio, now)
        if self._late_audio is not None:
            heard = audio.stamp if audio.stamp is not None else now - len(audio.samples) / audio.sample_rate
            self._late_audio.put(message, heard + self._worker.pipeline.offset)
