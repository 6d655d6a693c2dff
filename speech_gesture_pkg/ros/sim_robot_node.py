"""A simulated robot: joint_trajectory_controllers with the rules of a chosen ROS distribution, and /joint_states."""

from __future__ import annotations

import array
from collections.abc import Iterable, Mapping, Sequence

import numpy as np
from rclpy.clock import Clock
from rclpy.node import Node
from rclpy.parameter import Parameter
from rclpy.qos import DurabilityPolicy, QoSProfile
from sensor_msgs.msg import JointState
from std_msgs.msg import String
from trajectory_msgs.msg import JointTrajectory

from speech_gesture_pkg.errors import ConfigError
from speech_gesture_pkg.resources import robot_path
from speech_gesture_pkg.robot.urdf_text import read_urdf_text
from speech_gesture_pkg.ros.clock import NANO, nanoseconds, time_msg
from speech_gesture_pkg.ros.parameters import declare, reject_unknown
from speech_gesture_pkg.ros.spin import run
from speech_gesture_pkg.sim.controller import ControllerSettings, SimController
from speech_gesture_pkg.sim.rules import RULES, Goal, Rules, rules_of

_SIDES = ("left", "right")
_ARM = ("shoulder_pitch", "shoulder_roll", "shoulder_yaw", "elbow", "wrist_roll", "wrist_pitch", "wrist_yaw")
_FINGERS = tuple(f"thumb_{i}" for i in (1, 2, 3)) + tuple(
    f"{finger}_{i}" for finger in ("index", "middle", "ring", "pinky") for i in (1, 2)
)
DEMO_CONTROLLERS: dict[str, tuple[str, ...]] = {
    "left_arm_controller": tuple(f"left_{j}" for j in _ARM),
    "right_arm_controller": tuple(f"right_{j}" for j in _ARM),
    "hands_controller": tuple(f"{s}_{j}" for s in _SIDES for j in _FINGERS),
    "head_controller": (
        *("neck_yaw", "neck_pitch", "neck_roll", "jaw"),
        *("left_eyelid", "right_eyelid", "left_brow", "right_brow"),
    ),
    "torso_controller": ("waist_yaw", "waist_pitch", "waist_roll"),
}
"""Controllers of the bundled demo humanoid, with their joints."""

JUMP_S = 1.0
"""A clock that goes back, or ahead by more than this between two updates, restarts the controllers."""
LOG_EVERY_S = 1.0


