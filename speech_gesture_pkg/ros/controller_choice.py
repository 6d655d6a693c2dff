"""Which of the nodes that listen to trajectories are commanded, and one sentence for each that is left out."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass, field
from typing import Any

from speech_gesture_pkg.errors import RobotError
from speech_gesture_pkg.ros.waiting import some

YOURS = "controllers.names says which to command"


@dataclass(frozen=True)
class Candidate:
    """Somebody who listens on `<name>/joint_trajectory`.

    Attributes:
        name: relative to the gesture node's namespace where it lies within that, else absolute.
        joints: in its own order; empty = it does not say.
        listeners: full names of the nodes that subscribe.
        active: whether it drives its joints now; None = that is not known.
        parameters: of the controller; empty if it does not answer.
    """

    name: str
    joints: tuple[str, ...]
    listeners: tuple[str, ...] = ()
    active: bool | None = None
    parameters: dict[str, Any] = field(default_factory=dict)

    @property
    def commands_positions(self) -> bool:
        """Whether it commands positions; one that does not say counts as if it did."""
        return "position" in self.parameters.get("command_interfaces", ("position",))


@dataclass(frozen=True)
class Choice:
    """Who is commanded.

    Attributes:
        chosen: in the order of the candidates.
        unused: sentences about controllers that have nothing to do with gestures.
        left_out: sentences about those that a person should look at.
    """

    chosen: tuple[Candidate, ...]
    unused: tuple[str, ...] = ()
    left_out: tuple[str, ...] = ()


def choose(
    candidates: Sequence[Candidate], actuated: Collection[str], gesturing: Collection[str], named: bool
) -> Choice:
    """Choose among candidates so that no joint is commanded twice.

    Args:
        candidates: all that listen, or those that `controllers.names` asks for.
        actuated: joints that the URDF has.
        gesturing: joints that gestures move.
        named: whether a person asked for each of them: then one that cannot be commanded is an error.

    Raises:
        RobotError: one that was asked for cannot be commanded, or none is left.
    """
    usable: list[Candidate] = []
    unused: list[str] = []
    left_out: list[str] = []
    for each in candidates:
        if each.joints and set(each.joints).isdisjoint(gesturing):
            unused.append(f"controller {each.name} gets no commands: gestures do not move {some(each.joints)}")
        elif problem := _problem(each, actuated):
            if named:
                raise RobotError(f"controller {each.name} cannot be commanded: {problem}")
            left_out.append(f"{each.name} is left out: {problem}; {YOURS}")
        else:
            usable.append(each)
    chosen: list[Candidate] = []
    for each in sorted(usable, key=lambda c: _rank(c, gesturing)):
        rivals = [c for c in chosen if set(c.joints) & set(each.joints)]
        if not rivals:
            chosen.append(each)
            continue
        both = some(set(each.joints) & {j for c in rivals for j in c.joints})
        if named:
            raise RobotError(f"controllers {rivals[0].name} and {each.name} both move {both}; name one of them only")
        left_out.append(f"{each.name} is left out: {_why(rivals[0], each)}, and both move {both}; {YOURS}")
    if not chosen:
        raise RobotError("; ".join(["no controller can be commanded", *left_out, *unused]))
    return Choice(tuple(c for c in candidates if c in chosen), tuple(unused), tuple(left_out))


def _problem(candidate: Candidate, actuated: Collection[str]) -> str:
    """Why it cannot be commanded, '' if it can."""
    if not candidate.joints:
        who = f" ({' and '.join(candidate.listeners)} listens)" if candidate.listeners else ""
        return (
            f"it does not answer about its joints{who}; if it is a controller, set controllers.{candidate.name}.joints"
        )
    if candidate.active is False:
        return "it is not active"
    if unknown := [j for j in candidate.joints if j not in actuated]:
        return f"the URDF has no actuated joint {some(unknown)}"
    return ""


def _rank(candidate: Candidate, gesturing: Collection[str]) -> tuple[Any, ...]:
    """Sort key, best first: active, answering, of positions, with many joints that gesture; then by name."""
    count = len(set(candidate.joints) & set(gesturing))
    unsure = (candidate.active is None, not candidate.parameters, not candidate.commands_positions)
    return (*unsure, -count, candidate.name)


def _why(better: Candidate, worse: Candidate) -> str:
    """Why `better` is commanded instead of `worse`."""
    if better.active:
        return f"{better.name} is active"
    unknown = "which of them is active cannot be told here"
    if better.parameters and not worse.parameters:
        return f"{unknown}, {better.name} answers about its parameters"
    if better.commands_positions and not worse.commands_positions:
        return f"{unknown}, {better.name} commands positions"
    return f"{unknown}, {better.name} is taken"
