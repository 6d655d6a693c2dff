"""What keeps the robot from moving: which joints are wrong and how, said soon and again."""

from __future__ import annotations

import math

import pytest

pytest.importorskip("rclpy", reason="rclpy is not installed; install the extra `ros`")

from speech_gesture_pkg.ros.waiting import WaitLog, some


class Steady:
    now = 0.0

    def __call__(self):
        return self.now


@pytest.fixture
def steady():
    return Steady()


def test_a_reason_is_said_after_a_second_and_every_thirty(steady):
    said = []
    log = WaitLog(lambda s: said.append((steady.now, s)), steady)
    for tick in range(700):
        steady.now = tick / 10
        log.look(f"the last one is {steady.now:.1f} s old")
    assert [at for at, _ in said] == [1.0, 31.0, 61.0]
    assert said[1][1] == "the last one is 31.0 s old", "numbers may change"


def test_a_short_wait_is_not_said_and_another_reason_is_at_once_new(steady):
    said = []
    log = WaitLog(said.append, steady)
    for tick in range(100):
        steady.now = tick / 10
        log.look("a" if tick < 5 else "" if tick < 20 else "b" if tick < 50 else "c")
    assert said == ["b", "c"]


def test_what_is_said_once_is_said_once(steady):
    said = []
    log = WaitLog(said.append, steady)
    for _ in range(10):
        log.look("idle", again=math.inf)
        steady.now += 100.0
    assert said == ["idle"]


def test_many_names_are_a_few_and_a_number():
    assert some(["b", "a"]) == "a, b"
    assert some(f"j{i}" for i in range(9)) == "j0, j1, j2, j3, j4, j5 and 3 more"
