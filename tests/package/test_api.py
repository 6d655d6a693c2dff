"""The library's API: every name resolves, is documented, and has the signature that users write against."""

from __future__ import annotations

import inspect
import subprocess
import sys
from pathlib import Path

import pytest

import speech_gesture_pkg as api
from speech_gesture_pkg.errors import ConfigError, MissingDependencyError

ROOT = Path(__file__).resolve().parents[2]
SIGNATURES = {
    "load_generator": "(name='prosody', **settings)",
    "load_robot": "(robot='demo', description='')",
    "make_pipeline": "(config, robot, controllers=None, steady, timing=None, clock_step=0.03)",
    "run_offline": "(config, robot, audio, chunk_s=0.032, settle_s=1.0, start=100.0, timing=None)",
    "retarget": "(config, robot, motion, frames=None)",
    "read_audio": "(path, report)",
    "load_motion": "(path)",
    "save_motion": "(path, motion, betas=None, gender='neutral')",
    "check_guarantees": "(bag, urdf, acceleration=None, arms=(), link_speed=inf, rates=())",
    "AudioChunk": "(samples, start=0.0, sample_rate=16000)",
    "MotionFrames": "(poses, fps, start=0.0, translation, expression, face, phase, valid)",
    "RobotTrajectory": "(joint_names, time, position, velocity, acceleration, fps)",
    "Style": "(amplitude=1.0, rate=1.0, parts)",
}
"""Parameters with the defaults that are plain values; changing one of these breaks users' programs."""
METHODS = {
    "Generator": ("start", "step"),
    "GestureConfig": ("with_values", "value"),
    "Pipeline": ("push_joint_state", "push_audio", "activate", "step", "pause", "reset", "deactivate", "state"),
    "RobotTrajectory": ("save", "load", "select"),
    "MotionFrames": ("matrices", "concatenate", "times", "end"),
    "OfflineRun": ("windows", "motion", "joints"),
    "Robot": ("model", "retargeter", "generator", "summary"),
}
FUNCTIONS = [n for n in SIGNATURES if n[0].islower()]


def written(function: object) -> str:
    """Parameters, with defaults as far as they are plain values."""
    parts = []
    for p in inspect.signature(function).parameters.values():
        star = "**" if p.kind is p.VAR_KEYWORD else ""
        plain = p.default is None or isinstance(p.default, (str, int, float, tuple))
        parts.append(f"{star}{p.name}" + (f"={p.default!r}" if plain else ""))
    return f"({', '.join(parts)})"


@pytest.mark.parametrize("name", api.__all__)
def test_every_name_resolves_and_is_documented(name):
    found = getattr(api, name)
    assert isinstance(found, str) or len(inspect.getdoc(found) or "") > 30, name
    assert name in dir(api)


@pytest.mark.parametrize("name", SIGNATURES)
def test_signatures_stay(name):
    assert written(getattr(api, name)) == SIGNATURES[name]


@pytest.mark.parametrize("name", FUNCTIONS)
def test_functions_are_typed_and_name_what_they_raise(name):
    function = getattr(api, name)
    hints = inspect.get_annotations(function)
    assert set(hints) == {*inspect.signature(function).parameters, "return"}
    assert "Raises:" in inspect.getdoc(function)


@pytest.mark.parametrize("name", METHODS)
def test_classes_keep_their_methods(name):
    fields = getattr(getattr(api, name), "__dataclass_fields__", {})
    assert [m for m in METHODS[name] if not hasattr(getattr(api, name), m) and m not in fields] == []


def test_what_type_checkers_see_is_what_is_imported():
    text = Path(api.__file__).read_text("utf-8")
    shown = text[text.index("if TYPE_CHECKING:") : text.index("__version__ =")]
    for module, names in api._MODULES.items():
        assert f"from speech_gesture_pkg.{module} import {', '.join(names)}\n" in shown
    assert {*api._MODULE_OF, "__version__"} == set(api.__all__)
    assert (Path(api.__file__).parent / "py.typed").is_file()


def test_a_star_import_works_and_a_wrong_name_is_an_attribute_error():
    with pytest.raises(AttributeError, match="no attribute 'load_gesture'"):
        _ = api.load_gesture
    code = "from speech_gesture_pkg import *; print(load_generator().name, __version__)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, cwd=ROOT, timeout=60)
    assert done.stdout.split() == ["prosody", api.__version__], done.stderr


def test_robots_are_loaded_by_name_file_and_parameters(demo_urdf):
    robots = [api.load_robot(), api.load_robot("demo"), api.load_robot(demo_urdf), api.load_robot(str(demo_urdf))]
    robots.append(api.load_robot(api.GestureConfig().with_values({"robot.urdf": str(demo_urdf)})))
    assert {r.summary for r in robots} == {robots[0].summary}
    with pytest.raises(ConfigError, match="robot 'robby' is unknown; it must be one of: demo"):
        api.load_robot("robby")


def test_settings_of_a_generator_are_its_parameters():
    assert api.load_generator("prosody", threads=1).name == "prosody"
    with pytest.raises(ConfigError, match=r"'generator\.treads' is unknown; did you mean generator\.threads"):
        api.load_generator("prosody", treads=1)
    with pytest.raises(ConfigError, match=r"generator\.threads is 0; it must be in \[1, 64\]"):
        api.load_generator("prosody", threads=0)
    with pytest.raises(ConfigError, match=r"takes no 'seed'; give it to the generator's start\(\)"):
        api.load_generator("prosody", seed=1)
    try:
        assert api.load_generator("speechcat", threads=1, temperature=0.0).name == "speechcat"
    except MissingDependencyError:
        pytest.skip("onnxruntime is not installed")


def test_motion_is_retargeted_with_the_limits_of_the_robot():
    import numpy as np

    poses = np.zeros((40, 55, 3))
    poses[:, 16, 2] = np.linspace(-1.2, 0.0, 40)  # the left arm is raised to the side, at 20 frames per second
    robot = api.load_robot("demo")
    joints = api.retarget(api.GestureConfig(), robot, api.MotionFrames(poses, 20.0))
    limits = {n: robot.model.velocity[robot.model.joint_index[n]] for n in joints.joint_names}
    assert joints.fps == pytest.approx(30.0)
    assert np.ptp(joints.position, axis=0).max() > 0.8
    assert all((abs(joints.velocity[:, i]) <= limits[n]).all() for i, n in enumerate(joints.joint_names))
    assert not joints.velocity[-1].any()
