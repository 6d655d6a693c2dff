"""The human figure: SMPL-X joints drawn as a rounded mannequin with fingers and a face that blinks and speaks.

Built in the SMPL-X T-pose (y up, z forward, x left), where every bone frame equals the world frame, so each piece is
bound to one joint without any skinning. Pieces of the face that change shape (lids, brows, mouth) ride on links of
their own below the head.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from speech_gesture_pkg.motion.parts import ARKIT_INDEX
from speech_gesture_pkg.motion.skeleton import JOINT_INDEX, JOINT_NAMES, NUM_JOINTS, REST_POSITIONS, forward_kinematics
from speech_gesture_pkg.viewer.mannequin import EYES, MOUTH_AT, body_parts, shirt
from speech_gesture_pkg.viewer.shapes import LinkMesh, Shape, pitch_about, translation

FACE_LINKS: tuple[str, ...] = (
    "left_upper_lid", "right_upper_lid", "left_brow", "right_brow", "mouth", "lips",
)  # fmt: skip
LINK_NAMES: tuple[str, ...] = JOINT_NAMES + FACE_LINKS

_TO_ROBOT = np.array([[0.0, 0, 1, 0], [1, 0, 0, 0], [0, 1, 0, 0], [0, 0, 0, 1]])
"""SMPL-X axes to REP-103: (x, y, z)_robot = (z, x, y)_smplx."""

_FLOOR = float(REST_POSITIONS[:, 1].min()) - 0.035
"""Height of the soles in the rest pose, metres (SMPL-X frame)."""

_JAW_FULL = np.radians(24.0)


def _scale_about(
    centre: np.ndarray, factors: tuple[float, float, float], shift: tuple[float, float, float]
) -> np.ndarray:
    out = np.diag([*factors, 1.0])
    out[:3, 3] = centre - np.asarray(factors) * centre + shift
    return out


class HumanFigure:
    """Drawable SMPL-X person.

    Attributes:
        name: for labels.
        mesh: the triangles; links are the 55 joints followed by `FACE_LINKS`.
        low, high: box that standing gestures stay in, REP-103 metres (z = 0 is the floor). Shape [3].
    """

    name = "SMPL-X"
    low = np.array([-0.25, -0.62, 0.0])
    high = np.array([0.45, 0.62, 1.83])

    def __init__(self) -> None:
        rest = np.concatenate([REST_POSITIONS, np.zeros((len(FACE_LINKS), 3))])
        index = {name: i for i, name in enumerate(LINK_NAMES)}
        parts: list[tuple[int | np.ndarray, Shape]] = [(index[name], shape) for name, shape in body_parts()]
        parts.append(shirt())
        whole = LinkMesh.merge(parts)
        self.mesh = replace(whole, vertices=whole.vertices - rest[whole.link])

    def transforms(
        self, local: np.ndarray, face: np.ndarray | None = None, root: np.ndarray | None = None
    ) -> np.ndarray:
        """Link poses in the REP-103 world, the floor of the standing rest pose at z = 0.

        Args:
            local: rotation of each joint relative to its parent (SMPL-X frame). Shape [55, 3, 3].
            face: ARKit weights in [0, 1]. Shape [52]; a neutral face if None.
            root: root translation, metres (SMPL-X frame). Shape [3]; zero if None.

        Returns:
            4x4 transforms, joints then face links. Shape [61, 4, 4].
        """
        rotations, positions = forward_kinematics(local[None])
        out = np.zeros((len(LINK_NAMES), 4, 4))
        out[:, 3, 3] = 1.0
        out[:NUM_JOINTS, :3, :3] = rotations[0]
        out[:NUM_JOINTS, :3, 3] = positions[0]
        head = out[JOINT_INDEX["head"]].copy()
        head[:3, 3] -= head[:3, :3] @ REST_POSITIONS[JOINT_INDEX["head"]]  # maps rest coordinates to the world
        weights = np.zeros(len(ARKIT_INDEX)) if face is None or len(face) == 0 else np.clip(face, 0, 1)
        jaw = float(np.arccos(np.clip((np.trace(local[JOINT_INDEX["jaw"]]) - 1) / 2, -1, 1)))
        out[NUM_JOINTS:] = head @ _face_offsets(weights, jaw)
        opened = weights[ARKIT_INDEX["jawOpen"]]
        if jaw < np.radians(1.0) and opened > 0:  # weights alone: let the chin follow them
            out[JOINT_INDEX["jaw"]] = _turned(out[JOINT_INDEX["jaw"]], opened * _JAW_FULL)
        for side in ("left", "right"):
            _look(out[JOINT_INDEX[f"{side}_eye_smplhf"]], weights, side)
        out[:, 1, 3] -= _FLOOR
        if root is not None:
            out[:, :3, 3] += root
        return _TO_ROBOT @ out


def _turned(link: np.ndarray, angle: float) -> np.ndarray:
    return link @ pitch_about(np.zeros(3), angle)


def _look(eye: np.ndarray, weights: np.ndarray, side: str) -> None:
    """Turns an eye link by the gaze weights (up to 30 degrees), in place."""
    at = {k: weights[ARKIT_INDEX[f"eyeLook{k}{side.capitalize()}"]] for k in ("Up", "Down", "In", "Out")}
    outward = 1.0 if side == "left" else -1.0
    yaw = np.radians(30) * outward * (at["Out"] - at["In"])
    pitch = np.radians(25) * (at["Down"] - at["Up"])
    if yaw or pitch:
        c, s = np.cos(yaw), np.sin(yaw)
        about_y = np.array([[c, 0, s], [0, 1, 0], [-s, 0, c]])
        eye[:3, :3] = eye[:3, :3] @ about_y @ pitch_about(np.zeros(3), pitch)[:3, :3]


def _face_offsets(weights: np.ndarray, jaw: float) -> np.ndarray:
    """Transforms of `FACE_LINKS` in rest-pose coordinates of the head. `jaw` is the jaw joint's angle, rad."""

    def w(name: str) -> float:
        return float(weights[ARKIT_INDEX[name]])

    out = []
    for side in ("Left", "Right"):
        closed = max(w(f"eyeBlink{side}"), 0.35 * w(f"eyeSquint{side}"))
        degrees = 60 + 78 * closed - 18 * w(f"eyeWide{side}") * (1 - closed)  # 90: the lid's edge is level
        out.append(pitch_about(EYES[side.lower()], np.radians(degrees)))
    for side in ("Left", "Right"):
        raise_ = 0.006 * w("browInnerUp") + 0.008 * w(f"browOuterUp{side}") - 0.006 * w(f"browDown{side}")
        out.append(translation((0.0, raise_, 0.0)))
    opened = min(max(w("jawOpen"), jaw / _JAW_FULL) + 0.25 * (w("mouthLowerDownLeft") + w("mouthLowerDownRight")), 1.0)
    opened *= 1 - 0.9 * w("mouthClose")
    smile = 0.5 * (w("mouthSmileLeft") + w("mouthSmileRight") + w("mouthStretchLeft") + w("mouthStretchRight"))
    narrow = max(w("mouthPucker"), w("mouthFunnel"))
    width = 1 + 0.25 * smile - 0.40 * narrow - 0.10 * opened
    drop = -0.010 * opened
    out.append(_scale_about(MOUTH_AT, (width, 0.06 + 1.45 * opened, 1.0 + 0.15 * narrow), (0.0, drop, 0.0)))
    out.append(_scale_about(MOUTH_AT, (width, 0.42 + 1.05 * opened, 1.0 + 0.15 * narrow), (0.0, drop, 0.0)))
    return np.array(out)
