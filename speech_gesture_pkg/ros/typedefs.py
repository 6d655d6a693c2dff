"""Message definitions for bags: standard ones from rosbags, others from the .msg files of the sourced ROS."""

from __future__ import annotations

import os
import re
from pathlib import Path

from rosbags.typesys import Stores, get_types_from_msg, get_typestore

from speech_gesture_pkg.errors import MissingDependencyError
from speech_gesture_pkg.ros.messages.audio_types import split_type

_FIELD = re.compile(r"^\s*([A-Za-z]\w*(?:/\w+)?)(?:<=\d+)?(?:\[[^\]]*\])?\s+\w+", re.MULTILINE)


class TypeDefinitions:
    """Definitions and hashes by type name; foreign types are read once, with what they contain."""

    def __init__(self) -> None:
        self._store = get_typestore(Stores.ROS2_KILTED)

    def definition(self, name: str) -> tuple[str, str]:
        """Full text definition and RIHS01 hash of a type. Raises MissingDependencyError if it is nowhere."""
        self._learn(name)
        text, _ = self._store.generate_msgdef(name, ros_version=2)
        return text, self._store.hash_rihs01(name)

    def _learn(self, name: str) -> None:
        if name in self._store.fielddefs:
            return
        package, kind = split_type(name)
        text = _message_file(package, kind).read_text(encoding="utf-8")
        for match in _FIELD.finditer(text):
            inner = match.group(1)
            if inner == "Header":
                inner = "std_msgs/Header"
            if inner[0].isupper():
                inner = f"{package}/{inner}"
            if "/" in inner:
                inner_package, inner_kind = split_type(inner)
                self._learn(f"{inner_package}/msg/{inner_kind}")
        self._store.register(get_types_from_msg(text, name))


def _message_file(package: str, kind: str) -> Path:
    for prefix in os.environ.get("AMENT_PREFIX_PATH", "").split(os.pathsep):
        path = Path(prefix) / "share" / package / "msg" / f"{kind}.msg"
        if prefix and path.is_file():
            return path
    raise MissingDependencyError(
        f"the definition of {package}/msg/{kind} is not installed: AMENT_PREFIX_PATH has no "
        f"share/{package}/msg/{kind}.msg"
    )
