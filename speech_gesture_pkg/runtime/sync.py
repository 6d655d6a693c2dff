"""When motion happens: the offset between the time of the speech and the time of the gesture."""

from __future__ import annotations

from speech_gesture_pkg.config import SyncConfig


def pipeline_latency(lookahead: float, chunk: float, lead: float, dt: float, jitter: float) -> float:
    """Least delay between a sample and the motion that belongs to it when audio arrives in real time, in seconds.

    A frame needs `lookahead` of audio beyond it, which arrives in pieces of `chunk`; its control point must be there
    two grid steps before the first knot of the window, which starts `lead` ahead; one more covers the grid's phase.
    """
    return lookahead + chunk + lead + 3.0 * dt + jitter


def play_time(stream_time: float, config: SyncConfig, latency: float) -> float:
    """When the motion of `stream_time` should happen on the robot, on the node clock in seconds."""
    delay = 0.0 if config.mode == "stamp" else latency
    return stream_time + delay + config.offset


def on_grid(time: float, grid: float, dt: float) -> float:
    """The grid time `grid + n dt` nearest to `time`."""
    return grid + round((time - grid) / dt) * dt
