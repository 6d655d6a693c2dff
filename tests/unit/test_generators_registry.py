"""Generators by name."""

from __future__ import annotations

import pytest

from speech_gesture_pkg.errors import ConfigError
from speech_gesture_pkg.generators.registry import GENERATORS, create_generator


def test_every_name_makes_a_generator_that_declares_itself():
    for name in GENERATORS:
        generator = create_generator(name)
        assert generator.name == name
        assert generator.fps > 0
        assert generator.hop_frames >= 1
        assert generator.lookahead_s >= 0
        assert generator.sample_rate == 16_000


def test_prosody_is_live():
    generator = create_generator("prosody")
    assert (generator.fps, generator.hop_frames) == (30.0, 1)
    assert generator.lookahead_s <= 0.150


def test_unknown_name_lists_the_known_ones():
    with pytest.raises(ConfigError, match="'magic' is unknown; it must be one of: prosody"):
        create_generator("magic")
