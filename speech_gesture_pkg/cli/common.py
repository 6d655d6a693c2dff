"""What several verbs share: options, output checks, printing."""

from __future__ import annotations

import argparse
import json
import os
import platform
import sys
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any, TypeVar

from speech_gesture_pkg.cli.generator_args import add_generator, generator_values
from speech_gesture_pkg.config import NODE_PARAMETERS, GestureConfig, parameters
from speech_gesture_pkg.config_files import controller_joints, load_yaml
from speech_gesture_pkg.errors import ConfigError, MissingDependencyError, OutputError
from speech_gesture_pkg.resources import ROBOTS, robot_file, robot_path
from speech_gesture_pkg.safe_yaml import read_yaml

T = TypeVar("T")


def add_robot(parser: argparse.ArgumentParser) -> None:
    """--robot NAME / --urdf FILE."""
    which = parser.add_mutually_exclusive_group()
    which.add_argument("--robot", default="demo", help=f"one of {', '.join(ROBOTS)} (default: %(default)s)")
    which.add_argument("--urdf", help="URDF file of your robot (or a name, as for --robot)")


def urdf_of(options: argparse.Namespace) -> Path:
    """The URDF that was asked for; a robot's name is taken for --urdf, too."""
    return robot_path(options.urdf) if options.urdf else robot_file(options.robot)


def add_motion(parser: argparse.ArgumentParser) -> None:
    """Generator, style and parameters."""
    add_generator(parser)
    set_options(parser)


def set_options(parser: argparse.ArgumentParser) -> None:
    """--seed, --config, --set."""
    parser.add_argument("--seed", type=int, help="seed of every random choice (default: 0)")
    parser.add_argument("--config", help="YAML parameter file (see config/gesture.yaml)")
    parser.add_argument(
        "--set", action="append", default=[], metavar="NAME=VALUE", help="one parameter, e.g. --set style.amplitude=1.5"
    )


def config_of(options: argparse.Namespace, **more: Any) -> GestureConfig:
    """Parameters from --config, then --generator, --model, --device and --seed, then --set; later ones win.

    Args:
        options: of a verb with `add_motion`.
        more: parameters that the verb has options of its own for; they rank with --generator; None = not given.

    Raises:
        ConfigError: naming the parameter or the file.
    """
    values = load_yaml(options.config) if options.config else {}
    controller_joints(values)
    for name in NODE_PARAMETERS:
        values.pop(name, None)
    own = generator_values(options) | {"generator.seed": options.seed, **more}
    values |= {name: value for name, value in own.items() if value is not None}
    return GestureConfig().with_values(values | set_values(options.set))


def set_values(pairs: Iterable[str]) -> dict[str, Any]:
    """Values of `--set NAME=VALUE` options, read as YAML. Raises ConfigError for a malformed one."""
    import yaml

    values = {}
    for pair in pairs:
        name, equals, text = pair.partition("=")
        try:
            value = read_yaml(text)
        except yaml.YAMLError:
            equals = ""
        if not equals or not name.strip():
            raise ConfigError(f"--set {pair!r} is malformed; it must look like --set style.amplitude=1.5")
        values[name.strip()] = "" if value is None else value
    return values


def changed_values(config: GestureConfig) -> dict[str, Any]:
    """The parameters that differ from their defaults."""
    return {p.name: config.value(p.name) for p in parameters() if config.value(p.name) != p.default}


def writable_file(path: str | Path, *endings: str) -> Path:
    """`path`, if a file of this kind can be written there. Raises OutputError in time, before long work.

    Args:
        path: file to write; its folder is made.
        endings: allowed, e.g. ".npz"; none = any.
    """
    path = Path(path)
    if endings and path.suffix.lower() not in endings:
        raise OutputError(f"cannot write {path}: the name must end in {' or '.join(endings)}")
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


def peak_mb(process: int | str = "self") -> float:
    """Peak resident memory of a process, MB. (getrusage would count the parent's, from before the program began.)"""
    status = Path(f"/proc/{process}/status")
    for line in status.read_text().splitlines() if status.exists() else []:
        if line.startswith("VmHWM"):
            return float(line.split()[1]) / 1024
    return float("nan")


def machine() -> dict[str, Any]:
    """What this was measured on."""
    model = platform.processor()
    for line in Path("/proc/cpuinfo").read_text().splitlines() if Path("/proc/cpuinfo").exists() else []:
        if line.startswith("model name"):
            model = line.split(":", 1)[1].strip()
            break
    return {"cpu": model, "cores": len(os.sched_getaffinity(0)), "python": platform.python_version()}


def head_line(result: dict[str, Any]) -> str:
    """The machine."""
    m = result["machine"]
    return f"{m['cpu']}, {m['cores']} cores, Python {m['python']}"
