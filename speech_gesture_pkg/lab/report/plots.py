"""Plots as inline SVG, drawn by hand.

Not by matplotlib: it is no dependency of the base package, its files are ten times larger, and its colours are fixed,
where these follow the page into dark mode and print by CSS classes (`templates/report.css`).
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from markupsafe import Markup, escape

from speech_gesture_pkg.lab.report.formatting import number

SERIES = 6
"""Colours of systems in report.css, in a fixed order; more systems begin again."""

MANY = 80
"""With more takes than these a row shows their density instead of one dot each."""
_WIDTH = 360.0
_LEFT, _RIGHT = 8.0, 8.0


@dataclass(frozen=True)
class Row:
    """One system in a strip plot.

    Attributes:
        label: its name.
        colour: index of its colour.
        values: one per take. Shape [N].
        mean: with the ends of its confidence interval (None if there is none).
    """

    label: str
    colour: int
    values: np.ndarray
    mean: float
    low: float | None
    high: float | None


def colour(index: int) -> int:
    """Number of the colour class of system `index`."""
    return index % SERIES


def ticks(low: float, high: float, count: int = 4) -> list[float]:
    """About `count` round numbers in [low, high]."""
    if not high > low:
        return [low]
    raw = (high - low) / count
    power = 10.0 ** math.floor(math.log10(raw))
    step = next(m for m in (1.0, 2.0, 2.5, 5.0, 10.0) if m * power >= raw * 0.999) * power
    first = math.ceil(low / step - 1e-9)
    return [k * step for k in range(first, math.floor(high / step + 1e-9) + 1)]


def _round(value: float) -> str:
    """A tick's number."""
    return f"{round(value, 10):g}"


def span(values: np.ndarray) -> tuple[float, float]:
    """Range of an axis: of the data, with a margin; not empty."""
    low, high = float(values.min()), float(values.max())
    if high - low < 1e-9 * max(1.0, abs(high)):
        pad = 0.1 * abs(high) or 1.0
        return (0.0, 1.0) if high == 0 else (low - pad, high + pad)
    pad = 0.05 * (high - low)
    return (0.0 if 0 <= low < 0.3 * high else low - pad), high + pad


def strip(rows: Sequence[Row], title: str) -> Markup:
    """Takes of each system on one axis: a dot each (or their density), mean and confidence interval above.

    Args:
        rows: systems that have figures.
        title: for readers that cannot see it.
    """
    everything = np.concatenate([r.values for r in rows])
    low, high = span(everything)
    x = _axis(low, high)
    parts, top = [], 4.0
    for row in rows:
        middle = top + 26.0
        parts.append(f'<text x="{_LEFT}" y="{top + 8:.0f}" class="ink">{escape(row.label)}</text>')
        parts.append(_density(row, x, middle) if len(row.values) > MANY else _dots(row, x, middle))
        if row.low is not None and row.high is not None:
            parts.append(
                f'<line class="l{row.colour}" style="stroke-width:3" x1="{x(row.low):.1f}" x2="{x(row.high):.1f}" '
                f'y1="{middle - 10:.1f}" y2="{middle - 10:.1f}"/>'
            )
        parts.append(
            f'<path class="f{row.colour}" d="M{x(row.mean):.1f} {middle - 15:.1f}l4.5 5-4.5 5-4.5-5z">'
            f"<title>mean {number(row.mean)}</title></path>"
        )
        top += 40.0
    return _svg(_WIDTH, top + 20.0, _grid_lines(x, ticks(low, high), 0.0, top) + "".join(parts), title)


def _axis(low: float, high: float, width: float = _WIDTH) -> Callable[[float], float]:
    scale = (width - _LEFT - _RIGHT) / (high - low)
    return lambda v: _LEFT + (v - low) * scale


def _grid_lines(x: Callable[[float], float], places: Sequence[float], top: float, bottom: float) -> str:
    return "".join(
        f'<line class="grid-line" x1="{x(t):.1f}" x2="{x(t):.1f}" y1="{top:.0f}" y2="{bottom:.0f}"/>'
        f'<text x="{x(t):.1f}" y="{bottom + 13:.0f}" text-anchor="middle">{_round(t)}</text>'
        for t in places
    )


def _svg(width: float, height: float, content: str, title: str) -> Markup:
    return Markup(
        f'<svg viewBox="0 0 {width:.0f} {height:.0f}" role="img" aria-label="{escape(title)}">{content}</svg>'
    )


