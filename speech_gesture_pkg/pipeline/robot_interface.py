"""RobotInterface: what the pipeline knows of one robot."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from speech_gesture_pkg.config import GestureConfig
from speech_gesture_pkg.retargeting.base import Retargeter
from speech_gesture_pkg.trajectory.collision_check import Distance
from speech_gesture_pkg.trajectory.layout import JointLayout
from speech_gesture_pkg.trajectory.window_begin import Timing


@dataclass(frozen=True, kw_only=True)
class RobotInterface:
    """One robot, as the pipeline commands it.

    Attributes:
        layout: commanded joints, controllers and limits.
        retargeter: SMPL-X to robot joints.
        distance: least capsule distance for commanded joints `[N, J] -> [N]`, m; None switches the check off.
        timing: by controller, how it takes up windows; those that are not named are joined in the past.
        adapt: the parameters as the robot's own profile limits them.
    """

    layout: JointLayout
    retargeter: Retargeter
    distance: Distance | None = None
    timing: Mapping[str, Timing] = field(default_factory=dict)
    adapt: Callable[[GestureConfig], GestureConfig] = lambda config: config
