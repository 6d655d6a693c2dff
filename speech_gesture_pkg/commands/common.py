"""What several verbs share: options, output checks, printing."""

from __future__ import annotations

import argparse
import json
import os
import sys
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any, TypeVar

from speech_gesture_pkg.assembly import robot_urdf
from speech_gesture_pkg.config import GestureConfig, load_yaml
from speech_gesture_pkg.errors import ConfigError, MissingDependencyError, OutputError
from speech_gesture_pkg.resources import ROBOTS

T = TypeVar("T")


def add_robot(parser: argparse.ArgumentParser) -> None:
    """--robot NAME / --urdf FILE."""
    which = parser.add_mutually_exclusive_group()
    which.add_argument("--robot", default="demo", help=f"a bundled robot: {', '.join(ROBOTS)} (default: %(default)s)")
    which.add_argument("--urdf", help="URDF file of your robot")


def urdf_of(options: argparse.Namespace) -> Path:
    """The URDF that was asked for."""
    return Path(options.urdf) if options.urdf else robot_urdf(options.robot)


def add_motion(parser: argparse.ArgumentParser) -> None:
    """Generator, style and parameters."""
    parser.add_argument("--generator", default="prosody", help="which generator (default: %(default)s)")
    parser.add_argument("--seed", type=int, default=0, help="seed of every random choice")
    parser.add_argument("--config", help="YAML parameter file (see config/gesture.yaml)")
    parser.add_argument(
        "--set", action="append", default=[], metavar="NAME=VALUE", help="one parameter, e.g. --set style.amplitude=1.5"
    )


def config_of(options: argparse.Namespace, **more: Any) -> GestureConfig:
    """Parameters from --config, --generator, --seed and --set, in that order of precedence, lowest first."""
    import yaml

    values = load_yaml(options.config) if options.config else {}
    values = {k: v for k, v in values.items() if not (k.startswith("controllers.") and k.endswith(".joints"))}
    values |= {"generator.name": options.generator, "generator.seed": options.seed, **more}
    for pair in options.set:
        name, equals, value = pair.partition("=")
        if not equals:
            raise ConfigError(f"--set {pair!r} is malformed; it must look like --set style.amplitude=1.5")
        values[name.strip()] = yaml.safe_load(value)
    return GestureConfig().with_values(values)


def writable_file(path: str | Path) -> Path:
    """`path`, if a file can be written there. Raises OutputError in time, before long work."""
    path = Path(path)
    if path.is_dir():
        raise OutputError(f"cannot write {path}: it is a folder; give a file name")
    writable_folder(path.parent if str(path.parent) else Path("."))
    return path


def writable_folder(path: str | Path) -> Path:
    """`path` as a folder that exists and can be written. Raises OutputError."""
    path = Path(path)
    try:
        path.mkdir(parents=True, exist_ok=True)
        probe = path / f".write_test_{os.getpid()}"
        probe.touch()
        probe.unlink()
    except OSError as e:
        raise OutputError(f"cannot write to {path}: {e.strerror or e}") from e
    return path


def progress(items: Iterable[T], label: str, total: int | None = None) -> Iterable[T]:
    """A progress bar on the terminal; nothing where standard error is no terminal."""
    from tqdm import tqdm

    return tqdm(items, desc=label, total=total, disable=not sys.stderr.isatty(), leave=False)


def report(options: argparse.Namespace, result: Mapping[str, Any], text: str) -> None:
    """Print `result` as JSON if --json was given, else `text`."""
    print(json.dumps(result, indent=2, default=str) if options.json else text)


def need_ros() -> None:
    """Raise MissingDependencyError with what to install if rclpy is not there."""
    try:
        import rclpy  # noqa: F401
    except ImportError as e:
        raise MissingDependencyError(
            "this needs ROS 2: source your distribution's setup file, or on Linux x86-64 "
            "pip install 'speech_gesture_pkg[ros]'"
        ) from e
