"""Generators by name."""

from __future__ import annotations

import importlib
from dataclasses import dataclass
from typing import Any

from speech_gesture_pkg.config import GeneratorConfig, GestureConfig
from speech_gesture_pkg.errors import ConfigError, SpeechGestureError, one_of
from speech_gesture_pkg.generators.base import Generator
from speech_gesture_pkg.generators.model_bundle import model_folder
from speech_gesture_pkg.generators.own import OwnGenerator
from speech_gesture_pkg.plugins import described, is_plugin, load_plugin


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
"""Built-in names; `load_generator` also takes `module:Class`."""
LEARNED: tuple[str, ...] = tuple(name for name, kind in _KINDS.items() if kind.starter)
"""Those that run a trained model."""
_FOR_START = ("seed", "speaker")
"""Parameters `generator.*` of a stream, not of the generator."""


def load_generator(name: str | GeneratorConfig = "prosody", **settings: str | int | float) -> Generator:
    """A generator of motion, ready for use: a learned one has loaded, checked and once run its networks.

        generator = load_generator("speechcat", device="auto")
        state = generator.start(seed=1)
        frames, state = generator.step(AudioChunk(samples), state)

    Args:
        name: a built-in name (prosody, speechcat, diffsheg), a class of your own as `module:Class`
            (docs/extending/generator.md), or all parameters `generator.*`.
        settings: other parameters `generator.*` by their short names: model, device, threads, temperature, top_k,
            top_p. Seed and speaker belong to `Generator.start`.

    Raises:
        ConfigError: an unknown name or setting (the message lists the known ones), a class that is no generator, or a
            model is given to a generator that has none.
        ModelError: the model is missing, corrupt or not what it claims to be, or the device is not there.
        MissingDependencyError: no onnxruntime.
    """
    if wrong := [key for key in settings if key in _FOR_START]:
        raise ConfigError(f"load_generator takes no {wrong[0]!r}; give it to the generator's start()")
    config = name if isinstance(name, GeneratorConfig) else GeneratorConfig(name=name)
    if settings:
        values = {f"generator.{key}": value for key, value in settings.items()}
        config = GestureConfig(generator=config).with_values(values).generator
    if is_plugin(config.name):
        return _own(config)
    if config.name not in _KINDS:
        raise ConfigError(f"{one_of('generator', config.name, GENERATORS)}, or your own as module:Class")
    kind = _KINDS[config.name]
    if not kind.starter and config.model:
        raise ConfigError(_no_model(config))
    cls: Any = getattr(importlib.import_module(kind.module), kind.cls)
    made: Generator = cls.load(model_folder(config.model or kind.starter), config) if kind.starter else cls()
    return made


def takes_model(name: str) -> bool:
    """Whether a generator runs a trained model. Raises ConfigError for a class of one's own that cannot be imported."""
    return hasattr(load_plugin(name, "generator"), "load") if is_plugin(name) else name in LEARNED


def _own(config: GeneratorConfig) -> Generator:
    """A user's own class: `Class.load(folder, config)` where it has that method, else `Class()`."""
    cls = load_plugin(config.name, "generator")
    load = getattr(cls, "load", None)
    if not callable(cls):
        raise ConfigError(f"generator {config.name!r} is of type {type(cls).__name__}; it must be a class")
    if load is None and config.model:
        raise ConfigError(_no_model(config))
    if load is not None and not config.model:
        raise ConfigError(f"generator {config.name!r} runs a model; set generator.model to the folder of one")
    try:
        made = cls() if load is None else load(model_folder(config.model), config)
    except SpeechGestureError:
        raise
    except Exception as e:  # code of somebody else
        raise ConfigError(f"generator {config.name!r} cannot be made ({described(e, config.name)})") from e
    return OwnGenerator(made, config.name)


def _no_model(config: GeneratorConfig) -> str:
    return f"generator.model is {config.model!r}, but the generator {config.name} has no model"
