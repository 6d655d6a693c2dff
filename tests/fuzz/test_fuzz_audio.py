"""Audio bytes of any format, audio messages of any type, and the stream behind them."""

from __future__ import annotations

import math
import random
import struct
from types import SimpleNamespace as Message

import numpy as np
from mutation import NUMBERS, spoilt_bytes

from speech_gesture_pkg.audio.formats import ENCODINGS, AudioFormat, decode, to_mono
from speech_gesture_pkg.audio.message_shapes import read_samples
from speech_gesture_pkg.audio.stream import AudioStream
from speech_gesture_pkg.audio.wav_stream import WavStream

SPEECH = np.sin(np.arange(600) * 0.2) * np.hanning(600)
KINDS = ((0.5, "<f4"), (0.5, ">f4"), (0.5, "<f8"), (9e3, "<i2"), (9e3, ">i2"), (1e9, "<i4"), (90, "i1"))
PCM = (
    *((SPEECH * scale).astype(dtype).tobytes() for scale, dtype in KINDS),
    struct.pack("<4sI8sIHHIIHH4sI", b"RIFF", 236, b"WAVEfmt ", 16, 1, 2, 44100, 176400, 4, 16, b"data", 200)
    + bytes(200),
    *(b"ID3\x04" + bytes(60), b"RIFF\x24\x00\x00\x00WAVEfmt " + bytes(40), b"fLaC" + bytes(60), b"OggS" + bytes(60)),
    b"",
)


def checked(samples: np.ndarray) -> None:
    assert samples.dtype == np.float32
    assert np.isfinite(samples).all()
    assert not samples.size or np.abs(samples).max() <= 1.0


def test_bytes(fuzz):
    def make(rng: random.Random):
        encoding = rng.choice((*ENCODINGS, *ENCODINGS, *ENCODINGS, *NUMBERS, 8, 1, 99))
        return (
            spoilt_bytes(rng, PCM),
            rng.choice((16000, 44100, 8000, 0, -1, 10**9)),
            rng.choice((1, 1, 2, 6, 0, 65)),
            encoding,
        )

    def use(given) -> None:
        data, rate, channels, encoding = given
        checked(to_mono(decode(data, AudioFormat(rate, channels, encoding))))

    fuzz.run("audio_bytes", make, use)


def array(rng: random.Random):
    kind = rng.choice(("i2", "f4", "u1", "f4", "i2", "i4", "i1", "f8", "u2"))
    data = spoilt_bytes(rng, PCM)
    data = data[: len(data) // 8 * 8]
    return rng.choice(
        (np.frombuffer(data, kind), np.frombuffer(data, kind).tolist(), data, np.frombuffer(data, kind)[:0])
    )


def message(rng: random.Random):
    numbers = (1, 2, 8, 16, 32, 4, 0, -1, 2**31, 16000, 44100, 2**40)
    what = rng.randrange(4)
    if what == 0:
        data = array(rng)
        sizes = (*numbers, len(data), len(data) // 2)
        dims = [
            Message(
                label=rng.choice(("channels", "samples", "", "x")), size=rng.choice(sizes), stride=rng.choice(sizes)
            )
            for _ in range(3)
        ]
        offset = rng.choice((0, 0, 0, 1, len(data), len(data) + 1))
        made = Message(data=data, layout=Message(dim=dims[: rng.randrange(4)], data_offset=offset))
    elif what == 1:
        fields = {f"{n}_data": array(rng) for n in ("float32", "int32", "int16", "int8", "uint8")}
        info = Message(format=rng.choice(numbers), channels=rng.choice(numbers), rate=rng.choice(numbers), chunk=0)
        made = Message(audio_data=Message(**fields), info=info)
    elif what == 2:
        made = Message(frequency=rng.choice(numbers), channel_map=[0] * rng.randrange(7), data=array(rng))
    else:
        made = Message(data=np.frombuffer(spoilt_bytes(rng, PCM), np.uint8))
    return Message(audio=made) if rng.random() < 0.2 else made


def test_messages(fuzz):
    declared, files = AudioFormat(16000), WavStream()

    def make(rng: random.Random):
        given = declared if rng.random() < 0.5 else AudioFormat(44100, rng.randint(1, 3), rng.choice(ENCODINGS))
        return message(rng), given, rng.choice((None, files))

    def use(given) -> None:
        samples, rate = read_samples(*given)
        checked(to_mono(samples))
        assert 1 <= rate <= 768_000

    fuzz.run("audio_messages", make, use)


def test_stream(fuzz):
    """Chunks with any stamps: what is read is finite, contiguous within its segment, and bounded."""
    streams = {rate: AudioStream(rate) for rate in (16000, 44100)}
    clock = Message(now=0.0, read={})

    def make(rng: random.Random):
        samples = (0.3 * SPEECH[: rng.choice((0, 1, 160, 512, 600))]).astype(np.float32)
        if rng.random() < 0.1 and len(samples):
            samples = samples.copy()
            samples[rng.randrange(len(samples))] = rng.choice((np.nan, np.inf, 5.0, -1e30))
        if rng.random() < 0.01:
            samples = np.zeros(rng.choice((16000, 48000)), np.float32)
        stamp = rng.choice((None, 0.0, -0.01, 0.02, 0.3, -0.3, 5.0, -5.0, math.nan, math.inf, -math.inf, 1e18, -1e18))
        return rng.choice((16000, 16000, 44100)), samples, stamp, rng.choice((0.0, 0.01, 0.03, 0.2, 1.0)), rng.random()

    def use(given) -> None:
        rate, samples, stamp, pause, chance = given
        clock.now += pause
        stream = streams[rate]
        try:
            if chance > 0.95:
                stream.change_rate(48000 if stream.source_rate == rate else rate)
            stream.push(samples, None if stamp is None else clock.now + stamp, clock.now)
        finally:
            if chance < 0.1:
                stream.fill_silence(clock.now)
            elif chance < 0.5:
                while (chunk := stream.read()) is not None:
                    assert np.isfinite(chunk.samples).all()
                    assert math.isfinite(chunk.start)
            elif chance > 0.99:
                stream.reset()
            assert stream.unread_s < 60.0

    fuzz.run("audio_stream", make, use)
