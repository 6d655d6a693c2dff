"""A stage for the ROS-free pipeline: two hand-moved clocks, a talker, controllers that follow, and an auditor."""

from __future__ import annotations

from types import SimpleNamespace

import numpy as np
from pipeline_auditor import Auditor

from speech_gesture_pkg.audio.chunk import AudioChunk
from speech_gesture_pkg.config import GestureConfig
from speech_gesture_pkg.motion.frames import MotionFrames
from speech_gesture_pkg.pipeline.fallback import Spare
from speech_gesture_pkg.pipeline.offline import VirtualClock
from speech_gesture_pkg.pipeline.pipeline import Event, Pipeline
from speech_gesture_pkg.pipeline.robot_interface import RobotInterface
from speech_gesture_pkg.pipeline.states import State
from speech_gesture_pkg.trajectory.layout import make_layout

ARM = ("left_shoulder", "left_elbow", "left_wrist", "gripper")  # the gripper is not ours: it must keep its place
HEAD = ("neck_yaw", "neck_pitch")
ROBOT = SimpleNamespace(
    joint_names=ARM + HEAD,
    lower=np.array([-1.5, -0.1, -1.0, 0.0, -1.0, -0.6]),
    upper=np.array([2.0, 2.4, 1.0, 0.08, 1.0, 0.5]),
    velocity=np.array([4.0, 5.0, 6.0, 0.2, 3.0, 3.0]),
    prismatic=np.array([False, False, False, True, False, False]),
)
ROBOT.stated_lower, ROBOT.stated_upper = ROBOT.lower, ROBOT.upper
REST = np.array([0.1, 0.3, 0.0, 0.0, 0.05])
GROUPS = {"left_arm": ARM[:3], "head": HEAD}
CONTROLLERS = {"arm_controller": ARM, "head_controller": HEAD}
AWAY = np.array([1.2, 1.5, -0.5, 0.04, 0.6, 0.3])


class Talkative:
    """A generator whose five numbers follow the loudness of the audio and wave; it misbehaves on demand.

    `mischief` is "", "raise", "nan" or "wild" (jumps beyond all limits from frame to frame); `cost` is how much compute
    a frame takes, s on the stage's clocks.
    """

    fps, hop_frames, sample_rate = 30.0, 1, 16000

    def __init__(self, spend=lambda seconds: None, name="talkative", lookahead=0.1) -> None:
        self.name, self.lookahead_s = name, lookahead
        self.mischief, self.cost, self.spend = "", 0.0, spend
        self.styles = []
        self.longest = 0.0
        self.starts = 0

    def start(self, seed=0, speaker=None, style=None):
        self.starts += 1
        return np.zeros(0, np.float32), None, 0, 0

    def step(self, audio: AudioChunk, state, style=None):
        kept, begin, made, gone = state  # gone: samples that are forgotten already
        begin = audio.start if begin is None else begin
        kept = np.concatenate([kept, audio.samples])
        self.styles.append(style)
        self.longest = max(self.longest, audio.duration)
        if self.mischief == "raise":
            raise ValueError("no more ideas")
        ready = int(((gone + len(kept)) / 16000 - self.lookahead_s) * self.fps + 1e-6) + 1
        count = max(ready - made, 0)
        self.spend(count * self.cost)
        poses = np.zeros((count, 55, 3))
        for i in range(count):
            k = made + i
            middle = round(k / self.fps * 16000) - gone
            here = kept[max(0, middle - 1600) : max(0, middle + 1600)]
            loud = min(1.0, 8.0 * float(np.sqrt(np.mean(here**2)))) if len(here) else 0.0
            swing = 0.03 + loud * (1.0 if style is None else style.amplitude)
            poses[i, 0] = swing * np.sin(2 * np.pi * np.array([0.9, 1.3, 1.7]) * k / self.fps)
            poses[i, 1, :2] = 0.5 * swing * np.sin(2 * np.pi * np.array([0.5, 0.7]) * k / self.fps)
            if self.mischief == "nan" and i % 3 == 0:
                poses[i, 0, 1] = np.nan
            if self.mischief == "wild":
                poses[i, :2] = 100.0 * (-1.0) ** k
        old = max(0, len(kept) - 16000)
        frames = MotionFrames(poses, self.fps, begin + made / self.fps)
        return frames, (kept[old:], begin, made + count, gone + old)


class Puppeteer:
    """A retargeter: the five numbers become the five mapped joints. `mischief` is "", "raise" or "nan"."""

    joint_names, groups, rest = ARM[:3] + HEAD, GROUPS, REST

    def __init__(self) -> None:
        self.mischief = ""

    def start(self, q0=None):
        return None

    def step(self, motion: MotionFrames, state):
        if self.mischief == "raise":
            raise RuntimeError("infeasible")
        q = REST + motion.poses[:, :2].reshape(len(motion), 6)[:, :5]
        return (np.full_like(q, np.nan) if self.mischief == "nan" else q), state


