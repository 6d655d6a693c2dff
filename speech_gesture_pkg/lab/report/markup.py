"""HTML text: escaping, numbers, tables, the page round everything."""

from __future__ import annotations

import math
import re
import textwrap
from collections.abc import Iterable, Sequence
from pathlib import Path

from speech_gesture_pkg.errors import OutputError
from speech_gesture_pkg.lab.report.style import CSS, SCRIPT
from speech_gesture_pkg.outside_text import as_html as h

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


def interval(low: float | None, high: float | None) -> str:
    """`[low, high]`, empty if there is none."""
    return "" if low is None or high is None else f"[{number(low)}, {number(high)}]"


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


def prose(text: str) -> str:
    """Paragraphs parted by empty lines; indented ones are formulas, words in backquotes code."""
    parts = []
    for block in re.split(r"\n\s*\n", text.strip("\n")):
        if all(line.startswith("    ") for line in block.splitlines()):
            parts.append(f"<pre>{h(textwrap.dedent(block))}</pre>")
        elif block.strip():
            words = re.sub("`+([^`]+)`+", r"<code>\1</code>", h(" ".join(block.split())))
            parts.append(f"<p>{words}</p>")
    return "".join(parts)


def units(text: str) -> str:
    """A unit as it is written: `m/s^2` becomes m/s², in HTML."""
    return h(text).replace("^2", "²").replace("^3", "³")


def plural(count: int, word: str) -> str:
    """`1 file`, `2 files`."""
    return f"{count} {word}{'' if count == 1 else 's'}"


def table(
    heads: Sequence[str], rows: Iterable[Sequence[str] | str], kind: str = "", numeric: Sequence[int] = ()
) -> str:
    """A table in a box that scrolls sideways on a narrow screen.

    Args:
        heads: cells of the head, HTML.
        rows: cells, HTML; one text alone is a heading across the table.
        kind: CSS classes.
        numeric: columns set flush right.
    """

    def cells(values: Sequence[str], tag: str) -> str:
        return "".join(f"<{tag}{' class=num' if k in numeric else ''}>{v}</{tag}>" for k, v in enumerate(values))

    body = "".join(
        f'<tr class="group"><td colspan="{len(heads)}">{row}</td></tr>'
        if isinstance(row, str)
        else f"<tr>{cells(row, 'td')}</tr>"
        for row in rows
    )
    return (
        f'<div class="scroll"><table class="{kind}"><thead><tr>{cells(heads, "th")}</tr></thead>'
        f"<tbody>{body}</tbody></table></div>"
    )


def section(anchor: str, title: str, *parts: str, lead: str = "") -> str:
    """A section with heading; empty if it has no content."""
    content = "".join(parts)
    if not content:
        return ""
    opening = f"<p class=lead>{lead}</p>" if lead else ""
    return f'<section id="{h(anchor)}"><h2>{h(title)}</h2>{opening}{content}</section>'


def facts(pairs: Iterable[tuple[str, object]]) -> str:
    """A list of names and values; pairs without value are left out."""
    items = "".join(f"<dt>{h(k)}</dt><dd>{h(v)}</dd>" for k, v in pairs if v not in (None, "", [], {}))
    return f"<dl class=facts>{items}</dl>" if items else ""


def page(title: str, body: str) -> str:
    """A whole document that needs nothing from elsewhere."""
    return (
        '<!doctype html><html lang="en"><head><meta charset="utf-8">'
        '<meta name="viewport" content="width=device-width,initial-scale=1">'
        '<meta name="color-scheme" content="light dark">'
        f"<title>{h(title)}</title><style>{CSS}</style></head><body><main>{body}</main>"
        f"<script>{SCRIPT}</script></body></html>\n"
    )


def write(path: Path, text: str) -> Path:
    """Write a page atomically. Raises OutputError naming the file."""
    draft = path.with_name(path.name + ".writing")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        draft.write_text(text, encoding="utf-8")
        draft.replace(path)
    except OSError as e:
        raise OutputError(f"cannot write {path}: {e.strerror or e}") from e
    return path
