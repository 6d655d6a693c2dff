"""Message adapters: every audio family there and back, trajectories, SMPL-X, face, markers."""

from __future__ import annotations

import array
import time
from types import SimpleNamespace

import numpy as np
import pytest
from scipy.spatial.transform import Rotation

pytest.importorskip("rclpy", reason="rclpy is not installed; install the extra `ros`")
from builtin_interfaces.msg import Time
from rclpy.qos import DurabilityPolicy, QoSProfile, ReliabilityPolicy
from std_msgs.msg import Float32MultiArray, Header, Int16MultiArray, String, UInt8MultiArray

from speech_gesture_pkg.audio.files import write_wav
from speech_gesture_pkg.audio.formats import AudioFormat
from speech_gesture_pkg.audio.wav_stream import WavStream
from speech_gesture_pkg.config import SyncConfig
from speech_gesture_pkg.errors import ConfigError, InputError, MissingDependencyError
from speech_gesture_pkg.motion.frames import PHASES, MotionFrames
from speech_gesture_pkg.motion.parts import ARKIT_NAMES
from speech_gesture_pkg.motion.skeleton import JOINT_INDEX, JOINT_NAMES, PARENTS, forward_kinematics
from speech_gesture_pkg.pipeline.stamp_clock import StampClock
from speech_gesture_pkg.ros.audio_input import AudioInput
from speech_gesture_pkg.ros.messages import audio_types
from speech_gesture_pkg.ros.messages.audio import ReceivedAudio, adapter_for, encode, format_from_info
from speech_gesture_pkg.ros.messages.diagnostics import WARN, diagnostic_array
from speech_gesture_pkg.ros.messages.graph import AUDIO_QOS, detect_audio_type, qos_problem
from speech_gesture_pkg.ros.messages.markers import SkeletonMarkers
from speech_gesture_pkg.ros.messages.motion import FaceMessage, SmplxMessage
from speech_gesture_pkg.ros.messages.trajectory import TrajectoryMessage

RATE = 16000
TONE = (0.6 * np.sin(2 * np.pi * 440 * np.arange(800) / RATE)).astype(np.float32)


def fake(name, fields, **defaults):
    """A message class as rosidl makes it, as far as the adapters look: for packages that need not be installed."""

    def init(self, **values):
        for key, make in defaults.items():
            setattr(self, key, values.get(key, make()))

    body = {
        "__init__": init,
        "get_fields_and_field_types": classmethod(lambda cls: fields),
        "__module__": "audio_common_msgs.msg",
    }
    return type(name, (), body)


AudioData = fake("AudioData", {"data": "sequence<uint8>"}, data=lambda: array.array("B"))
AudioDataStamped = fake(
    "AudioDataStamped",
    {"header": "std_msgs/Header", "audio": "audio_common_msgs/AudioData"},
    header=Header,
    audio=AudioData,
)
TYPED = ("float32_data", "int32_data", "int16_data", "int8_data", "uint8_data")
Typed = fake("AudioData", {n: "sequence" for n in TYPED}, **{n: list for n in TYPED})
TypedInfo = fake("AudioInfo", {}, format=lambda: 8, channels=lambda: 1, rate=lambda: RATE, chunk=lambda: 512)
TypedAudio = fake(
    "Audio",
    {"audio_data": "audio_common_msgs/AudioData", "info": "audio_common_msgs/AudioInfo"},
    audio_data=Typed,
    info=TypedInfo,
)
AudioStamped = fake(
    "AudioStamped", {"header": "std_msgs/Header", "audio": "audio_common_msgs/Audio"}, header=Header, audio=TypedAudio
)
AudioBuffer = fake(
    "AudioBuffer",
    {
        "header": "std_msgs/Header",
        "frequency": "uint16",
        "channel_map": "sequence<uint8>",
        "data": "sequence<int16>",
    },
    header=Header,
    frequency=lambda: RATE,
    channel_map=lambda: array.array("B"),
    data=lambda: array.array("h"),
)
STAMPED = {AudioDataStamped, AudioStamped, AudioBuffer}
ALL = [
    Int16MultiArray,
    Float32MultiArray,
    UInt8MultiArray,
    AudioData,
    AudioDataStamped,
    TypedAudio,
    AudioStamped,
    AudioBuffer,
]


