"""Speech-driven whole-body gestures for ROS 2 humanoids: audio topic in, safe JointTrajectory out.

Importing this package imports nothing heavy (no numpy, no ROS, no torch); import the module that you need.
"""

__version__ = "0.2.0"
