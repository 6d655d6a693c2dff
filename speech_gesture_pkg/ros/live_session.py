"""Speaks files one after the other into a running gesture node and records each in a bag of its own.

Before each file the gesture node is paused until the robot stands at rest, and then reset, between two audio
messages: its generator begins with the next message, the same distance before the speech every time, so that the same
file gives the same motion of the human and of the robot.
"""

from __future__ import annotations

import json
import shutil
import time
from collections.abc import Iterator, Sequence
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
from rclpy.node import Node
from rclpy.parameter import Parameter
from rclpy.qos import QoSProfile
from rosgraph_msgs.msg import Clock
from std_msgs.msg import String
from std_srvs.srv import SetBool, Trigger

from speech_gesture_pkg.audio.chunk import SAMPLE_RATE
from speech_gesture_pkg.audio.files import read_audio
from speech_gesture_pkg.audio.formats import AudioFormat
from speech_gesture_pkg.bags.reader import Bag
from speech_gesture_pkg.errors import MissingDependencyError, SpeechGestureError
from speech_gesture_pkg.ros.clock import time_msg
from speech_gesture_pkg.ros.messages.audio import adapter_for
from speech_gesture_pkg.ros.messages.audio_types import import_message
from speech_gesture_pkg.ros.parameters import declare, reject_unknown, required
from speech_gesture_pkg.ros.recorder import STANDARD_TOPICS, BagRecorder
from speech_gesture_pkg.ros.spin import Done, run
from speech_gesture_pkg.verification.bag_audio import find_audio_topic
from speech_gesture_pkg.verification.bag_content import ABOUT_TOPIC, read_content

INT16 = "std_msgs/msg/Int16MultiArray"
BEFORE = 0.1
"""Silence before the reset, s: the node receives the audio topic."""
CLOCK_PERIOD = 0.005
"""Of simulated time, s."""
TOPICS = tuple(t for t in STANDARD_TOPICS if t not in ("*/reference", "/clock"))
MOVING_TOPICS = ("/joint_states", "/joint_trajectory", "/smplx")
UNUSED = ".unused"
SOON = 0.12
"""Audio that goes on so soon after what came before is not preceded by idle motion, s."""
APPROACH = 1.0
"""After so long the first approach is under way, s."""
STANDS = 0.6
"""A paused node that has sent no window for so long has brought the robot to rest: windows last 0.4 s, s."""
ARRIVE = 0.1
"""So long after the last message the bag is open, s ..."""
MISSING = 2.0
"""... and longer on a busy machine, until the recorder has all messages, s."""
TRIES = 5
PATIENCE = 60.0
"""Longest wait for the gesture node to listen or to answer, s."""

Sending = tuple[float, Any]
"""Seconds from the begin of the playing, and a message (or its bytes)."""


