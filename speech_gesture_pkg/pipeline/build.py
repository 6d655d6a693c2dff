"""Putting the parts together: parameters and URDF to a pipeline. One place for the node, the demo, bench and tests."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from speech_gesture_pkg.config import GestureConfig
from speech_gesture_pkg.errors import ConfigError
from speech_gesture_pkg.generators.base import Generator
from speech_gesture_pkg.generators.registry import load_generator
from speech_gesture_pkg.pipeline.fallback import Spare
from speech_gesture_pkg.pipeline.pipeline import Pipeline
from speech_gesture_pkg.pipeline.robot_interface import RobotInterface
from speech_gesture_pkg.pipeline.timing import CLOCK_STEP
from speech_gesture_pkg.resources import robot_path
from speech_gesture_pkg.retargeting.base import Retargeter, RetargetSettings
from speech_gesture_pkg.retargeting.stewart_neck_retargeter import make_retargeter
from speech_gesture_pkg.robot.joint_limits import LimitSettings
from speech_gesture_pkg.robot.joint_map.auto_map import RobotMap, map_robot
from speech_gesture_pkg.robot.joint_map.map_file import Override, read_override
from speech_gesture_pkg.robot.joint_map.motion_profile import MotionProfile
from speech_gesture_pkg.robot.model import RobotModel
from speech_gesture_pkg.trajectory.layout import JointLayout, default_controllers, make_layout
from speech_gesture_pkg.trajectory.window_begin import Timing

SPARE = "prosody"
"""The generator that takes over from a learned one: it needs no model and little time."""


@dataclass
class Robot:
    """A robot that is ready to be commanded, and the generator for it.

    Attributes:
        model: joints and limits.
        map: which joint does what.
        retargeter: SMPL-X to joints.
        generator: speech to SMPL-X.
        lost: whether the generator that was asked for failed repeatedly; `generator` is its spare then.
    """

    model: RobotModel
    map: RobotMap
    retargeter: Retargeter
    generator: Generator
    lost: bool = False

    @property
    def warnings(self) -> tuple[str, ...]:
        """Sentences about the robot that its owner should read."""
        return tuple(self.map.warnings)

    @property
    def summary(self) -> str:
        """One line: what of the robot moves."""
        groups = ", ".join(f"{name} {len(joints)}" for name, joints in self.retargeter.groups.items() if joints)
        return f"robot {self.model.name}: {groups}; generator {self.generator.name}"


def load_robot(robot: str | Path | GestureConfig = "demo", description: str = "") -> Robot:
    """Read a robot's URDF, find out which joint does what, and load the generator that is to move it.

    Args:
        robot: a known name (`resources.ROBOTS`), a URDF file, or all parameters: `robot.urdf` (a name or file), the
            map file, the generator and the safety limits that are to hold.
        description: URDF text (from the robot_description topic), used instead of a file.

    Raises:
        RobotError: a URDF that cannot be served.
        ConfigError: unknown robot, generator or speaker, or a map file that cannot be used.
        ModelError, MissingDependencyError: a learned generator that cannot be loaded.
    """
    if isinstance(robot, GestureConfig):
        config = robot
    else:
        config = GestureConfig().with_values({"robot.urdf": str(robot_path(str(robot)))})
    generator = make_generator(config)
    if description:
        model = RobotModel.from_string(description, "robot_description")
    else:
        model = RobotModel.from_file(robot_path(config.robot.urdf))
    mapping = map_robot(model, read_map_file(config.robot.map_file), strict=config.robot.strict)
    retargeter = make_retargeter(model, mapping, _settings(calmed(config, mapping.profile), generator))
    return Robot(model, mapping, retargeter, generator)


def make_generator(config: GestureConfig) -> Generator:
    """The generator of the parameters `generator.*`, ready for the first audio.

    Raises:
        ConfigError: unknown generator or speaker.
        ModelError, MissingDependencyError: a learned generator that cannot be loaded (see `load_generator`).
    """
    generator = load_generator(config.generator)
    generator.start(seed=config.generator.seed, speaker=config.generator.speaker or None)
    return generator


def calmed(config: GestureConfig, profile: MotionProfile) -> GestureConfig:
    """The parameters with the robot's own profile: the calmer of both holds."""
    safety = config.safety
    amplitude = config.style.amplitude * profile.amplitude
    limits = {f"acceleration_{group}": most for group, most in profile.acceleration.items()}
    values = {name: min(getattr(safety, name), most) for name, most in limits.items()}
    values["max_link_speed"] = min(safety.max_link_speed, profile.max_link_speed)
    return replace(config, style=replace(config.style, amplitude=amplitude), safety=replace(safety, **values))


