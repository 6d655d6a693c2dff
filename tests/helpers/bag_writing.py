"""Small bags, written message by message with rosbags: what evaluation reads."""

from __future__ import annotations

from pathlib import Path
from types import TracebackType
from typing import Any

import numpy as np
from rosbags.rosbag2 import CompressionFormat, CompressionMode, StoragePlugin, Writer
from rosbags.typesys import Stores, get_types_from_msg, get_typestore
from scipy.spatial.transform import Rotation

from speech_gesture_pkg.bags.types import MGONZS13, NAOQI, ROS_DRIVERS
from speech_gesture_pkg.motion.skeleton import JOINT_NAMES

STORE = get_typestore(Stores.ROS2_KILTED)
T = STORE.types


def store_with(definitions: dict[str, str]) -> Any:
    """The standard types and these."""
    store = get_typestore(Stores.ROS2_KILTED)
    for name, text in definitions.items():
        store.register(get_types_from_msg(text, name))
    return store


DRIVERS, TYPED = store_with(ROS_DRIVERS | NAOQI), store_with(MGONZS13)
"""The two packages called audio_common_msgs cannot be in one store."""
EPOCH = 1_700_000_000.0


def time_msg(seconds: float, kind: str = "Time") -> Any:
    """Seconds (from EPOCH for a Time) as a message."""
    base = int(EPOCH) if kind == "Time" else 0
    nanos = round(seconds * 1e9)
    return T[f"builtin_interfaces/msg/{kind}"](base + nanos // 10**9, nanos % 10**9)


def header(seconds: float) -> Any:
    return T["std_msgs/msg/Header"](time_msg(seconds), "")


def trajectory(names, stamp: float, times, position, velocity, acceleration) -> Any:
    """A JointTrajectory; times [M], the rest [M, J]."""
    points = [
        T["trajectory_msgs/msg/JointTrajectoryPoint"](
            np.array(p, float), np.array(v, float), np.array(a, float), np.zeros(0), time_msg(t, "Duration")
        )
        for t, p, v, a in zip(times, position, velocity, acceleration, strict=True)
    ]
    return T["trajectory_msgs/msg/JointTrajectory"](header(stamp), list(names), points)


def joint_state(names, stamp: float, position) -> Any:
    none = np.zeros(0)
    return T["sensor_msgs/msg/JointState"](header(stamp), list(names), np.array(position, float), none, none)


def smplx(poses: np.ndarray, root: np.ndarray, stamp: float, order: list[str]) -> Any:
    """MultiDOFJointState of one frame, joints in `order`."""
    transforms = []
    for name in order:
        x, y, z, w = Rotation.from_rotvec(poses[JOINT_NAMES.index(name)]).as_quat()
        place = root if name == "pelvis" else np.zeros(3)
        transforms.append(
            T["geometry_msgs/msg/Transform"](
                T["geometry_msgs/msg/Vector3"](*map(float, place)), T["geometry_msgs/msg/Quaternion"](x, y, z, w)
            )
        )
    return T["sensor_msgs/msg/MultiDOFJointState"](header(stamp), order, transforms, [], [])


def marker(text: str, stamp: float) -> Any:
    """The MarkerArray that tells a gesture phase."""
    names = ("Point", "Quaternion", "Vector3")
    point, turn, vector = (T[f"geometry_msgs/msg/{n}"] for n in names)
    pose = T["geometry_msgs/msg/Pose"](point(0.0, 0.0, 0.0), turn(0.0, 0.0, 0.0, 1.0))
    color = T["std_msgs/msg/ColorRGBA"](1.0, 1.0, 1.0, 1.0)
    never = T["builtin_interfaces/msg/Duration"](0, 0)
    uv = T["sensor_msgs/msg/CompressedImage"](header(0.0), "", np.zeros(0, np.uint8))
    mesh = T["visualization_msgs/msg/MeshFile"]("", np.zeros(0, np.uint8))
    single = T["visualization_msgs/msg/Marker"](
        header(stamp), "gesture_phase", 0, 9, 0, pose, vector(1.0, 1.0, 1.0), color, never, False,
        [], [], "", uv, [], text, "", mesh, False,
    )  # fmt: skip
    return T["visualization_msgs/msg/MarkerArray"]([single])


def int16_audio(samples: np.ndarray) -> Any:
    layout = T["std_msgs/msg/MultiArrayLayout"]([], 0)
    return T["std_msgs/msg/Int16MultiArray"](layout, np.asarray(samples, np.int16))


AUDIO = (
    *("Int16MultiArray", "Float32MultiArray", "UInt8MultiArray"),
    *("AudioData", "AudioDataStamped", "Audio", "AudioStamped", "AudioBuffer"),
)
"""Every audio message of the field, by the last part of its name."""


def audio_message(kind: str, samples: np.ndarray, stamp: float = 0.0, rate: int = 16000) -> Any:
    """An audio message; int16 samples of shape [N] or [N, channels], first sample at `stamp` from EPOCH."""
    frames = samples.reshape(len(samples), -1)
    count, channels = frames.shape
    flat = np.ascontiguousarray(frames, np.int16).ravel()
    head = header(stamp)
    if kind.endswith("MultiArray"):
        dimension = T["std_msgs/msg/MultiArrayDimension"]
        sizes = [dimension("samples", count, count * channels), dimension("channels", channels, channels)]
        data = {"Int": flat, "Flo": (flat / 32768).astype(np.float32), "UIn": flat.view(np.uint8)}[kind[:3]]
        return T[f"std_msgs/msg/{kind}"](T["std_msgs/msg/MultiArrayLayout"](sizes, 0), data)
    if kind == "AudioBuffer":
        places = np.arange(1, channels + 1, dtype=np.uint8)
        return DRIVERS.types["naoqi_bridge_msgs/msg/AudioBuffer"](head, rate, places, flat)
    family = TYPED if kind in ("Audio", "AudioStamped") else DRIVERS
    make = {name.rpartition("/")[2]: cls for name, cls in family.types.items() if name.startswith("audio_common_msgs")}
    if family is TYPED:
        none = [np.zeros(0, t) for t in (np.float32, np.int32, np.int8, np.uint8)]
        inner = make["Audio"](
            make["AudioData"](none[0], none[1], flat, none[2], none[3]), make["AudioInfo"](8, channels, rate, count)
        )
        return make["AudioStamped"](head, inner) if kind == "AudioStamped" else inner
    plain = make["AudioData"](flat.view(np.uint8))
    return make["AudioDataStamped"](head, plain) if kind == "AudioDataStamped" else plain


def audio_info(rate: int = 16000, channels: int = 1, coding: str = "wave") -> Any:
    """ros-drivers' AudioInfo."""
    return DRIVERS.types["audio_common_msgs/msg/AudioInfo"](channels, rate, "S16LE", 16 * rate * channels, coding)


class BagWriter:
    """A context manager; `write(topic, message, received)` with `received` in seconds from EPOCH.

    Args:
        path: bag folder to make.
        plugin: storage.
        compress: zstd, in chunks (MCAP) or whole messages (sqlite3).
        definitions: whether the bag carries the message definitions.
    """

    def __init__(
        self,
        path: Path,
        plugin: StoragePlugin = StoragePlugin.MCAP,
        compress: bool = False,
        definitions: bool = True,
    ) -> None:
        self._writer = Writer(path, version=9, storage_plugin=plugin)
        if compress:
            mode = CompressionMode.STORAGE if plugin is StoragePlugin.MCAP else CompressionMode.MESSAGE
            self._writer.set_compression(mode, CompressionFormat.ZSTD)
        self._topics: dict[str, Any] = {}
        self._definitions = definitions

    def __enter__(self) -> BagWriter:
        self._writer.open()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, tb: TracebackType | None) -> None:
        self._writer.close()

    def write(self, topic: str, message: Any, received: float) -> None:
        kind = message.__msgtype__
        store = next(s for s in (STORE, DRIVERS, TYPED) if s.types.get(kind) is type(message))
        if topic not in self._topics:
            given = {"typestore": store} if self._definitions else {"msgdef": "", "rihs01": store.hash_rihs01(kind)}
            self._topics[topic] = self._writer.add_connection(topic, kind, **given)
        data = store.serialize_cdr(message, kind)
        self._writer.write(self._topics[topic], int(EPOCH) * 10**9 + round(received * 1e9), data)
