"""Still pictures: contact sheets of a motion or trajectory."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from speech_gesture_pkg.errors import ConfigError, OutputError
from speech_gesture_pkg.viewer.content import Content
from speech_gesture_pkg.viewer.frame import FrameComposer
from speech_gesture_pkg.viewer.imaging import Image, ImageDraw
from speech_gesture_pkg.viewer.timeline import Timeline, clock, font

GAP = 3
PAPER, INK = (255, 255, 255), (58, 68, 84)


def render_png(
    out: str | Path, content: Content, count: int = 8, columns: int = 4, cell: tuple[int, int] | None = None
) -> Path:
    """Writes a contact sheet: `count` evenly spread moments, robot beside human, the audio strip below the sheet.

    Args:
        columns: cells per row.
        cell: size of one cell in pixels; about 240 wide per figure by default.

    Raises:
        InputError, ConfigError, RobotError, OutputError naming what does not fit.
    """
    if count < 1 or columns < 1:
        raise ConfigError(
            f"a contact sheet of {count} pictures in {columns} columns was asked for; at least 1 is drawn"
        )
    both = content.motion is not None and content.trajectory is not None
    composer = FrameComposer(content, cell or (440 if both else 260, 260), timeline=False)
    step = (composer.end - composer.begin) / count
    times = [composer.begin + (k + 0.5) * step for k in range(count)]
    sheet = _grid([(clock(t - composer.begin), composer.draw(t)) for t in times], columns)
    if content.audio is not None or content.has_phases:
        strip = Timeline((sheet.shape[1], 110), (composer.begin, composer.end), content)
        sheet = np.concatenate([sheet, strip.draw(composer.end)])
    return save_png(sheet, out)


def _grid(cells: Sequence[tuple[str, np.ndarray]], columns: int) -> np.ndarray:
    """Labelled pictures of one size in rows. Shape [H, W, 3], uint8."""
    height, width = cells[0][1].shape[:2]
    columns = min(columns, len(cells))
    rows = -(-len(cells) // columns)
    sheet = Image.new("RGB", (columns * (width + GAP) - GAP, rows * (height + GAP) - GAP), PAPER)
    draw = ImageDraw.Draw(sheet)
    text = font(max(height * 0.05, 11.0))
    for k, (label, picture) in enumerate(cells):
        x, y = k % columns * (width + GAP), k // columns * (height + GAP)
        sheet.paste(Image.fromarray(picture), (x, y))
        draw.text((x + 8, y + height - 7), label, INK, text, anchor="ls")
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
