"""The microphone of this machine, through PortAudio."""

from __future__ import annotations

import time
from collections.abc import Callable
from types import ModuleType, TracebackType
from typing import Any

import numpy as np

from speech_gesture_pkg.audio.chunk import SAMPLE_RATE
from speech_gesture_pkg.errors import InputError, MissingDependencyError

AudioCallback = Callable[[np.ndarray, float], None]
"""Called with mono float32 samples [N] and the time of the first one in seconds (on `clock`)."""


def load_sounddevice() -> ModuleType:
    """The sounddevice module. Raises MissingDependencyError saying what to install.

    It is loaded only when a microphone is asked for: its import fails with OSError where PortAudio is not installed.
    """
    try:
        import sounddevice
    except ImportError as error:
        raise MissingDependencyError(
            "the microphone needs the Python package sounddevice; install it with `pip install sounddevice`"
        ) from error
    except OSError as error:
        raise MissingDependencyError(
            f"the microphone needs the PortAudio library ({error}); install it with `apt install libportaudio2`"
        ) from error
    return sounddevice


def input_devices() -> list[str]:
    """Names of the devices that can record, as PortAudio knows them."""
    sounddevice = load_sounddevice()
    return [d["name"] for d in sounddevice.query_devices() if d["max_input_channels"] > 0]


class MicrophoneSource:
    """Records until closed; a context manager.

    Args:
        callback: receives each block from PortAudio's thread; it should hand the samples on and return at once.
        device: PortAudio's device number or part of its name; None is the default input.
        sample_rate: in Hz; the device is asked for it.
        block_s: length of a block, seconds.
        clock: the clock of the stamps, seconds.

    Raises (from `start`):
        MissingDependencyError: sounddevice or PortAudio is not installed.
        InputError: there is no such device, or it cannot record at this rate.
    """

    def __init__(
        self,
        callback: AudioCallback,
        device: int | str | None = None,
        sample_rate: int = SAMPLE_RATE,
        block_s: float = 0.02,
        clock: Callable[[], float] = time.time,
    ) -> None:
        self.callback, self.device, self.sample_rate, self.clock = callback, device, int(sample_rate), clock
        self.block = max(1, round(block_s * sample_rate))
        self.overflows = 0
        """Blocks that PortAudio reported as lost."""
        self._stream: Any = None

    def start(self) -> None:
        """Open the device and begin. Does nothing while already recording."""
        if self._stream is not None:
            return
        sounddevice = load_sounddevice()
        stream = None
        try:
            stream = sounddevice.InputStream(
                samplerate=self.sample_rate,
                blocksize=self.block,
                device=self.device,
                channels=1,
                dtype="float32",
                callback=self._on_block,
            )
            stream.start()
        except (sounddevice.PortAudioError, ValueError) as error:
            if stream is not None:
                stream.close()
            names = ", ".join(input_devices()) or "none"
            wanted = "the default microphone" if self.device is None else f"microphone {self.device!r}"
            raise InputError(
                f"{wanted} cannot record at {self.sample_rate} Hz ({error}); input devices on this machine: {names}"
            ) from error
        self._stream = stream

    def close(self) -> None:
        """Stop and release the device. Does nothing when not recording."""
        stream, self._stream = self._stream, None
        if stream is not None:
            stream.stop()
            stream.close()

    def __enter__(self) -> MicrophoneSource:
        self.start()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, tb: TracebackType | None) -> None:
        self.close()

    def _on_block(self, block: np.ndarray, frames: int, times: Any, status: Any) -> None:
        if status:
            self.overflows += 1
        # PortAudio has its own clock: only the age of the block carries over. Some backends report 0 for both.
        age = times.currentTime - times.inputBufferAdcTime
        if not 0.0 < age < 1.0:
            age = frames / self.sample_rate
        self.callback(block[:, 0].copy(), self.clock() - age)
