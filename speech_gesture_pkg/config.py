"""Every parameter, once: typed, with default, unit, range and a sentence; validated once, immutable after.

`GestureConfig` is built from a YAML file or from ROS parameters (names are `group.field`, e.g. `sync.mode`). The node
declares its parameters, `config/gesture.yaml` and docs/parameters.md are made, from these fields.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, fields, replace
from typing import Any

from speech_gesture_pkg.errors import ConfigError, one_of

SYNC_MODES = ("live", "stamp", "delay")
PART_NAMES = ("body", "hands", "face")
DEVICES = ("cpu", "cuda", "auto")
NODE = "speech_gesture"
"""Usual name of the node."""
NODE_PARAMETERS = ("autostart", "robot_description")
"""Of the node, but not in the table: `robot_description` is the text of a URDF, as robots' `/**` files give it."""
GROUPS = ("arms", "hands", "head", "torso", "face")


def _p(
    default: Any,
    doc: str,
    unit: str = "",
    low: float | None = None,
    high: float | None = None,
    choices: tuple[str, ...] | None = None,
    live: bool = False,
) -> Any:
    """A parameter: default, sentence, unit, inclusive range or choices, and whether it may change while running."""
    meta = {"doc": doc, "unit": unit, "low": low, "high": high, "choices": choices, "live": live}
    if isinstance(default, list):
        return field(default_factory=lambda: tuple(default), metadata=meta)
    return field(default=default, metadata=meta)


@dataclass(frozen=True)
class GeneratorConfig:
    name: str = _p(
        "prosody", "Which generator makes the motion: prosody, speechcat, diffsheg, or your own as module:Class."
    )
    seed: int = _p(
        0, "Seed of every random choice; the same seed and audio give the same motion.", low=0, high=2**31 - 1
    )
    speaker: str = _p("", "Speaker or style id, for generators that know several; empty = the default one.")
    model: str = _p(
        "",
        "Learned generators: folder of an exported model, or its name in models/manifest.yaml; empty = the generator's "
        "starter model.",
    )
    device: str = _p(
        "cpu",
        "Learned generators: where the networks run. cuda must be there, else configure fails; auto: cuda where there "
        "is one, else cpu.",
        choices=DEVICES,
    )
    threads: int = _p(2, "Learned generators: CPU threads of one network call.", low=1, high=64)
    temperature: float = _p(
        0.95,
        "Models that draw tokens: above 1 more varied, below 1 more usual; 0 = the likeliest.",
        "",
        0.0,
        10.0,
    )
    top_k: int = _p(0, "Models that draw tokens: only among the k likeliest; 0 = all.", low=0, high=65536)
    top_p: float = _p(
        0.95, "Models that draw tokens: only among the likeliest that together have this probability.", "", 0.01, 1.0
    )


@dataclass(frozen=True)
class FallbackConfig:
    after: int = _p(
        3,
        "Learned generators: so many faults, or seconds in which it cannot keep up, within fallback.within, and the "
        "prosody generator takes over; 0 = never.",
        low=0,
        high=100,
    )
    within: float = _p(10.0, "See fallback.after.", "s", 0.1, 600.0)
    retry: float = _p(
        10.0,
        "After so long the learned generator is loaded again and tried beside the running one; twice as long after "
        "each further attempt.",
        "s",
        0.1,
        3600.0,
    )
    attempts: int = _p(5, "Attempts after which it is given up until the node is activated again.", low=0, high=100)


@dataclass(frozen=True)
class StyleConfig:
    amplitude: float = _p(1.0, "Size of gestures; 0 leaves only idle motion.", low=0.0, high=2.0, live=True)
    rate: float = _p(1.0, "How often gestures happen.", low=0.0, high=2.0, live=True)
    parts: tuple[str, ...] = _p(list(PART_NAMES), "Which parts move.", choices=PART_NAMES, live=True)


@dataclass(frozen=True)
class AudioConfig:
    message_type: str = _p(
        "auto",
        "Audio message type, e.g. std_msgs/msg/Int16MultiArray, or your own as module:NAME; auto = ask the ROS graph.",
    )
    sample_rate: int = _p(16000, "Used where neither message nor audio_info gives it.", "Hz", 4000, 192000)
    channels: int = _p(1, "Used where neither message nor audio_info gives it.", low=1, high=32)
    sample_format: str = _p("S16LE", "Sample encoding of byte audio, used where audio_info does not give it.")
    max_gap: float = _p(
        0.5, "Gaps up to this are filled with zeros by stamp; longer ones restart the stream.", "s", 0.0, 5.0
    )
    idle_timeout: float = _p(0.25, "No audio for so long counts as silence: idle motion goes on.", "s", 0.05, 5.0)


