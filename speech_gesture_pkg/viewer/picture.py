"""Still pictures: labelled sheets, and contact sheets of a motion or trajectory."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from speech_gesture_pkg.errors import ConfigError, OutputError
from speech_gesture_pkg.viewer.content import Content
from speech_gesture_pkg.viewer.frame import FrameComposer
from speech_gesture_pkg.viewer.imaging import Image, ImageDraw
from speech_gesture_pkg.viewer.timeline import Timeline, clock, font

_GAP = 3
_PAPER, _INK = (255, 255, 255), (58, 68, 84)


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
    cells = [_labelled(composer.draw(t), clock(t - composer.begin)) for t in times]
    drawn = sheet([cells[k : k + columns] for k in range(0, count, columns)])
    if content.audio is not None or content.has_phases:
        strip = Timeline((drawn.shape[1], 110), (composer.begin, composer.end), content)
        drawn = np.concatenate([drawn, strip.draw(composer.end)])
    return save_png(drawn, out)


def _labelled(picture: np.ndarray, label: str) -> np.ndarray:
    """The picture with a label at its lower left."""
    image, height = Image.fromarray(picture), picture.shape[0]
    ImageDraw.Draw(image).text((8, height - 7), label, _INK, font(max(height * 0.05, 11.0)), anchor="ls")
    return np.asarray(image)


def sheet(rows: Sequence[Sequence[np.ndarray]], heads: Sequence[str] = (), sides: Sequence[str] = ()) -> np.ndarray:
    """Pictures of one size in rows, labelled above each column and beside each row. Shape [H, W, 3], uint8.

    Args:
        rows: pictures; rows may be shorter than the first.
        heads: label of each column, written into the first row's pictures.
        sides: label of each row, written into its first picture.
    """
    height, width = rows[0][0].shape[:2]
    across, down = width + _GAP, height + _GAP
    out = Image.new("RGB", (across * max(map(len, rows)) - _GAP, down * len(rows) - _GAP), _PAPER)
    draw, text = ImageDraw.Draw(out), font(max(height * 0.065, 11.0))
    for y, row in enumerate(rows):
        for x, picture in enumerate(row):
            out.paste(Image.fromarray(picture), (x * across, y * down))
            if y == 0 and x < len(heads):
                draw.text((x * across + width // 2, 5), heads[x], _INK, text, anchor="mt")
        if y < len(sides):
            draw.text((6, y * down + height - 6), sides[y], _INK, text, anchor="ls")
    return np.asarray(out)


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
