"""Parameter files: YAML of ROS 2 or plain, as flat `group.field` values."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from typing import Any

from speech_gesture_pkg.config import NODE, NODE_PARAMETERS, is_foreign, parameters
from speech_gesture_pkg.errors import ConfigError

_log = logging.getLogger(__name__)


def flatten(tree: Mapping[str, Any], prefix: str = "") -> dict[str, Any]:
    """Nested YAML mapping to `group.field` names."""
    flat: dict[str, Any] = {}
    for key, value in tree.items():
        if isinstance(value, Mapping):
            flat.update(flatten(value, f"{prefix}{key}."))
        else:
            flat[f"{prefix}{key}"] = value
    return flat


def controller_joints(flat: dict[str, Any]) -> dict[str, tuple[str, ...]]:
    """Take the `controllers.<name>.joints` entries out of `flat`."""
    found = {}
    for name in [n for n in flat if n.startswith("controllers.") and n.endswith(".joints") and n.count(".") >= 2]:
        joints = flat.pop(name)
        if not isinstance(joints, (list, tuple)) or not all(isinstance(j, str) for j in joints):
            raise ConfigError(f"{name} is {joints!r}; it must be a list of joint names")
        found[name[len("controllers.") : -len(".joints")]] = tuple(joints)
    return found


def load_yaml(path: str) -> dict[str, Any]:
    """Flat `group.field` values of a ROS 2 parameter file or of a plain nested YAML file.

    Raises ConfigError naming the file if it is missing, is not YAML or is not a mapping.
    """
    import yaml

    from speech_gesture_pkg.safe_yaml import MOST_CHARACTERS, read_yaml

    try:
        with open(path, encoding="utf-8") as file:
            tree = read_yaml(file.read(MOST_CHARACTERS + 1))
    except FileNotFoundError as e:
        raise ConfigError(f"parameter file {path} does not exist") from e
    except (OSError, UnicodeDecodeError, yaml.YAMLError) as e:
        raise ConfigError(f"parameter file {path} cannot be read as YAML: {str(e).splitlines()[0]}") from e
    if tree is None:
        return {}
    if not isinstance(tree, Mapping):
        raise ConfigError(f"parameter file {path} holds {type(tree).__name__}; it must hold a mapping of parameters")
    merged: dict[str, Any] = {}
    sections = _sections(tree)
    for section in sections or [tree]:
        if not isinstance(section or {}, Mapping):
            kind = type(section).__name__
            raise ConfigError(f"parameter file {path}: ros__parameters holds {kind}; it must hold a mapping")
        merged.update(flatten(section or {}))
    merged.pop("use_sim_time", None)
    known = {p.name for p in parameters()}.union(NODE_PARAMETERS)
    foreign = [n for n in merged if sections and n not in known and is_foreign(n)]
    for name in foreign:
        del merged[name]
    if foreign:
        _log.info("parameter file %s: %s ignored, no parameters of this node", path, ", ".join(foreign))
    return merged


def _sections(tree: Mapping[Any, Any]) -> list[Any]:
    """What `ros__parameters` of a ROS 2 parameter file hold: of the sections for our node or for all; if there are none
    of these (the node has another name), of all."""
    found: list[tuple[str, Any]] = []

    def walk(branch: Mapping[Any, Any], path: str) -> None:
        for key, value in branch.items():
            if key == "ros__parameters":
                found.append((path, value))
            elif isinstance(value, Mapping):  # namespaces may be nested
                walk(value, f"{path}/{key}")

    walk(tree, "")
    found = [(path, value) for path, value in found if path]
    ours = [value for path, value in found if path.rpartition("/")[2] in ("*", "**", NODE)]
    return ours or [value for _, value in found]
