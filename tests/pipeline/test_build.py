"""Assembly: parameters and a URDF to a pipeline."""

from __future__ import annotations

import numpy as np
import pytest

from speech_gesture_pkg.audio.chunk import AudioChunk
from speech_gesture_pkg.audio.files import read_audio
from speech_gesture_pkg.config import GestureConfig
from speech_gesture_pkg.errors import ConfigError, RobotError, SpeechGestureError
from speech_gesture_pkg.pipeline.build import layout_of, load_robot, make_pipeline
from speech_gesture_pkg.pipeline.offline import VirtualClock, run_offline
from speech_gesture_pkg.pipeline.states import State
from speech_gesture_pkg.resources import DEMO_AUDIO, resource, robot_file


def config(**values) -> GestureConfig:
    names = {k.replace("__", "."): v for k, v in values.items()}
    return GestureConfig().with_values({"robot.urdf": str(robot_file("demo")), **names})


@pytest.fixture(scope="module")
def robot():
    return load_robot(config())


def test_the_demo_robot_from_file_and_from_text(robot):
    again = load_robot(GestureConfig(), robot_file("demo").read_text(encoding="utf-8"))
    assert again.retargeter.joint_names == robot.retargeter.joint_names
    assert "robot" in robot.summary
    assert "prosody" in robot.summary
    assert all(isinstance(w, str) for w in robot.warnings)


def test_a_pipeline_is_inactive_and_covers_every_mapped_joint(robot):
    pipeline = make_pipeline(config(), robot, {}, steady=VirtualClock())
    assert pipeline.state is State.INACTIVE
    assert set(pipeline.layout.joint_names) == set(robot.retargeter.joint_names)
    assert pipeline.feedback.position is None


def test_given_controllers_are_kept_as_they_are(robot):
    head = tuple(j for g in ("head", "face") for j in robot.map.groups[g])
    layout = layout_of(robot, {"head_controller": head[::-1]}, config(robot__strict=False))
    assert layout.joint_names == head[::-1]
    assert len(layout.dropped) >= 4


def test_the_composer_sees_collisions_of_the_robot(robot):
    """Rest is free; some random poses are not."""
    from speech_gesture_pkg.pipeline.build import clearance_of

    layout = layout_of(robot, {}, config())
    distance = clearance_of(robot, layout)
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
        robot_file("hal")


def test_the_calmer_of_the_robots_own_profile_and_the_parameters_holds(tmp_path):
    path = tmp_path / "map.yaml"
    path.write_text("motion: {amplitude: 0.5, max_link_speed: 0.4, acceleration_arms: 12, acceleration_torso: 99}\n")
    given = config(robot__map_file=str(path), style__amplitude=1.5)
    robot = load_robot(given)
    pipeline = make_pipeline(given, robot, {}, steady=VirtualClock())
    limits = pipeline.layout.limits
    of = dict(zip(limits.joint_names, limits.acceleration, strict=True))
    assert (of["left_elbow"], of["waist_yaw"]) == (12.0, 8.0)
    assert limits.links is not None
    assert limits.links.speed == 0.4
    assert pipeline.config.style.amplitude == 0.75
    # While running: the profile stays, and a lower limit is taken over at once.
    pipeline.restyle(config(robot__map_file=str(path), style__amplitude=2.0, safety__max_link_speed=0.2))
    assert pipeline.config.style.amplitude == 1.0
    links = pipeline.mover.reference.state.rules.limits.links
    assert links is not None
    assert links.speed == 0.2


@pytest.mark.parametrize("speed", [0.3, 1.0])
def test_hands_and_elbows_keep_the_speed_limit_through_a_whole_run(robot, speed):
    """Approach, gestures, way to rest: finite differences of the robot's own kinematics on what was commanded."""
    given = config(safety__max_link_speed=speed, safety__approach_speed=3.0)
    speech = read_audio(resource(DEMO_AUDIO))
    run = run_offline(given, robot, AudioChunk(speech.samples[: 6 * 16000]))
    motion = run.joints
    assert motion is not None
    order = [motion.joint_names.index(n) for n in robot.model.joint_names]
    positions = motion.position[:, order]
    dt = np.diff(motion.time)[:, None]
    fastest = 0.0
    for arm in robot.map.arms.values():
        for joint, point in ((arm.elbow, arm.elbow_point), (arm.joints[-1], arm.wrist_point)):
            index = robot.model.full_names.index(joint) + 1
            neutral = robot.model.joint_transforms(robot.model.neutral()[None])[index, 0]
            local = np.linalg.inv(neutral) @ np.append(point, 1)
            places = (robot.model.joint_transforms(positions)[index] @ local)[:, :3]
            fastest = max(fastest, float((np.linalg.norm(np.diff(places, axis=0), axis=1)[:, None] / dt).max()))
    assert 0.4 * speed < fastest <= 1.02 * speed
