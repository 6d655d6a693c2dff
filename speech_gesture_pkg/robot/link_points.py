"""How fast elbows, wrists and hands move for given joint speeds: what the composer needs to limit them."""

from __future__ import annotations

import itertools
from collections.abc import Sequence

import numpy as np
import pinocchio as pin

from speech_gesture_pkg.robot.joint_map.kinematic_tree import Anatomy
from speech_gesture_pkg.robot.joint_map.robot_map import SIDES, RobotMap
from speech_gesture_pkg.robot.model import RobotModel
from speech_gesture_pkg.robot.urdf_types import Geometry


class LinkPoints:
    """Elbow, wrist and hand points of each arm, and their speeds relative to the root link.

    The hand is taken as rigid, with the fingers as in the neutral pose: what fingers add is not counted. Its points are
    the outermost corners of its shapes. The speed of a rigid body's point is a convex function of the point, so no
    point between them is faster.

    Joints between the root and an arm that are not among `joint_names` (a lift, legs) count as locked.

    Attributes:
        names: of the P points: "left_elbow", "left_wrist", several "left_hand", ...
        carriers: name of the robot link that carries each point.
        places: of the points in the root link's frame, robot in its neutral pose, m. Shape [P, 3].
        reach: upper bound, over all poses, of a point's speed per joint speed, m (1 for sliding joints). Shape [P, J].
    """

    def __init__(self, robot: RobotModel, robot_map: RobotMap, joint_names: Sequence[str]) -> None:
        tree = Anatomy(robot)
        by_name = {n.name: n for n in tree.nodes}
        column = {n: j for j, n in enumerate(joint_names)}
        self._model = pin.Model()
        self._columns: list[int] = []
        neutral, made, placed = robot.neutral(), {0: 0}, {0: np.zeros(3)}
        names, carriers, places, local, ends = [], [], [], [], []
        for side in SIDES:
            arm = robot_map.arms.get(side)
            if arm is None:
                continue
            elbow, last = by_name[arm.elbow].index, by_name[arm.joints[-1]].index
            wrist = by_name[arm.joints[min(arm.joints.index(arm.elbow) + 1, len(arm.joints) - 1)]].index
            for index in tree.path(last)[1:]:
                node = tree.nodes[index]
                if index in made:
                    continue
                parent, place = made[node.parent], placed[node.parent]
                if node.name not in column:
                    made[index], placed[index] = parent, place
                    continue
                kind = pin.JointModelRevoluteUnaligned if node.turns else pin.JointModelPrismaticUnaligned
                spot = pin.SE3(np.eye(3), node.origin - place)
                made[index] = self._model.addJoint(parent, kind(*node.axis), spot, node.name)
                placed[index] = node.origin
                self._columns.append(column[node.name])
            points = [("elbow", elbow, arm.elbow_point), ("wrist", wrist, arm.wrist_point)]
            points += [("hand", last, corner) for corner in _corners(tree, last, arm.palm)]
            for part, index, point in points:
                names.append(f"{side}_{part}")
                carriers.append(tree.nodes[index].link)
                places.append(point)
                local.append(point - placed[index])
                ends.append(made[index])
        self.names, self.carriers = tuple(names), tuple(carriers)
        self.places, self._local = (np.array(p).reshape(-1, 3) for p in (places, local))
        x, y, z = self._local.T
        o, i = np.zeros_like(x), np.ones_like(x)
        # v + w x p as a matrix. Shape [P, 3, 6].
        rows = ((i, o, o, o, z, -y), (o, i, o, -z, o, x), (o, o, i, y, -x, o))
        self._carry = np.array(rows).transpose(2, 0, 1)
        self._used = sorted(set(ends))
        self._row = [self._used.index(e) for e in ends]
        self._data = self._model.createData()
        slots = [robot.joint_index[n] for n in self._model.names[1:]]
        self._neutral = neutral[slots]
        farthest = np.maximum(np.abs(robot.lower[slots]), np.abs(robot.upper[slots]))
        slides = np.where(robot.prismatic[slots], farthest, 0.0)
        self.reach = np.zeros((len(names), len(joint_names)))
        for p, end in enumerate(ends):
            self._bound(p, end, slides, robot.prismatic[slots])
        self.reach.setflags(write=False)

    def speeds(self, q: np.ndarray, dq: np.ndarray) -> np.ndarray:
        """Speeds of the points at poses `q` [N, J] moving with `dq` [N, J] (per s, or per step). Shape [N, P]."""
        count, columns = len(q), self._columns
        position, velocity = q[:, columns] - self._neutral, dq[:, columns]
        motion = np.empty((count, len(self._used), 6))
        for n in range(count):
            pin.forwardKinematics(self._model, self._data, position[n], velocity[n])
            velocities = self._data.v
            for k, joint in enumerate(self._used):
                motion[n, k] = velocities[joint].vector
        # In the carrying joint's own frame: the length of a vector is the same in all frames.
        moved = (self._carry @ motion[:, self._row, :, None])[..., 0]
        return np.sqrt((moved * moved).sum(-1))

    def _bound(self, p: int, end: int, slides: np.ndarray, sliding: np.ndarray) -> None:
        """Lever of every joint before a point: its first part seen along the axis, the rest of the chain stretched."""
        length, ahead, index = 0.0, self._local[p], end
        while index > 0:
            j = index - 1
            axis = self._axis(index)
            across = ahead - (ahead @ axis) * axis
            self.reach[p, self._columns[j]] = 1.0 if sliding[j] else np.linalg.norm(across) + length
            length += float(np.linalg.norm(ahead)) + float(slides[j])
            ahead = self._model.jointPlacements[index].translation
            index = self._model.parents[index]

    def _axis(self, index: int) -> np.ndarray:
        """Axis of a joint in its own frame: the direction in which a unit of its speed turns or slides. Shape [3]."""
        unit = np.zeros(self._model.nv)
        unit[index - 1] = 1.0
        pin.forwardKinematics(self._model, self._data, np.zeros(self._model.nq), unit)
        motion = self._data.v[index].vector
        return motion[3:] if np.linalg.norm(motion[3:]) > 0.5 else motion[:3]


