"""Adapters between numpy and ROS messages. Pure conversions: nothing here publishes or subscribes."""
