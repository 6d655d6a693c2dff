"""From laid gestures to continuous motion of the arms: blends through idle, time warps, holds, a speed limit."""

from __future__ import annotations

import numpy as np

from speech_gesture_pkg.lab.datasets.stats import turn
from speech_gesture_pkg.lab.starter_corpus.gesture_schedule import Laid
from speech_gesture_pkg.lab.starter_corpus.smartbody import FPS
from speech_gesture_pkg.motion.frames import PHASES

_DOWN_S = 0.8
"""Of the blend from the end of a stroke to idle."""
_CREEP = 0.12
"""Speed of a clip's time while the hand is held up."""
_BEAT_S = 0.46
"""Of a beat: back and forth again along the stroke."""
_SOFT = np.hanning(9)[1:-1] / np.hanning(9)[1:-1].sum()
_LIMITS = np.deg2rad([150.0, 380.0, 480.0, 480.0, *[600.0] * 15]) / FPS
"""Largest turn per frame: collar, shoulder, elbow, wrist, finger joints."""
_SMOOTH = np.array([1.0, 4.0, 6.0, 4.0, 1.0]) / 16.0
_STRONG_SMOOTH = np.hanning(13)[1:-1] / np.hanning(13)[1:-1].sum()
_REST, _PREPARATION, _STROKE, _HOLD, _RETRACTION = range(len(PHASES))


def weave(laid: list[Laid], idle: np.ndarray, count: int, first: int) -> tuple[np.ndarray, np.ndarray]:
    """Arm motion of one take.

    Args:
        laid: gestures in order of time.
        idle: an idle recording. Shape [I, 2, 19, 4].
        count: frames T.
        first: frame of the idle recording to begin with.

    Returns:
        Quaternions [T, 2, 19, 4] and phases [T] (index into PHASES, of the busier arm).
    """
    arms = idle[_to_and_fro(first, count, len(idle))].astype(float)
    phases = np.zeros(count, np.uint8)
    for number, one in enumerate(laid):
        follows = [_next_start(laid, number, side) for side in range(2)]
        time, weight, begin = _course(one, follows, count)
        if not len(time):
            continue
        frames = slice(begin, begin + len(time))
        for side in range(2):
            if one.gesture.uses[side]:
                shown = _at(one.gesture.arms[:, side], time)
                arms[frames, side] = blend(arms[frames, side], shown, weight[:, None] * one.size)
        phases[frames] = np.where(weight > 0.02, _phases(one, time, begin), phases[frames])
    return settle(arms), phases


def _to_and_fro(first: int, count: int, length: int) -> np.ndarray:
    """Frame numbers that run to the end of a recording and back."""
    where = (first + np.arange(count)) % (2 * (length - 1))
    return np.where(where < length, where, 2 * (length - 1) - where)


def _next_start(laid: list[Laid], number: int, side: int) -> float:
    """When the next gesture of this arm begins, seconds."""
    return next((x.start for x in laid[number + 1 :] if x.gesture.uses[side]), np.inf)


def _course(one: Laid, follows: list[float], count: int) -> tuple[np.ndarray, np.ndarray, int]:
    """The clip's time and weight in each frame from `begin` on, until it is down again."""
    gesture = one.gesture
    rise_begin = one.start
    follow = min(f for f, uses in zip(follows, gesture.uses, strict=True) if uses)
    # if the next gesture of this arm comes soon, the hand waits for it up there
    until = follow + 0.25 if follow - one.until < 1.8 else one.until
    until = max(until, one.peak + 0.1)
    begin = max(0, int(np.floor(rise_begin * FPS)))
    most = int(np.ceil((until + (len(gesture.arms) / FPS) / one.speed + 2.0) * FPS))
    now = np.arange(begin, min(count, most)) / FPS
    if not len(now):
        return np.zeros(0), np.zeros(0), begin
    hold = (now > one.peak + 0.08) & (now < until)
    speed = np.where(hold, _CREEP, one.speed)
    speed = np.convolve(np.pad(speed, 3, mode="edge"), _SOFT, "valid")[: len(now)]
    time = np.concatenate([[0.0], np.cumsum(speed[:-1]) / FPS])
    time += gesture.emphasis - np.interp(one.peak, now, time)
    down = np.interp(gesture.offset, time, now) if time[-1] >= gesture.offset else now[-1] + 1.0
    for beat in one.beats:
        back = np.clip(0.45 * gesture.preparation, 0.1, 0.28)
        s = np.clip((now - beat) / _BEAT_S + 1.0, 0.0, 1.0)
        time = time - back * np.sin(np.pi * s) ** 2
    weight = _ease((now - rise_begin) / one.rise) * (1.0 - _ease((now - down + 0.2) / _DOWN_S))
    done = np.flatnonzero((now > down) & (weight <= 0.0))
    end = done[0] if len(done) else len(now)
    return time[:end], weight[:end], begin


