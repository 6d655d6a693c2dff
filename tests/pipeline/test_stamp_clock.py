"""StampClock: offsets of the audio's stamps against arrival, jitter, drift, bursts, clocks that are set."""

from __future__ import annotations

import math
from collections.abc import Iterator

import numpy as np
import pytest

from speech_gesture_pkg.config import SyncConfig
from speech_gesture_pkg.errors import InputError
from speech_gesture_pkg.pipeline.stamp_clock import AHEAD, StampClock

CHUNK = 0.032


class Listener:
    """Feeds a StampClock and keeps what is queued, as the audio stream does."""

    def __init__(self, mode: str = "live") -> None:
        self.clock = StampClock(SyncConfig(mode=mode))
        self.queued: float | None = None
        self.news: list[str] = []

    def hear(self, stamp: float, arrival: float, duration: float = CHUNK) -> float:
        """The corrected stamp."""
        found = self.clock.correct(stamp, duration, arrival, self.queued)
        self.queued = max(-math.inf if self.queued is None else self.queued, found + duration)
        if text := self.clock.news():
            self.news.append(text)
        return found


def microphone(seconds: float, begin: float = 100.0) -> Iterator[float]:
    """Times of the first samples of messages."""
    return (begin + i * CHUNK for i in range(round(seconds / CHUNK)))


@pytest.mark.parametrize("offset", [-86400.0, -10.0, -5.0, -0.5, -0.1, 0.1, 0.5, 5.0, 10.0, 86400.0])
def test_an_offset_is_corrected_from_the_first_message_on_and_told_once(offset):
    listener = Listener()
    for t in microphone(20.0):
        assert listener.hear(t + offset, t + CHUNK) == pytest.approx(t, abs=1e-6)
    way = "ahead of" if offset > 0 else "behind"
    (news,) = listener.news
    assert news.startswith(f"audio: its time stamps are {abs(offset):.2f} s {way} the node's clock; corrected")
    assert ("sync.mode" in news) == (offset > 0)


@pytest.mark.parametrize("late", [0.0, 0.02, 0.07])
@pytest.mark.parametrize("convention", ["recorded", "sent"])
def test_stamps_of_the_nodes_own_clock_are_left_as_they_are(late, convention):
    listener = Listener()
    for t in microphone(10.0):
        stamp = t if convention == "recorded" else t + CHUNK
        assert listener.hear(stamp, t + CHUNK + late) == stamp
    assert listener.news == []


@pytest.mark.parametrize("offset", [0.0, -5.0, 0.5])
def test_jitter_of_arrival_does_not_move_the_correction(offset):
    """Delays of 0 to 150 ms, in order: the correction stays within what the first message was late by, and stands."""
    rng, listener, arrival, found = np.random.default_rng(0), Listener(), 0.0, []
    for i, t in enumerate(microphone(60.0)):
        arrival = max(arrival, t + CHUNK + min(rng.exponential(0.03), 0.15) * (i > 0))
        found.append(listener.hear(t + offset, arrival) - t)
    assert np.abs(found).max() < 0.02
    assert np.abs(np.diff(found)).max() < 0.002


def test_a_first_message_that_was_held_up_is_no_offset():
    """The first third of a second of a publisher comes at once, when the subscription is made."""
    listener = Listener()
    found = [listener.hear(t, max(t + CHUNK, 100.3)) for t in microphone(5.0)]
    assert found[-1] == pytest.approx(100.0 + 155 * CHUNK)
    assert listener.clock.behind == 0.0
    assert listener.news == []


