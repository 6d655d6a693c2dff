"""A stand-in for ros2_control's joint_trajectory_controller and the joints behind it, ROS-free and deterministic.

Time is cut into control cycles `k / update_rate`. A goal that arrives between two cycles is taken up in the next one,
as in the real controller; cycles are computed when somebody asks (`advance`), however late that is, so that a slow
caller does not disturb the motion.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from speech_gesture_pkg.sim.rules import Goal, Rejection, Rules, check_goal, in_order
from speech_gesture_pkg.sim.spline import Spline

Others = Callable[[np.ndarray], tuple[Any, Any, Any]]


@dataclass(frozen=True)
class ControllerSettings:
    """Parameters of one controller (names as in ros2_controllers).

    Attributes:
        from_desired: `interpolate_from_desired_state` (Humble: `open_loop_control`): new trajectories start from the
            commanded instead of the measured state.
        allow_nonzero_end: `allow_nonzero_velocity_at_trajectory_end`; None = the distribution's default.
        allow_partial: `allow_partial_joints_goal`.
        update_rate: control cycles per second.
        lag: time constant of the joints' first-order response to commands, seconds; 0 = they follow within a cycle.
        replacement: `allow_trajectory_replacement` (newest): new trajectories are blended with the active one.
        velocity_state: whether `state_interfaces` has velocity; without it the measured velocity counts as 0.
        tolerance: `constraints.<joint>.trajectory` of every joint, rad or m; 0 = none.
        command_limits: `enforce_command_limits`: largest speed of what is sent to the joints, rad/s or m/s; 0 = none.
    """

    from_desired: bool = False
    allow_nonzero_end: bool | None = None
    allow_partial: bool = False
    update_rate: float = 1000.0
    lag: float = 0.0
    replacement: bool = True
    velocity_state: bool = True
    tolerance: float = 0.0
    command_limits: float = 0.0


class SimController:
    """One controller with its joints.

    Args:
        joints: joint names. J of them.
        rules: of the distribution.
        settings: parameters.
        initial: start positions, rad or m. Shape [J]; zeros if None.
        start: time of the first cycle, seconds.
    """

    def __init__(
        self,
        joints: tuple[str, ...],
        rules: Rules,
        settings: ControllerSettings | None = None,
        initial: np.ndarray | None = None,
        start: float = 0.0,
    ) -> None:
        self.joints, self.rules, self.settings = joints, rules, settings or ControllerSettings()
        nonzero = self.settings.allow_nonzero_end
        self.allow_nonzero_end = rules.nonzero_end if nonzero is None else nonzero
        self.period = 1.0 / self.settings.update_rate
        lag = self.settings.lag
        self._response = 1.0 if lag <= 0.0 else 1.0 - math.exp(-self.period / lag)
        self.accepted = 0
        self.nonfinite = 0
        """Accepted goals that held NaN or infinity."""
        self.late = 0
        """Accepted goals whose start was already past when they were taken up."""
        self.rejected: Counter[str] = Counter()
        """Refused goals by reason."""
        position = np.zeros(len(joints)) if initial is None else np.array(initial, float)
        self.position = position
        """Measured joint positions at `time`. Shape [J]; `velocity` likewise."""
        self.velocity = np.zeros(len(joints))
        self.desired = position.copy()
        """The reference at `time`. Shape [J]; `desired_velocity` likewise."""
        self.desired_velocity = np.zeros(len(joints))
        self.holds = 0
        """How often the robot was farther from the trajectory than `tolerance`, so that it was given up."""
        self.trace: list[np.ndarray] | None = None
        """If a list: measured positions of all cycles since, pieces of [N, J]."""
        self.restart(start)

    @property
    def time(self) -> float:
        """Time of the latest cycle, seconds."""
        return self._cycle * self.period

    def restart(self, now: float) -> None:
        """Forget the trajectory and hold the measured position from `now` on (activation, or a clock that jumped)."""
        self._cycle = math.floor(now / self.period + 1e-9)
        self._pending: Goal | None = None
        self._spline = Spline.hold(self.time, self.position)
        self._goal_points = 1  # knots of the active trajectory without the state before it
        zero = np.zeros(len(self.joints))
        self._command = (self.position.copy(), zero, zero)
        self.velocity, self.desired, self.desired_velocity = zero, self.position.copy(), zero

    def receive(self, goal: Goal, now: float) -> Rejection | None:
        """Take a goal that arrived at `now` (seconds). Returns why it was refused, else None."""
        self.advance(now)
        no = check_goal(goal, self.joints, now, self.settings.allow_partial, self.allow_nonzero_end)
        if no is not None:
            self.rejected[no.reason] += 1
            return no
        self.accepted += 1
        rows = (*goal.positions, *goal.velocities, *goal.accelerations)
        self.nonfinite += not all(math.isfinite(sum(row)) for row in rows)
        self._pending = in_order(goal, self.joints)
        return None

    def advance(self, now: float) -> None:
        """Run all cycles up to `now` (seconds)."""
        last = math.floor(now / self.period + 1e-9)
        if self._pending is not None and last > self._cycle:
            goal, self._pending = self._pending, None
            self._install(goal)
            self._run(self._cycle + 1)
        if last > self._cycle:
            self._run(last)

    def _run(self, last: int) -> None:
        """Cycles up to number `last` along the active spline."""
        settings = self.settings
        slowly = self._response < 1.0 or settings.tolerance > 0.0 or settings.command_limits > 0.0
        while self._cycle < last:
            # joints that follow at once are where the previous command was: only the last two cycles matter
            every = slowly or self.trace is not None
            first = self._cycle + 1 if every else max(self._cycle + 1, last - 1)
            # one cycle more than needed: what is commanded ahead is the reference of the following cycle
            sampled = self._spline.sample(np.arange(first, last + 2) * self.period)
            ahead = 1 if self.rules.commands_ahead else 0
            command = tuple(rows[ahead : len(rows) - 1 + ahead] for rows in sampled)
            done = self._each(sampled, command) if slowly else self._at_once(command)
            self._command = (command[0][done], command[1][done], command[2][done])
            self.desired, self.desired_velocity = sampled[0][done], sampled[1][done]
            self._cycle = first + done
            if self._cycle < last or self._violates():
                self._hold()

    def _at_once(self, command: tuple[np.ndarray, ...]) -> int:
        """Joints are where the command of the cycle before was. Returns the index of the last cycle."""
        before = (self._command[0], self._command[1])
        position, velocity = (np.concatenate([b[None], c[:-1]]) for b, c in zip(before, command, strict=False))
        self.position, self.velocity = position[-1], velocity[-1]
        if self.trace is not None:
            self.trace.append(position)
        return len(position) - 1

    def _each(self, sampled: tuple[np.ndarray, ...], command: tuple[np.ndarray, ...]) -> int:
        """Cycle by cycle, until the last or until the robot is too far away. Returns the index of the last one."""
        previous, previous_velocity = self._command[0], self._command[1]
        for i in range(len(command[0])):
            self._respond(previous, previous_velocity)
            if self.trace is not None:
                self.trace.append(self.position[None])
            self.desired = sampled[0][i]
            if self._violates():
                return i
            previous, previous_velocity = command[0][i], command[1][i]
        return len(command[0]) - 1

    def _violates(self) -> bool:
        tolerance, moving = self.settings.tolerance, self._goal_points > 1
        return bool(tolerance and moving and np.abs(self.position - self.desired).max() > tolerance)

    def _hold(self) -> None:
        """The trajectory is given up: stay at the measured position from the next cycle on."""
        self.holds += 1
        self._spline, self._goal_points = Spline.hold(self.time, self.position), 1
        self._command = (self.position.copy(), np.zeros_like(self.position), np.zeros_like(self.position))

    def _respond(self, command: np.ndarray, command_velocity: np.ndarray) -> None:
        fastest = self.settings.command_limits * self.period
        if fastest:
            command = self.position + np.clip(command - self.position, -fastest, fastest)
        if self._response >= 1.0 and not fastest:
            self.position, self.velocity = command, command_velocity
            return
        step = self._response * (command - self.position)
        self.position, self.velocity = self.position + step, step / self.period

    def _install(self, goal: Goal) -> None:
        """Make `goal` the active trajectory in the cycle to come."""
        now = (self._cycle + 1) * self.period
        start = now if goal.stamp is None else goal.stamp
        self.late += goal.stamp is not None and goal.stamp + goal.times[0] < now
        before = self._before(now)
        if self.rules.blends and self.settings.replacement and self._goal_points > 1:
            knots = self._blend(goal, now)
        else:
            held = self._command[0]
            knots = _knots(goal, start, self.joints, lambda at: (np.tile(held, (len(at), 1)), 0.0, 0.0))
        self._goal_points = len(knots.times)
        # A trajectory that has begun already is joined where it should be by now: the state before plays no part then.
        if before.times[0] > knots.times[0]:
            before = replace(before, times=knots.times[:1])
        self._spline = _join(before, knots)

    def _before(self, now: float) -> Spline:
        """The knot that the new trajectory is approached from."""
        yes = np.ones(1, bool)
        if self.settings.from_desired:
            # Jazzy and newer remember when that command was made, Humble takes it for the present state
            time = now - self.period if self.rules.commands_ahead else now
            p, v, a = self._command
        else:
            # what the controller reads at the start of the cycle; there is no acceleration interface
            time = now
            if self._response >= 1.0:
                p, v = self._command[0], self._command[1]
            else:
                step = self._response * (self._command[0] - self.position)
                p, v = self.position + step, step / self.period
            v = v if self.settings.velocity_state else np.zeros_like(p)
            a = np.zeros_like(p)
        return Spline(np.array([time]), p[None], v[None], a[None], yes, yes)

    def _blend(self, goal: Goal, now: float) -> Spline:
        """Newest rules: the active trajectory until the new one starts, a bridge knot there, then the new points."""
        cursor = now - self.period  # playback position: the cycle before
        ahead = max(goal.stamp - now, 0.0) if goal.stamp is not None else 0.0
        entry = cursor + ahead
        old = self._spline
        new = _knots(goal, entry, self.joints, old.sample)
        keep = (old.times > cursor) & (old.times < entry)
        keep[0] = False  # the state before the old trajectory is no point of it
        p, v, a = old.sample(np.array([entry]))
        yes = np.ones(1, bool)
        bridge = Spline(np.array([entry]), p, v, a, yes, yes)
        if entry >= new.times[0]:
            bridge = _pick(bridge, np.zeros(1, bool))
        joined = _join(_join(_pick(old, keep), bridge), new)
        if len(goal.joint_names) < len(self.joints):
            joined = _join(joined, self._after(old, new, goal))
        # the merged trajectory is anchored at this cycle
        return replace(joined, times=joined.times + self.period)

    def _after(self, old: Spline, new: Spline, goal: Goal) -> Spline:
        """Old points beyond the new trajectory, for the joints that it does not name; the others stay at its end."""
        later = _pick(old, old.times > new.times[-1])
        named = [self.joints.index(j) for j in goal.joint_names]
        positions, velocities, accelerations = (x.copy() for x in _fields(later)[1:4])
        positions[:, named] = new.positions[-1, named]
        velocities[:, named] = accelerations[:, named] = 0.0
        return replace(later, positions=positions, velocities=velocities, accelerations=accelerations)


def _fields(s: Spline) -> tuple[np.ndarray, ...]:
    return s.times, s.positions, s.velocities, s.accelerations, s.has_velocity, s.has_acceleration


def _join(a: Spline, b: Spline) -> Spline:
    return Spline(*(np.concatenate(pair) for pair in zip(_fields(a), _fields(b), strict=True)))


def _pick(s: Spline, mask: np.ndarray) -> Spline:
    return Spline(*(f[mask] for f in _fields(s)))


def _knots(goal: Goal, start: float, joints: tuple[str, ...], others: Others) -> Spline:
    """The goal's points on absolute time, all joints. `others(times)` gives position, velocity and acceleration of the
    joints that the goal does not name."""
    count = len(goal.times)
    times = start + np.asarray(goal.times, float)
    has_velocity = np.array([len(row) > 0 for row in goal.velocities], bool)
    has_acceleration = np.array([len(row) > 0 for row in goal.accelerations], bool)
    rows = []
    for given, has in (
        (goal.positions, np.ones(count, bool)),
        (goal.velocities, has_velocity),
        (goal.accelerations, has_acceleration),
    ):
        table = np.zeros((count, len(goal.joint_names)))
        for i in np.flatnonzero(has).tolist():
            table[i] = given[i]
        rows.append(table)
    if len(goal.joint_names) < len(joints):
        named = [joints.index(j) for j in goal.joint_names]
        full = []
        for table, rest in zip(rows, others(times), strict=True):
            whole = np.broadcast_to(np.asarray(rest, float), (count, len(joints))).copy()
            whole[:, named] = table
            full.append(whole)
        rows = full
    return Spline(times, rows[0], rows[1], rows[2], has_velocity, has_acceleration)
