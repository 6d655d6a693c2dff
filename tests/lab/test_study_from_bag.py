"""What a bag says of when its motion belongs to which sound: the diagnostics, the frames' stamps, silence put in."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from speech_gesture_pkg.audio.chunk import AudioChunk
from speech_gesture_pkg.config import GestureConfig
from speech_gesture_pkg.lab.study.commanded import commanded
from speech_gesture_pkg.lab.study.from_bag import BagRecording, _fallback_share, recorded_sample
from speech_gesture_pkg.motion.frames import MotionFrames
from speech_gesture_pkg.motion.skeleton import JOINT_NAMES
from speech_gesture_pkg.verification.bag_content import BagContent
from speech_gesture_pkg.verification.quintic import SampledTrajectory

FPS = 30.0
SECONDS = 4.0
RATE = 16000
SOUND = 1000.0
"""Bag time of the first sample of the speech, s; the epoch is 0."""
OFFSET = 0.36


def numbered(first: float, count: int) -> MotionFrames:
    """Frames that can be told apart: the root turns by 0.01 rad a frame."""
    poses = np.zeros((count, len(JOINT_NAMES), 3))
    poses[:, 0, 1] = 0.01 * np.arange(count)
    return MotionFrames(poses, FPS, start=first)


def recording(offsets, late: float = 0.0, about: dict | None = None, missing: slice | None = None) -> BagRecording:
    """A generator that began 1 s before the speech; `late`: what receptions are wrong by, s."""
    begin = SOUND - 1.0
    motion = numbered(begin + OFFSET + late, round((SECONDS + 2.0) * FPS))
    stamps = [float(t) for t in motion.times]
    if missing is not None:
        del stamps[missing]
    audio = AudioChunk(0.1 * np.sin(np.arange(int(SECONDS * RATE)) / 20.0).astype(np.float32), SOUND)
    content = BagContent(motion=motion, audio=audio, audio_topic="/audio", about=about or {})
    received = [begin + 0.032 * (k + 1) for k in range(round((SECONDS + 2.0) / 0.032))]
    return BagRecording(content, audio_received=received, offsets=list(offsets), stamps=stamps)


def judged(made: BagRecording):
    material = recorded_sample(Path("bag"), made, GestureConfig(), None, None)
    motion = material.take.motion
    return round(motion.poses[0, 0, 1] / 0.01), motion.start, material


def test_the_motion_before_the_reset_does_not_say_when_the_speech_was_answered():
    """The last diagnostics before the reset speak of another segment, whose offset differs by up to a grid step."""
    told = [(SOUND - 1.05, OFFSET + 0.016), *((SOUND - 0.05 + k, OFFSET) for k in range(5))]
    first, start, material = judged(recording(told))
    assert first == 30
    assert start == pytest.approx(0.0, abs=1e-6)
    assert not [w for w in material.warnings if "put its motion off" in w]
    assert material.offset == pytest.approx(OFFSET)


def test_one_answer_is_better_than_none():
    """Diagnostics come once a second: a short bag may hold those before the speech only."""
    _, _, material = judged(recording([(SOUND - 1.05, OFFSET)]))
    assert material.offset == pytest.approx(OFFSET)


def test_motion_that_was_put_off_is_followed():
    made = recording([(SOUND + k, OFFSET + (0.2 if k > 2 else 0.0)) for k in range(5)])
    late = made.content.motion.times > SOUND + 2.5
    made.stamps = [float(t + 0.2 * d) for t, d in zip(made.content.motion.times, late, strict=True)]
    _, _, material = judged(made)
    assert any("put its motion off" in w for w in material.warnings)
    assert not any("left out" in w for w in material.warnings)  # nothing is missing


@pytest.mark.parametrize("late", [-0.012, 0.0, 0.009])
def test_frames_of_a_run_of_ours_are_counted(late):
    """Receptions are some milliseconds off; the generator began with the first sample that was recorded."""
    told = [(SOUND + k, OFFSET) for k in range(5)]
    first, start, _ = judged(recording(told, late, {"silence_before": 1.0}))
    assert (first, start) == (30, pytest.approx(0.0, abs=1e-6))
    _, start, _ = judged(recording(told, late))  # any other bag: as its stamps say
    assert start == pytest.approx(late % (1 / FPS), abs=1e-6)


def test_frames_that_came_too_late_are_reported():
    told = [(SOUND + k, OFFSET) for k in range(5)]
    _, _, material = judged(recording(told, missing=slice(60, 63)))
    assert "3 frames of the speech (2.5 %) came too late and were left out" in material.warnings
    _, _, material = judged(recording(told, missing=slice(3, 6)))  # before the speech: nobody misses them
    assert not material.warnings


@pytest.mark.parametrize(
    ("silences", "told"),
    [
        ([(-1.5, 7.0), (0.0, 7.05), (3.0, 7.05)], False),  # idle before the speech
        ([(-1.5, 7.0), (0.0, 7.05), (3.0, 7.4)], True),
        ([(0.0, 7.05), (3.0, 7.4)], True),
        ([(-1.5, 7.0), (9.0, 12.0)], False),  # after the speech
        ([], False),
    ],
)
def test_silence_put_into_the_speech_is_reported(silences, told):
    made = recording([(SOUND + k, OFFSET) for k in range(5)])
    made.silences = [(SOUND + t, s) for t, s in silences]
    _, _, material = judged(made)
    assert any("silence into the speech" in w for w in material.warnings) == told


def test_windows_that_were_too_late_to_send_are_reported():
    made = recording([(SOUND + k, OFFSET) for k in range(5)])
    made.unsent = [(SOUND - 1.5, 3.0), (SOUND, 3.0), (SOUND + 3.0, 5.0)]
    _, _, material = judged(made)
    assert "2 trajectory windows were too late to be sent: the robot braked for a moment" in material.warnings


def test_rounded_stamps_make_no_acceleration():
    """The next window begins at a point of the old one, but for the rounding of stamps to nanoseconds."""
    dt = 1 / FPS
    curve = [np.sin, np.cos, lambda t: -np.sin(t)]
    pieces = []
    for k in range(60):
        knots = k * dt + dt * np.arange(12)
        times = np.round(knots + 1e-9 * (-1) ** k, 9)
        pieces.append(SampledTrajectory(times, *(f(knots)[:, None] for f in curve)))
    run = commanded({"a": pieces}, {"a": ("x",)})
    inside = run.time < 2.0
    np.testing.assert_allclose(run.position[inside, 0], np.sin(run.time[inside]), atol=1e-6)
    np.testing.assert_allclose(run.acceleration[inside, 0], -np.sin(run.time[inside]), atol=2e-3)


def test_the_share_of_the_fall_back_counts_while_the_sound_comes_in():
    """Diagnostics come once a second, before, during and after 3 s of audio."""
    recording = BagRecording(BagContent(), audio_received=[10.0, 11.5, 13.0])
    recording.fallback = [(9.0, True), (10.5, False), (11.5, True), (12.5, True), (14.0, False)]
    assert _fallback_share(recording) == pytest.approx(2 / 3)
    recording.fallback = []
    assert _fallback_share(recording) == 0.0
