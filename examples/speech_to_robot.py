"""Speech file to a robot's joint trajectory, without ROS.

python examples/speech_to_robot.py speech.wav trajectory.csv [robot name or URDF file]
"""

import sys

import numpy as np

from speech_gesture_pkg import GestureConfig, SpeechGestureError, load_robot, read_audio, run_offline


def main(wav: str, csv: str, robot_name: str = "demo") -> None:
    """Write time (s) and the position of every joint (rad) as CSV."""
    config = GestureConfig().with_values({"style.amplitude": 1.2})
    robot = load_robot(robot_name)
    print(robot.summary)
    run = run_offline(config, robot, read_audio(wav))
    joints = run.joints
    assert joints is not None
    table = np.column_stack([joints.time - joints.time[0], joints.position])  # [T, 1 + J]
    header = ",".join(["time", *joints.joint_names])
    np.savetxt(csv, table, fmt="%.5f", delimiter=",", header=header, comments="")
    print(f"{csv}: {len(table)} samples, {len(joints.joint_names)} joints, {run.real_time_factor:.0f} x real time")


if __name__ == "__main__":
    try:
        main(*sys.argv[1:])
    except SpeechGestureError as error:
        sys.exit(f"{error}")
