"""Frozen tables of settings from stored or written values, and back; stored with the weights of learned generators."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, fields
from typing import Any, TypeVar

from speech_gesture_pkg.errors import ConfigError, one_of

T = TypeVar("T")


def from_values(cls: type[T], what: str, values: Mapping[str, Any]) -> T:
    """An instance of a dataclass of plain values with defaults.

    Args:
        cls: the dataclass.
        what: whose settings they are, for messages.
        values: by name; tuples may come as lists, floats as ints.

    Raises:
        ConfigError: unknown names, wrong types, or what the class itself refuses.
    """
    known: dict[str, Any] = {f.name: f.default for f in fields(cls)}  # type: ignore[arg-type]
    made: dict[str, Any] = {}
    for name, value in values.items():
        if name not in known:
            raise ConfigError(one_of(f"{what} setting", name, tuple(known)))
        default = known[name]
        if isinstance(default, tuple) and isinstance(value, (list, tuple)):
            made[name] = tuple(str(v) for v in value)
        elif isinstance(default, float) and isinstance(value, (int, float)) and not isinstance(value, bool):
            made[name] = float(value)
        elif type(value) is type(default):
            made[name] = value
        else:
            raise ConfigError(f"{what} {name} is {value!r}; it must be a {type(default).__name__}")
    return cls(**made)


def to_values(settings: Any) -> dict[str, Any]:
    """Plain values for JSON and YAML."""
    return {k: list(v) if isinstance(v, tuple) else v for k, v in asdict(settings).items()}
