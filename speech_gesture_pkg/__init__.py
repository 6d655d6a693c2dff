"""Speech-driven whole-body gestures for ROS 2 humanoids: audio topic in, safe JointTrajectory out.

    from speech_gesture_pkg import GestureConfig, load_robot, read_audio, run_offline

    run = run_offline(GestureConfig(), load_robot("demo"), read_audio("speech.wav"))
    print(run.joints.joint_names, run.joints.position)  # rad, [T, J]

The names of `__all__` are the library's API. Importing the package imports nothing heavy (no numpy, no ROS, no torch):
each name is imported when it is first used.
"""

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from speech_gesture_pkg.audio.chunk import AudioChunk
    from speech_gesture_pkg.audio.files import read_audio
    from speech_gesture_pkg.config import GestureConfig
    from speech_gesture_pkg.errors import SpeechGestureError
    from speech_gesture_pkg.generators.base import Generator, Style
    from speech_gesture_pkg.generators.registry import load_generator
    from speech_gesture_pkg.motion.frames import MotionFrames
    from speech_gesture_pkg.motion.npz import load_motion, save_motion
    from speech_gesture_pkg.pipeline.build import Robot, load_robot, make_pipeline
    from speech_gesture_pkg.pipeline.offline import OfflineRun, retarget, run_offline
    from speech_gesture_pkg.pipeline.pipeline import Pipeline
    from speech_gesture_pkg.trajectory.joint_motion import RobotTrajectory
    from speech_gesture_pkg.verification.motion_guarantees import check_guarantees

__version__ = "0.2.0"

__all__ = [
    "AudioChunk",
    "Generator",
    "GestureConfig",
    "MotionFrames",
    "OfflineRun",
    "Pipeline",
    "Robot",
    "RobotTrajectory",
    "SpeechGestureError",
    "Style",
    "__version__",
    "check_guarantees",
    "load_generator",
    "load_motion",
    "load_robot",
    "make_pipeline",
    "read_audio",
    "retarget",
    "run_offline",
    "save_motion",
]

_MODULES = {
    "audio.chunk": ("AudioChunk",),
    "audio.files": ("read_audio",),
    "config": ("GestureConfig",),
    "errors": ("SpeechGestureError",),
    "generators.base": ("Generator", "Style"),
    "generators.registry": ("load_generator",),
    "motion.frames": ("MotionFrames",),
    "motion.npz": ("load_motion", "save_motion"),
    "pipeline.build": ("Robot", "load_robot", "make_pipeline"),
    "pipeline.offline": ("OfflineRun", "retarget", "run_offline"),
    "pipeline.pipeline": ("Pipeline",),
    "trajectory.joint_motion": ("RobotTrajectory",),
    "verification.motion_guarantees": ("check_guarantees",),
}
_MODULE_OF = {name: module for module, names in _MODULES.items() for name in names}


def __getattr__(name: str) -> object:
    """A name of the API, imported when it is first used (PEP 562)."""
    if name not in _MODULE_OF:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from importlib import import_module

    value: object = getattr(import_module(f"{__name__}.{_MODULE_OF[name]}"), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    """The API, for completion."""
    return sorted({*globals(), *__all__})
