"""A robot in virtual time whose sensors lie, whose controllers restart and whose clocks step; and a judge of it.

The controllers are simulated by the rules of a distribution, at their own rate, with the joints' lag. What is judged is
what they execute in each cycle: velocity, and acceleration over a cycle or 10 ms, against the limits. Where a
controller is switched off or on, or its clock is set, joints stop or leap by themselves: the judge begins anew there.
"""

from __future__ import annotations

from contextlib import suppress
from dataclasses import dataclass, field

import numpy as np
from pipeline_rig import ARM, CONTROLLERS, HEAD, ROBOT, Puppeteer, Talkative

from speech_gesture_pkg.config import GestureConfig
from speech_gesture_pkg.errors import InputError
from speech_gesture_pkg.pipeline.offline import VirtualClock
from speech_gesture_pkg.pipeline.pipeline import Pipeline
from speech_gesture_pkg.pipeline.robot_interface import RobotInterface
from speech_gesture_pkg.pipeline.start import NotBelievedError
from speech_gesture_pkg.pipeline.states import State
from speech_gesture_pkg.sim.controller import ControllerSettings, SimController
from speech_gesture_pkg.sim.rules import Goal, rules_of
from speech_gesture_pkg.trajectory.layout import make_layout
from speech_gesture_pkg.trajectory.window_begin import timing_of

TICK = 0.01
NAMES = ARM + HEAD
EPOCH = 100.0
"""The controllers' own time 0 on the node clock, s (they count cycles from there)."""


@dataclass
class Judge:
    """The worst that was executed, as shares of the limits, and when."""

    velocity: float = 0.0
    acceleration: float = 0.0
    where: str = ""

    def look(self, name: str, begin: float, pieces: list[np.ndarray], rate: float, speed, bend) -> None:
        if not pieces:
            return
        x = np.concatenate(pieces)
        n = max(1, round(0.01 * rate))
        v = np.abs(np.diff(x, axis=0)) * rate / speed
        a = np.abs(x[2 * n :] - 2 * x[n:-n] + x[: -2 * n]) * (rate / n) ** 2 / bend
        for kind, table in (("velocity", v), ("acceleration", a)):
            if not len(table):
                continue
            worst = float(table.max())
            if worst > getattr(self, kind):
                setattr(self, kind, worst)
                k, j = np.unravel_index(table.argmax(), table.shape)
                if worst > 1.0:
                    self.where += f"{kind} {worst:.2f} of {name}[{j}] at {begin + k / rate:.3f}; "


@dataclass
class Machine:
    """One controller with its joints."""

    name: str
    sim: SimController
    index: np.ndarray
    on: bool = True
    since: float = 0.0
    foreign: bool = False
    """Whether it executes what somebody else sent: that is not judged."""
    coming: list[tuple[float, Goal]] = field(default_factory=list)