@dataclass(frozen=True)
class SyncConfig:
    mode: str = _p(
        "live",
        "live: as soon as possible; stamp: motion when the stamped audio is heard; delay: "
        "audio is re-published late on ~/audio_out, in time with the motion.",
        choices=SYNC_MODES,
    )
    offset: float = _p(0.0, "Added to the time at which motion happens (positive = later).", "s", -0.5, 2.0)
    jitter: float = _p(0.04, "Spare time for late audio and scheduling.", "s", 0.0, 0.5)


@dataclass(frozen=True)
class RobotConfig:
    urdf: str = _p("", "URDF file, or a robot by name (demo, g1, ...); empty = wait for the robot_description topic.")
    map_file: str = _p("", "YAML that overrides the automatic joint map (written by `speech-gesture robot check`).")
    strict: bool = _p(True, "Fail configure if a mapped joint has no controller; false drops its group and says so.")
    description_timeout: float = _p(5.0, "How long configure waits for robot_description.", "s", 0.1, 60.0)


@dataclass(frozen=True)
class ControllersConfig:
    names: tuple[str, ...] = _p(
        [],
        "Trajectory controllers to command; empty = every */joint_trajectory topic with a "
        "subscriber. Joints: parameter controllers.<name>.joints, else asked of the controller.",
    )
    discovery_timeout: float = _p(3.0, "How long activate looks for controllers and joint states.", "s", 0.1, 60.0)
    check_parameters: bool = _p(True, "Read each controller's parameters and warn about those that spoil the motion.")


@dataclass(frozen=True)
class TrajectoryConfig:
    window: float = _p(0.4, "Least length of each published window, braking tail included.", "s", 0.3, 1.0)
    lead: float = _p(
        0.035,
        "How far ahead what is new in a window begins; more than the worst transport latency.",
        "s",
        0.005,
        0.5,
    )
    begin: str = _p(
        "auto",
        "Where windows begin. past: 60 ms ago with what was sent before, which all but the newest controllers join "
        "exactly; ahead: lead from now, which ticks; blended: for the newest with allow_trajectory_replacement; auto: "
        "by each controller's own parameters.",
        choices=("auto", "past", "ahead", "blended"),
    )
    stamp_zero: bool = _p(False, "Stamp 0 (start now) instead of a future stamp, for clocks that are not synchronised.")


@dataclass(frozen=True)
class SafetyConfig:
    position_margin: float = _p(0.02, "Kept from the URDF position limits of arms, head and torso.", "rad", 0.0, 0.5)
    velocity_scale: float = _p(0.9, "Share of the URDF velocity limit that may be used.", low=0.01, high=1.0)
    acceleration_arms: float = _p(25.0, "Acceleration limit of arm joints.", "rad/s^2", 0.1, 500.0)
    acceleration_hands: float = _p(60.0, "Acceleration limit of finger joints.", "rad/s^2", 0.1, 1000.0)
    acceleration_head: float = _p(25.0, "Acceleration limit of neck joints.", "rad/s^2", 0.1, 500.0)
    acceleration_torso: float = _p(8.0, "Acceleration limit of waist joints.", "rad/s^2", 0.1, 500.0)
    acceleration_face: float = _p(250.0, "Acceleration limit of face joints.", "rad/s^2", 0.1, 5000.0)
    max_link_speed: float = _p(
        1.5,
        "Largest speed of hands, wrists and elbows relative to the robot's root link. At 1.5 m/s an arm of 2 kg "
        "effective mass is near the transient contact limits of ISO/TS 15066 for chest and hands; no substitute for a "
        "risk assessment.",
        "m/s",
        0.05,
        10.0,
        live=True,
    )
    self_collision: bool = _p(True, "Check every command against the robot's own capsules.")
    collision_margin: float = _p(0.005, "Least distance between capsules.", "m", 0.0, 0.2)
    approach_speed: float = _p(
        0.8, "Joint speed of the slow approach at start and of going to rest.", "rad/s", 0.05, 5.0
    )
    joint_state_timeout: float = _p(0.5, "Older joint states count as lost: the robot brakes.", "s", 0.05, 10.0)
    follow_tolerance: float = _p(
        0.25,
        "A joint of arms, head or torso that stays farther from its command than this (or a quarter of its range) for "
        "0.3 s does not follow (emergency stop, controller switched off): the robot brakes, and "
        "motion restarts slowly from where it stands; 0 = not watched.",
        "rad",
        0.0,
        10.0,
    )
    clock_tolerance: float = _p(
        0.02,
        "Joint states may be stamped so far ahead of the node's clock (and 0.25 s behind); else the robot's clock is "
        "another one and it is not commanded; 0 = not watched.",
        "s",
        0.0,
        10.0,
    )
    watchdog: float = _p(
        0.5,
        "A pipeline that makes no step for so long while active is reported as an error: the robot has braked, and "
        "motion restarts slowly afterwards.",
        "s",
        0.1,
        10.0,
    )
    rest_after: float = _p(30.0, "Silence after which idle motion ends in the rest pose; 0 = never.", "s", 0.0, 3600.0)


