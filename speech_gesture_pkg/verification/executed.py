"""What controllers would execute: recorded windows, taken up by each distribution's rules from its own desired state.

A motion that is continuous from window to window can still tick on a robot: what counts is what a controller makes of
it in each of its cycles. The rules are those of `sim.controller`, which agree with the real class.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np

from speech_gesture_pkg.bags.messages import BagMessage, nanoseconds
from speech_gesture_pkg.sim.controller import ControllerSettings, SimController
from speech_gesture_pkg.sim.rules import Goal, rules_of

RATES = (1000.0, 500.0, 100.0, 50.0)
"""Control cycles a second."""
ALLOWED = 1.05
"""Executed acceleration over the limit, from which on a robot ticks."""
OVER = 0.01
"""Acceleration is taken over so long (one cycle at least), s: what a drive and a gear make of a tick."""
TAKEN_UP = 3
"""Cycles until the joints are where the first window has them: a recording may begin in the middle of a motion."""
TRANSPORT = 0.0005
"""Messages reach a controller so much later than the recorder of the bag, s."""


@dataclass(frozen=True)
class Rule:
    """One way to take up windows: distribution, and its parameters that matter."""

    distro: str
    from_desired: bool
    replacement: bool = False

    @property
    def name(self) -> str:
        """For tables."""
        text = self.distro if self.distro != "newest" else f"newest, replacement {str(self.replacement).lower()}"
        return f"{text}, from {'desired' if self.from_desired else 'measured'}"


PAST_RULES = tuple(Rule(d, f) for d in ("humble", "jazzy", "kilted", "newest") for f in (True, False))
"""Windows that begin in the past are for these."""
BLENDED_RULES = tuple(Rule("newest", f, True) for f in (True, False))
"""Those with negative times are for these."""


@dataclass
class Execution:
    """What one rule at one rate makes of a bag.

    Attributes:
        rule, rate: see there.
        velocity: largest share of the URDF's velocity limit, by joint.
        acceleration: largest share of the acceleration limit, by joint; empty without limits.
        refused: windows that were refused.
    """

    rule: Rule
    rate: float
    velocity: dict[str, float] = field(default_factory=dict)
    acceleration: dict[str, float] = field(default_factory=dict)
    refused: int = 0

    @property
    def smooth(self) -> bool:
        """Whether nothing is executed faster, or with more acceleration, than allowed."""
        shares = [*self.acceleration.values(), *self.velocity.values()]
        return not self.refused and max(shares, default=0.0) <= ALLOWED

    def as_dict(self) -> dict[str, object]:
        """For JSON: the worst joint of each kind."""
        return {
            "rule": self.rule.name,
            "rate_hz": self.rate,
            "velocity_share": max(self.velocity.values(), default=0.0),
            "acceleration_share": max(self.acceleration.values(), default=0.0),
            "refused": self.refused,
            "smooth": self.smooth,
        }


def rules_for(messages: Iterable[BagMessage]) -> tuple[Rule, ...]:
    """For which rules recorded windows are meant, by their first points; () if they bridge from a state that is not
    known (windows that begin ahead of their reception)."""
    past = blended = 0
    for m in messages:
        first = nanoseconds(m.data.points[0].time_from_start)
        blended += first < 0
        past += nanoseconds(m.data.header.stamp) + first < m.received * 1e9
    return BLENDED_RULES if blended else PAST_RULES if past else ()


def execute(
    messages: Sequence[BagMessage],
    rule: Rule,
    rate: float,
    speed: Mapping[str, float],
    acceleration: Mapping[str, float],
) -> Execution:
    """Let a controller take up the windows of one topic.

    Args:
        messages: its JointTrajectory messages, in order of reception.
        rule: how.
        rate: control cycles a second.
        speed: limits of the joints, rad/s or m/s; joints that are not named are not judged.
        acceleration: likewise, rad/s^2 or m/s^2.
    """
    found = Execution(rule, rate)
    names = tuple(messages[0].data.joint_names)
    epoch = round(messages[0].received - 1.0) * 10**9
    settings = ControllerSettings(rule.from_desired, update_rate=rate, replacement=rule.replacement)
    first = goal_of(messages[0], epoch)
    begin = np.asarray(first.positions[0], float)
    sim = SimController(names, rules_of(rule.distro), settings, begin, messages[0].received - epoch * 1e-9)
    sim.trace = []
    end = 0.0
    for message in messages:
        goal = goal_of(message, epoch)
        found.refused += sim.receive(goal, message.received - epoch * 1e-9 + TRANSPORT) is not None
        end = max(end, (goal.stamp or sim.time) + float(goal.times[-1]))
    sim.advance(max(end, sim.time + sim.period))
    position = np.concatenate(sim.trace)[TAKEN_UP:]
    step = max(1, round(OVER * rate))
    bend = np.abs(position[2 * step :] - 2 * position[step:-step] + position[: -2 * step]) * (rate / step) ** 2
    fast = np.abs(np.diff(position, axis=0)) * rate
    for j, name in enumerate(names):
        if name in speed:
            found.velocity[name] = float(fast[:, j].max(initial=0.0)) / speed[name]
        if name in acceleration:
            found.acceleration[name] = float(bend[:, j].max(initial=0.0)) / acceleration[name]
    return found


def goal_of(message: BagMessage, epoch: int) -> Goal:
    """A recorded message as a controller receives it, on a clock that starts at `epoch` ns."""
    data = message.data
    stamp = nanoseconds(data.header.stamp)
    return Goal(
        tuple(data.joint_names),
        (stamp - epoch) * 1e-9 if stamp else None,
        np.array([nanoseconds(p.time_from_start) for p in data.points]) * 1e-9,
        [p.positions for p in data.points],
        [p.velocities for p in data.points],
        [p.accelerations for p in data.points],
    )


def check_executed(
    messages: Mapping[str, Sequence[BagMessage]],
    speed: Mapping[str, float],
    acceleration: Mapping[str, float],
    rates: Sequence[float] = (),
) -> list[Execution]:
    """Every rule that the windows are for, at every rate, over all topics.

    Without `rates` at all usual ones; but windows with negative times are timed for controllers of one rate, which a
    bag does not say: those are judged at given rates only.
    """
    found: dict[tuple[Rule, float], Execution] = {}
    for sent in messages.values():
        for rule in rules_for(sent):
            for rate in rates or (() if rule in BLENDED_RULES else RATES):
                one = execute(sent, rule, rate, speed, acceleration)
                whole = found.setdefault((rule, rate), Execution(rule, rate))
                whole.velocity |= one.velocity
                whole.acceleration |= one.acceleration
                whole.refused += one.refused
    return list(found.values())


def executed_text(found: Sequence[Execution]) -> str:
    """For a person: the worst of all, and each one that is not smooth."""
    if not found:
        return (
            "  executed: not judged (the windows begin ahead, or are timed for controllers that blend, at a rate that "
            "the bag does not tell: give it by --update-rate)"
        )
    worst = max(found, key=lambda e: max(e.acceleration.values(), default=0.0))
    share = max(worst.acceleration.values(), default=0.0)
    names = sorted({e.rule.distro for e in found})
    rates = sorted({e.rate for e in found})
    lines = [
        f"  executed by the rules of {', '.join(names)} at {rates[0]:g} to {rates[-1]:g} Hz: acceleration over "
        f"{1e3 * OVER:g} ms at most {100 * share:.0f} % of the limit, velocity at most "
        f"{100 * max(max(e.velocity.values(), default=0.0) for e in found):.0f} %"
    ]
    for e in found:
        if not e.smooth:
            bend, fast = (100 * max(shares.values(), default=0.0) for shares in (e.acceleration, e.velocity))
            text = f"acceleration {bend:.0f} %, velocity {fast:.0f} %, {e.refused} windows refused"
            lines.append(f"    NOT SMOOTH: {e.rule.name} at {e.rate:g} Hz: {text}")
    return "\n".join(lines)
