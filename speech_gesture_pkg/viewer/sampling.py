"""Motion and trajectory at any time on the stream clock (held before the first and after the last sample)."""

from __future__ import annotations

import numpy as np

from speech_gesture_pkg.errors import InputError
from speech_gesture_pkg.motion.frames import MotionFrames
from speech_gesture_pkg.motion.skeleton import REST_POSITIONS, axis_angle_to_matrix, forward_kinematics
from speech_gesture_pkg.trajectory.joint_motion import RobotTrajectory


def standing_offset(local: np.ndarray, translation: np.ndarray) -> np.ndarray:
    """What to subtract from root translations so that this pose stands on the floor of the rest pose, at its centre.

    Data sets place the floor and the origin differently (BEAT2: floor at y = 0, pelvis 1.3 m above it).

    Args:
        local: rotations relative to the parent. Shape [55, 3, 3].
        translation: root translation of the pose, metres. Shape [3].

    Returns:
        metres, SMPL-X frame. Shape [3].
    """
    _, positions = forward_kinematics(local[None], translation[None])
    drop = float(positions[0, :, 1].min() - REST_POSITIONS[:, 1].min())
    return np.array([translation[0], drop, translation[2]])


class MotionSampler:
    """Pose and face between frames.

    Attributes:
        motion: the frames; non-finite ones are skipped over (the last good frame is held).
    """

    def __init__(self, motion: MotionFrames) -> None:
        if len(motion) == 0:
            raise InputError("the motion has no frames; there is nothing to draw")
        good = np.flatnonzero(motion.finite)
        if len(good) == 0:
            raise InputError("every frame of the motion holds NaN or Inf; there is nothing to draw")
        self.motion = motion
        last_good = np.maximum.accumulate(np.where(motion.finite, np.arange(len(motion)), -1))
        self._use = np.where(last_good < 0, good[0], last_good)
        first = good[0]
        self._offset = standing_offset(axis_angle_to_matrix(motion.poses[first]), motion.translation[first])

    def _position(self, time: float) -> tuple[int, int, float]:
        position = float(np.clip((time - self.motion.start) * self.motion.fps, 0, len(self.motion) - 1))
        before = int(position + 1e-6)
        after = min(before + 1, len(self.motion) - 1)
        return int(self._use[before]), int(self._use[after]), max(position - before, 0.0)

    def pose(self, time: float) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Local rotations [55, 3, 3], face weights [52] and root translation [3] at `time` (seconds).

        The translation is moved so that the first frame stands on the floor at the origin.
        """
        before, after, share = self._position(time)
        motion = self.motion
        local = axis_angle_to_matrix(motion.poses[before])
        face, root = motion.face[before], motion.translation[before]
        if share > 1e-3 and after != before:
            # Nearest rotation to the blend of two neighbouring frames (chordal mean).
            blend = (1 - share) * local + share * axis_angle_to_matrix(motion.poses[after])
            u, _, vt = np.linalg.svd(blend)
            u[..., -1] *= np.linalg.det(u @ vt)[:, None]
            local = u @ vt
            face = (1 - share) * face + share * motion.face[after]
            root = (1 - share) * root + share * motion.translation[after]
        return local, face, root - self._offset

    def phase(self, time: float) -> int:
        """Gesture phase at `time`, an index into `PHASES`."""
        return int(self.motion.phase[self._position(time)[0]])


class TrajectorySampler:
    """Joint positions by linear interpolation, in the order of a figure's joints."""

    def __init__(self, trajectory: RobotTrajectory, joint_names: tuple[str, ...]) -> None:
        """Joints of `joint_names` that the trajectory lacks stay at 0."""
        if len(trajectory.time) == 0:
            raise InputError("the trajectory has no samples; there is nothing to draw")
        common = [n for n in trajectory.joint_names if n in joint_names]
        if not common:
            raise InputError(
                f"the trajectory's joints ({', '.join(trajectory.joint_names[:5])}, ...) do not occur in the robot "
                f"({', '.join(joint_names[:5])}, ...); give the URDF that the trajectory was made for"
            )
        self._time = np.asarray(trajectory.time, float)
        self._into = np.array([joint_names.index(n) for n in common])
        self._values = np.asarray(trajectory.position)[:, [trajectory.joint_names.index(n) for n in common]]
        self._count = len(joint_names)

    def positions(self, time: float) -> np.ndarray:
        """Joint positions at `time` (seconds), rad or m. Shape [J]."""
        after = int(np.clip(np.searchsorted(self._time, time), 1, max(len(self._time) - 1, 1)))
        out = np.zeros(self._count)
        if len(self._time) == 1:
            out[self._into] = self._values[0]
            return out
        t0, t1 = self._time[after - 1], self._time[after]
        share = float(np.clip((time - t0) / (t1 - t0), 0, 1))
        out[self._into] = (1 - share) * self._values[after - 1] + share * self._values[after]
        return out
