"""What `bench --soak` measures: memory, latency by the minute, how faults went; and the report about it."""

from __future__ import annotations

import math
import os
import re
from collections import Counter, defaultdict
from collections.abc import Iterable, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

BIN = 5e-4
BINS = 2000
"""Latencies are counted in bins of half a millisecond up to one second."""
MINUTE = 60.0
ENDS = 10
"""Latency of the first and of the last so many minutes is compared (of shorter runs: of the thirds)."""
MOST_GROWTH = 5.0
"""Memory that the gesture node may gain after warm-up, MB."""
MOST_SLOWER = 0.2
"""Share by which the p99 latency of the end may exceed that of the begin."""
SHOWN = 400
"""Values of memory in the JSON report, at least, where there are so many."""
LONG = 30.0
"""Growth and latency are judged in runs of at least so many minutes."""


class Latencies:
    """Histograms by the minute, so that hours take little memory."""

    def __init__(self) -> None:
        self._minutes: dict[int, np.ndarray] = {}

    def stretch(self, at: float, ahead: Iterable[float]) -> None:
        """Frames of a stretch in which the motion followed the sound at one distance.

        Args:
            at: end of the stretch, s after the begin.
            ahead: publication less the time at which a frame happens, s; the least of them is latency 0.
        """
        values = np.array(list(ahead))
        if len(values):
            self.add(at, values - values.min())

    def add(self, at: float, values: Iterable[float]) -> None:
        """Latencies in s, measured `at` s after the begin."""
        bins = np.clip(np.array(list(values)) / BIN, 0, BINS - 1).astype(int)
        counts = self._minutes.setdefault(int(at / MINUTE), np.zeros(BINS, np.uint16))
        np.add.at(counts, bins, 1)

    def percentile(self, percent: float, minutes: Sequence[int] | None = None) -> float:
        """In s, over some minutes or over all; NaN without values."""
        chosen = [c for m, c in self._minutes.items() if minutes is None or m in minutes]
        total = np.sum(chosen, axis=0, dtype=np.int64) if chosen else np.zeros(1, np.int64)
        if not total.sum():
            return math.nan
        return float(BIN * (np.searchsorted(np.cumsum(total), percent / 100.0 * total.sum()) + 0.5))

    @property
    def count(self) -> int:
        """How many were added."""
        return int(sum(c.sum(dtype=np.int64) for c in self._minutes.values()))

    def ends(self, minutes: float) -> tuple[range, range]:
        """Minutes at the begin and at the end that are compared, of a run so long."""
        length = max(min(ENDS, int(minutes / 3)), 1)
        last = max(math.floor(minutes), 1)
        return range(length), range(max(last - length, 0), last)


