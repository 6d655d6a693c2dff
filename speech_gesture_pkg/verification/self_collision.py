"""Self-collision of a motion, found by other means than the solver's.

Reads the URDF with Pinocchio's own parser and tests the shapes that the URDF gives (meshes, boxes, ...) with Coal; the
solver's capsules, pairs and kinematics are not used. Where mesh files are absent, or not where the masses are
(Collada files of another school of axes), each link is the solid ellipsoid that has its mass and inertia.

Which pairs count is decided by the rule of MoveIt's setup assistant (I. Sucan and S. Chitta, moveit.ros.org, "Setup
Assistant: self-collision matrix"): not those of one rigid body or of bodies joined by one joint, not those in collision
in the neutral pose, not those in collision in nearly all of many random poses. Further, not those that the commanded
joints do not move against each other, and not those of one hand, which may close to a fist. Contacts within one limb
(a forearm with its own hand: wrists have overlapping shapes, and their limits are their makers' word) are told apart.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import coal
import numpy as np
import pinocchio as pin

from speech_gesture_pkg.errors import RobotError
from speech_gesture_pkg.verification.urdf_xml import attribute, child, urdf_joints, urdf_text

_SAMPLES = 40
_NEARLY_ALL = 0.95
_WATER = 1000.0


@dataclass
class CollisionReport:
    """What was found.

    Attributes:
        frames: poses tested.
        colliding: poses in which shapes of different limbs, or of a limb and the trunk, are in contact.
        within: poses in which shapes of one limb are in contact.
        pairs: pairs that are tested.
        shapes: "meshes" (as the URDF gives them) or "inertia ellipsoids".
        worst: link pair -> number of poses, the most frequent first.
    """

    frames: int
    colliding: int
    within: int
    pairs: int
    shapes: str
    worst: dict[str, int] = field(default_factory=dict)

    @property
    def percent(self) -> float:
        """Share of colliding poses, %."""
        return 100.0 * self.colliding / max(self.frames, 1)

    @property
    def percent_within(self) -> float:
        """Share of poses in which a limb touches itself, %."""
        return 100.0 * self.within / max(self.frames, 1)


@dataclass(frozen=True)
class Contact:
    """Two links that touch for a while.

    Attributes:
        pair: "link - link".
        begin, end: times of the first and the last pose of the contact, s.
        poses: in contact.
        within: whether both belong to one limb.
    """

    pair: str
    begin: float
    end: float
    poses: int
    within: bool


class SelfCollision:
    """Tests poses of one robot.

    Attributes:
        shapes: see `CollisionReport`.
        names: geometry objects (link and number).
        pairs: indices of the tested pairs into `names`.
    """

    def __init__(
        self,
        urdf: str | Path,
        commanded: Sequence[str],
        limbs: Iterable[Sequence[str]] = (),
        hands: Iterable[Sequence[str]] = (),
    ) -> None:
        """Load the shapes and choose pairs.

        Args:
            urdf: URDF file.
            commanded: names of the joints that move; the others stay neutral.
            limbs: for each limb, its joints: all bodies that hang on them are one limb.
            hands: for each hand, the joints of its fingers: they and the body that carries them make one hand.

        Raises RobotError if Pinocchio cannot read the file.
        """
        path = Path(urdf).resolve()
        text = urdf_text(path)
        try:
            self.model = pin.buildModelFromXML(text)
        except (ValueError, RuntimeError) as e:
            raise RobotError(f"Pinocchio cannot read URDF {path}: {e}") from e
        self.data = self.model.createData()
        self._mimics = _mimics(text)
        self._commanded = [n for n in commanded if self.model.existJointName(n)]
        folders = [str(folder) for folder in path.parents]
        try:
            self.geometry = pin.buildGeomFromUrdfString(
                self.model, text, pin.GeometryType.COLLISION, package_dirs=folders
            )
            self.shapes = "meshes"
        except (ValueError, RuntimeError):
            self.geometry = pin.GeometryModel()
        if not len(self.geometry.geometryObjects) or _misplaced(self.model, self.geometry):
            self.geometry = _ellipsoids(self.model)
            self.shapes = "inertia ellipsoids"
        self.names = [g.name for g in self.geometry.geometryObjects]
        self.pairs: list[tuple[int, int]] = []
        self._choose(hands)
        limb_of = self._hanging_on(limbs)
        body = [limb_of.get(int(g.parentJoint), -1) for g in self.geometry.geometryObjects]
        self._within = [body[i] == body[j] != -1 for i, j in self.pairs]

    def report(self, joint_names: Sequence[str], q: np.ndarray) -> CollisionReport:
        """Test poses.

        Args:
            joint_names: of the columns of `q`.
            q: positions, rad. Shape [N, J].
        """
        found: Counter[str] = Counter()
        colliding = within = 0
        for hits in self._hits(joint_names, q):
            colliding += any(not self._within[k] for k in hits)
            within += any(self._within[k] for k in hits)
            found.update({self._label(k) for k in hits})
        worst = dict(found.most_common(8))
        return CollisionReport(len(q), colliding, within, len(self.pairs), self.shapes, worst)

    def contacts(self, joint_names: Sequence[str], times: np.ndarray, q: np.ndarray) -> list[Contact]:
        """Every contact of a motion with its time, in the order of their beginnings.

        Args:
            joint_names: of the columns of `q`.
            times: of the poses, s. Shape [N].
            q: positions, rad. Shape [N, J].
        """
        running: dict[tuple[str, bool], list[int]] = {}
        found: list[Contact] = []

        def close(key: tuple[str, bool]) -> None:
            first, last, count = running.pop(key)
            found.append(Contact(key[0], float(times[first]), float(times[last]), count, key[1]))

        for k, hits in enumerate(self._hits(joint_names, q)):
            now = {(self._label(i), bool(self._within[i])) for i in hits}
            for key in [key for key in running if key not in now]:
                close(key)
            for key in now:
                first, _, count = running.get(key, [k, k, 0])
                running[key] = [first, k, count + 1]
        for key in list(running):
            close(key)
        return sorted(found, key=lambda c: (c.begin, c.pair))

    def _hits(self, joint_names: Sequence[str], q: np.ndarray) -> Iterator[list[int]]:
        """Numbers of the pairs in contact in each pose."""
        return (self._colliding(self._full(dict(zip(joint_names, row, strict=True)))) for row in q)

    def _label(self, pair: int) -> str:
        a, b = (self.names[i].rpartition("_")[0] for i in self.pairs[pair])
        return " - ".join(sorted((a, b)))

    def _full(self, values: Mapping[str, float]) -> np.ndarray:
        """Pinocchio's configuration vector for joint positions by name; mimic joints follow, the rest is neutral."""
        q = pin.neutral(self.model)
        settled = np.clip(q, self.model.lowerPositionLimit, self.model.upperPositionLimit)
        bounded = self.model.upperPositionLimit - self.model.lowerPositionLimit < 100.0
        q = np.where(bounded, settled, q)
        known = dict(values)
        for name, (leader, factor, offset) in self._mimics.items():
            if leader in known:
                known[name] = factor * known[leader] + offset
        for name, value in known.items():
            if not self.model.existJointName(name):
                continue
            joint = self.model.joints[self.model.getJointId(name)]
            if joint.nq == 2:  # continuous: cosine and sine
                q[joint.idx_q : joint.idx_q + 2] = np.cos(value), np.sin(value)
            elif joint.nq == 1:
                q[joint.idx_q] = value
        return q

    def _colliding(self, q: np.ndarray) -> list[int]:
        """Numbers of the pairs in contact."""
        pin.forwardKinematics(self.model, self.data, q)
        pin.updateGeometryPlacements(self.model, self.data, self.geometry, self._places)
        pin.computeCollisions(self.geometry, self._places, False)
        return [k for k, result in enumerate(self._places.collisionResults) if result.isCollision()]

    def _choose(self, hands: Iterable[Sequence[str]]) -> None:
        objects = self.geometry.geometryObjects
        body = [int(g.parentJoint) for g in objects]
        moving = {self.model.getJointId(n) for n in self._commanded}
        moving |= {self.model.getJointId(n) for n, m in self._mimics.items() if m[0] in self._commanded}
        moving.discard(self.model.njoints)  # names that Pinocchio lacks
        paths = [set(self.model.supports[j]) for j in range(self.model.njoints)]
        hands = [list(joints) for joints in hands]
        hand_of = self._hanging_on(hands)
        for number, joints in enumerate(hands):
            roots = {int(self.model.parents[self.model.getJointId(n)]) for n in joints if self.model.existJointName(n)}
            hand_of |= {root: number for root in roots}
        self.geometry.removeAllCollisionPairs()
        candidates = []
        for i in range(len(objects)):
            for j in range(i + 1, len(objects)):
                a, b = body[i], body[j]
                between = paths[a] ^ paths[b]
                same_hand = a in hand_of and hand_of[a] == hand_of.get(b, -1)
                if len(between) > 1 and between & moving and not same_hand:
                    candidates.append((i, j))
        self._set(candidates)
        random = np.random.default_rng(1)
        low = np.clip(np.nan_to_num(self.model.lowerPositionLimit), -np.pi, np.pi)
        high = np.clip(np.nan_to_num(self.model.upperPositionLimit), -np.pi, np.pi)
        out = set(self._colliding(self._full({})))
        often: Counter[int] = Counter()
        for _ in range(_SAMPLES):
            drawn = random.uniform(low, np.maximum(high, low))
            values = {
                n: drawn[j.idx_q] for n in self._commanded if (j := self.model.joints[self.model.getJointId(n)]).nq == 1
            }
            often.update(self._colliding(self._full(values)))
        out |= {k for k, count in often.items() if count > _NEARLY_ALL * _SAMPLES}
        self._set([pair for k, pair in enumerate(candidates) if k not in out])

    def _hanging_on(self, parts: Iterable[Sequence[str]]) -> dict[int, int]:
        """Body -> number of the part on one of whose joints it hangs."""
        found: dict[int, int] = {}
        for number, joints in enumerate(parts):
            first = {self.model.getJointId(n) for n in joints if self.model.existJointName(n)}
            found |= {j: number for j in range(self.model.njoints) if first & set(self.model.supports[j])}
        return found

    def _set(self, pairs: list[tuple[int, int]]) -> None:
        self.pairs = pairs
        self.geometry.removeAllCollisionPairs()
        for i, j in pairs:
            self.geometry.addCollisionPair(pin.CollisionPair(i, j))
        self._places = pin.GeometryData(self.geometry)


