"""NaN or clipped audio: the chunk is refused by a sentence, and nothing else happens."""

from __future__ import annotations

import numpy as np
import pytest
from pipeline_rig import gesturing

from speech_gesture_pkg.errors import InputError


@pytest.mark.parametrize("samples", [np.full(512, np.nan), np.zeros((4, 4)), np.full(512, np.inf)])
def test_unusable_audio_is_refused_by_an_input_error_and_harms_nothing(samples):
    stage = gesturing()
    with pytest.raises(InputError):
        stage.push(samples.astype(np.float32), stage.now)
    with pytest.raises(InputError):
        stage.push(np.zeros(160, np.float32), stage.now, rate=0)
    with pytest.raises(InputError):
        stage.push(np.zeros(160, np.float32), np.nan)
    stage.push(np.zeros(0, np.float32), stage.now)
    stage.speak(2.0).stop()
