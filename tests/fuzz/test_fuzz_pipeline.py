"""Any sequence of what can come to a running pipeline: what goes out is finite and keeps the guarantees (`Auditor`)."""

from __future__ import annotations

import math
import random

import numpy as np
from pipeline_rig import ROBOT, Stage

from speech_gesture_pkg.errors import InputError
from speech_gesture_pkg.pipeline.states import State

LONGEST = 25
"""Events in the life of one pipeline."""
STRANGE = (math.nan, math.inf, -math.inf, 1e30, -1e30)


def audio(stage: Stage, rng: random.Random) -> None:
    """A message with any stamp, rate and content; a bad one is refused in a sentence."""
    rate = rng.choice((16000, 16000, 16000, 44100, 8000, 22050))
    samples = stage.voice(rng.choice((0.0, 0.01, 0.032, 0.1, 0.5)), rate, rng.choice((0.0, 0.05, 0.3, 1.0)))
    if rng.random() < 0.1 and len(samples):
        samples[rng.randrange(len(samples))] = rng.choice(STRANGE)
    near = stage.now + rng.choice((0.0, -0.032, -0.2, 0.1, 0.4, -2.0, 2.0, -1e6, 1e6))
    stage.push(samples, rng.choice((None, near, near, rng.choice(STRANGE))), rate)


def joints(stage: Stage, rng: random.Random) -> None:
    """A joint state with joints missing, unknown or not finite."""
    names = rng.sample(stage.names, rng.randint(0, len(stage.names)))
    pose = dict(zip(stage.names, stage.robot.tolist(), strict=True))
    positions = [rng.choice(STRANGE) if rng.random() < 0.1 else pose[n] for n in names]
    stage.pipeline.push_joint_state([*names, "tail"], np.array([*positions, 0.5]))


def hand(stage: Stage, rng: random.Random) -> None:
    """Somebody moves the robot while nobody watches it."""
    stage.joints_alive = False
    stage.silence(1.2, tick=0.03)
    stage.move_by_hand(np.array([rng.uniform(a, b) for a, b in zip(ROBOT.lower, ROBOT.upper, strict=True)]))
    stage.joints_alive = True


def style(stage: Stage, rng: random.Random) -> None:
    values = {"style.amplitude": rng.uniform(0, 2), "style.rate": rng.uniform(0, 2)}
    values["style.parts"] = rng.sample(("body", "hands", "face"), rng.randint(1, 3))
    stage.pipeline.restyle(stage.config.with_values(values))


def again(stage: Stage, rng: random.Random) -> None:
    stage.stop().silence(rng.uniform(0.0, 0.3)).activate()


EVENTS = {
    audio: 8,
    joints: 3,
    style: 1,
    hand: 0.3,
    again: 0.5,
    (lambda s, r: s.speak(r.uniform(0.03, 0.2), chunk=r.choice((0.005, 0.032, 0.1)), stamped=r.random() < 0.7)): 4,
    (lambda s, r: s.silence(r.uniform(0.0, 0.3), tick=r.choice((0.01, 0.02, 0.1, 0.3)))): 4,
    (lambda s, r: s.jump(r.choice((-0.01, -0.3, -5.0, -1000.0, 0.01, 0.7, 30.0, 3600.0)))): 1,
    (lambda s, r: s.pipeline.pause(r.random() < 0.4, s.now)): 2,
    (lambda s, r: s.pipeline.reset(s.now)): 1,
    (lambda s, r: setattr(s, "joints_alive", r.random() < 0.7)): 2,
    (lambda s, r: setattr(s.generator, "mischief", r.choice(("", "", "raise", "nan", "wild")))): 1,
    (lambda s, r: setattr(s.puppeteer, "mischief", r.choice(("", "", "nan", "raise")))): 1,
    (lambda s, r: setattr(s.generator, "cost", r.choice((0.0, 0.0, 0.01, 0.06)))): 0.5,
}


def test_pipeline(fuzz):
    """Inputs are events; every `LONGEST` of them make the life of one pipeline."""
    lives = {"stage": None, "left": 0}

    def fresh(rng: random.Random) -> Stage:
        pose = (
            [rng.uniform(a, b) for a, b in zip(ROBOT.lower, ROBOT.upper, strict=True)] if rng.random() < 0.3 else None
        )
        values = {
            "sync.mode": rng.choice(("live", "stamp", "delay")),
            "safety.rest_after": rng.choice((0.0, 1.0, 30.0)),
        }
        return Stage(values, pose=None if pose is None else np.array(pose)).activate()

    def use(rng: random.Random) -> None:
        if lives["left"] <= 0:
            lives["stage"], lives["left"] = fresh(rng), LONGEST
        stage, lives["left"] = lives["stage"], lives["left"] - 1
        try:
            event = rng.choices(list(EVENTS), list(EVENTS.values()))[0]
            event(stage, rng)
            stage.speak(0.04)
            if lives["left"] <= 0:  # it dies here: what the controllers have brings them to a stop
                stage.joints_alive = rng.random() < 0.8
                stage.step()
                stage.stop()
                assert stage.speed < 1e-9
        except InputError:
            assert stage.pipeline.state is not State.FAILED
            raise
        except BaseException:
            lives["left"] = 0
            raise

    fuzz.run("pipeline_events", lambda rng: rng, use)
