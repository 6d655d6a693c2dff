"""What a publication found, what we found, and whether the order of the variants is the same."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import combinations
from typing import Any

import numpy as np

from speech_gesture_pkg.lab.ablation.listening import ListeningTest
from speech_gesture_pkg.lab.metrics.result import NotComputable
from speech_gesture_pkg.lab.models.published import Study

_MOST_PAIRS = 3
"""Variants of which all pairs are compared; with more, each one with the whole model."""

Rows = Mapping[str, Mapping[int, Sequence[Mapping[str, "float | None"]]]]
"""Variant -> training seed -> a row of figures for each recording, and perhaps one of figures of all together."""


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
    """Two variants that the publication puts in order.

    Attributes:
        above, below: the published figure of `above` is the larger one.
        holds: ours are in the same order.
        clear: and differ by more than the spreads of both over the seeds together; None with one seed.
    """

    above: str
    below: str
    holds: bool
    clear: bool | None


def cells(rows: Rows, study: Study) -> dict[str, dict[str, Cell]]:
    """Metric -> variant -> figure. A figure that no recording has is left out."""
    table: dict[str, dict[str, Cell]] = {name: {} for name in study.figures}
    for variant, seeds in rows.items():
        for name in study.figures:
            means = []
            for recordings in seeds.values():
                known = [v for row in recordings if (v := row.get(name)) is not None]
                if known:
                    means.append(float(np.mean(known)))
            if means:
                spread = float(np.std(means, ddof=1)) if len(means) > 1 else None
                table[name][variant] = Cell(float(np.mean(means)), spread, len(means))
    return table


def orders(table: Mapping[str, Mapping[str, Cell]], study: Study) -> dict[str, list[Pair]]:
    """Metric -> the publication's pairs of variants that were measured here, each with whether it holds."""
    found: dict[str, list[Pair]] = {}
    for name, figure in study.figures.items():
        if figure.published is None:
            continue
        ranked = [v for _, v in sorted(zip(figure.published, study.variants, strict=True), reverse=True)]
        pairs = [(a, b) for a, b in combinations(ranked, 2) if a in table[name] and b in table[name]]
        if len(study.variants) > _MOST_PAIRS:
            pairs = [pair for pair in pairs if study.variants[0] in pair]
        if pairs:
            found[name] = [_pair(a, b, table[name][a], table[name][b]) for a, b in pairs]
    return found


def _pair(above: str, below: str, a: Cell, b: Cell) -> Pair:
    gap = a.mean - b.mean
    clear = None if a.spread is None or b.spread is None else bool(gap > np.hypot(a.spread, b.spread))
    return Pair(above, below, gap > 0, clear)


def as_json(table: Mapping[str, Mapping[str, Cell]], study: Study) -> dict[str, Any]:
    """For machines."""
    found = orders(table, study)
    return {
        name: {
            "label": figure.label,
            "better": figure.better,
            "published": dict(zip(study.variants, figure.published, strict=True)) if figure.published else None,
            "ours": {v: {"mean": c.mean, "spread": c.spread, "seeds": c.seeds} for v, c in table[name].items()},
            "order": [
                {"above": p.above, "below": p.below, "holds": p.holds, "clear": p.clear} for p in found.get(name, [])
            ],
        }
        for name, figure in study.figures.items()
        if table[name]
    }


def markdown(table: Mapping[str, Mapping[str, Cell]], columns: Sequence[str], study: Study) -> str:
    """The table for a person: our figures, the published ones, and which of their orders hold."""
    found = orders(table, study)
    head = [
        "figure",
        *columns,
        f"{study.source} ({' / '.join(study.variants)})",
        f"order of the {study.source.split(',')[0]}",
    ]
    lines = [head]
    for name, figure in study.figures.items():
        if not table[name]:
            continue
        ours = [table[name][c].text() if c in table[name] else "-" for c in columns]
        theirs = " / ".join(f"{v:g}" for v in figure.published) if figure.published else "-"
        arrow = "↑" if figure.better == "higher" else "↓"
        lines.append([f"{figure.label} {arrow}", *ours, theirs, _orders_text(found.get(name, []))])
    return _table(lines)


def _orders_text(pairs: Sequence[Pair]) -> str:
    words = []
    for p in pairs:
        holds = "no" if not p.holds else "yes" if p.clear is not False else "yes, within the spread"
        words.append(f"{p.above} > {p.below}: {holds}")
    return "; ".join(words) or "-"


def listening_markdown(tests: Mapping[str, Mapping[str, ListeningTest | NotComputable]]) -> str:
    """System -> test name -> `listening.ListeningTest`, as a table."""
    lines = [["system", "test", "matched", "shuffled", "effect (d)", "p", "lag [s]", "segments"]]
    for system, found in tests.items():
        for name, t in found.items():
            if isinstance(t, NotComputable):
                lines.append([system, name, t.reason, *["-"] * 5])
            else:
                figures = [f"{t.matched:.3f}", f"{t.shuffled:.3f}", f"{t.effect:.2f}", f"{t.p_value:.4f}"]
                lines.append([system, name, *figures, f"{t.lag:+.1f}", str(t.segments)])
    return _table(lines)


def _table(rows: Sequence[Sequence[str]]) -> str:
    """Markdown; the first row is the head."""
    head, *body = rows
    return "\n".join("| " + " | ".join(row) + " |" for row in (head, ["---"] * len(head), *body))
