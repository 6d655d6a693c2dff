"""Parallel necks: a head plate on six legs (Gough-Stewart platform with turning motors), which a URDF cuts open.

Each leg is a motor with a horn, a ball joint, a rod and another ball joint on the plate. A URDF is a tree: it hangs the
plate on one leg and marks where the other rods end by two frames that coincide when the loop is closed, one on the rod
and one on the plate. All of this is read off the neutral pose, not off names.

A pose of the plate gives each motor angle q in closed form. With the motor's axis a through o, the horn's ball at
P(q) = o + c + u cos q + w sin q (c along a, u and w = a x u across it) must be a rod's length L from the ball B on the
plate:

    D = B - o - c:   (D . u) cos q + (D . w) sin q = (|D|^2 + |u|^2 - L^2) / 2

(Merlet, "Parallel Robots", 2nd ed., sec. 4.2; rotary actuators.) Of the two solutions the one is taken that belongs to
the neutral pose; where it meets the other the leg is stretched or folded, and the pose is out of reach.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

import numpy as np

from speech_gesture_pkg.robot.joint_map.kinematic_tree import Anatomy, unit

LEGS = 6
_COINCIDE = 1e-5
"""Frames nearer than this are one point of a closed loop, m."""
_STRETCH = 0.98
"""Share of a leg's stroke (as the cosine of the angle from dead centre) that is used."""
_STEPS, _HALVINGS = 8, 12
"""Steps along the way from the middle to a pose, and halvings between the last possible one and the next."""


class Room(Protocol):
    """What `head_room.HeadRoom` knows."""

    def most(self, axes: np.ndarray) -> np.ndarray:
        """Largest angle about unit vectors [N, 3], rad. Shape [N]."""


