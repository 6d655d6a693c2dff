"""Finding the trajectory controllers: which there are, which joints they own, and whether they are set up well."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from speech_gesture_pkg.config import ControllersConfig
from speech_gesture_pkg.errors import RobotError
from speech_gesture_pkg.pipeline.build import Robot
from speech_gesture_pkg.ros.action_watch import ActionWatch
from speech_gesture_pkg.ros.controller_activity import ask_activity, receive_activity
from speech_gesture_pkg.ros.controller_choice import Candidate, choose
from speech_gesture_pkg.ros.controller_parameters import MANAGER, MANAGER_PARAMETERS, ask_all, spoilers
from speech_gesture_pkg.ros.event_log import EventLog
from speech_gesture_pkg.ros.graph_probe import GraphProbe
from speech_gesture_pkg.ros.messages.graph import UNKNOWN, foreign_publishers, listeners_of, unheard
from speech_gesture_pkg.ros.trajectory_output import COMMAND_QOS
from speech_gesture_pkg.trajectory.window_begin import Begin, Timing, timing_of

SUFFIX = "/joint_trajectory"
STATUS_S = 0.3
"""An action server that is there has published its goals after so long, s."""


@dataclass(frozen=True)
class Controller:
    """A trajectory controller that is commanded.

    Attributes:
        name: its node name, relative to the namespace of the gesture node where it lies within that, else absolute;
            the topic is `<name>/joint_trajectory`.
        joints: in its own order.
        warnings: sentences about parameters that spoil the motion.
        parameters: those of `controller_parameters` that it has, by name, and `controller_manager.update_rate` and
            `controller_manager.enforce_command_limits` of its manager; absent = not declared, or no answer.
    """

    name: str
    joints: tuple[str, ...]
    warnings: tuple[str, ...] = ()
    parameters: dict[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class Found:
    """What the search found.

    Attributes:
        controllers: to be commanded.
        unused: sentences about controllers that gestures have nothing to do with.
        left_out: sentences about listeners that are not commanded, for a person to look at.
        busy: sentence about action goals that run on the controllers, '' if none does.
    """

    controllers: tuple[Controller, ...]
    unused: tuple[str, ...]
    left_out: tuple[str, ...]
    busy: str


def timings(controllers: Sequence[Controller], wanted: str) -> tuple[dict[str, Timing], list[str]]:
    """Where windows begin for each controller, by its own parameters or as `trajectory.begin` says; and advice."""
    found: dict[str, Timing] = {}
    advice: dict[str, list[str]] = {}
    for c in controllers:
        rate = c.parameters.get("update_rate") or c.parameters.get("controller_manager.update_rate")
        found[c.name], sentence = timing_of({**c.parameters, "update_rate": rate})
        if wanted != "auto":
            found[c.name] = replace(found[c.name], begin=Begin[wanted.upper()])
        elif sentence:
            advice.setdefault(sentence, []).append(c.name)
    return found, [f"{', '.join(names)}: {sentence}" for sentence, names in advice.items()]


class ControllerSearch:
    """Looks for the controllers of a robot.

    Args:
        probe: looks at the graph.
        actuated: joints that the URDF has.
        gesturing: joints that gestures move.
    """

    def __init__(self, probe: GraphProbe, actuated: Collection[str], gesturing: Collection[str]) -> None:
        self._probe, self._node = probe, probe.node
        self._actuated, self._gesturing = actuated, gesturing

    def listening(self, everywhere: bool = False) -> list[str]:
        """Names whose trajectory topic has a subscriber, relative to the owner's namespace.

        Those of other namespaces, which are other robots', count only if `everywhere`; their names are absolute.
        """
        home = self._probe.owner.get_namespace().rstrip("/") + "/"
        found = []
        for topic, types in self._node.get_topic_names_and_types():
            right = topic.endswith(SUFFIX) and "trajectory_msgs/msg/JointTrajectory" in types
            if right and (everywhere or topic.startswith(home)) and self._node.count_subscribers(topic):
                found.append(topic[: -len(SUFFIX)].removeprefix(home))
        return sorted(found)

    def topic_of(self, name: str) -> str:
        """Full name of a controller's trajectory topic, remappings included."""
        return self._probe.owner.resolve_topic_name(name + SUFFIX)

    def full_name(self, name: str) -> str:
        """Full name of a controller's node."""
        return self.topic_of(name).removesuffix(SUFFIX)

    def find(self, names: tuple[str, ...], joints: Mapping[str, tuple[str, ...]], check: bool, timeout: float) -> Found:
        """The controllers to command.

        Args:
            names: asked for; empty = discover.
            joints: known from parameters, by controller.
            check: whether to read the controllers' parameters even where the joints are known.
            timeout: for discovery, s.

        Raises:
            RobotError: no controller, or one that was asked for does not listen or cannot be commanded.
        """
        named = bool(names)
        names = self._wait_for(names, timeout) if named else self._discover(timeout)
        actions = ActionWatch(self._node, {n: self.full_name(n) for n in names})
        try:
            candidates = self._ask(names, joints, check)
            choice = choose(candidates, self._actuated, self._gesturing, named)
            chosen = {c.name for c in choice.chosen}
            busy = self._probe.until(lambda: actions.sentence(chosen), actions.unheard_for(STATUS_S)) or ""
        finally:
            actions.destroy()
        simulated = bool(self._probe.owner.get_parameter_or("use_sim_time").value)
        found = []
        for c in choice.chosen:
            ours = [j for j in c.joints if j in self._gesturing]
            warnings = spoilers(c.name, c.parameters, simulated, ours) if check else []
            found.append(Controller(c.name, c.joints, tuple(warnings), c.parameters))
        return Found(tuple(found), choice.unused, choice.left_out, busy)

    def _wait_for(self, names: tuple[str, ...], timeout: float) -> tuple[str, ...]:
        def absent() -> str:
            return ", ".join(t for n in names if not self._node.count_subscribers(t := self.topic_of(n)))

        waiting = f"waiting for controllers: none listens on {absent()}"
        if not self._probe.until(lambda: not absent(), timeout, lambda: waiting):
            raise RobotError(f"no controller listens on {absent()} after {timeout:g} s; is it loaded and active?")
        return names

    def _discover(self, timeout: float) -> tuple[str, ...]:
        nobody = "no */joint_trajectory topic has a subscriber"
        if not self._probe.until(self.listening, timeout, lambda: f"waiting for trajectory controllers: {nobody}"):
            raise RobotError(self._nothing_found(timeout))
        # More polls after the first sight: controllers of one robot appear within some tenths of a second.
        seen: list[list[str]] = []

        def settled() -> bool:
            seen.append(self.listening())
            return len(seen) > 15 and seen[-1] == seen[-15]

        self._probe.until(settled, 1.5)
        return tuple(self.listening())

    def _nothing_found(self, timeout: float) -> str:
        """Sentence for a search that found no controller."""
        home = self._probe.owner.get_namespace()
        within = "" if home == "/" else f" in namespace {home}"
        text = (
            f"no trajectory controller found{within}: no */joint_trajectory topic has a subscriber after {timeout:g} s"
        )
        others = self.listening(everywhere=True)
        return text + (f"; elsewhere there are {', '.join(others)}: name yours in controllers.names" if others else "")

    def _ask(self, names: tuple[str, ...], joints: Mapping[str, tuple[str, ...]], check: bool) -> list[Candidate]:
        """What the listeners say of themselves, and others of them."""
        full = {n: self.full_name(n) for n in names}
        listeners = {n: listeners_of(self._node, self.topic_of(n)) for n in names}
        # A recorder or a plotter listens under its own name: nobody would answer under the controller's.
        there = [n for n in names if not listeners[n].isdisjoint({full[n], UNKNOWN})]
        asked = [full[n] for n in there if check or n not in joints]
        answers = ask_all(self._probe, [*asked, *self._managers(asked)])
        active = ask_activity(self._probe, {n: full[n] for n in there})
        found = []
        for name in names:
            values = dict(answers.get(full[name]) or {})
            owned = joints.get(name, ()) or tuple(values.get("joints", ()))
            manager = answers.get(f"{full[name].rpartition('/')[0]}/{MANAGER}") or {}
            if values:
                values |= {f"{MANAGER}.{k}": manager[k] for k in MANAGER_PARAMETERS if k in manager}
            found.append(Candidate(name, owned, tuple(sorted(listeners[name])), active.get(name), values))
        return self._with_states(found)

    def _with_states(self, found: list[Candidate]) -> list[Candidate]:
        """Of those that share joints, and of which nobody knows: whether their states are received."""
        unsure = [c for c in found if c.active is None and c.joints]
        shared = {
            c.name: self.full_name(c.name)
            for c in unsure
            if any(set(c.joints) & set(o.joints) for o in found if o is not c)
        }
        received = receive_activity(self._probe, shared) if shared else {}
        return [replace(c, active=received.get(c.name, c.active)) for c in found]

    def _managers(self, controllers: Iterable[str]) -> set[str]:
        """Full names of the controller managers in the namespaces of these controllers."""
        there = {f"{space.rstrip('/')}/{name}" for name, space in self._node.get_node_names_and_namespaces()}
        return {f"{full.rpartition('/')[0]}/{MANAGER}" for full in controllers} & there


def find_controllers(
    probe: GraphProbe,
    robot: Robot,
    settings: ControllersConfig,
    joints: Mapping[str, tuple[str, ...]],
    log: EventLog,
) -> Found:
    """The controllers to command; what a person should know is logged.

    Args:
        probe: looks at the graph.
        robot: whose joints they move.
        settings: parameters.
        joints: known from parameters, by controller.
        log: takes sentences.

    Raises:
        RobotError: as `ControllerSearch.find`, or somebody else commands one, or one cannot receive commands.
    """
    gesturing = {j for group in robot.retargeter.groups.values() for j in group}
    search = ControllerSearch(probe, robot.model.joint_names, gesturing)
    found = search.find(settings.names, joints, settings.check_parameters, settings.discovery_timeout)
    for sentence in found.unused:
        log.info(sentence)
    for sentence in (*found.left_out, *(w for c in found.controllers for w in c.warnings)):
        log.warning(sentence)
    topics = [search.topic_of(c.name) for c in found.controllers]
    if others := foreign_publishers(probe.owner, topics, own=0) or found.busy:
        raise RobotError(others)
    if unmatched := "; ".join(s for t in topics if (s := unheard(probe.owner, t, COMMAND_QOS))):
        raise RobotError(unmatched)
    return found