@dataclass
class Memory:
    """Resident memory of a process, sampled; times in s after the begin, sizes in MB.

    Attributes:
        all_seen: when every kind of fault had happened.
    """

    pid: int | str
    times: list[float] = field(default_factory=list)
    rss: list[float] = field(default_factory=list)
    files: int = 0
    threads: int = 0
    all_seen: float = math.inf

    def sample(self, at: float) -> None:
        """Look into /proc."""
        folder = Path(f"/proc/{self.pid}")
        try:
            status = (folder / "status").read_text(encoding="utf-8")
            self.files = sum(1 for _ in (folder / "fd").iterdir())
        except OSError:  # it has ended
            return
        fields = dict(line.split(":", 1) for line in status.splitlines() if ":" in line)
        if "VmRSS" not in fields:
            return
        self.times.append(at)
        self.rss.append(int(fields["VmRSS"].split()[0]) / 1024.0)
        self.threads = int(fields["Threads"])

    def figures(self) -> dict[str, Any]:
        """Growth: mean of the last tenth less that of the first one after warm-up.

        That is 5 minutes, and longer until every kind of fault has happened once (the largest message decides how much
        memory a process once needs), but at most a third of it all.
        """
        if not self.times:
            return {}
        times, rss = np.array(self.times), np.array(self.rss)
        length = times[-1]
        warm = min(max(5.0 * MINUTE, self.all_seen), length / 3.0)
        span = max((length - warm) / 10.0, 1e-9)
        early, late = rss[(times >= warm) & (times <= warm + span)], rss[times >= length - span]
        settled = times >= warm
        step = max(len(times) // SHOWN, 1)
        slope = np.polyfit(times[settled], rss[settled], 1)[0] * 3600.0 if settled.sum() > 2 else math.nan
        return {
            "warm_up_s": warm,
            "after_warm_up_mb": float(early.mean()) if len(early) else math.nan,
            "at_end_mb": float(late.mean()),
            "growth_mb": float(late.mean() - early.mean()) if len(early) else math.nan,
            "slope_mb_per_h": float(slope),
            "peak_mb": float(rss.max()),
            "by_time": [
                [round(float(t), 1), round(float(m), 2)] for t, m in zip(times[::step], rss[::step], strict=True)
            ],
            "open_files": self.files,
            "threads": self.threads,
        }


@dataclass
class Kind:
    """How the faults of one kind went; times in s."""

    count: int = 0
    states: Counter[str] = field(default_factory=Counter)
    still: list[float] = field(default_factory=list)
    back: list[float] = field(default_factory=list)
    failed: int = 0


class Outcomes:
    """All faults, by kind."""

    def __init__(self) -> None:
        self.kinds: dict[str, Kind] = defaultdict(Kind)

    def rows(self) -> list[dict[str, Any]]:
        """One per kind."""
        return [
            {
                "kind": name,
                "count": k.count,
                "states": dict(k.states),
                "still_median_s": _median(k.still),
                "still_max_s": max(k.still, default=math.nan),
                "back_median_s": _median(k.back),
                "back_max_s": max(k.back, default=math.nan),
                "failed": k.failed,
            }
            for name, k in sorted(self.kinds.items())
        ]


def own_p99(told: Sequence[tuple[float, float]], minutes: Sequence[int]) -> float:
    """Median of what the node has told about its p99 latency in some minutes, ms; `told` as (s, ms)."""
    return _median([value for at, value in told if int(at / MINUTE) in minutes])


def broken(result: dict[str, Any]) -> dict[str, int]:
    """Broken guarantees by kind, without the windows that were late because the machine did not let the node run."""
    found = dict(result["guarantees"]["broken"])
    found["late"] = found.get("late", 0) - result.get("held_up", {}).get("late_windows", 0)
    return {kind: count for kind, count in found.items() if count > 0}


def judge(result: dict[str, Any]) -> list[str]:
    """Sentences about what should be otherwise; none = passed."""
    wrong = list(result["problems"])
    if broken(result) or not result["guarantees"]["messages"]:
        wrong.append(f"the motion guarantees were broken: {broken(result) or 'no messages'}")
    if result["unchecked"]:
        wrong.append(f"{result['unchecked']} messages could not be checked in time")
    if result["minutes"] >= LONG and "latency" in result:
        growth, latency = result.get("memory", {}).get("growth_mb", math.nan), result["latency"]
        if not growth < MOST_GROWTH:
            wrong.append(f"the gesture node grew by {growth:.1f} MB after warm-up; {MOST_GROWTH:g} allowed")
        if not latency["last_p99_ms"] <= (1.0 + MOST_SLOWER) * latency["first_p99_ms"]:
            wrong.append(
                f"p99 latency went from {latency['first_p99_ms']:.1f} to {latency['last_p99_ms']:.1f} ms; "
                f"{100 * MOST_SLOWER:.0f} % more allowed"
            )
    return wrong


def page(result: dict[str, Any]) -> str:
    """The report as one page of Markdown."""
    m, guarantees, wrong = result["machine"], result["guarantees"], result["wrong"]
    if "memory" not in result:
        return "\n".join(["# Soak test: FAILED before it began", "", *(f"- {sentence}" for sentence in wrong), ""])
    latency, memory, held = result["latency"], result["memory"], result["held_up"]
    lines = [
        f"# Soak test: {'passed' if not wrong else 'FAILED'}",
        "",
        f"{result['minutes']:.1f} min on {m['cpu']}, {m['cores']} cores, Python {m['python']}; "
        f"{sum(k['count'] for k in result['kinds'])} faults about every {result['fault_every_s']:g} s, seed "
        f"{result['seed']}; generator {result['generator']}, robot {result['robot']}"
        + ("; ended early" if result["ended_early"] else ""),
        "",
        *(f"- {sentence}" for sentence in wrong),
        *([""] if wrong else []),
        "| figure | value |",
        "|---|---|",
        f"| trajectory messages checked | {guarantees['messages']} |",
        f"| broken guarantees | {sum(broken(result).values())} |",
        f"| windows published after their stamp while the machine or a fault held the node up | "
        f"{held['late_windows']}, at worst {held['worst_ms']:.0f} ms |",
        f"| windows that began anew where the robot stood, not where it had been sent | {result['begun_anew']} |",
        f"| poses checked for self-collision | {result['poses']} |",
        f"| least lead when published / received | {1e3 * guarantees['least_lead_s']:.1f} / "
        f"{result['least_lead_ms']:.1f} ms |",
        f"| largest step between windows | {guarantees['worst'].get('splice', math.nan):.1e} rad |",
        f"| fastest elbow, wrist or hand | {guarantees['worst'].get('link_speed', math.nan):.2f} m/s |",
        f"| memory after warm-up ({memory.get('warm_up_s', math.nan):.0f} s) / at the end | "
        f"{memory.get('after_warm_up_mb', math.nan):.1f} / {memory.get('at_end_mb', math.nan):.1f} MB |",
        f"| growth, slope, peak | {memory.get('growth_mb', math.nan):+.2f} MB, "
        f"{memory.get('slope_mb_per_h', math.nan):+.2f} MB/h, {memory.get('peak_mb', math.nan):.1f} MB |",
        f"| open files, threads at the end | {memory.get('open_files')}, {memory.get('threads')} |",
        f"| latency p50 / p99, all ({latency['frames']} frames) | {latency['p50_ms']:.1f} / "
        f"{latency['p99_ms']:.1f} ms |",
        f"| p99 of the first / last {latency['compared_min']} min | {latency['first_p99_ms']:.1f} / "
        f"{latency['last_p99_ms']:.1f} ms |",
        f"| the same as the node tells it | {latency['own_first_p99_ms']:.1f} / {latency['own_last_p99_ms']:.1f} ms |",
        f"| lines that the gesture node logged | {result['log_lines']} |",
        f"| processor share of the gesture node | {100 * result['cpu_share']:.0f} % |",
        f"| memory growth of this tool | {result['own_memory'].get('growth_mb', math.nan):+.2f} MB |",
        f"| controllers | {result['controllers']} |",
        "",
        "| fault | times | seen in the diagnostics | stands still after, median / max | back after its end, "
        "median / max | failed |",
        "|---|---|---|---|---|---|",
        *map(_row, result["kinds"]),
        "",
        'Times in seconds. States come from the diagnostics, once a second; "back" is a state of normal motion there.',
        "Latency: how much later frames are published than the soonest one of their stretch between two faults: the",
        "wait for the rest of the audio message (32 ms at most), the generator, the solver and the scheduling. What",
        "the node tells is from the arrival of the audio that completes a frame to its window, the faults included.",
    ]
    return "\n".join(lines) + "\n"


def _row(k: dict[str, Any]) -> str:
    states = ", ".join(f"{n} {c}" for n, c in sorted(k["states"].items(), key=lambda item: -item[1]))
    return (
        f"| {k['kind']} | {k['count']} | {states} | {_pair(k['still_median_s'], k['still_max_s'])} | "
        f"{_pair(k['back_median_s'], k['back_max_s'])} | {k['failed']} |"
    )


def _pair(a: float, b: float) -> str:
    return "" if math.isnan(a) else f"{a:.1f} / {b:.1f}"


def _median(values: Sequence[float]) -> float:
    return float(np.median(values)) if values else math.nan


def cpu_seconds(pid: int) -> float:
    """Processor time that a process has used, s."""
    with suppress(OSError):
        fields = Path(f"/proc/{pid}/stat").read_text(encoding="utf-8").rpartition(")")[2].split()
        return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")
    return 0.0


def controllers_text(output: str) -> str:
    """What the simulated controllers say at their end, added up."""
    found = re.findall(r"(\d+) trajectories accepted, (\d+) of them late, (\d+) not finite; refused: (.*)", output)
    if not found:
        return "said nothing"
    accepted, late, bad = (sum(int(f[i]) for f in found) for i in range(3))
    refused = sorted({f[3] for f in found if f[3] != "none"})
    return f"{accepted} accepted, {late} of them late, {bad} not finite; refused: {', '.join(refused) or 'none'}"
