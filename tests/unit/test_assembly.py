"""Assembly: parameters and a URDF to a pipeline."""

from __future__ import annotations

import numpy as np
import pytest

from speech_gesture_pkg.assembly import layout_of, load_robot, make_pipeline, robot_urdf
from speech_gesture_pkg.config import GestureConfig
from speech_gesture_pkg.errors import ConfigError, RobotError, SpeechGestureError
from speech_gesture_pkg.evaluation.offline_run import VirtualClock
from speech_gesture_pkg.runtime.states import State


def config(**values) -> GestureConfig:
    names = {k.replace("__", "."): v for k, v in values.items()}
    return GestureConfig().with_values({"robot.urdf": str(robot_urdf("demo")), **names})


@pytest.fixture(scope="module")
def robot():
    return load_robot(config())


def test_the_demo_robot_from_file_and_from_text(robot):
    again = load_robot(GestureConfig(), robot_urdf("demo").read_text(encoding="utf-8"))
    assert again.retargeter.joint_names == robot.retargeter.joint_names
    assert "robot" in robot.summary
    assert "prosody" in robot.summary
    assert all(isinstance(w, str) for w in robot.warnings)


def test_a_pipeline_is_inactive_and_covers_every_mapped_joint(robot):
    pipeline = make_pipeline(config(), robot, {}, steady=VirtualClock())
    assert pipeline.state is State.INACTIVE
    assert set(pipeline.layout.joint_names) == set(robot.retargeter.joint_names)
    assert pipeline.measured is None


def test_given_controllers_are_kept_as_they_are(robot):
    head = tuple(j for g in ("head", "face") for j in robot.map.groups[g])
    layout = layout_of(robot, {"head_controller": head[::-1]}, config(robot__strict=False))
    assert layout.joint_names == head[::-1]
    assert len(layout.dropped) >= 4


def test_the_composer_sees_collisions_of_the_robot(robot):
    """Rest is free; some random poses are not."""
    from speech_gesture_pkg.assembly import _distance

    layout = layout_of(robot, {}, config())
    distance = _distance(robot, layout)
    rest = layout.rest_from(np.zeros(len(layout.joint_names)))
    assert distance(rest[None])[0] > 0.0
    rng = np.random.default_rng(0)
    q = rng.uniform(layout.limits.lower, layout.limits.upper, (200, len(rest)))
    values = distance(q)
    assert values.shape == (200,)
    assert (values < 0).sum() > 10


@pytest.mark.parametrize(
    ("values", "error", "sentence"),
    [
        ({"generator__name": "dance"}, ConfigError, "generator 'dance' is unknown"),
        ({"robot__urdf": "missing.urdf"}, RobotError, "missing.urdf"),
        ({"robot__map_file": "missing.yaml"}, ConfigError, "robot.map_file missing.yaml does not exist"),
    ],
)
def test_what_is_wrong_is_told_by_one_sentence(values, error, sentence):
    with pytest.raises(error) as refused:
        load_robot(config(**values))
    assert sentence in str(refused.value)
    assert "\n" not in str(refused.value)


@pytest.mark.parametrize("text", ["- 1\n", "a: [\n", "", "groups: 3\n", "nonsense: true\n"])
def test_map_files_that_cannot_be_used_are_refused_or_ignored_but_never_a_traceback(tmp_path, text):
    path = tmp_path / "map.yaml"
    path.write_text(text)
    with pytest.raises(SpeechGestureError):
        load_robot(config(robot__map_file=str(path)))


def test_an_unknown_bundled_robot_lists_the_known_ones():
    with pytest.raises(ConfigError, match="demo"):
        robot_urdf("hal")