def _phases(one: Laid, time: np.ndarray, begin: int) -> np.ndarray:
    now = (begin + np.arange(len(time))) / FPS
    phases = np.full(len(time), _PREPARATION, np.uint8)
    phases[now > one.peak - 0.2] = _STROKE
    phases[now > one.peak + 0.05] = _HOLD
    for beat in one.beats:
        phases[(now > beat - _BEAT_S / 2) & (now <= beat + 0.05)] = _STROKE
    phases[now > max([one.until, *one.beats])] = _RETRACTION
    return phases


def _ease(s: np.ndarray) -> np.ndarray:
    """Minimum jerk from 0 to 1."""
    s = np.clip(s, 0.0, 1.0)
    return s * s * s * (10.0 - 15.0 * s + 6.0 * s * s)


def _at(frames: np.ndarray, time: np.ndarray) -> np.ndarray:
    """A clip at any times (held at its ends). [T, 19, 4], [N] -> [N, 19, 4]."""
    where = np.clip(time * FPS, 0.0, len(frames) - 1.0)
    left = np.minimum(where.astype(int), len(frames) - 2)
    share = (where - left)[:, None, None]
    mixed = (1.0 - share) * frames[left] + share * frames[left + 1]
    return mixed / np.linalg.norm(mixed, axis=-1, keepdims=True)


def blend(a: np.ndarray, b: np.ndarray, weight: np.ndarray) -> np.ndarray:
    """Spherical interpolation from a to b. [..., 4], [..., 4], [...] -> [..., 4]."""
    dot = np.einsum("...k,...k->...", a, b)
    b = np.where(dot[..., None] < 0.0, -b, b)
    angle = np.arccos(np.clip(np.abs(dot), 0.0, 1.0))
    small = angle < 1e-4
    sine = np.where(small, 1.0, np.sin(angle))
    weight = np.broadcast_to(weight, angle.shape)
    wa = np.where(small, 1.0 - weight, np.sin((1.0 - weight) * angle) / sine)
    wb = np.where(small, weight, np.sin(weight * angle) / sine)
    mixed = wa[..., None] * a + wb[..., None] * b
    return np.asarray(mixed / np.linalg.norm(mixed, axis=-1, keepdims=True))


def settle(arms: np.ndarray) -> np.ndarray:
    """Smooth over 5 frames, then more where a joint would still turn faster than people's do. [T, 2, 19, 4]."""
    steps = np.sign(np.einsum("t...k,t...k->t...", arms[1:], arms[:-1]))
    steps[steps == 0.0] = 1.0
    arms = arms.copy()
    arms[1:] *= np.cumprod(steps, axis=0)[..., None]
    arms = _convolve(arms, _SMOOTH)
    for _ in range(12):
        fast = turn(arms[1:], arms[:-1]) > _LIMITS
        if not fast.any():
            break
        mask = np.zeros(arms.shape[:3])
        mask[1:] = fast
        mask[:-1] = np.maximum(mask[:-1], fast)
        mask = np.clip(3.0 * _convolve(mask[..., None], np.hanning(15)[1:-1] / 7.0), 0.0, 1.0)
        arms = (1.0 - mask) * arms + mask * _convolve(arms, _STRONG_SMOOTH)
        arms /= np.linalg.norm(arms, axis=-1, keepdims=True)
    return arms


def _convolve(values: np.ndarray, kernel: np.ndarray) -> np.ndarray:
    """Along time, ends repeated; quaternions are made unit again."""
    half = len(kernel) // 2
    padded = np.concatenate([np.repeat(values[:1], half, 0), values, np.repeat(values[-1:], half, 0)])
    out = np.zeros_like(values)
    for k, factor in enumerate(kernel):
        out += factor * padded[k : k + len(values)]
    return out / np.linalg.norm(out, axis=-1, keepdims=True) if values.shape[-1] == 4 else out
