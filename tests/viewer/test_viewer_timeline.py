"""The audio strip: levels, phase colours, cursor; the live strip scrolls."""

from __future__ import annotations

import numpy as np
import pytest

pytest.importorskip("PIL")

from speech_gesture_pkg.audio.chunk import AudioChunk
from speech_gesture_pkg.motion.frames import PHASES, MotionFrames
from speech_gesture_pkg.viewer.content import Content
from speech_gesture_pkg.viewer.live import LiveStrip
from speech_gesture_pkg.viewer.timeline import PHASE_COLOURS, PITCH, Timeline, clock, envelope


def near(picture: np.ndarray, name: str) -> np.ndarray:
    return np.abs(picture.astype(int) - PHASE_COLOURS[name]).sum(2) < 6


def test_envelope_is_the_peak_between_the_edges():
    audio = AudioChunk(np.array([0.1, -0.5, 0.2, 0.3, np.nan, -0.9], np.float32), start=1.0, sample_rate=2)
    levels = envelope(audio, np.array([0.0, 1.0, 2.0, 3.0, 4.0, 5.0]))
    np.testing.assert_allclose(levels, [0, 0.5, 0.3, 0.9, 0], atol=1e-6)


def test_clock_text():
    assert [clock(t) for t in (-1.0, 0.04, 9.96, 64.2)] == ["0:00.0", "0:00.0", "0:10.0", "1:04.2"]


def test_loud_and_quiet_halves_and_phase_colours():
    rate = 16000
    samples = np.concatenate([np.full(rate, 0.05), np.full(rate, 0.8)]).astype(np.float32)
    phase = np.repeat([1, 2], 30).astype(np.uint8)
    motion = MotionFrames(np.zeros((60, 55, 3)), 30.0, phase=phase)
    strip = Timeline((300, 100), (0.0, 2.0), Content(motion, audio=AudioChunk(samples))).draw(2.0)
    assert strip.shape == (100, 300, 3)
    body = strip[30:90]  # below the legend, above the ribbon
    left, right = near(body[:, :150], "preparation").any(1), near(body[:, 150:297], "stroke").any(1)
    assert 0 < left.sum() < 12
    assert right.sum() > 40
    assert near(strip[-2:, 5:145], "preparation").all()
    assert near(strip[-2:, 155:290], "stroke").all()


def test_what_is_to_come_is_dimmed_and_the_cursor_moves():
    audio = AudioChunk(np.full(16000, 0.5, np.float32))
    timeline = Timeline((200, 60), (0.0, 1.0), Content(audio=audio))
    quarter, half = timeline.draw(0.25).astype(int), timeline.draw(0.5).astype(int)
    white = [np.flatnonzero((p[-10] > 240).all(1)).mean() for p in (quarter, half)]
    assert white == pytest.approx([50, 100], abs=2)
    middle = 18 + round(42 * 0.47)
    assert quarter[middle, 60:90].max() < quarter[middle, 10:40].max()


def test_long_audio_scrolls():
    timeline = Timeline((240, 60), (0.0, 60.0), Content(audio=AudioChunk(np.zeros(16000 * 60, np.float32))))
    cursor = [np.flatnonzero((timeline.draw(t)[-10] > 240).all(1)).mean() for t in (2.0, 30.0, 59.0)]
    assert cursor == pytest.approx([40, 96, 220], abs=2)


def test_live_strip_scrolls_with_its_clock():
    strip = LiveStrip(width=240, height=60, span_s=8.0)
    strip.push_audio(np.full(1600, 0.5, np.float32), 16000, now=100.0)
    strip.set_phase("stroke", 100.0)
    now, later, gone = strip.draw(100.0), strip.draw(104.0), strip.draw(109.0)
    assert now.shape == (60, 240 // PITCH * PITCH, 3)
    columns = [np.flatnonzero((p[5:52].astype(int).sum(2) > 300).sum(0) > 8) for p in (now, later, gone)]
    assert columns[0].min() > 230
    assert 110 < columns[1].min() < columns[1].max() < 125
    assert len(columns[2]) == 0
    assert near(gone[-2:], "stroke").all()
    strip.set_phase("something else", 110.0)
    assert not near(strip.draw(110.0)[-2:, -PITCH:], "stroke").any()


def test_live_strip_takes_odd_audio():
    strip = LiveStrip()
    strip.push_audio(np.zeros(0, np.float32), 16000, 1.0)
    strip.push_audio(np.full(10, np.nan, np.float32), 16000, 1.0)
    strip.push_audio(np.ones(16000 * 20, np.float32), 16000, 0.5)
    assert strip.draw(1.0).shape[0] == 90


def test_every_phase_has_a_colour():
    assert set(PHASE_COLOURS) == set(PHASES)
