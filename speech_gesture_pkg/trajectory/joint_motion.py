"""RobotTrajectory: sampled joint motion of a robot, in SI units."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np

from speech_gesture_pkg.errors import InputError, OutputError
from speech_gesture_pkg.motion.bounded_npz import read_npz

_KEYS = ("joint_names", "time", "position", "velocity", "acceleration", "fps")


@dataclass(frozen=True)
class RobotTrajectory:
    """Joint motion on increasing times.

    Attributes:
        joint_names: J joint names as in the URDF.
        time: seconds, strictly increasing. Shape [T].
        position: rad (revolute) or m (prismatic). Shape [T, J].
        velocity: rad/s or m/s. Shape [T, J].
        acceleration: rad/s^2 or m/s^2. Shape [T, J].
        fps: nominal samples per second (1 / median step).
    """

    joint_names: tuple[str, ...]
    time: np.ndarray
    position: np.ndarray
    velocity: np.ndarray
    acceleration: np.ndarray
    fps: float

    def __post_init__(self) -> None:
        shape = (len(self.time), len(self.joint_names))
        for key in ("position", "velocity", "acceleration"):
            got = getattr(self, key).shape
            if got != shape:
                raise InputError(f"RobotTrajectory.{key} has shape {got}; it must be [T, J] = {shape}")

    def select(self, names: tuple[str, ...]) -> RobotTrajectory:
        """The same motion for `names` only, in that order (names must be present)."""
        index = [self.joint_names.index(n) for n in names]
        return RobotTrajectory(
            tuple(names),
            self.time,
            self.position[:, index],
            self.velocity[:, index],
            self.acceleration[:, index],
            self.fps,
        )

    def save(self, path: str | Path) -> None:
        """Write as npz with keys joint_names, time, position, velocity, acceleration, fps."""
        try:
            np.savez_compressed(
                path,
                joint_names=np.array(self.joint_names),
                time=self.time,
                position=self.position,
                velocity=self.velocity,
                acceleration=self.acceleration,
                fps=self.fps,
            )
        except OSError as e:
            raise OutputError(f"cannot write trajectory {path}: {e.strerror or e}") from e

    @staticmethod
    def load(path: str | Path) -> RobotTrajectory:
        """Read the npz written by `save`. Raises InputError naming the file and the missing key."""
        if not Path(path).is_file():
            raise InputError(f"trajectory file {path} does not exist")
        data = read_npz(path)
        missing = [k for k in _KEYS if k not in data]
        if missing:
            raise InputError(f"{path} is not a trajectory npz: it lacks {', '.join(missing)}")
        try:
            return RobotTrajectory(
                tuple(str(n) for n in data["joint_names"].reshape(-1)),
                data["time"],
                data["position"],
                data["velocity"],
                data["acceleration"],
                float(data["fps"]),
            )
        except (TypeError, ValueError) as e:
            raise InputError(f"{path} is not a trajectory npz: {e}") from e