class ControllerNode(Node):
    """One controller: a node of its name with its parameters, `~/joint_trajectory` in, `~/reference` out.

    Args:
        name: node name, e.g. `left_arm_controller`.
        parent: namespace and time are taken from it.
        joints: its joints.
        rules: of the distribution.
        settings: parameters.
        initial: start positions. Shape [J].
        epoch_ns: time 0 of the simulated controllers on the node clock.
    """

    def __init__(
        self,
        name: str,
        parent: Node,
        joints: tuple[str, ...],
        rules: Rules,
        settings: ControllerSettings,
        initial: np.ndarray,
        epoch_ns: int,
    ) -> None:
        # Process-wide arguments (`-r __node:=sim_robot`) are for the parent; they would rename this node too.
        time = Parameter("use_sim_time", value=bool(parent.get_parameter("use_sim_time").value))
        super().__init__(name, namespace=parent.get_namespace(), use_global_arguments=False, parameter_overrides=[time])
        self.controller = SimController(joints, rules, settings, initial)
        self.epoch_ns = epoch_ns
        self._parent_clock: Clock = parent.get_clock()
        declare(self, "joints", list(joints), "Joints of this controller.")
        declare(self, rules.desired_parameter, settings.from_desired, "Start from the commanded state.")
        declare(
            self,
            "allow_nonzero_velocity_at_trajectory_end",
            self.controller.allow_nonzero_end,
            "Whether the last point may have velocity.",
        )
        declare(self, "allow_partial_joints_goal", settings.allow_partial, "Whether joints may be left out.")
        if rules.blends:
            declare(self, "allow_trajectory_replacement", settings.replacement, "Blend with the active trajectory.")
        interfaces = ["position", "velocity"] if settings.velocity_state else ["position"]
        declare(self, "state_interfaces", interfaces, "What is known of the joints.")
        declare(self, "command_interfaces", ["position"], "What the joints are sent.")
        declare(self, "update_rate", round(settings.update_rate), "Control cycles per second.")
        for joint in joints:
            what = "Largest distance from the trajectory, rad or m; 0 = any."
            declare(self, f"constraints.{joint}.trajectory", settings.tolerance, what)
        declare(self, "state_publish_rate", 50.0, "Rate of ~/reference here is that of joint_states, Hz.")
        self.create_subscription(JointTrajectory, "~/joint_trajectory", self._on_trajectory, QoSProfile(depth=10))
        self._reference = self.create_publisher(JointState, "~/reference", QoSProfile(depth=10))
        self._state = JointState(name=list(joints))

    def publish_reference(self, stamp_ns: int) -> None:
        """What the joints should do at the latest cycle; /joint_states of the same stamp says what they do."""
        self._state.header.stamp = time_msg(stamp_ns)
        self._state.position = array.array("d", self.controller.desired.tobytes())
        self._state.velocity = array.array("d", self.controller.desired_velocity.tobytes())
        self._reference.publish(self._state)

    def _on_trajectory(self, msg: JointTrajectory) -> None:
        now = (self._parent_clock.now().nanoseconds - self.epoch_ns) / NANO
        bad = self.controller.nonfinite
        no = self.controller.receive(goal_of(msg, self.epoch_ns), max(now, self.controller.time))
        if no is not None:
            self.get_logger().error(f"rejected ({no.reason}): {no.sentence}", throttle_duration_sec=LOG_EVERY_S)
        elif self.controller.nonfinite > bad:
            self.get_logger().error(
                "the trajectory holds NaN or infinity; a real controller would pass it on to the hardware",
                throttle_duration_sec=LOG_EVERY_S,
            )


def goal_of(msg: JointTrajectory, epoch_ns: int) -> Goal:
    """A message as the simulated controller takes it, on its clock (0 = `epoch_ns`)."""
    stamp = nanoseconds(msg.header.stamp)
    points = msg.points
    return Goal(
        tuple(msg.joint_names),
        (stamp - epoch_ns) / NANO if stamp else None,
        np.array([nanoseconds(p.time_from_start) for p in points], np.int64) / NANO,
        [p.positions for p in points],
        [p.velocities for p in points],
        [p.accelerations for p in points],
        [p.effort for p in points],
    )


