"""Which audio message types exist, which are installed, and how to import them by name."""

from __future__ import annotations

from importlib import import_module
from typing import Any

from speech_gesture_pkg.audio.message_shapes import AUDIO_INFO, AUDIO_TYPES
from speech_gesture_pkg.errors import ConfigError, MissingDependencyError, one_of


def split_type(name: str) -> tuple[str, str]:
    """`package/msg/Type` or `package/Type` as (package, type). Raises ConfigError for anything else."""
    parts = [p for p in name.split("/") if p]
    if len(parts) not in (2, 3) or (len(parts) == 3 and parts[1] != "msg"):
        raise ConfigError(f"message type {name!r} is malformed; it must look like std_msgs/msg/Int16MultiArray")
    return parts[0], parts[-1]


def import_message(name: str) -> Any:
    """The Python class of a message type, e.g. `sensor_msgs/msg/JointState`.

    Raises MissingDependencyError naming the package where it, or that type in it, is not installed.
    """
    package, kind = split_type(name)
    try:
        module = import_module(f"{package}.msg")
    except ImportError as e:
        raise MissingDependencyError(
            f"message type {name} needs the ROS package {package}, which is not installed or not sourced here"
        ) from e
    if not hasattr(module, kind):
        raise MissingDependencyError(
            f"the installed ROS package {package} has no message {kind} (it has: "
            f"{', '.join(sorted(n for n in dir(module) if n[0].isupper()))})"
        )
    return getattr(module, kind)


def message_class(name: str) -> Any:
    """The class of an audio message type. Raises ConfigError for a name outside `AUDIO_TYPES`."""
    package, kind = split_type(name)
    full = f"{package}/msg/{kind}"
    if full not in AUDIO_TYPES:
        raise ConfigError(one_of("audio message type", name, AUDIO_TYPES))
    return import_message(full)


def fields_of(message: Any) -> dict[str, str]:
    """Field names of a message class with their IDL types, e.g. `{"data": "sequence<int16>"}`."""
    return dict(message.get_fields_and_field_types())


def audio_info_class() -> Any | None:
    """ros-drivers' `AudioInfo` (it has `coding_format`); None if it is not installed or is mgonzs13's."""
    try:
        message = import_message(AUDIO_INFO)
    except MissingDependencyError:
        return None
    return message if "coding_format" in fields_of(message) else None
