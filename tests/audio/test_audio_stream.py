"""AudioStream: irregular pushes become contiguous 16 kHz audio at the right times."""

from __future__ import annotations

import itertools

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from speech_gesture_pkg.audio.events import EventKind
from speech_gesture_pkg.audio.stream import AudioStream
from speech_gesture_pkg.errors import ConfigError, InputError

RATE = 16000
MS20 = 320


def ramp(start: int, count: int) -> np.ndarray:
    """Samples whose value tells their number (exact in float32)."""
    return np.arange(start, start + count, dtype=np.float32) / 2**20


def kinds(events: list) -> list[EventKind]:
    return [e.kind for e in events]


def read_all(stream: AudioStream) -> list:
    chunks = []
    while (chunk := stream.read()) is not None:
        chunks.append((stream.segment, chunk))
    return chunks


def test_regular_chunks_are_joined() -> None:
    stream = AudioStream(RATE)
    assert stream.position is None
    assert stream.read() is None
    for i in range(50):
        assert stream.push(ramp(i * MS20, MS20), 10.0 + i * 0.02, 10.0 + (i + 1) * 0.02) == []
    assert stream.end == pytest.approx(11.0)
    chunk = stream.read(10.5)
    assert chunk is not None
    assert chunk.start == 10.0
    np.testing.assert_array_equal(chunk.samples, ramp(0, 8000))
    assert stream.position == pytest.approx(10.5)
    assert stream.read(10.5) is None
    rest = stream.read()
    assert rest is not None
    assert rest.start == pytest.approx(10.5)
    np.testing.assert_array_equal(rest.samples, ramp(8000, 8000))
    assert stream.read() is None


def test_jitter_below_the_tolerance_is_ignored() -> None:
    rng = np.random.default_rng(0)
    stream = AudioStream(RATE)
    for i in range(100):
        stamp = 5.0 + i * 0.02 + (rng.uniform(-0.015, 0.015) if i else 0.0)
        assert stream.push(ramp(i * MS20, MS20), stamp, stamp) == []
    ((_, chunk),) = read_all(stream)
    np.testing.assert_array_equal(chunk.samples, ramp(0, 100 * MS20))


def test_short_gap_is_filled_by_stamp() -> None:
    stream = AudioStream(RATE)
    stream.push(np.ones(MS20, np.float32), 1.0, 1.0)
    (event,) = stream.push(np.ones(MS20, np.float32), 1.22, 1.22)
    assert event.kind is EventKind.GAP
    assert event.seconds == pytest.approx(0.2)
    assert "0.200 s of audio is missing" in str(event)
    ((_, chunk),) = read_all(stream)
    assert chunk.end == pytest.approx(1.24)
    np.testing.assert_array_equal(np.flatnonzero(chunk.samples == 0), np.arange(MS20, MS20 + 3200))
    assert stream.stats.gaps == 1
    assert stream.stats.filled_s == pytest.approx(0.2)


def test_long_gap_starts_a_segment_that_is_not_joined() -> None:
    stream = AudioStream(RATE)
    stream.push(ramp(0, MS20), 1.0, 1.0)
    (event,) = stream.push(ramp(MS20, MS20), 3.02, 3.02)
    assert event.kind is EventKind.LONG_GAP
    assert event.seconds == pytest.approx(2.0)
    (a, first), (b, second) = read_all(stream)
    assert (a, first.start, len(first.samples)) == (1, 1.0, MS20)
    assert (b, second.start, len(second.samples)) == (2, 3.02, MS20)
    assert stream.stats.filled_s == 0.0


def test_old_segment_is_complete_before_the_new_one_at_other_rates() -> None:
    """What the resampler holds back belongs to the old segment."""
    stream = AudioStream(48000)
    stream.push(np.ones(4800, np.float32), 1.0, 1.0)
    stream.push(np.ones(4800, np.float32), 5.0, 5.0)
    (_, first), (_, second) = read_all(stream)
    assert first.duration == pytest.approx(0.1, abs=1e-4)
    assert second.start == 5.0


def test_repeated_and_late_audio_is_dropped() -> None:
    stream = AudioStream(RATE)
    stream.push(ramp(0, 1600), 0.0, 0.1)
    (event,) = stream.push(ramp(0, 1600), 0.0, 0.1)  # all of it twice
    assert (event.kind, event.seconds) == (EventKind.OVERLAP, pytest.approx(0.1))
    (event,) = stream.push(ramp(800, 1600), 0.05, 0.2)  # half of it twice
    assert (event.kind, event.seconds) == (EventKind.OVERLAP, pytest.approx(0.05))
    ((_, chunk),) = read_all(stream)
    np.testing.assert_array_equal(chunk.samples, ramp(0, 2400))
    assert stream.stats.overlaps == 2
    assert stream.stats.dropped_s == pytest.approx(0.15)


