"""Where a head platform is for given motor angles, and how its ball joints stand: to draw it, and to publish it."""

from __future__ import annotations

import numpy as np

from speech_gesture_pkg.errors import RobotError
from speech_gesture_pkg.robot.joint_map.kinematic_tree import Anatomy, unit
from speech_gesture_pkg.robot.joint_map.upright import least_turn
from speech_gesture_pkg.robot.stewart_neck.platform import Platform

_CLOSED = 1e-10
_STEPS = 30


def plate_pose(platform: Platform, q: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Rotation [3, 3] and shift [3] of the plate for motor angles [6], by Newton's method from the middle.

    Each rod's length changes by its direction times the velocity of its ball on the plate.

    Raises:
        RobotError: no pose of the plate fits these angles.
    """
    q = np.asarray(q, float)[None]
    rotation, shift = np.eye(3), np.zeros(3)
    angle = (q[0] - platform.neutral)[:, None]
    horns = platform.origin + platform.across * np.cos(angle) + platform.along * np.sin(angle)
    for _ in range(_STEPS):
        arms = platform.balls @ rotation.T
        rods = platform.centre + shift + arms - horns
        sizes = np.linalg.norm(rods, axis=1)
        error = platform.lengths - sizes
        if np.abs(error).max() < _CLOSED:
            return rotation, shift
        along = rods / sizes[:, None]
        step = np.linalg.lstsq(np.hstack([along, np.cross(arms, along)]), error, rcond=None)[0]
        shift = shift + step[:3]
        rotation = turn(step[3:]) @ rotation
    raise RobotError(
        f"no pose of the head fits the motor angles {np.round(q[0], 3).tolist()} of {platform.joints[0]}, ..."
    )


def passive_positions(tree: Anatomy, platform: Platform, q: np.ndarray) -> dict[str, float]:
    """Angles of the ball joints' passive joints that close the loops for motor angles `q` [6].

    With them the URDF's tree shows rods and plate where they are. Balls that are not made of three joints are left out.
    """
    rotation, shift = plate_pose(platform, q)
    balls = platform.balls + platform.centre - platform.height * platform.normal
    found: dict[str, float] = {}
    for leg, name in enumerate(platform.joints):
        motor = tree.nodes[tree.robot.full_names.index(name) + 1]
        run = [i for i in tree.subtree(motor.index) if tree.nodes[i].passive]
        horn = turn(motor.axis * (q[leg] - platform.neutral[leg]))
        tip = tree.nodes[run[0]].origin
        place = motor.origin + horn @ (tip - motor.origin)
        target = platform.centre + shift + rotation @ platform.balls[leg]
        rod = least_turn(unit(horn @ (balls[leg] - tip)), unit(target - place)) @ horn
        for joints, wanted in ((run[:3], horn.T @ rod), (run[3:6], rod.T @ rotation)):
            if len(joints) == 3:
                axes = np.array([tree.nodes[i].axis for i in joints])
                angles = _three_angles(axes, wanted)
                found |= {tree.nodes[i].name: float(a) for i, a in zip(joints, angles, strict=True)}
    return found


def _three_angles(axes: np.ndarray, wanted: np.ndarray) -> np.ndarray:
    """Angles of three joints in a row, with axes [3, 3] (rows) in the neutral pose, that make a rotation."""
    angles = np.zeros(3)
    for _ in range(_STEPS):
        first, second, third = (turn(axis * angle) for axis, angle in zip(axes, angles, strict=True))
        missing = rotation_vector(wanted @ (first @ second @ third).T)
        if np.linalg.norm(missing) < _CLOSED:
            break
        jacobian = np.stack([axes[0], first @ axes[1], first @ second @ axes[2]], 1)
        angles = angles + np.linalg.lstsq(jacobian, missing, rcond=None)[0]
    return (angles + np.pi) % (2 * np.pi) - np.pi


def turn(vector: np.ndarray) -> np.ndarray:
    """Rotation by a rotation vector [3], rad. Shape [3, 3]."""
    from scipy.spatial.transform import Rotation

    return Rotation.from_rotvec(vector).as_matrix()


def rotation_vector(rotation: np.ndarray) -> np.ndarray:
    """Rotation vector of a rotation [3, 3]. Shape [3]."""
    from scipy.spatial.transform import Rotation

    return Rotation.from_matrix(rotation).as_rotvec()