class World:
    """One robot, one pipeline; `run` lets scheduled events happen."""

    def __init__(self, rng: np.random.Generator, distro: str, values: dict | None = None) -> None:
        self.rng, self.distro = rng, distro
        self.config = GestureConfig().with_values(values or {})
        rate = float(rng.choice([1000.0, 500.0, 100.0, 50.0]))
        lag = float(rng.choice([0.0, 0.0, 0.02, 0.06]))
        self.settings = ControllerSettings(
            from_desired=bool(rng.integers(2)),
            update_rate=rate,
            lag=lag,
            replacement=bool(rng.integers(2)),
            velocity_state=bool(rng.integers(2)),
        )
        rules = rules_of(distro)
        parameters = {rules.desired_parameter: self.settings.from_desired, "update_rate": rate}
        if rules.blends:
            parameters["allow_trajectory_replacement"] = self.settings.replacement
        timing, _ = timing_of(parameters)
        self.timing = dict.fromkeys(CONTROLLERS, timing)
        self.steady, self.shift = VirtualClock(50.0), EPOCH - 50.0
        self.controller_shift = 0.0
        self.judge = Judge()
        self.layout = make_layout(ROBOT, Puppeteer(), CONTROLLERS, self.config.safety)
        spread = rng.uniform(-0.4, 0.4, len(NAMES))
        self.home = np.clip(self.layout.rest_from(np.full(len(NAMES), 0.04)) + spread, ROBOT.lower, ROBOT.upper)
        limits = self.config.safety
        self.bend = np.array(
            [limits.acceleration_arms] * 3 + [limits.acceleration_torso] + [limits.acceleration_head] * 2
        )
        self.machines = []
        for name, joints in CONTROLLERS.items():
            index = np.array([NAMES.index(j) for j in joints])
            sim = SimController(joints, rules, self.settings, self.home[index], 0.0)
            sim.trace = []
            self.machines.append(Machine(name, sim, index))
        self.state_lies: list = []
        self.believable: list = []
        """Lies that cannot be told from the truth by themselves: a robot that is said to stand somewhere else. A node
        that has not moved the robot before, and is not told what the controllers hold, can only believe them."""
        self.tells_desired = bool(rng.integers(2))
        self.pipeline = self.make()
        self.state_every, self.state_delay = 0.01, 0.0
        self._state_due = 0.0
        self._delayed: list[tuple[float, np.ndarray]] = []
        self.loss = 0.0
        self._jobs: list = []
        self.wants_active, self.stalled_until, self.foreign_until = True, 0.0, 0.0
        self.speaking = True
        self._phase = 0.0
        self.gestured = 0.0
        self.noise = float(rng.choice([0.0, 1e-4, 5e-4]))

    def make(self) -> Pipeline:
        """A node that starts."""
        self.puppeteer = Puppeteer()
        self.generator = Talkative(self._spend)
        robot = RobotInterface(layout=self.layout, retargeter=self.puppeteer, timing=self.timing)
        pipeline = Pipeline(self.config, self.generator, robot, steady=self.steady)
        for name in CONTROLLERS:
            pipeline.supervisor.controllers.expect(name)
        return pipeline

    def _spend(self, seconds: float) -> None:
        self.steady.now += seconds

    @property
    def now(self) -> float:
        """The node's clock."""
        return self.steady.now + self.shift

    @property
    def theirs(self) -> float:
        """The controllers' clock, from its epoch."""
        return self.now - EPOCH + self.controller_shift

    @property
    def robot(self) -> np.ndarray:
        """Where the joints are."""
        q = np.zeros(len(NAMES))
        for m in self.machines:
            q[m.index] = m.sim.position
        return q

    @property
    def reference_moves(self) -> bool:
        """Whether a controller's reference moves."""
        return max(float(np.abs(m.sim.desired_velocity).max()) for m in self.machines) > 1e-6

    # --- what can happen ---------------------------------------------------------------------------------------------

    def switch(self, on: bool, which: list[int]) -> None:
        """Controllers are deactivated or activated."""
        for k in which:
            m = self.machines[k]
            if m.on is not on:
                self._settle(m)
                m.on, m.coming = on, []
                m.sim.restart(self.theirs)

    def step_clock(self, seconds: float, both: bool) -> None:
        """The node's clock is set; that of the controllers too, or not."""
        self.shift += seconds
        if both:
            for m in self.machines:
                self._settle(m)
                m.coming = []
                m.sim.restart(self.theirs)
        else:
            self.controller_shift -= seconds

    def foreign(self, seconds: float) -> None:
        """Somebody else commands the robot; our node yields and comes back when that one has gone."""
        self.pipeline.supervisor.yield_robot()
        self.foreign_until = self.steady.now + seconds
        for m in self.machines:
            self._settle(m)
        for m in self.machines:
            lower, upper = ROBOT.lower[m.index], ROBOT.upper[m.index]
            q = np.clip(m.sim.position + self.rng.uniform(-0.3, 0.3, len(m.index)), lower, upper)
            length = float(self.rng.uniform(0.8, 2.5))
            zero = np.zeros((1, len(q)))
            goal = Goal(m.sim.joints, None, np.array([length]), q[None].tolist(), zero.tolist(), zero.tolist())
            m.coming.append((self.theirs, goal))

    def _settle(self, m: Machine) -> None:
        """Judge what was executed so far, and begin anew."""
        rate, speed = self.settings.update_rate, ROBOT.velocity[m.index]
        if not m.foreign:
            self.judge.look(m.name, m.since, m.sim.trace, rate, speed, self.bend[m.index])
        m.sim.trace, m.since, m.foreign = [], self.theirs, False

    def deactivate(self) -> None:
        """The node sends its last windows as soon as it can."""
        if not self.pipeline.active:
            return
        while self.pipeline.mover.chance(self.now) > self.now:
            self.steady.now += 0.001
        self.send(self.pipeline.deactivate(self.now))

    def later(self, seconds: float, job) -> None:
        """Do something after so long."""
        self._jobs.append((self.steady.now + seconds, job))

    # --- running -----------------------------------------------------------------------------------------------------

    def tick(self) -> None:
        self.steady.now += TICK
        due = [job for at, job in self._jobs if at <= self.steady.now]
        self._jobs = [(at, job) for at, job in self._jobs if at > self.steady.now]
        for job in due:
            job()
        for m in self.machines:
            self._deliver(m)
        self._tell_states()
        if self.steady.now < self.stalled_until:
            return
        if self.foreign_until:
            if self.steady.now < self.foreign_until:
                return
            self.foreign_until = 0.0
        if (
            self.wants_active
            and self.pipeline.state is State.INACTIVE
            and not self.pipeline.supervisor.start_problem(self.now)
        ):
            with suppress(NotBelievedError):  # the clock was set since
                self.pipeline.activate(self.now)
        self._speak()
        result = self.pipeline.step(self.now)
        self.send(result.windows)
        self.gestured += TICK * (self.pipeline.state is State.GESTURING)
        assert not self.pipeline.states.unforeseen, self.pipeline.states.unforeseen

    def send(self, windows) -> None:
        if self.rng.random() < self.loss:
            if windows:
                self.pipeline.mover.reference.withdraw()
            return
        for m in self.machines:
            if m.name in windows:
                w = windows[m.name]
                stamp = w.stamp - EPOCH
                goal = Goal(
                    m.sim.joints,
                    stamp,
                    w.time_from_start,
                    w.position.tolist(),
                    w.velocity.tolist(),
                    w.acceleration.tolist(),
                )
                m.coming.append((self.theirs + float(self.rng.uniform(0.0005, 0.003)), goal))

    def _deliver(self, m: Machine) -> None:
        while m.coming and m.coming[0][0] <= self.theirs:
            at, goal = m.coming.pop(0)
            if m.on:
                refused = m.sim.receive(goal, max(at, m.sim.time))
                m.foreign = m.foreign if refused else goal.stamp is None
        if m.on:
            m.sim.advance(self.theirs)
        if m.foreign and m.sim.trace:  # what goes before our own first cycle is kept
            before = np.concatenate(m.sim.trace)[-round(0.01 * self.settings.update_rate) - 1 :]
            m.sim.trace, m.since = [before], m.sim.time

    def _tell_states(self) -> None:
        for m in self.machines:
            if m.on:  # as `~/controller_state` does
                desired = m.sim.desired if self.tells_desired else ()
                self.pipeline.supervisor.controllers.push(m.name, m.sim.joints[: len(desired)], desired)
        if self.steady.now < self._state_due:
            return
        self._state_due = self.steady.now + self.state_every
        q = self.robot + self.rng.normal(0.0, self.noise, len(NAMES)) if self.noise else self.robot
        self._delayed.append((self.steady.now + self.state_delay, q))
        while self._delayed and self._delayed[0][0] <= self.steady.now:
            _, q = self._delayed.pop(0)
            stamp = self.theirs + EPOCH - self.state_delay
            blind = (
                not self.tells_desired and self.pipeline.supervisor.start.lost_track
            )  # it can only believe joint states
            for lie in self.state_lies:
                if blind and lie in self.believable:
                    continue
                q = lie(q)
                if q is None:
                    break
            if q is not None:
                self.pipeline.feedback.push(list(NAMES), q, None, stamp - self.now)

    def _speak(self) -> None:
        if not self.speaking or not self.pipeline.active:
            return
        count = round(TICK * 16000)
        t = self._phase + np.arange(count) / 16000
        self._phase += TICK
        buzz = np.sign(np.sin(2 * np.pi * 120 * t)) * np.clip(np.sin(2 * np.pi * 4 * t), 0.1, 1)
        try:
            self.pipeline.push_audio((0.25 * buzz).astype(np.float32), 16000, self.now - TICK, self.now)
        except InputError:
            return  # counted there

    def finish(self) -> Judge:
        """Deactivate, let it come to rest, and judge."""
        self.deactivate()
        for _ in range(round(6.0 / TICK)):
            self.steady.now += TICK
            for m in self.machines:
                self._deliver(m)
        for m in self.machines:
            self._settle(m)
        return self.judge
