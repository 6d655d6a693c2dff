"""Where a drawn pose puts its joints, differentiable: an angle's error counts by what it moves."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import nn

from speech_gesture_pkg.motion.parts import HAND_JOINTS, UPPER_JOINTS
from speech_gesture_pkg.motion.skeleton import JOINT_INDEX, JOINT_NAMES, PARENTS, REST_POSITIONS

_FINGERTIP = 0.8
"""A fingertip lies this share of the last known bone beyond the last joint."""
_HELD = ("middle3", "thumb3", "pinky3")
"""Points of the resting hand that show how the wrist is turned."""


def rotations(six: torch.Tensor) -> torch.Tensor:
    """Rotation matrices [..., 3, 3] from two columns [..., 6] (Zhou et al. 2019, equation 15)."""
    a, b = six[..., :3], six[..., 3:]
    x = a / a.norm(dim=-1, keepdim=True).clamp_min(1e-6)
    y = b - (x * b).sum(-1, keepdim=True) * x
    y = y / y.norm(dim=-1, keepdim=True).clamp_min(1e-6)
    return torch.stack([x, y, torch.cross(x, y, dim=-1)], -1)


class JointPoints(nn.Module):
    """Forward kinematics of some joints of the SMPL-X skeleton at rest proportions.

    Args:
        joints: SMPL-X indices; those without a parent among them are turned about a fixed place.
        held: (joint, offset in m): further points that turn with a joint.
    """

    def __init__(self, joints: Sequence[int], held: Sequence[tuple[int, Sequence[float]]]) -> None:
        super().__init__()
        place = {joint: k for k, joint in enumerate(joints)}
        self.parents = [place.get(int(PARENTS[j]), -1) for j in joints]
        bones = [REST_POSITIONS[j] - REST_POSITIONS[PARENTS[j]] if PARENTS[j] >= 0 else [0.0] * 3 for j in joints]
        self.register_buffer("bones", torch.tensor([list(map(float, b)) for b in bones]), persistent=False)
        self.register_buffer("offsets", torch.tensor([list(map(float, o)) for _, o in held]), persistent=False)
        self.owners = [place[j] for j, _ in held]
        self.levels = self._sorted()
        self.bones: torch.Tensor
        self.offsets: torch.Tensor

    def _sorted(self) -> list[list[int]]:
        depth = [0] * len(self.parents)
        for k, parent in enumerate(self.parents):  # parents come first in SMPL-X's order
            depth[k] = depth[parent] + 1 if parent >= 0 else 0
        return [[k for k, d in enumerate(depth) if d == level] for level in range(max(depth) + 1)]

    def forward(self, six: torch.Tensor) -> torch.Tensor:
        """Columns of the rotations [N, joints, 6] -> positions [N, joints with a parent + held, 3], m."""
        local = rotations(six)
        turned: dict[int, torch.Tensor] = {}
        placed: dict[int, torch.Tensor] = {}
        for level, members in enumerate(self.levels):
            if level == 0:
                world, where = local[:, members], self.bones[members].expand(len(six), -1, -1)
            else:
                above = [self.parents[k] for k in members]
                parent = torch.stack([turned[k] for k in above], 1)
                world = parent @ local[:, members]
                step = (parent @ self.bones[members][None, :, :, None])[..., 0]
                where = torch.stack([placed[k] for k in above], 1) + step
            for i, k in enumerate(members):
                turned[k], placed[k] = world[:, i], where[:, i]
        moving = [placed[k] for k, parent in enumerate(self.parents) if parent >= 0]
        held = [placed[k] + turned[k] @ offset for k, offset in zip(self.owners, self.offsets, strict=True)]
        return torch.stack(moving + held, 1)


def body_points() -> JointPoints:
    """The upper body down to the wrists, with three points of each resting hand. 6 * 14 numbers a frame."""
    wrists = {side: JOINT_INDEX[f"{side}_wrist"] for side in ("left", "right")}
    held = [
        (wrist, REST_POSITIONS[JOINT_INDEX[f"{side}_{name}"]] - REST_POSITIONS[wrist])
        for side, wrist in wrists.items()
        for name in _HELD
    ]
    return JointPoints(UPPER_JOINTS, held)


def hand_points() -> JointPoints:
    """The fingers of both hands in the frames of their wrists, with fingertips. 6 * 30 numbers a frame."""
    last = [j for j in HAND_JOINTS if JOINT_NAMES[j].endswith("3")]
    held = [(j, _FINGERTIP * (REST_POSITIONS[j] - REST_POSITIONS[PARENTS[j]])) for j in last]
    return JointPoints(HAND_JOINTS, held)
