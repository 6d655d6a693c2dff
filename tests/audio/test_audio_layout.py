"""Which dimension of a MultiArray is the channels, and how they lie: decided by the stated rule, or refused by name."""

from __future__ import annotations

from types import SimpleNamespace

import numpy as np
import pytest

from speech_gesture_pkg.audio.formats import AudioFormat
from speech_gesture_pkg.audio.layout import arrange
from speech_gesture_pkg.audio.message_shapes import read_samples
from speech_gesture_pkg.errors import InputError

LEFT = (np.arange(160) * 100).astype(np.int16)
RIGHT = (-np.arange(160) * 50).astype(np.int16)
INTERLEAVED = np.stack([LEFT, RIGHT], 1).ravel()
PLANAR = np.concatenate([LEFT, RIGHT])


def layout(*dims: tuple) -> SimpleNamespace:
    """Of (label, size, stride)."""
    return SimpleNamespace(dim=[SimpleNamespace(label=n, size=s, stride=t) for n, s, t in dims], data_offset=0)


def read(data: np.ndarray, dims: tuple, channels: int = 1) -> np.ndarray:
    message = SimpleNamespace(data=data, layout=layout(*dims))
    samples, rate = read_samples(message, AudioFormat(16000, channels))
    assert rate == 16000
    return samples


@pytest.mark.parametrize(
    ("data", "dims"),
    [
        (INTERLEAVED, (("samples", 160, 320), ("channels", 2, 2))),
        (INTERLEAVED, (("", 160, 320), ("", 2, 2))),
        (INTERLEAVED, (("", 160, 0), ("", 2, 0))),
        (INTERLEAVED, (("rows", 160, 2), ("cols", 2, 1))),
        (INTERLEAVED, (("frames", 160, 320), ("", 2, 2))),
        (INTERLEAVED, (("", 2, 1), ("", 160, 2))),  # strides of [channels, frames] in interleaved memory
        (INTERLEAVED, (("channels", 2, 0),)),
        (INTERLEAVED, (("CHANNELS ", 2, 2), ("", 1, 1))),
        (INTERLEAVED, (("", 1, 320), ("", 160, 320), ("", 2, 2))),
        (PLANAR, (("channels", 2, 320), ("samples", 160, 160))),
        (PLANAR, (("", 2, 320), ("", 160, 160))),
        (PLANAR, (("", 2, 0), ("", 160, 0))),
        (PLANAR, (("channel", 2, 160), ("frame", 160, 1))),
        (PLANAR, (("", 160, 1), ("", 2, 160))),  # strides of [frames, channels] in planar memory
    ],
)
def test_two_channels_however_they_are_laid_out(data, dims):
    samples = read(data, dims)
    np.testing.assert_allclose(samples, np.stack([LEFT, RIGHT], 1) / 32768)


def test_bytes_are_laid_out_alike():
    message = SimpleNamespace(data=PLANAR.tobytes(), layout=layout(("", 2, 0), ("", 160, 0)))
    samples, _ = read_samples(message, AudioFormat(16000, 1, "S16LE"))
    np.testing.assert_allclose(samples, np.stack([LEFT, RIGHT], 1) / 32768)


@pytest.mark.parametrize("dims", [(), (("", 320, 320),), (("samples", 320, 1),), (("", 320, 0), ("", 1, 0))])
def test_one_dimension_is_interleaved_with_the_declared_channels(dims):
    np.testing.assert_allclose(read(INTERLEAVED, dims, channels=2), np.stack([LEFT, RIGHT], 1) / 32768)
    assert read(INTERLEAVED, dims, channels=1).shape == (320, 1)


def test_the_declared_channels_decide_between_small_dimensions():
    assert arrange(layout(("", 16, 0), ("", 20, 0)), 320, 16) == (16, True)
    assert arrange(layout(("", 20, 0), ("", 16, 0)), 320, 16) == (16, False)


@pytest.mark.parametrize(
    ("dims", "sentence"),
    [
        ((("", 16, 0), ("", 20, 0)), r"16 x 20 .*not clear which one is the channels.*audio\.channels"),
        ((("", 16, 0), ("", 16, 0)), "16 x 16"),
        ((("a", 4, 0), ("b", 8, 0), ("c1", 10, 0)), r"4 x 8 x 10 \(labels: 'a', 'b', 'c1'\)"),
        ((("channels", 4, 0), ("channels", 80, 0)), "not clear which one"),
        ((("", 2, 0), ("", 100, 0)), "says 2 x 100 = 200 samples, but 320 are there"),
        ((("channels", 2, 0), ("samples", 100, 0)), "says 2 x 100 samples, but 320 are there"),
    ],
)
def test_what_is_not_clear_is_refused_by_name(dims, sentence):
    with pytest.raises(InputError, match=sentence):
        read(INTERLEAVED, dims)


def test_the_offset_of_the_layout_is_skipped():
    data = np.concatenate([np.full(4, 30000, np.int16), LEFT])
    message = SimpleNamespace(data=data, layout=SimpleNamespace(dim=[], data_offset=4))
    np.testing.assert_allclose(read_samples(message, AudioFormat(16000))[0][:, 0], LEFT / 32768)
    message.layout.data_offset = 200
    with pytest.raises(InputError, match="begins at element 200, but the message holds 164"):
        read_samples(message, AudioFormat(16000))
