"""Hours of running."""

from __future__ import annotations

import numpy as np
from pipeline_rig import Stage


def test_unix_time_for_hours_keeps_frames_on_the_grid():
    """At 1.7e9 s a float resolves 0.2 us: adding up frame periods would drift off the grid within hours."""
    stage = Stage(start=1.7e9).activate().silence(2.0)
    stage.silence(60.0, tick=0.02)
    steps = (np.array([t for t, _ in stage.frames]) - stage.frames[0][0]) * 30
    assert len(steps) > 1800
    assert np.abs(steps - np.round(steps)).max() < 2e-5
