"""viewer_node: the robot, the human and the audio of a running system, live in the browser."""

from __future__ import annotations

import time
from collections.abc import Sequence
from typing import Any

import numpy as np
from diagnostic_msgs.msg import DiagnosticArray
from rclpy.clock import Clock, ClockType
from rclpy.node import Node
from rclpy.qos import DurabilityPolicy, QoSProfile, ReliabilityPolicy, qos_profile_sensor_data
from scipy.spatial.transform import Rotation
from sensor_msgs.msg import JointState, MultiDOFJointState
from std_msgs.msg import String
from visualization_msgs.msg import MarkerArray

from speech_gesture_pkg.audio.formats import AudioFormat
from speech_gesture_pkg.audio.wav_stream import WavStream
from speech_gesture_pkg.errors import InputError, SpeechGestureError
from speech_gesture_pkg.motion.parts import ARKIT_INDEX
from speech_gesture_pkg.motion.skeleton import JOINT_INDEX, NUM_JOINTS
from speech_gesture_pkg.outside_text import as_markdown
from speech_gesture_pkg.resources import robot_path
from speech_gesture_pkg.ros.messages.audio import AudioAdapter, adapter_for, format_from_info
from speech_gesture_pkg.ros.messages.audio_types import AUDIO_INFO, import_message
from speech_gesture_pkg.ros.messages.graph import AUDIO_QOS, detect_audio_type
from speech_gesture_pkg.ros.parameters import declare, reject_unknown
from speech_gesture_pkg.ros.spin import run
from speech_gesture_pkg.viewer.live import LiveStrip
from speech_gesture_pkg.viewer.page import BrowserPage
from speech_gesture_pkg.viewer.robot import RobotFigure
from speech_gesture_pkg.viewer.sampling import standing_offset

STALE_S = 2.0
"""A topic that was silent for so long is reported on the page."""

NEW_PLACE_M = 0.3
"""A root that jumps by more than this belongs to other motion: the figure is put back on the floor."""

MOST_STATUSES, MOST_ROWS, MOST_CHARACTERS = 500, 200, 2000
"""Diagnostics that are shown and kept, rows of each, characters of a text."""

_STRIP_EVERY = 2
_GRAPH_PERIOD_S = 0.5


def rotations_from(msg: MultiDOFJointState) -> tuple[np.ndarray, np.ndarray] | None:
    """Local rotations [55, 3, 3] and root translation [3] of a `~/smplx` message; None if it is not usable."""
    local = np.tile(np.eye(3), (NUM_JOINTS, 1, 1))
    pairs = [(JOINT_INDEX[n], t.rotation) for n, t in zip(msg.joint_names, msg.transforms) if n in JOINT_INDEX]  # noqa: B905
    quaternions = np.array([(r.x, r.y, r.z, r.w) for _, r in pairs])
    if not pairs or not np.isfinite(quaternions).all() or (np.linalg.norm(quaternions, axis=1) < 1e-6).any():
        return None
    local[[i for i, _ in pairs]] = Rotation.from_quat(quaternions).as_matrix()
    root = msg.transforms[0].translation
    translation = np.array([root.x, root.y, root.z])
    return (local, translation) if np.isfinite(translation).all() else None


def status_text(values: dict[str, tuple[str, list[tuple[str, str]]]], silent: Sequence[str]) -> str:
    """Markdown of the diagnostics (name -> summary, pairs) and of the topics that are silent.

    Anyone on the graph may publish diagnostics: their text is shown as it is, as far as the bounds above go.
    """
    parts = []
    for name, (summary, pairs) in sorted(values.items())[:MOST_STATUSES]:
        parts.append(f"**{as_markdown(name)}**: {as_markdown(summary, MOST_CHARACTERS)}")
        if pairs:
            rows = (f"| {as_markdown(k)} | {as_markdown(v, MOST_CHARACTERS)} |" for k, v in pairs[:MOST_ROWS])
            parts.append("| | |\n|---|---|\n" + "\n".join(rows))
    if silent:
        parts.append(f"waiting for: {as_markdown(', '.join(silent))}")
    return "\n\n".join(parts)


