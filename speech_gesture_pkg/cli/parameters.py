"""speech-gesture parameters: every parameter, as a ROS 2 parameter file, as a table, or as docs/parameters.md"""

from __future__ import annotations

import argparse
from collections.abc import Iterable
from itertools import groupby

from speech_gesture_pkg.cli.common import report
from speech_gesture_pkg.config import Parameter, parameters

HEAD = """\
# Every parameter of the gesture node with its default, made by `speech-gesture parameters --yaml`.
# Joints of a controller that does not answer parameter requests: controllers.<name>.joints: [joint, ...]
/**:
  ros__parameters:
"""

PAGE = """\
# Parameters

Every parameter of the gesture node. This page is made by `speech-gesture parameters --page` (`make parameters`).

`speech-gesture parameters --yaml` writes them as a file (`config/gesture.yaml`); unknown names are refused. Those
marked *(live)* may change while the node is active. Commands take `--set style.amplitude=1.5` and `--config FILE`."""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Options of the verb."""
    form = parser.add_mutually_exclusive_group()
    form.add_argument("--yaml", action="store_true", help="as a ROS 2 parameter file (config/gesture.yaml)")
    form.add_argument("--page", action="store_true", help="as the page of the documentation (docs/parameters.md)")


def run(options: argparse.Namespace) -> int:
    """Print."""
    rows = {p.name: {"default": p.default, "unit": p.unit, "allowed": _allowed(p), "doc": p.doc} for p in parameters()}
    report(options, rows, as_yaml() if options.yaml else as_page() if options.page else as_table(parameters()))
    return 0


def as_yaml() -> str:
    """The parameter file."""
    lines, group = [], ""
    for p in parameters():
        head, key = p.name.split(".", 1)
        if head != group:
            lines += ["", f"    {head}:"] if group else [f"    {head}:"]
            group = head
        facts = "; ".join(x for x in (_allowed(p), "may change while active" if p.live else "") if x)
        lines.append(f"      # {p.doc}{f' ({facts})' if facts else ''}")
        lines.append(f"      {key}: {_yaml(p)}")
    return HEAD + "\n".join(lines)


def as_page() -> str:
    """The page of the documentation: a table for each group."""
    parts = [PAGE]
    for group, rows in groupby(parameters(), lambda p: p.name.split(".", 1)[0]):
        table = as_table(rows).replace("<", "&lt;")  # else <name> would be an HTML tag
        parts.append(f"## {group}\n\n{table}")
    return "\n\n".join(parts)


def as_table(rows: Iterable[Parameter]) -> str:
    """A parameter table as Markdown."""
    lines = ["| parameter | default | allowed | meaning |", "|---|---|---|---|"]
    for p in rows:
        live = " *(live)*" if p.live else ""
        lines.append(f"| `{p.name}` | `{_yaml(p)}` | {_allowed(p)} | {p.doc}{live} |")
    return "\n".join(lines)


def _allowed(p: Parameter) -> str:
    if p.choices:
        return " / ".join(p.choices)
    if p.low is not None:
        return f"{p.low:g} to {p.high:g} {p.unit}".strip()
    return ""


def _yaml(p: Parameter) -> str:
    if isinstance(p.default, tuple):
        return "[" + ", ".join(p.default) + "]" if p.default else '[""]'
    if isinstance(p.default, str):
        return p.default or '""'
    return str(p.default).lower() if isinstance(p.default, bool) else str(p.default)
