"""Pictures of one recording: stick figures and curves over time."""

from __future__ import annotations

import base64
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from markupsafe import Markup, escape

from speech_gesture_pkg.lab.report.formatting import clock, number
from speech_gesture_pkg.lab.report.plots import ticks
from speech_gesture_pkg.motion.skeleton import JOINT_NAMES, PARENTS

_BODY = 22
_SCALE = 95.0
_TRUNK = tuple(JOINT_NAMES.index(n) for n in ("left_shoulder", "right_shoulder", "right_hip", "left_hip"))
_LIMBS = tuple(j for j in range(_BODY) if JOINT_NAMES[j].endswith(("knee", "ankle", "foot", "head", "elbow", "wrist")))
_THICK = {
    "head": 7.0,
    "knee": 7.0,
    "ankle": 5.5,
    "foot": 4.5,
    "elbow": 6.0,
    "wrist": 5.0,
}


def human(positions: Sequence[Sequence[float]]) -> Markup:
    """The body from the front as lines: its left side (right in the picture) blue, its right side orange.

    Args:
        positions: SMPL-X body joints, y up, x to the person's left, m, pelvis near 0. Shape [22, 3].
    """
    p = np.asarray(positions, float)[:_BODY]
    x, y = 62.0 + _SCALE * p[:, 0], 80.0 - _SCALE * p[:, 1]
    trunk = " ".join(f"{x[j]:.1f},{y[j]:.1f}" for j in _TRUNK)
    parts = [f'<polygon class="trunk" points="{trunk}"/>']
    for joint in sorted(_LIMBS, key=lambda j: float(p[j, 2])):
        name, parent = JOINT_NAMES[joint], int(PARENTS[joint])
        side = next((s for s in ("left", "right") if name.startswith(s)), "")
        thick = next((t for part, t in _THICK.items() if name.endswith(part)), 10.0)
        parts.append(
            f'<line class="bone {side}" stroke-width="{thick}" x1="{x[parent]:.1f}" y1="{y[parent]:.1f}" '
            f'x2="{x[joint]:.1f}" y2="{y[joint]:.1f}"/>'
        )
    head = JOINT_NAMES.index("head")
    parts.append(f'<circle class="head" cx="{x[head]:.1f}" cy="{y[head] - 7:.1f}" r="10.5"/>')
    return Markup(f'<svg viewBox="2 4 120 112" role="img" aria-label="pose">{"".join(parts)}</svg>')


def picture(png: bytes, label: str) -> Markup:
    """A PNG inside the page."""
    return Markup('<img alt="{}" src="data:image/png;base64,{}">').format(label, base64.b64encode(png).decode("ascii"))


def curves(record: Mapping[str, Any], colour: int) -> Markup:
    """Loudness, speed of the hands, distance to itself and use of limits over time, with the worst moments.

    The worst moments carry anchors `t-KEY-N`.
    """
    found = record.get("curves") or {}
    rate, start = float(found.get("rate_hz") or 5.0), float(found.get("start_s") or 0.0)
    lanes = [
        _Lane("loudness, dB", [("loudness_db", "area")], (-70.0, 0.0)),
        _Lane(
            "hands, m/s (robot solid, human dotted)",
            [("human_hand_speed", "l5 dotted"), ("robot_hand_speed", f"l{colour}")],
        ),
        _Lane("least distance to itself, m", [("clearance", f"l{colour}")]),
        _Lane("share of limits used", [("limit_use", f"l{colour}")], (0.0, 1.0), 1.0),
    ]
    lanes = [lane for lane in lanes if any(found.get(key) for key, _ in lane.keys)]
    if not lanes:
        return Markup("")
    count = max(len(found.get(key) or ()) for lane in lanes for key, _ in lane.keys)
    width, height, left = 900.0, 62.0, 24.0
    length = max(count / rate, 1e-3)

    def x(t: float) -> float:
        return left + (t - start) / length * (width - 2 * left)

    bottom = len(lanes) * height
    parts = [
        f'<line class="grid-line" x1="{x(t):.1f}" x2="{x(t):.1f}" y1="0" y2="{bottom}"/>'
        f'<text x="{x(t):.1f}" y="{bottom + 13}" text-anchor="middle">{clock(t)}</text>'
        for t in ticks(start, start + length, 8)
    ]
    centres = start + (np.arange(count) + 0.5) / rate
    for k, lane in enumerate(lanes):
        parts.append(lane.draw(found, [x(float(t)) for t in centres], k * height, height))
    for k, moment in enumerate(record.get("worst") or ()):
        at = moment.get("time_s")
        if at is not None and start - 1.0 <= at <= start + length + 1.0:
            parts.append(
                f'<g class="worst" id="t-{escape(record["key"])}-{k}"><line x1="{x(at):.1f}" x2="{x(at):.1f}" y1="0" '
                f'y2="{bottom}"/><text x="{x(at) + 3:.1f}" y="{bottom - 4 - 12 * (k % 4)}">{escape(moment["what"])}'
                f"</text><title>{escape(moment['sentence'])}</title></g>"
            )
    return Markup(
        f'<div class="scroll"><svg style="min-width:560px" viewBox="0 0 {width:.0f} {bottom + 18:.0f}" role="img" '
        f'aria-label="curves over time">{"".join(parts)}</svg></div>'
    )


class _Lane:
    """One quantity over time."""

    def __init__(
        self,
        label: str,
        keys: list[tuple[str, str]],
        fixed: tuple[float, float] | None = None,
        mark: float | None = None,
    ) -> None:
        self.label, self.keys, self._fixed, self._mark = label, keys, fixed, mark

    def draw(self, found: Mapping[str, Any], xs: Sequence[float], top: float, height: float) -> str:
        """SVG of the lane whose upper edge is at `top`."""
        numbers = [v for key, _ in self.keys for v in (found.get(key) or ()) if v is not None]
        low, high = self._fixed or (min([0.0, *numbers]), max([1e-6, *numbers]))
        high = max([high, *numbers])

        def y(v: float) -> float:
            return top + height - 6.0 - (height - 22.0) * (max(v, low) - low) / (high - low)

        parts = [
            f'<line class="grid-line" x1="0" x2="900" y1="{top + height - 6:.1f}" y2="{top + height - 6:.1f}"/>',
            f'<text x="8" y="{top + 11:.0f}">{escape(self.label)}: {number(low)} to {number(high)}</text>',
        ]
        if self._mark is not None:
            at = y(self._mark)
            parts.append(f'<line class="axis" stroke-dasharray="2 3" x1="0" x2="900" y1="{at:.1f}" y2="{at:.1f}"/>')
        for key, kind in self.keys:
            values = found.get(key)
            if values:
                path = _path(xs, [None if v is None else y(v) for v in values], y(low) if kind == "area" else None)
                parts.append(f'<path class="{kind}" d="{path}"/>')
        return "".join(parts)


def _path(xs: Sequence[float], ys: Sequence[float | None], base: float | None) -> str:
    """A line with gaps where there is no value, or with `base` the areas below it."""
    parts: list[str] = []
    run: list[tuple[float, float]] = []
    for a, b in [*zip(xs, ys, strict=False), (0.0, None)]:
        if b is not None:
            run.append((a, b))
        elif run:
            line = "L".join(f"{p:.1f} {q:.1f}" for p, q in run)
            ends = "" if base is None else f"L{run[-1][0]:.1f} {base:.1f}L{run[0][0]:.1f} {base:.1f}z"
            parts.append(f"M{line}{ends}")
            run = []
    return "".join(parts)