class SimRobot(Node):
    """Spins with its `nodes` (one per controller); publishes `joint_states` and, if given, `robot_description`."""

    def __init__(self) -> None:
        super().__init__("sim_robot")
        rules = rules_of(declare(self, "distro", "newest", "Whose controller rules to follow.", choices=RULES))
        names = declare(self, "controllers", list(DEMO_CONTROLLERS), "Controllers; joints: <controller>.joints.")
        rate = declare(self, "joint_state_rate", 100.0, "Rate of joint_states, Hz.", 1.0, 1000.0)
        settings = self._settings(rules)
        urdf = declare(self, "urdf", "", "URDF file to publish on robot_description; empty = none.")
        joints = {name: self._joints(name) for name in names}
        _check_unique(joints)
        initial = {j: self._initial(j) for group in joints.values() for j in group}
        reject_unknown(self)
        epoch = self.get_clock().now().nanoseconds
        self.nodes = [
            ControllerNode(name, self, group, rules, settings, np.array([initial[j] for j in group]), epoch)
            for name, group in joints.items()
        ]
        self._last_ns = epoch
        self._message = JointState(name=[j for group in joints.values() for j in group])
        self._states = self.create_publisher(JointState, "joint_states", QoSProfile(depth=10))
        if urdf:
            self._publish_urdf(urdf)
        self.create_timer(1.0 / rate, self._tick)
        self.get_logger().info(f"{rules.distro} rules, {len(initial)} joints, controllers: {', '.join(names)}")

    def _settings(self, rules: Rules) -> ControllerSettings:
        what = {
            "from_desired": "New trajectories start from the commanded state.",
            "nonzero_end": "Trajectories may end with velocity (default: as in that distribution).",
            "replacement": "Newest rules: new trajectories are blended with the active one.",
            "tolerance": "constraints.<joint>.trajectory of all joints, rad or m; 0 = none.",
            "limits": "enforce_command_limits: joints are sent no faster, rad/s; 0 = no limit.",
            "lag": "Time constant of the joints' response, s; 0 = they follow at once.",
        }
        end = "allow_nonzero_velocity_at_trajectory_end"
        return ControllerSettings(
            update_rate=declare(self, "update_rate", 1000.0, "Control cycles per second.", 10.0, 10000.0),
            from_desired=declare(self, "interpolate_from_desired_state", True, what["from_desired"]),
            allow_partial=declare(self, "allow_partial_joints_goal", False, "Trajectories may leave joints out."),
            allow_nonzero_end=declare(self, end, rules.nonzero_end, what["nonzero_end"]),
            replacement=declare(self, "allow_trajectory_replacement", True, what["replacement"]),
            velocity_state=declare(self, "velocity_state", True, "Whether the controllers know the joints' velocity."),
            tolerance=declare(self, "trajectory_tolerance", 0.0, what["tolerance"], 0.0, 10.0),
            command_limits=declare(self, "command_speed", 0.0, what["limits"], 0.0, 100.0),
            lag=declare(self, "lag", 0.0, what["lag"], 0.0, 5.0),
        )

    def close(self) -> None:
        """Log what was accepted and refused."""
        for node in self.nodes:
            c = node.controller
            refused = ", ".join(f"{n} {why}" for why, n in sorted(c.rejected.items())) or "none"
            self.get_logger().info(
                f"{node.get_name()}: {c.accepted} trajectories accepted, {c.late} of them late, "
                f"{c.nonfinite} not finite; refused: {refused}"
            )

    def _joints(self, controller: str) -> tuple[str, ...]:
        joints = declare(self, f"{controller}.joints", list(DEMO_CONTROLLERS.get(controller, ())), "Its joints.")
        if not joints:
            raise ConfigError(f"controller {controller} has no joints; set parameter {controller}.joints")
        return joints

    def _initial(self, joint: str) -> float:
        return declare(self, f"initial_positions.{joint}", 0.0, "Start position, rad or m.")

    def _tick(self) -> None:
        now = self.get_clock().now().nanoseconds
        if not 0 <= now - self._last_ns <= JUMP_S * NANO:
            for node in self.nodes:
                node.epoch_ns = now
                node.controller.restart(0.0)
        self._last_ns = stamp = now
        position: list[np.ndarray] = []
        velocity: list[np.ndarray] = []
        for node in self.nodes:
            controller = node.controller
            controller.advance((now - node.epoch_ns) / NANO)
            stamp = node.epoch_ns + round(controller.time * NANO)
            position.append(controller.position)
            velocity.append(controller.velocity)
            node.publish_reference(stamp)
        self._message.header.stamp = time_msg(stamp)
        self._message.position = array.array("d", np.concatenate(position).tobytes())
        self._message.velocity = array.array("d", np.concatenate(velocity).tobytes())
        self._states.publish(self._message)

    def _publish_urdf(self, path: str) -> None:
        text = read_urdf_text(robot_path(path))
        latched = QoSProfile(depth=1, durability=DurabilityPolicy.TRANSIENT_LOCAL)
        self._description = self.create_publisher(String, "robot_description", latched)
        self._description.publish(String(data=text))


def _check_unique(joints: Mapping[str, Iterable[str]]) -> None:
    if not joints:
        raise ConfigError("parameter controllers of sim_robot is empty; it must name at least one controller")
    owner: dict[str, str] = {}
    for controller, group in joints.items():
        for joint in group:
            if joint in owner:
                raise ConfigError(f"joint {joint} belongs to both {owner[joint]} and {controller}; give it to one")
            owner[joint] = controller


def main(args: Sequence[str] | None = None) -> int:
    """`ros2 run speech_gesture_pkg sim_robot_node --ros-args -p distro:=jazzy`."""
    return run(SimRobot, args)


if __name__ == "__main__":
    raise SystemExit(main())
