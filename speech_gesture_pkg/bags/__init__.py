"""Reading rosbag2 recordings, bounded in memory, damaged ones too."""
