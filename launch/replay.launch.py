"""A recorded bag's speech through the live gesture node on simulated time, recorded again.

ros2 launch speech_gesture_pkg replay.launch.py bag:=old_bag record:=new_bag
"""

from pathlib import Path

from ament_index_python.packages import get_package_share_directory
from launch import LaunchContext, LaunchDescription
from launch.actions import (
    DeclareLaunchArgument,
    EmitEvent,
    IncludeLaunchDescription,
    OpaqueFunction,
    RegisterEventHandler,
)
from launch.conditions import IfCondition
from launch.event_handlers import OnProcessExit
from launch.events import Shutdown
from launch.events.process import ProcessExited
from launch.launch_description_sources import PythonLaunchDescriptionSource
from launch.substitutions import LaunchConfiguration
from launch_ros.actions import Node

PACKAGE = "speech_gesture_pkg"

ARGUMENTS = {
    "bag": ("", "rosbag2 folder, .mcap or .db3 file to play"),
    "topics": ("/audio", "topics of the bag to play, separated by commas; all = every topic"),
    "audio_topic": ("/audio", "topic of the speech"),
    "rate": ("1.0", "playback speed"),
    "start": ("0.0", "seconds into the bag"),
    "loop": ("false", "play again and again"),
    "lead_in": ("6.0", "seconds of /clock before the first message, in which the nodes start"),
    "lead_out": ("1.5", "seconds of /clock after the last message, in which its motion ends"),
    "duration": ("0.0", "seconds of the bag to play; 0 = to its end"),
    "record": ("", "bag folder to record to; empty = do not record"),
    "simulate": ("true", "start the simulated robot; false = controllers and joint states come from elsewhere"),
    "robot_description_file": ("", "URDF; empty = the bundled demo humanoid"),
    "sim_config_file": ("", "parameter YAML of sim_robot (controllers and joints of another robot)"),
    "distro": ("newest", "whose controller rules the simulated robot follows: humble, jazzy, kilted or newest"),
    "config_file": ("", "parameter YAML of the gesture node; empty = the package's config/gesture.yaml"),
    "generator": ("", "motion generator; empty = as in config_file"),
    "sync_mode": ("", "live, stamp or delay; empty = as in config_file"),
    "log_level": ("info", "debug, info, warn or error"),
}


def end(event: ProcessExited, context: LaunchContext) -> list:
    """The bag is over: end everything, unless that is under way already (Ctrl-C)."""
    if context.is_shutdown:
        return []
    reason = "the player failed" if event.returncode else "the bag has ended"
    return [EmitEvent(event=Shutdown(reason=reason))]


def setup(context: LaunchContext) -> list:
    """All nodes; the end of the bag is the end of the launch."""
    args = {name: LaunchConfiguration(name).perform(context) for name in ARGUMENTS}
    share = Path(get_package_share_directory(PACKAGE))
    urdf = args["robot_description_file"] or str(share / "models" / "robots" / "demo_humanoid" / "demo_humanoid.urdf")
    if not args["bag"]:
        raise RuntimeError("bag is missing; give bag:=FOLDER, a rosbag2 folder, .mcap or .db3 file")
    for name, path in (("bag", args["bag"]), ("robot_description_file", urdf)):
        if not Path(path).exists():
            raise RuntimeError(f"{name}: {path} does not exist")
    common = {"package": PACKAGE, "output": "screen", "emulate_tty": True}
    topics = [] if args["topics"] == "all" else [t.strip() for t in args["topics"].split(",") if t.strip()]

    player = Node(
        executable="replay_node",
        name="bag_player",
        parameters=[
            {
                "bag": args["bag"],
                "topics": topics or [""],
                "rate": float(args["rate"]),
                "start": float(args["start"]),
                "loop": args["loop"].lower() == "true",
                "duration": float(args["duration"]),
                "lead_in": float(args["lead_in"]),
                "lead_out": float(args["lead_out"]),
                "wait": 0.0,
            }
        ],
        **common,
    )
    sim = Node(
        executable="sim_robot_node",
        name="sim_robot",
        parameters=[
            *([args["sim_config_file"]] if args["sim_config_file"] else []),
            {"urdf": urdf, "distro": args["distro"], "use_sim_time": True},
        ],
        condition=IfCondition(args["simulate"]),
        **common,
    )
    gesture = IncludeLaunchDescription(
        PythonLaunchDescriptionSource(str(share / "launch" / "gesture.launch.py")),
        launch_arguments={
            "robot_description_file": urdf,
            "use_sim_time": "true",
            "exit_on_failure": "true",
            **{k: args[k] for k in ("config_file", "generator", "sync_mode", "audio_topic", "log_level")},
        }.items(),
    )
    # The included file first: what it refuses (a missing file) must be known before any process runs.
    actions = [gesture]
    if args["record"]:
        actions.append(
            Node(
                executable="record_node",
                name="bag_recorder",
                parameters=[{"out": args["record"], "use_sim_time": True}],
                remappings=[("audio", args["audio_topic"])],
                **common,
            )
        )
    return [*actions, sim, player, RegisterEventHandler(OnProcessExit(target_action=player, on_exit=end))]


def generate_launch_description() -> LaunchDescription:
    """Arguments and the nodes."""
    declared = [
        DeclareLaunchArgument(name, default_value=default, description=description)
        for name, (default, description) in ARGUMENTS.items()
    ]
    return LaunchDescription([*declared, OpaqueFunction(function=setup)])