@pytest.mark.parametrize("kind", ALL, ids=lambda k: f"{k.__name__}_{ALL.index(k)}")
@pytest.mark.parametrize("channels", [1, 2])
def test_audio_there_and_back(kind, channels):
    adapter = adapter_for(kind)
    msg = adapter.write(TONE, AudioFormat(RATE, channels, "S16LE"), stamp=12.25)
    got = adapter.read(msg, AudioFormat(RATE, channels, "S16LE"))
    assert got.sample_rate == RATE
    assert got.stamp == (12.25 if kind in STAMPED else None)
    assert adapter.stamped == (kind in STAMPED)
    np.testing.assert_allclose(got.samples, TONE, atol=1 / 32768)


def test_the_two_audio_common_families_are_told_apart_by_fields():
    assert adapter_for(AudioDataStamped).needs_info
    assert not adapter_for(AudioStamped).needs_info
    assert adapter_for(AudioData).needs_info
    with pytest.raises(InputError, match="which is no audio message"):
        adapter_for(String)


@pytest.mark.parametrize(("number", "field", "scale"), [(1, 0, 1.0), (2, 1, 2.0**31), (8, 2, 32768), (16, 3, 128)])
def test_portaudio_formats(number, field, scale):
    values = np.array([-0.5, 0.0, 0.25])
    data = (values * scale).astype([np.float32, np.int32, np.int16, np.int8][field])
    msg = AudioStamped()
    setattr(msg.audio.audio_data, TYPED[field], data)
    msg.audio.info.format, msg.audio.info.rate = number, 44100
    got = adapter_for(AudioStamped).read(msg, AudioFormat(RATE))
    assert got.sample_rate == 44100
    np.testing.assert_allclose(got.samples, values)
    msg.audio.info.format = 7
    with pytest.raises(InputError, match="PortAudio sample format 7 is unknown"):
        adapter_for(AudioStamped).read(msg, AudioFormat(RATE))


@pytest.mark.parametrize(
    ("encoding", "expected"),
    [
        ("S16LE", "00 00 00 40 ff 7f 00 80"),
        ("S16BE", "00 00 40 00 7f ff 80 00"),
        ("U8", "80 c0 ff 00"),
        ("S24LE", "00 00 00 00 00 40 ff ff 7f 00 00 80"),
        ("S24BE", "00 00 00 40 00 00 7f ff ff 80 00 00"),
        ("F32LE", "00 00 00 00 00 00 00 3f 00 00 80 3f 00 00 80 bf"),
    ],
)
def test_encodings(encoding, expected):
    samples = np.array([[0.0], [0.5], [2.0], [-2.0]])
    assert encode(samples, encoding) == bytes.fromhex(expected)


def test_bad_audio_is_refused_with_the_mend():
    fallback = AudioFormat(RATE)
    with pytest.raises(InputError, match=r"mp3.*coding_format"):
        adapter_for(AudioData).read(AudioData(data=array.array("B", b"ID3\x04" + bytes(100))), fallback)
    with pytest.raises(InputError, match="no multiple of the 2 bytes"):
        adapter_for(UInt8MultiArray).read(UInt8MultiArray(data=[1, 2, 3]), fallback)
    with pytest.raises(InputError, match="NaN"):
        adapter_for(Float32MultiArray).read(Float32MultiArray(data=[0.0, float("nan")]), fallback)
    info = SimpleNamespace(channels=2, sample_rate=16000, sample_format="S16LE", coding_format="mp3")
    with pytest.raises(InputError, match="the audio is mp3"):
        format_from_info(info)
    info.coding_format = "wave"
    assert format_from_info(info) == AudioFormat(16000, 2, "S16LE")


def test_layout_channels_override_the_parameter():
    msg = adapter_for(Int16MultiArray).write(TONE, AudioFormat(RATE, 2))
    np.testing.assert_allclose(adapter_for(Int16MultiArray).read(msg, AudioFormat(RATE, 1)).samples, TONE, atol=1e-4)


def test_a_wav_file_in_bytes_is_read_as_its_header_says(tmp_path):
    """Whole in one message, and in pieces of which only the first has the header."""
    write_wav(tmp_path / "a.wav", TONE, 22050)
    data = (tmp_path / "a.wav").read_bytes()
    for kind, make in (
        (UInt8MultiArray, lambda part: UInt8MultiArray(data=part)),
        (AudioData, lambda part: AudioData(data=array.array("B", part))),
        (AudioDataStamped, lambda part: AudioDataStamped(audio=AudioData(data=array.array("B", part)))),
    ):
        adapter, files = adapter_for(kind), WavStream()
        whole = adapter.read(make(data), AudioFormat(RATE))
        parts = [adapter.read(make(data[i : i + 333]), AudioFormat(RATE), files) for i in range(0, len(data), 333)]
        assert {whole.sample_rate, *(p.sample_rate for p in parts)} == {22050}
        np.testing.assert_allclose(whole.samples, TONE, atol=1e-4)
        np.testing.assert_array_equal(np.concatenate([p.samples for p in parts]), whole.samples)


