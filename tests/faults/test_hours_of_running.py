"""Hours of running: time stays on the grid, memory and work per step stay flat."""

from __future__ import annotations

import gc
import sys
import time

import numpy as np
from pipeline_rig import Stage, gesturing

ROW = "hours of running"


def test_unix_time_for_hours_keeps_frames_on_the_grid():
    """At 1.7e9 s a float resolves 0.2 us: adding up frame periods would drift off the grid within hours."""
    stage = Stage(start=1.7e9).activate().silence(2.0)
    stage.silence(60.0, tick=0.02)
    steps = (np.array([t for t, _ in stage.frames]) - stage.frames[0][0]) * 30
    assert len(steps) > 1800
    assert np.abs(steps - np.round(steps)).max() < 2e-5


def stretch(stage: Stage, repeats: int) -> float:
    """Speech and silence, 10 s each time; returns the time of work per step, s."""
    began, steps = time.perf_counter(), 0
    for _ in range(repeats):
        stage.speak(6.0, chunk=0.05)
        stage.silence(4.0, tick=0.05)
        steps += 700
        # what is kept on purpose: by the stage, and the last 2000 figures for diagnostics
        pipeline = stage.pipeline
        for kept in (
            stage.frames,
            stage.events,
            stage.generator.styles,
            pipeline.latency._values,
            pipeline.compute._values,
        ):
            kept.clear()
    return (time.perf_counter() - began) / steps


def test_memory_and_work_stay_flat(fault):
    stage = gesturing({"safety.rest_after": 3.0})
    stretch(stage, 3)
    gc.collect()
    before = sys.getallocatedblocks()
    first = stretch(stage, 2)
    last = [stretch(stage, 2) for _ in range(5)]
    gc.collect()
    # One block leaked per frame of speech would be 1000 by now.
    assert sys.getallocatedblocks() - before < 300
    assert min(last) < 2.0 * first
    stage.stop()
    text = "no growth of memory, no slower steps (a soak of real nodes: docs/soak.md)"
    fault.note("150 s of speech and silence", text, "moves on", stage.windows)