@dataclass(frozen=True, eq=False)
class Platform:
    """A head plate on legs, in the root link's frame, robot in its neutral pose (all motors at `neutral`).

    Attributes:
        joints: names of the six motors.
        base: node index of the body that carries the motors.
        centre: point of the plate about which it turns: the middle of its balls, raised to `height`. Shape [3].
        height: how far the plate is raised from the neutral pose, to where the motors are about mid-range, m.
        normal: direction of `height`. Shape [3].
        lower, upper, neutral: of the motors, rad. Shape [6].
        balls: where the rods end on the plate, from the middle of the balls. Shape [6, 3].
        origin, across, along: o + c, u and w of each motor (module docstring). Shape [6, 3].
        lengths: of the rods, m. Shape [6].
        branch: which of the two solutions, 1 or -1. Shape [6].
        plate: node index of the plate's body.
        room: how far the head may turn before it meets the body; None if that is not known.
    """

    joints: tuple[str, ...]
    base: int
    centre: np.ndarray
    height: float
    normal: np.ndarray
    lower: np.ndarray
    upper: np.ndarray
    neutral: np.ndarray
    balls: np.ndarray
    origin: np.ndarray
    across: np.ndarray
    along: np.ndarray
    lengths: np.ndarray
    branch: np.ndarray
    plate: int = 0
    room: Room | None = None

    def motors(self, rotations: np.ndarray, shift: np.ndarray | float = 0.0) -> tuple[np.ndarray, np.ndarray]:
        """Motor angles for poses of the plate.

        Args:
            rotations: of the plate from its neutral orientation, in the root link's axes. Shape [N, 3, 3].
            shift: of `centre`, m. Shape [N, 3] or [3] or a number.

        Returns:
            angles [N, 6], and how much room they leave: 0 at a limit or where a leg is stretched, negative beyond [N].
        """
        d = self._balls_at(rotations, shift) - self.origin
        p, r = (d * self.across).sum(-1), (d * self.along).sum(-1)
        size = np.hypot(p, r)
        k = ((d * d).sum(-1) + (self.across * self.across).sum(-1) - self.lengths**2) / 2.0
        cosine = k / np.maximum(size, 1e-9)
        q = self.neutral + np.arctan2(r, p) + self.branch * np.arccos(np.clip(cosine, -1.0, 1.0))
        q = (q - self.neutral + np.pi) % (2 * np.pi) - np.pi + self.neutral
        room = np.minimum(np.minimum(q - self.lower, self.upper - q), _STRETCH - np.abs(cosine))
        return q, room.min(-1)

    def reach(
        self, rotations: np.ndarray, margin: float = 0.02, scale: float = 1.0, most: float = np.pi
    ) -> tuple[np.ndarray, np.ndarray]:
        """The nearest that the plate can do: the same axis, as much of the angle as motors and body (`room`) allow.

        The poses that motors allow are no convex set; the way from the middle to a pose is followed only as far as it
        stays inside.

        Args:
            rotations: wanted. Shape [N, 3, 3].
            margin: kept from the motors' limits, rad.
            scale: share of each rotation's angle that is wanted.
            most: largest angle, rad.

        Returns:
            motor angles [N, 6] and the rotations that are reached [N, 3, 3].
        """
        axes, angles = _axis_angle(rotations)
        angles = np.minimum(angles * scale, most)
        if self.room is not None:
            angles = np.minimum(angles, self.room.most(axes))
        shares = np.linspace(0.0, 1.0, _STEPS + 1)
        tried = turned(axes[:, None], angles[:, None] * shares).reshape(-1, 3, 3)
        q, room = (x.reshape(len(angles), _STEPS + 1, -1) for x in self.motors(tried))
        good = room[..., 0] >= margin
        if good[:, 1:].all():
            return q[:, -1], tried.reshape(*good.shape, 3, 3)[:, -1]
        good[:, 0] = True
        first_bad = np.where(good.all(1), len(shares), np.argmin(good, 1))
        near, far = shares[first_bad - 1], shares[np.minimum(first_bad, _STEPS)]
        for _ in range(_HALVINGS):
            middle = 0.5 * (near + far)
            _, room = self.motors(turned(axes, angles * middle))
            fits = room >= margin
            near, far = np.where(fits, middle, near), np.where(fits, far, middle)
        reached = turned(axes, angles * near)
        return self.motors(reached)[0], reached

    def leg_lengths(self, q: np.ndarray, rotations: np.ndarray, shift: np.ndarray | float = 0.0) -> np.ndarray:
        """Distances between the balls of each rod for motors `q` [N, 6] and poses [N, 3, 3]. Shape [N, 6]."""
        angle = (q - self.neutral)[..., None]
        horn = self.origin + self.across * np.cos(angle) + self.along * np.sin(angle)
        return np.linalg.norm(horn - self._balls_at(rotations, shift), axis=-1)

    def _balls_at(self, rotations: np.ndarray, shift: np.ndarray | float) -> np.ndarray:
        """Balls on the plate. Shape [N, 6, 3]."""
        centre = np.broadcast_to(self.centre + shift, (len(rotations), 3))
        return centre[:, None] + (rotations[:, None] @ self.balls[None, :, :, None])[..., 0]


def find_platform(tree: Anatomy) -> Platform | None:
    """The parallel neck of a robot; None if there is none, or if its loops are not closed in the neutral pose."""
    passive = {n.index for n in tree.nodes if n.passive}
    if not passive:
        return None
    motors = [n.index for n in tree.nodes[1:] if n.actuated and set(tree.children[n.index]) & passive]
    bases = {tree.nodes[m].parent for m in motors}
    if len(motors) != LEGS or len(bases) != 1:
        return None
    places = {link: (i, (tree.poses[i] @ local)[:3, 3]) for link, (i, local) in tree.robot.link_frames.items()}
    plate = _plate(tree, motors, passive)
    if plate is None:
        return None
    on_plate = [spot for index, spot in places.values() if index == plate]
    ends = []
    for motor in motors:
        horn = tree.nodes[next(c for c in tree.children[motor] if c in passive)].origin
        below = set(tree.subtree(motor))
        if plate in below:  # the leg that the plate hangs on: its second ball is where the plate's joints are
            ends.append((horn, tree.nodes[plate].origin))
            continue
        tips = [s for i, s in places.values() if i in below for t in on_plate if np.linalg.norm(s - t) < _COINCIDE]
        if not tips:
            return None
        ends.append((horn, tips[0]))
    return _platform(tree, motors, bases.pop(), plate, np.array(ends))


