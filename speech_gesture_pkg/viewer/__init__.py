"""Pictures, videos and a browser view of human and robot motion."""
