"""Mover: joint targets in, one continuous motion out, as windows for the controllers. The pipeline's second half."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import numpy as np

from speech_gesture_pkg.config import GestureConfig
from speech_gesture_pkg.pipeline.reference import Reference
from speech_gesture_pkg.pipeline.robot_interface import RobotInterface
from speech_gesture_pkg.pipeline.tracking_monitor import allowance
from speech_gesture_pkg.trajectory.blend import bridge_duration
from speech_gesture_pkg.trajectory.composer import Composer, ComposerState, Window
from speech_gesture_pkg.trajectory.deadlock import StuckWatch
from speech_gesture_pkg.trajectory.goal_blending import Director, Goal
from speech_gesture_pkg.trajectory.window_begin import PAST, WindowTimings

AHEAD = 0.3
"""How far beyond the lead known motion is put into a window, s."""
REJOIN = 0.2
"""After so long without live motion the robot has braked, and joins in again by a blend, s."""
STRAY = 0.25
"""A controller may think that it is so far from where the robot stands, rad or m, if `follow_tolerance` is 0."""
JOINED = 0.01
"""Windows go on so long after the controllers have reached the first point, s: their clock may be a little behind."""
SPARE = 1.15
"""The time for the way to the beginning is longer by this than a robot that stands would need."""
SETTLING = 1.5
"""Or by this, for one that may not quite have come to rest."""
PROBE = 0.05
"""A robot that did not follow is moved by this to see whether it follows again, rad or m."""

_ATTEMPTS = 3
"""So often the way to rest is planned before the robot is left where it stops."""


class Mover:
    """Director and composer with what they know of one robot.

    Motion that begins from standing begins with a window whose first point lies so far ahead that a controller gets
    there inside all limits by its own interpolation, from wherever it may think it is; nothing else is sent until then.

    Args:
        robot: its joints, limits and controllers.
        config: all parameters.
        dt: grid step, s.

    Attributes:
        reference: the motion as known so far.
        timings: how the controllers take up windows.
        director: where it leads.
        silent: whether nothing is sent: what the controllers have ends by itself.
        behind: how far the controllers' clock may be behind the node's, s.
        probed: where the last probe began and ended. Shape [J] each.
    """

    def __init__(self, robot: RobotInterface, config: GestureConfig, dt: float) -> None:
        safety, layout = config.safety, robot.layout
        self.layout, self.dt = layout, dt
        self._lead, self._shortest = config.trajectory.lead, config.trajectory.window
        self._past = 0.0 if config.trajectory.stamp_zero else PAST
        self.timings = WindowTimings(layout.controllers, robot.timing)
        self._stray = allowance(layout, safety.follow_tolerance or STRAY)
        self._stuck = StuckWatch(layout, robot.retargeter.rest)
        self._hold = np.zeros(len(layout.joint_names))
        rest = layout.rest_from(self._hold)
        distance = robot.distance if safety.self_collision else None
        self.reference = Reference(Composer(layout.limits, dt, distance, safety.collision_margin), rest, self._lead)
        self.director = Director(rest, safety.approach_speed, layout.limits.links)
        self.silent, self.behind = False, 0.0
        self._pose, self._bridge = self.reference.state.last, 0.0
        self._outbox: dict[str, Window] = {}
        self.probed = (self._hold, self._hold)

    @property
    def goal(self) -> Goal:
        """Where it leads now."""
        return self.director.goal

    @property
    def braking_time(self) -> float:
        """Longest time from dropping the planned motion to rest, s: the lead, the points that are frozen, the tail."""
        return self._lead + 3.0 * self.dt + self.reference.composer.braking_time

    @property
    def _reach_back(self) -> float:
        """How long before they are sent windows begin, s."""
        return self._past + self.behind if self._past else 0.0

    def chance(self, now: float) -> float:
        """The next node time from `now` on at which windows can be sent, s."""
        return self.timings.chance(self.reference.state, now)

    def limit_links(self, speed: float) -> None:
        """Another largest speed of hands, wrists and elbows, m/s."""
        self.reference.limit_links(speed)
        self.director = replace(self.director, links=self.reference.composer.limits.links)

    def start_from(self, q: np.ndarray, now: float, desired: np.ndarray | None = None) -> None:
        """At rest at the measured joints `q` [J]; no goal.

        Controllers say where they think they are (`desired` [J]); else they may be `safety.follow_tolerance` away, or
        where they were last sent, and may still move slowly.
        """
        sent = self.reference.state.sent is not None
        known = np.abs(q - self.reference.stop_point()) if sent else np.zeros_like(self._stray)
        known = np.maximum(known, 0.0 if desired is None else np.abs(q - desired))
        away = known if desired is not None else np.maximum(self._stray, known)
        self._hold = np.array(q)
        self.director = replace(self.director.brake(), rest=self.layout.rest_from(self._hold))
        self._begin(self._hold, now, SPARE * bridge_duration(self.reference.composer.limits, away, known))

    def _rejoin(self, measured: np.ndarray, now: float) -> None:
        """Go on from where the motion stands, on the same grid.

        Controllers may have been switched off and on meanwhile: then they think they are where the robot is.
        """
        here, grid = self.reference.stop_point(), self.reference.grid
        away = np.abs(measured - here)
        bridge = SETTLING * bridge_duration(self.reference.composer.limits, away, away)
        steps = np.ceil((now + self._lead + bridge - grid) / self.dt)
        self._begin(here, now, grid + steps * self.dt - now - self._lead)

    def _begin(self, q: np.ndarray, now: float, bridge: float) -> None:
        self.silent, self._outbox, self._pose, self._bridge = False, {}, q, bridge
        self.reference.begin(q, now, bridge)

    def take_over(self, other: Mover) -> bool:
        """Another mover of the same robot has sent what the controllers execute now; whether this one can go on."""
        same = other.layout.joint_names == self.layout.joint_names and other.dt == self.dt
        if not same or other.reference.state.sent is None or other.silent:
            return False
        self.reference.take_over(other.reference)
        self._hold = other._hold
        self.director = replace(self.director, rest=self.layout.rest_from(self._hold))
        return True

    def lead_to(self, goal: Goal, now: float) -> None:
        """Blend from where the reference would stop to `goal`."""
        self.silent = False
        self._lead_from(self.reference.composer.next_time(self.reference.state), goal, now)

    def stop_then(self, goal: Goal, now: float) -> None:
        """Brake to a stop, and only then blend to `goal`."""
        reference, composer = self.reference, self.reference.composer
        reference.discard(now)
        self._lead_from(composer.next_time(reference.state) + composer.time_to_rest(reference.state), goal, now)

    def _lead_from(self, time: float, goal: Goal, now: float) -> None:
        self.director = self.director.towards(goal, self.reference.stop_point(), max(time, now))

    def brake(self, now: float, silent: bool = False) -> None:
        """Stop; no goal. `silent`: nothing is sent either; the controllers finish the tail that they have."""
        if not silent:
            self.reference.discard(now)
        self.director, self.silent, self._outbox = self.director.brake(), silent, {}

    def probe(self, q: np.ndarray, now: float) -> float:
        """Move the robot that stands at `q` [J] a little, by one window; returns when that has ended, s.

        A controller that is switched on meanwhile, or does not take the window up at all, leaves it where it stands.
        """
        limits, reference = self.layout.limits, self.reference
        self.start_from(q, now)
        begin = reference.stop_point()
        middle = 0.5 * (limits.lower + limits.upper)
        watched = self.layout.watched & (self.layout.source >= 0)
        end = np.where(watched, begin + np.clip(middle - begin, -PROBE, PROBE), begin)
        reference.state, window = self._plan_stop(end, now, self._lead)
        self.silent, self._outbox = True, self._split(window, now)
        reference.joined, self.probed = window.end, (begin, reference.stop_point())
        return window.end

    def _plan_stop(self, rest: np.ndarray, now: float, lead: float) -> tuple[ComposerState, Window]:
        """Brake, and then to the pose `rest` [J]."""
        composer, speed = self.reference.composer, self.director.approach_speed
        return composer.stop(self.reference.state, now, lead, rest, speed, self._reach_back)

    def last_windows(self, now: float, rest: bool, steady: Callable[[], float]) -> dict[str, Window]:
        """Brake, and go to the rest pose if `rest`; a controller finishes it alone. A robot that brakes is left alone.

        To plan the way to rest clear of the body takes up to a second on robots with many shapes. The window must still
        be stamped ahead of the time at which it is sent: what is late is planned again from further on, where the
        braking tail that the controllers have has already stopped the robot.
        """
        reference = self.reference
        if self.goal is Goal.BRAKE or (reference.state.sent is not None and now < reference.joined):
            return {}  # it stands, or what it has ends by itself
        reference.remember()
        began, lead = steady(), self._lead
        state, window = reference.state, None
        for _ in range(_ATTEMPTS if rest else 0):
            state, final = self._plan_stop(self.director.rest, now, lead)
            spent = steady() - began
            if spent + 0.5 * self._lead < lead:
                window = final
                break
            lead = self._lead + 3.0 * spent
        if window is None:
            state, window = reference.composer.hold(reference.state, now, lead, self._reach_back)
        reference.state, reference.sent_at = state, now
        return self._split(window, now + lead - self._lead)

    def move(
        self,
        now: float,
        take: Callable[[float], np.ndarray | None],
        ready: bool = True,
        standing: np.ndarray | None = None,
    ) -> dict[str, Window]:
        """Targets whose time has come to control points, and the windows from them; {} if nothing has changed.

        Args:
            now: time of sending, s.
            take: the retargeter's joints [R] for a grid time, None if there are none; asked while following only.
            ready: whether `take` has something to give.
            standing: where the robot stands; None = it moves, or it is not known. Shape [J].
        """
        reference, composer = self.reference, self.reference.composer
        reference.remember()
        if self.silent:
            reference.state = composer.commit(reference.state, now, self._lead)
            out, self._outbox = self._outbox, {}
            return out
        if reference.state.sent is None:
            return self._first(now)
        if now < reference.joined or self.chance(now) > now:
            return {}
        reference.state = composer.commit(reference.state, now, self._lead)
        time, following = composer.next_time(reference.state), self.goal is Goal.FOLLOW
        wanted = ready if following else not self._has_come_to_rest(time)
        if wanted and standing is not None and now - reference.sent_at > REJOIN and reference.rests(now):
            self._rejoin(standing, now)
            return self._first(now)
        targets, end = self._targets(time, now, take)
        if not targets or (not following and self._has_come_to_rest(end)):
            return {}
        reference.state = composer.extend(reference.state, np.array(targets))
        return self._publish(now)

    def _has_come_to_rest(self, time: float) -> bool:
        """Whether a motion that does not follow the speech has ended before grid time `time`."""
        return self.reference.composer.at_rest(self.reference.state) and not self.director.blending(time)

    def _targets(
        self, time: float, now: float, take: Callable[[float], np.ndarray | None]
    ) -> tuple[list[np.ndarray], float]:
        """The director's joint vectors [J] for grid times from `time` on, as far as they are known; and their end."""
        following = self.goal is Goal.FOLLOW
        targets: list[np.ndarray] = []
        while time < now + self._lead + AHEAD:
            q = take(time) if following else None
            if q is None and following:
                break
            if following and not targets and self.reference.state.gap * self.dt > REJOIN:
                self.lead_to(Goal.FOLLOW, now)
            live = None if q is None else self.layout.from_retargeter(q[None], self._hold)[0]
            target, self.director = self.director.target(time, live)
            targets.append(target)
            time += self.dt
        return targets, time

    def _first(self, now: float) -> dict[str, Window]:
        """The window that begins the motion, planned again with every attempt to send it."""
        self.reference.begin(self._pose, now, self._bridge)
        windows = self._publish(now)
        self.reference.joined = self.reference.sent_at = self.reference.grid + JOINED + self.behind
        return windows

    def _publish(self, now: float) -> dict[str, Window]:
        reference, composer = self.reference, self.reference.composer
        reference.state, window = composer.publish(
            reference.state, now, self._lead, self._shortest, past=self._reach_back
        )
        reference.sent_at = now
        return self._split(window, now)

    def stuck(self) -> np.ndarray | None:
        """The retargeter's joints [R] where the motion got stuck before the robot's body; None if it did not."""
        return self._stuck.look(self.reference.state, self._hold)

    def _split(self, window: Window, now: float) -> dict[str, Window]:
        return self.timings.split(self.reference.state, window, now, self._lead)
