"""WavStream: messages of bytes that carry WAV files, whole or in pieces of which only the first has a header."""

from __future__ import annotations

import numpy as np

from speech_gesture_pkg.audio.formats import AudioFormat, decode
from speech_gesture_pkg.audio.wav_header import is_wav, read_wav_header
from speech_gesture_pkg.errors import InputError


class WavStream:
    """Reads the messages of one publisher that carry WAV files.

    A message that begins with a WAV header is read as the header says, without it. So are the messages behind it, until
    the samples that the header announced are complete, or another header comes; a header that announces no size (a
    streamed file) holds until `restart`. All other messages are no business of this class (see `takes`).
    """

    def __init__(self) -> None:
        self._fmt: AudioFormat | None = None
        self._missing: int | None = 0
        self._after = 0
        self._part = b""
        self._news = ""
        self._reported: AudioFormat | None = None

    def restart(self) -> None:
        """Another publisher, or another declared format: what was before does not count."""
        self._fmt, self._reported, self._part = None, None, b""

    def news(self) -> str:
        """Sentence about a kind of file that was found for the first time; '' if there is nothing new."""
        news, self._news = self._news, ""
        return news

    def takes(self, raw: np.ndarray) -> bool:
        """Whether a message's bytes [B] begin a WAV file or go on with one."""
        return self._fmt is not None or is_wav(raw[:12].tobytes())

    def read(self, raw: np.ndarray) -> tuple[np.ndarray, int]:
        """The samples of a message that it takes: float32 [N, channels], full scale = 1, and their rate in Hz.

        Args:
            raw: the message's bytes. Shape [B], uint8.

        Raises:
            InputError: a header that is cut or declares compressed samples; else as `decode`.
        """
        if is_wav(raw[:12].tobytes()):
            raw = self._begin(raw)
        fmt, behind = self._fmt, 0
        assert fmt is not None
        if self._missing is not None:
            behind = max(len(raw) - self._missing, 0)
            raw = raw[: self._missing]
            self._missing -= len(raw)
        data = self._part + raw.tobytes()
        whole = len(data) - len(data) % (fmt.sample_bytes * fmt.channels)
        self._part = data[whole:]
        if self._missing == 0:
            self._after -= behind
            if self._after <= 0:
                self._fmt, self._part = None, b""
        return decode(data[:whole], fmt), fmt.sample_rate

    def _begin(self, raw: np.ndarray) -> np.ndarray:
        """A file begins: what follows its header in this message."""
        self._fmt, self._part = None, b""
        try:
            header = read_wav_header(raw.tobytes())
        except InputError as e:
            raise InputError(f"the audio message is a WAV file that cannot be read: {e}") from e
        self._fmt, self._missing, self._after = header.fmt, header.size, header.after
        if self._reported != header.fmt:
            self._reported = fmt = header.fmt
            self._news = (
                f"audio messages carry WAV files: read as their header says ({fmt.sample_rate} Hz, {fmt.channels} "
                f"channel{'s' * (fmt.channels > 1)}, {fmt.encoding})"
            )
        return raw[header.begin :]
