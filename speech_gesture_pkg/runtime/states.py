"""What the system is doing, one enum with a human sentence per value (diagnostics and log show it)."""

from __future__ import annotations

from enum import Enum


class State(Enum):
    """State of the pipeline. The value is the sentence for people."""

    INACTIVE = "not commanding the robot"
    APPROACHING = "moving slowly from where the robot stood to the gesture motion"
    GESTURING = "gesturing with the speech"
    IDLE = "no speech: breathing and small idle motion"
    RESTING = "in the rest pose or on the way there"
    BRAKING = "stopping: something is wrong with the input"
    PAUSED = "paused by request: stopped, then in the rest pose"
    DEGRADED = "the generator failed repeatedly: running on the fall-back"


class Severity(Enum):
    """How loud an event is."""

    INFO = "info"
    WARN = "warn"
    ERROR = "error"
