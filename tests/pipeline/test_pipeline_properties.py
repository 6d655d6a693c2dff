"""The motion guarantees, for any sequence of what can happen to a running pipeline (hypothesis)."""

from __future__ import annotations

import numpy as np
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st
from pipeline_rig import ROBOT, Stage, Understudy

from speech_gesture_pkg.errors import InputError, ModelError
from speech_gesture_pkg.pipeline.states import State

RUN = settings(max_examples=60, deadline=None, suppress_health_check=list(HealthCheck))


def hand(stage: Stage, seed: float) -> None:
    """Somebody moves the robot while nobody watches it."""
    stage.joints_alive = False
    stage.silence(1.5, tick=0.02)
    pose = np.random.default_rng(round(1e3 * seed)).uniform(ROBOT.lower, ROBOT.upper)
    stage.move_by_hand(pose)
    stage.joints_alive = True


def bad_audio(stage: Stage, _: float) -> None:
    try:
        stage.push(np.full(100, np.nan, np.float32), stage.now)
    except InputError:
        return
    # not refused only where it is not looked at
    assert stage.pipeline.state in (State.PAUSED, State.INACTIVE)


def wrong_rate(stage: Stage, x: float) -> None:
    """A microphone of 22050 Hz, or of 11025 Hz, that is declared as 16000 Hz."""
    for _ in range(round(160 * x)):
        samples = stage.voice(0.032, 22050 if x > 0.5 else 11025)
        stage.silence(0.032, tick=0.016).push(samples, None)


def again(stage: Stage, _: float) -> None:
    stage.stop().silence(0.1).activate()


ACTIONS = {
    "speak": lambda s, x: s.speak(0.2 + x),
    "mutter": lambda s, x: s.speak(0.3, chunk=0.005, level=0.05),
    "bursts": lambda s, x: s.speak(0.6, chunk=0.3),
    "late": lambda s, x: s.speak(0.5, late=x),
    "ahead": lambda s, x: s.speak(0.5, ahead=3 * x - 0.5),
    "unstamped": lambda s, x: s.speak(0.5, stamped=False),
    "44.1 kHz": lambda s, x: s.speak(0.4, rate=44100),
    "foreign": lambda s, x: s.speak(0.3, ahead=-1e5),
    "another clock": lambda s, x: s.speak(0.5, ahead=20 * x - 10),
    "wrong rate": wrong_rate,
    "silence": lambda s, x: s.silence(2 * x),
    "one message": lambda s, x: s.push(s.voice(4 * x), s.now),
    "stall": lambda s, x: s.silence(x, tick=max(x, 0.01)),
    "back": lambda s, x: s.jump(-0.25 - 10 * x),
    "a little back": lambda s, x: s.jump(-0.03 * x),
    "forward": lambda s, x: s.jump(0.6 + 40 * x * x),
    "pause": lambda s, x: s.pipeline.pause(True, s.now),
    "resume": lambda s, x: s.pipeline.pause(False, s.now),
    "reset": lambda s, x: s.pipeline.reset(s.now),
    "style": lambda s, x: s.pipeline.restyle(s.config.with_values({"style.amplitude": 2 * x})),
    "joints lost": lambda s, x: setattr(s, "joints_alive", False),
    "joints back": lambda s, x: setattr(s, "joints_alive", True),
    "hand": hand,
    "raise": lambda s, x: setattr(s.generator, "mischief", "raise"),
    "nan": lambda s, x: setattr(s.generator, "mischief", "nan"),
    "wild": lambda s, x: setattr(s.generator, "mischief", "wild"),
    "good": lambda s, x: (setattr(s.generator, "mischief", ""), setattr(s.puppeteer, "mischief", "")),
    "solver nan": lambda s, x: setattr(s.puppeteer, "mischief", "nan"),
    "slow": lambda s, x: setattr(s.generator, "cost", 0.06 * x),
    "fast": lambda s, x: setattr(s.generator, "cost", 0.0),
    "bad audio": bad_audio,
    "again": again,
}

EVENTS = st.lists(st.tuples(st.sampled_from(sorted(ACTIONS)), st.floats(0.0, 1.0)), min_size=1, max_size=14)
MODES = st.sampled_from(("live", "stamp", "delay"))


@RUN
@given(EVENTS, MODES, st.sampled_from((0.0, 2.0)), st.booleans(), st.sampled_from((None, "back", "gone")))
def test_every_window_keeps_the_guarantees_whatever_happens(events, mode, rest_after, far, spare):
    """And no change of state happens that is not in the table (see `Stage.step`)."""
    pose = np.array([1.9, 2.5, -0.9, 0.02, 0.8, -0.5]) if far else None
    values = {"sync.mode": mode, "safety.rest_after": rest_after, "fallback.retry": 0.5}
    understudy = Understudy(error=None if spare == "back" else ModelError("gone")) if spare else None
    stage = Stage(values, pose=pose, spare=understudy).activate()
    for name, x in events:
        ACTIONS[name](stage, x)
        stage.speak(0.3)  # so that every action has its consequences
        assert stage.pipeline.active
    stage.joints_alive = True
    stage.step()
    # The node dies: what the controllers have brings them to a stop. Else: the last windows do.
    stage.stop()
    assert stage.speed == 0.0


@settings(RUN, max_examples=10, phases=(Phase.explicit, Phase.reuse, Phase.generate))  # shrinking takes minutes
@given(EVENTS)
def test_speech_without_trouble_makes_it_gesture_again_after_anything(events):
    stage = Stage().activate()
    for name, x in events:
        ACTIONS[name](stage, x)
    ACTIONS["good"](stage, 0.0)
    ACTIONS["fast"](stage, 0.0)
    stage.joints_alive = True
    stage.pipeline.pause(False, stage.now)
    stage.pipeline.restyle(stage.config)
    stage.silence(9.0, tick=0.02).speak(7.0)
    assert stage.pipeline.state is State.GESTURING
    assert stage.pipeline.offset < 3.0
    stage.stop()
