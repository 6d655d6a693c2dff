"""The motion guarantees (docs/guarantees.md), checked from the outside.

Reads a recorded bag and the URDF with its own XML reader and its own interpolation; it shares no code with the
composer, the solver or the node. Only the rules of controllers (`sim`, see `executed`) are used by others, too.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from speech_gesture_pkg.bags.messages import FAR, BagMessage, nanoseconds, read_bag
from speech_gesture_pkg.errors import InputError
from speech_gesture_pkg.verification.bag_windows import TRAJECTORY, commanded, sampled
from speech_gesture_pkg.verification.executed import Execution, check_executed
from speech_gesture_pkg.verification.link_speed import arm_speeds
from speech_gesture_pkg.verification.quintic import SampledTrajectory
from speech_gesture_pkg.verification.urdf_xml import attribute, child, urdf_joints, urdf_text

TOLERANCE = 1e-6
"""Relative tolerance of limits (rounding of float64 and of nanosecond durations)."""
SPEED_TOLERANCE = 1.02
"""On the speed of links: the limiter keeps the speed of points to 2 %."""
SPLICE = 1e-3
"""Largest step between successive windows, rad."""
STANDING = 1e-6
"""A joint that is commanded to move slower than this stands, rad/s."""
LOOK_AHEAD = 0.25
"""So far ahead windows are compared with the ones before them, s."""
BRIDGE = 0.05
"""Share of a limit by which the way to a first point may exceed it: windows are on their way for a while."""
MOVING = 0.02
"""A joint whose commands span more than this moves, rad."""


@dataclass
class GuaranteeReport:
    """What was found.

    Attributes:
        messages: trajectory messages checked.
        broken: kind of violation -> how many messages.
        worst: kind of figure -> largest value seen.
        moving: names of joints that move, in the order in which they began to.
        examples: one sentence per kind of violation.
        latest: the last sentence of all.
        executed: what controllers would make of it, by rule and rate.
    """

    messages: int = 0
    broken: Counter[str] = field(default_factory=Counter)
    worst: dict[str, float] = field(default_factory=lambda: defaultdict(float))
    moving: list[str] = field(default_factory=list)
    examples: dict[str, str] = field(default_factory=dict)
    least_lead: float = float("inf")
    latest: str = ""
    executed: list[Execution] = field(default_factory=list)

    @property
    def kept(self) -> bool:
        """Whether there were messages and none broke the guarantees."""
        return self.messages > 0 and not self.broken

    def note(self, kind: str, sentence: str) -> None:
        """Count a violation."""
        self.broken[kind] += 1
        self.examples.setdefault(kind, sentence)
        self.latest = f"{kind}: {sentence}"

    def as_dict(self) -> dict[str, object]:
        """For JSON."""
        return {
            "kept": self.kept,
            "messages": self.messages,
            "broken": dict(self.broken),
            "examples": self.examples,
            "worst": {k: float(v) for k, v in self.worst.items()},
            "least_lead_s": self.least_lead,
            "joints_moving": len(self.moving),
            "executed": [e.as_dict() for e in self.executed],
        }


def urdf_limits(urdf: str) -> dict[str, tuple[float, float, float]]:
    """Joint name -> (lower, upper, velocity) as the XML says; continuous joints have infinite positions."""
    limits = {}
    for joint in urdf_joints(urdf):
        limit = child(joint, "limit")
        if limit is None:
            continue
        free = joint.getAttribute("type") == "continuous"
        limits[joint.getAttribute("name")] = (
            -np.inf if free else attribute(limit, "lower", 0.0),
            np.inf if free else attribute(limit, "upper", 0.0),
            attribute(limit, "velocity", 0.0),
        )
    return limits


def check_guarantees(
    bag: str | Path,
    urdf: str | Path,
    acceleration: dict[str, float] | None = None,
    arms: Sequence[Sequence[str]] = (),
    link_speed: float = np.inf,
    rates: Sequence[float] = (),
) -> GuaranteeReport:
    """Check every JointTrajectory in a bag.

    Args:
        bag: rosbag2 folder, .mcap or .db3.
        urdf: URDF text, or a `Path` to a file of it.
        acceleration: limits by joint, rad/s^2; without them accelerations are only reported.
        arms: joint names of each arm from the shoulder out; the speed of their links is reported.
        link_speed: and must not be above this, m/s.
        rates: control cycles a second at which it is judged what controllers would execute; () = usual ones.

    Returns:
        What was found: `kept`, and a sentence with an example for each kind of violation.

    Raises:
        InputError: no bag, or one that cannot be read.
        RobotError: a URDF that cannot be read.
    """
    if isinstance(urdf, Path):
        urdf = urdf_text(urdf)
    check = GuaranteeCheck(urdf, acceleration)
    sent: dict[str, list[SampledTrajectory]] = defaultdict(list)
    messages: dict[str, list[BagMessage]] = defaultdict(list)
    for message in read_bag(bag, types=(TRAJECTORY,)):
        window = check.add(message)
        if window is not None:
            sent[message.topic].append(window)
            messages[message.topic].append(message)
    if arms and sent:
        check.slow(sent, arms, link_speed)
    if messages:
        check.executed(messages, rates)
    return check.report


class GuaranteeCheck:
    """Checks one message after the other; keeps only the last window of each topic.

    Args:
        urdf: URDF text.
        acceleration: limits by joint, rad/s^2; without them accelerations are only reported.

    Attributes:
        report: what has been found so far.
        names: topic -> its joints.
    """

    def __init__(self, urdf: str, acceleration: dict[str, float] | None = None) -> None:
        self.report = GuaranteeReport()
        self.names: dict[str, list[str]] = {}
        self._urdf, self._acceleration = urdf, acceleration or {}
        self._limits = urdf_limits(urdf)
        self._last: dict[str, SampledTrajectory] = {}
        self._spans: dict[str, list[float]] = {}
        self._epoch = 0
        self._first_lead: float | None = None

    def add(self, message: BagMessage) -> SampledTrajectory | None:
        """Check the next message. Returns it on the clock of this check, None if it cannot be interpolated."""
        report = self.report
        report.messages += 1
        joints = list(message.data.joint_names)
        if self.names.setdefault(message.topic, joints) != joints:
            report.note("joints", f"{message.topic}: the joints changed from {self.names[message.topic]} to {joints}")
            return None
        unknown = [j for j in joints if j not in self._limits]
        if unknown or not message.data.points:
            report.note("joints", f"{message.topic}: no points, or joints without limits: {unknown}")
            return None
        self._epoch = self._epoch or round(message.received) * 10**9
        try:
            window = sampled(message, self._epoch)
        except InputError as e:
            report.note("points", str(e))
            return None
        where = f"{message.topic} at {message.received:.3f}"
        if not self._well_formed(where, message, window):
            return None
        self._inside(where, joints, window)
        received = message.received - self._epoch * 1e-9
        lead = float(window.times[0] - received)
        self._first_lead = lead if self._first_lead is None else self._first_lead
        if lead > FAR:
            report.note("future", f"{message.topic}: stamped {lead:.0f} s ahead")
        if abs(lead - self._first_lead) > FAR:
            return None
        if message.topic in self._last:
            self._continuous(where, received, self._last[message.topic], window, joints)
        elif lead > 0:  # else it goes on from windows that were sent before the recording began
            report.least_lead = min(report.least_lead, lead)
        self._last[message.topic] = window
        self._look_for_motion(joints, window)
        return window

    def moved(self, topic: str, joints: list[str], position: list[float]) -> None:
        """Somebody else has moved the joints of a topic: its next window must continue from where they stand."""
        if topic in self._last:
            where = dict(zip(joints, position, strict=True))
            q = np.array([where[j] for j in self.names[topic]])
            end = self._last[topic].times[-1]
            # a robot that stands: two equal points
            still = np.stack([q, q])
            self._last[topic] = SampledTrajectory(
                np.array([end, end + 1e-3]), still, np.zeros_like(still), np.zeros_like(still)
            )

    def executed(self, messages: dict[str, list[BagMessage]], rates: Sequence[float] = ()) -> None:
        """Judge what controllers would execute of the windows of each topic (see `executed`)."""
        speed = {name: limit[2] for name, limit in self._limits.items() if limit[2] > 0.0}
        self.report.executed = check_executed(messages, speed, self._acceleration, rates)
        for found in self.report.executed:
            if not found.smooth:
                worst = max([*found.acceleration.values(), *found.velocity.values()], default=0.0)
                self.report.note(
                    "executed",
                    f"a controller ({found.rule.name}) at {found.rate:g} Hz would reach {100 * worst:.0f} % of a "
                    f"limit, and refuse {found.refused} windows",
                )

    def slow(self, sent: dict[str, list[SampledTrajectory]], arms: Sequence[Sequence[str]], link_speed: float) -> None:
        """Check the speed of the arms' links in the motion that windows of all topics together command, m/s."""
        times, position, velocity = commanded(sent, self.names)
        for link, speed in arm_speeds(self._urdf, arms, position, velocity).items():
            at = int(speed.argmax())
            self._worst("link_speed", speed[at])
            if speed[at] > link_speed * SPEED_TOLERANCE:
                self.report.note(
                    "link_speed",
                    f"{link} moves with {speed[at]:.3f} m/s at {times[at]:.3f} s; {link_speed:g} allowed",
                )

    def _worst(self, kind: str, value: float) -> None:
        self.report.worst[kind] = max(self.report.worst[kind], float(value))

    def _look_for_motion(self, joints: list[str], window: SampledTrajectory) -> None:
        for i, joint in enumerate(joints):
            low, high = window.position[:, i].min(), window.position[:, i].max()
            span = self._spans.setdefault(joint, [low, high])
            span[0], span[1] = min(span[0], low), max(span[1], high)
            if span[1] - span[0] > MOVING and joint not in self.report.moving:
                self.report.moving.append(joint)

    def _well_formed(self, where: str, message: BagMessage, window: SampledTrajectory) -> bool:
        if not window.finite:
            self.report.note("finite", f"{where}: a value is not finite, or implausible in any unit")
            return False
        if np.any(np.diff([nanoseconds(p.time_from_start) for p in message.data.points]) <= 0):
            self.report.note("increasing", f"{where}: time_from_start does not increase")
            return False
        if np.abs(window.velocity[-1]).max() != 0.0:
            self.report.note("tail", f"{where}: last velocity {window.velocity[-1]} is not zero")
        self._worst("window_s", window.times[-1] - window.times[0])
        return True

    def _inside(self, where: str, joints: list[str], window: SampledTrajectory) -> None:
        """Limits of position, velocity and acceleration at the points and between them."""
        lower, upper, speed = (np.array([self._limits[j][k] for j in joints]) for k in range(3))
        bound = np.array([self._acceleration.get(j, np.inf) for j in joints])
        between = window.at(np.linspace(window.times[0], window.times[-1], 4 * len(window.times)))
        points = window.position, window.velocity, window.acceleration
        p, v, a = (np.concatenate(x) for x in zip(between, points, strict=True))
        for kind, excess in (
            ("position", np.maximum(lower - p, p - upper) - TOLERANCE),
            ("velocity", np.abs(v) - speed * (1 + TOLERANCE)),
            ("acceleration", np.abs(a) - bound * (1 + 1e-4) - 1e-3),
        ):
            if excess.max() > 0:
                j = int(np.unravel_index(excess.argmax(), excess.shape)[1])
                self.report.note(kind, f"{where}: {kind} of {joints[j]} is {excess.max():.4g} beyond its limit")
        self._worst("velocity_share", (np.abs(v)[:, speed > 0] / speed[speed > 0]).max(initial=0.0))
        self._worst("acceleration", np.abs(a).max())

    def _continuous(
        self, where: str, received: float, old: SampledTrajectory, new: SampledTrajectory, joints: list[str]
    ) -> None:
        """A window that has begun when it comes repeats the one before it until then, and a while longer. One that
        begins later goes on where the one before has come to by then; or that has ended, and there is time for the way
        to its first point."""
        report, begins = self.report, float(new.times[0])
        stood = received >= old.times[-1] or not (np.abs(old.at(np.array([received]))[1]) > STANDING).any()
        if begins > received and stood and not new.velocity[0].any():
            self._bridged(where, begins - received, np.abs(old.position[-1] - new.position[0]), joints)
            return
        at = max(begins, received)
        (p, v, _), (q, w, _) = old.at(np.array([at])), new.at(np.array([at]))
        step, kick = float(np.abs(p - q).max()), float(np.abs(v - w).max()) if at < old.times[-1] else 0.0
        self._worst("splice", step)
        self._worst("splice_velocity", kick)
        if step > SPLICE or kick > 10 * SPLICE:
            late = _late(received, old, new)
            what = f"received {1e3 * late:.0f} ms too late, " if late else ""
            report.note("late" if late else "continuous", f"{where}: {what}jumps by {step:.4g} rad, {kick:.4g} rad/s")
            self._worst("late_s", late)
        ahead = np.linspace(0.0, LOOK_AHEAD, 1 + round(100 * LOOK_AHEAD))
        differs = (np.abs(old.at(received + ahead)[0] - new.at(received + ahead)[0]) > SPLICE).any(1)
        lead = begins - received if begins > received else float(ahead[differs.argmax()]) if differs.any() else np.inf
        report.least_lead = min(report.least_lead, lead)

    def _bridged(self, where: str, time: float, way: np.ndarray, joints: list[str]) -> None:
        """From standing to the first point in `time` s, by the controller's own quintic: its peaks are 1.875 d/T and
        5.7735 d/T^2."""
        self._worst("bridge", way.max())
        self.report.least_lead = min(self.report.least_lead, time)
        most = np.array([(self._limits[j][2], self._acceleration.get(j, np.inf)) for j in joints]).T * (1 + BRIDGE)
        if (1.875 * way / time > most[0]).any() or (10.0 / np.sqrt(3.0) * way / time**2 > most[1]).any():
            self.report.note(
                "continuous", f"{where}: begins {way.max():.4g} rad from where it stood, after {1e3 * time:.0f} ms"
            )


def _late(received: float, old: SampledTrajectory, new: SampledTrajectory) -> float:
    """For how long a window that begins as the one before it went differs from that when it is received, s; 0 if it
    begins differently: then it is no machine that was late."""
    times = np.linspace(float(new.times[0]), received, 50) if new.times[0] < received else np.array([received])
    differs = (np.abs(old.at(times)[0] - new.at(times)[0]) > 0.01 * SPLICE).any(1)
    return 0.0 if differs[0] else received - float(times[differs.argmax()])
