"""What one job has to judge, whatever it came from: motion, speech and robot on one clock.

Time 0 is the first sample of the speech. The human motion stands on the audio's own clock (as the generator drew it:
published definitions know no latency); the robot's motion stands where it is seen, latency included.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace

import numpy as np

from speech_gesture_pkg.audio.chunk import AudioChunk
from speech_gesture_pkg.config import GestureConfig
from speech_gesture_pkg.errors import SpeechGestureError
from speech_gesture_pkg.features.extractor import FeatureFrames, SpeechFeatureExtractor
from speech_gesture_pkg.lab.metrics.sample import MetricInput, RobotMetricInput
from speech_gesture_pkg.lab.study.robot_body import Limbs, RobotBody
from speech_gesture_pkg.motion.frames import MotionFrames
from speech_gesture_pkg.motion.parts import PARTS
from speech_gesture_pkg.pipeline.build import Robot, layout_of
from speech_gesture_pkg.trajectory.joint_motion import RobotTrajectory
from speech_gesture_pkg.trajectory.limits import MotionLimits

EMPTY = MotionFrames(np.zeros((0, 55, 3)), 30.0)


@dataclass
class EvaluationSample:
    """All that a record is made from.

    Attributes:
        take: for the metrics.
        audio: the speech, starting at 0.
        offset: how much later than its sound the motion was played, s.
        limits: those the robot was held to, in the order of the commanded joints.
        limbs: of the robot at the trajectory's times.
        shown_times: of the take's robot directions, s.
        timings: figures of the run.
        events: kind -> how many.
        warnings: sentences.
        no_figure: metric -> why there is no figure, where that is known better than the metric does.
        fallback_share: of the motion, that the fall-back made in place of the generator; in [0, 1].
    """

    take: MetricInput
    audio: AudioChunk | None = None
    offset: float = 0.0
    limits: MotionLimits | None = None
    limbs: Limbs | None = None
    shown_times: np.ndarray = field(default_factory=lambda: np.zeros(0))
    timings: dict[str, float] = field(default_factory=dict)
    events: dict[str, int] = field(default_factory=dict)
    warnings: list[str] = field(default_factory=list)
    no_figure: dict[str, str] = field(default_factory=dict)
    fallback_share: float = 0.0

    @property
    def trajectory(self) -> RobotTrajectory | None:
        """Commanded motion of the robot, time after the first sample of the speech."""
        return self.take.robot.trajectory if self.take.robot else None


def speech_features(audio: AudioChunk) -> FeatureFrames:
    """Features of a whole utterance; half a second of silence behind it completes the last frames."""
    extractor = SpeechFeatureExtractor()
    samples = np.concatenate([audio.samples, np.zeros(audio.sample_rate // 2, np.float32)])
    return extractor.step(samples, extractor.start())[0]


def joined(frames: Sequence[tuple[float, MotionFrames]], fps: float) -> MotionFrames:
    """Frames (play time, one frame) on their stream clock; frames that were dropped are held over."""
    starts = np.array([f.start for _, f in frames])
    index = np.round((starts - starts[0]) * fps).astype(int)
    forward = np.concatenate([[True], index[1:] > np.maximum.accumulate(index)[:-1]])
    kept = [f for (_, f), ok in zip(frames, forward, strict=True) if ok]
    held = np.searchsorted(index[forward], np.arange(index.max() + 1), side="right") - 1
    whole = MotionFrames.concatenate(kept)
    keys = ("poses", "translation", "expression", "face", "phase", "valid")
    return replace(whole, start=float(starts[0]), **{k: getattr(whole, k)[held] for k in keys})


def has_body(motion: MotionFrames) -> bool:
    """Whether there is a body that can be drawn, in all of some frames."""
    return len(motion) > 2 and bool(motion.finite.all() and motion.valid[:, PARTS.index("body")].all())


def cut(motion: MotionFrames, begin: float, end: float) -> MotionFrames:
    """The frames from `begin` to before `end`, s."""
    first = max(int(np.ceil((begin - motion.start) * motion.fps - 1e-6)), 0)
    last = max(int(np.ceil((end - motion.start) * motion.fps - 1e-6)), first)
    return motion[first:last]


def limits_of(robot: Robot, joints: Sequence[str], config: GestureConfig) -> MotionLimits:
    """The limits that the parameters and the URDF give for these joints, in their order."""
    loose = replace(config, robot=replace(config.robot, strict=False))
    return layout_of(robot, {"all": tuple(joints)}, loose).limits


def with_robot(
    sample: EvaluationSample,
    robot: Robot,
    body: RobotBody,
    trajectory: RobotTrajectory,
    config: GestureConfig,
    played: tuple[np.ndarray, MotionFrames] | None,
    more: Mapping[str, object],
) -> EvaluationSample:
    """`sample` with what the robot did.

    Args:
        sample: with the human motion and the speech.
        robot, body: the robot and its kinematics.
        trajectory: commanded motion, time after the first sample of the speech.
        config: for the limits.
        played: times at which the robot was to show these frames, s, shape [T], and the T frames.
        more: further attributes of `RobotMetricInput`.
    """
    unknown = [n for n in trajectory.joint_names if n not in robot.model.joint_index]
    if unknown:
        sample.warnings.append(
            f"the robot {robot.model.name} has no joint {unknown[0]}"
            + (f" and {len(unknown) - 1} others of the trajectory" if len(unknown) > 1 else "")
            + "; give the robot's own --urdf"
        )
        take = replace(sample.take, robot=RobotMetricInput(trajectory=trajectory, **more))  # type: ignore[arg-type]
        return replace(sample, take=take)
    limits = limits_of(robot, trajectory.joint_names, config)
    limbs = body.limbs(trajectory)
    figures: dict[str, object] = {
        "lower": limits.lower,
        "upper": limits.upper,
        "velocity": limits.velocity,
        "acceleration": limits.acceleration,
        "hands": limbs.hands if limbs.hands.shape[1] else None,
    }
    try:
        figures["clearance"] = body.clearance(every_second(trajectory))
    except SpeechGestureError as e:
        sample.warnings.append(f"clearance is not known: {e}")
    shown = np.zeros(0)
    if played is not None and limbs.hands.shape[1] and len(played[0]):
        shown, compared = _shown(body, limbs, trajectory, *played)
        figures |= compared
    take = replace(sample.take, robot=RobotMetricInput(trajectory=trajectory, **figures, **more))  # type: ignore[arg-type]
    return replace(sample, take=take, limits=limits, limbs=limbs, shown_times=shown)


def every_second(trajectory: RobotTrajectory) -> RobotTrajectory:
    """Every second sample (30 Hz)."""
    return RobotTrajectory(
        trajectory.joint_names,
        trajectory.time[::2],
        trajectory.position[::2],
        trajectory.velocity[::2],
        trajectory.acceleration[::2],
        trajectory.fps / 2,
    )


def _shown(
    body: RobotBody, limbs: Limbs, trajectory: RobotTrajectory, times: np.ndarray, motion: MotionFrames
) -> tuple[np.ndarray, dict[str, object]]:
    """Those times, and directions and palms of robot and human at the times at which frames were to be shown."""
    inside = (times >= trajectory.time[0]) & (times <= trajectory.time[-1])
    inside &= motion.valid[:, 0]
    if not inside.any():
        return np.zeros(0), {}
    nearest = np.clip(np.round((times[inside] - trajectory.time[0]) * trajectory.fps), 0, len(trajectory.time) - 1)
    index = nearest.astype(int)
    directions, palms = body.human(motion)
    return times[inside], {
        "directions": (limbs.directions[index], directions[inside]),
        "palms": (limbs.palms[index], palms[inside]),
    }
