"""What `bench --soak` does to the gesture node: one generator per kind of fault.

A fault is a generator that does something and yields the seconds until it wants to go on. Its random choices come from
the generator of random numbers that it is given, so that a seed repeats them.
"""

from __future__ import annotations

import math
import os
import random
import signal
import time
from collections.abc import Callable, Generator, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np

from speech_gesture_pkg.cli.processes import NodeProcess

Steps = Generator[float, None, None]
DEACTIVATE, ACTIVATE, CONFIGURE, CLEANUP = 4, 3, 1, 2
"""Of lifecycle_msgs/Transition."""
ANSWER = 10.0
"""A service of the gesture node answers within so long, s."""
SPEECH_RATE = 16000
HUGE = 30.0
"""Sound in the longest message, s."""
_USUAL: dict[str, Any] = {
    "style.amplitude": 1.0,
    "style.rate": 1.0,
    "style.parts": ["body", "hands", "face"],
    "safety.max_link_speed": 1.5,
}
_REFUSED: tuple[tuple[str, Any], ...] = (
    ("style.amplitude", math.nan),
    ("style.rate", 1e9),
    ("trajectory.lead", 0.2),
    ("style.amplitude", "loud"),
)


class Bed(Protocol):
    """What faults work on."""

    graph: Any
    gesture: NodeProcess
    robot: NodeProcess
    player: NodeProcess
    joints: Mapping[str, Sequence[str]]
    """Of each trajectory topic."""

    def start_player(self) -> None:
        """A new speech player, after the old one has ended."""

    def problem(self, sentence: str) -> None:
        """Something is wrong that no fault should cause."""

    def held(self, process: NodeProcess, begin: float, end: float) -> None:
        """A process was stopped on purpose (Unix time, s)."""


@dataclass(frozen=True)
class Fault:
    """A kind of fault.

    Attributes:
        name: of the kind.
        run: does it.
        stops: whether the robot must stand still meanwhile.
    """

    name: str
    run: Callable[[Bed, random.Random], Steps]
    stops: bool = False


def audio_gap(bed: Bed, rng: random.Random) -> Steps:
    """Some messages are lost."""
    yield from _spoilt(bed, lambda _: [], rng.uniform(0.05, 0.45))


def audio_ends(bed: Bed, rng: random.Random) -> Steps:
    """The speaker falls silent without a word."""
    yield from _spoilt(bed, lambda _: [], rng.uniform(1.0, 8.0))


def audio_burst(bed: Bed, rng: random.Random) -> Steps:
    """The network holds messages back and then brings them all at once."""
    held: list[bytes] = []

    def hold(payload: bytes) -> Sequence[bytes]:
        held.append(payload)
        return []

    yield from _spoilt(bed, hold, rng.uniform(0.2, 1.2))
    for payload in held:
        bed.graph.say(payload)


def audio_nan(bed: Bed, rng: random.Random) -> Steps:
    """Samples that are no numbers."""
    value = rng.choice((np.nan, np.inf, -np.inf))

    def spoil(payload: bytes) -> Sequence[bytes]:
        samples = np.frombuffer(payload, "<f4").copy()
        samples[rng.randrange(max(len(samples), 1)) :] = value
        return [samples.tobytes()]

    yield from _spoilt(bed, spoil, rng.uniform(0.1, 2.0))


def audio_loud(bed: Bed, rng: random.Random) -> Steps:
    """A gain far too high, or noise at full scale."""
    gain, noise = 10.0 ** rng.uniform(1, 30), rng.random() < 0.5
    numbers = np.random.default_rng(rng.randrange(2**32))

    def spoil(payload: bytes) -> Sequence[bytes]:
        samples = np.frombuffer(payload, "<f4")
        with np.errstate(over="ignore"):
            loud = numbers.uniform(-1, 1, len(samples)) if noise else samples * np.float32(gain)
        return [np.asarray(loud, "<f4").tobytes()]

    yield from _spoilt(bed, spoil, rng.uniform(0.2, 3.0))


def audio_odd_bytes(bed: Bed, rng: random.Random) -> Steps:
    """Messages that end within a sample, or are empty."""
    yield from _spoilt(bed, lambda x: [x[: -rng.randint(1, 3)] if rng.random() < 0.8 else b""], rng.uniform(0.2, 3.0))


