"""Face: jaw and lips from level and spectrum, blinks by process, brows on emphasis. No phonemes are recognised: lips
round when low bands dominate and stretch when the band of front vowels does, which fits vowels more often than not."""

from __future__ import annotations

import numpy as np

from speech_gesture_pkg.generators.prosody import random_streams
from speech_gesture_pkg.motion.parts import ARKIT_INDEX, ARKIT_NAMES

RING = 32
"""Feature frames kept for smoothing."""
_LEAD_FRAMES = 2
"""Lips lead the sound by this many feature frames (visible speech starts before it is heard)."""
_HALF = 5
_KERNEL = np.hanning(2 * _HALF + 3)[1:-1]
_KERNEL /= _KERNEL.sum()
JAW_ANGLE = np.deg2rad(7.5)
"""SMPL-X jaw angle of a wide open mouth in speech."""
_BLINK_MEAN_S = 3.5
OPEN, _ROUND, _WIDE, CLOSED = range(4)

_AT = ARKIT_INDEX
_SPREAD_PAIRS = np.array([_AT["mouthStretchLeft"], _AT["mouthStretchRight"]])
_SMILE = np.array([_AT["mouthSmileLeft"], _AT["mouthSmileRight"]])
_PRESS = np.array([_AT["mouthPressLeft"], _AT["mouthPressRight"]])
_LOWER = np.array([_AT["mouthLowerDownLeft"], _AT["mouthLowerDownRight"]])
_UPPER = np.array([_AT["mouthUpperUpLeft"], _AT["mouthUpperUpRight"]])
_BLINKS = np.array([_AT["eyeBlinkLeft"], _AT["eyeBlinkRight"]])
_OUTER_BROWS = np.array([_AT["browOuterUpLeft"], _AT["browOuterUpRight"]])
_EYE_RANGE = np.deg2rad(25.0)


def features(log_mel: np.ndarray) -> np.ndarray:
    """Levels of the low, middle and front-vowel band, dB. log_mel [F, 40] (0 to 8 kHz) -> [F, 3]."""
    out = np.empty((len(log_mel), 3))
    # mel bands of 40 up to 8 kHz: 3..7 about 250-600 Hz, 9..13 about 750-1200, 18..23 about 1900-2900
    for column, (first, last) in enumerate(((3, 8), (9, 14), (18, 24))):
        out[:, column] = log_mel[:, first:last].mean(axis=1, dtype=float)
    return out