def test_speech_published_faster_than_real_time_is_queued() -> None:
    """Ten seconds in half a second, stamped when published; while it still plays, a second utterance."""
    stream, seen = AudioStream(RATE), []
    for i in range(100):
        now = 50.0 + i * 0.005
        seen += stream.push(ramp(i * 1600, 1600), now, now + 0.001)
    assert kinds(seen) == [EventKind.BURST]
    assert stream.push(ramp(160_000, 1600), 56.0, 56.001) == []
    assert stream.push(ramp(161_600, 1600), 56.1, 56.101) == []
    ((segment, chunk),) = read_all(stream)
    assert (segment, chunk.start) == (1, 50.0)
    np.testing.assert_array_equal(chunk.samples, ramp(0, 163_200))
    assert kinds(stream.push(ramp(0, 1600), 70.0, 70.001)) == [EventKind.LONG_GAP]
    assert kinds(stream.push(ramp(0, 1600), 3.0, 3.001)) == [EventKind.CLOCK_BACK]


def test_publishing_time_stamps_that_jitter_lose_nothing() -> None:
    """Chunks come in pairs: stamps 0, 1, 160, 161 ... ms for audio at 0, 80, 160, 240 ms."""
    stream = AudioStream(RATE)
    for i in range(40):
        stamp = 1.0 + (i // 2) * 0.16 + (i % 2) * 0.001
        assert stream.push(ramp(i * 1280, 1280), stamp, stamp + 0.001) == []
    ((_, chunk),) = read_all(stream)
    np.testing.assert_array_equal(chunk.samples, ramp(0, 40 * 1280))


def test_clock_back_flushes() -> None:
    stream = AudioStream(RATE)
    stream.push(ramp(0, 1600), 100.0, 100.1)
    (event,) = stream.push(ramp(0, 1600), 3.0, 3.1)
    assert event.kind is EventKind.CLOCK_BACK
    assert event.seconds == pytest.approx(97.1)
    ((segment, chunk),) = read_all(stream)
    assert (segment, chunk.start, len(chunk.samples)) == (2, 3.0, 1600)
    assert stream.stats.resets == 1


def test_unstamped_audio_is_counted_and_told_once() -> None:
    stream = AudioStream(RATE)
    assert kinds(stream.push(ramp(0, MS20), None, 7.02)) == [EventKind.UNSTAMPED]
    for i in range(1, 20):  # arrivals in bursts
        assert stream.push(ramp(i * MS20, MS20), None, 7.02 + (i // 5) * 0.1) == []
    ((_, chunk),) = read_all(stream)
    assert chunk.start == pytest.approx(7.0)
    np.testing.assert_array_equal(chunk.samples, ramp(0, 20 * MS20))
    assert kinds(stream.push(ramp(0, MS20), None, 12.02)) == [EventKind.LONG_GAP]
    ((segment, chunk),) = read_all(stream)
    assert (segment, chunk.start) == (2, pytest.approx(12.0))


def test_unstamped_clock_back() -> None:
    stream = AudioStream(RATE)
    stream.push(ramp(0, MS20), None, 50.02)
    assert kinds(stream.push(ramp(0, MS20), None, 4.02)) == [EventKind.CLOCK_BACK]
    ((_, chunk),) = read_all(stream)
    assert chunk.start == pytest.approx(4.0)


def test_drift_is_corrected_when_it_exceeds_the_tolerance() -> None:
    """A sound card 0.2 % fast and one 0.2 % slow: after a minute (120 ms) samples still sit near their stamps."""
    for factor, kind in ((1.002, EventKind.OVERLAP), (0.998, EventKind.GAP)):
        stream, seen = AudioStream(RATE), []
        for i in range(3000):
            seen += stream.push(np.zeros(MS20, np.float32), i * 0.02 / factor, 0.0)
            stream.read()
        assert set(kinds(seen)) == {kind}
        assert stream.end == pytest.approx(3000 * 0.02 / factor, abs=0.045)


def test_silence_goes_on_without_audio_and_speech_lands_on_its_stamp() -> None:
    stream = AudioStream(RATE)
    stream.fill_silence(20.0)
    assert stream.read() is None
    for i in range(1, 31):
        stream.fill_silence(20.0 + i / 30)
    ((_, chunk),) = read_all(stream)
    assert chunk.start == 20.0
    assert chunk.end == pytest.approx(21.0, abs=1e-4)
    assert not chunk.samples.any()
    assert stream.push(np.ones(MS20, np.float32), 21.025, 21.05) == []
    ((segment, chunk),) = read_all(stream)
    assert segment == 1
    onset = chunk.start + np.argmax(chunk.samples) / RATE
    assert onset == pytest.approx(21.025, abs=1.0 / RATE)
    stream.fill_silence(21.0)  # there is audio already
    assert stream.read() is None
    assert stream.stats.idle_s == pytest.approx(1.025, abs=1e-3)
    assert stream.stats.gaps == 0


def test_audio_for_filled_time_is_dropped() -> None:
    stream = AudioStream(RATE)
    stream.push(ramp(0, MS20), 0.0, 0.02)
    stream.fill_silence(0.3)
    (event,) = stream.push(np.ones(8000, np.float32), 0.1, 0.6)
    assert (event.kind, event.seconds) == (EventKind.OVERLAP, pytest.approx(0.2))
    ((_, chunk),) = read_all(stream)
    assert chunk.end == pytest.approx(0.6)
    assert np.argmax(chunk.samples == 1) == 4800


def test_fill_after_a_paused_clock_starts_again() -> None:
    stream = AudioStream(RATE)
    stream.push(ramp(0, MS20), 0.0, 0.02)
    assert kinds(stream.fill_silence(3600.0)) == [EventKind.LONG_GAP]
    assert stream.end == 3600.0


def test_unstamped_after_silence_is_anchored_at_arrival() -> None:
    stream = AudioStream(RATE)
    stream.push(ramp(0, MS20), None, 1.02)
    stream.fill_silence(5.0)
    assert stream.push(np.ones(MS20, np.float32), None, 5.05) == []
    ((_, chunk),) = read_all(stream)
    assert chunk.start + np.argmax(chunk.samples == 1) / RATE == pytest.approx(5.03, abs=1e-4)


def test_memory_is_bounded() -> None:
    stream = AudioStream(RATE, max_buffer_s=2.0)
    seen = []
    for i in range(1000):
        seen += stream.push(ramp(0, MS20), i * 0.02, i * 0.02)
        assert stream.unread_s <= 2.05
    assert set(kinds(seen)) == {EventKind.OVERFLOW}
    assert stream.stats.resets == len(seen)
    chunk = stream.read()
    assert chunk is not None
    assert chunk.end == pytest.approx(20.0)
    idle = AudioStream(RATE, max_buffer_s=2.0)
    for i in range(1000):
        idle.fill_silence(i * 0.02)
        assert idle.unread_s <= 2.05


@pytest.mark.parametrize("rate", [8000, 22050, 44100, 48000])
def test_click_time_after_resampling(rate: int) -> None:
    """Within 1 ms, pushed in uneven chunks and read in 30 ms steps."""
    stream = AudioStream(rate)
    samples = np.zeros(2 * rate, np.float32)
    samples[int(1.2345 * rate)] = 1.0
    done, pieces, rng = 0, [], np.random.default_rng(0)
    while done < len(samples):
        count = int(rng.integers(1, 2000))
        stream.push(samples[done : done + count], 30.0 + done / rate, 0.0)
        done += count
        if (chunk := stream.read(30.0 + done / rate - 0.03)) is not None:
            pieces.append(chunk)
    assert all(a.end == pytest.approx(b.start, abs=1e-9) for a, b in itertools.pairwise(pieces))
    audio = np.concatenate([p.samples for p in pieces]).astype(float)
    centroid = audio**2 @ np.arange(len(audio)) / (audio @ audio) / 16000
    assert pieces[0].start + centroid == pytest.approx(30.0 + int(1.2345 * rate) / rate, abs=1e-3)


@given(st.lists(st.integers(1, 4000), min_size=1, max_size=20), st.sampled_from([16000, 22050, 48000]))
@settings(max_examples=30, deadline=None)
def test_cuts_of_pushes_do_not_matter(cuts: list[int], rate: int) -> None:
    samples = np.random.default_rng(3).standard_normal(sum(cuts)).astype(np.float32) * 0.1
    whole, cut = AudioStream(rate), AudioStream(rate)
    whole.push(samples, 1.0, 1.0)
    for begin, count in zip(np.cumsum([0, *cuts[:-1]]), cuts, strict=True):
        cut.push(samples[begin : begin + count], 1.0 + begin / rate, 1.0)
    one, many = read_all(whole), read_all(cut)
    joined = [np.concatenate([c.samples for _, c in chunks]) if chunks else np.zeros(0) for chunks in (one, many)]
    np.testing.assert_array_equal(*joined)


@given(
    st.lists(
        st.tuples(st.floats(-3.0, 3.0), st.integers(0, 3000), st.booleans(), st.booleans()), min_size=1, max_size=30
    )
)
@settings(max_examples=60, deadline=None)
def test_whatever_comes_in_reading_is_contiguous_within_segments(pushes: list) -> None:
    stream, now, last = AudioStream(RATE), 100.0, None
    for shift, count, stamped, fill in pushes:
        now += shift
        stream.push(np.zeros(count, np.float32), now if stamped else None, now + count / RATE)
        if fill:
            stream.fill_silence(now)
        for segment, chunk in read_all(stream):
            if last is not None and last[0] == segment:
                assert chunk.start == pytest.approx(last[1].end, abs=1e-9)
            else:
                assert last is None or segment > last[0]
            last = (segment, chunk)


@pytest.mark.parametrize("stamped", [True, False])
def test_a_change_of_rate_goes_on_in_the_same_segment(stamped: bool) -> None:
    """A sine of 200 Hz that comes at four rates in turn stays one sine."""
    stream, t, chunks = AudioStream(RATE), 0.0, []
    for rate in (16000, 44100, 8000, 48000, 16000):
        if rate != stream.source_rate:
            stream.change_rate(rate)
        assert stream.source_rate == rate
        for _ in range(25):
            times = t + np.arange(rate // 50) / rate
            events = stream.push(
                np.sin(2 * np.pi * 200 * times).astype(np.float32), 5.0 + t if stamped else None, 5.02 + t
            )
            assert set(kinds(events)) <= {EventKind.UNSTAMPED}
            t += 0.02
            chunks += read_all(stream)
    assert {segment for segment, _ in chunks} == {1}
    assert stream.end == pytest.approx(5.0 + t, abs=1e-6)
    whole = np.concatenate([c.samples for _, c in chunks])
    assert len(whole) == pytest.approx(t * RATE, abs=5)
    starts = [c.start for _, c in chunks]
    assert starts == sorted(starts)
    # Away from the seams, where the filters see zeros, the phase is kept: a sample's shift is 0.08 rad.
    expected = np.sin(2 * np.pi * 200 * np.arange(len(whole)) / RATE)
    seams = np.arange(len(whole)) % 8000
    inside = (seams > 600) & (seams < 7400)
    np.testing.assert_allclose(whole[inside], expected[inside], atol=0.25)


def test_times_are_exact_after_hours() -> None:
    """Ten hours of silence at 44.1 kHz in steps of a frame: the end is where it should be to a sample."""
    stream = AudioStream(RATE)
    stream.fill_silence(1.7e9)
    for i in range(1, 36_001):
        stream.fill_silence(1.7e9 + i)
        chunk = stream.read()
    assert chunk is not None
    assert stream.position == stream.end == pytest.approx(1.7e9 + 36_000, abs=2 / RATE)


def test_bad_input_is_refused_and_changes_nothing() -> None:
    stream = AudioStream(RATE)
    for samples, stamp in [
        (np.array([np.nan], np.float32), 1.0),
        (np.zeros((2, 2), np.float32), 1.0),
        (np.zeros(2, np.float32), float("nan")),
    ]:
        with pytest.raises(InputError):
            stream.push(samples, stamp, 1.0)
    with pytest.raises(InputError, match="finite"):
        stream.fill_silence(float("inf"))
    assert stream.end is None
    assert stream.push(np.zeros(0, np.float32), 1.0, 1.0) == []
    assert stream.stats.as_dict()["received_s"] == 0.0


def test_reset_forgets() -> None:
    stream = AudioStream(RATE)
    stream.push(ramp(0, MS20), 1.0, 1.0)
    stream.reset()
    assert stream.read() is None
    stream.push(ramp(0, MS20), 0.5, 0.5)
    ((segment, chunk),) = read_all(stream)
    assert (segment, chunk.start) == (2, 0.5)


def test_settings_are_checked() -> None:
    with pytest.raises(ConfigError, match="0 <= tolerance <= gap < buffer"):
        AudioStream(RATE, max_gap_s=0.01)
