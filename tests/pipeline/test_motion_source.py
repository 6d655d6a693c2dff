"""MotionSource: segments, play times, postponing, faults, bounded work."""

from __future__ import annotations

import numpy as np
import pytest
from pipeline_rig import Puppeteer, Talkative

from speech_gesture_pkg.config import GestureConfig
from speech_gesture_pkg.errors import AudioNotFiniteError, ClippedAudioError, InputError
from speech_gesture_pkg.pipeline.motion_source import MotionFault, MotionSource
from speech_gesture_pkg.pipeline.offline import VirtualClock

FAR = 1e9


def source(offset: float = 0.3) -> MotionSource:
    return MotionSource(Talkative(), Puppeteer(), GestureConfig(), lambda start: start + offset, VirtualClock())


def push(s: MotionSource, seconds: float, stamp: float | None, arrival: float, level: float = 0.1) -> None:
    s.push(np.full(round(16000 * seconds), level, np.float32), 16000, stamp, arrival, arrival)


def drain(s: MotionSource) -> list[float]:
    while s.advance(FAR) or s.stream.unread_s > 0:
        pass
    return [f.play for f in s.ready]


def test_frames_play_at_stream_time_plus_offset():
    s = source()
    push(s, 1.0, 20.0, 21.0)
    plays = drain(s)
    # frames up to 0.1 s (the look-ahead) before the end
    np.testing.assert_allclose(plays, 20.3 + np.arange(28) / 30)
    assert s.offset == pytest.approx(0.3)
    assert s.begun


def test_much_audio_is_used_in_pieces():
    s = source()
    push(s, 10.0, 20.0, 30.0)
    s.advance(FAR)
    assert 9.3 < s.stream.unread_s < 9.7
    assert s.generator.longest <= 0.2 + 1e-6


def test_audio_is_not_used_long_before_its_time():
    s = source()
    push(s, 10.0, 20.0, 20.0)
    for _ in range(50):
        s.advance(21.0)
    assert s.ready[-1].play < 21.2


def test_postponing_moves_what_waits_and_what_comes():
    s = source()
    push(s, 0.5, 20.0, 20.5)
    drain(s)
    s.postpone(0.2)
    push(s, 0.5, 20.5, 21.0)
    np.testing.assert_allclose(drain(s), 20.5 + np.arange(28) / 30)
    assert s.offset == pytest.approx(0.5)


def test_flushing_starts_a_new_segment():
    s = source()
    push(s, 0.5, 20.0, 20.5)
    drain(s)
    starts = s.generator.starts
    s.flush()
    assert not s.ready
    assert s.speech_at == -np.inf
    push(s, 0.5, 30.0, 30.5)
    assert drain(s)[0] == pytest.approx(30.3)
    assert s.generator.starts == starts + 1


def test_speech_is_heard_by_its_level():
    s = source()
    push(s, 0.1, 20.0, 20.1, level=0.001)
    assert s.speech_at == -np.inf
    push(s, 0.1, 20.1, 20.2, level=0.01)
    assert s.speech_at == pytest.approx(20.2)


@pytest.mark.parametrize(("who", "what"), [("generator", "raise"), ("generator", "nan"), ("retargeter", "nan")])
def test_faults_say_who_and_the_next_audio_starts_anew(who, what):
    s = source()
    push(s, 0.3, 20.0, 20.3)
    drain(s)
    getattr(s, who).mischief = what
    push(s, 0.3, 20.3, 20.6)
    with pytest.raises(MotionFault, match="talkative" if who == "generator" else "retargeting"):
        drain(s)
    assert all(np.isfinite(f.q).all() for f in s.ready)
    getattr(s, who).mischief = ""
    starts = s.generator.starts
    push(s, 0.5, 20.6, 21.1)
    drain(s)
    assert s.generator.starts == starts + 1


def test_arrival_is_known_only_for_frames_that_waited_for_audio():
    s = source()
    push(s, 0.2, 20.0, 20.2)
    drain(s)
    assert s.ready[-1].arrival == 20.2
    push(s, 5.0, 20.2, 20.3)
    s.advance(FAR)
    assert s.ready[-1].arrival == -np.inf


def test_messages_that_cannot_be_used_say_so_by_their_class():
    s = source()
    with pytest.raises(ClippedAudioError, match="100 % of the audio is clipped"):
        push(s, 0.1, 20.0, 20.1, level=1.0)
    with pytest.raises(AudioNotFiniteError, match="NaN"):
        push(s, 0.1, 20.0, 20.1, level=np.nan)
    assert issubclass(ClippedAudioError, InputError)
    assert issubclass(AudioNotFiniteError, InputError)