class Mouth:
    """Smoothing ring and blink clock.

    Attributes:
        ring: mouth targets of the last feature frames (open, round, wide, closed). Shape [RING, 4].
        tilt: running means of low - middle and front - middle level while speaking, dB.
        blink_begin, blink_frames: the running or last blink. next_blink: frame of the next one. blinks: so far.
    """

    __slots__ = ("blink_begin", "blink_frames", "blinks", "next_blink", "ring", "tilt")

    def __init__(self, seed: int) -> None:
        self.ring = np.zeros((RING, 4))
        self.ring[:, CLOSED] = 0.3
        self.tilt = (6.0, -4.0)
        self.blink_begin, self.blink_frames, self.blinks = -100, 6, 0
        self.next_blink = int(30 * (0.5 + 2.5 * random_streams.uniform(seed, random_streams.FACE, 0, 1)[0]))

    def copy(self) -> Mouth:
        """An independent copy."""
        twin = Mouth.__new__(Mouth)
        twin.ring = self.ring.copy()
        twin.tilt = self.tilt
        twin.blink_begin, twin.blink_frames = self.blink_begin, self.blink_frames
        twin.next_blink, twin.blinks = self.next_blink, self.blinks
        return twin

    def push(
        self, index: int, energy_db: float, bands: list[float], peak_db: float, voicing: float, speaking: bool
    ) -> None:
        """Take feature frame `index` of the stream (`bands` as made by `features`, `peak_db` of the speaker)."""
        level = min(max((energy_db - peak_db + 30.0) / 30.0, 0.0), 1.0) if energy_db > -58.0 else 0.0
        low, front = bands[0] - bands[1], bands[2] - bands[1]
        if speaking and voicing > 0.45:
            self.tilt = (self.tilt[0] + 0.01 * (low - self.tilt[0]), self.tilt[1] + 0.01 * (front - self.tilt[1]))
        voiced = voicing if level > 0.0 else 0.0
        opening = level**1.6 * (0.35 + 0.65 * voiced)
        rounding = min(max((low - self.tilt[0]) / 14.0, 0.0), 1.0) * voiced * level
        wide = min(max((front - self.tilt[1]) / 14.0, 0.0), 1.0) * level
        closed = (1.0 - level) ** 2 if speaking else 0.25
        self.ring[index % RING] = (opening, rounding, wide, closed)

    def maybe_blink(self, frame: int, fps: float, seed: int, chance: float = 0.0) -> None:
        """Start a blink if it is due, or with probability `chance` now (at most one a second)."""
        due = frame >= self.next_blink
        if frame - self.blink_begin < fps or not (due or chance > 0.0):
            return
        u = random_streams.uniform(seed, random_streams.FACE, 2 * frame + 1, 3)
        if not due and u[2] >= chance:
            return
        self.blinks += 1
        self.blink_begin = frame
        self.blink_frames = round(fps * (0.17 + 0.12 * u[0]))
        # exponential waiting time above a refractory second
        self.next_blink = frame + int(fps * (1.2 - (_BLINK_MEAN_S - 1.2) * np.log(1.0 - 0.98 * u[1])))

    def shape(self, centre: int) -> np.ndarray:
        """Smoothed open, round, wide, closed at a feature frame. Shape [4]."""
        rows = (_OFFSETS + (centre + _LEAD_FRAMES)) % RING
        return _KERNEL @ self.ring[rows]

    def lids(self, frame: int) -> float:
        """How closed the eyelids are, 0..1: fast down, slower up."""
        s = (frame - self.blink_begin + 0.5) / self.blink_frames
        if not 0.0 < s < 1.0:
            return 0.0
        warped = s / 0.7 if s < 0.35 else 0.5 + (s - 0.35) / 1.3
        return float(np.sin(np.pi * warped) ** 2) ** 0.6


_OFFSETS = np.arange(-_HALF, _HALF + 1)


def weights(mouth: np.ndarray, lids: float, brow: float, gaze: tuple[float, float], calm: float) -> np.ndarray:
    """The 52 ARKit weights of a frame.

    Args:
        mouth: open, round, wide, closed. Shape [4].
        lids: 0 open .. 1 closed.
        brow: brow raise, about 0..1.
        gaze: yaw (left +) and pitch (down +) of the eyes in the head, rad.
        calm: 0 speaking .. 1 silent: a slight smile at rest.
    """
    face = np.zeros(len(ARKIT_NAMES))
    opening, rounding, wide, closed = mouth
    face[_AT["jawOpen"]] = 0.62 * opening
    face[_AT["mouthFunnel"]] = 0.55 * rounding
    face[_AT["mouthPucker"]] = 0.45 * rounding * (1.0 - opening)
    face[_SPREAD_PAIRS] = 0.35 * wide
    face[_SMILE] = 0.10 * calm + 0.16 * wide
    face[_AT["mouthClose"]] = 0.12 * closed * (1.0 - calm)
    face[_PRESS] = 0.14 * closed * (1.0 - calm)
    face[_LOWER] = 0.30 * opening
    face[_UPPER] = 0.15 * opening
    face[_AT["mouthRollLower"]] = 0.10 * closed * (1.0 - calm)
    up = max(brow, 0.0)
    face[_AT["browInnerUp"]] = 0.65 * up
    face[_OUTER_BROWS] = 0.50 * up
    face[_BLINKS] = lids
    yaw, pitch = gaze[0] / _EYE_RANGE, gaze[1] / _EYE_RANGE
    left, right = max(yaw, 0.0), max(-yaw, 0.0)
    face[_AT["eyeLookOutLeft"]] = face[_AT["eyeLookInRight"]] = left
    face[_AT["eyeLookInLeft"]] = face[_AT["eyeLookOutRight"]] = right
    face[_AT["eyeLookDownLeft"]] = face[_AT["eyeLookDownRight"]] = max(pitch, 0.0)
    face[_AT["eyeLookUpLeft"]] = face[_AT["eyeLookUpRight"]] = max(-pitch, 0.0)
    return np.clip(face, 0.0, 1.0, out=face)
