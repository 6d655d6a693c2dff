"""A robot's own motion profile: how much calmer than the parameters allow it must be."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from speech_gesture_pkg.config import GROUPS
from speech_gesture_pkg.errors import RobotError

KEYS = ("amplitude", "max_link_speed", *(f"acceleration_{g}" for g in GROUPS))


@dataclass(frozen=True)
class MotionProfile:
    """Section `motion` of a robot map. The calmer of it and the parameters of the same name holds.

    Attributes:
        amplitude: multiplies `style.amplitude`, in [0, 1]: a map file can only calm.
        max_link_speed: of hands, wrists and elbows, m/s; infinite = what the parameters say.
        acceleration: limits by kind of joint ("arms", ...), rad/s^2; absent = what the parameters say.
    """

    amplitude: float = 1.0
    max_link_speed: float = math.inf
    acceleration: Mapping[str, float] = field(default_factory=dict)


def read_profile(section: object, at: Callable[[str], str]) -> MotionProfile:
    """From the section `motion` of a robot map; None or {} = nothing of its own.

    Args:
        section: of the YAML.
        at: where a key stands, for messages.

    Raises:
        RobotError: naming the key.
    """
    if section is None:
        return MotionProfile()
    if not isinstance(section, Mapping):
        raise RobotError(f"{at('motion')} is {section!r}; it must be a table with keys {', '.join(KEYS)}")
    values: dict[str, float] = {}
    for key, value in section.items():
        where = at(f"motion.{key}")
        if key not in KEYS:
            raise RobotError(f"{where} is unknown; it must be one of: {', '.join(KEYS)}")
        good = isinstance(value, (int, float)) and not isinstance(value, bool) and math.isfinite(value)
        if key == "amplitude" and not (good and 0 <= value <= 1):
            raise RobotError(f"{where} is {value!r}; it must be a number in [0, 1]: a map file can only make calmer")
        if not good or (value <= 0 and key != "amplitude"):
            raise RobotError(f"{where} is {value!r}; it must be a positive number")
        values[key] = float(value)
    return MotionProfile(
        values.get("amplitude", 1.0),
        values.get("max_link_speed", math.inf),
        {g: values[f"acceleration_{g}"] for g in GROUPS if f"acceleration_{g}" in values},
    )
