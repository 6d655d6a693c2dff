"""A short soak: real nodes, faults, a report; and what it is made of."""

from __future__ import annotations

import json
import os
import subprocess
import sys

import numpy as np
import pytest

pytest.importorskip("rclpy", reason="rclpy is not installed; install the extra `ros`")

from benchmarks.soak_faults import FAULTS, sequence
from benchmarks.soak_figures import Latencies, Memory, broken, judge
from benchmarks.soak_meters import HoldUps


def test_twenty_seconds_with_faults(tmp_path):
    kinds = "audio_gap,node_held_up,parameters,second_publisher"
    command = [sys.executable, "-m", "benchmarks", "soak", "--minutes", "0.33", "--seed", "3"]
    command += ["--fault-every", "4", "--faults", kinds, "--out", str(tmp_path)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=400)
    result = json.loads((tmp_path / "soak.json").read_text("utf-8"))
    assert done.returncode == (1 if result["wrong"] else 0), (done.stdout, done.stderr)
    if result["least_lead_ms"] > 0:  # this machine had time for it: no message came late
        assert result["wrong"] == []
    assert result["guarantees"]["messages"] > 100
    assert result["poses"] > 5
    assert sum(k["count"] for k in result["kinds"]) >= 1
    assert result["memory"]["at_end_mb"] > 20
    assert "# Soak test: " in (tmp_path / "soak.md").read_text("utf-8")
    lines = (tmp_path / "faults.jsonl").read_text("utf-8").splitlines()
    assert len(lines) == sum(k["count"] for k in result["kinds"])


def test_a_seed_repeats_the_faults():
    def some(seed):
        faults = sequence(seed)
        return [(fault.name, rng.random()) for fault, rng in (next(faults) for _ in range(60))]

    assert some(5) == some(5) != some(6)
    assert {name for name, _ in some(5)} == {f.name for f in FAULTS}


def test_unknown_kinds_are_refused():
    command = [sys.executable, "-m", "benchmarks", "soak", "--faults", "flood"]
    done = subprocess.run(command, capture_output=True, text=True, timeout=200)
    assert done.returncode == 4
    assert "kind of fault 'flood' is unknown" in done.stderr


def test_latencies_by_the_minute():
    found = Latencies()
    for minute, slow in enumerate((0.010, 0.010, 0.020)):
        found.stretch(60.0 * minute + 1.0, -0.3 + np.append(np.linspace(0.0, 0.005, 99), slow))
    assert found.count == 300
    assert found.percentile(50.0) == pytest.approx(0.0025, abs=1e-3)
    first, last = found.ends(3.0)
    assert (list(first), list(last)) == ([0], [2])
    assert found.percentile(100.0, first) == pytest.approx(0.010, abs=1e-3)
    assert found.percentile(100.0, last) == pytest.approx(0.020, abs=1e-3)
    assert np.isnan(found.percentile(99.0, [7]))


def test_memory_growth_is_what_comes_after_warm_up():
    memory = Memory(os.getpid())
    memory.times = [float(t) for t in range(0, 3600, 5)]
    memory.rss = [100.0 + min(t / 60.0, 5.0) + 2.0 * t / 3600.0 for t in memory.times]  # 5 min warm-up, then 2 MB/h
    memory.all_seen = 200.0
    figures = memory.figures()
    assert figures["growth_mb"] == pytest.approx(2.0 * (3600 - 300) / 3600 * 0.9, abs=0.05)
    assert figures["slope_mb_per_h"] == pytest.approx(2.0, abs=0.01)
    live = Memory("self")
    live.sample(0.0)
    assert live.rss[0] > 10
    assert live.threads >= 1


def test_a_late_window_is_excused_only_by_what_held_the_process_up():
    held = HoldUps(os.getpid())
    held._samples.extend((100.0 + 0.02 * k, 0.0 if k < 10 else 0.03) for k in range(50))  # 30 ms of waiting at 100.2
    assert held.between(100.1, 100.3) == pytest.approx(0.03)
    assert held.between(100.5, 100.7) == 0.0
    held.stopped(200.0, 200.5)
    assert held.between(199.9, 200.6) == pytest.approx(0.5)
    held.late(100.19, 100.21)  # 20 ms late, held up for 30 ms
    held.late(100.55, 100.57)  # nothing held it up
    held.sample()
    assert held.explained == 1
    assert held.worst == pytest.approx(0.02)


def test_what_the_machine_did_is_not_a_broken_guarantee_and_the_rest_is():
    guarantees = {"broken": {"late": 3}, "messages": 10}
    result = {"guarantees": guarantees, "held_up": {"late_windows": 3}, "problems": [], "unchecked": 0, "minutes": 60.0}
    result |= {"memory": {"growth_mb": 1.0}, "latency": {"first_p99_ms": 30.0, "last_p99_ms": 35.0}}
    assert judge(result) == []
    guarantees["broken"] = {"late": 4, "continuous": 1}
    assert broken(result) == {"late": 1, "continuous": 1}
    result |= {"memory": {"growth_mb": 6.0}, "latency": {"first_p99_ms": 30.0, "last_p99_ms": 37.0}}
    sentences = " ".join(judge(result))
    for part in ("the motion guarantees were broken", "grew by 6.0 MB", "from 30.0 to 37.0 ms"):
        assert part in sentences
    nothing = {"guarantees": {"broken": {}, "messages": 0}, "problems": [], "unchecked": 0, "minutes": 0.1}
    assert "no messages" in " ".join(judge(nothing))
