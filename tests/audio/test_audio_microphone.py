"""The microphone source, against a stand-in for the sounddevice module (no test needs a sound card)."""

from __future__ import annotations

import builtins
import sys
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from speech_gesture_pkg.audio.microphone import MicrophoneSource, input_devices, load_sounddevice
from speech_gesture_pkg.errors import InputError, MissingDependencyError


class PortAudioError(Exception):
    pass


class FakeStream:
    """Keeps what it was opened with; `feed` plays PortAudio's thread."""

    opened: FakeStream | None = None

    def __init__(self, **options: Any) -> None:
        if options["device"] == "absent":
            raise ValueError("No input device matching 'absent'")
        if options["samplerate"] == 7:
            raise PortAudioError("Invalid sample rate")
        self.options, self.running = options, False
        FakeStream.opened = self

    def start(self) -> None:
        self.running = True

    def stop(self) -> None:
        self.running = False

    def close(self) -> None:
        FakeStream.opened = None

    def feed(self, block: np.ndarray, age: float, status: bool = False) -> None:
        times = SimpleNamespace(currentTime=5.0 + age, inputBufferAdcTime=5.0)
        self.options["callback"](block, len(block), times, status)


@pytest.fixture
def sounddevice(monkeypatch: pytest.MonkeyPatch) -> None:
    devices = [{"name": "Array", "max_input_channels": 4}, {"name": "Speaker", "max_input_channels": 0}]
    fake = SimpleNamespace(InputStream=FakeStream, PortAudioError=PortAudioError, query_devices=lambda: devices)
    monkeypatch.setitem(sys.modules, "sounddevice", fake)


def test_blocks_are_stamped_with_their_first_sample(sounddevice: None) -> None:
    got: list[tuple[np.ndarray, float]] = []
    with MicrophoneSource(lambda x, t: got.append((x, t)), clock=lambda: 100.0) as source:
        stream = FakeStream.opened
        assert stream is not None
        assert stream.options["blocksize"] == 320
        block = np.full((320, 1), 0.5, np.float32)
        stream.feed(block, age=0.03)
        block[:] = 0.0  # PortAudio reuses its buffer
        stream.feed(block, age=0.0, status=True)  # a backend without times: the block's length stands in
        assert source.overflows == 1
    assert FakeStream.opened is None
    assert got[0][1] == pytest.approx(99.97)
    assert got[1][1] == pytest.approx(99.98)
    np.testing.assert_array_equal(got[0][0], np.full(320, 0.5, np.float32))


@pytest.mark.parametrize("options", [{"device": "absent"}, {"sample_rate": 7}])
def test_unusable_device_names_the_others(sounddevice: None, options: dict) -> None:
    source = MicrophoneSource(lambda x, t: None, **options)
    with pytest.raises(InputError, match=r"cannot record at .* input devices on this machine: Array"):
        source.start()
    source.close()


def test_device_list(sounddevice: None) -> None:
    assert input_devices() == ["Array"]


@pytest.mark.parametrize(
    ("error", "sentence"),
    [(ImportError("no module"), "pip install sounddevice"), (OSError("PortAudio library not found"), "libportaudio2")],
)
def test_missing_library_says_what_to_install(monkeypatch: pytest.MonkeyPatch, error: Exception, sentence: str) -> None:
    real = builtins.__import__

    def failing(name: str, *args: Any, **kwargs: Any) -> Any:
        if name == "sounddevice":
            raise error
        return real(name, *args, **kwargs)

    monkeypatch.delitem(sys.modules, "sounddevice", raising=False)
    monkeypatch.setattr(builtins, "__import__", failing)
    with pytest.raises(MissingDependencyError, match=sentence):
        load_sounddevice()