def _dots(row: Row, x: Callable[[float], float], middle: float) -> str:
    """Dots pushed up and down so that they do not hide each other."""
    placed: list[tuple[float, float]] = []
    parts = []
    for value in np.sort(row.values):
        at = x(float(value))
        near = {round(p[1], 1) for p in placed[-12:] if at - p[0] < 4.0}
        level = next((k for k in (0.0, 3.2, -3.2, 6.4, -6.4) if k not in near), 0.0)
        placed.append((at, level))
        parts.append(
            f'<circle class="f{row.colour}" fill-opacity=".55" cx="{at:.1f}" cy="{middle + 4 + level:.1f}" r="2.3">'
            f"<title>{number(float(value))}</title></circle>"
        )
    return "".join(parts)


def _density(row: Row, x: Callable[[float], float], middle: float) -> str:
    counts, edges = np.histogram(row.values, 60)
    smooth = np.convolve(np.pad(counts.astype(float), 2), [0.1, 0.2, 0.4, 0.2, 0.1], "valid")
    peak = smooth.max()
    base = middle + 11.0
    line = " ".join(
        f"L{x((a + b) / 2):.1f} {base - 15.0 * s / peak:.1f}" for a, b, s in zip(edges, edges[1:], smooth, strict=False)
    )
    return (
        f'<path class="f{row.colour}" fill-opacity=".5" d="M{x(edges[0]):.1f} {base:.1f} {line} '
        f'L{x(edges[-1]):.1f} {base:.1f}z"/>'
    )


@dataclass(frozen=True)
class Shares:
    """A distribution for `histogram`: counts [K] between edges [K + 1]."""

    label: str
    colour: int
    edges: np.ndarray
    counts: np.ndarray
    dotted: bool = False


def histogram(shares: Sequence[Shares], title: str) -> Markup:
    """Share of each bin in percent, one stepped line per distribution; wider bins are lowered to equal area."""
    width, height, left = 360.0, 150.0, 34.0
    low = min(float(s.edges[0]) for s in shares)
    high = max(float(s.edges[-1]) for s in shares)
    widths = [np.diff(s.edges) for s in shares]
    narrow = min(float(w.min()) for w in widths)
    share = [100.0 * s.counts / max(s.counts.sum(), 1) * narrow / w for s, w in zip(shares, widths, strict=True)]
    top = max(float(p.max()) for p in share) * 1.08 or 1.0
    scale = (width - left - _RIGHT) / (high - low)

    def x(v: float) -> float:
        return left + (v - low) * scale

    def y(p: float) -> float:
        return height - 4.0 - (height - 12.0) * p / top

    parts = [
        f'<line class="grid-line" x1="{left}" x2="{width - _RIGHT}" y1="{y(t):.1f}" y2="{y(t):.1f}"/>'
        f'<text x="{left - 5}" y="{y(t) + 4:.1f}" text-anchor="end">{_round(t)}%</text>'
        for t in ticks(0.0, top, 3)
    ]
    parts.append(_grid_lines(x, ticks(low, high, 6), height - 4.0, height))
    for s, p in zip(shares, share, strict=True):
        corners = "".join(f"V{y(float(v)):.1f}H{x(float(e)):.1f}" for v, e in zip(p, s.edges[1:], strict=True))
        start = f"M{x(float(s.edges[0])):.1f} {y(0.0):.1f}"
        if len(shares) == 1:
            parts.append(f'<path class="f{s.colour}" fill-opacity=".12" d="{start}{corners}V{y(0.0):.1f}z"/>')
        parts.append(f'<path class="l{s.colour}{" dotted" if s.dotted else ""}" d="{start}{corners}"/>')
    return _svg(width, height + 18.0, "".join(parts), title)


def difference_bar(low: float, value: float, high: float, verdict: str) -> Markup:
    """A difference with its interval against zero, each row on its own scale; `verdict` as in comparison.json."""
    reach = max(abs(low), abs(high), abs(value)) or 1.0
    kind = {"better": "good", "worse": "bad"}.get(verdict, "soft")

    def x(v: float) -> float:
        return 70.0 + 62.0 * v / reach

    return Markup(
        f'<svg viewBox="0 0 140 16" style="width:140px" class="{kind}" role="img" '
        f'aria-label="difference {number(value)}">'
        '<line class="axis" x1="70" x2="70" y1="0" y2="16"/>'
        f'<line stroke="currentColor" stroke-width="2" x1="{x(low):.1f}" x2="{x(high):.1f}" y1="8" y2="8"/>'
        f'<circle fill="currentColor" cx="{x(value):.1f}" cy="8" r="3.5"/></svg>'
    )
