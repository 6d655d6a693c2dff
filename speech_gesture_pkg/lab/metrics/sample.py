"""Metric input: everything that is known about one utterance and its motion, from which the metrics help themselves."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property

import numpy as np

from speech_gesture_pkg.errors import InputError
from speech_gesture_pkg.features.extractor import FeatureFrames
from speech_gesture_pkg.lab.metrics.onsets import accents, audio_onsets
from speech_gesture_pkg.lab.metrics.positions import relative_to_wrists
from speech_gesture_pkg.lab.metrics.synchrony import Synchrony, activity, channel_activity, synchrony
from speech_gesture_pkg.motion.frames import MotionFrames, resample
from speech_gesture_pkg.motion.parts import BODY_JOINTS, PARTS
from speech_gesture_pkg.motion.skeleton import JOINT_INDEX, REST_POSITIONS, forward_kinematics
from speech_gesture_pkg.trajectory.joint_motion import RobotTrajectory

STANDARD_FPS = 30.0
"""Rate at which per-frame definitions are evaluated."""
GESTURE_JOINTS: tuple[int, ...] = (3, 6, 9, *range(12, 22), *range(25, 55))
"""The 13 body and 30 hand joints of SHOW's 129 gesture parameters."""


@dataclass(frozen=True, eq=False)
class Normaliser:
    """Mean and standard deviation of motion parameters over a corpus.

    Attributes:
        mean: shape [D].
        std: shape [D].
    """

    mean: np.ndarray
    std: np.ndarray

    @staticmethod
    def fit(motions: Sequence[np.ndarray]) -> Normaliser:
        """From motion parameters, each [T, D]."""
        stacked = np.concatenate([np.asarray(m, float) for m in motions])
        return Normaliser(stacked.mean(axis=0), stacked.std(axis=0))

    def __call__(self, parameters: np.ndarray) -> np.ndarray:
        """Parameters in standard deviations; channels that never moved in the corpus become 0."""
        if parameters.shape[-1] != len(self.mean):
            raise InputError(f"motion has {parameters.shape[-1]} parameters, the normaliser {len(self.mean)}")
        moving = self.std > 1e-6
        return np.where(moving, (parameters - self.mean) / np.where(moving, self.std, 1.0), 0.0)


@dataclass(frozen=True, eq=False)
class RobotMetricInput:
    """What the robot did, as far as it is known. Times are those of the take's motion clock, s.

    Attributes:
        trajectory: commanded (or measured) joint motion.
        lower, upper: position limits, rad or m. Shape [J].
        velocity, acceleration: rate limits. Shape [J].
        hands: positions of the robot's hands in its base frame at the trajectory's times, m. Shape [T, H, 3].
        directions: of the robot's and the human's limbs, one frame, same times. Two arrays of shape [T, L, 3].
        palms: palm normals of robot and human. Two arrays of shape [T, 2, 3].
        clearance: least distance between bodies, m. Shape [T].
        latency: from the arrival of audio to the sending of its motion, s. Shape [N].
        lead: first point's time minus arrival of each window, s. Shape [W].
        audio_seconds, busy_seconds: for the real-time factor.
        tracking_error: largest distance of the measured from the commanded position within two controller cycles, rad.
        tracking_delay: by which the measured motion follows the commanded one, s.
    """

    trajectory: RobotTrajectory | None = None
    lower: np.ndarray | None = None
    upper: np.ndarray | None = None
    velocity: np.ndarray | None = None
    acceleration: np.ndarray | None = None
    hands: np.ndarray | None = None
    directions: tuple[np.ndarray, np.ndarray] | None = None
    palms: tuple[np.ndarray, np.ndarray] | None = None
    clearance: np.ndarray | None = None
    latency: np.ndarray | None = None
    lead: np.ndarray | None = None
    audio_seconds: float | None = None
    busy_seconds: float | None = None
    tracking_error: float | None = None
    tracking_delay: float | None = None


