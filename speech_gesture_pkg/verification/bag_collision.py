"""Self-collision in a recorded bag, by the URDF's own shapes: which links touch, and when (see `self_collision`)."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np

from speech_gesture_pkg.bags.messages import nanoseconds, read_bag
from speech_gesture_pkg.errors import InputError
from speech_gesture_pkg.verification.bag_joints import joint_positions
from speech_gesture_pkg.verification.bag_windows import JOINT_STATE, RATE, TRAJECTORY, Windows, commanded
from speech_gesture_pkg.verification.self_collision import Contact, SelfCollision
from speech_gesture_pkg.verification.urdf_xml import urdf_joints, urdf_text

Completed = Callable[[Mapping[str, float]], Mapping[str, float]]
"""Joint positions by name to the same with joints that follow from them (those of a closed chain)."""


@dataclass(frozen=True)
class BagContacts:
    """What was found.

    Attributes:
        source: "commanded" or "measured".
        poses: tested.
        seconds: that they span.
        shapes: "meshes" or "inertia ellipsoids" (see `self_collision.CollisionReport`).
        pairs: of shapes that are tested.
        contacts: in the order of their beginnings, s from the first command (or joint state).
        share: of the poses with a contact that is not within one limb, in [0, 1].
    """

    source: str
    poses: int
    seconds: float
    shapes: str
    pairs: int
    contacts: tuple[Contact, ...]
    share: float

    @property
    def free(self) -> bool:
        """Whether nothing touched but within one limb."""
        return all(c.within for c in self.contacts)

    def as_dict(self) -> dict[str, object]:
        """For JSON."""
        return asdict(self) | {"free": self.free}


def bag_contacts(
    bag: str | Path,
    urdf: str | Path,
    rate: float = 10.0,
    limbs: Iterable[Sequence[str]] = (),
    hands: Iterable[Sequence[str]] = (),
    completed: Completed | None = None,
) -> list[BagContacts]:
    """Contacts in what was commanded and in what was measured, whichever of the two the bag holds.

    Args:
        bag: rosbag2 folder or file.
        urdf: URDF file; meshes are looked for beside it.
        rate: poses tested a second.
        limbs, hands: see `SelfCollision`.
        completed: adds joints that nobody commands or measures.

    Raises:
        InputError: neither trajectories nor joint states in the bag.
        RobotError: a URDF that Pinocchio cannot read.
    """
    joints = joint_names_of(urdf)
    found = []
    limbs, hands = list(limbs), list(hands)
    for source, motion in (("commanded", _commanded(bag)), ("measured", _measured(bag, joints))):
        if motion is None:
            continue
        names, times, q = _thinned(*motion, rate)
        if completed is not None:
            rows = [completed(dict(zip(names, row, strict=True))) for row in q.tolist()]
            names = tuple(rows[0])
            q = np.array([[row[n] for n in names] for row in rows])
        checker = SelfCollision(urdf, names, limbs, hands)
        contacts = checker.contacts(names, times, q)
        touching = sum(any(c.begin <= t <= c.end and not c.within for c in contacts) for t in times)
        found.append(
            BagContacts(
                source,
                len(times),
                float(times[-1] - times[0]),
                checker.shapes,
                len(checker.pairs),
                tuple(contacts),
                touching / len(times),
            )
        )
    if not found:
        raise InputError(f"{bag} holds neither JointTrajectory nor JointState messages: no motion to look at")
    return found


def _commanded(bag: str | Path) -> tuple[tuple[str, ...], np.ndarray, np.ndarray] | None:
    """Names, times and positions that all windows together command; None without any."""
    found = Windows()
    for message in read_bag(bag, types=(TRAJECTORY,)):
        found.add(message)
    found.settle()
    if not found.sent:
        return None
    times, position, _ = commanded(found.sent, found.joints)
    return tuple(position), times, np.stack(list(position.values()), 1)


def joint_names_of(urdf: str | Path) -> set[str]:
    """All joints of a URDF file. Raises RobotError."""
    return {joint.getAttribute("name") for joint in urdf_joints(urdf_text(urdf))}


def _measured(bag: str | Path, joints: set[str]) -> tuple[tuple[str, ...], np.ndarray, np.ndarray] | None:
    """Names, times and positions of the robot's joint states; None without two of them."""
    stamps, states = [], []
    for message in read_bag(bag, types=(JOINT_STATE,)):
        if joints.intersection(message.data.name):
            stamps.append(nanoseconds(message.data.header.stamp) * 1e-9 or message.received)
            states.append((tuple(message.data.name), message.data.position))
    motion, _ = joint_positions(stamps, states)
    return None if motion is None else (motion.names, motion.time - motion.time[0], motion.position)


def _thinned(
    names: tuple[str, ...], times: np.ndarray, q: np.ndarray, rate: float
) -> tuple[tuple[str, ...], np.ndarray, np.ndarray]:
    """The poses nearest to a grid of `rate` a second."""
    grid = np.arange(times[0], times[-1] + 0.5 / RATE, 1.0 / rate)
    chosen = np.unique(np.clip(np.searchsorted(times, grid), 0, len(times) - 1))
    return names, times[chosen], q[chosen]
