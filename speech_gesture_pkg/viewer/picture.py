"""Still pictures: contact sheets of a motion or trajectory, and labelled robot poses."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np

from speech_gesture_pkg.audio.chunk import AudioChunk
from speech_gesture_pkg.errors import ConfigError, InputError, OutputError
from speech_gesture_pkg.motion.frames import MotionFrames
from speech_gesture_pkg.trajectory.joint_motion import RobotTrajectory
from speech_gesture_pkg.viewer.frame import FrameComposer
from speech_gesture_pkg.viewer.imaging import Image, ImageDraw
from speech_gesture_pkg.viewer.robot import RobotFigure
from speech_gesture_pkg.viewer.scene import Stage, View
from speech_gesture_pkg.viewer.timeline import Timeline, clock, font

_GAP = 3
_PAPER = (255, 255, 255)
_INK = (58, 68, 84)


def render_png(
    out: str | Path,
    motion: MotionFrames | None = None,
    trajectory: RobotTrajectory | None = None,
    urdf: str | Path | None = None,
    audio: AudioChunk | None = None,
    times: Sequence[float] | None = None,
    count: int = 8,
    columns: int = 4,
    cell: tuple[int, int] | None = None,
    framing: str = "upper",
    note: str | None = None,
) -> Path:
    """Writes a contact sheet: one cell per time, robot beside human, the audio strip below the sheet.

    Args:
        times: moments on the stream clock, seconds; `count` evenly spread ones if None.
        columns: cells per row.
        cell: size of one cell in pixels; 240 wide per figure by default.
        framing, note: as in `render_video`.

    Raises:
        InputError, ConfigError, RobotError, OutputError naming what does not fit.
    """
    if times is None and count < 1:
        raise ConfigError(f"a contact sheet of {count} pictures was asked for; it must be at least 1")
    if columns < 1:
        raise ConfigError(f"a contact sheet with {columns} columns was asked for; it must be at least 1")
    both = motion is not None and trajectory is not None
    width, height = cell or (440 if both else 260, 260)
    composer = FrameComposer(motion, trajectory, urdf, audio, width, height, framing, timeline=False)
    if times is None:
        step = (composer.end - composer.begin) / count
        times = [composer.begin + (k + 0.5) * step for k in range(count)]
    if len(times) == 0:
        raise InputError("the list of times for the contact sheet is empty")
    cells = [(clock(t - composer.begin), composer.draw(t)) for t in times]
    sheet = _grid(cells, columns)
    if audio is not None or (motion is not None and motion.phase.any()):
        strip = Timeline(sheet.shape[1], 110, composer.begin, composer.end, audio, motion, note)
        sheet = np.concatenate([sheet, strip.draw(composer.end)])
    return save_png(sheet, out)


def render_poses(
    urdf: str | Path,
    poses: Sequence[tuple[str, Mapping[str, float]]],
    out: str | Path,
    columns: int = 4,
    cell: tuple[int, int] = (300, 360),
    framing: str = "full",
) -> Path:
    """Writes one labelled picture per robot pose `(label, {joint: rad or m})`; joints not named are at 0.

    Raises RobotError for a bad URDF, InputError for an empty list or unknown joints, OutputError.
    """
    if not poses:
        raise InputError("the list of robot poses to draw is empty")
    robot = RobotFigure.from_file(urdf)
    unknown = sorted({name for _, q in poses for name in q} - set(robot.joint_names))
    if unknown:
        raise InputError(f"robot {robot.name!r} has no movable joint named {', '.join(unknown)}")
    stage = Stage(robot, *cell, View(framing, azimuth_deg=12.0))
    return save_png(_grid([(label, stage.draw(robot.transforms(q))) for label, q in poses], columns), out)


def _grid(cells: Sequence[tuple[str, np.ndarray]], columns: int) -> np.ndarray:
    """Labelled pictures of one size in rows. Shape [H, W, 3], uint8."""
    height, width = cells[0][1].shape[:2]
    columns = min(columns, len(cells))
    rows = -(-len(cells) // columns)
    sheet = Image.new("RGB", (columns * (width + _GAP) - _GAP, rows * (height + _GAP) - _GAP), _PAPER)
    draw = ImageDraw.Draw(sheet)
    text = font(max(height * 0.05, 11.0))
    for k, (label, picture) in enumerate(cells):
        x, y = k % columns * (width + _GAP), k // columns * (height + _GAP)
        sheet.paste(Image.fromarray(picture), (x, y))
        draw.text((x + 8, y + height - 7), label, _INK, text, anchor="ls")
    return np.asarray(sheet)


def save_png(picture: np.ndarray, out: str | Path, colours: int = 0) -> Path:
    """Writes RGB bytes `[H, W, 3]` as PNG, small with a palette of `colours`. Raises OutputError naming the file."""
    out = Path(out)
    image = Image.fromarray(picture)
    if colours:
        image = image.quantize(colours, kmeans=3)
    try:
        image.save(out, format="PNG", optimize=colours > 0)
    except OSError as e:
        raise OutputError(f"cannot write picture {out}: {e.strerror or e}") from e
    return out
