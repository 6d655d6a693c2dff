"""What a viewer shows: a human motion, a robot's, the sound to them, on one clock."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from speech_gesture_pkg.audio.chunk import AudioChunk
from speech_gesture_pkg.errors import InputError
from speech_gesture_pkg.motion.frames import MotionFrames
from speech_gesture_pkg.trajectory.joint_motion import RobotTrajectory


@dataclass
class Content:
    """Parts that are missing are None.

    Attributes:
        motion: of the human figure.
        trajectory: of the robot; needs its `urdf` to be drawn.
        urdf: file of the robot.
        audio: shown below, and heard in videos.
    """

    motion: MotionFrames | None = None
    trajectory: RobotTrajectory | None = None
    urdf: str | Path | None = None
    audio: AudioChunk | None = None

    def check(self) -> None:
        """Raise InputError for what cannot be drawn."""
        if self.motion is None and self.trajectory is None:
            raise InputError("there is nothing to draw: give a motion, a trajectory or both")
        if self.trajectory is not None and self.urdf is None:
            raise InputError("a trajectory can only be drawn on its robot: give the URDF it was made for")

    @property
    def has_phases(self) -> bool:
        """Whether the motion states its gesture phases."""
        return self.motion is not None and bool(self.motion.phase.any())

    def span(self) -> tuple[float, float]:
        """Earliest start and latest end on the stream clock, seconds."""
        spans = [(part.start, part.end) for part in (self.motion, self.audio) if part is not None]
        if self.trajectory is not None and len(self.trajectory.time):
            spans.append((float(self.trajectory.time[0]), float(self.trajectory.time[-1])))
        return min(s[0] for s in spans), max(s[1] for s in spans)
