"""Two runs of the same sound: through the node and on a simulated clock, or recorded and run again."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from speech_gesture_pkg.lab.report.markup import clock, h, number, table

_ANSWERS = {"True": '<span class="good">yes</span>', "False": '<span class="bad">no</span>'}


def agreement_table(entries: Iterable[Mapping[str, Any]]) -> str:
    """One row a file: how far apart the commanded motions are beyond the tolerance in time.

    Args:
        entries: name, system, seed, modes, then shift_s, tolerance_s, largest (rad), joint, time_s, p99 (rad),
            beyond_percent, seconds, agrees; or `why` there is no figure.
    """
    rows = []
    for e in entries:
        modes = " and ".join(map(str, e.get("modes") or ()))
        first = [h(e.get("name", "")), h(e.get("system", "")), h(modes)]
        if e.get("why"):
            rows.append([*first, "", "", "", "", "", "", f"<span class=soft>{h(e['why'])}</span>"])
            continue
        rows.append(
            [
                *first,
                _ANSWERS.get(str(e.get("agrees")), ""),
                f"{1e3 * e['shift_s']:.0f}",
                f"{1e3 * e['tolerance_s']:.0f}",
                number(e["p99"]),
                number(e["largest"]),
                number(e["beyond_percent"]),
                "<br>".join([f"{h(e['joint'])} at {clock(e['time_s'])}", *map(h, e.get("warnings") or ())]),
            ]
        )
    sizes = ["shift, ms", "tolerance, ms", "p99, rad", "largest, rad", "apart, %"]
    heads = ["file", "system", "runs", "agree", *sizes, "where"]
    return table(heads, rows, numeric=range(4, 9)) if rows else ""
