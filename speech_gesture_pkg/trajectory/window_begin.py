"""Where a window begins, so that a controller goes on exactly as before when it takes it up.

A joint_trajectory_controller joins a new trajectory in the cycle in which it finds it. What it does then differs
(ros2_controllers, branches humble, jazzy, kilted and master, `trajectory.cpp` and `update`):

- It is *between two points* of the new trajectory: it samples that, whatever its own state. So a window that begins a
  little in the past, with what was sent before, is joined exactly. (All but the newest; there with
  `allow_trajectory_replacement: false`.)
- It is *before the first point*: it bridges to it from the state that it thinks it is in. Jazzy and Kilted file their
  last command under the previous cycle: twice the step in one cycle, a tick in every window.
- The newest *blends* by default: a stamp in the past becomes now; with a stamp in the future, points of the old
  trajectory up to the stamp come first, one cycle late. Points with a negative `time_from_start` behind a stamp in the
  future are joined exactly, if no point of the old trajectory lies between the cycle before and the stamp.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, replace
from enum import Enum
from typing import Any

import numpy as np

from speech_gesture_pkg.trajectory.composer import ComposerState, Window, ahead_of

PAST = 0.06
"""Windows begin so long before they are sent, s: three cycles of a controller at 50 Hz."""
SPARE = 0.004
"""A window that has to be there for a certain cycle must be sent so long before, s: it is on its way for 1 to 2 ms."""
MARGIN = 0.02
"""Windows for controllers that blend are stamped so far ahead, and a cycle more, s."""
SLOWEST = 0.01
"""Cycle of a controller that does not tell its rate, s."""
_QUICKEST = 0.0002


class Begin(Enum):
    """Where the windows for a controller begin."""

    PAST = "in the past, with what was sent before: joined exactly"
    AHEAD = "ahead of now: the controller bridges to it, which ticks"
    BLENDED = "in the past of a stamp ahead of now, between two points of the motion: joined exactly"


@dataclass(frozen=True)
class Timing:
    """How one controller takes up windows.

    Attributes:
        begin: see there.
        period: of its control cycle, s.
    """

    begin: Begin = Begin.PAST
    period: float = 0.01

    def fit(self, state: ComposerState, window: Window, now: float, lead: float) -> Window:
        """`window` (with its past) as this controller should get it, sent at `now`, s, new from `now + lead` on."""
        if self.begin is Begin.PAST:
            return window
        if self.begin is Begin.AHEAD:
            begins_later = window.stamp > now  # it has no past
            return window if begins_later else ahead_of(state, window, now + lead)
        stamp = now + self._ahead(state.dt)  # until then the old motion goes on, from there it leads to the first point
        times = window.time_from_start + (window.stamp - stamp)
        return replace(window, stamp=stamp, time_from_start=times, send_by=stamp - self.period - SPARE)

    def _ahead(self, dt: float) -> float:
        return min(self.period + MARGIN, 0.75 * dt)

    def chance(self, state: ComposerState, now: float) -> float:
        """The next time from `now` on at which a window can be sent to it, s."""
        if self.begin is not Begin.BLENDED:
            return now
        begin, end = now + _QUICKEST - self.period, now + self._ahead(state.dt) - self.period
        knot = math.floor((end - state.grid) / state.dt - 1e-9)
        return now if state.time_of(knot) < begin else state.time_of(knot) - _QUICKEST + self.period + 1e-6


def timing_of(parameters: Mapping[str, Any]) -> tuple[Timing, str]:
    """How a joint_trajectory_controller with these parameters takes up windows, and what to set so that it does better.

    Args:
        parameters: those that it has declared; {} if it does not answer.

    Returns:
        the timing, and a sentence of advice ('' if nothing could be better).
    """
    rate = float(parameters.get("update_rate") or 0.0)
    period = 1.0 / rate if rate > 0.0 else SLOWEST
    if parameters.get("allow_trajectory_replacement"):
        return Timing(Begin.BLENDED, period), (
            "allow_trajectory_replacement is true, so new windows are blended with old ones; they are timed to be "
            "joined exactly by that controller's rules of 2026, but false does not depend on them: set it"
        )
    if {"interpolate_from_desired_state", "open_loop_control", "allow_trajectory_replacement"} & set(parameters):
        return Timing(Begin.PAST, period), ""
    return Timing(Begin.AHEAD, period), (
        "it does not tell its parameters, so windows begin ahead of now and every one of them ticks; let it answer, or "
        "set trajectory.begin to past if it is a joint_trajectory_controller of Humble, Jazzy or Kilted"
    )


class WindowTimings:
    """How the controllers of one robot take up windows.

    Args:
        controllers: joint indices of each.
        timing: by controller; those that are not named are joined in the past.
    """

    def __init__(self, controllers: Mapping[str, np.ndarray], timing: Mapping[str, Timing]) -> None:
        self._controllers = controllers
        self._timing = {name: timing.get(name, Timing()) for name in controllers}

    @property
    def exact(self) -> bool:
        """Whether windows must be taken up by a certain cycle, so that clocks must agree within milliseconds."""
        return any(t.begin is Begin.BLENDED for t in self._timing.values())

    @property
    def begins(self) -> str:
        """Where windows begin: past, ahead or blended; by controller, if not alike."""
        kinds = {name: t.begin.name.lower() for name, t in self._timing.items()}
        alike = len(set(kinds.values())) == 1
        return next(iter(kinds.values())) if alike else ", ".join(f"{name} {kind}" for name, kind in kinds.items())

    def chance(self, state: ComposerState, now: float) -> float:
        """The next time at which a window can be sent to all (one step of the grid later, if there is none), s."""
        latest = now + state.dt
        for _ in range(8):
            later = max((t.chance(state, now) for t in self._timing.values()), default=now)
            if later <= now or later > latest:
                break
            now = later
        return min(now, latest)

    def split(self, state: ComposerState, window: Window, now: float, lead: float) -> dict[str, Window]:
        """`window` (with its past), sent at `now`, as each controller should get it: its joints, its begin."""
        fitted = {timing: timing.fit(state, window, now, lead) for timing in set(self._timing.values())}
        return {name: fitted[self._timing[name]].select(joints) for name, joints in self._controllers.items()}