@dataclass(frozen=True)
class OutputConfig:
    smplx: bool = _p(True, "Publish ~/smplx.")
    face: bool = _p(True, "Publish ~/face.")
    markers: bool = _p(True, "Publish ~/markers.")
    marker_frame: str = _p("base_link", "Frame of the human skeleton's markers.")
    marker_offset: float = _p(1.2, "How far to the robot's left the skeleton stands.", "m", -10.0, 10.0)


@dataclass(frozen=True)
class GestureConfig:
    """All parameters of the gesture node, by group."""

    generator: GeneratorConfig = field(default_factory=GeneratorConfig)
    fallback: FallbackConfig = field(default_factory=FallbackConfig)
    style: StyleConfig = field(default_factory=StyleConfig)
    audio: AudioConfig = field(default_factory=AudioConfig)
    sync: SyncConfig = field(default_factory=SyncConfig)
    robot: RobotConfig = field(default_factory=RobotConfig)
    controllers: ControllersConfig = field(default_factory=ControllersConfig)
    trajectory: TrajectoryConfig = field(default_factory=TrajectoryConfig)
    safety: SafetyConfig = field(default_factory=SafetyConfig)
    output: OutputConfig = field(default_factory=OutputConfig)

    def with_values(self, values: Mapping[str, Any]) -> GestureConfig:
        """A copy with `group.field` values replaced, each checked. Raises ConfigError naming parameter and range."""
        changes: dict[str, dict[str, Any]] = {}
        table = {p.name: p for p in parameters()}
        for name, value in values.items():
            if name not in table:
                raise ConfigError(unknown_parameter(name))
            group, key = name.split(".", 1)
            changes.setdefault(group, {})[key] = table[name].check(value)
        return replace(self, **{g: replace(getattr(self, g), **kv) for g, kv in changes.items()})

    def value(self, name: str) -> Any:
        """The value of parameter `group.field`."""
        group, key = name.split(".", 1)
        return getattr(getattr(self, group), key)


@dataclass(frozen=True)
class Parameter:
    """One row of the parameter table."""

    name: str
    default: Any
    doc: str
    unit: str
    low: float | None
    high: float | None
    choices: tuple[str, ...] | None
    live: bool

    @property
    def kind(self) -> type:
        """bool, int, float, str or tuple (of strings)."""
        return type(self.default)

    def check(self, value: Any) -> Any:
        """`value` in the parameter's own type. Raises ConfigError naming parameter, value and what is allowed."""
        kind = self.kind
        if kind is tuple:
            items = [value] if isinstance(value, str) else value
            if not isinstance(items, (list, tuple)) or not all(isinstance(i, str) for i in items):
                raise ConfigError(f"{self.name} is {value!r}; it must be a list of strings")
            result = tuple(i for i in items if i)
            for item in result:
                if self.choices and item not in self.choices:
                    raise ConfigError(one_of(self.name, item, self.choices))
            return result
        if kind is float and isinstance(value, int) and not isinstance(value, bool):
            value = float(value)
        if type(value) is not kind:
            raise ConfigError(f"{self.name} is {value!r}; it must be of type {kind.__name__}")
        if self.choices and value not in self.choices:
            raise ConfigError(one_of(self.name, value, self.choices))
        if isinstance(value, float) and not math.isfinite(value):
            raise ConfigError(f"{self.name} is {value}; it must be a finite number")
        if (
            self.low is not None
            and isinstance(value, (int, float))
            and not self.low <= value <= (self.high if self.high is not None else math.inf)
        ):
            unit = f" {self.unit}" if self.unit else ""
            raise ConfigError(f"{self.name} is {value}{unit}; it must be in [{self.low}, {self.high}]{unit}")
        return value


def parameters() -> Iterator[Parameter]:
    """The parameter table, in the order of the groups."""
    defaults = GestureConfig()
    for group in fields(GestureConfig):
        values = getattr(defaults, group.name)
        for f in fields(values):
            yield Parameter(f"{group.name}.{f.name}", getattr(values, f.name), **f.metadata)


def unknown_parameter(name: str) -> str:
    """Sentence for a parameter that does not exist, with the nearest names."""
    import difflib

    known = [p.name for p in parameters()]
    near = difflib.get_close_matches(name, known, 3, 0.4) or known[:3]
    return f"parameter {name!r} is unknown; did you mean {' or '.join(near)}?"


def is_foreign(name: str) -> bool:
    """Whether a parameter that does not exist is another node's (ROS 2 parameter files often speak to all nodes at
    once), and not one of ours misspelt: then it has one of our groups, or nearly one of our names."""
    import difflib

    known = [p.name for p in parameters()]
    group, dot, _ = name.partition(".")
    ours = {n.partition(".")[0] for n in known}
    return not (dot and group in ours) and not difflib.get_close_matches(name, known, 1, 0.85)
