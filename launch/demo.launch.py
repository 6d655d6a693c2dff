"""The whole loop without a robot: an audio file is spoken, a simulated robot gestures, a browser page shows it.

ros2 launch speech_gesture_pkg demo.launch.py audio_file:=speech.wav
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
    "audio_file": ("", "speech to play (WAV, FLAC, OGG, MP3); empty = the bundled clip"),
    "robot_description_file": ("", "URDF; empty = the bundled demo humanoid"),
    "sim_config_file": ("", "parameter YAML of sim_robot (controllers and joints of another robot)"),
    "config_file": ("", "parameter YAML of the gesture node; empty = the package's config/gesture.yaml"),
    "generator": ("", "motion generator; empty = as in config_file"),
    "sync_mode": ("", "live, stamp or delay; empty = as in config_file"),
    "distro": ("newest", "whose controller rules the simulated robot follows: humble, jazzy, kilted or newest"),
    "audio_topic": ("audio", "topic of the speech"),
    "namespace": ("", "namespace of all nodes"),
    "start_delay": ("3.0", "seconds between the gesture node listening and the first word"),
    "loop": ("false", "play the speech again and again"),
    "exit_at_end": ("true", "end everything after the speech"),
    "viewer": ("true", "serve the browser page"),
    "viewer_port": ("8080", "port of the browser page"),
    "rviz": ("false", "start RViz and robot_state_publisher (which must be installed)"),
    "record": ("", "bag folder to record to; empty = do not record"),
    "log_level": ("info", "debug, info, warn or error"),
}


def include(name: str, arguments: dict, **kwargs) -> IncludeLaunchDescription:
    """Another launch file of this package."""
    path = Path(get_package_share_directory(PACKAGE)) / "launch" / name
    return IncludeLaunchDescription(
        PythonLaunchDescriptionSource(str(path)), launch_arguments=arguments.items(), **kwargs
    )


def end(event: ProcessExited, context: LaunchContext) -> list:
    """The speech is over: end everything, unless that is under way already (Ctrl-C)."""
    if context.is_shutdown:
        return []
    reason = "the player failed" if event.returncode else "the speech has ended"
    return [EmitEvent(event=Shutdown(reason=reason))]


def setup(context: LaunchContext) -> list:
    """All nodes; the end of the player is the end of the demo."""
    args = {name: LaunchConfiguration(name).perform(context) for name in ARGUMENTS}
    share = Path(get_package_share_directory(PACKAGE))
    urdf = args["robot_description_file"] or str(share / "models" / "robots" / "demo_humanoid" / "demo_humanoid.urdf")
    audio = args["audio_file"] or str(share / "models" / "audio" / "demo_speech.wav")
    for name, path in (("robot_description_file", urdf), ("audio_file", audio)):
        if not Path(path).is_file():
            raise RuntimeError(f"{name}: file {path} does not exist")
    loop = args["loop"].lower() == "true"
    common = {"package": PACKAGE, "namespace": args["namespace"], "output": "screen", "emulate_tty": True}
    remap = [("audio", args["audio_topic"])]

    sim = Node(
        executable="sim_robot_node",
        name="sim_robot",
        parameters=[
            *([args["sim_config_file"]] if args["sim_config_file"] else []),
            {"urdf": urdf, "distro": args["distro"]},
        ],
        **common,
    )
    player = Node(
        executable="wav_player_node",
        name="wav_player",
        parameters=[
            {
                "file": audio,
                "loop": loop,
                "start_delay": float(args["start_delay"]),
                "wait_for_nodes": ["speech_gesture", *(["bag_recorder"] if args["record"] else [])],
                "lead_s": 0.5 if args["sync_mode"] == "stamp" else 0.0,
            }
        ],
        remappings=remap,
        **common,
    )
    gesture = include(
        "gesture.launch.py",
        {
            "robot_description_file": urdf,
            "exit_on_failure": "true",
            **{k: args[k] for k in ("config_file", "generator", "sync_mode", "audio_topic", "namespace", "log_level")},
        },
    )
    viewer = Node(
        executable="viewer_node",
        name="viewer",
        parameters=[{"urdf": urdf, "port": int(args["viewer_port"])}],
        remappings=remap,
        condition=IfCondition(args["viewer"]),
        **common,
    )
    # Included files first: what they refuse (a missing file) must be known before any process runs.
    rviz = include("rviz.launch.py", {"namespace": args["namespace"]}, condition=IfCondition(args["rviz"]))
    actions = [gesture, rviz]
    if args["record"]:
        actions.append(
            Node(
                executable="record_node",
                name="bag_recorder",
                parameters=[{"out": args["record"]}],
                remappings=remap,
                **common,
            )
        )
    actions += [sim, viewer, player]
    if args["exit_at_end"].lower() == "true" and not loop:
        actions.append(RegisterEventHandler(OnProcessExit(target_action=player, on_exit=end)))
    return actions


def generate_launch_description() -> LaunchDescription:
    """Arguments and the nodes."""
    declared = [
        DeclareLaunchArgument(name, default_value=default, description=description)
        for name, (default, description) in ARGUMENTS.items()
    ]
    return LaunchDescription([*declared, OpaqueFunction(function=setup)])
