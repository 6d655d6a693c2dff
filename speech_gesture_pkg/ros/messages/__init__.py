"""ROS messages to our own types and back."""
