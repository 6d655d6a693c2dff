"""DiagnosticKey: the labels of the node's figures on `/diagnostics`. Who writes or reads them does it by these."""

from __future__ import annotations

from enum import Enum


class DiagnosticKey(str, Enum):
    """Label of one key-value pair. A member is its label: it may be looked up in a dict that is read from a bag."""

    STATE = "state"
    """What the robot is doing: a `State`, lower case."""
    LIFECYCLE = "lifecycle"
    """State of the lifecycle node."""
    GENERATOR = "generator"
    REAL_TIME_FACTOR = "real-time factor"
    """Seconds of motion per second of work."""
    LATENCY_P50 = "latency p50 [ms]"
    """From the arrival of the audio that completes a frame to its window."""
    LATENCY_P99 = "latency p99 [ms]"
    LOOKAHEAD = "look-ahead [ms]"
    OFFSET = "motion after sound [ms]"
    """Play time minus stream time."""
    BEGIN = "windows begin"
    LIMITED = "limited [%]"
    """Share of the points that a limit held back."""
    FRAMES = "frames"
    LATE_FRAMES = "late frames"
    WINDOWS = "windows"
    FAULTS = "faults"
    RESETS = "resets"
    STALLS = "stalls"
    GAPS_FILLED = "audio gaps filled [s]"
    SILENCE = "silence put in [s]"
    """Where audio stayed away."""
    STAMPS_BEHIND = "audio stamps behind [s]"
    AUDIO_PACE = "audio pace"
    """Seconds of audio per second."""
    FALLBACK = "fall-back"
    ATTEMPTS = "attempts to bring the generator back"

    def __str__(self) -> str:
        return self.value


WINDOW_TOO_LATE = "window too late to send"
"""Reason for which a trajectory window is dropped."""


def dropped(reason: str) -> str:
    """Label of how many messages, or windows, were dropped for a reason."""
    return f"dropped: {reason}"
