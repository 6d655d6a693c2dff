"""Generators by name."""

from __future__ import annotations

import importlib
from dataclasses import dataclass
from typing import Any

from speech_gesture_pkg.config import GeneratorConfig
from speech_gesture_pkg.errors import ConfigError, one_of
from speech_gesture_pkg.generators.base import Generator
from speech_gesture_pkg.generators.model_bundle import model_folder


@dataclass(frozen=True)
class _Kind:
    """Where a generator is to be found.

    Attributes:
        module, cls: of the code, imported on demand: a robot that gestures by rule loads no neural runtime.
        starter: the model that it takes by default, as in models/manifest.yaml; empty = it works by rule: `cls()`. A
            learned one is made by `cls.load(folder, config)`, which raises ModelError for what cannot be used.
    """

    module: str
    cls: str
    starter: str = ""


_KINDS: dict[str, _Kind] = {
    "prosody": _Kind("speech_gesture_pkg.generators.prosody.generator", "ProsodyGenerator"),
    "speechcat": _Kind("speech_gesture_pkg.generators.speechcat.generator", "SpeechCatGenerator", "speechcat_starter"),
    "diffsheg": _Kind("speech_gesture_pkg.generators.diffsheg.generator", "DiffShegGenerator", "diffsheg_starter"),
}

GENERATORS: tuple[str, ...] = tuple(_KINDS)
"""Names that `create_generator` knows."""
LEARNED: tuple[str, ...] = tuple(name for name, kind in _KINDS.items() if kind.starter)
"""Those that run a trained model."""


def create_generator(which: str | GeneratorConfig) -> Generator:
    """A generator, ready for use: a learned one has loaded, checked and once run its networks.

    Args:
        which: a name, or the parameters `generator.*` (of which seed and speaker are not for here, but for `start`).

    Raises:
        ConfigError: the name is unknown (the message lists the known ones), or a model is given to a generator that has
            none.
        ModelError: the model is missing, corrupt or not what it claims to be, or the device is not there.
        MissingDependencyError: no onnxruntime.
    """
    config = GeneratorConfig(name=which) if isinstance(which, str) else which
    if config.name not in _KINDS:
        raise ConfigError(one_of("generator", config.name, GENERATORS))
    kind = _KINDS[config.name]
    if not kind.starter and config.model:
        raise ConfigError(f"generator.model is {config.model!r}, but the generator {config.name} has no model")
    cls: Any = getattr(importlib.import_module(kind.module), kind.cls)
    made: Generator = cls.load(model_folder(config.model or kind.starter), config) if kind.starter else cls()
    return made