def delayed(offset, problem=""):
    """Begins of the messages of a second of speech, as delay mode finds them, less their true ones."""
    pace = SimpleNamespace(problem=problem)
    thread = SimpleNamespace(pipeline=SimpleNamespace(source=SimpleNamespace(pace=pace)))
    audio_input = SimpleNamespace(_thread=thread, _stamps=StampClock(SyncConfig(mode="delay")), _queued=-np.inf)
    found = []
    for i in range(30):
        true = 5.0 + i * 0.032
        audio = ReceivedAudio(np.zeros(512, np.float32), RATE, None if offset is None else true + offset)
        found.append(AudioInput._begin(audio_input, audio, true + 0.032) - true)
    return found


@pytest.mark.parametrize("offset", [None, -5.0, -0.1, 0.0, 0.5, 10.0])
def test_delay_mode_delays_the_sound_from_when_it_began_whatever_its_stamps(offset):
    np.testing.assert_allclose(delayed(offset), 0.0, atol=1e-9)


def test_delay_mode_places_sound_of_a_wrong_rate_by_its_arrival():
    np.testing.assert_allclose(delayed(0.02, "audio arrives at 1.38 times real time"), 0.0, atol=1e-9)


def test_names():
    assert adapter_for("std_msgs/msg/Int16MultiArray").message is Int16MultiArray
    with pytest.raises(ConfigError, match="must be one of: std_msgs/msg/Int16MultiArray"):
        adapter_for("std_msgs/msg/String")
    with pytest.raises(ConfigError, match="malformed"):
        adapter_for("Int16MultiArray")
    with pytest.raises(MissingDependencyError, match="no_such_msgs, which is not installed"):
        audio_types.import_message("no_such_msgs/msg/Audio")


def test_detection_of_type_publishers_and_qos(probe):
    assert detect_audio_type(probe.node, "speech").publishers == ()
    best_effort = QoSProfile(depth=5, reliability=ReliabilityPolicy.BEST_EFFORT)
    probe.node.create_publisher(Float32MultiArray, "speech", best_effort)
    found = probe.wait(lambda: (t := detect_audio_type(probe.node, "speech")).type_name and t)
    assert (found.type_name, found.topic, found.problem) == ("std_msgs/msg/Float32MultiArray", "/speech", "")
    assert found.publishers[0].node == "/probe"
    assert qos_problem(found.publishers[0], AUDIO_QOS, "/speech") == ""
    strict = QoSProfile(depth=5, durability=DurabilityPolicy.TRANSIENT_LOCAL)
    sentence = qos_problem(found.publishers[0], strict, "/speech")
    assert "reliability (publisher BEST_EFFORT, subscription RELIABLE)" in sentence
    assert "durability (publisher VOLATILE, subscription TRANSIENT_LOCAL)" in sentence
    probe.node.create_publisher(Float32MultiArray, "speech", best_effort)
    two = probe.wait(lambda: (t := detect_audio_type(probe.node, "speech")).problem and t)
    assert two.problem == "2 publishers on /speech: /probe and /probe; exactly one must speak"
    probe.node.create_publisher(String, "words", 10)
    odd = probe.wait(lambda: (t := detect_audio_type(probe.node, "words")).problem and t)
    assert "/words has type std_msgs/msg/String, which is no audio type" in odd.problem


def test_trajectory_message():
    rng = np.random.default_rng(0)
    q, v, a = rng.normal(size=(3, 5, 4))
    builder = TrajectoryMessage(["c", "a"], [2, 0])
    times = np.array([0.0, 0.033333333, 0.1, 1.0, 1.75])
    msg = builder.fill(7.5, times, q, v, a)
    assert (msg.header.stamp.sec, msg.header.stamp.nanosec) == (7, 500000000)
    assert msg.joint_names == ["c", "a"]
    assert [p.time_from_start.sec * 10**9 + p.time_from_start.nanosec for p in msg.points] == [
        *(0, 33333333, 100000000, 1000000000, 1750000000)
    ]
    for row, name in ((q, "positions"), (v, "velocities"), (a, "accelerations")):
        np.testing.assert_array_equal([getattr(p, name) for p in msg.points], row[:, [2, 0]])
    shorter = builder.fill(None, times[:3] + 0.5, q[:3])
    assert len(shorter.points) == 3
    assert shorter.header.stamp == Time()
    assert len(shorter.points[0].velocities) == 0
    assert shorter.points[2].time_from_start.nanosec == 600000000
    assert len(builder.fill(None, times, q).points) == 5