class Stage:
    """Everything round a pipeline.

    Attributes:
        steady, shift: the steady clock, and how far the node clock is from it, s.
        events, states, frames: what came out so far (states: every change).
        spare: makes what takes over from the generator (a function of the stage, or a Spare), if anything does.
    """

    def __init__(self, values=None, pose=None, start=1000.0, pipeline=None, limits=None, spare=None) -> None:
        self.config = GestureConfig().with_values(values or {})
        self.steady, self.shift = VirtualClock(50.0), start - 50.0
        self.generator, self.puppeteer = Talkative(self._spend), Puppeteer()
        spare = spare(self) if callable(spare) else spare
        if pipeline is None:
            layout = make_layout(ROBOT, self.puppeteer, CONTROLLERS, self.config.safety)
            robot = RobotInterface(layout=layout, retargeter=self.puppeteer)
            pipeline = Pipeline(self.config, self.generator, robot, spare, self.steady)
            safety = self.config.safety
            acceleration = [safety.acceleration_arms] * 3 + [safety.acceleration_torso] + [safety.acceleration_head] * 2
            limits = (ROBOT.lower, ROBOT.upper, ROBOT.velocity, np.array(acceleration))
        elif callable(pipeline):
            pipeline = pipeline(self.steady)
        self.pipeline = pipeline
        self.names = list(pipeline.layout.joint_names)
        self.pose = pipeline.layout.rest_from(np.full(len(self.names), 0.04)) if pose is None else np.array(pose, float)
        self.auditors = {
            name: Auditor([self.names[i] for i in index], *(x[index] for x in limits), self.pose[index])
            for name, index in pipeline.layout.controllers.items()
        }
        self.events: list[Event] = []
        self.frames: list = []
        self.states: list[State] = []
        self.joints_alive = True
        self.rng = np.random.default_rng(0)
        self._phase = self._jumped = 0.0

    # --- clocks, robot, talker --------------------------------------------------------------------------------------

    @property
    def now(self) -> float:
        return self.steady.now + self.shift

    def _spend(self, seconds: float) -> None:
        self.steady.now += seconds

    def jump(self, seconds: float) -> None:
        """Set the node clock (the controllers are on the same clock)."""
        self.shift += seconds
        self._jumped += seconds

    def _settle(self) -> None:
        """Controllers hold or go on when the clock is set back; the robot is where it is. After a jump forward they are
        where the old windows say they are by now: at the end of the tail. Jumps that follow each other before anybody
        looks at the clock are one.
        """
        if self._jumped < -0.05:
            for auditor in self.auditors.values():
                auditor.rebase(self._jumped)
        self._jumped = 0.0

    @property
    def robot(self) -> np.ndarray:
        """Where the robot is."""
        self._settle()
        pose = np.zeros(len(self.names))
        for name, index in self.pipeline.layout.controllers.items():
            pose[index] = self.auditors[name].position(self.now)
        return pose

    @property
    def speed(self) -> float:
        self._settle()
        return max(a.speed(self.now) for a in self.auditors.values())

    def move_by_hand(self, pose: np.ndarray) -> None:
        for name, index in self.pipeline.layout.controllers.items():
            self.auditors[name].move_by_hand(np.asarray(pose)[index])

    def voice(self, seconds: float, rate: int = 16000, level: float = 0.3) -> np.ndarray:
        """Something that sounds like syllables: a buzz with a 4 Hz envelope."""
        t = self._phase + np.arange(round(seconds * rate)) / rate
        self._phase += len(t) / rate
        buzz = np.sign(np.sin(2 * np.pi * 120 * t)) + 0.3 * self.rng.normal(size=len(t))
        return (level * np.clip(np.sin(2 * np.pi * 4 * t), 0.1, 1) * buzz / 1.5).astype(np.float32)

    # --- running ----------------------------------------------------------------------------------------------------

    def watch(self, seconds: float) -> Stage:
        """Joint states come while the pipeline is not active."""
        for _ in range(round(seconds / 0.01)):
            self.steady.now += 0.01
            self._settle()
            self.pipeline.push_joint_state(self.names, self.robot)
        return self

    def activate(self) -> Stage:
        """As soon as it may begin."""
        self.watch(0.01)
        began = self.steady.now
        while problem := self.pipeline.supervisor.start_problem(self.now):
            self.watch(0.01)
            assert self.steady.now - began < 20.0, problem
        self.pipeline.activate(self.now)
        return self

    def push(self, samples, stamp, rate: int = 16000) -> None:
        self.events += self.pipeline.push_audio(samples, rate, stamp, self.now)

    def step(self):
        self._settle()
        if self.joints_alive:
            self.pipeline.push_joint_state(self.names, self.robot)
        result = self.pipeline.step(self.now)
        self.accept(result.windows)
        self.events += result.events
        self.frames += result.frames
        self._note_states()
        return result

    def _note_states(self) -> None:
        """Every change of state must be one that is written down."""
        for change in self.pipeline.states.take():
            self.states.append(change.after)
        assert not self.pipeline.states.unforeseen, self.pipeline.states.unforeseen

    def accept(self, windows) -> None:
        if not windows:
            return
        assert set(windows) == set(self.auditors)
        assert len({w.stamp for w in windows.values()}) == 1  # they are all of one timing
        trajectory = self.config.trajectory
        for name, window in windows.items():
            self.auditors[name].receive(window, self.now, trajectory.lead, trajectory.window)

    def silence(self, seconds: float, tick: float = 0.01) -> Stage:
        """No audio messages at all."""
        for _ in range(round(seconds / tick)):
            self.steady.now += tick
            self.step()
        return self

    def speak(self, seconds, chunk=0.032, late=0.0, ahead=0.0, stamped=True, rate=16000, level=0.3) -> Stage:
        """Audio in messages of `chunk` s (a number or a function), which arrive `late` s after their last sample.

        `ahead`: the stamp says that the sound is heard so much later than it arrives (`sync.mode: stamp`).
        """
        end = self.now + seconds
        due = self.now + (chunk() if callable(chunk) else chunk)
        begin = self.now
        while due <= end + 1e-9:
            samples = self.voice(due - begin, rate, level)
            arrival = due + late
            while self.now + 0.01 < arrival:
                self.steady.now += 0.01
                self.step()
            self.steady.now = max(self.steady.now, arrival - self.shift)
            self.push(samples, begin + ahead if stamped else None, rate)
            self.step()
            begin, due = due, due + (chunk() if callable(chunk) else chunk)
        return self

    def until(self, done, speaking: bool = True, limit: float = 20.0) -> float:
        """Go on until `done()`; how long that took, s."""
        began = self.steady.now
        while not done():
            assert self.steady.now - began < limit, (
                f"still {self.pipeline.state.name} after {limit} s: {self.codes[-5:]}"
            )
            _ = self.speak(0.032) if speaking else self.silence(0.01)
        return self.steady.now - began

    def until_state(self, state: State, speaking: bool = True, limit: float = 20.0) -> float:
        """Go on until the pipeline is in `state`; how long that took, s."""
        return self.until(lambda: self.pipeline.state is state, speaking, limit)

    def stop(self) -> Stage:
        """Deactivate, and let the controllers finish alone."""
        self._settle()
        self.accept(self.pipeline.deactivate(self.now))
        assert self.pipeline.state is State.INACTIVE
        self._note_states()
        for auditor in self.auditors.values():
            self.steady.now = max(self.steady.now, auditor.end - self.shift)
        return self

    @property
    def windows(self) -> int:
        """How many windows the auditors have checked."""
        return sum(a.windows for a in self.auditors.values())

    @property
    def codes(self) -> list[str]:
        return [e.code for e in self.events]

    def rest_error(self) -> float:
        """How far the mapped joints are from the rest pose."""
        rest = self.pipeline.layout.rest
        return float(np.nanmax(np.abs(self.robot - np.where(np.isnan(rest), np.nan, rest))))


class Understudy:
    """Makes the spare of a stage: a second talker, and a learned one that can be loaded anew on demand.

    Attributes:
        error: what loading it raises; None = it works again.
        loads: attempts so far.
        charge: who is in charge; None = the spare.
    """

    def __init__(self, lookahead: float = 0.05, error: Exception | None = None) -> None:
        self.talker, self.error = Talkative(name="understudy", lookahead=lookahead), error
        self.loads: list[int] = []
        self.charge: list = []
        self.spawn = lambda job: job()
        self.waited = 0.0

    def __call__(self, stage: Stage) -> Spare:
        def reload(attempt: int) -> Talkative:
            self.loads.append(attempt)
            if self.error is not None:
                raise self.error
            stage.generator = Talkative(stage._spend)
            return stage.generator

        return Spare(self.talker, reload, self.spawn, self.charge.append, waited=lambda: self.waited)


def gesturing(values=None, **kwargs) -> Stage:
    """A stage in mid-gesture."""
    stage = Stage(values, **kwargs).activate().silence(0.5).speak(3.0)
    assert stage.pipeline.state is State.GESTURING
    assert stage.speed > 0.05
    return stage
