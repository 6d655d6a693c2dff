"""PaceWatch: audio at another rate than declared is noticed in some seconds; speech that is sent ahead is not."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import pytest

from speech_gesture_pkg.pipeline.audio_pace import PaceWatch

Messages = Iterator[tuple[float, float]]
"""(duration as declared, arrival), s."""


def listen(messages: Messages, rate: int = 16000, watch: PaceWatch | None = None) -> list[tuple[float, str]]:
    """(time, sentence) of everything that is told."""
    watch, told = watch or PaceWatch(), []
    for duration, arrival in messages:
        watch.add(duration, rate, arrival, None)
        if text := watch.news():
            told.append((arrival, text))
    return told


def flow(pace: float, seconds: float, chunk: float = 0.032, jitter: float = 0.0, begin: float = 0.0) -> Messages:
    """Messages of `chunk` s of true time, each delayed by `jitter` s in the mean, in order."""
    rng, arrival = np.random.default_rng(1), 0.0
    for i in range(round(seconds / chunk)):
        arrival = max(arrival, begin + (i + 1) * chunk + jitter * rng.exponential())
        yield chunk * pace, arrival


@pytest.mark.parametrize("jitter", [0.0, 0.002, 0.03])
@pytest.mark.parametrize(
    ("declared", "true"),
    [(16000, 22050), (22050, 16000), (16000, 48000), (44100, 48000), (48000, 44100), (24000, 22050), (16000, 8000)],
)
def test_another_rate_is_named_in_some_seconds(declared, true, jitter):
    told = listen(flow(true / declared, 15.0, jitter=jitter), declared)
    ((time, text),) = told
    assert time < (4.0 if jitter < 0.01 else 10.0)
    assert float(text.split()[3]) == pytest.approx(true / declared, rel=0.02)
    assert f"times real time: {declared} looks like {true}" in text


def test_twice_the_pace_may_be_two_channels():
    ((_, text),) = listen(flow(2.0, 5.0))
    assert text == "audio arrives at 2.00 times real time: 16000 looks like 32000 (or 2 channels)"


def test_long_messages_take_longer():
    ((time, _),) = listen(flow(22050 / 16000, 20.0, chunk=0.5))
    assert time < 10.0


def test_the_right_pace_is_no_news_whatever_the_jitter():
    for jitter in (0.0, 0.01, 0.1, 0.3):
        assert listen(flow(1.0, 60.0, jitter=jitter)) == []
    assert listen(flow(1.001, 60.0)) == []  # a cheap sound card


def test_a_file_that_is_played_too_fast_is_named_without_a_rate():
    ((_, text),) = listen(flow(1.2, 30.0))
    assert text == "audio arrives at 1.20 times real time: 16000 is declared, 19200 a second arrive"


def sentences(rng: np.random.Generator) -> Messages:
    """Each in one message; the next one when it has been played."""
    t = 0.0
    while t < 120.0:
        duration = rng.uniform(1, 8)
        yield duration, t
        t += duration + rng.uniform(0, 2)


def synthesiser(rng: np.random.Generator) -> Messages:
    """Sentences in pieces, as fast as they are made: 1.5 to 10 times real time."""
    t = 0.0
    while t < 120.0:
        length, chunk, begin = rng.uniform(1, 10), rng.choice([0.02, 0.04, 0.1, 0.25, 0.5]), t
        speed = rng.uniform(1.5, 10)
        for _ in range(int(length / chunk)):
            t += chunk / speed * rng.lognormal(0, 0.3)
            yield chunk, t
        t = max(t, begin + length) + rng.uniform(0.1, 3)


def buffered(rng: np.random.Generator) -> Messages:
    """A player's buffer is filled at once, then real time; again after a pause."""
    t = 0.0
    while t < 120.0:
        for _ in range(int(rng.uniform(0.3, 3) / 0.032)):
            t += 0.001
            yield 0.032, t
        for _ in range(int(rng.uniform(1, 20) / 0.032)):
            t += 0.032
            yield 0.032, t + rng.uniform(0, 0.01)
        t += rng.uniform(0.1, 4)


def gated(rng: np.random.Generator) -> Messages:
    """A microphone that is silent between words."""
    t = 0.0
    while t < 120.0:
        for _ in range(int(rng.uniform(0.3, 6) / 0.03)):
            t += 0.03
            yield 0.03, t + rng.uniform(0, 0.01)
        t += rng.uniform(0.1, 3)


def lossy(rng: np.random.Generator) -> Messages:
    """One message of fifty is lost."""
    for i in range(6000):
        if rng.random() > 0.02:
            yield 0.02, 0.02 * i + rng.uniform(0, 0.01)


def whole_file(rng: np.random.Generator) -> Messages:
    """Ten seconds in a tenth of a second, and again when they have been played."""
    for k in range(6):
        yield from ((0.032, 15.0 * k + 0.0003 * i) for i in range(300))


@pytest.mark.parametrize("kind", [sentences, synthesiser, buffered, gated, lossy, whole_file])
def test_bursts_pauses_and_speech_sent_ahead_are_no_news(kind):
    """20 times two minutes each."""
    for seed in range(20):
        assert listen(kind(np.random.default_rng(seed))) == [], seed


def test_stamps_that_pass_as_the_audio_does_say_that_it_is_sent_ahead():
    watch = PaceWatch()
    for i in range(1000):
        watch.add(0.044, 16000, 0.032 * i, 100.0 + 0.044 * i)
        assert watch.news() == ""
    assert watch.pace == 1.0


def test_it_is_over_when_the_rate_is_put_right():
    watch = PaceWatch()
    assert len(listen(flow(22050 / 16000, 6.0), 16000, watch)) == 1
    assert watch.too_fast
    assert watch.pace == pytest.approx(22050 / 16000, abs=0.01)
    ((time, text),) = listen(flow(1.0, 6.0, begin=6.0), 22050, watch)
    assert time < 6.1
    assert text == "audio arrives in real time again"
    assert (watch.pace, watch.problem) == (1.0, "")


def test_it_is_over_when_the_publisher_is_another_one():
    watch = PaceWatch()
    listen(flow(22050 / 16000, 6.0), 16000, watch)
    told = listen(flow(1.0, 8.0, begin=6.0), 16000, watch)
    assert [text for _, text in told] == ["audio arrives in real time again"]


def test_a_clock_that_was_set_back_begins_anew():
    watch = PaceWatch()
    listen(flow(1.0, 5.0, begin=100.0), 16000, watch)
    assert listen(flow(1.0, 5.0, begin=3.0), 16000, watch) == []
