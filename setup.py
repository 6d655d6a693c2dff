"""Package metadata (colcon reads it here: see the note in pyproject.toml)."""

from glob import glob
from pathlib import Path

from setuptools import find_packages, setup

NAME = "speech_gesture_pkg"
LINUX_X86 = 'sys_platform == "linux" and platform_machine == "x86_64"'

ROS = [
    f"{name}; {LINUX_X86}"
    for name in (
        "ros-rclpy[fastrtps]",
        "ros-std-msgs",
        "ros-sensor-msgs",
        "ros-geometry-msgs",
        "ros-trajectory-msgs",
        "ros-visualization-msgs",
        "ros-diagnostic-msgs",
        "ros-std-srvs",
        "ros-rosgraph-msgs",
        "ros-lifecycle-msgs",
        "ros-rcl-interfaces",
        "ros-action-msgs",
        "ros-builtin-interfaces",
    )
]
VIEWER = [
    *("viser>=1.0", "websockets>=13", "trimesh>=4", "pycollada>=0.8"),
    *("Pillow>=10.1", "imageio-ffmpeg>=0.5"),
]
AUDIO = ["sounddevice>=0.4.6"]
ONNX = ["onnxruntime>=1.17"]
SCALE = ["dask[distributed]>=2024.1"]
TRAIN = [
    "torch>=2.2",
    "accelerate>=0.30",
    "safetensors>=0.4",
    "tensorboard>=2.14",
    "matplotlib>=3.7",
    "vector-quantize-pytorch>=1.20",
    "onnx>=1.16",
    "onnxscript>=0.3",
]
SSL = ["transformers>=4.40", "safetensors>=0.4"]
TEST = [
    *("pytest>=8,<9", "pytest-timeout>=2", "pytest-rerunfailures>=13", "pytest-xdist>=3.5"),
    *("hypothesis>=6", "yourdfpy>=0.0.56"),
]
# Material gets fixes until May 2027; its makers' Zensical reads the same mkdocs.yml.
DOCS = ["mkdocs-material>=9.5", "mkdocstrings[python]>=0.26"]


def share(folder: str, pattern: str = "*") -> tuple[str, list[str]]:
    """Files of `folder` for share/<package>/<folder>."""
    files = [f for f in sorted(glob(f"{folder}/{pattern}")) if Path(f).is_file()]
    return (f"share/{NAME}/{folder}", files)


setup(
    name=NAME,
    version="0.2.0",
    description="Speech-driven whole-body gestures for ROS 2 humanoids: audio topic in, safe JointTrajectory out",
    long_description=(Path(__file__).resolve().parent / "README.md").read_text(encoding="utf-8"),
    long_description_content_type="text/markdown",
    author="speech_gesture_pkg maintainers",
    maintainer="speech_gesture_pkg maintainers",
    maintainer_email="maintainers@speech-gesture.invalid",
    license="Apache-2.0",
    packages=find_packages(include=[NAME, f"{NAME}.*"]),
    package_data={NAME: ["py.typed"], f"{NAME}.lab.report": ["templates/*"]},
    data_files=[
        ("share/ament_index/resource_index/packages", [f"resource/{NAME}"]),
        (f"share/{NAME}", ["package.xml"]),
        share("launch", "*.launch.py"),
        share("config", "*.yaml"),
        share("config/robots", "*.yaml"),
        share("config/train", "*.yaml"),
        share("config/sros2", "*.xml"),
        share("rviz", "*.rviz"),
        share("models", "*"),
        share("models/audio"),
        share("models/speechcat_starter"),
        share("models/diffsheg_starter"),
        share("models/robots/demo_humanoid"),
    ],
    zip_safe=True,
    python_requires=">=3.10",
    install_requires=[
        "setuptools",
        "numpy>=1.24",
        "scipy>=1.10",
        "PyYAML>=6",
        "soxr>=0.3.7",
        "soundfile>=0.12",
        "pin>=3.0",
        "coal>=3.0",
        "daqp>=0.6",
        "rosbags>=0.11",
        "apsw>=3.40",
        "lz4>=4.0",
        'backports.zstd>=1.0; python_version < "3.14"',
        "tqdm>=4.60",
        "Jinja2>=3.1",
        "MarkupSafe>=2.0",
    ],
    extras_require={
        "ros": ROS,
        "viewer": VIEWER,
        "audio": AUDIO,
        "gpu": ["onnxruntime-gpu>=1.17"],
        "onnx": ONNX,
        "scale": SCALE,
        "ssl": SSL,
        "train": TRAIN,
        "robots": ["example-robot-data>=4.3"],
        "demo": ROS + VIEWER + ONNX,
        "test": TEST,
        "docs": DOCS,
        "dev": [
            *TEST,
            *SCALE,
            *ONNX,
            *TRAIN[1:],
            *SSL,
            # this version's wheel is the CPU build
            "torch==2.13.0",
            "setuptools<80",
            "ruff>=0.6",
            "mypy>=1.10",
            "pytest-cov>=5",
            "types-PyYAML",
            "colcon-core",
            "colcon-ros",
            "colcon-defaults",
        ],
    },
    entry_points={
        "console_scripts": [
            "speech-gesture = speech_gesture_pkg.cli.main:main",
            "gesture_node = speech_gesture_pkg.ros.gesture_node:main",
            "wav_player_node = speech_gesture_pkg.ros.wav_player_node:main",
            "microphone_node = speech_gesture_pkg.ros.microphone_node:main",
            "sim_robot_node = speech_gesture_pkg.ros.sim_robot_node:main",
            "viewer_node = speech_gesture_pkg.ros.viewer_node:main",
            "record_node = speech_gesture_pkg.ros.recorder:main",
            "replay_node = speech_gesture_pkg.ros.player:main",
        ],
    },
)
