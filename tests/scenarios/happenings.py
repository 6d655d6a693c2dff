"""What happens to the robot of a scenario: drawn at random, each for a while."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from world import NAMES, World

from speech_gesture_pkg.pipeline.states import State

Undo = Callable[[], None]


def _lie(world: World, seconds: float, lie, believable: bool = False) -> None:
    world.state_lies.append(lie)
    if believable:
        world.believable.append(lie)
    world.later(seconds, lambda: lie in world.state_lies and world.state_lies.remove(lie))


def zeros_at_first(w: World) -> None:
    """A driver that starts tells zeros for a while."""
    _lie(w, float(w.rng.uniform(0.05, 0.35)), lambda q: np.zeros_like(q))


def forgotten_publisher(w: World) -> None:
    """Zeros between the real states, ten times a second."""
    count = iter(range(10**9))
    _lie(w, float(w.rng.uniform(0.5, 4.0)), lambda q: np.zeros_like(q) if next(count) % 10 == 0 else q)


def not_a_number(w: World) -> None:
    joint = int(w.rng.integers(len(NAMES)))
    _lie(w, float(w.rng.uniform(0.2, 1.5)), lambda q: np.where(np.arange(len(q)) == joint, np.nan, q))


def frozen(w: World) -> None:
    """The driver repeats one state."""
    kept = w.robot.copy()
    _lie(w, float(w.rng.uniform(0.2, 3.0)), lambda _: kept, believable=True)


def encoder_offset(w: World) -> None:
    joint, offset = int(w.rng.integers(len(NAMES))), float(w.rng.uniform(-0.6, 0.6))
    _lie(w, float(w.rng.uniform(0.2, 3.0)), lambda q: q + offset * (np.arange(len(q)) == joint), True)


def dropout(w: World) -> None:
    _lie(w, float(w.rng.uniform(0.3, 1.2)), lambda _: None)


def dropouts(w: World) -> None:
    """They come back for a moment, again and again."""
    gap, burst = float(w.rng.uniform(0.45, 0.65)), float(w.rng.uniform(0.01, 0.1))
    begin = w.steady.now
    _lie(w, 5.0, lambda q: q if (w.steady.now - begin) % (gap + burst) > gap else None)


def delay(w: World) -> None:
    w.state_delay = float(w.rng.uniform(0.03, 0.2))
    w.later(float(w.rng.uniform(0.5, 3.0)), lambda: setattr(w, "state_delay", 0.0))


def slow_states(w: World) -> None:
    w.state_every = float(w.rng.choice([0.02, 0.05, 0.1]))


def deactivate_activate(w: World) -> None:
    """At once, or after a while."""
    w.deactivate()
    w.wants_active = False
    w.later(float(w.rng.choice([0.0, 0.05, 0.4, 1.5])), lambda: setattr(w, "wants_active", True))


def restart(w: World) -> None:
    """The node ends, and another one begins."""
    w.deactivate()
    w.pipeline = w.make()


def kill(w: World) -> None:
    """The node dies, and another one begins."""
    w.pipeline = w.make()


def stall(w: World) -> None:
    """No step for a while."""
    w.stalled_until = w.steady.now + float(w.rng.uniform(0.1, 2.0))


def storm_of_orders(w: World) -> None:
    for _ in range(int(w.rng.integers(1, 6))):
        order = int(w.rng.integers(4))
        if order == 0:
            w.pipeline.pause(True, w.now)
        elif order == 1:
            w.pipeline.pause(False, w.now)
        elif order == 2:
            w.pipeline.reset(w.now)
        else:
            w.pipeline.restyle(w.config.with_values({"style.amplitude": float(w.rng.uniform(0.0, 2.0))}))
    w.later(1.0, lambda: w.pipeline.pause(False, w.now))


def both_clocks(w: World) -> None:
    """The clock is set, of node and controllers alike."""
    w.step_clock(float(w.rng.choice([-5.0, -0.3, 0.3, 0.8, 6.0])), True)


def our_clock(w: World) -> None:
    """The robot's clock is another one for a while."""
    seconds = float(w.rng.choice([-3.0, -0.6, 0.1, 0.6, 3.0]))
    w.step_clock(seconds, False)
    w.later(float(w.rng.uniform(0.5, 3.0)), lambda: w.step_clock(-seconds, False))


def controllers_off_and_on(w: World) -> None:
    which = [k for k in range(2) if w.rng.random() < 0.7] or [0]
    w.switch(False, which)
    w.later(float(w.rng.uniform(0.5, 3.0)), lambda: w.switch(True, which))


def somebody_else(w: World) -> None:
    if w.pipeline.state is not State.FAILED:
        w.foreign(float(w.rng.uniform(0.3, 2.0)))


def lost_windows(w: World) -> None:
    w.loss = float(w.rng.uniform(0.1, 0.6))
    w.later(float(w.rng.uniform(0.3, 2.0)), lambda: setattr(w, "loss", 0.0))


def mischief(w: World) -> None:
    who = w.generator if w.rng.random() < 0.6 else w.puppeteer
    kinds = ("raise", "nan", "wild") if who is w.generator else ("raise", "nan")
    who.mischief = str(w.rng.choice(kinds))
    w.later(float(w.rng.uniform(0.1, 2.0)), lambda: setattr(who, "mischief", ""))


def silence(w: World) -> None:
    w.speaking = False
    w.later(float(w.rng.uniform(0.3, 3.0)), lambda: setattr(w, "speaking", True))


HAPPENINGS = (
    *(zeros_at_first, forgotten_publisher, not_a_number, frozen, encoder_offset, dropout, dropouts, delay, slow_states),
    *(deactivate_activate, restart, kill, stall, storm_of_orders, both_clocks, our_clock, controllers_off_and_on),
    *(somebody_else, lost_windows, mischief, silence),
)
