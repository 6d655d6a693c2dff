"""SMPL-X skeleton: the 55 joints in canonical SMPL-X order, their parents and a neutral rest pose.

Frame: y up, z forward (the way the person faces), +x to the person's left; metres. The rest pose is the SMPL-X T-pose.
Rest positions of 52 joints are those of the neutral SMPL-X shape; jaw and eyes are placed from anthropometry (jaw hinge
1 cm above and 1.2 cm ahead of the head joint; pupils 6.2 cm apart, 7 cm above and 7.5 cm ahead of it).
"""

from __future__ import annotations

import numpy as np
from scipy.spatial.transform import Rotation

# name, parent index, rest position [m]
_TABLE: tuple[tuple[str, int, tuple[float, float, float]], ...] = (
    ("pelvis", -1, (0.0031, -0.3514, 0.012)),
    ("left_hip", 0, (0.0613, -0.4442, -0.014)),
    ("right_hip", 0, (-0.0602, -0.4553, -0.0093)),
    ("spine1", 0, (0.0003, -0.2415, -0.0156)),
    ("left_knee", 1, (0.116, -0.823, -0.0234)),
    ("right_knee", 2, (-0.1044, -0.8177, -0.0261)),
    ("spine2", 3, (0.0097, -0.1096, -0.0215)),
    ("left_ankle", 4, (0.0725, -1.2261, -0.0553)),
    ("right_ankle", 5, (-0.089, -1.2284, -0.0463)),
    ("spine3", 6, (-0.0016, -0.0574, 0.0069)),
    ("left_foot", 7, (0.1198, -1.2841, 0.0629)),
    ("right_foot", 8, (-0.1278, -1.2867, 0.0727)),
    ("neck", 9, (-0.0138, 0.1078, -0.0247)),
    ("left_collar", 9, (0.0448, 0.0275, -0.0003)),
    ("right_collar", 9, (-0.0493, 0.0269, -0.0065)),
    ("head", 12, (0.011, 0.2683, -0.004)),
    ("left_shoulder", 13, (0.164, 0.0852, -0.0158)),
    ("right_shoulder", 14, (-0.1519, 0.0804, -0.0192)),
    ("left_elbow", 16, (0.4181, 0.013, -0.0583)),
    ("right_elbow", 17, (-0.423, 0.0439, -0.0457)),
    ("left_wrist", 18, (0.6701, 0.0362, -0.0608)),
    ("right_wrist", 19, (-0.6723, 0.0394, -0.061)),
    ("jaw", 15, (0.011, 0.2783, 0.008)),
    ("left_eye_smplhf", 15, (0.042, 0.3383, 0.071)),
    ("right_eye_smplhf", 15, (-0.02, 0.3383, 0.071)),
    ("left_index1", 20, (0.772, 0.0275, -0.0414)),
    ("left_index2", 25, (0.8039, 0.0297, -0.0384)),
    ("left_index3", 26, (0.8264, 0.0273, -0.0383)),
    ("left_middle1", 20, (0.7795, 0.0299, -0.0648)),
    ("left_middle2", 28, (0.8101, 0.0307, -0.0688)),
    ("left_middle3", 29, (0.8336, 0.0287, -0.0729)),
    ("left_pinky1", 20, (0.7541, 0.0217, -0.1045)),
    ("left_pinky2", 31, (0.7696, 0.0206, -0.1165)),
    ("left_pinky3", 32, (0.7851, 0.0189, -0.1277)),
    ("left_ring1", 20, (0.7675, 0.0269, -0.0881)),
    ("left_ring2", 34, (0.7955, 0.0284, -0.0934)),
    ("left_ring3", 35, (0.8183, 0.0269, -0.1005)),
    ("left_thumb1", 20, (0.7107, 0.0182, -0.0352)),
    ("left_thumb2", 37, (0.7277, 0.0192, -0.0102)),
    ("left_thumb3", 38, (0.7482, 0.014, 0.0053)),
    ("right_index1", 21, (-0.7722, 0.0276, -0.0414)),
    ("right_index2", 40, (-0.8041, 0.0298, -0.0384)),
    ("right_index3", 41, (-0.8266, 0.0275, -0.0383)),
    ("right_middle1", 21, (-0.7797, 0.03, -0.0647)),
    ("right_middle2", 43, (-0.8103, 0.0308, -0.0687)),
    ("right_middle3", 44, (-0.8338, 0.0288, -0.0728)),
    ("right_pinky1", 21, (-0.7543, 0.0218, -0.1045)),
    ("right_pinky2", 46, (-0.7698, 0.0207, -0.1165)),
    ("right_pinky3", 47, (-0.7853, 0.019, -0.1277)),
    ("right_ring1", 21, (-0.7677, 0.027, -0.0881)),
    ("right_ring2", 49, (-0.7957, 0.0285, -0.0934)),
    ("right_ring3", 50, (-0.8185, 0.027, -0.1005)),
    ("right_thumb1", 21, (-0.7109, 0.0183, -0.0351)),
    ("right_thumb2", 52, (-0.7279, 0.0193, -0.0101)),
    ("right_thumb3", 53, (-0.7484, 0.0141, 0.0054)),
)