def platform_base(tree: Anatomy) -> int | None:
    """The body that carries the motors of a parallel neck, whether or not `find_platform` understands it."""
    motors = [n for n in tree.nodes[1:] if n.actuated and any(tree.nodes[c].passive for c in tree.children[n.index])]
    paths = [tree.path(n.parent) for n in motors]
    return max((i for i in paths[0] if all(i in p for p in paths)), default=None) if paths else None


def _plate(tree: Anatomy, motors: list[int], passive: set[int]) -> int | None:
    """The body that hangs on one leg by two ball joints: the last passive joint of the longest run of them."""
    runs = []
    for motor in motors:
        run = [i for i in tree.subtree(motor) if i in passive]
        runs.append((len(run), run[-1] if run else 0))
    runs.sort()
    return runs[-1][1] if runs[-1][0] > runs[0][0] else None


def _platform(tree: Anatomy, motors: list[int], base: int, plate: int, ends: np.ndarray) -> Platform:
    nodes = [tree.nodes[m] for m in motors]
    axis, place = (np.array([getattr(n, key) for n in nodes]) for key in ("axis", "origin"))
    horn = ends[:, 0] - place
    off = (horn * axis).sum(1)[:, None] * axis
    across = horn - off
    middle = ends[:, 1].mean(0)
    d = ends[:, 1] - place - off
    along = np.cross(axis, across)
    branch = -np.sign(np.arctan2((d * along).sum(1), (d * across).sum(1)))
    normal = unit(np.linalg.svd(ends[:, 1] - middle)[2][2])
    normal = normal if normal @ (middle - place.mean(0)) > 0 else -normal

    def raised(height: float) -> Platform:
        return Platform(
            tuple(n.name for n in nodes),
            base,
            middle + height * normal,
            height,
            normal,
            np.array([n.lower for n in nodes]),
            np.array([n.upper for n in nodes]),
            np.array([n.neutral for n in nodes]),
            ends[:, 1] - middle,
            place + off,
            across,
            along,
            np.linalg.norm(ends[:, 0] - ends[:, 1], axis=1),
            branch,
            plate,
        )

    flat = raised(0.0)
    heights = np.linspace(-0.5, 0.5, 201) * float(flat.lengths.mean())
    q, room = flat.motors(np.repeat(np.eye(3)[None], len(heights), 0), heights[:, None] * normal)
    # As near to the middle of the motors' ranges as the rods reach: there a head has most room all round.
    half = (flat.upper - flat.lower) / 2
    centred = 1.0 - (np.abs(q - (flat.upper + flat.lower) / 2) / half).max(1)
    return raised(float(heights[np.argmax(np.where(room > 0, centred, -np.inf))]))


def _axis_angle(rotations: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Unit axes [N, 3] and angles [N] in [0, pi)."""
    from scipy.spatial.transform import Rotation

    vectors = Rotation.from_matrix(rotations).as_rotvec()
    angles = np.linalg.norm(vectors, axis=1)
    return vectors / np.maximum(angles, 1e-12)[:, None], angles


def turned(axes: np.ndarray, angles: np.ndarray) -> np.ndarray:
    """Rodrigues' formula. [..., 3] and [...] to [..., 3, 3]."""
    x, y, z = np.moveaxis(np.broadcast_to(axes, (*angles.shape, 3)), -1, 0)
    o = np.zeros_like(x)
    cross = np.stack([np.stack([o, -z, y], -1), np.stack([z, o, -x], -1), np.stack([-y, x, o], -1)], -2)
    sine, cosine = np.sin(angles)[..., None, None], np.cos(angles)[..., None, None]
    return np.eye(3) + sine * cross + (1.0 - cosine) * (cross @ cross)
