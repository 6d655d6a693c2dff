"""What the system is doing: one enum with a sentence per value, and which state may follow which, and why.

Diagnostics and log show the sentences; the diagram in docs/faults.md is `mermaid()`, which a test compares.
"""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass
from enum import Enum


class State(Enum):
    """State of the pipeline. The value is the sentence for people."""

    INACTIVE = "not commanding the robot"
    APPROACHING = "moving slowly from where the robot stood to the gesture motion"
    GESTURING = "gesturing with the speech"
    IDLE = "no speech: breathing and small idle motion"
    RESTING = "in the rest pose or on the way there"
    BRAKING = "stopping: something is wrong with the input or with the robot"
    PAUSED = "paused by request: stopped, then in the rest pose"
    DEGRADED = "the generator failed repeatedly: running on the fall-back"
    FAILED = "the pipeline died: the robot has finished its braking tail; deactivate and activate to start anew"


class Severity(Enum):
    """How loud an event is."""

    INFO = "info"
    WARN = "warn"
    ERROR = "error"


_ACTIVE = (
    *(State.APPROACHING, State.GESTURING, State.IDLE, State.DEGRADED),
    *(State.RESTING, State.BRAKING, State.PAUSED),
)
_BLEND = "a blend into new motion"
_BRAKE = "a fault"
_SPEECH = "speech is heard"
_BACK = "the learned generator is back"


def _table() -> dict[tuple[State, State], str]:
    s = State
    table = {
        (s.INACTIVE, s.APPROACHING): "activated, from the measured joint state",
        (s.APPROACHING, s.GESTURING): f"the blend is done and {_SPEECH}",
        (s.APPROACHING, s.IDLE): "the blend is done in silence",
        (s.GESTURING, s.IDLE): "no speech for a second",
        (s.IDLE, s.GESTURING): _SPEECH,
        (s.GESTURING, s.APPROACHING): _BLEND,
        (s.IDLE, s.APPROACHING): _BLEND,
        (s.DEGRADED, s.APPROACHING): _BACK,
        (s.RESTING, s.APPROACHING): _SPEECH,
        (s.RESTING, s.DEGRADED): f"{_SPEECH}, on the fall-back",
        (s.BRAKING, s.APPROACHING): "the fault is gone and the robot stands",
        (s.BRAKING, s.DEGRADED): "the fault is gone, on the fall-back",
        (s.BRAKING, s.GESTURING): "the frame after a bad one is good",
        (s.BRAKING, s.IDLE): "the frame after a bad one is good, in silence",
        (s.PAUSED, s.APPROACHING): "resumed",
        (s.PAUSED, s.DEGRADED): "resumed, on the fall-back",
        (s.FAILED, s.INACTIVE): "deactivated",
    }
    for state in (s.APPROACHING, s.GESTURING, s.IDLE):
        table[state, s.DEGRADED] = "the fall-back takes over"
    for state in (s.GESTURING, s.IDLE, s.DEGRADED):
        table[state, s.RESTING] = "long silence"
    for state in _ACTIVE:
        table[state, s.INACTIVE] = "deactivated"
        table[state, s.FAILED] = "the pipeline's thread died"
        if state is not s.BRAKING:
            table[state, s.BRAKING] = _BRAKE
        if state is not s.PAUSED:
            table[state, s.PAUSED] = "pause"
    return table


TRANSITIONS: dict[tuple[State, State], str] = _table()
"""Which state may follow which, and in short why; who changes it may know the cause more exactly."""


@dataclass(frozen=True)
class Transition:
    """A change of state. `reason` is the one cause that applied."""

    before: State
    after: State
    reason: str

    def __str__(self) -> str:
        return f"{self.before.name.lower()} -> {self.after.name.lower()} ({self.reason}): {self.after.value}"


class StateLog:
    """The state of one pipeline, and how it came to it.

    Attributes:
        state: now.
        reason: why, '' at first.
        unforeseen: changes that are not in the table; a running robot goes on, tests fail.
    """

    def __init__(self) -> None:
        self.state = State.INACTIVE
        self.reason = ""
        self.unforeseen: list[str] = []
        self._changes: deque[Transition] = deque(maxlen=100)

    def enter(self, state: State, cause: str = "") -> None:
        """The state is `state` from now on, because of `cause` ('' = as the table has it); twice changes nothing."""
        if state is self.state:
            return
        foreseen = TRANSITIONS.get((self.state, state), "")
        change = Transition(self.state, state, cause or foreseen or "not foreseen")
        if not foreseen and len(self.unforeseen) < 100:
            self.unforeseen.append(str(change))
        self._changes.append(change)
        self.state, self.reason = state, change.reason

    def take(self) -> list[Transition]:
        """The changes since the last call, oldest first (the last 100)."""
        taken = []
        while self._changes:
            taken.append(self._changes.popleft())
        return taken


def mermaid() -> str:
    """The table as a Mermaid state diagram. What holds for every active state is drawn once."""
    names = {s: s.name.lower() for s in State}
    lines = ["stateDiagram-v2", f"    [*] --> {names[State.INACTIVE]}", "    state active {"]
    common = {
        (after, reason)
        for (before, after), reason in TRANSITIONS.items()
        if all(TRANSITIONS.get((s, after)) == reason for s in _ACTIVE if s is not after)
    }
    inside: list[str] = []
    outside: list[str] = []
    for (before, after), reason in TRANSITIONS.items():
        if before in _ACTIVE and (after, reason) in common:
            continue
        line = f"{names[before]} --> {names[after]}: {reason}"
        (inside if before in _ACTIVE and after in _ACTIVE else outside).append(line)
    lines += [f"        {line}" for line in inside] + ["    }"] + [f"    {line}" for line in outside]
    shared = sorted((names[after], reason) for after, reason in common)
    return "\n".join(lines + [f"    active --> {after}: {reason}" for after, reason in shared]) + "\n"
