"""Limbs: groups of channels that move through queues of stages, each stage a quintic segment with a gesture phase."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from speech_gesture_pkg.generators.prosody import channels as ch
from speech_gesture_pkg.generators.prosody.arms import solve_arm
from speech_gesture_pkg.generators.prosody.segments import PEAK_ACCELERATION, Segments

LEFT_ARM, RIGHT_ARM, HEAD, NOD, GAZE, TORSO, BROW = range(7)
CHANNELS: tuple[slice, ...] = (
    ch.LEFT,
    ch.RIGHT,
    slice(ch.HEAD_YAW, ch.HEAD_ROLL + 1),
    slice(ch.NOD, ch.NOD + 1),
    slice(ch.GAZE_YAW, ch.GAZE_PITCH + 1),
    slice(ch.TORSO_PITCH, ch.TORSO_ROLL + 1),
    slice(ch.BROW, ch.BROW + 1),
)
REST, PREPARATION, STROKE, HOLD, RETRACTION = range(5)
"""Gesture phases, indices into `motion.frames.PHASES`."""

_FOLLOW = 1.25
"""Wrist and fingers take this much longer than the arm: they follow through."""
_HAND_AHEAD = 7
"""First arm channel that follows (wrist flexion)."""
_STROKE_EFFORT = 1.6
"""Strokes may accelerate this much more than other moves."""
_SMALLEST = 0.4
"""A stroke is shortened to at most this share of its way; beyond that it takes longer."""
_NO_OVERSHOOT, _BRAKING, _SHORTEST = 2.2, 2.5, 4.0
"""A quintic that starts with speed v towards a target at distance d does not pass it if v T < 2.2 d or so; to brake
within the acceleration limit A it needs about T = 2.5 v / A; and never less than 4 frames."""
_LIMITED = np.array([0.0, 0.0, 1.0, 1.0, 1.0, 1.0, 0.6])
"""Weight of arm channels in the acceleration limit: pronation, shared with the wrist, counts less."""


class Stage(NamedTuple):
    """One move of a limb.

    Attributes:
        target: hand pose [POSE_SIZE] for an arm, channel values for other limbs; None = wait.
        frames: asked duration; arms stretch it to keep joint accelerations below the limit.
        phase: gesture phase while it runs.
        bounce: acceleration away from the target on arrival, in units of distance / duration^2.
        after: phase when it has ended and nothing follows.
    """

    target: np.ndarray | None
    frames: int
    phase: int = REST
    bounce: float = 0.0
    after: int = HOLD


class Limbs:
    """The queues of all limbs.

    Attributes:
        queues: stages still to come, per limb.
        ends: frame at which the running stage ends, per limb.
        phases: phase of the running stage (or after it), per limb.
    """

    __slots__ = ("_after", "ends", "phases", "queues")

    def __init__(self) -> None:
        count = len(CHANNELS)
        self.queues: list[tuple[Stage, ...]] = [()] * count
        self.ends = [0] * count
        self.phases = [REST] * count
        self._after = [REST] * count

    def copy(self) -> Limbs:
        """An independent copy."""
        twin = Limbs.__new__(Limbs)
        twin.queues, twin.ends = list(self.queues), list(self.ends)
        twin.phases, twin._after = list(self.phases), list(self._after)
        return twin

    def send(self, limb: int, frame: int, stages: tuple[Stage, ...]) -> None:
        """Drop what the limb was doing and run `stages` from now on."""
        self.queues[limb] = stages
        self.ends[limb] = frame

    def idle(self, limb: int, frame: int) -> bool:
        """Whether the limb has nothing more to do."""
        return not self.queues[limb] and frame >= self.ends[limb]

    def advance(self, frame: int, segments: Segments, max_acceleration: float) -> None:
        """Start the stages that are due. `max_acceleration` of shoulder and elbow in rad / frame^2."""
        for limb, where in enumerate(CHANNELS):
            if frame < self.ends[limb]:
                continue
            queue = self.queues[limb]
            if not queue:
                self.phases[limb] = self._after[limb]
                continue
            stage, self.queues[limb] = queue[0], queue[1:]
            self.phases[limb], self._after[limb] = stage.phase, stage.after
            frames = stage.frames
            if stage.target is not None:
                if limb <= RIGHT_ARM:
                    frames = _plan_arm(segments, frame, limb, stage.target, stage, max_acceleration)
                else:
                    segments.plan(frame, where, stage.target, frames)
            self.ends[limb] = frame + frames


def _plan_arm(
    segments: Segments, frame: int, limb: int, target_pose: np.ndarray, stage: Stage, max_acceleration: float
) -> int:
    """Plan an arm's move; the duration it really takes, frames."""
    start = CHANNELS[limb].start
    target = solve_arm(target_pose, limb)
    arm, hand = slice(start, start + _HAND_AHEAD), slice(start + _HAND_AHEAD, start + ch.ARM_SIZE)
    now, velocity, _ = segments.state(frame, arm)
    way = target[:_HAND_AHEAD] - now
    # a move against the present velocity is longer by what has to be undone
    undo = 0.25 if stage.phase == STROKE else 0.5
    longest = float((np.abs(way - undo * stage.frames * velocity) * _LIMITED).max())
    limit = max_acceleration * (_STROKE_EFFORT if stage.phase == STROKE else 1.0)
    needed = float(np.sqrt((PEAK_ACCELERATION + 0.8 * stage.bounce) * longest / limit))
    if stage.phase == STROKE and needed > stage.frames:
        # a stroke that came too late to be whole is made smaller rather than late
        share = max((stage.frames / needed) ** 2, _SMALLEST)
        way = share * way
        needed = max(needed * np.sqrt(share), float(stage.frames))
    frames = max(stage.frames, int(np.ceil(needed - 1e-9)))
    bounce = -stage.bounce / (frames * frames)
    # a channel already on its way would swing beyond its target if it took the whole time: it arrives earlier
    speed, distance = np.abs(velocity) + 1e-9, np.abs(way)
    early = np.maximum(np.maximum(_NO_OVERSHOOT * distance, _BRAKING * speed * speed / limit) / speed, _SHORTEST)
    swings = (velocity * way > 0.0) & (speed * frames > _NO_OVERSHOOT * distance)
    each = np.where(swings, np.minimum(early, frames), float(frames))
    segments.plan(frame, arm, now + way, each, bounce * way if stage.bounce else None)
    segments.plan(frame, hand, target[_HAND_AHEAD:], max(frames * _FOLLOW, 4.0))
    return frames
