"""Putting the parts together: parameters and URDF to a pipeline. One place for the node, the demo, bench and tests."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import yaml

from speech_gesture_pkg.config import GROUPS, GestureConfig
from speech_gesture_pkg.errors import ConfigError
from speech_gesture_pkg.generators.base import Generator
from speech_gesture_pkg.generators.registry import create_generator
from speech_gesture_pkg.pipeline import Pipeline
from speech_gesture_pkg.resources import ROBOTS, resource
from speech_gesture_pkg.retarget.mapping import RobotMap, map_robot
from speech_gesture_pkg.retarget.retargeter import Retargeter, RetargetSettings
from speech_gesture_pkg.retarget.robot import RobotModel
from speech_gesture_pkg.trajectory.layout import JointLayout, default_controllers, make_layout


@dataclass(frozen=True)
class Robot:
    """A robot that is ready to be commanded, and the generator for it.

    Attributes:
        model: joints and limits.
        map: which joint does what.
        retargeter: SMPL-X to joints.
        generator: speech to SMPL-X.
    """

    model: RobotModel
    map: RobotMap
    retargeter: Retargeter
    generator: Generator

    @property
    def warnings(self) -> tuple[str, ...]:
        """Sentences about the robot that its owner should read."""
        return tuple(self.map.warnings)

    @property
    def summary(self) -> str:
        """One line: what of the robot moves."""
        groups = ", ".join(f"{name} {len(joints)}" for name, joints in self.map.groups.items() if joints)
        return f"robot {self.model.name}: {groups}; generator {self.generator.name}"


def robot_urdf(name: str) -> Path:
    """URDF of a bundled robot. Raises ConfigError listing the names."""
    if name not in ROBOTS:
        raise ConfigError(f"robot {name!r} is unknown; it must be one of: {', '.join(ROBOTS)}, or give --urdf FILE")
    return resource(ROBOTS[name])


def load_robot(config: GestureConfig, description: str = "") -> Robot:
    """Read and map the robot.

    Args:
        config: `robot.urdf` is used unless `description` is given.
        description: URDF text (from the robot_description topic).

    Raises:
        RobotError: a URDF that cannot be served.
        ConfigError: unknown generator, or a map file that cannot be used.
    """
    generator = create_generator(config.generator.name)
    generator.start(seed=config.generator.seed, speaker=config.generator.speaker or None)
    if description:
        model = RobotModel.from_string(description, "robot_description")
    else:
        model = RobotModel.from_file(config.robot.urdf)
    mapping = map_robot(model, _override(config.robot.map_file), strict=config.robot.strict)
    return Robot(model, mapping, Retargeter(model, mapping, _settings(config, generator)), generator)


def _settings(config: GestureConfig, generator: Generator) -> RetargetSettings:
    """The retargeter keeps the same limits as the composer, so that the composer rarely has to hold back."""
    safety = config.safety
    acceleration = {group: getattr(safety, f"acceleration_{group}") for group in GROUPS}
    return RetargetSettings(
        fps=generator.fps,
        velocity_scale=safety.velocity_scale,
        max_acceleration=acceleration,
        position_margin=safety.position_margin,
        collision=safety.self_collision,
    )


def layout_of(robot: Robot, controllers: Mapping[str, tuple[str, ...]], config: GestureConfig) -> JointLayout:
    """The commanded joints; `controllers` may be empty for simulation (one per group then)."""
    parts = dict(controllers) or default_controllers(robot.map.groups)
    return make_layout(
        robot.model,
        robot.map.groups,
        robot.retargeter.joint_names,
        robot.retargeter.rest,
        parts,
        config.safety,
        config.robot.strict,
    )


def make_pipeline(
    config: GestureConfig,
    robot: Robot,
    controllers: Mapping[str, tuple[str, ...]],
    steady: Callable[[], float] = time.perf_counter,
) -> Pipeline:
    """A pipeline for these controllers (empty: one per group). Raises RobotError if joints do not fit."""
    layout = layout_of(robot, controllers, config)
    return Pipeline(config, robot.generator, robot.retargeter, layout, _distance(robot, layout), steady)


def _distance(robot: Robot, layout: JointLayout) -> Callable[[np.ndarray], np.ndarray]:
    """Capsule distance of commanded joints `[N, J]`; mapped joints that no controller moves count as resting."""
    collision, rest = robot.retargeter.collision, robot.retargeter.rest
    mapped = layout.source >= 0
    columns = layout.source[mapped]

    def distance(q: np.ndarray) -> np.ndarray:
        full = np.repeat(rest[None], len(q), 0)
        full[:, columns] = q[:, mapped]
        return collision.distance(full)

    return distance


def _override(path: str) -> dict[str, Any] | None:
    if not path:
        return None
    try:
        with open(path, encoding="utf-8") as file:
            tree = yaml.safe_load(file)
    except FileNotFoundError as e:
        raise ConfigError(f"robot.map_file {path} does not exist") from e
    except (OSError, UnicodeDecodeError, yaml.YAMLError) as e:
        raise ConfigError(f"robot.map_file {path} cannot be read as YAML: {str(e).splitlines()[0]}") from e
    if not isinstance(tree, dict):
        raise ConfigError(f"robot.map_file {path} holds no mapping; `speech-gesture robot check` writes a right one")
    return tree