class ViewerNode(Node):
    """Subscribes to what the system publishes and shows the newest of it at a fixed rate."""

    def __init__(self) -> None:
        super().__init__("viewer")
        host = declare(self, "host", "127.0.0.1", "address that the page is served on; 0.0.0.0 for the whole network")
        port = declare(self, "port", 8080, "TCP port of the page", 1, 65535)
        urdf = declare(self, "urdf", "", "URDF file of the robot; empty: from topic robot_description")
        rate = declare(self, "rate", 20.0, "updates of the page in Hz", 1.0, 60.0)
        audio = [
            declare(self, "audio.sample_rate", 16000, "rate of audio messages that do not tell it, Hz", 1000, 192000),
            declare(self, "audio.channels", 1, "channels of audio messages that do not tell them", 1, 64),
            declare(self, "audio.sample_format", "S16LE", "encoding of audio messages that do not tell it"),
        ]
        reject_unknown(self)
        self._format, self._files = AudioFormat(*audio), WavStream()
        robot = RobotFigure.from_file(robot_path(urdf)) if urdf else None
        self.page = BrowserPage(host, port, "speech gesture, live")
        self._strip = LiveStrip()
        self._q = np.zeros(0)
        self._pose: tuple[np.ndarray, np.ndarray] | None = None
        self._offset = np.zeros(3)
        self._column: dict[str, int] = {}
        self._face = np.zeros(len(ARKIT_INDEX))
        self._diagnostics: dict[str, tuple[str, list[tuple[str, str]]]] = {}
        self._received: dict[str, float] = {"joint_states": -np.inf, "speech_gesture/smplx": -np.inf, "audio": -np.inf}
        self._adapter: AudioAdapter | None = None
        self._ticks = 0
        if robot is not None:
            self._use_robot(robot)
        self._subscribe(urdf)
        steady = Clock(clock_type=ClockType.STEADY_TIME)  # the page lives on even while /clock stands still
        self.create_timer(1.0 / rate, self._update, clock=steady)
        self._graph_timer = self.create_timer(_GRAPH_PERIOD_S, self._find_audio, clock=steady)
        self.get_logger().info(f"live view: {self.page.url}")

    def _subscribe(self, urdf: str) -> None:
        sensor = qos_profile_sensor_data
        self.create_subscription(JointState, "joint_states", self._on_joints, sensor)
        self.create_subscription(MultiDOFJointState, "speech_gesture/smplx", self._on_smplx, sensor)
        self.create_subscription(JointState, "speech_gesture/face", self._on_face, sensor)
        self.create_subscription(MarkerArray, "speech_gesture/markers", self._on_markers, sensor)
        self.create_subscription(DiagnosticArray, "/diagnostics", self._on_diagnostics, sensor)
        if not urdf:
            latched = QoSProfile(
                depth=1, reliability=ReliabilityPolicy.RELIABLE, durability=DurabilityPolicy.TRANSIENT_LOCAL
            )
            self.create_subscription(String, "robot_description", self._on_description, latched)

    def _use_robot(self, robot: RobotFigure) -> None:
        for sentence in robot.warnings:
            self.get_logger().warning(sentence)
        self._q = np.zeros(len(robot.joint_names))
        self._column = {name: k for k, name in enumerate(robot.joint_names)}
        self.page.set_robot(robot)

    def _on_description(self, msg: String) -> None:
        try:
            self._use_robot(RobotFigure(msg.data))
        except SpeechGestureError as e:
            self.get_logger().error(f"the robot is not shown: {e}")

    def _on_joints(self, msg: JointState) -> None:
        self._received["joint_states"] = time.monotonic()
        for name, value in zip(msg.name, msg.position):  # noqa: B905 - some drivers leave position short
            column = self._column.get(name) if len(self._q) else None
            if column is not None and np.isfinite(value):
                self._q[column] = value

    def _on_smplx(self, msg: MultiDOFJointState) -> None:
        self._received["speech_gesture/smplx"] = time.monotonic()
        pose = rotations_from(msg)
        if pose is None:
            return
        if self._pose is None or np.abs(pose[1] - self._pose[1]).max() > NEW_PLACE_M:
            self._offset = standing_offset(*pose)
        self._pose = pose

    def _on_face(self, msg: JointState) -> None:
        for name, value in zip(msg.name, msg.position):  # noqa: B905
            index = ARKIT_INDEX.get(name)
            if index is not None and np.isfinite(value):
                self._face[index] = value

    def _on_markers(self, msg: MarkerArray) -> None:
        for marker in msg.markers:
            if marker.ns == "gesture_phase":
                self._strip.set_phase(marker.text, time.monotonic())

    def _on_diagnostics(self, msg: DiagnosticArray) -> None:
        for status in msg.status:
            if status.name not in self._diagnostics and len(self._diagnostics) >= MOST_STATUSES:
                continue
            self._diagnostics[status.name] = (status.message, [(v.key, v.value) for v in status.values])

    def _find_audio(self) -> None:
        """Subscribes to the audio once the graph shows its type."""
        kind = detect_audio_type(self, "audio").type_name
        if kind is None:
            return
        self._graph_timer.cancel()
        try:
            self._adapter = adapter_for(kind)
        except SpeechGestureError as e:
            self.get_logger().warning(f"the audio is not shown: {e}")
            return
        self.create_subscription(self._adapter.message, "audio", self._on_audio, AUDIO_QOS)
        if self._adapter.needs_info and kind.startswith("audio_common_msgs"):
            self.create_subscription(import_message(AUDIO_INFO), "audio_info", self._on_audio_info, 1)

    def _on_audio_info(self, msg: Any) -> None:
        try:
            self._format = format_from_info(msg)
        except InputError as e:
            self.get_logger().warning(f"the audio is not shown: {e}", throttle_duration_sec=10.0)

    def _on_audio(self, msg: Any) -> None:
        self._received["audio"] = time.monotonic()
        if self._adapter is None:
            return
        try:
            audio = self._adapter.read(msg, self._format, self._files)
        except InputError as e:
            self.get_logger().warning(f"an audio message is not shown: {e}", throttle_duration_sec=10.0)
            return
        self._strip.push_audio(audio.samples, audio.sample_rate, time.monotonic())

    def _update(self) -> None:
        now = time.monotonic()
        self._ticks += 1
        if len(self._q):
            self.page.show_robot(self._q)
        if self._pose is not None:
            self.page.show_human(self._pose[0], self._face, self._pose[1] - self._offset)
        if self._ticks % _STRIP_EVERY == 0:
            self.page.show_strip(self._strip.draw(now))
            silent = [topic for topic, at in self._received.items() if now - at > STALE_S]
            if self.page.robot is None:
                silent.append("robot_description")
            self.page.show_status(status_text(self._diagnostics, silent))

    def close(self) -> None:
        """Stops serving the page."""
        self.page.close()


def main(args: Sequence[str] | None = None) -> int:
    """Entry point of `ros2 run speech_gesture_pkg viewer_node`."""
    return run(ViewerNode, args)


if __name__ == "__main__":
    raise SystemExit(main())
