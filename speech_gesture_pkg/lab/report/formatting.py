"""Numbers, times and prose as the pages show them; filters of the templates."""

from __future__ import annotations

import math
import re
import textwrap
from collections.abc import Callable
from typing import Any

from markupsafe import Markup, escape

NONE = "–"


def number(value: float | None) -> str:
    """Three significant digits; a dash for no number."""
    if value is None or not math.isfinite(value):
        return NONE
    size = abs(value)
    if size == 0:
        return "0"
    if size >= 10_000:
        return f"{value:,.0f}".replace(",", "\u202f")
    if size >= 0.001:
        digits = max(0, 2 - math.floor(math.log10(size)))
        return f"{value:.0f}" if value == int(value) else f"{value:.{digits}f}"
    return f"{value:.2e}"


def seconds(value: float | None) -> str:
    """`1 h 02 min`, `3 min 20 s` or `4.2 s`."""
    if value is None or not math.isfinite(value):
        return NONE
    if value >= 3600:
        return f"{int(value // 3600)} h {int(value % 3600 // 60):02d} min"
    if value >= 60:
        return f"{int(value // 60)} min {int(value % 60):02d} s"
    return f"{value:.1f} s"


def clock(value: float) -> str:
    """`1:02.5` (minutes, seconds)."""
    sign, value = ("-" if value < -0.05 else ""), round(abs(value), 1)
    return f"{sign}{int(value // 60)}:{value % 60:04.1f}"


def prose(text: str) -> Markup:
    """HTML of plain text: paragraphs parted by empty lines; indented ones are formulas, words in backquotes code."""
    parts = []
    for block in re.split(r"\n\s*\n", text.strip("\n")):
        if all(line.startswith("    ") for line in block.splitlines()):
            parts.append(f"<pre>{escape(textwrap.dedent(block))}</pre>")
        elif block.strip():
            words = re.sub("`+([^`]+)`+", r"<code>\1</code>", str(escape(" ".join(block.split()))))
            parts.append(f"<p>{words}</p>")
    return Markup("".join(parts))


def units(text: str) -> str:
    """A unit as it is written: `m/s^2` becomes m/s²."""
    return text.replace("^2", "²").replace("^3", "³")


def plural(count: int, word: str) -> str:
    """`1 file`, `2 files`."""
    return f"{count} {word}{'' if count == 1 else 's'}"


FILTERS: tuple[Callable[..., Any], ...] = (number, seconds, clock, prose, units, plural)