@pytest.mark.parametrize("ppm", [-300.0, 300.0])
@pytest.mark.parametrize("offset", [0.0, -5.0, 5.0])
def test_a_clock_that_drifts_is_followed(ppm, offset):
    """300 ppm are 2.2 s in two hours."""
    listener, off = Listener(), []
    for t in microphone(7200.0):
        off.append(listener.hear(t + offset + (t - 100.0) * ppm * 1e-6, t + CHUNK) - t)
    assert np.abs(off).max() < 0.1
    assert np.abs(off[len(off) // 2 :]).max() < 0.01
    assert np.abs(np.diff(off)).max() < 0.002


@pytest.mark.parametrize("offset", [-5.0, 0.0, 5.0])
@pytest.mark.parametrize("duration", [0.1, 1.0, 4.0])
def test_sentences_that_are_sent_ahead_follow_each_other(offset, duration):
    """Stamps are the times of sending; from the second message of the first sentence on they are known as such."""
    listener = Listener()
    for sentence in range(3):
        for i in range(int(8.0 / duration)):
            sent = 100.0 + 10.0 * sentence + 0.01 * i
            found = listener.hear(sent + offset, sent, duration)
            if sentence or i > 1:
                assert found == pytest.approx(sent)


@pytest.mark.parametrize("offset", [-5.0, 0.0, 5.0])
def test_speech_sent_ahead_with_the_stamps_of_its_playing_keeps_its_order(offset):
    """Ten seconds in a second, each message stamped with the time at which it is to be heard."""
    listener = Listener()
    first = listener.hear(100.0 + offset, 100.0 + 0.1, 0.1)
    for i in range(1, 100):
        assert listener.hear(100.0 + offset + 0.1 * i, 100.1 + 0.01 * i, 0.1) == pytest.approx(first + 0.1 * i)


@pytest.mark.parametrize("step", [-30.0, -5.0, 5.0, 30.0])
def test_a_publisher_whose_clock_is_set_is_corrected_anew(step):
    """Also a bag that is played in a loop, and another publisher."""
    listener = Listener()
    for t in microphone(10.0):
        found = listener.hear(t + (step if t > 105.0 else 0.0), t + CHUNK)
        assert found == pytest.approx(t, abs=1e-6)
    assert len(listener.news) == 1
    for t in microphone(10.0, begin=110.0):
        assert listener.hear(t, t + CHUNK) == pytest.approx(t, abs=1e-6)
    assert listener.news[1:] == ["audio: its time stamps are of the node's clock again"]


def test_a_stalled_network_is_no_offset():
    """A second and a half without messages, which then come all at once."""
    listener = Listener()
    for t in microphone(20.0):
        held = 106.5 if 105.0 < t < 106.5 else 0.0
        assert listener.hear(t, max(t + CHUNK, held)) == t
    assert listener.news == []


def test_after_a_pause_another_clock_is_believed_only_if_it_is_far_off():
    listener = Listener()
    for t in microphone(5.0):
        listener.hear(t, t + CHUNK)
    assert listener.hear(120.0 - 1.0, 120.0 + CHUNK) == 119.0  # held up by the network
    assert listener.hear(140.0 - 3.0, 140.0 + CHUNK) == pytest.approx(140.0)
    listener.clock.restart()
    assert listener.hear(141.0 - 4.0, 141.0 + CHUNK) == pytest.approx(141.0)


def test_in_stamp_mode_look_ahead_is_believed_and_the_far_past_is_not():
    for ahead in (0.5, 5.0, 55.0):
        listener = Listener("stamp")
        for t in microphone(5.0):
            assert listener.hear(t + ahead, t + CHUNK) == t + ahead
        assert listener.news == []
    listener = Listener("stamp")
    assert listener.hear(99.0, 100.0) == 99.0  # late, but no later than can be waited for
    listener = Listener("stamp")
    for t in microphone(5.0):
        assert listener.hear(t - 5.0, t + CHUNK) == pytest.approx(t, abs=1e-6)
    assert listener.news == [
        "audio: its time stamps are 5.00 s behind the node's clock; corrected: taken as heard when it arrives"
    ]
    for t in microphone(5.0, 110.0):  # its clock is set
        assert listener.hear(t + 2.0, t + CHUNK) == t + 2.0


def test_in_stamp_mode_the_far_future_is_refused():
    clock = StampClock(SyncConfig(mode="stamp"))
    assert clock.correct(100.0 + AHEAD, 0.03, 100.0, None) == 100.0 + AHEAD
    with pytest.raises(InputError, match="2000 s ahead of the node's clock"):
        clock.correct(2100.0, 0.03, 100.0, None)


def test_the_jitter_that_is_allowed_for_is_no_offset():
    patient = StampClock(SyncConfig(jitter=0.3))
    assert patient.correct(100.0, CHUNK, 100.25 + CHUNK, None) == 100.0
    assert StampClock(SyncConfig()).correct(100.0, CHUNK, 100.25 + CHUNK, None) == pytest.approx(100.25)


def test_stamps_that_are_no_numbers_and_empty_messages_are_left_alone():
    clock = StampClock(SyncConfig())
    assert math.isnan(clock.correct(math.nan, CHUNK, 100.0, None))  # the stream refuses it by a sentence
    assert clock.correct(5.0, 0.0, 100.0, None) == 5.0
    assert clock.behind == 0.0
