"""What the thesis found, what we found, and whether the order of the variants is the same."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import combinations
from typing import Any

import numpy as np

from speech_gesture_pkg.evaluation.metrics.result import NotComputable

VARIANTS = ("full", "no_cross_attention", "one_code")


@dataclass(frozen=True)
class Figure:
    """A row of the table.

    Attributes:
        label: for a person.
        better: "higher" or "lower", as the thesis's arrows say.
        thesis: its values for `VARIANTS`; None where it gives none.
    """

    label: str
    better: str
    thesis: tuple[float, float, float] | None = None


FIGURES: dict[str, Figure] = {
    "l2_talkshow": Figure("L2, body and hands [m]", "lower", (11.7, 12.47, 12.007)),
    "face_l2_parameters": Figure("face L2, parameters", "lower", (0.2048, 0.2039, 0.1892)),
    "lvd_talkshow": Figure("LVD, body [m/frame]", "lower"),
    "face_lvd_parameters": Figure("face LVD, parameters", "lower", (0.0312, 0.0314, 0.0321)),
    "diversity_thesis": Figure("diversity [m^2]", "higher", (0.43, 0.37, 0.32)),
    "vsd": Figure("VSD [m/frame]", "lower", (0.0308, 0.0319, 0.0297)),
    "asd": Figure("ASD [m/frame^2]", "lower", (0.0529, 0.0548, 0.0513)),
    "msd": Figure("MSD [m^2/frame^2]", "lower", (0.1519, 0.1532, 0.1530)),
    "bcs_talkshow": Figure("BCS", "higher", (0.874, 0.866, 0.918)),
    "bpss_correlation": Figure("BPSS correlation", "higher", (0.618, 0.429, 0.349)),
    "bpss_phase_coherence": Figure("BPSS phase coherence", "higher", (0.732, 0.623, 0.577)),
    "bpss_velocity_alignment": Figure("BPSS velocity alignment", "higher", (0.881, 0.853, 0.844)),
    "bpss_acceleration_alignment": Figure("BPSS acceleration alignment", "higher", (2.761, 2.674, 2.554)),
}
"""The rows of the thesis's Tables 1 to 3. Its scales differ from ours (see `metrics`): orders are compared."""

Rows = Mapping[str, Mapping[int, Sequence[Mapping[str, "float | None"]]]]
"""Variant -> training seed -> a row of figures for each recording."""


@dataclass(frozen=True)
class Cell:
    """A figure of a variant.

    Attributes:
        mean: over training seeds, of the mean over recordings.
        spread: standard deviation over training seeds (n - 1); None with one seed.
        seeds: how many.
    """

    mean: float
    spread: float | None
    seeds: int

    def text(self) -> str:
        """With four digits."""
        return f"{self.mean:.4g}" + (f" ± {self.spread:.2g}" if self.spread is not None else "")


@dataclass(frozen=True)
class Pair:
    """Two variants that the thesis puts in order.

    Attributes:
        above, below: the thesis's figure of `above` is the larger one.
        holds: ours are in the same order.
        clear: and differ by more than the spreads of both over the seeds together; None with one seed.
    """

    above: str
    below: str
    holds: bool
    clear: bool | None


def cells(rows: Rows) -> dict[str, dict[str, Cell]]:
    """Metric -> variant -> figure. A figure that no recording has is left out."""
    table: dict[str, dict[str, Cell]] = {name: {} for name in FIGURES}
    for variant, seeds in rows.items():
        for name in FIGURES:
            means = []
            for recordings in seeds.values():
                known = [v for row in recordings if (v := row.get(name)) is not None]
                if known:
                    means.append(float(np.mean(known)))
            if means:
                spread = float(np.std(means, ddof=1)) if len(means) > 1 else None
                table[name][variant] = Cell(float(np.mean(means)), spread, len(means))
    return table


def orders(table: Mapping[str, Mapping[str, Cell]]) -> dict[str, list[Pair]]:
    """Metric -> the thesis's pairs of variants that were measured here, each with whether it holds."""
    found: dict[str, list[Pair]] = {}
    for name, figure in FIGURES.items():
        if figure.thesis is None:
            continue
        ranked = [v for _, v in sorted(zip(figure.thesis, VARIANTS, strict=True), reverse=True)]
        pairs = [(a, b) for a, b in combinations(ranked, 2) if a in table[name] and b in table[name]]
        if pairs:
            found[name] = [_pair(a, b, table[name][a], table[name][b]) for a, b in pairs]
    return found


def _pair(above: str, below: str, a: Cell, b: Cell) -> Pair:
    gap = a.mean - b.mean
    clear = None if a.spread is None or b.spread is None else bool(gap > np.hypot(a.spread, b.spread))
    return Pair(above, below, gap > 0, clear)


def as_json(table: Mapping[str, Mapping[str, Cell]]) -> dict[str, Any]:
    """For machines."""
    found = orders(table)
    return {
        name: {
            "label": figure.label,
            "better": figure.better,
            "thesis": dict(zip(VARIANTS, figure.thesis, strict=True)) if figure.thesis else None,
            "ours": {v: {"mean": c.mean, "spread": c.spread, "seeds": c.seeds} for v, c in table[name].items()},
            "order": [
                {"above": p.above, "below": p.below, "holds": p.holds, "clear": p.clear} for p in found.get(name, [])
            ],
        }
        for name, figure in FIGURES.items()
        if table[name]
    }


def markdown(table: Mapping[str, Mapping[str, Cell]], columns: Sequence[str]) -> str:
    """The table for a person: our figures, the thesis's, and which of its orders hold."""
    found = orders(table)
    head = ["figure", *columns, f"thesis ({' / '.join(VARIANTS)})", "order of the thesis"]
    lines = [head, ["---"] * len(head)]
    for name, figure in FIGURES.items():
        if not table[name]:
            continue
        ours = [table[name][c].text() if c in table[name] else "-" for c in columns]
        theirs = " / ".join(f"{v:g}" for v in figure.thesis) if figure.thesis else "-"
        arrow = "↑" if figure.better == "higher" else "↓"
        lines.append([f"{figure.label} {arrow}", *ours, theirs, _orders_text(found.get(name, []))])
    return "\n".join("| " + " | ".join(line) + " |" for line in lines)


def _orders_text(pairs: Sequence[Pair]) -> str:
    words = []
    for p in pairs:
        holds = "no" if not p.holds else "yes" if p.clear is not False else "yes, within the spread"
        words.append(f"{p.above} > {p.below}: {holds}")
    return "; ".join(words) or "-"


def listening_markdown(tests: Mapping[str, Mapping[str, Any]]) -> str:
    """System -> test name -> `listening.ListeningTest`, as a table."""
    lines = [["system", "test", "matched", "shuffled", "effect (d)", "p", "lag [s]", "segments"], ["---"] * 8]
    for system, found in tests.items():
        for name, t in found.items():
            if isinstance(t, NotComputable):
                lines.append([system, name, t.reason, *["-"] * 5])
            else:
                figures = [f"{t.matched:.3f}", f"{t.shuffled:.3f}", f"{t.effect:.2f}", f"{t.p_value:.4f}"]
                lines.append([system, name, *figures, f"{t.lag:+.1f}", str(t.segments)])
    return "\n".join("| " + " | ".join(line) + " |" for line in lines)
