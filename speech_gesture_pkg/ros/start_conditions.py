"""StartConditions: what must come before the robot can be commanded, in a sentence that names topics and nodes."""

from __future__ import annotations

from rclpy.node import Node

from speech_gesture_pkg.pipeline.pipeline import Pipeline
from speech_gesture_pkg.ros.clock import Timebase
from speech_gesture_pkg.ros.messages.graph import gid_of, publishers_of

REBASE = 3600.0
"""A clock that is farther from its base when motion starts gets a new base, s."""


class StartConditions:
    """Asks the clock and the pipeline.

    Args:
        node: whose clock and graph are looked at.
        pipeline: knows whether motion may begin.
        clock: its base is set again where simulated time begins far away.
    """

    def __init__(self, node: Node, pipeline: Pipeline, clock: Timebase) -> None:
        self._node, self._supervisor, self._clock = node, pipeline.supervisor, clock

    def missing(self) -> str:
        """What must come, '' if nothing."""
        if not self._node.get_clock().now().nanoseconds:  # simulated time is 0 until the first /clock
            count = self._node.count_publishers("/clock")
            return f"use_sim_time is true and no time has come on /clock ({count or 'no'} publishers)"
        if abs(self._clock.now()) > REBASE:  # and then anything: floats stay small
            self._clock.base += int(self._clock.now())
            self._supervisor.start.lost_track = True  # what was sent before is in the times of before
        return self.named(self._supervisor.start_problem(self._clock.now()))

    @property
    def waits_for(self) -> str:
        """What keeps a robot that stopped from going on, '' if nothing."""
        return self.named(self._supervisor.start.waits_for)

    def named(self, sentence: str) -> str:
        """A sentence about joint states, with their topic; and with the nodes, where two publish them."""
        if not sentence:
            return ""
        topic = self._node.resolve_topic_name("joint_states")
        if found := self._supervisor.feedback.two_sources:
            joint, *sources = found
            nodes = {gid_of(p.gid): p.node for p in publishers_of(self._node, topic)}
            names = " and ".join(nodes[s] for s in sources if s in nodes) or "two nodes"
            return f"{names} both publish {joint} on {topic}: only one may; stop one of them"
        return f"{sentence} ({topic})"
