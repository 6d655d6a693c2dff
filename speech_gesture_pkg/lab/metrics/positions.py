"""Distances between generated and true joint positions: L2, LVD, mean joint errors."""

from __future__ import annotations

import numpy as np

from speech_gesture_pkg.errors import InputError
from speech_gesture_pkg.lab.metrics.result import pair
from speech_gesture_pkg.motion.parts import HAND_JOINTS
from speech_gesture_pkg.motion.skeleton import JOINT_INDEX

BODY_AND_HANDS: tuple[int, ...] = (*range(22), *HAND_JOINTS)
"""The 52 joints of "body including hands"."""


def l2_talkshow(predicted: np.ndarray, truth: np.ndarray) -> float:
    """L2 (TalkSHOW's code; "L2 error" of the SpeechCAT thesis, section 4.1).

        L2 = 1/T sum_t sum_j || x^_tj - x_tj ||_2

    A sum over joints, so it grows with their number: TalkSHOW sums over the joints and face landmarks of its SMPL-X
    layer, we over the points given (52 for body and hands). The same function serves the
    face, on its own points.

    Args:
        predicted: generated positions, m. Shape [T, J, 3].
        truth: true positions, m. Shape [T, J, 3].

    Returns:
        m.
    """
    a, b = pair("positions", predicted, truth, 3)
    return float(np.linalg.norm(a - b, axis=-1).sum(axis=1).mean())


def face_l2_parameters(predicted: np.ndarray, truth: np.ndarray) -> float:
    """L2 of face parameters; ours, for faces without an SMPL-X mesh.

        1/T sum_t || e^_t - e_t ||_2

    TalkSHOW's face L2 needs landmarks of the mesh. On the joints alone (jaw and eyes, 22 to 24) it is 0 for every face:
    their positions do not depend on the jaw's rotation or on expression. No expression coefficients count as
    coefficients of 0; a face in coefficients and one in ARKit weights are not compared.

    Args:
        predicted: jaw axis-angle (rad), expression coefficients, ARKit weights. Shape [T, D].
        truth: the same of the true motion. Shape [T, D].
    """
    a, b = pair("face parameters", predicted, truth, 2)
    return float(np.linalg.norm(a - b, axis=-1).mean())


def lvd_talkshow(predicted: np.ndarray, truth: np.ndarray) -> float:
    """LVD, landmark velocity difference (TalkSHOW's code; thesis section 4.1).

        LVD = 1/(T-1) sum_t sum_j | ||x^_{t+1,j} - x^_tj||_2 - ||x_{t+1,j} - x_tj||_2 |

    A difference of speeds: it does not see motion in a wrong direction. Body: the first 22 joints. Face: joints 22
    to 24 and the landmarks (74 and above).

    Args:
        predicted: generated positions, m. Shape [T, J, 3], T >= 2.
        truth: true positions, m. Shape [T, J, 3].

    Returns:
        m per frame (of 1/30 s).
    """
    a, b = pair("positions", predicted, truth, 3, least=2)
    speeds = [np.linalg.norm(np.diff(x, axis=0), axis=-1) for x in (a, b)]
    return float(np.abs(speeds[0] - speeds[1]).sum(axis=1).mean())


def lvd_emage(predicted: np.ndarray, truth: np.ndarray) -> float:
    """LVD as in EMAGE's evaluation tools (on vertices; works on any points).

        LVD = 1/(T C) sum_t sum_c | (x^_{t+1,c} - x^_tc) - (x_{t+1,c} - x_tc) |,  C = 3 J coordinates

    (T - 1 differences are divided by T, as there.) A difference of velocities, coordinate by coordinate.

    Args:
        predicted: generated positions, m. Shape [T, J, 3], T >= 2.
        truth: true positions, m. Shape [T, J, 3].

    Returns:
        m per frame (of 1/30 s).
    """
    a, b = pair("positions", predicted, truth, 3, least=2)
    return float(np.abs(np.diff(a, axis=0) - np.diff(b, axis=0)).sum() / a.size)


def mean_joint_error(predicted: np.ndarray, truth: np.ndarray) -> float:
    """MPJPE, mean per-joint position error (Ionescu et al. 2014): 1/(T J) sum_t sum_j ||x^_tj - x_tj||_2.

    Args:
        predicted: generated positions, m. Shape [T, J, 3].
        truth: true positions, m. Shape [T, J, 3].

    Returns:
        m.
    """
    a, b = pair("positions", predicted, truth, 3)
    return float(np.linalg.norm(a - b, axis=-1).mean())


def relative_to_wrists(positions: np.ndarray) -> np.ndarray:
    """Positions of the 30 finger joints minus their own wrist's, m. [T, 55, 3] in, [T, 30, 3] out."""
    if positions.ndim != 3 or positions.shape[1] != 55:
        raise InputError(f"positions have shape {positions.shape}; the fingers need all joints, [T, 55, 3]")
    half = len(HAND_JOINTS) // 2
    wrists = np.repeat([JOINT_INDEX["left_wrist"], JOINT_INDEX["right_wrist"]], half)
    return positions[:, list(HAND_JOINTS)] - positions[:, wrists]


def finger_error(predicted: np.ndarray, truth: np.ndarray) -> float:
    """Mean position error of the finger joints relative to their wrist, m; positions [T, 55, 3] in m."""
    a, b = pair("positions", predicted, truth, 3)
    return mean_joint_error(relative_to_wrists(a), relative_to_wrists(b))
