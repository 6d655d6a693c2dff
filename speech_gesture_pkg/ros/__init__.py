"""ROS 2 nodes and message adapters: the only place that imports rclpy and message packages."""

from speech_gesture_pkg.ros.log_lines import log_one_line_each

log_one_line_each()