@dataclass(frozen=True, eq=False)
class MetricInput:
    """One utterance. Only `motion` must be there; a metric says which other piece it misses.

    Attributes:
        motion: generated (or real) human motion.
        truth: real motion of the same utterance, on the same clock.
        samples: further generated motions of the same audio (other seeds).
        speech: features of the whole utterance.
        speech_start: time of the speech's first sample on the motion's clock, s.
        semantic: BEAT's semantic score of each 30 fps frame of the compared motion. Shape [T].
        normaliser: of the gesture parameters, from the training corpus.
        mean_speed: of the 13 joints of EMAGE's BC over a corpus, m/s; None = the take's
            own. Shape [13].
        face_points: generated face points (joints 22 to 24 and mesh landmarks), m, one row per motion frame.
            Shape [T, K, 3].
        true_face_points: the same of the true motion.
        robot: what the robot did.
        rest: rest joint positions, m. Shape [55, 3].
    """

    motion: MotionFrames
    truth: MotionFrames | None = None
    samples: tuple[MotionFrames, ...] = ()
    speech: FeatureFrames | None = None
    speech_start: float = 0.0
    semantic: np.ndarray | None = None
    normaliser: Normaliser | None = None
    mean_speed: np.ndarray | None = None
    face_points: np.ndarray | None = None
    true_face_points: np.ndarray | None = None
    robot: RobotMetricInput | None = None
    rest: np.ndarray = field(default_factory=lambda: REST_POSITIONS)

    @cached_property
    def played(self) -> MotionFrames:
        """The motion at 30 fps."""
        return standard(self.motion, "the motion")

    @cached_property
    def positions(self) -> np.ndarray:
        """Joint positions at 30 fps without the root's translation, m. Shape [T, 55, 3]."""
        return joint_positions(self.played, self.rest)

    @cached_property
    def compared(self) -> tuple[MotionFrames, MotionFrames]:
        """Motion and truth at 30 fps, cut to the time that both cover."""
        if self.truth is None:
            raise InputError("there is no true motion to compare with")
        return tuple(common([self.played, standard(self.truth, "the true motion")]))  # type: ignore[return-value]

    @cached_property
    def compared_positions(self) -> tuple[np.ndarray, np.ndarray]:
        """Joint positions of motion and truth, m, root translation left out. Two arrays of shape [T, 55, 3]."""
        a, b = self.compared
        return joint_positions(a, self.rest), joint_positions(b, self.rest)

    @cached_property
    def sample_motions(self) -> list[MotionFrames]:
        """The motion and its further samples at 30 fps, cut to their common time."""
        if not self.samples:
            raise InputError("there is one motion only; diversity needs several samples of the same audio")
        return common([self.played, *(standard(s, "a sample") for s in self.samples)])

    @cached_property
    def onsets(self) -> np.ndarray:
        """Audio onsets after the motion's first frame that the motion covers, s. Shape [K]."""
        return self._onsets(backtrack=False)

    @cached_property
    def backtracked_onsets(self) -> np.ndarray:
        """The same, moved back to the energy minimum before each."""
        return self._onsets(backtrack=True)

    @cached_property
    def accents(self) -> np.ndarray:
        """The louder onsets after the motion's first frame that the motion covers, s. Shape [K]."""
        offset = self.speech_start - self.motion.start
        times = accents(self.speech_and_times[0], self.all_onsets) + offset
        return times[(times >= 0.0) & (times < len(self.played) / STANDARD_FPS)]

    @property
    def speech_and_times(self) -> tuple[FeatureFrames, np.ndarray]:
        """The speech and the times of its frames after the motion's first frame, s. Raises InputError without audio."""
        if self.speech is None:
            raise InputError("there is no audio")
        return self.speech, self.speech.times + (self.speech_start - self.motion.start)

    @cached_property
    def all_onsets(self) -> np.ndarray:
        """Audio onsets after the speech's first sample, s. Shape [K]."""
        return audio_onsets(self.speech_and_times[0])

    def _onsets(self, backtrack: bool) -> np.ndarray:
        times = audio_onsets(self.speech_and_times[0], backtrack) if backtrack else self.all_onsets
        times = times + (self.speech_start - self.motion.start)
        return times[(times >= 0.0) & (times < len(self.played) / STANDARD_FPS)]

    @property
    def wrists(self) -> np.ndarray:
        """Positions of left and right wrist at 30 fps, m. Shape [T, 2, 3]."""
        return self.positions[:, [JOINT_INDEX["left_wrist"], JOINT_INDEX["right_wrist"]]]

    @cached_property
    def synchrony(self) -> Synchrony:
        """BPSS figures of body (22 joints, root at rest), hands (fingers relative to their wrist), face parameters."""
        body, hands = self.positions[:, list(BODY_JOINTS)], relative_to_wrists(self.positions)
        face = expression_parameters(self.played)
        speeds, accelerations = (
            {"body": activity(body, n), "hands": activity(hands, n), "face": channel_activity(face, n)} for n in (1, 2)
        )
        return synchrony(speeds, accelerations)

    def need_robot(self) -> RobotMetricInput:
        """The robot's part. Raises InputError if there is none."""
        if self.robot is None:
            raise InputError("there is no robot in this take")
        return self.robot


