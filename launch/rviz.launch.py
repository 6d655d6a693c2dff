"""RViz with this package's view, and robot_state_publisher for the robot model.

ros2 launch speech_gesture_pkg rviz.launch.py robot_description_file:=robot.urdf
"""

from pathlib import Path

from ament_index_python.packages import PackageNotFoundError, get_package_prefix, get_package_share_directory
from launch import LaunchContext, LaunchDescription
from launch.actions import DeclareLaunchArgument, LogInfo, OpaqueFunction
from launch.substitutions import LaunchConfiguration
from launch_ros.actions import Node

from speech_gesture_pkg.robot.urdf_text import read_urdf_text

PACKAGE = "speech_gesture_pkg"

ARGUMENTS = {
    "robot_description_file": ("", "URDF for robot_state_publisher; empty = the bundled demo humanoid"),
    "rviz_config": ("", "RViz configuration; empty = the package's rviz/gesture.rviz"),
    "state_publisher": ("true", "start robot_state_publisher; false = one runs already"),
    "namespace": ("", "namespace of robot_state_publisher"),
    "use_sim_time": ("false", "use /clock"),
}


def installed(package: str) -> bool:
    """Whether the ament index knows `package`."""
    try:
        get_package_prefix(package)
    except PackageNotFoundError:
        return False
    return True


def setup(context: LaunchContext) -> list:
    """RViz and robot_state_publisher, as far as they are installed."""
    args = {name: LaunchConfiguration(name).perform(context) for name in ARGUMENTS}
    share = Path(get_package_share_directory(PACKAGE))
    urdf = args["robot_description_file"] or str(share / "models" / "robots" / "demo_humanoid" / "demo_humanoid.urdf")
    view = args["rviz_config"] or str(share / "rviz" / "gesture.rviz")
    for name, path in (("robot_description_file", urdf), ("rviz_config", view)):
        if not Path(path).is_file():
            raise RuntimeError(f"{name}: file {path} does not exist")
    sim_time = {"use_sim_time": args["use_sim_time"].lower() == "true"}
    actions = []
    if args["state_publisher"].lower() == "true":
        if installed("robot_state_publisher"):
            actions.append(
                Node(
                    package="robot_state_publisher",
                    executable="robot_state_publisher",
                    namespace=args["namespace"],
                    parameters=[{"robot_description": read_urdf_text(urdf), **sim_time}],
                    output="screen",
                )
            )
        else:
            actions.append(LogInfo(msg="robot_state_publisher is not installed: RViz will have no robot transforms"))
    if installed("rviz2"):
        actions.append(
            Node(package="rviz2", executable="rviz2", arguments=["-d", view], parameters=[sim_time], output="screen")
        )
    else:
        actions.append(LogInfo(msg="rviz2 is not installed: install ros-<distro>-rviz2, or use the browser page"))
    return actions


def generate_launch_description() -> LaunchDescription:
    """Arguments and the nodes."""
    declared = [
        DeclareLaunchArgument(name, default_value=default, description=description)
        for name, (default, description) in ARGUMENTS.items()
    ]
    return LaunchDescription([*declared, OpaqueFunction(function=setup)])
