"""Checkpoints of learned generators: safetensors with configuration, speech channels and facts inside. Needs torch."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, TypeVar

from speech_gesture_pkg.errors import ConfigError, ModelError
from speech_gesture_pkg.outside_text import one_line

M = TypeVar("M")


def write_checkpoint(model: Any, path: str | Path, form: str, facts: Mapping[str, Any]) -> None:
    """Write the state of a network with `config` and `channels`; the file appears whole or not at all.

    Args:
        model: network.
        path: file.
        form: name of the format.
        facts: corpus, metrics, stage.
    """
    from safetensors.torch import save_file

    tensors = {k: v.contiguous() for k, v in model.state_dict().items()}
    metadata = {
        "format": form,
        "config": json.dumps(model.config.to_dict(), sort_keys=True),
        "channels": str(model.channels),
        "facts": json.dumps(facts, sort_keys=True),
    }
    partial = Path(path).with_suffix(".partial")
    save_file(tensors, partial, metadata)
    partial.replace(path)


def read_checkpoint(
    path: str | Path, form: str, make: Callable[[Mapping[str, Any], int], M]
) -> tuple[M, dict[str, Any]]:
    """The network of a checkpoint, and its facts.

    Args:
        path: file.
        form: the format that it must have.
        make: configuration and channels -> network.

    Raises:
        ModelError: no such file, corrupt, another format, or a configuration that does not fit the weights.
    """
    from safetensors import SafetensorError, safe_open

    if not Path(path).is_file():
        raise ModelError(f"checkpoint {path} does not exist")
    try:
        with safe_open(path, "pt") as file:
            metadata = file.metadata() or {}
            tensors = {k: file.get_tensor(k) for k in file.keys()}  # noqa: SIM118 - not a mapping
    except (SafetensorError, OSError, ValueError, OverflowError) as e:
        raise ModelError(f"checkpoint {path} is corrupt or not a safetensors file: {one_line(e)}") from e
    if metadata.get("format") != form:
        raise ModelError(f"checkpoint {path} has format {metadata.get('format')!r}; {form!r} is expected")
    try:
        model: Any = make(json.loads(metadata["config"]), int(metadata["channels"]))
        model.load_state_dict(tensors)
        facts = json.loads(metadata["facts"])
    except (LookupError, ValueError, TypeError, AttributeError, OverflowError, RecursionError, ConfigError) as e:
        raise ModelError(f"checkpoint {path} cannot be used: {one_line(e)}") from e
    except (RuntimeError, MemoryError) as e:
        raise ModelError(f"checkpoint {path}: the configuration in it does not fit its weights: {_short(e)}") from e
    return model, facts


def _short(e: Exception) -> str:
    lines = [line.strip() for line in str(e).splitlines() if line.strip()]
    return "; ".join(lines[1:3] or lines)[:300]