def motion(count=3):
    rng = np.random.default_rng(1)
    poses = rng.normal(size=(count, 55, 3)) * 0.5
    poses[0] = 0.0
    return MotionFrames(
        poses,
        30.0,
        translation=rng.normal(size=(count, 3)),
        face=rng.uniform(size=(count, 52)),
        phase=np.arange(count, dtype=np.uint8),
    )


def test_smplx_and_face():
    frames, smplx, face = motion(), SmplxMessage(), FaceMessage()
    for i in range(3):
        msg = smplx.fill(frames, i, Time(sec=3))
        assert tuple(msg.joint_names) == JOINT_NAMES
        got = np.array([[r.x, r.y, r.z, r.w] for r in (t.rotation for t in msg.transforms)])
        expected = Rotation.from_rotvec(frames.poses[i]).as_quat(canonical=True)
        np.testing.assert_allclose(got, expected, atol=1e-12)
        root = msg.transforms[0].translation
        np.testing.assert_allclose([root.x, root.y, root.z], frames.translation[i])
        weights = face.fill(frames, i, Time(sec=3))
        assert tuple(weights.name[:52]) == ARKIT_NAMES
        np.testing.assert_array_equal(weights.position[:52], frames.face[i])
        assert weights.position[52] == frames.poses[i, JOINT_INDEX["jaw"], 0]


def test_markers_stand_beside_the_robot():
    frames, markers = motion(), SkeletonMarkers("base_link", (0.0, 1.2, 0.0))
    still = MotionFrames(np.zeros((1, 55, 3)), 30.0)
    bones, joints, text = markers.fill(still, 0, Time(sec=1)).markers
    placed = np.array([[p.x, p.y, p.z] for p in joints.points])
    assert placed[:, 2].min() == pytest.approx(0.03)  # feet on the ground
    assert placed[JOINT_INDEX["pelvis"], 1] == pytest.approx(1.2, abs=0.01)
    assert placed[JOINT_INDEX["left_wrist"], 1] > 1.7 > placed[JOINT_INDEX["right_wrist"], 1]
    assert placed[JOINT_INDEX["left_eye_smplhf"], 0] > placed[JOINT_INDEX["head"], 0]  # looks along x
    assert len(bones.points) == 2 * (len(PARENTS) - 1)
    assert (text.ns, text.text) == ("gesture_phase", "rest")
    assert text.pose.position.z > placed[:, 2].max()
    _, positions = forward_kinematics(frames[2:3].matrices(), frames.translation[2:3])
    array_ = markers.fill(frames, 2, Time(sec=1))
    moved = np.array([[p.x, p.y, p.z] for p in array_.markers[1].points])
    expected = positions[0] @ np.array([[0, 1, 0], [0, 0, 1], [1, 0, 0]])
    np.testing.assert_allclose(moved - moved[0], expected - expected[0], atol=1e-12)
    assert array_.markers[2].text == PHASES[2]
    assert all(m.action == m.DELETE for m in markers.clear().markers)


def test_diagnostics():
    msg = diagnostic_array(Time(sec=4), "gesture: pipeline", WARN, "late", {"latency p99 [ms]": 12.34567, "drops": 3})
    status = msg.status[0]
    assert (status.level, status.name, status.message) == (WARN, "gesture: pipeline", "late")
    assert [(v.key, v.value) for v in status.values] == [("latency p99 [ms]", "12.35"), ("drops", "3")]


@pytest.mark.bench
def test_messages_are_fast():
    """Seven controllers with 15 points <= 1 ms; smplx + face + markers <= 0.7 ms (medians, with slack for load)."""
    rng = np.random.default_rng(0)
    q, grid = rng.normal(size=(15, 49)), np.arange(15) / 30
    builders = [TrajectoryMessage([f"j{i}" for i in range(7)], np.arange(7) + 7 * k) for k in range(7)]
    frames, smplx, face, markers = motion(), SmplxMessage(), FaceMessage(), SkeletonMarkers()

    def trajectories():
        for b in builders:
            b.fill(1.0, grid, q, q, q)

    def frame():
        smplx.fill(frames, 1, Time())
        face.fill(frames, 1, Time())
        markers.fill(frames, 1, Time())

    for work, budget in ((trajectories, 1e-3), (frame, 0.7e-3)):
        spent = []
        for _ in range(50):
            begin = time.perf_counter()
            work()
            spent.append(time.perf_counter() - begin)
        assert np.median(spent) < 3 * budget
