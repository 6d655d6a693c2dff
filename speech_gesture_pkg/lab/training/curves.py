"""Curves of a training run as a picture."""

from __future__ import annotations

import csv
from collections import defaultdict
from pathlib import Path


def draw_curves(table: Path, picture: Path) -> None:
    """A PNG with one small plot for every figure of a `curves.csv` (columns: seconds, step, group, name, value)."""
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    series: dict[str, dict[str, list[tuple[int, float]]]] = defaultdict(lambda: defaultdict(list))
    with table.open(newline="") as file:
        for _, step, group, name, value in csv.reader(file):
            series[name][group].append((int(step), float(value)))
    columns = min(4, len(series))
    rows = -(-len(series) // columns)
    figure = Figure(figsize=(3.4 * columns, 2.4 * rows), layout="constrained")
    FigureCanvasAgg(figure)
    for place, (name, groups) in enumerate(series.items(), 1):
        axes = figure.add_subplot(rows, columns, place)
        for group, points in groups.items():
            axes.plot(*zip(*points, strict=True), label=group, linewidth=1)
        axes.set_title(name, fontsize=8)
        axes.tick_params(labelsize=7)
        axes.set_xlabel("step", fontsize=7)
        if len(groups) > 1:
            axes.legend(fontsize=6)
    figure.savefig(picture, dpi=110)
