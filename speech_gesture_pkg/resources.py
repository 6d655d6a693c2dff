"""Where the package's own files are (models, config, launch, rviz), however it was installed."""

from __future__ import annotations

import os
import sys
from pathlib import Path

from speech_gesture_pkg.errors import InputError

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


ROBOTS = {"demo": "models/robots/demo_humanoid/demo_humanoid.urdf"}
"""Robots that can be asked for by name."""

DEMO_AUDIO = "models/audio/demo_speech.wav"
