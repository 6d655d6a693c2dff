"""The audio topic: which type it has, one publisher only, messages to mono samples."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from rclpy.clock import Clock, ClockType
from rclpy.lifecycle import LifecycleNode

from speech_gesture_pkg.audio.formats import AudioFormat
from speech_gesture_pkg.audio.wav_stream import WavStream
from speech_gesture_pkg.config import AudioConfig, SyncConfig
from speech_gesture_pkg.errors import ConfigError, InputError, SpeechGestureError
from speech_gesture_pkg.pipeline.stamp_clock import StampClock
from speech_gesture_pkg.ros.messages.audio import AudioAdapter, ReceivedAudio, adapter_for, format_from_info
from speech_gesture_pkg.ros.messages.audio_types import audio_info_class
from speech_gesture_pkg.ros.messages.graph import (
    AUDIO_QOS,
    AudioTopic,
    detect_audio_type,
    gid_of,
    publishers_of,
    qos_problem,
)
from speech_gesture_pkg.ros.outputs import DelayedAudio
from speech_gesture_pkg.ros.pipeline_thread import PipelineThread

TOPIC = "audio"
AUTO = "auto"


def check_audio(config: AudioConfig) -> AudioFormat:
    """The format that parameters give. Raises ConfigError for a sample format or message type that does not exist."""
    if config.message_type != AUTO:
        adapter_for(config.message_type)
    try:
        return AudioFormat(config.sample_rate, config.channels, config.sample_format)
    except InputError as e:
        raise ConfigError(f"audio.sample_format: {e}") from e


class AudioInput:
    """Subscribes `audio` as soon as its type is known and hands samples to the pipeline's thread.

    The first publisher owns the topic until it leaves; what others send is dropped.
    """

    def __init__(self, node: LifecycleNode, config: AudioConfig, thread: PipelineThread, delay: bool) -> None:
        self._node, self._thread, self._delay = node, thread, delay
        self._files = WavStream()
        self._stamps, self._queued = StampClock(SyncConfig(mode="delay")), -math.inf
        self._format = check_audio(config)
        self._wanted = config.message_type
        self._adapter: AudioAdapter | None = None
        self._subscription: Any = None
        self._late_audio: DelayedAudio | None = None
        self._owner: bytes | None = None
        self._topic_problem = self._info_problem = ""
        self.waiting = ""
        """Sentence about what must come before there is audio, '' if nothing."""
        info = audio_info_class()
        self._info = node.create_subscription(info, "audio_info", self._on_info, 1) if info else None
        if self._wanted != AUTO:
            self._subscribe(self._wanted)
        # The graph shows a new publisher after some tenths of a second: look often until there is one.
        self._timer = node.create_timer(0.1, self.look, clock=Clock(clock_type=ClockType.STEADY_TIME))

    @property
    def problem(self) -> str:
        """Sentence about what is wrong with the audio, '' if nothing is."""
        return self._topic_problem or self._info_problem

    @property
    def notice(self) -> str:
        """Sentence about audio that can be used but looks wrong, '' if nothing does."""
        return self._thread.pipeline.source.pace.problem

    def look(self) -> None:
        """Ask the graph: subscribe when the type is known, complain when two speak or policies do not fit."""
        found = detect_audio_type(self._node, TOPIC, own=self._adapter.type_name if self._adapter else "")
        kinds = {p.type_name for p in found.publishers}
        if self._wanted == AUTO and found.type_name and (self._adapter is None or self._adapter.type_name not in kinds):
            self._subscribe(found.type_name)
        if self._adapter is not None:
            self._timer.cancel()
        self.waiting = (
            "" if found.publishers else f"nobody publishes on {found.topic}: there is no speech to gesture with"
        )
        problem = self._problem_of(found)
        if problem and problem != self._topic_problem:
            self._node.get_logger().error(problem)
        self._topic_problem = problem

    def _problem_of(self, found: AudioTopic) -> str:
        """What is wrong with the publishers, in one sentence; '' for nothing."""
        if found.problem:
            owner = next((p.node for p in found.publishers if gid_of(p.gid) == self._owner), "")
            return found.problem + (f"; only {owner} is listened to" if owner and len(found.publishers) > 1 else "")
        if self._adapter is None:
            return ""
        for publisher in found.publishers:
            if publisher.type_name != self._adapter.type_name:
                return (
                    f"{publisher.node} publishes {publisher.type_name} on {found.topic}, but audio.message_type is "
                    f"{self._adapter.type_name}"
                )
            if mismatch := qos_problem(publisher, AUDIO_QOS, found.topic):
                return mismatch
        return ""

    def destroy(self, node: LifecycleNode) -> None:
        """Take it off the graph."""
        node.destroy_timer(self._timer)
        self._unsubscribe()
        if self._info is not None:
            node.destroy_subscription(self._info)

    def _subscribe(self, kind: str) -> None:
        self._unsubscribe()
        self._adapter = adapter = adapter_for(kind)
        if self._delay:
            late = DelayedAudio(self._node, adapter, self._thread.time, lambda: self._thread.pipeline.offset)
            self._late_audio = late
            self._thread.each_cycle = late.flush
        # A function of two arguments also gets who sent the message.
        self._subscription = self._node.create_subscription(adapter.message, TOPIC, self._on_audio, AUDIO_QOS)
        self._node.get_logger().info(f"listening on {self._node.resolve_topic_name(TOPIC)} ({adapter.type_name})")

    def _unsubscribe(self) -> None:
        if self._subscription is not None:
            self._node.destroy_subscription(self._subscription)
        if self._late_audio is not None:
            self._thread.each_cycle = None
            self._late_audio.destroy()
        self._subscription = self._late_audio = self._owner = None

    def _on_info(self, message: Any) -> None:
        try:
            fmt = format_from_info(message)
            if fmt != self._format:
                self._files.restart()
            self._format, self._info_problem = fmt, ""
        except SpeechGestureError as e:
            self._info_problem = str(e)
            self._node.get_logger().error(str(e), throttle_duration_sec=5.0)

    def _on_audio(self, message: Any, info: Mapping[str, Any]) -> None:
        now = self._thread.time.now()
        assert self._adapter is not None
        if not self._from_owner(info):
            self._thread.events.drop(
                "second publisher", self._topic_problem or "a second publisher speaks on the audio topic"
            )
            return
        try:
            audio = self._adapter.read(message, self._format, self._files)
        except InputError as e:
            self._thread.events.drop_audio(e)
            return
        if text := self._files.news():
            self._node.get_logger().info(text)
        if audio.stamp is not None:
            audio = replace(audio, stamp=audio.stamp - self._thread.time.base)
        self._thread.put_audio(audio, now)
        if self._late_audio is not None:
            self._late_audio.put(message, self._begin(audio, now))

    def _begin(self, audio: ReceivedAudio, now: float) -> float:
        """When the sound of a message that came at `now` begins, s since the base; as the pipeline finds it."""
        duration = len(audio.samples) / audio.sample_rate
        begin = now - duration
        if audio.stamp is not None and not self._thread.pipeline.source.pace.problem:
            begin = self._stamps.correct(audio.stamp, duration, now, self._queued)
        self._queued = max(begin + duration, now)
        return begin

    def _from_owner(self, info: Mapping[str, Any]) -> bool:
        """Whether a message comes from the publisher that owns the topic; the first one becomes its owner."""
        sender = info.get("publisher_gid")
        if sender is None:  # this rclpy does not say: nothing is taken while two publish
            return len(publishers_of(self._node, TOPIC)) < 2
        gid = gid_of(sender["data"])
        if gid != self._owner:
            if self._owner is not None and any(gid_of(p.gid) == self._owner for p in publishers_of(self._node, TOPIC)):
                self.look()
                return False
            self._owner = gid
            self._files.restart()
        return True