def audio_mp3(bed: Bed, rng: random.Random) -> Steps:
    """A source that was switched to mp3."""
    head = rng.choice((b"ID3\x04\x00\x00", b"\xff\xfb\x90\x64", b"\xff\xf3\x84\xc4"))
    yield from _spoilt(bed, lambda x: [head + rng.randbytes(len(x) - len(head) // 4 * 4)], rng.uniform(0.3, 3.0))


def audio_wrong_rate(bed: Bed, rng: random.Random) -> Steps:
    """The source sends two, or half, as many samples a second as it says."""
    if rng.random() < 0.5:
        yield from _spoilt(bed, lambda x: [x, x], rng.uniform(0.5, 4.0))
    else:
        yield from _spoilt(bed, lambda x: [x[: len(x) // 8 * 4]], rng.uniform(0.5, 4.0))


def audio_huge(bed: Bed, rng: random.Random) -> Steps:
    """One message that holds many seconds."""
    numbers = np.random.default_rng(rng.randrange(2**32))
    bed.graph.say((0.01 * numbers.standard_normal(round(HUGE * SPEECH_RATE))).astype("<f4").tobytes())
    yield 1.0


def second_publisher(bed: Bed, rng: random.Random) -> Steps:
    """Another node speaks on the audio topic, too."""
    speak = bed.graph.second_voice()
    numbers = np.random.default_rng(rng.randrange(2**32))
    for _ in range(round(rng.uniform(1.0, 4.0) / 0.032)):
        speak(numbers.uniform(-0.5, 0.5, 512).astype("<f4").tobytes())
        yield 0.032
    bed.graph.leave()


def player_killed(bed: Bed, rng: random.Random) -> Steps:
    """The speech player is killed and started again."""
    os.kill(bed.player.pid, signal.SIGKILL)
    yield rng.uniform(0.2, 4.0)
    bed.player.stop()
    bed.graph.renew_voice()
    bed.start_player()
    yield 1.5


def joint_states_pause(bed: Bed, rng: random.Random) -> Steps:
    """Joint states stop for less than the node's patience."""
    yield from _withheld(bed, lambda _: None, rng.uniform(0.05, 0.35))


def joint_states_stop(bed: Bed, rng: random.Random) -> Steps:
    """Joint states stop."""
    yield from _withheld(bed, lambda _: None, rng.uniform(2.0, 5.0))


def joint_states_nan(bed: Bed, rng: random.Random) -> Steps:
    """An encoder without a signal: positions that are no numbers."""
    value, joint = rng.choice((math.nan, math.inf)), rng.randrange(10_000)

    def spoil(message: Any) -> Any:
        message.position[joint % len(message.position)] = value
        return message

    yield from _withheld(bed, spoil, rng.uniform(2.0, 5.0))


def joint_states_partial(bed: Bed, rng: random.Random) -> Steps:
    """Half of the joints are not told any more."""

    def spoil(message: Any) -> Any:
        half = len(message.name) // 2
        message.name, message.position = message.name[:half], message.position[:half]
        message.velocity, message.effort = [], []
        return message

    yield from _withheld(bed, spoil, rng.uniform(2.0, 5.0))


def joint_states_frozen(bed: Bed, rng: random.Random) -> Steps:
    """A driver that repeats its last message, old stamp included."""
    kept: list[Any] = []

    def spoil(message: Any) -> Any:
        if not kept:
            kept.append(message)
        return kept[0]

    yield from _withheld(bed, spoil, rng.uniform(1.0, 5.0))


def foreign_commander(bed: Bed, rng: random.Random) -> Steps:
    """Another node commands a controller, at once or after a while."""
    topic = rng.choice(list(bed.joints))
    command = bed.graph.foreign_commander(topic)
    early = rng.random() < 0.5
    yield 0.3 if early else 3.0
    names = bed.joints[topic]
    where = dict(zip(bed.graph.joint_names, bed.graph.position.tolist(), strict=True))
    # a little towards zero: that stays inside the limits
    command({n: 0.9 * where[n] for n in names}, rng.uniform(0.5, 1.5))
    yield 4.0 if early else 2.0
    bed.graph.leave()


def pause(bed: Bed, rng: random.Random) -> Steps:
    """Paused by request, and later not any more."""
    yield from _answered(bed, bed.graph.pause(True), "pause")
    yield rng.uniform(4.0, 7.0)
    yield from _answered(bed, bed.graph.pause(False), "pause")


def reset(bed: Bed, rng: random.Random) -> Steps:
    """Told to forget, once or many times."""
    for _ in range(rng.choice((1, 1, 2, 20))):
        yield from _answered(bed, bed.graph.reset(), "reset")


def parameters(bed: Bed, rng: random.Random) -> Steps:
    """Parameters change while it runs; values that are not allowed are offered, too."""
    for _ in range(rng.randint(1, 4)):
        name, value = rng.choice(
            (
                ("style.amplitude", rng.uniform(0.0, 2.0)),
                ("style.rate", rng.uniform(0.0, 2.0)),
                ("style.parts", rng.sample(("body", "hands", "face"), rng.randint(1, 3))),
                ("safety.max_link_speed", rng.uniform(0.3, 1.5)),
            )
        )
        yield from _set(bed, name, value)
        yield rng.uniform(0.1, 1.5)
    name, value = rng.choice(_REFUSED)
    yield from _set(bed, name, value, allowed=False)
    for name, value in _USUAL.items():
        yield from _set(bed, name, value)


def deactivated(bed: Bed, rng: random.Random) -> Steps:
    """A lifecycle manager takes it out and in again."""
    yield from _lifecycle(bed, rng, (DEACTIVATE,), (ACTIVATE,))


def reconfigured(bed: Bed, rng: random.Random) -> Steps:
    """As `deactivated`, down to unconfigured."""
    yield from _lifecycle(bed, rng, (DEACTIVATE, CLEANUP), (CONFIGURE, ACTIVATE))


def node_held_up(bed: Bed, rng: random.Random) -> Steps:
    """The machine does not let the gesture node run for a while."""
    yield from _stopped(bed, bed.gesture, rng.uniform(0.05, 0.95))


def robot_held_up(bed: Bed, rng: random.Random) -> Steps:
    """The machine does not let the robot's driver and controllers run for a while."""
    yield from _stopped(bed, bed.robot, rng.uniform(0.05, 0.45))


def two_at_once(bed: Bed, rng: random.Random) -> Steps:
    """A fault of the audio while something else goes wrong."""
    first = rng.choice((audio_gap, audio_burst, audio_nan, audio_odd_bytes, audio_wrong_rate))(bed, rng)
    second = rng.choice((node_held_up, robot_held_up, reset, joint_states_stop, pause))(bed, rng)
    due = {id(each): (0.0, each) for each in (first, second)}
    now = 0.0
    while due:
        key, (now, steps) = min(due.items(), key=lambda item: item[1][0])
        try:
            due[key] = (now + next(steps), steps)
        except StopIteration:
            del due[key]
        if due:
            yield max(min(at for at, _ in due.values()) - now, 0.0)


_STOPPING = (
    *(joint_states_stop, joint_states_nan, joint_states_partial, foreign_commander, pause, deactivated),
    reconfigured,
)
_KINDS: tuple[Callable[[Bed, random.Random], Steps], ...] = (
    *(audio_gap, audio_ends, audio_burst, audio_nan, audio_loud, audio_odd_bytes, audio_mp3, audio_wrong_rate),
    *(audio_huge, second_publisher, player_killed, joint_states_pause, joint_states_stop, joint_states_nan),
    *(joint_states_partial, joint_states_frozen, foreign_commander, pause, reset, parameters, deactivated),
    *(reconfigured, node_held_up, robot_held_up, two_at_once),
)
FAULTS = tuple(Fault(f.__name__, f, f in _STOPPING) for f in _KINDS)
"""Every kind of fault."""


def sequence(seed: int, kinds: Sequence[Fault] = FAULTS) -> Iterator[tuple[Fault, random.Random]]:
    """Faults without end, each with its own random numbers: all kinds in a random order, then in another one, ..."""
    rng = random.Random(seed)
    while True:
        for fault in rng.sample(kinds, len(kinds)):
            yield fault, random.Random(rng.randrange(2**63))


def _spoilt(bed: Bed, spoil: Callable[[bytes], Sequence[bytes]], seconds: float) -> Steps:
    bed.graph.audio = spoil
    yield seconds
    bed.graph.audio = None


def _withheld(bed: Bed, spoil: Callable[[Any], Any], seconds: float) -> Steps:
    bed.graph.joints = spoil
    yield seconds
    bed.graph.joints = None


def _stopped(bed: Bed, process: NodeProcess, seconds: float) -> Steps:
    begin = time.time()
    os.kill(process.pid, signal.SIGSTOP)
    try:
        yield seconds
    finally:
        os.kill(process.pid, signal.SIGCONT)
        bed.held(process, begin, time.time())


def _answered(bed: Bed, future: Any, service: str) -> Generator[float, None, Any]:
    """Wait for the answer; the response is the value of the expression."""
    for _ in range(round(ANSWER / 0.01)):
        if future.done():
            return future.result()
        yield 0.01
    bed.problem(f"service {service} has not answered within {ANSWER:g} s")
    return None


def _set(bed: Bed, name: str, value: Any, allowed: bool = True) -> Steps:
    response = yield from _answered(bed, bed.graph.set_parameter(name, value), "set_parameters")
    if response is not None and response.results[0].successful != allowed:
        why = response.results[0].reason
        bed.problem(f"parameter {name} = {value!r} was {'refused: ' + why if allowed else 'taken'}")


def _lifecycle(bed: Bed, rng: random.Random, down: Sequence[int], up: Sequence[int]) -> Steps:
    for number in down:
        response = yield from _answered(bed, bed.graph.transition(number), "change_state")
        if response is not None and not response.success:
            bed.problem(f"lifecycle transition {number} failed")
    yield rng.uniform(4.0, 6.0)
    for number in up:
        response = yield from _answered(bed, bed.graph.transition(number), "change_state")
        if response is not None and not response.success:
            bed.problem(f"lifecycle transition {number} failed")
