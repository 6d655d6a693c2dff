"""Where the package's own files are (models, config, launch, rviz), however it was installed."""

from __future__ import annotations

import os
import sys
from importlib.metadata import PackageNotFoundError, distribution
from pathlib import Path

from speech_gesture_pkg.errors import ConfigError, InputError, MissingDependencyError

_PACKAGE = "speech_gesture_pkg"


def share_folders() -> list[Path]:
    """Candidates, best first: the checkout, the ament index, the Python environment's share folder."""
    checkout = Path(__file__).resolve().parent.parent
    ament = [Path(p) / "share" / _PACKAGE for p in os.environ.get("AMENT_PREFIX_PATH", "").split(os.pathsep) if p]
    # colcon installs to <prefix>/lib/pythonX.Y/site-packages beside <prefix>/share
    beside = [parent / "share" / _PACKAGE for parent in checkout.parents[:3]]
    return [checkout, *ament, *beside, Path(sys.prefix) / "share" / _PACKAGE]


def resource(relative: str) -> Path:
    """Path of a file or folder that ships with the package, e.g. `models/robots/demo_humanoid/demo_humanoid.urdf`.

    Raises InputError naming the file if the installation lacks it.
    """
    for folder in share_folders():
        if (folder / relative).exists():
            return folder / relative
    raise InputError(f"{relative} is missing from this installation of {_PACKAGE}; reinstall the package")


_EXAMPLES = "cmeel.prefix/share/example-robot-data/robots"
_PIP = {
    "example-robot-data": "example-robot-data",
    "qibullet": "--no-deps qibullet",
    "reachy-mini": "--no-deps reachy-mini",
}
"""Python packages that carry robots -> what to give to pip install: of some only the files are wanted."""

# Name -> (Python package, file in it); no package = ours.
_FILES = {
    "demo": ("", "models/robots/demo_humanoid/demo_humanoid.urdf"),
    "g1": ("example-robot-data", f"{_EXAMPLES}/g1_description/urdf/g1_29dof_with_hand_rev_1_0.urdf"),
    "talos": ("example-robot-data", f"{_EXAMPLES}/talos_data/robots/talos_full_v2.urdf"),
    "pepper": ("qibullet", "qibullet/robot_data/pepper.urdf"),
    "nao": ("qibullet", "qibullet/robot_data/nao.urdf"),
    "reachy_mini": ("reachy-mini", "reachy_mini/descriptions/reachy_mini/urdf/robot.urdf"),
    "icub": ("example-robot-data", f"{_EXAMPLES}/icub_description/robots/icub.urdf"),
    "romeo": ("example-robot-data", f"{_EXAMPLES}/romeo_description/urdf/romeo.urdf"),
    "tiago": ("example-robot-data", f"{_EXAMPLES}/tiago_description/robots/tiago_dual.urdf"),
    "tiago_pro": ("example-robot-data", f"{_EXAMPLES}/tiago_pro_description/robots/tiago_pro.urdf"),
    "baxter": ("example-robot-data", f"{_EXAMPLES}/baxter_description/urdf/baxter.urdf"),
    "pr2": ("example-robot-data", f"{_EXAMPLES}/pr2_description/urdf/pr2.urdf"),
}
ROBOTS = tuple(_FILES)
"""Robots that can be asked for by name."""


def robot_file(name: str) -> Path:
    """URDF of a robot of `ROBOTS`.

    Raises:
        ConfigError: an unknown name; lists the names.
        MissingDependencyError: naming the Python package that brings the robot, if it is not installed.
    """
    if name not in _FILES:
        raise ConfigError(f"robot {name!r} is unknown; it must be one of: {', '.join(ROBOTS)}, or give --urdf FILE")
    package, file = _FILES[name]
    if not package:
        return resource(file)
    try:
        path = Path(str(distribution(package).locate_file(file)))
        if path.is_file():
            return path
        state = f"{package} is installed but has no file {file}; pip install --upgrade"
    except PackageNotFoundError:
        state = f"{package} is not installed; pip install"
    raise MissingDependencyError(f"robot {name!r} comes with the Python package {package}: {state} {_PIP[package]}")


def robot_path(name: str) -> Path:
    """A robot's name or URDF file as a file. Raises ConfigError for a word that is neither, and for a YAML file."""
    if name.lower().endswith((".yaml", ".yml")):
        raise ConfigError(
            f"{name} is a YAML file, not a URDF; a robot's map file is named beside its URDF: "
            f"`robot check URDF --map {name}`, or the parameter robot.map_file"
        )
    looks_like_file = "/" in name or "\\" in name or name.lower().endswith((".urdf", ".xml"))
    return Path(name) if name not in ROBOTS and (looks_like_file or Path(name).exists()) else robot_file(name)


DEMO_AUDIO = "models/audio/demo_speech.wav"
