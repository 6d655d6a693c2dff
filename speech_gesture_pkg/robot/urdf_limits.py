"""What the limits of a URDF's joints come to: numbers that can be kept to, and sentences on what is wrong with them."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from speech_gesture_pkg.robot.urdf_types import Joint

AGREEING = 3
"""So many joints that are clearly in degrees agree that others beyond one turn are, too."""
_ONE_TURN = 2.0 * math.pi + 0.1
_CLEARLY_DEGREES, _MOST_DEGREES = 20.0, 720.0
"""Limits in radians are three turns at most (20 rad), those in degrees two turns (720)."""
_ROUND_RANGES = (20.0, 50.0, 100.0, 200.0, 500.0)
"""Half ranges that stand for "turns as far as you like", rad."""
_FAST = 10.0
"""Velocity limits of joints in degrees above this are in degrees too, rad/s."""
_LONGEST_SLIDE = 5.0
"""Longer slides of robots that gesture are in millimetres, m."""
FARTHEST_POSITION = 1e6
"""Position limits beyond this are read as this, rad or m: the squares of larger numbers may overflow."""
FASTEST = 1e4
"""A velocity limit above this is read as this, rad/s or m/s."""
DEGREE, MILLIMETRE = math.pi / 180.0, 1e-3


@dataclass(frozen=True)
class Limits:
    """The limits of one joint.

    Attributes:
        lower, upper: what gestures keep to, rad or m: the tighter of limits and soft limits, in SI units. Infinite for
            continuous joints; 0 where there is a problem.
        stated_lower, stated_upper: as the <limit> says.
        velocity: rad/s or m/s; 0 where there is a problem.
        neutral: zero, or the nearest position within the limits; soft limits do not count.
        problem: why the limits cannot be used, a sentence; empty if they can.
        remarks: sentences on what is odd about them or was taken otherwise than it is written.
        softened: whether soft limits make them tighter.
    """

    lower: float = 0.0
    upper: float = 0.0
    stated_lower: float = 0.0
    stated_upper: float = 0.0
    velocity: float = 0.0
    neutral: float = 0.0
    problem: str = ""
    remarks: tuple[str, ...] = ()
    softened: bool = False


def limits_of(joint: Joint, unit: float = 1.0) -> Limits:
    """The limits of a joint whose file is in multiples of `unit` (`DEGREE`, `MILLIMETRE`, or 1 for radians, metres)."""
    if problem := _problem(joint):
        return Limits(problem=problem)
    remarks, velocity = [], min(joint.velocity, FASTEST)
    if joint.effort <= 0:
        remarks.append(f"joint '{joint.name}' has the effort limit {joint.effort:g}: a simulator may not move it")
    if joint.kind == "continuous":
        if joint.soft and joint.soft[0] < joint.soft[1]:
            remarks.append(f"{_soft(joint)}, which are not used because it is continuous; 'revolute' joints have them")
        return Limits(-math.inf, math.inf, -math.inf, math.inf, velocity, 0.0, "", tuple(remarks))
    lower, upper = unit * joint.lower, unit * joint.upper
    if max(abs(lower), abs(upper)) > FARTHEST_POSITION:
        remarks.append(
            f"joint '{joint.name}' has position limits of {joint.lower:g} and {joint.upper:g}, farther than any joint "
            f"goes: taken as {FARTHEST_POSITION:g} at most; give real ones or make it 'continuous'"
        )
        lower, upper = (min(max(x, -FARTHEST_POSITION), FARTHEST_POSITION) for x in (lower, upper))
    if unit == DEGREE and velocity > _FAST:
        velocity *= unit
    if unit != 1.0:
        remarks.append(_other_unit(joint, unit, velocity))
    if joint.unstated:
        (key,) = joint.unstated
        remarks.append(f"joint '{joint.name}' has no {key} limit, which the URDF specification takes as 0; give it")
    neutral = min(max(0.0, lower), upper)
    low, high, remark = _with_soft(joint, unit, lower, upper)
    if remark:
        remarks.append(remark)
    softened = (low, high) != (lower, upper)
    return Limits(low, high, *_stated(joint), velocity, neutral, "", tuple(remarks), softened)


def other_units(joints: Sequence[Joint]) -> dict[str, float]:
    """Joints whose limits are not in radians or metres but look like degrees or millimetres -> that unit.

    Degrees and radians differ by size: joints that turn more than three times either way are rare, and are
    stated as whole turns or as a round number both ways. Where several joints are clearly in degrees, so are all others
    beyond one turn; where they are half of all joints, every one is.
    """
    units = {j.name: MILLIMETRE for j in joints if j.kind == "prismatic" and _size(j) > _LONGEST_SLIDE}
    turning = [j for j in joints if j.kind == "revolute" and _size(j) <= _MOST_DEGREES]
    clear = [j for j in turning if _clearly_degrees(j)]
    if len(clear) >= AGREEING:
        most = 2 * len(clear) >= len(turning)
        clear = [j for j in turning if _size(j) > (0.0 if most else _ONE_TURN)]
    return units | {j.name: DEGREE for j in clear}


def _clearly_degrees(joint: Joint) -> bool:
    size, symmetric = _size(joint), joint.lower == -joint.upper
    turns = size / (2.0 * math.pi)
    whole = symmetric and size != round(size) and abs(turns - round(turns)) * 2.0 * math.pi < 0.05
    return size >= _CLEARLY_DEGREES and not whole and not (symmetric and size in _ROUND_RANGES)


def _stated(joint: Joint) -> tuple[float, float]:
    lower, upper = (min(max(x, -FARTHEST_POSITION), FARTHEST_POSITION) for x in (joint.lower, joint.upper))
    return lower, upper


def _size(joint: Joint) -> float:
    """The larger of both limits; 0 where they are no range."""
    usable = math.isfinite(joint.lower) and math.isfinite(joint.upper) and joint.lower < joint.upper
    return max(abs(joint.lower), abs(joint.upper)) if usable else 0.0


def _other_unit(joint: Joint, unit: float, velocity: float) -> str:
    said, meant, right = ("degrees", "radians", "rad") if unit == DEGREE else ("millimetres", "metres", "m")
    speed = f" at {velocity:.3g} {right}/s" if velocity != joint.velocity else ""
    return (
        f"joint '{joint.name}' has limits that look like {said}, {joint.lower:g} to {joint.upper:g}: taken as "
        f"{unit * joint.lower:.4g} to {unit * joint.upper:.4g} {right}{speed}; a URDF states {meant}"
    )


def _with_soft(joint: Joint, unit: float, lower: float, upper: float) -> tuple[float, float, str]:
    """Limits tightened by the soft limits of a <safety_controller>, and a sentence if these cannot be used."""
    if joint.soft is None:
        return lower, upper, ""
    low, high = (unit * value for value in joint.soft)
    if not low < high:
        return lower, upper, f"{_soft(joint)}, which are no range and not used; correct its safety_controller"
    if not max(low, lower) < min(high, upper):
        limits = f"{joint.lower:g} to {joint.upper:g}"
        return lower, upper, f"{_soft(joint)}, which are outside its limits {limits} and not used; correct one of them"
    return max(low, lower), min(high, upper), ""


def _soft(joint: Joint) -> str:
    assert joint.soft is not None
    return f"joint '{joint.name}' has the soft limits {joint.soft[0]:g} to {joint.soft[1]:g}"


def absent(joint: Joint) -> bool:
    """Whether the file leaves a limit out that a joint cannot be moved without (or gives NaN)."""
    turning = joint.kind == "continuous"
    positions = math.isnan(joint.lower) or math.isnan(joint.upper) or len(joint.unstated) == 2
    return math.isnan(joint.velocity) or (not turning and positions)


def _problem(joint: Joint) -> str:
    """What makes the limits of a joint unusable, naming it; empty if nothing does."""
    where = f"joint '{joint.name}'"
    if joint.kind != "continuous":
        unit = "m" if joint.kind == "prismatic" else "rad"
        if len(joint.unstated) == 2:
            endless = "" if unit == "m" else ", or make it 'continuous'"
            return (
                f"{where} has a limit without lower and upper, which the URDF specification takes as 0 to 0; give both "
                f"in {unit}{endless}"
            )
        if math.isnan(joint.lower) or math.isnan(joint.upper):
            return f"{where} has no position limits (absent or NaN); give <limit lower upper velocity>"
        if not (math.isfinite(joint.lower) and math.isfinite(joint.upper)):
            return f"{where} has infinite position limits; give finite ones or make it 'continuous'"
        if joint.lower > joint.upper and joint.unstated:
            (key,) = joint.unstated
            other, value = ("lower", joint.lower) if key == "upper" else ("upper", joint.upper)
            return f"{where} has {other} {value:g} and no {key}, which the URDF specification takes as 0; give both"
        if joint.lower > joint.upper:
            return f"{where} has lower {joint.lower:g} > upper {joint.upper:g}; swap them"
    if math.isnan(joint.velocity):
        return f"{where} has no velocity limit (absent or NaN); give one in rad/s"
    if joint.velocity <= 0 or math.isinf(joint.velocity):
        return f"{where} has the velocity limit {joint.velocity:g}; it must be positive and finite"
    return ""


def grouped(sentences: Iterable[tuple[str, str]], keep: int = 12) -> list[str]:
    """(joint, sentence on it) pairs as few sentences: joints with the same trouble together, the first `keep` by name.

    Each sentence begins with "joint 'name' has ...".
    """
    same: dict[str, list[str]] = {}
    for name, sentence in sentences:
        same.setdefault(sentence.replace(f"joint '{name}'", "{}", 1), []).append(name)
    parts = []
    for sentence, names in same.items():
        more = f" and {len(names) - keep} more" if len(names) > keep else ""
        listed = ", ".join(f"'{n}'" for n in names[:keep]) + more
        text = sentence.replace("{}", f"joint {listed}" if len(names) == 1 else f"joints {listed}", 1)
        parts.append(text if len(names) == 1 else text.replace(" has ", " have ", 1))
    return parts


def summed_up(problems: Mapping[str, str], keep: int = 12) -> str:
    """Sentences on joints as one (see `grouped`), the first `keep` of them."""
    parts = grouped(problems.items(), keep)
    rest = len(parts) - keep
    return "; ".join(parts[:keep]) + (f"; and {rest} more" if rest > 0 else "")
