"""Mover: joint targets in, one continuous motion out, as windows for the controllers. The pipeline's second half."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import numpy as np

from speech_gesture_pkg.config import GestureConfig
from speech_gesture_pkg.runtime.follow_watch import NEAR
from speech_gesture_pkg.trajectory.composer import Composer, ComposerState, Window
from speech_gesture_pkg.trajectory.director import Director, Goal
from speech_gesture_pkg.trajectory.layout import JointLayout
from speech_gesture_pkg.trajectory.stuck import StuckWatch

AHEAD = 0.3
"""How far beyond the lead known motion is put into a window, s."""
REJOIN = 0.2
"""After so long without live motion the robot has braked, and joins in again by a blend, s."""
DISPLACED = 0.1
"""A robot that was moved by more than this while it was not watched is approached anew, rad or m."""

_ATTEMPTS = 3
"""So often the way to rest is planned before the robot is left where it stops."""


class Mover:
    """Director and composer with what they know of one robot.

    Args:
        layout: commanded joints, controllers and limits.
        config: all parameters.
        rest: the retargeter's rest pose. Shape [R].
        distance: least capsule distance for commanded joints `[N, J] -> [N]`, m; None switches the check off.
        dt: grid step, s.

    Attributes:
        reference: the motion as known so far.
        director: where it leads.
    """

    def __init__(
        self,
        layout: JointLayout,
        config: GestureConfig,
        rest: np.ndarray,
        distance: Callable[[np.ndarray], np.ndarray] | None,
        dt: float,
    ) -> None:
        safety = config.safety
        self.layout, self.dt = layout, dt
        self._lead, self._shortest = config.trajectory.lead, config.trajectory.window
        self._composer = Composer(
            layout.limits, dt, distance if safety.self_collision else None, safety.collision_margin
        )
        self._stuck = StuckWatch(layout, rest)
        self._hold = np.zeros(len(layout.joint_names))
        self._near: np.ndarray | None = None
        self.reference: ComposerState = self._composer.start(layout.rest_from(self._hold), 0.0)
        self._sent = self.reference
        self.director = Director(layout.rest_from(self._hold), safety.approach_speed, layout.limits.links)

    @property
    def goal(self) -> Goal:
        """Where it leads now."""
        return self.director.goal

    @property
    def braking_time(self) -> float:
        """Longest time from a call of `discard` to rest, s: the lead, the points that are frozen, the tail."""
        return self._lead + 3.0 * self.dt + self._composer.braking_time

    @property
    def limited_share(self) -> float:
        """Share of trajectory points that a limit held back, in [0, 1]."""
        counts = self.reference.counts
        return counts.limited / counts.steps if counts.steps else 0.0

    def commanded(self, now: float) -> np.ndarray:
        """Where the controllers should be at node time `now`, rad or m. Shape [J]."""
        return self._composer.positions_at(self.reference, now)

    def withdraw(self) -> None:
        """The last windows could not be sent in time: the robot still follows the ones before."""
        self.reference = self._sent

    def limit_links(self, speed: float) -> None:
        """Another largest speed of hands, wrists and elbows, m/s."""
        self._composer = self._composer.with_link_speed(speed)
        self.reference, self._sent = self._composer.adopt(self.reference), self._composer.adopt(self._sent)
        self.director = replace(self.director, links=self._composer.limits.links)

    def start_from(self, q: np.ndarray, now: float) -> None:
        """At rest at the measured joints `q` [J]; nothing is chased."""
        self._hold = np.array(q)
        self.reference = self._composer.start(self._hold, now)
        self.director = replace(self.director.brake(), rest=self.layout.rest_from(self._hold))

    def lead_to(self, goal: Goal, now: float) -> None:
        """Blend from where the reference would stop to `goal`."""
        time = self._composer.next_time(self.reference)
        self.director = self.director.towards(goal, self.stop_point(), max(time, now))

    def stop_then(self, goal: Goal, now: float) -> None:
        """Brake to a stop, and only then blend to `goal`."""
        self.discard(now)
        time = self._composer.next_time(self.reference) + self._composer.time_to_rest(self.reference)
        self.director = self.director.towards(goal, self.stop_point(), max(time, now))

    def brake(self, now: float) -> None:
        """Stop; nothing is chased."""
        self.discard(now)
        self.director = self.director.brake()

    def discard(self, now: float) -> None:
        """Drop the planned motion that the controllers need not follow any more."""
        self.reference = self._composer.discard(self._composer.commit(self.reference, now, self._lead))

    def shift(self, seconds: float) -> None:
        """The clock was set: the robot has gone on moving, its reference moves along to the new time."""
        self.reference = replace(self.reference, grid=self.reference.grid + seconds)

    def stop_point(self) -> np.ndarray:
        """Where the joints come to rest if nothing more is chased. Shape [J]."""
        return self._composer.stop_point(self.reference)

    def stands(self, now: float) -> bool:
        """Whether the robot has come to rest by now."""
        return self._composer.at_rest(self.reference) and bool(
            np.abs(self.commanded(now) - self.stop_point()).max() < 1e-6
        )

    def displaced(self, measured: np.ndarray) -> bool:
        """Whether a robot that stands is not where it was left."""
        return bool(np.abs(measured - self.stop_point()).max() > DISPLACED)

    def last_windows(self, now: float, rest: bool, steady: Callable[[], float]) -> dict[str, Window]:
        """Brake, and go to the rest pose if `rest`; a controller finishes it alone.

        To plan the way to rest clear of the body takes up to a second on robots with many shapes. The window must still
        be stamped ahead of the time at which it is sent: what is late is planned anew from further on, where the
        braking tail that the controllers have has already stopped the robot.
        """
        began, lead = steady(), self._lead
        pose, speed = self.director.rest, self.director.approach_speed
        for _ in range(_ATTEMPTS if rest else 0):
            final = self._composer.stop(self.reference, now, lead, pose, speed)
            spent = steady() - began
            if spent + 0.5 * self._lead < lead:
                return self._split(final)
            lead = self._lead + 3.0 * spent
        return self._split(self._composer.hold(self.reference, now, lead)[1])

    def move(
        self, now: float, take: Callable[[float], np.ndarray | None], near: np.ndarray | None = None
    ) -> dict[str, Window]:
        """Targets whose time has come to control points, and the windows from them; {} if nothing has changed.

        Args:
            now: time of sending, s.
            take: the retargeter's joints [R] for a grid time, None if there are none; asked while following only.
            near: pose [J] that no target may be farther than `NEAR` from; None = anywhere.
        """
        lead, composer = self._lead, self._composer
        if near is None and self._near is not None and self.goal is not Goal.BRAKE:
            self.lead_to(self.goal, now)
        self._near = near
        self._sent = self.reference
        self.reference = composer.commit(self.reference, now, lead)
        targets: list[np.ndarray] = []
        time = composer.next_time(self.reference)
        following = self.goal is Goal.FOLLOW
        while time < now + lead + AHEAD:
            q = take(time) if following else None
            if q is None and following:
                break
            if following and not targets and self.reference.gap * self.dt > REJOIN:
                self.lead_to(Goal.FOLLOW, now)
            live = None if q is None else self.layout.from_retargeter(q[None], self._hold)[0]
            target, self.director = self.director.target(time, live)
            targets.append(target if near is None else np.clip(target, near - NEAR, near + NEAR))
            time += self.dt
        resting = not following and composer.at_rest(self.reference) and not self.director.blending(time)
        # The first window goes out at once: a robot that stands outside its limits needs the time to come inside.
        if (resting or not targets) and self.reference.sent is not None:
            return {}
        if targets:
            self.reference = composer.extend(self.reference, np.array(targets))
        self.reference, window = composer.publish(self.reference, now, lead, self._shortest, on_knot=False)
        return self._split(window)

    def stuck(self) -> np.ndarray | None:
        """The retargeter's joints [R] where the motion got stuck before the robot's body; None if it did not."""
        return self._stuck.look(self.reference)

    def _split(self, window: Window) -> dict[str, Window]:
        return {name: window.select(joints) for name, joints in self.layout.controllers.items()}
