"""The pieces of the human mannequin: capsules, ellipsoids and one skin for the torso, in SMPL-X rest coordinates.

SMPL-X T-pose: y up, z forward, x left, metres. Where a size is given it was chosen by eye on the neutral skeleton.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from speech_gesture_pkg.motion.skeleton import JOINT_INDEX, REST_POSITIONS
from speech_gesture_pkg.viewer.shapes import Colour, Shape, Trimesh, Vector, capsule, ellipsoid, loft, pitch_about

SKIN: Colour = (0.96, 0.78, 0.67)
LIPS: Colour = (0.80, 0.48, 0.45)
MOUTH: Colour = (0.33, 0.10, 0.12)
HAIR: Colour = (0.27, 0.20, 0.17)
SHIRT: Colour = (0.24, 0.50, 0.62)
TROUSERS: Colour = (0.27, 0.31, 0.40)
SHOES: Colour = (0.18, 0.19, 0.22)
WHITE: Colour = (0.96, 0.96, 0.95)
LID: Colour = (0.88, 0.69, 0.58)
IRIS: Colour = (0.20, 0.26, 0.32)

FACE_CENTRE = np.array([0.011, 0.340, 0.004])
MOUTH_AT = np.array([0.011, 0.2650, 0.0960])
EYES = {"left": np.array([0.0435, 0.3400, 0.0760]), "right": np.array([-0.0215, 0.3400, 0.0760])}
_EYE_RADIUS = 0.0195


class _Body:
    """Collects (link name, shape in rest-pose coordinates). `detail` is that of the primitives in `shapes`."""

    def __init__(self) -> None:
        self.parts: list[tuple[str, Shape]] = []

    def add(self, link: str, colour: Colour, shape: Shape) -> None:
        self.parts.append((link, replace(shape, colour=colour)))

    def limb(
        self,
        link: str,
        colour: Colour,
        ends: tuple[Vector, Vector],
        radii: tuple[float, float],
        detail: tuple[int, int] = (14, 4),
    ) -> None:
        self.add(link, colour, capsule(*ends, *radii, detail))

    def blob(
        self, link: str, colour: Colour, centre: Vector, radii: Vector, detail: tuple[int, int] = (16, 10)
    ) -> None:
        self.add(link, colour, ellipsoid(centre, radii, detail))


def body_parts() -> list[tuple[str, Shape]]:
    """Every rigid piece: (link name, shape in rest-pose coordinates)."""
    body = _Body()
    body.add("head", SKIN, _skull())
    body.add("mouth", MOUTH, _mouth((0.0215, 0.0105, 0.0085), 0.0))
    body.add("lips", LIPS, _mouth((0.0270, 0.0145, 0.0085), 0.0014))
    _torso(body)
    for side, sign in (("left", 1.0), ("right", -1.0)):
        _leg(side, body)
        _arm(side, body)
        _hand(side, sign, body)
    _head(body)
    return body.parts


def _joint(name: str) -> np.ndarray:
    return REST_POSITIONS[JOINT_INDEX[name]]


def _v(*xyz: float) -> np.ndarray:
    return np.array(xyz, float)


_SHIRT_SECTIONS = (  # y, centre x, centre z, half width, half depth
    (-0.405, 0.0, 0.000, 0.020, 0.020),
    (-0.400, 0.0, 0.000, 0.146, 0.104),
    (-0.385, 0.0, 0.000, 0.153, 0.110),
    (-0.300, 0.0, 0.000, 0.143, 0.104),
    (-0.210, 0.0, 0.000, 0.137, 0.099),
    (-0.110, 0.0, 0.000, 0.146, 0.107),
    (-0.020, 0.0, -0.002, 0.158, 0.114),
    (0.050, 0.0, -0.010, 0.155, 0.103),
    (0.095, 0.0, -0.016, 0.120, 0.083),
    (0.130, 0.0, -0.017, 0.077, 0.064),
    (0.150, 0.0, -0.016, 0.061, 0.057),
    (0.152, 0.0, -0.016, 0.030, 0.030),
)
_SPINE = ("pelvis", "spine1", "spine2", "spine3")


def shirt() -> tuple[np.ndarray, Shape]:
    """Link index of each vertex, and the torso as one skin in rest coordinates; height chooses the link."""
    shape = loft(_SHIRT_SECTIONS)
    heights = np.array([_joint(name)[1] for name in _SPINE])
    nearest = np.searchsorted((heights[1:] + heights[:-1]) / 2 + 0.03, shape.mesh.vertices[:, 1])
    return np.array([JOINT_INDEX[name] for name in _SPINE])[nearest], replace(shape, colour=SHIRT)


def _skull() -> Shape:
    """Egg-shaped head in rest coordinates: narrower and shallower towards the chin."""
    ball = ellipsoid((0, 0, 0), (1, 1, 1), (28, 22)).mesh
    # The ball's poles lie on z; put them on y so that rings run round the head.
    x, y, z = ball.vertices[:, 0], ball.vertices[:, 2], -ball.vertices[:, 1]
    below = np.clip(-y, 0, 1)
    width = 0.083 * (1 - 0.22 * below**1.6)
    depth = np.where(z > 0, 0.097 * (1 - 0.10 * below**2), 0.104 * (1 - 0.30 * below))
    ball.vertices = FACE_CENTRE + np.stack(
        [x * width, y * np.where(y > 0, 0.108, 0.125), z * depth + 0.012 * below], axis=1
    )
    return Shape(ball)


def _torso(body: _Body) -> None:
    body.blob("pelvis", TROUSERS, (0.0, -0.415, -0.002), (0.147, 0.095, 0.102), (24, 14))
    for side in ("left", "right"):
        collar, shoulder, link = _joint(f"{side}_collar"), _joint(f"{side}_shoulder"), f"{side}_collar"
        low = collar + _v(0, 0.020, -0.008), shoulder + _v(0, -0.004, 0)
        high = 0.45 * collar + _v(0, 0.105, -0.018), shoulder + _v(0, 0.012, 0)
        body.limb(link, SHIRT, low, (0.064, 0.062), (16, 4))
        body.limb(link, SHIRT, high, (0.040, 0.046))


def _leg(side: str, body: _Body) -> None:
    hip, knee, ankle, foot = (_joint(f"{side}_{n}") for n in ("hip", "knee", "ankle", "foot"))
    heel, ball = (ankle + _v(0, -0.045, -0.02), foot + _v(0, 0.008, 0.02)), foot + _v(0, 0.008, 0.0)
    body.limb(f"{side}_hip", TROUSERS, (hip, knee), (0.086, 0.058), (16, 4))
    body.limb(f"{side}_knee", TROUSERS, (knee, ankle), (0.058, 0.043), (16, 4))
    body.limb(f"{side}_ankle", SHOES, heel, (0.043, 0.036))
    body.limb(f"{side}_foot", SHOES, (ball, foot + _v(0, 0.002, 0.045)), (0.037, 0.031))


def _arm(side: str, body: _Body) -> None:
    shoulder, elbow, wrist = (_joint(f"{side}_{n}") for n in ("shoulder", "elbow", "wrist"))
    cuff = elbow + 0.72 * (wrist - elbow)
    body.limb(f"{side}_shoulder", SHIRT, (shoulder, elbow), (0.057, 0.044), (16, 4))
    body.limb(f"{side}_elbow", SHIRT, (elbow, cuff), (0.044, 0.037), (16, 4))
    body.limb(f"{side}_elbow", SKIN, (cuff, wrist), (0.031, 0.026))


_PALM = {"index": 0.0150, "middle": 0.0155, "ring": 0.0150, "pinky": 0.0140}
_FINGER = {"index": 0.0098, "middle": 0.0102, "ring": 0.0097, "pinky": 0.0086}
_THUMB = ((0.0170, 0.0135), (0.0130, 0.0112), (0.0112, 0.0095))
"""Radii, m; of the thumb at both ends of each bone."""


def _hand(side: str, sign: float, body: _Body) -> None:
    wrist, hand = _joint(f"{side}_wrist"), f"{side}_wrist"
    for finger, thick in _PALM.items():
        knuckle = _joint(f"{side}_{finger}1")
        near = wrist + 0.25 * (knuckle - wrist)
        body.limb(hand, SKIN, (near, knuckle), (thick + 0.003, thick - 0.001), (10, 3))
    for finger, thick in _FINGER.items():
        radii = [(thick * (1.04 - 0.06 * k), thick * (0.98 - 0.08 * k)) for k in range(3)]
        _digit(f"{side}_{finger}", 0.95, radii, (8, 2), body)
    _digit(f"{side}_thumb", 1.15, _THUMB, (9, 2), body)
    body.blob(hand, SKIN, wrist + _v(sign * 0.055, -0.006, 0.004), (0.040, 0.017, 0.034), (12, 8))


def _digit(name: str, tip: float, radii: Sequence[tuple[float, float]], detail: tuple[int, int], body: _Body) -> None:
    """Three bones; the last one is `tip` times as long as the one before it."""
    points = [_joint(f"{name}{k}") for k in (1, 2, 3)]
    points.append(points[2] + tip * (points[2] - points[1]))
    for k in range(3):
        body.limb(f"{name}{k + 1}", SKIN, (points[k], points[k + 1]), radii[k], detail)


def _mouth(radii: tuple[float, float, float], back: float) -> Shape:
    """Lens in front of the face with its corners turned up a little: a neutral face that looks friendly."""
    lens = ellipsoid((0, 0, 0), radii, (20, 10)).mesh
    bend = lens.vertices[:, :1] ** 2 * (0.0, 11.0, -7.0)  # corners up, and round as the face
    lens.vertices = lens.vertices + bend + MOUTH_AT - _v(0, 0, back)
    return Shape(lens)


def _half_shell(centre: np.ndarray, radius: float) -> Shape:
    """The rear half of a sphere: an eyelid, once it is turned over the front."""
    ball = ellipsoid(centre, (radius,) * 3, (20, 16)).mesh
    normals = ball.vertex_normals
    rear = (ball.vertices[ball.faces][:, :, 2] <= centre[2] + 1e-9).all(1)
    return Shape(Trimesh(ball.vertices, ball.faces[rear], vertex_normals=normals, process=False), two_sided=True)


def _head(body: _Body) -> None:
    neck = _joint("neck") + _v(0.010, 0.01, 0.002), _joint("head") + _v(0, 0.02, -0.004)
    nose = FACE_CENTRE + _v(0, -0.012, 0.092), FACE_CENTRE + _v(0, -0.040, 0.104)
    body.limb("neck", SKIN, neck, (0.052, 0.049), (18, 4))
    body.blob("head", HAIR, FACE_CENTRE + _v(0, 0.036, -0.022), (0.0905, 0.090, 0.1000), (26, 20))
    body.blob("head", HAIR, FACE_CENTRE + _v(-0.012, 0.093, 0.046), (0.060, 0.027, 0.047), (20, 14))
    body.blob("jaw", SKIN, FACE_CENTRE + _v(0, -0.094, 0.047), (0.039, 0.029, 0.035), (18, 12))
    body.limb("head", SKIN, nose, (0.0080, 0.0125), (12, 4))
    for side, sign in (("left", 1.0), ("right", -1.0)):
        eye, link = EYES[side], f"{side}_eye_smplhf"
        iris, lid = eye + _v(-sign * 0.001, 0, 0.0118), _half_shell(eye, _EYE_RADIUS + 0.0016)
        body.blob("head", SKIN, FACE_CENTRE + _v(sign * 0.084, -0.018, -0.010), (0.012, 0.027, 0.018))
        body.blob(link, WHITE, eye, (_EYE_RADIUS,) * 3, (20, 14))
        body.blob(link, IRIS, iris, (0.0105, 0.0105, 0.0088), (14, 10))
        body.add(f"{side}_upper_lid", LID, lid)
        body.add("head", LID, lid.moved(pitch_about(eye, np.radians(-42.0))))
        brow = eye + _v(0, 0.0335, 0.0075)
        inner, outer = brow + _v(-sign * 0.014, -0.0005, 0.0065), brow + _v(sign * 0.019, -0.0025, -0.006)
        peak = brow + _v(sign * 0.003, 0.0025, 0.003)
        body.limb(f"{side}_brow", HAIR, (inner, peak), (0.0046, 0.0046), (8, 2))
        body.limb(f"{side}_brow", HAIR, (peak, outer), (0.0046, 0.0032), (8, 2))