def standard(motion: MotionFrames, name: str) -> MotionFrames:
    """Motion at 30 fps. Raises InputError if it is empty or not finite."""
    if len(motion) == 0:
        raise InputError(f"{name} has no frames")
    if not motion.finite.all():
        raise InputError(f"{name} holds NaN or infinite numbers in {int((~motion.finite).sum())} frames")
    return resample(motion, STANDARD_FPS)


def common(motions: Sequence[MotionFrames]) -> list[MotionFrames]:
    """The motions (of one rate) cut to the frames that all cover; starts are matched to the nearest frame."""
    first = max(m.start for m in motions)
    offsets = [round((first - m.start) * m.fps) for m in motions]
    count = min(len(m) - o for m, o in zip(motions, offsets, strict=True))
    if count < 1:
        raise InputError("the motions that should be compared do not overlap in time")
    return [m[o : o + count] for m, o in zip(motions, offsets, strict=True)]


def joint_positions(motion: MotionFrames, rest: np.ndarray = REST_POSITIONS) -> np.ndarray:
    """Joint positions with the pelvis at its rest place, m. Shape [T, 55, 3]. Raises InputError without a body."""
    if not motion.valid[:, PARTS.index("body")].all():
        raise InputError("the motion has no body in some frames")
    return forward_kinematics(motion.matrices(), None, rest)[1]


def gesture_parameters(motion: MotionFrames) -> np.ndarray:
    """SHOW's gesture parameters: axis-angle of 13 body and 30 hand joints, rad. Shape [T, 129]."""
    if not motion.valid[:, : PARTS.index("face")].all():
        raise InputError("the motion lacks body or hands in some frames")
    return motion.poses[:, list(GESTURE_JOINTS)].reshape(len(motion), -1)


def with_coefficients(motion: MotionFrames, count: int) -> MotionFrames:
    """The motion with `count` expression coefficients: those that it does not have are 0, as at rest."""
    missing = count - motion.expression.shape[1]
    return replace(motion, expression=np.pad(motion.expression, ((0, 0), (0, missing)))) if missing else motion


def expression_parameters(motion: MotionFrames) -> np.ndarray:
    """Face parameters: jaw axis-angle (rad), expression coefficients, ARKit weights. Shape [T, 3 + E + 52]."""
    if not motion.valid[:, PARTS.index("face")].all():
        raise InputError("the motion has no face in some frames")
    return np.concatenate([motion.poses[:, JOINT_INDEX["jaw"]], motion.expression, motion.face], axis=1)


def motion_parameters(motion: MotionFrames) -> np.ndarray:
    """Gesture and face parameters together (FMD). Shape [T, 129 + 3 + E + 52]."""
    return np.concatenate([gesture_parameters(motion), expression_parameters(motion)], axis=1)
