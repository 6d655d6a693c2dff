"""Lateness that has a reason of its own: the begin of a segment, and of the silence behind audio that stops."""

from __future__ import annotations

import pytest

from speech_gesture_pkg.pipeline.lateness import GRACE, Lateness, Verdict

DT = 1 / 30


def five_late(late: Lateness, now: float) -> list[bool]:
    return [late.add(0.15 - k * DT, now + 0.01 * k) for k in range(5)]


def test_phrases_do_not_put_the_motion_off():
    """Audio that stops is noticed when five frames are due already; two pauses within 5 s made that a habit."""
    late = Lateness(DT)
    for pause in (10.0, 11.5, 13.0, 14.5):
        late.excuse(pause)
        assert five_late(late, pause) == [False] * 5
        assert late.update(pause + 0.1) == (Verdict.FINE, 0.0)
    assert late.extra == 0.0


def test_only_the_first_third_of_a_second_is_excused():
    late = Lateness(DT)
    late.excuse(10.0)
    assert not late.add(0.1, 10.0 + GRACE - 0.01)
    for k in range(8):
        assert late.add(0.1, 10.0 + GRACE + 0.1 * k)
    verdict, more = late.update(11.1)
    assert verdict is Verdict.DELAY
    assert more == pytest.approx(3 * DT)


def test_forgetting_the_late_frames_keeps_the_excuse():
    """A reset forgets, and begins a segment: in either order."""
    late = Lateness(DT)
    late.excuse(10.0)
    late.clear()
    assert five_late(late, 10.1) == [False] * 5