_DIRECTIONS = np.array([d for d in itertools.product((-1, 0, 1), repeat=3) if any(d)], float)


def _corners(tree: Anatomy, last: int, palm: np.ndarray) -> np.ndarray:
    """Corners and frames of what the last arm joint carries that are farthest in some direction. Shape [<= 26, 3]."""
    robot, members = tree.robot, set(tree.subtree(last))
    found = [tree.nodes[i].origin[None] for i in members]
    for link, (index, local) in robot.link_frames.items():
        if index not in members:
            continue
        frame = tree.poses[index] @ local
        found.append(frame[None, :3, 3])  # a finger tip may be a mere frame, beyond what the mass shows
        shapes = robot.links[link].collisions or robot.links[link].visuals
        boxes = [s for s in shapes if s.kind != "mesh"]
        mass = robot.links[link].mass_box
        # A mesh may not be there to be read; the mass shows about where the link is and how big.
        boxes += [mass] if mass is not None and len(boxes) < len(shapes) else []
        found += [_box(frame @ shape.origin, shape) for shape in boxes]
    points = np.concatenate(found)
    return np.unique(points[np.argmax(points @ palm @ _DIRECTIONS.T, axis=0)], axis=0)


def _box(pose: np.ndarray, shape: Geometry) -> np.ndarray:
    """Corners of the box round a shape. Shape [8, 3]."""
    if shape.kind == "sphere":
        size = np.full(3, 2.0 * shape.size[0])
    elif shape.kind == "cylinder":
        size = np.array([2.0 * shape.size[0], 2.0 * shape.size[0], shape.size[1]])
    else:
        size = np.array(shape.size)
    corners = np.array(list(itertools.product((-0.5, 0.5), repeat=3))) * size
    return corners @ pose[:3, :3].T + pose[:3, 3]