def _mimics(text: str) -> dict[str, tuple[str, float, float]]:
    """Mimic joint -> (joint followed, multiplier, offset), as the XML says."""
    found = {}
    for joint in urdf_joints(text):
        mimic = child(joint, "mimic")
        if mimic is not None:
            factor, offset = attribute(mimic, "multiplier", 1.0), attribute(mimic, "offset", 0.0)
            found[joint.getAttribute("name")] = (mimic.getAttribute("joint"), factor, offset)
    return found


def _misplaced(model: pin.Model, geometry: pin.GeometryModel) -> bool:
    """Whether many bodies have their centre of mass outside the box of their shapes."""
    boxes: dict[int, list[np.ndarray]] = {}
    for shape in geometry.geometryObjects:
        shape.geometry.computeLocalAABB()
        low, high = (np.array(x) for x in (shape.geometry.aabb_local.min_, shape.geometry.aabb_local.max_))
        corners = np.array(np.meshgrid(*zip(low, high, strict=True))).reshape(3, -1).T
        place = shape.placement
        boxes.setdefault(int(shape.parentJoint), []).append(corners @ place.rotation.T + place.translation)
    seen = outside = 0
    for body, pieces in boxes.items():
        if model.inertias[body].mass > 0 and body:
            points, centre = np.concatenate(pieces), np.asarray(model.inertias[body].lever)
            seen += 1
            outside += bool((centre < points.min(0) - 0.02).any() or (centre > points.max(0) + 0.02).any())
    return outside > max(3.0, 0.25 * seen)


def _ellipsoids(model: pin.Model) -> pin.GeometryModel:
    """Each moving body as the solid ellipsoid with its mass and inertia; at most 1.8 times a ball of water."""
    geometry = pin.GeometryModel()
    for joint in range(model.njoints):
        inertia = model.inertias[joint]
        if inertia.mass <= 0:
            continue
        moments, axes = np.linalg.eigh(inertia.inertia)
        if np.linalg.det(axes) < 0:
            axes = -axes
        ball = np.cbrt(3 * inertia.mass / (4 * _WATER * np.pi))
        radii = np.sqrt(np.maximum(2.5 / inertia.mass * (moments.sum() - 2 * moments), 0.0))
        shape = coal.Ellipsoid(*np.clip(radii, 0.2 * ball, 1.8 * ball))
        place = pin.SE3(np.asarray(axes), np.asarray(inertia.lever))
        geometry.addGeometryObject(pin.GeometryObject(f"{model.names[joint]}_0", joint, place, shape))
    return geometry
