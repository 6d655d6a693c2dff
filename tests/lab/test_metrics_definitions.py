"""Every figure says what it is."""

from __future__ import annotations

import pytest

from speech_gesture_pkg.errors import ConfigError
from speech_gesture_pkg.lab.metrics.corpus import CORPUS_METRICS, DIVERSITY, FRECHET
from speech_gesture_pkg.lab.metrics.registry import METRICS, definition


def test_every_metric_has_a_definition():
    assert set(CORPUS_METRICS) == {*FRECHET, *DIVERSITY}
    for name in (*METRICS, *CORPUS_METRICS):
        text = definition(name)
        assert len(text) > 30, name
        assert text.rstrip().endswith((".", ")", "]")), name
        assert "Args:" not in text, name
        assert "Raises:" not in text, name


def test_formulas_and_notes_are_kept():
    assert "1/(T J) sum_t sum_j" in definition("pcm")
    assert definition("lvd_emage").endswith("On the 22 body joints.")
    with pytest.raises(ConfigError, match="'fid' is unknown"):
        definition("fid")
