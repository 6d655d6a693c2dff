"""What training sequences are cut from: the style of a recording, and windows of its speech."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from speech_gesture_pkg.generators.feature_windows import SpeechWindows
from speech_gesture_pkg.lab.training.corpus import Recording


def style_reference(recordings: Sequence[Recording]) -> np.ndarray:
    """Median liveliness of the recordings of a corpus. Shape [2]."""
    return np.asarray(np.maximum(np.median([r.liveliness for r in recordings], axis=0), 1e-3))


def style_of(recording: Recording, reference: np.ndarray) -> np.ndarray:
    """The style input of a recording: log2 of the ratio to the corpus' median, within a factor 4. Shape [2].

    It is one for the whole recording: with that of the moment, the network would learn to move when the style says so
    instead of when someone speaks.
    """
    ratio = np.clip(recording.liveliness / reference, 0.25, 4.0)
    return np.log2(ratio).astype(np.float32)


def speech_windows(speech: np.ndarray, first: int, count: int, windows: SpeechWindows, quiet: np.ndarray) -> np.ndarray:
    """Windows of units `first` to `first + count`; outside the recording there is silence. Shape [count, L, C]."""
    begin = windows.first(first)
    end = windows.first(first + count - 1) + windows.length
    inside = speech[max(0, begin) : max(0, end)]
    before = np.repeat(quiet[None], max(0, -begin) if begin < 0 else 0, 0)
    after = np.repeat(quiet[None], max(0, end - begin - len(before) - len(inside)), 0)
    whole = np.concatenate([before, inside, after])
    return np.stack([whole[windows.first(first + k) - begin :][: windows.length] for k in range(count)])
