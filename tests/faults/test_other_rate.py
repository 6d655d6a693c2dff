"""Another sample rate: resampled; a change while running goes on."""

from __future__ import annotations

import numpy as np
import pytest
from pipeline_rig import Stage

from speech_gesture_pkg.audio.formats import AudioFormat, decode, to_mono
from speech_gesture_pkg.errors import InputError
from speech_gesture_pkg.pipeline.states import State

ROW = "other rate / channels"


@pytest.mark.parametrize("rate", [8000, 22050, 44100, 48000])
def test_other_sample_rates_gesture_in_time(fault, rate):
    stage = Stage().activate().speak(3.0, rate=rate)
    assert stage.pipeline.counters.late_frames == 0
    assert stage.pipeline.state is State.GESTURING
    stage.stop()
    if rate == 44100:
        fault.note(f"{rate} Hz audio", "resampled; no late frame", "moves on", stage.windows)


@pytest.mark.parametrize("stamped", [True, False], ids=["stamped", "unstamped"])
def test_a_change_of_rate_in_mid_speech_costs_no_motion(fault, stamped):
    """The same segment, the same generator state, every frame in its time."""
    stage = Stage().activate().silence(0.5).speak(2.0, stamped=stamped)
    starts, before, offset = stage.generator.starts, len(stage.frames), stage.pipeline.offset
    for rate in (44100, 16000, 8000, 22050):
        stage.speak(1.5, rate=rate, stamped=stamped)
    assert stage.generator.starts == starts
    assert stage.pipeline.offset == offset
    plays = np.array([t for t, _ in stage.frames[before:]])
    np.testing.assert_allclose(np.diff(plays), 1 / 30, atol=1e-6)
    assert stage.pipeline.counters.late_frames == 0
    assert stage.pipeline.state is State.GESTURING
    assert set(stage.codes) <= {"unstamped"}
    stage.stop()
    if stamped:
        fault.note("16, 44.1, 16, 8, 22.05 kHz in one speech", "goes on; no frame missing", "moves on", stage.windows)


def test_channels_are_mixed_down():
    left, right = np.arange(4, dtype="<i2"), np.arange(4, dtype="<i2") * 3
    interleaved = np.stack([left, right], 1).tobytes()
    mono = to_mono(decode(interleaved, AudioFormat(16000, 2, "S16LE")))
    np.testing.assert_allclose(mono, (left + right) / 2 / 32768)


def test_an_unknown_format_is_refused_by_name():
    with pytest.raises(InputError, match=r"opus.*S16LE"):
        AudioFormat(16000, 1, "opus")
