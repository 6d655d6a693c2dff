"""Another sample rate: resampled; a change while running goes on."""

from __future__ import annotations

import numpy as np
import pytest
from pipeline_rig import Stage

from speech_gesture_pkg.audio.formats import AudioFormat, decode, to_mono
from speech_gesture_pkg.errors import InputError
from speech_gesture_pkg.runtime.states import State

ROW = "other rate / channels"


@pytest.mark.parametrize("rate", [8000, 22050, 44100, 48000])
def test_other_sample_rates_gesture_in_time(fault, rate):
    stage = Stage().activate().speak(3.0, rate=rate)
    assert stage.pipeline.counters.late_frames == 0
    assert stage.pipeline.state is State.GESTURING
    stage.stop()
    if rate == 44100:
        fault.note(f"{rate} Hz audio", "resampled; no late frame", "moves on", stage.windows)


def test_a_change_of_rate_in_mid_speech_goes_on():
    stage = Stage().activate().speak(1.5).speak(1.5, rate=44100).speak(1.5)
    assert stage.pipeline.state in (State.GESTURING, State.APPROACHING)
    stage.stop()


def test_channels_are_mixed_down():
    left, right = np.arange(4, dtype="<i2"), np.arange(4, dtype="<i2") * 3
    interleaved = np.stack([left, right], 1).tobytes()
    mono = to_mono(decode(interleaved, AudioFormat(16000, 2, "S16LE")))
    np.testing.assert_allclose(mono, (left + right) / 2 / 32768)


def test_an_unknown_format_is_refused_by_name():
    with pytest.raises(InputError, match=r"opus.*S16LE"):
        AudioFormat(16000, 1, "opus")
