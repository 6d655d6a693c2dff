"""The speech in a bag: which topic it is on, and its messages as one sound on the bag's clock."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import Any

import numpy as np

from speech_gesture_pkg.audio.chunk import SAMPLE_RATE, AudioChunk
from speech_gesture_pkg.audio.events import EventKind
from speech_gesture_pkg.audio.formats import AudioFormat, to_mono
from speech_gesture_pkg.audio.message_shapes import AUDIO_TYPES, read_samples
from speech_gesture_pkg.audio.stream import AudioStream
from speech_gesture_pkg.audio.wav_stream import WavStream
from speech_gesture_pkg.bags.messages import FAR, check_span, stamp_seconds
from speech_gesture_pkg.bags.reader import BagTopic
from speech_gesture_pkg.errors import InputError

OWN_OUTPUT = "/audio_out"
"""The node's delayed copy of the audio it receives; never taken for the speech."""
MOST_TRANSPORT = 0.1
"""An unstamped message may be so much earlier than its place by the first one; more is audio sent ahead of time, s."""
PLAIN = AUDIO_TYPES[:3]
"""Types that hold numbers of any kind; audio messages proper go before them."""


def find_audio_topic(path: str | Path, topics: Iterable[BagTopic], wanted: str = "") -> str:
    """Name of the topic with the speech; '' if the bag has none.

    Args:
        path: of the bag, for the sentences.
        topics: of the bag.
        wanted: what the user says it is.

    Raises:
        InputError: the bag lacks `wanted`, or several topics could be the speech.
    """
    topics = list(topics)
    if wanted:
        if wanted not in {t.name for t in topics}:
            raise InputError(f"bag {path} lacks {wanted}; it has: {', '.join(t.name for t in topics)}")
        return wanted
    found = [t for t in topics if t.type_name in AUDIO_TYPES and t.count and not t.name.endswith(OWN_OUTPUT)]
    found = [t for t in found if t.type_name not in PLAIN] or found
    if len(found) > 1:
        names = ", ".join(f"{t.name} ({t.type_name})" for t in found)
        raise InputError(f"bag {path} has {len(found)} audio topics: {names}; say which one with --audio-topic")
    return found[0].name if found else ""


class BagAudio:
    """Puts the messages of an audio topic together as the node receives them: gaps are silence, late stamps are jitter.

    Unstamped messages follow each other; each stretch of them is placed so that no message comes before it is recorded.

    Args:
        declared: format, as far as the messages do not say.

    Attributes:
        dropped: messages that could not be used.
        reason: why, of the first one.
        gaps: gaps that were filled, and their length in s.
        cut: messages after the clock went back; they are left out.
    """

    def __init__(self, declared: AudioFormat) -> None:
        self.declared = declared
        self.dropped = self.gaps = self.cut = 0
        self.gap_s = 0.0
        self.reason = ""
        self._files = WavStream()
        self._stream: AudioStream | None = None
        self._parts: list[tuple[int, float, list[np.ndarray]]] = []
        self._early: dict[int, float] = {}
        self._ahead = float("inf")

    def add(self, message: Any, received: float) -> None:
        """The next message, received at `received` s."""
        if self.cut:
            self.cut += 1
            return
        try:
            samples, rate = read_samples(message, self.declared, self._files)
            mono = to_mono(samples)
            stamp = self._stamp(message, received)
            stream = self._stream_of(rate)
            events = stream.push(mono, stamp, received)
        except (InputError, AttributeError, TypeError) as e:  # the bag may define its types as it likes
            self.dropped += 1
            self.reason = self.reason or str(e)
            return
        kinds = {e.kind for e in events}
        if EventKind.CLOCK_BACK in kinds:
            self.cut = 1
            return
        for event in events:
            if event.kind in (EventKind.GAP, EventKind.LONG_GAP):
                self.gaps += 1
                self.gap_s += event.seconds
        self._take()
        if stamp is None and stream.end is not None:
            early = received - stream.end
            if -MOST_TRANSPORT < early < 0.0:
                number = self._parts[-1][0] if self._parts else 0
                self._early[number] = min(self._early.get(number, 0.0), early)

    def sound(self) -> AudioChunk | None:
        """Everything as mono 16 kHz from the first sample on; None if there was nothing."""
        if self._stream is not None and self._stream.end is not None:
            self._finish(self._stream)
        if not self._parts:
            return None
        begin, count = self._begin(0), 0
        places: list[tuple[int, np.ndarray]] = []
        for i, (_, _, parts) in enumerate(self._parts):
            missing = round((self._begin(i) - begin) * SAMPLE_RATE) - count
            samples = np.concatenate(parts)[max(-missing, 0) :]
            places.append((count + max(missing, 0), samples))
            count = places[-1][0] + len(samples)
        check_span("the speech", count / SAMPLE_RATE)
        whole = np.zeros(count, np.float32)
        for at, samples in places:
            whole[at : at + len(samples)] = samples
        return AudioChunk(whole, begin)

    def warnings(self, topic: str) -> list[str]:
        """Sentences on what could not be read as it should."""
        found = []
        if self.dropped:
            found.append(f"{self.dropped} messages of {topic} cannot be used: {self.reason}")
        if self.gaps:
            found.append(f"{topic} has {self.gaps} gaps, {self.gap_s:.2f} s together, taken as silence")
        if self.cut:
            found.append(f"the clock of {topic} was set back: its last {self.cut} messages are left out")
        return found

    def _stamp(self, message: Any, received: float) -> float | None:
        """When the sound of a message begins, s; None if it does not say."""
        header = getattr(message, "header", None)
        stamp = stamp_seconds(header.stamp) if header is not None else 0.0
        if not stamp:
            return None
        ahead = stamp - received
        if ahead > self._ahead + FAR:  # less is speech that is sent ahead of its time
            raise InputError(
                f"a stamp is {ahead - self._ahead:.0f} s farther ahead of its recording than the one before it"
            )
        self._ahead = ahead
        return float(stamp)

    def _begin(self, index: int) -> float:
        number, start, _ = self._parts[index]
        return start + self._early.get(number, 0.0)

    def _stream_of(self, rate: int) -> AudioStream:
        if self._stream is None or self._stream.source_rate != rate:
            if self._stream is not None:
                self._finish(self._stream)
            self._stream = AudioStream(rate)
        return self._stream

    def _finish(self, stream: AudioStream) -> None:
        """What the resampler still holds, pushed out by silence."""
        end = stream.end
        assert end is not None
        stream.fill_silence(end + 4.0 * stream.delay_s + 0.01)
        self._take()
        number, start, parts = self._parts[-1]
        whole = np.concatenate(parts)[: max(round((end - start) * SAMPLE_RATE), 0)]
        self._parts[-1] = (number, start, [whole])
        self._stream = None

    def _take(self) -> None:
        assert self._stream is not None
        while (chunk := self._stream.read()) is not None and len(chunk.samples):
            number = self._stream.segment
            if self._parts and self._parts[-1][0] == number:
                self._parts[-1][2].append(chunk.samples)
            else:
                self._parts.append((number, chunk.start, [chunk.samples]))
