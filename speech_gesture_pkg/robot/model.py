"""RobotModel: a robot read from its URDF: joints, limits, kinematics (by Pinocchio)."""

from __future__ import annotations

from functools import cached_property
from pathlib import Path

import numpy as np
import pinocchio as pin

from speech_gesture_pkg.errors import RobotError
from speech_gesture_pkg.robot.urdf import leader, parse_urdf
from speech_gesture_pkg.robot.urdf_bounds import check_length
from speech_gesture_pkg.robot.urdf_limits import absent, limits_of, other_units, summed_up
from speech_gesture_pkg.robot.urdf_text import read_urdf_text
from speech_gesture_pkg.robot.urdf_types import MOVING_TYPES, Joint, Link, Urdf

PLACEHOLDER_VELOCITY = 50.0
"""rad/s; a limit above this is taken for a placeholder (no gesturing joint is that fast)."""


class RobotModel:
    """A robot's moving joints and their kinematics.

    Mimic joints follow their leader: they are no part of `q`. Continuous joints are plain angles without limits.
    Floating and planar joints are held at zero (gestures leave a mobile base alone).

    Attributes:
        name: from the URDF.
        urdf: the URDF text.
        joint_names: the J actuated joints (moving, not mimic), in the order of the file.
        lower, upper: position limits, rad or m: the tighter of limits and soft limits; -inf / inf for continuous
            joints. Shape [J].
        stated_lower, stated_upper: as the <limit> says, to which joints keep that are not used. Shape [J].
        velocity: velocity limits, rad/s or m/s, at most `FASTEST`. Shape [J].
        continuous: whether each joint turns without end. Shape [J], bool.
        prismatic: whether each joint slides. Shape [J], bool.
        links: link name -> `Link` with visual and collision shapes.
        root: name of the root link.
        problems: joint name -> sentence on its limits; such joints must not be driven (see `mapping.map_robot`).
        unlimited: the joints of `problems` for which a limit is not given at all (the others contradict themselves).
        placeholders: joints whose velocity limit is above `PLACEHOLDER_VELOCITY`.
        remarks: joint name -> sentences on limits that are odd, or are taken otherwise than they are written.
        units: joint name -> unit of limits that look like degrees or millimetres, and are taken as such.
        softened: joints that soft limits hold tighter.
        locked: joints whose lower and upper limit are equal, so that they cannot move.
        model: Pinocchio model in which every moving joint, mimic too, has one coordinate (see `q_full`).
        full_names: names of the M moving joints, mimics too, in the order of the model (joint i has name i - 1).
        parents: model index of each joint's parent, 0 for the root. Length M + 1.
        axes, slides: axis (in the joint's frame) and whether it slides, of each moving joint. Length M.
    """

    def __init__(self, tree: Urdf, text: str, source: str) -> None:
        self.name = tree.name
        self.urdf = text
        self.source = source
        self.tree = tree
        self.links: dict[str, Link] = tree.links
        self.root = tree.root
        moving = [j for j in tree.joints if j.kind in MOVING_TYPES]
        actuated = [j for j in moving if j.mimic is None]
        self.joint_names: tuple[str, ...] = tuple(j.name for j in actuated)
        self.joint_index: dict[str, int] = {n: i for i, n in enumerate(self.joint_names)}
        self.continuous = np.array([j.kind == "continuous" for j in actuated], bool)
        self.prismatic = np.array([j.kind == "prismatic" for j in actuated], bool)
        self.units = other_units(actuated)
        limits = [limits_of(j, self.units.get(j.name, 1.0)) for j in actuated]
        limit_of = dict(zip(self.joint_names, limits, strict=True))
        self.problems: dict[str, str] = {n: limit.problem for n, limit in limit_of.items() if limit.problem}
        if actuated and len(self.problems) == len(actuated):
            raise RobotError(f"URDF {source} has unusable joint limits: {summed_up(self.problems)}")
        self.unlimited = frozenset(j.name for j in actuated if j.name in self.problems and absent(j))
        self.remarks = {n: limit.remarks for n, limit in limit_of.items() if limit.remarks}
        self.softened = tuple(n for n, limit in limit_of.items() if limit.softened)
        self.locked = tuple(n for n, limit in limit_of.items() if not limit.problem and limit.lower == limit.upper)
        self.lower, self.upper = (np.array([getattr(x, k) for x in limits]) for k in ("lower", "upper"))
        self.stated_lower, self.stated_upper = (
            np.array([getattr(x, k) for x in limits]) for k in ("stated_lower", "stated_upper")
        )
        self.velocity, self._neutral = (np.array([getattr(x, k) for x in limits]) for k in ("velocity", "neutral"))
        self.placeholders = tuple(n for n, limit in limit_of.items() if limit.velocity > PLACEHOLDER_VELOCITY)
        self._build(moving)
        for array in (self.continuous, self.prismatic, self.lower, self.upper, self.velocity):
            array.setflags(write=False)

    @classmethod
    def from_file(cls, path: str | Path) -> RobotModel:
        """Load a URDF file. Raises RobotError in one sentence for anything that cannot be served."""
        return cls.from_string(read_urdf_text(path), str(path))

    @classmethod
    def from_string(cls, xml: str, name: str = "robot_description") -> RobotModel:
        """Load URDF text.

        A joint without usable limits is listed in `problems`: whether it matters is the mapping's business.

        Args:
            xml: the URDF.
            name: what messages call it.

        Raises:
            RobotError: in one sentence, for a file that is no robot, or has not one joint with usable limits.
        """
        check_length(xml, name)
        return cls(parse_urdf(xml, name), xml, name)

    @property
    def folder(self) -> Path:
        """Where relative mesh files are looked for: beside the URDF, or where we are if it is no file."""
        return Path(self.source).parent if Path(self.source).suffix else Path()

    def q_full(self, q: np.ndarray) -> np.ndarray:
        """Positions of the actuated joints `[..., J]` to those of all moving joints, mimics included, `[..., M]`."""
        return np.asarray(q, float)[..., self._source] * self._factor + self._offset

    def neutral(self) -> np.ndarray:
        """Zero, or the nearest position within the limits (not the soft ones). Shape [J]."""
        return self._neutral.copy()

    def link_transforms(self, q: np.ndarray) -> dict[str, np.ndarray]:
        """Pose of every link in the root link's frame for one configuration.

        Args:
            q: actuated positions. Shape [J].

        Returns:
            link name -> pose [4, 4].
        """
        pin.forwardKinematics(self.model, self.data, self.q_full(q))
        moved = [np.eye(4)] + [m.homogeneous for m in list(self.data.oMi)[1:]]
        return {link: moved[joint] @ local for link, (joint, local) in self.link_frames.items()}

    def joint_transforms(self, q: np.ndarray) -> np.ndarray:
        """Poses of the moving joints in the root link's frame for many configurations at once.

        Args:
            q: actuated positions. Shape [N, J].

        Returns:
            poses [M + 1, N, 4, 4]; entry 0 is the root, entry i the i-th joint of `model`.
        """
        full = self.q_full(np.atleast_2d(q)).T[:, :, None, None]
        # Rodrigues' formula, with the joint's placement multiplied in beforehand.
        local = self._placements + np.sin(full) * self._cross + (1 - np.cos(full)) * self._cross2
        if self._slide is not None:
            local += full * self._slide
        poses = np.empty((len(local) + 1, *local.shape[1:]))
        poses[0] = np.eye(4)
        for level in self._levels:
            poses[level + 1] = poses[self._parents[level]] @ local[level]
        return poses

    def _build(self, moving: list[Joint]) -> None:
        """The tree of moving joints, parents first; mimics keep a coordinate."""
        self.link_frames: dict[str, tuple[int, np.ndarray]] = {self.root: (0, np.eye(4))}
        self.full_names: list[str] = []
        axes, slides, parents, placements = [], [], [], []
        for joint in self.tree.depth_first():
            parent, local = self.link_frames[joint.parent]
            placement = local @ joint.origin
            if joint.kind not in MOVING_TYPES:
                self.link_frames[joint.child] = (parent, placement)
                continue
            self.full_names.append(joint.name)
            self.link_frames[joint.child] = (len(self.full_names), np.eye(4))
            axes.append(joint.axis)
            slides.append(joint.kind == "prismatic")
            parents.append(parent)
            placements.append(placement)
        self.axes, self.slides, self.parents = axes, slides, [0, *parents]
        self._prepare(np.array(parents, int), np.array(placements).reshape(-1, 4, 4))
        by_name = {j.name: j for j in moving}
        leaders = [leader(by_name[n], by_name, self.source) for n in self.full_names]
        self._source = np.array([self.joint_index[row[0]] for row in leaders], int)
        self._factor = np.array([row[1] for row in leaders])
        self._offset = np.array([row[2] for row in leaders])

    @cached_property
    def model(self) -> pin.Model:
        """The joints in Pinocchio. Built when it is first needed: that takes long for robots of hundreds of joints."""
        model = pin.Model()
        model.name = self.name
        rows = zip(self.parents[1:], self.axes, self.slides, self._placements[:, 0], self.full_names, strict=True)
        for parent, axis, slides, placement, name in rows:
            kind = pin.JointModelPrismaticUnaligned if slides else pin.JointModelRevoluteUnaligned
            model.addJoint(parent, kind(*axis), pin.SE3(placement), name)
        return model

    @cached_property
    def data(self) -> pin.Data:
        """Working memory of `model`."""
        return self.model.createData()

    def _prepare(self, parents: np.ndarray, placements: np.ndarray) -> None:
        """Arrays for batched kinematics: one product per depth of the tree."""
        turns = ~np.array(self.slides, bool)
        cross, slide = np.zeros_like(placements), np.zeros_like(placements)
        axes = np.array(self.axes).reshape(-1, 3)
        cross[turns, :3, :3], slide[~turns, :3, 3] = skew(axes[turns]), axes[~turns]
        self._parents, self._placements = parents, placements[:, None]
        self._cross, self._cross2 = (placements @ cross)[:, None], (placements @ cross @ cross)[:, None]
        self._slide = None if turns.all() else (placements @ slide)[:, None]
        depth = np.zeros(len(parents) + 1, int)
        for i, parent in enumerate(parents):
            depth[i + 1] = depth[parent] + 1
        self._levels = [np.flatnonzero(depth[1:] == d) for d in range(1, depth.max() + 1)]


def skew(vectors: np.ndarray) -> np.ndarray:
    """Cross-product matrices of `[P, 3]` vectors. Shape [P, 3, 3]."""
    result = np.zeros((len(vectors), 3, 3))
    x, y, z = vectors[:, 0], vectors[:, 1], vectors[:, 2]
    result[:, 0, 1], result[:, 0, 2], result[:, 1, 2] = -z, y, -x
    result[:, 1, 0], result[:, 2, 0], result[:, 2, 1] = z, -y, x
    return result
