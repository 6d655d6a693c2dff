"""ROS 2 nodes and message adapters: the only place that imports rclpy and message packages."""
