"""BVH export: the skeleton as HIERARCHY, one line of Euler angles per frame as MOTION. Blender and most tools open it.

Units: centimetres and degrees. Axes as in SMPL-X (y up, z forward), which is BVH's custom. Every joint has the channels
Zrotation Yrotation Xrotation, so its local rotation is Rz @ Ry @ Rx.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
from scipy.spatial.transform import Rotation

from speech_gesture_pkg.errors import InputError, OutputError
from speech_gesture_pkg.motion.frames import MotionFrames
from speech_gesture_pkg.motion.skeleton import JOINT_NAMES, NUM_JOINTS, PARENTS, REST_POSITIONS

_METRES_TO_CM = 100.0
_END_SITE = 0.35
"""Length of an End Site as a share of the bone before it (SMPL-X has no joint at finger tips, toes, eyes)."""


def _hierarchy() -> tuple[list[str], list[int]]:
    """The HIERARCHY lines and the joint order of the MOTION columns (depth first)."""
    children: list[list[int]] = [[] for _ in range(NUM_JOINTS)]
    for joint, parent in enumerate(PARENTS):
        if parent >= 0:
            children[parent].append(joint)
    lines = ["HIERARCHY"]
    order: list[int] = []

    def visit(joint: int, depth: int) -> None:
        pad = "\t" * depth
        root = PARENTS[joint] < 0
        bone = REST_POSITIONS[joint] - (0.0 if root else REST_POSITIONS[PARENTS[joint]])
        offset = np.zeros(3) if root else bone * _METRES_TO_CM
        order.append(joint)
        lines.extend(
            [f"{pad}{'ROOT' if root else 'JOINT'} {JOINT_NAMES[joint]}", f"{pad}{{", f"{pad}\t{_offset(offset)}"]
        )
        channels = "Zrotation Yrotation Xrotation"
        lines.append(
            f"{pad}\tCHANNELS 6 Xposition Yposition Zposition {channels}" if root else f"{pad}\tCHANNELS 3 {channels}"
        )
        for child in children[joint]:
            visit(child, depth + 1)
        if not children[joint]:
            tip = bone * _END_SITE * _METRES_TO_CM
            lines.extend([f"{pad}\tEnd Site", f"{pad}\t{{", f"{pad}\t\t{_offset(tip)}", f"{pad}\t}}"])
        lines.append(f"{pad}}}")

    visit(0, 0)
    return lines, order


def _offset(cm: np.ndarray) -> str:
    return "OFFSET " + " ".join(f"{value:.6f}" for value in cm)


def save_bvh(path: str | Path, motion: MotionFrames) -> None:
    """Write the motion as BVH.

    Args:
        path: file to write.
        motion: T >= 1 frames.

    Raises:
        InputError: the motion is empty or not finite.
        OutputError: the file cannot be written.
    """
    if len(motion) == 0:
        raise InputError("no frames to write: the motion is empty")
    if not motion.finite.all():
        bad = int(np.flatnonzero(~motion.finite)[0])
        raise InputError(f"frame {bad} of the motion holds NaN or infinite numbers; BVH needs finite angles")
    lines, order = _hierarchy()
    count = len(motion)
    rotations = Rotation.from_rotvec(np.asarray(motion.poses, float).reshape(-1, 3))
    angles = rotations.as_euler("ZYX", degrees=True).reshape(count, NUM_JOINTS, 3)[:, order]
    position = (REST_POSITIONS[0] + motion.translation) * _METRES_TO_CM
    rows = np.concatenate([position, angles.reshape(count, -1)], axis=1)
    lines += ["MOTION", f"Frames: {count}", f"Frame Time: {1.0 / motion.fps:.8f}"]
    lines += [" ".join(f"{value:.5f}" for value in row) for row in rows]
    try:
        Path(path).parent.mkdir(parents=True, exist_ok=True)
        Path(path).write_text("\n".join(lines) + "\n", encoding="ascii")
    except OSError as error:
        raise OutputError(f"{path} cannot be written ({error.strerror or error})") from error
