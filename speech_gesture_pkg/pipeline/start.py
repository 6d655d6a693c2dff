"""Start: the one rule by which motion begins, whatever stopped it before.

Nothing is commanded from a pose that is not believed (`JointFeedback.doubt`): fresh joint states of every joint,
several in a row, from one publisher each, of a robot that stands. The first window then leads from that pose, with time
enough for a controller that thinks it is somewhere else (`Mover.start_from`). Own motion that still runs is continued
from what was sent, not from what the sensor says. A robot that did not follow is first moved a little, to see whether
it does.
"""

from __future__ import annotations

from collections.abc import Callable

from speech_gesture_pkg.pipeline.controller_states import ControllerStates
from speech_gesture_pkg.pipeline.events import Event
from speech_gesture_pkg.pipeline.joint_feedback import JointFeedback
from speech_gesture_pkg.pipeline.mover import PROBE, Mover
from speech_gesture_pkg.pipeline.states import Severity
from speech_gesture_pkg.pipeline.tracking_monitor import LAG, FollowWatch

REPORT_AFTER = 1.0
"""What keeps the robot from going on is reported after so long, s, and again every `REPORT_EVERY`."""
REPORT_EVERY = 30.0
WAITING = "waiting"
"""Code of the events that say what keeps the robot from going on."""
FIRST_WAIT, LONGEST_WAIT = 1.0, 30.0
"""After a first, and at most after so long a robot that does not follow is tried again, s."""


class NotBelievedError(RuntimeError):
    """Motion may not begin; the sentence says why."""


class Start:
    """See above.

    Args:
        feedback: where the robot is.
        controllers: what they say of themselves.
        follows: whether it goes where it is sent.
        mover: what moves it.
        steady: steady clock, s.

    Attributes:
        lost_track: whether it is not known what the controllers hold: a clock was set, somebody else moved the robot.
        waits_for: what keeps a robot that stopped from going on, '' if nothing.
    """

    def __init__(
        self,
        feedback: JointFeedback,
        controllers: ControllerStates,
        follows: FollowWatch,
        mover: Mover,
        steady: Callable[[], float],
    ) -> None:
        self._feedback, self._controllers = feedback, controllers
        self._follows, self._mover, self._steady = follows, mover, steady
        self.lost_track = True
        self.waits_for = ""
        self._since = self._reported = 0.0
        self._probe_end: float | None = None
        self._again, self._wait = 0.0, FIRST_WAIT

    def problem(self, now: float) -> str:
        """Why motion may not begin at node time `now`, '' if it may."""
        if self._continues(now):
            return ""
        if doubt := self._doubt:
            return doubt
        elsewhere = not self.lost_track and self._mover.reference.runs(now)
        return "what was sent last still runs, and joint states do not follow it" if elsewhere else ""

    @property
    def _doubt(self) -> str:
        """Why motion may not begin from where the robot is said to be; '' if it may."""
        moving = "the controllers still execute a trajectory" if self._controllers.moving else ""
        return self.unreliable or self._feedback.doubt or moving

    @property
    def unreliable(self) -> str:
        """Why the robot must not be commanded at all, even if it moves; '' if it may."""
        if off := self._controllers.inactive:
            return f"{', '.join(off)} is not active"
        return self._feedback.unreliable

    def _continues(self, now: float) -> bool:
        """Whether the robot is on its way where it was last sent."""
        measured, reference = self._feedback.position, self._mover.reference
        if self.lost_track or self._follows.lost or self.unreliable or measured is None or not reference.runs(now):
            return False
        return self._follows.near(measured, reference.commanded(now))

    def clock_was_set(self) -> None:
        """It is not known what the controllers, on the same clock or another, made of it."""
        self.lost_track = True
        self._feedback.clock.forget()

    def begin(self, now: float) -> None:
        """Motion may begin (see `problem`): from what still runs, else from where the robot stands."""
        if self._continues(now):
            self._mover.reference.discard(now)
        else:
            self._from_measured(now)
        self._follows.forget()

    def _from_measured(self, now: float) -> None:
        measured = self._feedback.position
        assert measured is not None
        self._mover.start_from(measured, now, self._controllers.desired)
        self.lost_track, self._follows.lost, self._probe_end = False, False, None

    def recover(self, now: float) -> tuple[bool, list[Event]]:
        """Whether a robot that stopped for a fault, and stands, may go on; and what a person should know."""
        measured = self._feedback.position
        doubt = self._doubt
        if self._probe_end is not None:
            if now < self._probe_end + LAG:
                return False, []
            self._probe_end = None
            stuck = self._follows.followed(measured, *self._mover.probed) if measured is not None else "it"
            if stuck:
                self._again = self._steady() + self._wait
                text = (
                    f"{stuck} was sent {PROBE} rad (or m) to see whether it follows, and does not: is its controller "
                    f"active, is the emergency stop released? Trying again in {self._wait:.0f} s"
                )
                self._wait = min(2.0 * self._wait, LONGEST_WAIT)
                return False, [Event(Severity.WARN, "not_followed_yet", text)]
            self._wait = FIRST_WAIT
            return self._go()
        if doubt or measured is None:
            return False, self._report(doubt)
        if self._follows.lost:
            if self._steady() >= self._again:
                self._probe_end = self._mover.probe(measured, now)
            return False, []
        if self.lost_track or self._mover.reference.displaced(measured):
            self._from_measured(now)
        return self._go()

    def _go(self) -> tuple[bool, list[Event]]:
        self.waits_for = ""
        text = "joint states are there, the robot stands: motion restarts slowly"
        return True, [Event(Severity.INFO, "approach", text)]

    def _report(self, doubt: str) -> list[Event]:
        steady = self._steady()
        if not self.waits_for:
            self._since = self._reported = steady
            self._reported -= REPORT_EVERY - REPORT_AFTER
        self.waits_for = doubt
        if steady - self._reported < REPORT_EVERY:
            return []
        self._reported = steady
        return [Event(Severity.WARN, WAITING, f"stopped for {steady - self._since:.0f} s: {doubt}")]
