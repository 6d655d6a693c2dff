"""Mover: joint targets in, one continuous motion out, as windows for the controllers. The pipeline's second half."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace

import numpy as np

from speech_gesture_pkg.config import GestureConfig
from speech_gesture_pkg.pipeline.tracking_monitor import LAG, allowance
from speech_gesture_pkg.trajectory.blend import bridge_duration
from speech_gesture_pkg.trajectory.composer import Composer, ComposerState, Window
from speech_gesture_pkg.trajectory.deadlock import StuckWatch
from speech_gesture_pkg.trajectory.goal_blending import Director, Goal
from speech_gesture_pkg.trajectory.layout import JointLayout
from speech_gesture_pkg.trajectory.window_begin import PAST, Begin, Timing, next_chance

AHEAD = 0.3
"""How far beyond the lead known motion is put into a window, s."""
REJOIN = 0.2
"""After so long without live motion the robot has braked, and joins in again by a blend, s."""
DISPLACED = 0.1
"""A robot that was moved by more than this while it was not watched starts anew from there, rad or m."""
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
        layout: commanded joints, controllers and limits.
        config: all parameters.
        rest: the retargeter's rest pose. Shape [R].
        distance: least capsule distance for commanded joints `[N, J] -> [N]`, m; None switches the check off.
        dt: grid step, s.
        timing: by controller, how it takes up windows.

    Attributes:
        reference: the motion as known so far.
        director: where it leads.
        silent: whether nothing is sent: what the controllers have ends by itself.
        behind: how far the controllers' clock may be behind the node's, s.
    """

    def __init__(
        self,
        layout: JointLayout,
        config: GestureConfig,
        rest: np.ndarray,
        distance: Callable[[np.ndarray], np.ndarray] | None,
        dt: float,
        timing: Mapping[str, Timing] | None = None,
    ) -> None:
        safety = config.safety
        self.layout, self.dt = layout, dt
        self._lead, self._shortest = config.trajectory.lead, config.trajectory.window
        self._past = 0.0 if config.trajectory.stamp_zero else PAST
        self._timing = {name: (timing or {}).get(name, Timing()) for name in layout.controllers}
        self._composer = Composer(
            layout.limits, dt, distance if safety.self_collision else None, safety.collision_margin
        )
        self._stray = allowance(layout, safety.follow_tolerance or STRAY)
        self._stuck = StuckWatch(layout, rest)
        self._hold = np.zeros(len(layout.joint_names))
        self.reference: ComposerState = self._composer.start(layout.rest_from(self._hold), 0.0)
        self.director = Director(layout.rest_from(self._hold), safety.approach_speed, layout.limits.links)
        self.silent, self.behind = False, 0.0
        self._pose, self._bridge, self._joined = self.reference.last, 0.0, 0.0
        self._sent_at = -np.inf
        self._sent = (self.reference, self._sent_at, self._joined)
        self._outbox: dict[str, Window] = {}
        self._probe = (self._hold, self._hold)

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

    @property
    def _reach_back(self) -> float:
        """How long before they are sent windows begin, s."""
        return self._past + self.behind if self._past else 0.0

    @property
    def exact(self) -> bool:
        """Whether windows must be taken up by a certain cycle, so that clocks must agree within milliseconds."""
        return any(t.begin is Begin.BLENDED for t in self._timing.values())

    @property
    def begins(self) -> str:
        """Where windows begin: past, ahead or blended; by controller, if not alike."""
        kinds = {name: t.begin.name.lower() for name, t in self._timing.items()}
        alike = len(set(kinds.values())) == 1
        return next(iter(kinds.values())) if alike else ", ".join(f"{name} {kind}" for name, kind in kinds.items())

    @property
    def joined(self) -> float:
        """Time from which on windows may follow the one that begins the motion, s."""
        return self._joined

    def commanded(self, now: float) -> np.ndarray:
        """Where the controllers should be at node time `now`, rad or m. Shape [J]."""
        return self._composer.positions_at(self.reference, now)

    def _remember(self) -> None:
        self._sent = (self.reference, self._sent_at, self._joined)

    def withdraw(self) -> None:
        """The last windows could not be sent in time: the robot still follows the ones before."""
        self.reference, self._sent_at, self._joined = self._sent

    def limit_links(self, speed: float) -> None:
        """Another largest speed of hands, wrists and elbows, m/s."""
        self._composer = self._composer.with_link_speed(speed)
        self.reference = self._composer.adopt(self.reference)
        self._sent = (self._composer.adopt(self._sent[0]), *self._sent[1:])
        self.director = replace(self.director, links=self._composer.limits.links)

    def start_from(self, q: np.ndarray, now: float, desired: np.ndarray | None = None) -> None:
        """At rest at the measured joints `q` [J]; nothing is chased.

        Controllers say where they think they are (`desired` [J]); else they may be `safety.follow_tolerance` away, or
        where they were last sent, and may still move slowly.
        """
        known = np.abs(q - self.stop_point()) if self.reference.sent is not None else np.zeros_like(self._stray)
        known = np.maximum(known, 0.0 if desired is None else np.abs(q - desired))
        away = known if desired is not None else np.maximum(self._stray, known)
        self._hold = np.array(q)
        self.director = replace(self.director.brake(), rest=self.layout.rest_from(self._hold))
        self._begin(self._hold, now, SPARE * bridge_duration(self._composer.limits, away, known))

    def _rejoin(self, measured: np.ndarray, now: float) -> None:
        """Go on from where the motion stands, on the same grid.

        Controllers may have been switched off and on meanwhile: then they think they are where the robot is.
        """
        here, grid = self.stop_point(), self.reference.grid
        away = np.abs(measured - here)
        bridge = SETTLING * bridge_duration(self._composer.limits, away, away)
        steps = np.ceil((now + self._lead + bridge - grid) / self.dt)
        self._begin(here, now, grid + steps * self.dt - now - self._lead)

    def _begin(self, q: np.ndarray, now: float, bridge: float) -> None:
        self.silent, self._outbox, self._pose, self._bridge = False, {}, q, bridge
        self.reference = self._composer.start(q, now + self._lead, bridge)

    def go_on_from(self, other: Mover) -> bool:
        """Another mover of the same robot has sent what the controllers execute now; whether this one can go on."""
        same = other.layout.joint_names == self.layout.joint_names and other.dt == self.dt
        if not same or other.reference.sent is None or other.silent:
            return False
        self.reference, self._hold = self._composer.adopt(other.reference), other._hold
        self._joined, self._sent_at = other._joined, other._sent_at
        self.director = replace(self.director, rest=self.layout.rest_from(self._hold))
        return True

    def lead_to(self, goal: Goal, now: float) -> None:
        """Blend from where the reference would stop to `goal`."""
        self.silent = False
        time = self._composer.next_time(self.reference)
        self.director = self.director.towards(goal, self.stop_point(), max(time, now))

    def stop_then(self, goal: Goal, now: float) -> None:
        """Brake to a stop, and only then blend to `goal`."""
        self.discard(now)
        time = self._composer.next_time(self.reference) + self._composer.time_to_rest(self.reference)
        self.director = self.director.towards(goal, self.stop_point(), max(time, now))

    def brake(self, now: float, silent: bool = False) -> None:
        """Stop; nothing is chased. `silent`: nothing is sent either; the controllers finish the tail that they have."""
        if not silent:
            self.discard(now)
        self.director, self.silent, self._outbox = self.director.brake(), silent, {}

    def probe(self, q: np.ndarray, now: float) -> float:
        """Move the robot that stands at `q` [J] a little, by one window; returns when that has ended, s.

        A controller that is switched on meanwhile, or does not take the window up at all, leaves it where it stands.
        """
        limits = self._composer.limits
        self.start_from(q, now)
        begin = self.stop_point()
        middle = 0.5 * (limits.lower + limits.upper)
        watched = self.layout.watched & (self.layout.source >= 0)
        end = np.where(watched, begin + np.clip(middle - begin, -PROBE, PROBE), begin)
        pose, speed = end, self.director.approach_speed
        self.reference, window = self._composer.stop(self.reference, now, self._lead, pose, speed, self._reach_back)
        self.silent, self._outbox = True, self._split(window, now)
        self._joined, self._probe = window.end, (begin, self.stop_point())
        return window.end

    @property
    def probed(self) -> tuple[np.ndarray, np.ndarray]:
        """Where the last probe began and ended. Shape [J] each."""
        return self._probe

    def discard(self, now: float) -> None:
        """Drop the planned motion that the controllers need not follow any more."""
        self.reference = self._composer.discard(self._composer.commit(self.reference, now, self._lead))

    def shift(self, seconds: float) -> None:
        """The clock was set: the robot has gone on moving, its reference moves along to the new time."""
        self.reference = replace(self.reference, grid=self.reference.grid + seconds)
        self._joined, self._sent_at = self._joined + seconds, self._sent_at + seconds

    def stop_point(self) -> np.ndarray:
        """Where the joints come to rest if nothing more is chased. Shape [J]."""
        return self._composer.stop_point(self.reference)

    def stands(self, now: float) -> bool:
        """Whether the robot has come to rest by now."""
        return self._composer.at_rest(self.reference) and self._ended(now)

    def _ended(self, now: float) -> bool:
        return bool(np.abs(self.commanded(now) - self.stop_point()).max() < 1e-6)

    def rests(self, now: float) -> bool:
        """Whether it was sent no farther for long enough that joints which lag behind stand too."""
        return self.stands(now) and self._ended(now - LAG)

    def runs(self, now: float) -> bool:
        """Whether the controllers still execute what was sent."""
        return self.reference.sent is not None and not self._ended(now)

    def displaced(self, measured: np.ndarray) -> bool:
        """Whether a robot that stands is not where it was left."""
        return bool(np.abs(measured - self.stop_point()).max() > DISPLACED)

    def last_windows(self, now: float, rest: bool, steady: Callable[[], float]) -> dict[str, Window]:
        """Brake, and go to the rest pose if `rest`; a controller finishes it alone. A robot that brakes is left alone.

        To plan the way to rest clear of the body takes up to a second on robots with many shapes. The window must still
        be stamped ahead of the time at which it is sent: what is late is planned anew from further on, where the
        braking tail that the controllers have has already stopped the robot.
        """
        if self.goal is Goal.BRAKE or (self.reference.sent is not None and now < self._joined):
            return {}  # it stands, or what it has ends by itself
        self._remember()
        began, lead, composer = steady(), self._lead, self._composer
        pose, speed = self.director.rest, self.director.approach_speed
        state, window = self.reference, None
        for _ in range(_ATTEMPTS if rest else 0):
            state, final = composer.stop(self.reference, now, lead, pose, speed, self._reach_back)
            spent = steady() - began
            if spent + 0.5 * self._lead < lead:
                window = final
                break
            lead = self._lead + 3.0 * spent
        if window is None:
            state, window = composer.hold(self.reference, now, lead, self._reach_back)
        self.reference, self._sent_at = state, now
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
        lead, composer = self._lead, self._composer
        self._remember()
        if self.silent:
            self.reference = composer.commit(self.reference, now, lead)
            out, self._outbox = self._outbox, {}
            return out
        if self.reference.sent is None:
            return self._first(now)
        if now < self._joined or self.chance(now) > now:
            return {}
        self.reference = composer.commit(self.reference, now, lead)
        time, following = composer.next_time(self.reference), self.goal is Goal.FOLLOW
        resting = not following and composer.at_rest(self.reference) and not self.director.blending(time)
        wanted = ready if following else not resting
        if wanted and standing is not None and now - self._sent_at > REJOIN and self.rests(now):
            self._rejoin(standing, now)
            return self._first(now)
        targets: list[np.ndarray] = []
        while time < now + lead + AHEAD:
            q = take(time) if following else None
            if q is None and following:
                break
            if following and not targets and self.reference.gap * self.dt > REJOIN:
                self.lead_to(Goal.FOLLOW, now)
            live = None if q is None else self.layout.from_retargeter(q[None], self._hold)[0]
            target, self.director = self.director.target(time, live)
            targets.append(target)
            time += self.dt
        resting = not following and composer.at_rest(self.reference) and not self.director.blending(time)
        if resting or not targets:
            return {}
        self.reference = composer.extend(self.reference, np.array(targets))
        return self._publish(now)

    def chance(self, now: float) -> float:
        """The next time from `now` on at which windows can be sent, s."""
        return next_chance(self._timing.values(), self.reference, now)

    def _first(self, now: float) -> dict[str, Window]:
        """The window that begins the motion, planned anew with every attempt to send it."""
        self.reference = self._composer.start(self._pose, now + self._lead, self._bridge)
        windows = self._publish(now)
        self._joined = self._sent_at = self.reference.grid + JOINED + self.behind
        return windows

    def _publish(self, now: float) -> dict[str, Window]:
        self.reference, window = self._composer.publish(
            self.reference, now, self._lead, self._shortest, past=self._reach_back
        )
        self._sent_at = now
        return self._split(window, now)

    def stuck(self) -> np.ndarray | None:
        """The retargeter's joints [R] where the motion got stuck before the robot's body; None if it did not."""
        return self._stuck.look(self.reference, self._hold)

    def _split(self, window: Window, now: float) -> dict[str, Window]:
        fitted: dict[Timing, Window] = {}
        for timing in self._timing.values():
            if timing not in fitted:
                fitted[timing] = timing.fit(self.reference, window, now, self._lead)
        return {name: fitted[self._timing[name]].select(joints) for name, joints in self.layout.controllers.items()}
