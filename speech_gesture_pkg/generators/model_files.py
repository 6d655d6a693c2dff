"""Where the model of a learned generator lies: a folder, or a name in models/manifest.yaml."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import yaml

from speech_gesture_pkg.errors import ModelError
from speech_gesture_pkg.generators.checked_files import verify
from speech_gesture_pkg.resources import resource
from speech_gesture_pkg.safe_yaml import read_yaml

MODELS = "models"
MANIFEST = "manifest.yaml"


def model_folder(model: str) -> Path:
    """The folder of a model.

    Args:
        model: a folder, or a name: a folder of `models/` whose files the manifest lists with their sha256.

    Raises:
        ModelError: there is no such folder or name (lists the names), or a file differs from the manifest.
    """
    folder = Path(model).expanduser()
    if folder.is_dir():
        return folder
    if os.sep in model or "/" in model or folder.suffix:
        raise ModelError(f"model folder {model} does not exist" if not folder.exists() else f"{model} is no folder")
    return _listed(model, resource(f"{MODELS}/{MANIFEST}"))


def _listed(name: str, manifest: Path) -> Path:
    entries = read_manifest(manifest)
    folder = manifest.parent / name
    files = {key: entry for key, entry in entries.items() if key.startswith(f"{name}/")}
    if not files:
        known = sorted({key.partition("/")[0] for key in entries if "/" in key})
        raise ModelError(
            f"model {name!r} is neither a folder nor in {MODELS}/{MANIFEST}, which has: {', '.join(known) or 'none'}"
        )
    for key, entry in files.items():
        if ".." in Path(key).parts:
            raise ModelError(f"{manifest} lists {key}; it must lie in {folder}")
        verify(manifest.parent / key, entry.get("sha256"))
    return folder


def read_manifest(path: Path) -> dict[str, dict[str, Any]]:
    """File (relative to the manifest) -> what it says of it. Raises ModelError if it cannot be read."""
    try:
        entries = read_yaml(path.read_text(encoding="utf-8")) or {}
    except (OSError, UnicodeDecodeError, yaml.YAMLError) as e:
        raise ModelError(f"model list {path} cannot be read: {str(e).splitlines()[0]}") from e
    if not isinstance(entries, dict) or not all(isinstance(e, dict) for e in entries.values()):
        raise ModelError(f"model list {path} must map each file to a table with its sha256")
    return {str(k): v for k, v in entries.items()}
