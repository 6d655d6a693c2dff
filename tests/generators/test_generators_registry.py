"""Generators by name."""

from __future__ import annotations

import pytest

from speech_gesture_pkg.errors import ConfigError, MissingDependencyError, ModelError
from speech_gesture_pkg.generators.registry import GENERATORS, LEARNED, load_generator


def test_every_name_makes_a_generator_that_declares_itself():
    for name in GENERATORS:
        try:
            generator = load_generator(name)
        except (ModelError, MissingDependencyError):
            if name not in LEARNED:  # those need their starter model and onnxruntime
                raise
            continue
        assert generator.name == name
        assert generator.fps > 0
        assert generator.hop_frames >= 1
        assert generator.lookahead_s >= 0
        assert generator.sample_rate == 16_000


def test_prosody_is_live():
    generator = load_generator("prosody")
    assert (generator.fps, generator.hop_frames) == (30.0, 1)
    assert generator.lookahead_s <= 0.150


def test_unknown_name_lists_the_known_ones():
    with pytest.raises(ConfigError, match="'magic' is unknown; it must be one of: prosody"):
        load_generator("magic")
