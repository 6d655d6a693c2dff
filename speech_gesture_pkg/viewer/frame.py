"""One picture of everything at one time: robot left, human right, timeline below."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from speech_gesture_pkg.audio.chunk import AudioChunk
from speech_gesture_pkg.errors import ConfigError, InputError, one_of
from speech_gesture_pkg.motion.frames import PHASES, MotionFrames
from speech_gesture_pkg.trajectory.joint_motion import RobotTrajectory
from speech_gesture_pkg.viewer.human import HumanFigure
from speech_gesture_pkg.viewer.imaging import Image, ImageDraw
from speech_gesture_pkg.viewer.robot import RobotFigure
from speech_gesture_pkg.viewer.sampling import MotionSampler, TrajectorySampler
from speech_gesture_pkg.viewer.scene import Stage, View
from speech_gesture_pkg.viewer.timeline import PHASE_COLOURS, Timeline, font

FRAMINGS: tuple[str, ...] = ("upper", "full")
_INK = (58, 68, 84)
_SEAM = (196, 204, 214)


class FrameComposer:
    """Draws the picture at any time on the stream clock.

    Attributes:
        width, height: pixels.
        begin, end: earliest start and latest end of what was given, seconds.
    """

    def __init__(
        self,
        motion: MotionFrames | None = None,
        trajectory: RobotTrajectory | None = None,
        urdf: str | Path | None = None,
        audio: AudioChunk | None = None,
        width: int = 960,
        height: int = 540,
        framing: str = "upper",
        azimuth_deg: float = 0.0,
        note: str | None = None,
        timeline: bool = True,
        supersample: int = 2,
        span: tuple[float | None, float | None] = (None, None),
    ) -> None:
        """Any of motion and trajectory may be None, not both; a trajectory needs its `urdf`.

        Args:
            framing: "upper" (gesture space from mid-thigh up) or "full" (whole figures on the floor).
            azimuth_deg: camera direction; 0 faces the figures.
            note: text at the right of the timeline, e.g. a latency.
            timeline: whether to draw the strip below.
            supersample: samples per pixel each way (anti-aliasing).
            span: first and last time of the timeline, s; None = the earliest and latest of what was given.

        Raises:
            InputError, ConfigError, RobotError naming what does not fit.
        """
        if motion is None and trajectory is None:
            raise InputError("there is nothing to draw: give a motion, a trajectory or both")
        if trajectory is not None and urdf is None:
            raise InputError("a trajectory can only be drawn on its robot: give the URDF it was made for")
        if framing not in FRAMINGS:
            raise ConfigError(one_of("framing", framing, FRAMINGS))
        if width < 64 or height < 64:
            raise ConfigError(f"picture size {width}x{height} is too small; it must be at least 64x64 pixels")
        self.width, self.height = width, height
        self._motion = MotionSampler(motion) if motion is not None else None
        self._human = HumanFigure() if motion is not None else None
        self._robot = RobotFigure.from_file(urdf) if trajectory is not None and urdf is not None else None
        self._trajectory = None
        if trajectory is not None and self._robot is not None:
            self._trajectory = TrajectorySampler(trajectory, self._robot.joint_names)
        given = time_span(motion, trajectory, audio)
        self.begin = given[0] if span[0] is None else span[0]
        self.end = given[1] if span[1] is None else span[1]

        strip = round(height * (0.2 if audio is not None or _has_phases(motion) else 0.06)) if timeline else 0
        self._timeline = Timeline(width, strip, self.begin, self.end, audio, motion, note) if strip else None
        count = (self._robot is not None) + (self._human is not None)
        view = View(framing, azimuth_deg, supersample=supersample)
        panel = (width // count, height - strip)
        self._robot_stage = Stage(self._robot, *panel, view) if self._robot is not None else None
        last = (width - panel[0] * (count - 1), panel[1])
        self._human_stage = Stage(self._human, *last, view) if self._human is not None else None
        self._labels = self._draw_labels(panel, count)

    def _draw_labels(self, panel: tuple[int, int], count: int) -> list[tuple[slice, slice, np.ndarray, np.ndarray]]:
        """Text masks: (rows, columns, coverage [h, w, 1], ink colour)."""
        size = max(panel[1] * 0.042, 9.0)
        names = [n for n in (self._robot.name if self._robot else None, "SMPL-X" if self._human else None) if n]
        out = []
        for k, name in enumerate(names):
            mask = Image.new("L", (panel[0], min(int(size * 2.2), panel[1])), 0)
            ImageDraw.Draw(mask).text((size * 0.9, size * 0.75), name, 255, font(size))
            left = k * panel[0]
            cover = np.asarray(mask)[:, : self.width - left, None].astype(np.float32) / 255
            out.append((slice(0, cover.shape[0]), slice(left, left + cover.shape[1]), cover, np.array(_INK, float)))
        return out

    def draw(self, time: float) -> np.ndarray:
        """The picture at `time` (seconds). Shape [height, width, 3], uint8 RGB."""
        panels = []
        if self._robot_stage is not None and self._robot is not None and self._trajectory is not None:
            panels.append(self._robot_stage.draw(self._robot.transforms_of(self._trajectory.positions(time))))
        if self._human_stage is not None and self._human is not None and self._motion is not None:
            panels.append(self._human_stage.draw(self._human.transforms(*self._motion.pose(time))))
        top = np.concatenate(panels, axis=1) if len(panels) > 1 else panels[0]
        if len(panels) > 1:
            top[:, panels[0].shape[1]] = _SEAM
        for rows, columns, cover, ink in self._labels:
            patch = top[rows, columns]
            patch[:] = patch + cover * (ink - patch)
        self._draw_phase(top, time)
        return top if self._timeline is None else np.concatenate([top, self._timeline.draw(time)])

    def _draw_phase(self, picture: np.ndarray, time: float) -> None:
        """A coloured chip with the name of the present gesture phase at the human's upper right, in place."""
        if self._motion is None or not _has_phases(self._motion.motion):
            return
        name = PHASES[min(self._motion.phase(time), len(PHASES) - 1)]
        size = max(picture.shape[0] * 0.036, 9.0)
        w, h = int(size * 7.6), int(size * 1.75)
        left, top = picture.shape[1] - w - int(size * 0.7), int(size * 0.7)
        if left < 0 or top + h > picture.shape[0]:
            return
        chip = Image.fromarray(picture[top : top + h, left : left + w])
        draw = ImageDraw.Draw(chip)
        draw.rounded_rectangle((0, 0, w - 1, h - 1), h // 2, fill=PHASE_COLOURS[name])
        draw.text((w / 2, h / 2), name, (255, 255, 255), font(size), anchor="mm")
        picture[top : top + h, left : left + w] = np.asarray(chip)


def _has_phases(motion: MotionFrames | None) -> bool:
    return motion is not None and bool(motion.phase.any())


def time_span(
    motion: MotionFrames | None, trajectory: RobotTrajectory | None, audio: AudioChunk | None
) -> tuple[float, float]:
    """Earliest start and latest end on the stream clock, seconds."""
    spans = []
    if motion is not None:
        spans.append((motion.start, motion.end))
    if trajectory is not None and len(trajectory.time):
        spans.append((float(trajectory.time[0]), float(trajectory.time[-1])))
    if audio is not None:
        spans.append((audio.start, audio.end))
    return min(s[0] for s in spans), max(s[1] for s in spans)
