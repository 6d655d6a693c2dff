"""A metric of one's own: for how much of the time a hand is raised above its elbow.

export PYTHONPATH=$PWD/examples${PYTHONPATH:+:$PYTHONPATH}
speech-gesture evaluate motions/ --metrics own_metric:HANDS_RAISED vel
"""

from speech_gesture_pkg.lab.metrics.sample import MetricInput
from speech_gesture_pkg.lab.metrics.spec import Better, Metric
from speech_gesture_pkg.motion.skeleton import JOINT_INDEX

ELBOWS = [JOINT_INDEX["left_elbow"], JOINT_INDEX["right_elbow"]]


def hands_raised(take: MetricInput) -> float:
    """Share of the frames in which a wrist is higher than its elbow, %."""
    height = take.wrists[..., 1] - take.positions[:, ELBOWS, 1]  # y is up, m; [T, 2]
    return 100.0 * float((height > 0.0).any(axis=1).mean())


HANDS_RAISED = Metric("hands_raised", hands_raised, "%", Better.REAL, "own_metric.py")
