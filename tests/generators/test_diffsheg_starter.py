"""The DiffSHEG starter model that is shipped: prompt, and without seams."""

from __future__ import annotations

import numpy as np
import pytest

from speech_gesture_pkg.audio.chunk import AudioChunk
from speech_gesture_pkg.audio.files import read_audio
from speech_gesture_pkg.config import GeneratorConfig
from speech_gesture_pkg.generators.registry import load_generator
from speech_gesture_pkg.resources import DEMO_AUDIO, resource

CLIP = 40
"""Frames of a clip: known and new ones."""


@pytest.fixture(scope="module")
def generator():
    pytest.importorskip("onnxruntime", reason="learned generators need onnxruntime")
    return load_generator(GeneratorConfig(name="diffsheg", threads=1))


def test_the_declared_look_ahead_is_short(generator):
    assert generator.lookahead_s <= 0.6


def test_clip_borders_cannot_be_seen(generator):
    """The jump of the velocity where a clip begins is within the clip's own change from frame to frame (its p99).

    A face may jump by itself (a blink, a plosive), at a border as anywhere: there it is one border in twenty.
    """
    samples = read_audio(resource(DEMO_AUDIO)).samples[: 15 * generator.sample_rate]
    frames, _ = generator.step(AudioChunk(samples, 0.0), generator.start(3))
    parts = {"body": frames.poses[:, :22], "hands": frames.poses[:, 25:], "face": frames.face}
    for name, part in parts.items():
        change = np.diff(part.reshape(len(frames), -1), axis=0)
        size = np.linalg.norm(change, axis=1)
        borders = range(CLIP, len(size) - generator.hop_frames, generator.hop_frames)
        assert len(borders) > 20
        rough = []
        for border in borders:
            jump = max(np.linalg.norm(change[k] - change[k - 1]) for k in (border - 1, border))
            own = np.quantile(size[border + generator.hop_frames - CLIP : border + generator.hop_frames], 0.99)
            rough += [border] if jump > own else []
        assert len(rough) <= (len(borders) / 20 if name == "face" else 0), (name, rough)
