"""Phrases and accents from speech features."""

from __future__ import annotations

import numpy as np

from speech_gesture_pkg.features.accents import AccentTracker


def _syllable(strength: float) -> list[tuple[float, float, float, float]]:
    """Ten-millisecond features of a syllable of 0.2 s with a peak level of -30 dB + 6 * strength."""
    top = -30.0 + 6.0 * strength
    level = [top - 22, top - 12, top - 5, top - 2, *([top] * 8), *np.linspace(top, top - 22, 8)]
    onset = [0.2, 1.0 + strength, 1.2 + strength, 0.6, *([0.1] * 16)]
    return [(lv, on, 120.0 * (1 + 0.15 * strength), 0.9) for lv, on in zip(level, onset, strict=True)]


def test_phrases_and_accents_of_a_constructed_sequence():
    tracker, rng = AccentTracker(), np.random.default_rng(0)
    frames, stressed = [(-80.0, 0.0, 0.0, 0.0)] * 100, []
    for number in range(40):
        strong = number % 3 == 0
        if strong:
            stressed.append(len(frames))
        frames += _syllable((1.0 if strong else -0.6) + 0.1 * rng.standard_normal())
    frames += [(-80.0, 0.0, 0.0, 0.0)] * 100
    events = [(i, event) for i, row in enumerate(frames) for event in tracker.push(*row)]
    assert [e.kind for _, e in events if e.kind != "accent"] == ["start", "end"]
    start = next(i for i, e in events if e.kind == "start")
    end = next(i for i, e in events if e.kind == "end")
    assert 100 <= start <= 108
    assert 900 + 15 <= end <= 900 + 30
    accents = np.array([i for i, e in events if e.kind == "accent"])[3:]
    hits = [min(abs(a - s - 5) for s in stressed) <= 5 for a in accents]
    assert np.mean(hits) > 0.85
    assert len(accents) >= 8


def test_silence_and_hum_have_no_accents():
    tracker = AccentTracker()
    for _ in range(500):
        assert tracker.push(-100.0, 0.0, 0.0, 0.0) == []
    kinds = [e.kind for _ in range(2000) for e in tracker.push(-20.0, 0.0, 100.0, 0.95)]
    assert kinds.count("accent") <= 2
