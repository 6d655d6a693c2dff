"""NaN or clipped audio: the chunk is refused by a sentence, and nothing else happens."""

from __future__ import annotations

import numpy as np
import pytest
from pipeline_rig import gesturing

from speech_gesture_pkg.errors import InputError
from speech_gesture_pkg.pipeline.states import State

ROW = "NaN or clipped audio"


@pytest.mark.parametrize("samples", [np.full(512, np.nan), np.zeros((4, 4)), np.full(512, np.inf)])
def test_unusable_audio_is_refused_by_an_input_error_and_harms_nothing(fault, samples):
    stage = gesturing()
    with pytest.raises(InputError):
        stage.push(samples.astype(np.float32), stage.now)
    with pytest.raises(InputError):
        stage.push(np.zeros(160, np.float32), stage.now, rate=0)
    with pytest.raises(InputError):
        stage.push(np.zeros(160, np.float32), np.nan)
    stage.push(np.zeros(0, np.float32), stage.now)
    stage.speak(2.0)
    assert stage.pipeline.state is State.GESTURING
    stage.stop()
    if np.isnan(samples).all():
        fault.note("a message of NaN", "dropped, reported; gestures go on", "moves on", stage.windows)


def test_clipped_audio_is_dropped(fault):
    """A wrong sample format sounds like this: most samples at full scale."""
    stage = gesturing()
    noise = np.sign(np.random.default_rng(0).normal(size=512)).astype(np.float32)
    with pytest.raises(InputError, match="100 % of the audio is clipped"):
        stage.push(noise, stage.now)
    loud = stage.voice(0.032, level=3.0).clip(-1, 1)  # a shout, at full scale now and then
    stage.push(np.where(np.arange(len(loud)) % 5, 0.3 * loud, loud).astype(np.float32), stage.now)
    stage.speak(2.0)
    assert stage.pipeline.state is State.GESTURING
    stage.stop()
    fault.note("a message at full scale", "dropped, reported; gestures go on", "moves on", stage.windows)