def _settings(config: GestureConfig, generator: Generator) -> RetargetSettings:
    """The retargeter keeps the same limits as the composer, so that the composer rarely has to hold back."""
    safety = config.safety
    return RetargetSettings(generator.fps, LimitSettings.of(safety), collision=safety.self_collision)


def layout_of(robot: Robot, controllers: Mapping[str, tuple[str, ...]], config: GestureConfig) -> JointLayout:
    """The commanded joints; `controllers` may be empty for simulation (one per group then)."""
    parts = dict(controllers) or default_controllers(robot.retargeter.groups)
    return make_layout(
        robot.model,
        robot.retargeter,
        parts,
        calmed(config, robot.map.profile).safety,
        config.robot.strict,
        robot.map,
    )


def make_pipeline(
    config: GestureConfig,
    robot: Robot,
    controllers: Mapping[str, tuple[str, ...]] | None = None,
    steady: Callable[[], float] = time.perf_counter,
    timing: Mapping[str, Timing] | None = None,
    clock_step: float = CLOCK_STEP,
) -> Pipeline:
    """The pipeline from speech to trajectory windows, for one robot.

        pipeline = make_pipeline(config, robot)
        pipeline.push_joint_state(names, positions)  # rad
        pipeline.activate(now)
        pipeline.push_audio(samples, 16000, None, now)
        windows = pipeline.step(now).windows  # controller -> window; to be called every 20 ms

    Args:
        config: all parameters.
        robot: from `load_robot`.
        controllers: name -> its joints; None or empty: one for each group of joints (arms, head, ...).
        steady: steady clock, s.
        timing: as for `RobotInterface`.
        clock_step: as for `Pipeline`.

    Raises:
        RobotError: joints do not fit.
        ModelError: the learned generator was lost before, and cannot be loaded again.
    """
    if robot.lost:
        robot.generator, robot.lost = make_generator(config), False
    layout = layout_of(robot, controllers or {}, config)

    commanded = RobotInterface(
        layout=layout,
        retargeter=robot.retargeter,
        distance=clearance_of(robot, layout),
        timing=timing or {},
        adapt=lambda changed: calmed(changed, robot.map.profile),
    )
    return Pipeline(config, robot.generator, commanded, spare_of(config, robot), steady, clock_step)


def spare_of(config: GestureConfig, robot: Robot) -> Spare | None:
    """What takes over if the robot's generator fails; None for `prosody` itself, which is it.

    A generator on device `auto` comes back on the same device first, then on the CPU; on `cuda` it never does.
    """
    own = config.generator
    if own.name == SPARE or not config.fallback.after:
        return None
    prosody = load_generator(SPARE)
    if prosody.fps != robot.generator.fps:
        return None

    def reload(attempt: int) -> Generator:
        device = "cpu" if own.device == "auto" and attempt else own.device
        return make_generator(replace(config, generator=replace(own, device=device)))

    def in_charge(generator: Generator | None) -> None:
        robot.generator, robot.lost = generator or prosody, generator is None

    return Spare(prosody, reload, in_charge=in_charge, speaker=own.speaker or None, seed=own.seed)


def clearance_of(robot: Robot, layout: JointLayout) -> Callable[[np.ndarray], np.ndarray]:
    """Capsule distance of commanded joints `[N, J]`; mapped joints that no controller moves count as resting."""
    collision, rest = robot.retargeter.collision, robot.retargeter.rest
    mapped = layout.source >= 0
    columns = layout.source[mapped]

    def distance(q: np.ndarray) -> np.ndarray:
        full = np.repeat(rest[None], len(q), 0)
        full[:, columns] = q[:, mapped]
        return collision.distance(full)

    return distance


def read_map_file(path: str) -> Override | None:
    """A robot's map file; None for ''. Raises ConfigError if it cannot be read, RobotError if it is no YAML table."""
    if not path:
        return None
    try:
        text = Path(path).read_text(encoding="utf-8")
    except FileNotFoundError as e:
        raise ConfigError(f"robot.map_file {path} does not exist") from e
    except (OSError, UnicodeDecodeError) as e:
        raise ConfigError(f"robot.map_file {path} cannot be read: {getattr(e, 'strerror', None) or e}") from e
    if not text.strip():
        raise ConfigError(f"robot.map_file {path} is empty; `speech-gesture robot check` writes a right one")
    return read_override(text, f"robot.map_file {path}")
