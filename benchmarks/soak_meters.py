"""The eyes of `bench --soak`: whether the robot stands, how late frames are, memory, and what the machine held up."""

from __future__ import annotations

import os
import time
from collections import deque
from pathlib import Path
from typing import Any

from benchmarks.soak_figures import Latencies, Memory, cpu_seconds, own_p99
from speech_gesture_pkg.pipeline.diagnostic_keys import DiagnosticKey

SAMPLE_S = 5.0
"""Between two looks at memory, s."""
OWN_S = 60.0
"""Between two looks at the latency that the node tells itself: of its last 2000 frames, s."""
STILL = 2e-3
"""Slower than this a joint stands, rad/s."""
STILL_S = 0.1
"""For so long, s."""
SETTLED = 3.0
"""So long after a fault latency is measured again, s."""
BEFORE, AFTER = 0.1, 0.1
"""A late window is judged by what happened from so long before its stamp to so long after its publication, s."""

_UNCHANGED = (DiagnosticKey.STATE, DiagnosticKey.OFFSET, DiagnosticKey.RESETS, DiagnosticKey.FAULTS)


class HoldUps:
    """For how long a process wanted to run and was not let: the kernel's counts (Linux), and stops on purpose.

    The kernel counts how long threads waited for a processor, and how long a virtual machine's processors were taken
    away (`steal`).

    Args:
        pid: of the process.
    """

    def __init__(self, pid: int) -> None:
        self._tasks = Path(f"/proc/{pid}/task")
        self._samples: deque[tuple[float, float]] = deque(maxlen=400)
        self._stops: deque[tuple[float, float]] = deque(maxlen=8)
        self._late: deque[tuple[float, float]] = deque(maxlen=1000)
        self.explained = 0
        self.worst = 0.0

    def sample(self) -> None:
        """Look at the kernel's count; judge late windows."""
        try:
            waited = _stolen()
            for task in self._tasks.iterdir():
                waited += int((task / "schedstat").read_text(encoding="ascii").split()[1])
        except (OSError, IndexError, ValueError):  # a thread or the process has ended meanwhile, or there is no count
            return
        now = time.time()
        self._samples.append((now, waited * 1e-9))
        while self._late and now > self._late[0][1] + AFTER:
            stamp, published = self._late.popleft()
            if self.between(stamp - BEFORE, published + AFTER) >= published - stamp:
                self.explained += 1
                self.worst = max(self.worst, published - stamp)

    def stopped(self, begin: float, end: float) -> None:
        """It was stopped on purpose from `begin` to `end` (Unix time, s)."""
        self._stops.append((begin, end))

    def late(self, stamp: float, published: float) -> None:
        """A window was published after its stamp (Unix time, s)."""
        self._late.append((stamp, published))

    def between(self, begin: float, end: float) -> float:
        """Seconds of hold-up between two Unix times."""
        stops = sum(max(min(e, end) - max(b, begin), 0.0) for b, e in self._stops)
        inside = [w for t, w in self._samples if begin <= t <= end]
        return stops + (inside[-1] - inside[0] if inside else 0.0)


def _stolen() -> int:
    """Time for which the host took processors away, ns."""
    first = Path("/proc/stat").read_text(encoding="ascii").split("\n", 1)[0].split()
    return round(1e9 * int(first[8]) / os.sysconf("SC_CLK_TCK"))


class Meters:
    """Looks at the gesture node again and again.

    Args:
        graph: the node that hears everything (`benchmarks.soak_graph.SoakGraph`).
        pid: of the gesture node.
    """

    def __init__(self, graph: Any, pid: int) -> None:
        self.latency, self.memory, self.own = Latencies(), Memory(pid), Memory("self")
        self.hold_ups = HoldUps(pid)
        self._graph = graph
        self._began, self._cpu = time.monotonic(), cpu_seconds(pid)
        self._memory_due, self._own_due = 0.0, OWN_S
        self._still_since: float | None = None
        self._clean_since = SETTLED
        self._values: dict[str, str] = {}
        self._ahead: list[float] = []
        self._own_latency: list[tuple[float, float]] = []

    def look(self, now: float) -> None:
        """To be called some 50 times a second with the seconds since the begin."""
        self.hold_ups.sample()
        steady = time.monotonic()
        velocity = self._graph.velocity
        if not len(velocity) or abs(velocity).max() > STILL or steady - self._graph.measured_at > 0.1:
            self._still_since = None
        elif self._still_since is None:
            self._still_since = steady
        if now >= self._memory_due:
            self._memory_due = now + SAMPLE_S
            self.memory.sample(now)
            self.own.sample(now)
        if self._graph.values and self._graph.values is not self._values:
            self._listen(now)

    def fault(self) -> None:
        """A fault begins: latency is not measured until `clean`."""
        self._clean_since = float("inf")
        self._still_since = None

    def clean(self, now: float) -> None:
        """It is over."""
        self._clean_since = now + SETTLED

    def stands(self) -> bool:
        """Whether the robot stands still."""
        return self._still_since is not None and time.monotonic() - self._still_since > STILL_S

    def _listen(self, now: float) -> None:
        """Frames between two looks at the diagnostics, if nothing has changed between them, become latencies."""
        before, self._values = self._values, self._graph.values
        values = self._values
        frames, self._graph.heard = self._graph.heard, []
        same = all(values.get(k) == before.get(k) for k in _UNCHANGED)
        if same and values.get(DiagnosticKey.STATE) == "gesturing" and now > self._clean_since + 1.0:
            self._ahead += [published - happens for published, happens in frames]
        else:
            self.latency.stretch(now, self._ahead)
            self._ahead = []
        if now > self._own_due and DiagnosticKey.LATENCY_P99 in values:
            self._own_due = now + OWN_S
            self._own_latency.append((now, float(values[DiagnosticKey.LATENCY_P99])))

    def figures(self, now: float) -> dict[str, Any]:
        """For the report; `now` as for `look`."""
        self.latency.stretch(now, self._ahead)
        self.memory.sample(now)
        self.own.sample(now)
        elapsed, first, last = time.monotonic() - self._began, *self.latency.ends(now / 60.0)
        return {
            "memory": self.memory.figures(),
            "own_memory": self.own.figures(),
            "cpu_share": (cpu_seconds(int(self.memory.pid)) - self._cpu) / elapsed,
            "held_up": {"late_windows": self.hold_ups.explained, "worst_ms": 1e3 * self.hold_ups.worst},
            "latency": {
                "frames": self.latency.count,
                "p50_ms": 1e3 * self.latency.percentile(50.0),
                "p99_ms": 1e3 * self.latency.percentile(99.0),
                "compared_min": len(first),
                "first_p99_ms": 1e3 * self.latency.percentile(99.0, first),
                "last_p99_ms": 1e3 * self.latency.percentile(99.0, last),
                "own_first_p99_ms": own_p99(self._own_latency, first),
                "own_last_p99_ms": own_p99(self._own_latency, last),
            },
        }
