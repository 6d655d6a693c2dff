"""Reference: the one motion that all windows are cut from, as far as it is planned; and what of it was sent."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from speech_gesture_pkg.pipeline.tracking_monitor import LAG
from speech_gesture_pkg.trajectory.composer import Composer, ComposerState

DISPLACED = 0.1
"""A robot that was moved by more than this while it was not watched starts again from there, rad or m."""


class Reference:
    """The composer and its state.

    Args:
        composer: plans the motion.
        pose: at which the robot stands at first, rad or m. Shape [J].
        lead: of the windows, s.

    Attributes:
        state: of the composer: the motion so far.
        sent_at: node time at which windows were last sent, s.
        joined: node time from which on windows may follow the one that begins the motion, s.
    """

    def __init__(self, composer: Composer, pose: np.ndarray, lead: float) -> None:
        self.composer, self._lead = composer, lead
        self.state: ComposerState = composer.start(pose, 0.0)
        self.sent_at, self.joined = -np.inf, 0.0
        self._sent = (self.state, self.sent_at, self.joined)

    @property
    def grid(self) -> float:
        """Node time of a grid point, s; the others are multiples of the grid step away."""
        return self.state.grid

    @property
    def limited_share(self) -> float:
        """Share of trajectory points that a limit held back, in [0, 1]."""
        counts = self.state.counts
        return counts.limited / counts.steps if counts.steps else 0.0

    def commanded(self, now: float) -> np.ndarray:
        """Where the controllers should be at node time `now`, rad or m. Shape [J]."""
        return self.composer.positions_at(self.state, now)

    def stop_point(self) -> np.ndarray:
        """Where the joints come to rest if no target follows. Shape [J]."""
        return self.composer.stop_point(self.state)

    def stands(self, now: float) -> bool:
        """Whether the robot has come to rest by now."""
        return self.composer.at_rest(self.state) and self._ended(now)

    def rests(self, now: float) -> bool:
        """Whether it was sent no farther for long enough that joints which lag behind stand too."""
        return self.stands(now) and self._ended(now - LAG)

    def runs(self, now: float) -> bool:
        """Whether the controllers still execute what was sent."""
        return self.state.sent is not None and not self._ended(now)

    def _ended(self, now: float) -> bool:
        return bool(np.abs(self.commanded(now) - self.stop_point()).max() < 1e-6)

    def displaced(self, measured: np.ndarray) -> bool:
        """Whether a robot that stands is not where it was left."""
        return bool(np.abs(measured - self.stop_point()).max() > DISPLACED)

    def begin(self, pose: np.ndarray, now: float, bridge: float) -> None:
        """Plan again, from rest at `pose` [J], which the controllers have reached `bridge` s after the lead."""
        self.state = self.composer.start(pose, now + self._lead, bridge)

    def discard(self, now: float) -> None:
        """Drop the planned motion that the controllers need not follow any more."""
        self.state = self.composer.discard(self.composer.commit(self.state, now, self._lead))

    def shift(self, seconds: float) -> None:
        """The clock was set: the robot has gone on moving, its reference moves along to the new time."""
        self.state = replace(self.state, grid=self.state.grid + seconds)
        self.joined, self.sent_at = self.joined + seconds, self.sent_at + seconds

    def remember(self) -> None:
        """What there is now is what the controllers have."""
        self._sent = (self.state, self.sent_at, self.joined)

    def withdraw(self) -> None:
        """The last windows could not be sent in time: the robot still follows the ones before."""
        self.state, self.sent_at, self.joined = self._sent

    def limit_links(self, speed: float) -> None:
        """Another largest speed of hands, wrists and elbows, m/s."""
        self.composer = self.composer.with_link_speed(speed)
        self.state = self.composer.adopt(self.state)
        self._sent = (self.composer.adopt(self._sent[0]), *self._sent[1:])

    def take_over(self, other: Reference) -> None:
        """Go on with what another pipeline of the same joints and grid step has sent."""
        self.state = self.composer.adopt(other.state)
        self.joined, self.sent_at = other.joined, other.sent_at
