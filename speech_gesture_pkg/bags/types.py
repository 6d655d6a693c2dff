"""Message definitions for reading bags: those that the bag carries, else the standard ones, else audio packages'.

Bags of ROS distributions before Iron, and sqlite3 bags of some tools, carry no definitions. What is neither in the bag
nor standard is known for the audio types of the field only.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from functools import lru_cache
from typing import Any

from rosbags.interfaces import Connection, MessageDefinitionFormat
from rosbags.typesys import Stores, TypesysError, get_types_from_idl, get_types_from_msg, get_typestore

ROS_DRIVERS = {
    "audio_common_msgs/msg/AudioData": "uint8[] data",
    "audio_common_msgs/msg/AudioDataStamped": "std_msgs/Header header\naudio_common_msgs/AudioData audio",
    "audio_common_msgs/msg/AudioInfo": "\n".join(
        ("uint8 channels", "uint32 sample_rate", "string sample_format", "uint32 bitrate", "string coding_format")
    ),
}
"""ros-drivers/audio_common."""

MGONZS13 = {
    "audio_common_msgs/msg/AudioData": "\n".join(
        f"{kind}[] {kind}_data" for kind in ("float32", "int32", "int16", "int8", "uint8")
    ),
    "audio_common_msgs/msg/AudioInfo": "\n".join(f"int32 {name}" for name in ("format", "channels", "rate", "chunk")),
    "audio_common_msgs/msg/Audio": "audio_common_msgs/AudioData audio_data\naudio_common_msgs/AudioInfo info",
    "audio_common_msgs/msg/AudioStamped": "std_msgs/Header header\naudio_common_msgs/Audio audio",
}
"""mgonzs13/audio_common; the package has the same name."""

NAOQI = {
    "naoqi_bridge_msgs/msg/AudioBuffer": "\n".join(
        ("std_msgs/Header header", "uint16 frequency", "uint8[] channel_map", "int16[] data")
    )
}

_NAME = re.compile(r"[A-Za-z][A-Za-z0-9_]*", re.ASCII)
_TYPE = re.compile(rf"{_NAME.pattern}(/{_NAME.pattern})+", re.ASCII)


def definitions_for(types: Iterable[str]) -> dict[str, str]:
    """Definitions of audio packages for a bag with these types, which show whose `audio_common_msgs` it is."""
    typed = {"audio_common_msgs/msg/Audio", "audio_common_msgs/msg/AudioStamped"}
    return (MGONZS13 if typed & set(types) else ROS_DRIVERS) | NAOQI


def type_store(connections: Iterable[Connection]) -> Any:
    """A rosbags type store that reads these connections as far as their types are known. It must not be changed."""
    return _store(tuple(sorted({(c.msgtype, c.msgdef.format.name, c.msgdef.data) for c in connections})))


@lru_cache(maxsize=8)  # the bags of a folder have the same types, and compiling them takes longer than reading a bag
def _store(definitions: tuple[tuple[str, str, str], ...]) -> Any:
    store = get_typestore(Stores.ROS2_KILTED)
    parsers = {
        MessageDefinitionFormat.MSG.name: lambda text, name: get_types_from_msg(text, name),
        MessageDefinitionFormat.IDL.name: lambda text, _: get_types_from_idl(text),
    }
    standard = dict(store.fielddefs)
    for kind, form, text in definitions:
        if form in parsers and text.strip():
            try:
                _take(store, parsers[form](text, kind), standard)
            except (TypesysError, SyntaxError):  # cannot be parsed: the standard one, or none, has to do
                continue
    for name, text in definitions_for(kind for kind, _, _ in definitions).items():
        if name not in store.fielddefs:
            store.register(get_types_from_msg(text, name))
    return store


def _take(store: Any, found: dict[str, Any], standard: dict[str, Any]) -> None:
    """Register definitions; a bag's own replaces one of another release of ROS, unless it is damaged: lacks fields that
    the standard one has, or holds names that are none (rosbags makes program code of names).
    """
    for name, definition in found.items():
        if not (_named(name, definition) and _fields(standard.get(name, definition)) <= _fields(definition)):
            continue
        try:
            store.register({name: definition})
        except TypesysError:
            del store.fielddefs[name], store.types[name]
            store.cache.pop(name, None)
            store.register({name: definition})


def _named(name: str, definition: Any) -> bool:
    constants, fields = definition
    return bool(_TYPE.fullmatch(name)) and all(_NAME.fullmatch(n) for n, *_ in (*constants, *fields))


def _fields(definition: Any) -> set[str]:
    _, fields = definition
    return {name for name, _ in fields}