JOINT_NAMES: tuple[str, ...] = tuple(row[0] for row in _TABLE)
"""The 55 SMPL-X joint names in canonical order."""

JOINT_INDEX: dict[str, int] = {name: i for i, name in enumerate(JOINT_NAMES)}

NUM_JOINTS = len(JOINT_NAMES)

PARENTS: np.ndarray = np.array([row[1] for row in _TABLE])
"""Parent of each joint, -1 for the pelvis. Shape [55]."""

REST_POSITIONS: np.ndarray = np.array([row[2] for row in _TABLE])
"""Neutral rest positions in metres, pelvis not at the origin (smplx library convention). Shape [55, 3]."""

PARENTS.setflags(write=False)
REST_POSITIONS.setflags(write=False)


def _levels(parents: np.ndarray) -> tuple[np.ndarray, ...]:
    """Joint indices grouped by depth below the root, root excluded: FK is one batched product per level."""
    depth = np.zeros(len(parents), int)
    for joint, parent in enumerate(parents):
        depth[joint] = 0 if parent < 0 else depth[parent] + 1
    return tuple(np.flatnonzero(depth == d) for d in range(1, depth.max() + 1))


_LEVELS = _levels(PARENTS)


def axis_angle_to_matrix(poses: np.ndarray) -> np.ndarray:
    """Axis-angle `[..., 3]` (rad) to rotation matrices `[..., 3, 3]`."""
    flat = Rotation.from_rotvec(np.asarray(poses, float).reshape(-1, 3)).as_matrix()
    return flat.reshape(*np.shape(poses)[:-1], 3, 3)


def matrix_to_axis_angle(matrices: np.ndarray) -> np.ndarray:
    """Rotation matrices `[..., 3, 3]` to axis-angle `[..., 3]` (rad, angle in [0, pi])."""
    flat = Rotation.from_matrix(np.asarray(matrices, float).reshape(-1, 3, 3)).as_rotvec()
    return flat.reshape(*np.shape(matrices)[:-2], 3)


def forward_kinematics(
    local: np.ndarray, translation: np.ndarray | None = None, rest: np.ndarray = REST_POSITIONS
) -> tuple[np.ndarray, np.ndarray]:
    """Joint rotations and positions in the world (SMPL-X frame: y up, z forward, x left).

    Args:
        local: rotation of each joint relative to its parent. Shape [T, 55, 3, 3].
        translation: root translation added to the rest pelvis, metres. Shape [T, 3]; zero if None.
        rest: rest positions, metres. Shape [55, 3].

    Returns:
        rotations: world rotation of each joint (bone frame equals the world frame in the T-pose). Shape [T, 55, 3, 3].
        positions: world position of each joint, metres. Shape [T, 55, 3].
    """
    rotations = np.empty_like(local)
    positions = np.empty(local.shape[:-1])
    rotations[:, 0] = local[:, 0]
    positions[:, 0] = rest[0] if translation is None else rest[0] + translation
    offsets = rest - rest[PARENTS]
    for joints in _LEVELS:
        parent_rotations = rotations[:, PARENTS[joints]]
        rotations[:, joints] = parent_rotations @ local[:, joints]
        positions[:, joints] = positions[:, PARENTS[joints]] + np.einsum(
            "tjab,jb->tja", parent_rotations, offsets[joints]
        )
    return rotations, positions