class LiveSession(Node):
    """Plays the jobs of a JSON file; `step` does the work and is called between spins.

    A job is `{"input": file or bag, "audio_topic": of a bag, "bag": folder to make}`. What happens to it is printed:
    `JOB <index> begin`, then `JOB <index> done` or `JOB <index> failed: <sentence>`.
    """

    def __init__(self) -> None:
        super().__init__("live_session")
        declare(self, "jobs", "", "JSON file with the list of jobs.")
        self._rate = declare(self, "rate", 1.0, "Speed of simulated time; 1 = real time, no /clock.", 0.1, 20.0)
        self._silence = declare(self, "silence", 1.0, "Silence before and after the speech, s.", 0.0, 60.0)
        self._chunk = declare(self, "chunk_s", 0.032, "Length of an audio message, s.", 0.001, 1.0)
        reject_unknown(self)
        self._jobs: list[dict[str, str]] = json.loads(Path(required(self, "jobs")).read_text(encoding="utf-8"))
        self._begun = time.monotonic()
        self._epoch = time.time()
        self._ticker = self.create_publisher(Clock, "/clock", QoSProfile(depth=10)) if self._rate != 1.0 else None
        self._tick_due = 0.0
        self._about = self.create_publisher(String, ABOUT_TOPIC, 10)
        self._reset: Any = self.create_client(Trigger, "speech_gesture/reset")
        self._pause: Any = self.create_client(SetBool, "speech_gesture/pause")
        self._audio: Any = None
        self._kind = ""
        self._script = self._run_all()
        self._recorder: BagRecorder | None = None
        self._warm = 0.0
        self._simulated = Parameter("use_sim_time", value=self._ticker is not None)
        self.nodes: list[Node] = []

    def step(self) -> float:
        """Go on as far as it is time to. Returns the seconds until something is due. Raises `Done` after the last."""
        now = self._now()
        wait = 1.0
        if self._ticker is not None:
            if now >= self._tick_due:
                self._ticker.publish(Clock(clock=time_msg(round((self._epoch + now) * 1e9))))
                self._tick_due = max(self._tick_due + CLOCK_PERIOD, now)
            wait = (self._tick_due - now) / self._rate
        try:
            due = next(self._script)
        except StopIteration:
            raise Done from None
        return max(min(wait, (due - self._now()) / self._rate), 0.0)

    def close(self) -> None:
        """Finish the bag that is open, and remove the first one."""
        if self._recorder is not None:
            self._recorder.close()
            shutil.rmtree(self._jobs[0]["bag"] + UNUSED, ignore_errors=True)

    def _now(self) -> float:
        """Seconds since this node began, at the speed of the simulated clock."""
        return (time.monotonic() - self._begun) * self._rate

    def _run_all(self) -> Iterator[float]:
        """The whole work, as a coroutine that says until when it waits (0.0 = until something happens)."""
        for index, job in enumerate(self._jobs):
            print(f"JOB {index} begin", flush=True)
            try:
                yield from self._run(job)
            except SpeechGestureError as e:
                print(f"JOB {index} failed: {e}", flush=True)
            else:
                print(f"JOB {index} done", flush=True)

    def _run(self, job: dict[str, str]) -> Iterator[float]:
        kind, sendings, about = self._sendings(job)
        if kind != self._kind:
            if self._audio is not None:
                self.destroy_publisher(self._audio)
            self._audio = self.create_publisher(import_message(kind), "audio", QoSProfile(depth=100))
            self._kind = kind
        if self._recorder is None:
            self._recorder = self._make_recorder(job["bag"] + UNUSED)
            self._warm = self._now() + APPROACH
        yield from self._until(self._reset.service_is_ready, "the gesture node offers no reset service")
        # the gesture node and the recorder
        yield from self._until(lambda: self._audio.get_subscription_count() > 1, "nobody listens on the audio topic")
        yield from self._until(self._all_recorded, "the gesture node does not move the robot")
        while self._now() < self._warm:
            yield self._warm
        yield from self._come_to_rest()
        self._recorder.switch(job["bag"])
        self._recorder.muted = {self._audio.topic_name}
        self._about.publish(String(data=json.dumps(about)))
        yield from self._set_pause(False)
        quiet = [(t, m) for t, m in sendings if t < 0.0]
        for _ in range(TRIES):
            before = self._recorder.received[self._audio.topic_name]
            yield from self._play(quiet, self._now() + BEFORE)
            last = time.monotonic()
            future = self._reset.call_async(Trigger.Request())
            yield from self._until(future.done, "the gesture node does not answer the reset")
            # one that comes later would be recorded
            yield from self._until(
                partial(self._has_received, before + len(quiet)), "the recorder does not hear the audio"
            )
            if time.monotonic() - last < SOON:
                break
        self._recorder.muted = set()
        spoken = [(t, m) for t, m in sendings if t >= 0.0]
        yield from self._play(spoken, self._now())
        end = self._now() + (ARRIVE if about["silence_after"] else max(self._silence, ARRIVE))
        while self._now() < end:
            yield end
        while self._recorder.counts.get(self._audio.topic_name, 0) < len(spoken) and self._now() < end + MISSING:
            yield self._now() + 0.02
        self._recorder.close()

    def _come_to_rest(self) -> Iterator[float]:
        """Pause the node, and wait until it commands nothing any more."""
        yield from self._set_pause(True)
        count, since = -1, self._now()
        limit = time.monotonic() + PATIENCE
        while self._now() < since + STANDS:
            if time.monotonic() > limit:
                raise SpeechGestureError(f"the paused gesture node has not come to rest for {PATIENCE:.0f} s")
            if count != (count := self._windows()):
                since = self._now()
            yield self._now() + 0.02

    def _has_received(self, count: int) -> bool:
        """Whether the recorder has received so many audio messages, since it began."""
        return self._recorder is not None and self._recorder.received[self._audio.topic_name] >= count

    def _set_pause(self, on: bool) -> Iterator[float]:
        future = self._pause.call_async(SetBool.Request(data=on))
        yield from self._until(future.done, "the gesture node does not answer the pause service")

    def _windows(self) -> int:
        """How many trajectory windows have been received."""
        received = self._recorder.received if self._recorder is not None else {}
        return sum(n for topic, n in received.items() if topic.endswith("/joint_trajectory"))

    def _all_recorded(self) -> bool:
        """Whether the recorder has received something of everything that the others publish."""
        recorder = self._recorder
        received = recorder.received if recorder is not None else {}
        known = recorder is not None and recorder.knows(self._about.topic_name)
        return known and all(any(t.endswith(end) for t in received) for end in MOVING_TOPICS)

    def _play(self, sendings: Sequence[Sending], origin: float) -> Iterator[float]:
        for at, message in sendings:
            while self._now() < origin + at:
                yield origin + at
            self._audio.publish(message)

    def _until(self, condition: Any, problem: str) -> Iterator[float]:
        end = time.monotonic() + PATIENCE
        while not condition():
            if time.monotonic() > end:
                raise SpeechGestureError(f"{problem} for {PATIENCE:.0f} s")
            yield self._now() + 0.002

    def _make_recorder(self, out: str) -> BagRecorder:
        """It stays for all jobs; what it receives before the first goes into a bag that is thrown away."""
        recorder = BagRecorder((*TOPICS, ABOUT_TOPIC), out, parameter_overrides=[self._simulated])
        self.nodes.append(recorder)
        if self.executor is not None:
            self.executor.add_node(recorder)
        return recorder

    def _sendings(self, job: dict[str, str]) -> tuple[str, list[Sending], dict[str, Any]]:
        """Type of the messages, the messages, and what the bag says about them."""
        path = Path(job["input"])
        about = {"input": str(path), "silence_before": 0.0, "silence_after": 0.0, "from_rest": True}
        if path.is_dir() or path.suffix in (".mcap", ".db3"):
            try:
                return *_recorded(path, job.get("audio_topic", "")), about
            except MissingDependencyError:  # the type is not installed here: its samples go as another type
                audio = read_content(path, audio_topic=job.get("audio_topic", "")).audio
                if audio is None:
                    raise
                samples = audio.samples
        else:
            samples = read_audio(path).samples
        about |= {"silence_before": self._silence, "silence_after": self._silence}
        size = round(self._chunk * SAMPLE_RATE)
        quiet = np.zeros(round(self._silence * SAMPLE_RATE), np.float32)
        samples = np.concatenate([np.zeros(round(BEFORE / self._chunk) * size, np.float32), quiet, samples, quiet])
        adapter, fmt = adapter_for(INT16), AudioFormat(SAMPLE_RATE)
        first = round(BEFORE / self._chunk)
        # a message is sent when its last sample would have been recorded
        return (
            INT16,
            [
                ((k + 1 - first) * self._chunk - 1e-9, adapter.write(samples[k * size : (k + 1) * size], fmt))
                for k in range(-(-len(samples) // size))
            ],
            about,
        )


def _recorded(path: Path, wanted: str) -> tuple[str, list[Sending]]:
    """A bag's audio messages as they are."""
    with Bag(path) as bag:
        topic = find_audio_topic(path, bag.topics, wanted)
        if not topic:
            raise SpeechGestureError(f"bag {path} has no audio topic")
        kind = next(t.type_name for t in bag.topics if t.name == topic)
        import_message(kind)
        messages = list(bag.messages([topic]))
        return kind, [((m.time_ns - messages[0].time_ns) * 1e-9, m.data) for m in messages]


def main(args: Sequence[str] | None = None) -> int:
    """`python -m speech_gesture_pkg.ros.live_session --ros-args -p jobs:=jobs.json`."""
    return run(LiveSession, args)


if __name__ == "__main__":
    raise SystemExit(main())
