"""`~/markers`: the human skeleton standing beside the robot, with the gesture phase above its head."""

from __future__ import annotations

import numpy as np
from builtin_interfaces.msg import Duration, Time
from geometry_msgs.msg import Point
from std_msgs.msg import ColorRGBA
from visualization_msgs.msg import Marker, MarkerArray

from speech_gesture_pkg.motion.frames import PHASES, MotionFrames
from speech_gesture_pkg.motion.skeleton import (
    JOINT_INDEX,
    NUM_JOINTS,
    PARENTS,
    REST_POSITIONS,
    forward_kinematics,
)

NS_BONES, NS_JOINTS, NS_PHASE = "skeleton_bones", "skeleton_joints", "gesture_phase"
LIFETIME_S = 1

_SOLE = 0.03  # m from the lowest SMPL-X foot joint down to the ground
_FLOOR = _SOLE - float(REST_POSITIONS[:, 1].min())
_HEAD = JOINT_INDEX["head"]
_TEXT_ABOVE_HEAD = 0.35  # m
_COLOURS = {
    "rest": (0.6, 0.65, 0.7),
    "preparation": (0.95, 0.75, 0.2),
    "stroke": (0.9, 0.3, 0.25),
    "hold": (0.75, 0.4, 0.85),
    "retraction": (0.35, 0.6, 0.9),
}


def to_ros_axes(points: np.ndarray) -> np.ndarray:
    """SMPL-X axes (x left, y up, z forward) to REP-103 (x forward, y left, z up). Shape [..., 3]."""
    return points[..., [2, 0, 1]]


class SkeletonMarkers:
    """MarkerArray of the skeleton: LINE_LIST of bones, SPHERE_LIST of joints, text with the phase.

    Args:
        frame_id: frame that the skeleton stands in (REP-103).
        offset: where its feet stand, metres (x forward, y left, z up).
    """

    def __init__(self, frame_id: str = "base_link", offset: tuple[float, float, float] = (0.0, 1.2, 0.0)) -> None:
        self._origin = np.array(offset, float)
        self._origin[2] += _FLOOR
        # bones and joints share the 55 Point objects: each is written once per frame
        self._points = [Point() for _ in range(NUM_JOINTS)]
        bones = _marker(NS_BONES, Marker.LINE_LIST, frame_id, (0.02, 0.0, 0.0))
        bones.points = [p for j, parent in enumerate(PARENTS) if parent >= 0 for p in self._bone(j, int(parent))]
        joints = _marker(NS_JOINTS, Marker.SPHERE_LIST, frame_id, (0.028, 0.028, 0.028))
        joints.points = self._points
        text = _marker(NS_PHASE, Marker.TEXT_VIEW_FACING, frame_id, (0.0, 0.0, 0.12))
        self._bones, self._text = bones, text
        self._colours = [ColorRGBA(r=r, g=g, b=b, a=1.0) for r, g, b in (_COLOURS[p] for p in PHASES)]
        self.message = MarkerArray(markers=[bones, joints, text])

    def fill(self, motion: MotionFrames, index: int, stamp: Time) -> MarkerArray:
        """The message of frame `index`; it is reused by the next call, so publish it before."""
        one = motion[index : index + 1]
        _, positions = forward_kinematics(one.matrices(), one.translation)
        placed = to_ros_axes(positions[0]) + self._origin
        for point, (x, y, z) in zip(self._points, placed.tolist(), strict=True):
            point.x, point.y, point.z = x, y, z
        phase = int(motion.phase[index])
        self._bones.color = self._text.color = self._colours[phase]
        self._text.text = PHASES[phase]
        head = self._points[_HEAD]
        place = self._text.pose.position
        place.x, place.y, place.z = head.x, head.y, head.z + _TEXT_ABOVE_HEAD
        for marker in self.message.markers:
            marker.header.stamp = stamp
        return self.message

    def clear(self) -> MarkerArray:
        """A message that removes the skeleton from the display."""
        gone = [Marker(header=m.header, ns=m.ns, id=m.id, action=Marker.DELETE) for m in self.message.markers]
        return MarkerArray(markers=gone)

    def _bone(self, joint: int, parent: int) -> tuple[Point, Point]:
        return self._points[parent], self._points[joint]


def _marker(namespace: str, kind: int, frame_id: str, scale: tuple[float, float, float]) -> Marker:
    marker = Marker(ns=namespace, id=0, type=kind, action=Marker.ADD)
    marker.header.frame_id = frame_id
    marker.pose.orientation.w = 1.0
    marker.scale.x, marker.scale.y, marker.scale.z = scale
    marker.color = ColorRGBA(r=0.9, g=0.9, b=0.95, a=1.0)
    marker.lifetime = Duration(sec=LIFETIME_S)
    return marker
