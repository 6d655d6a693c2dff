"""The gesture node on a robot: speech on an audio topic in, JointTrajectory messages out.

ros2 launch speech_gesture_pkg gesture.launch.py robot_description_file:=robot.urdf audio_topic:=/audio/audio
"""

import tempfile
from pathlib import Path

from ament_index_python.packages import get_package_share_directory
from launch import LaunchContext, LaunchDescription
from launch.actions import DeclareLaunchArgument, EmitEvent, LogInfo, OpaqueFunction, RegisterEventHandler, TimerAction
from launch.event_handlers import OnProcessStart
from launch.events import Shutdown
from launch.substitutions import LaunchConfiguration
from launch_ros.actions import LifecycleNode
from launch_ros.event_handlers import OnStateTransition
from launch_ros.events.lifecycle import ChangeState
from lifecycle_msgs.msg import Transition

PACKAGE = "speech_gesture_pkg"
RETRY_S = 2.0

ARGUMENTS = {
    "config_file": ("", "parameter YAML; empty = the package's config/gesture.yaml"),
    "robot_description_file": ("", "URDF or xacro of the robot; empty = from topic robot_description"),
    "audio_topic": ("audio", "topic of the speech"),
    "audio_info_topic": ("audio_info", "topic of audio_common's AudioInfo"),
    "audio_type": ("", "message type of the speech, e.g. std_msgs/msg/Int16MultiArray; empty = as in config_file"),
    "generator": ("", "motion generator, e.g. prosody; empty = as in config_file"),
    "sync_mode": ("", "live, stamp or delay; empty = as in config_file"),
    "controllers": ("", "trajectory controllers, separated by commas; empty = as in config_file"),
    "joint_states_topic": ("joint_states", "topic of the measured joint states"),
    "robot_description_topic": ("robot_description", "topic of the URDF"),
    "namespace": ("", "namespace of the node"),
    "use_sim_time": ("false", "use /clock"),
    "autostart": ("true", "configure and activate; false = a lifecycle manager does"),
    "exit_on_failure": ("false", "end the whole launch if the node cannot be configured"),
    "log_level": ("info", "debug, info, warn or error"),
}


def existing(name: str, path: str) -> str:
    """`path` of launch argument `name`, if it is a file."""
    if not Path(path).is_file():
        raise RuntimeError(f"{name}: file {path} does not exist")
    return path


def urdf_of(path: str) -> str:
    """Path of a URDF file; xacro is expanded into a temporary one."""
    existing("robot_description_file", path)
    if not path.endswith(".xacro"):
        return path
    try:
        import xacro
    except ImportError as e:
        raise RuntimeError(f"robot_description_file {path} needs xacro, which is not installed; give a URDF") from e
    with tempfile.NamedTemporaryFile("w", suffix=".urdf", prefix="speech_gesture_", delete=False) as file:
        file.write(xacro.process_file(path).toxml())
    return file.name


def flag(name: str, value: str) -> bool:
    """A launch argument that is true or false."""
    if value.lower() not in ("true", "false", "1", "0"):
        raise RuntimeError(f"{name} is {value!r}; it must be true or false")
    return value.lower() in ("true", "1")


def setup(context: LaunchContext) -> list:
    """The node and, with autostart, the events that take it to active."""
    args = {name: LaunchConfiguration(name).perform(context) for name in ARGUMENTS}
    default = str(Path(get_package_share_directory(PACKAGE)) / "config" / "gesture.yaml")
    overrides = {"use_sim_time": flag("use_sim_time", args["use_sim_time"])}
    for argument, parameter in (
        ("audio_type", "audio.message_type"),
        ("generator", "generator.name"),
        ("sync_mode", "sync.mode"),
    ):
        if args[argument]:
            overrides[parameter] = args[argument]
    if args["robot_description_file"]:
        overrides["robot.urdf"] = urdf_of(args["robot_description_file"])
    if args["controllers"]:
        overrides["controllers.names"] = [c.strip() for c in args["controllers"].split(",") if c.strip()]

    node = LifecycleNode(
        package=PACKAGE,
        executable="gesture_node",
        name="speech_gesture",
        namespace=args["namespace"],
        parameters=[existing("config_file", args["config_file"] or default), overrides],
        remappings=[
            ("audio", args["audio_topic"]),
            ("audio_info", args["audio_info_topic"]),
            ("joint_states", args["joint_states_topic"]),
            ("robot_description", args["robot_description_topic"]),
        ],
        arguments=["--ros-args", "--log-level", args["log_level"]],
        output="screen",
        emulate_tty=True,
    )
    if not flag("autostart", args["autostart"]):
        return [node]

    def change(transition: int) -> EmitEvent:
        return EmitEvent(event=ChangeState(lifecycle_node_matcher=lambda a: a is node, transition_id=transition))

    failed = [LogInfo(msg="speech_gesture could not be configured; its error stands above")]
    if flag("exit_on_failure", args["exit_on_failure"]):
        failed.append(EmitEvent(event=Shutdown(reason="speech_gesture could not be configured")))

    return [
        RegisterEventHandler(OnProcessStart(target_action=node, on_start=[change(Transition.TRANSITION_CONFIGURE)])),
        RegisterEventHandler(
            OnStateTransition(
                target_lifecycle_node=node,
                start_state="configuring",
                goal_state="inactive",
                entities=[change(Transition.TRANSITION_ACTIVATE)],
            )
        ),
        RegisterEventHandler(
            OnStateTransition(
                target_lifecycle_node=node,
                start_state="configuring",
                goal_state="unconfigured",
                entities=failed,
            )
        ),
        # no controllers or joint states yet: try again. After a wanted deactivation start_state is "deactivating".
        RegisterEventHandler(
            OnStateTransition(
                target_lifecycle_node=node,
                start_state="activating",
                goal_state="inactive",
                entities=[TimerAction(period=RETRY_S, actions=[change(Transition.TRANSITION_ACTIVATE)])],
            )
        ),
        node,
    ]


def generate_launch_description() -> LaunchDescription:
    """Arguments and the node."""
    declared = [
        DeclareLaunchArgument(name, default_value=default, description=description)
        for name, (default, description) in ARGUMENTS.items()
    ]
    return LaunchDescription([*declared, OpaqueFunction(function=setup)])
