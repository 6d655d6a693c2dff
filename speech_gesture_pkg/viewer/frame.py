"""One picture of everything at one time: robot left, human right, timeline below."""

from __future__ import annotations

import numpy as np

from speech_gesture_pkg.errors import ConfigError
from speech_gesture_pkg.motion.frames import PHASES
from speech_gesture_pkg.viewer.content import Content
from speech_gesture_pkg.viewer.human import HumanFigure
from speech_gesture_pkg.viewer.imaging import Image, ImageDraw
from speech_gesture_pkg.viewer.robot import RobotFigure
from speech_gesture_pkg.viewer.sampling import MotionSampler, TrajectorySampler
from speech_gesture_pkg.viewer.scene import Stage, View
from speech_gesture_pkg.viewer.timeline import PHASE_COLOURS, Timeline, font

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
        content: Content,
        size: tuple[int, int] = (960, 540),
        timeline: bool = True,
        span: tuple[float | None, float | None] = (None, None),
    ) -> None:
        """The gesture space of each figure, from mid-thigh up.

        Args:
            content: what to draw; any of motion and trajectory may be None, not both.
            size: width and height, pixels.
            timeline: whether to draw the strip below.
            span: first and last time of the timeline, s; None = the earliest and latest of the content.

        Raises:
            InputError, ConfigError, RobotError naming what does not fit.
        """
        content.check()
        width, height = self.width, self.height = size
        if width < 64 or height < 64:
            raise ConfigError(f"picture size {width}x{height} is too small; it must be at least 64x64 pixels")
        self._content = content
        self._motion = MotionSampler(content.motion) if content.motion is not None else None
        self._human = HumanFigure() if content.motion is not None else None
        self._robot = self._trajectory = None
        if content.trajectory is not None and content.urdf is not None:
            self._robot = RobotFigure.from_file(content.urdf)
            self._trajectory = TrajectorySampler(content.trajectory, self._robot.joint_names)
        given = content.span()
        self.begin = given[0] if span[0] is None else span[0]
        self.end = given[1] if span[1] is None else span[1]

        strip = round(height * (0.2 if content.audio is not None or content.has_phases else 0.06)) if timeline else 0
        self._timeline = Timeline((width, strip), (self.begin, self.end), content) if strip else None
        count = (self._robot is not None) + (self._human is not None)
        panel = (width // count, height - strip)
        self._robot_stage = Stage(self._robot, *panel, View("upper")) if self._robot is not None else None
        last = (width - panel[0] * (count - 1), panel[1])
        self._human_stage = Stage(self._human, *last, View("upper")) if self._human is not None else None
        self._names = [figure.name for figure in (self._robot, self._human) if figure is not None]

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
        top = self._annotated(top, panels[0].shape[1], time)
        return top if self._timeline is None else np.concatenate([top, self._timeline.draw(time)])

    def _annotated(self, picture: np.ndarray, panel: int, time: float) -> np.ndarray:
        """With each figure's name at the upper left of its panel (so many pixels wide), and at the human's upper right
        a coloured chip with the name of the present gesture phase."""
        image = Image.fromarray(picture)
        draw = ImageDraw.Draw(image)
        height, right = picture.shape[:2]
        size = max(height * 0.042, 9.0)
        for k, name in enumerate(self._names):
            draw.text((k * panel + size * 0.9, size * 0.75), name, _INK, font(size))
        size = max(height * 0.036, 9.0)
        w, h, top = int(size * 7.6), int(size * 1.75), int(size * 0.7)
        left = right - w - top
        if self._motion is not None and self._content.has_phases and left >= 0 and top + h <= height:
            name = PHASES[min(self._motion.phase(time), len(PHASES) - 1)]
            draw.rounded_rectangle((left, top, left + w - 1, top + h - 1), h // 2, fill=PHASE_COLOURS[name])
            draw.text((left + w / 2, top + h / 2), name, (255, 255, 255), font(size), anchor="mm")
        return np.asarray(image)
