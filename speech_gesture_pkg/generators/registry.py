"""Generators by name."""

from __future__ import annotations

import importlib

from speech_gesture_pkg.errors import ConfigError, one_of
from speech_gesture_pkg.generators.base import Generator

# imported on demand: a robot that gestures by rule loads no neural runtime
_CLASSES: dict[str, tuple[str, str]] = {
    "prosody": ("speech_gesture_pkg.generators.prosody.generator", "ProsodyGenerator"),
}

GENERATORS: tuple[str, ...] = tuple(_CLASSES)
"""Names that `create_generator` knows."""


def create_generator(name: str) -> Generator:
    """A generator by name.

    Raises:
        ConfigError: the name is unknown; the message lists the known ones.
    """
    if name not in _CLASSES:
        raise ConfigError(one_of("generator", name, GENERATORS))
    module, cls = _CLASSES[name]
    generator: Generator = getattr(importlib.import_module(module), cls)()
    return generator
