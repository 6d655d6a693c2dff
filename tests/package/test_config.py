"""Parameters: one table, typed values, sentences for what is wrong, YAML in both shapes."""

from __future__ import annotations

import dataclasses
import math

import pytest

from speech_gesture_pkg.config import GestureConfig, parameters, unknown_parameter
from speech_gesture_pkg.config_files import controller_joints, load_yaml
from speech_gesture_pkg.errors import ConfigError

TABLE = {p.name: p for p in parameters()}


def test_the_table_holds_every_field_once():
    fields = [
        f"{g.name}.{f.name}"
        for g in dataclasses.fields(GestureConfig)
        for f in dataclasses.fields(getattr(GestureConfig(), g.name))
    ]
    assert fields == list(TABLE)
    assert {p.kind for p in TABLE.values()} <= {bool, int, float, str, tuple}


def test_values_are_replaced_and_nothing_else():
    config = GestureConfig().with_values({"sync.mode": "stamp", "style.parts": ["body"], "safety.approach_speed": 1})
    assert config.sync.mode == "stamp"
    assert config.style.parts == ("body",)
    assert config.value("safety.approach_speed") == 1.0
    assert isinstance(config.safety.approach_speed, float)
    changed = {n for n in TABLE if config.value(n) != TABLE[n].default}
    assert changed == {"sync.mode", "style.parts", "safety.approach_speed"}


def test_a_config_cannot_be_changed():
    with pytest.raises(dataclasses.FrozenInstanceError):
        GestureConfig().sync.mode = "stamp"


@pytest.mark.parametrize("name", [n for n, p in TABLE.items() if p.low is not None])
def test_ranges_are_inclusive_and_named(name):
    p = TABLE[name]
    assert p.high is not None
    for edge in (p.low, p.high):
        value = int(edge) if p.kind is int else float(edge)
        assert p.check(value) == value
    step = 1 if p.kind is int else 1e-6
    for beyond in (p.low - step, p.high + step):
        with pytest.raises(ConfigError, match=name.replace(".", r"\.") + r" is .* must be in \["):
            p.check(int(beyond) if p.kind is int else float(beyond))


@pytest.mark.parametrize(
    ("name", "value", "sentence"),
    [
        ("sync.mode", "fast", "sync.mode 'fast' is unknown; it must be one of: live, stamp, delay"),
        ("style.parts", ["legs"], "style.parts 'legs' is unknown"),
        ("style.parts", 3, "must be a list of strings"),
        ("style.parts", [1], "must be a list of strings"),
        ("safety.approach_speed", math.nan, "finite"),
        ("safety.approach_speed", math.inf, "finite"),
        ("safety.approach_speed", "fast", "must be of type float"),
        ("safety.approach_speed", True, "must be of type float"),
        ("audio.channels", 1.5, "must be of type int"),
        ("audio.channels", True, "must be of type int"),
        ("safety.self_collision", 1, "must be of type bool"),
        ("generator.name", 1, "must be of type str"),
    ],
)
def test_wrong_values_are_refused_by_a_sentence_that_names_the_parameter(name, value, sentence):
    with pytest.raises(ConfigError) as refused:
        GestureConfig().with_values({name: value})
    assert name in str(refused.value)
    assert sentence in str(refused.value)


def test_an_unknown_parameter_is_told_with_its_neighbours():
    with pytest.raises(ConfigError, match=r"safety\.aproach_speed.*did you mean safety\.approach_speed"):
        GestureConfig().with_values({"safety.aproach_speed": 1.0})
    assert "did you mean" in unknown_parameter("zzz")


def test_lists_drop_empty_entries():
    """ROS 2 parameter files cannot hold an empty list; [""] stands for one."""
    assert GestureConfig().with_values({"controllers.names": [""]}).controllers.names == ()
    assert GestureConfig().with_values({"style.parts": "face"}).style.parts == ("face",)


def test_yaml_of_ros_and_plain_yaml_are_the_same(tmp_path):
    plain, ros = tmp_path / "plain.yaml", tmp_path / "ros.yaml"
    plain.write_text("sync:\n  mode: delay\nsafety:\n  rest_after: 5\n")
    ros.write_text(
        "/**:\n  ros__parameters:\n    use_sim_time: true\n    sync:\n      mode: live\n"
        "speech_gesture:\n  ros__parameters:\n    sync.mode: delay\n    safety: {rest_after: 5}\n"
    )
    for path in (plain, ros):
        assert load_yaml(str(path)) == {"sync.mode": "delay", "safety.rest_after": 5}
        assert GestureConfig().with_values(load_yaml(str(path))).sync.mode == "delay"


def test_of_a_file_for_many_nodes_only_our_part_counts(tmp_path):
    """Robots give one file to all nodes: with a robot_description, and with sections of others."""
    path = tmp_path / "robot.yaml"
    path.write_text(
        "/**: {ros__parameters: {robot_description: <robot/>, update_rate: 500, gains.elbow.p: 3.0, style.rate: 0.5}}\n"
        "controller_manager: {ros__parameters: {style: {rate: 9.0}, arm.type: JTC}}\n"
        "robot1: {speech_gesture: {ros__parameters: {style.amplitude: 0.5}}}\n"
    )
    assert load_yaml(str(path)) == {"robot_description": "<robot/>", "style.rate": 0.5, "style.amplitude": 0.5}
    path.write_text("my_node: {ros__parameters: {style.rate: 0.5}}\n")
    assert load_yaml(str(path)) == {"style.rate": 0.5}, "a node of another name"


@pytest.mark.parametrize("wrong", ["style.amplitud", "stile.amplitude", "safety.anything", "controllers.arm.joint"])
def test_what_looks_like_ours_is_not_ignored(tmp_path, wrong):
    path = tmp_path / "robot.yaml"
    path.write_text(f"/**: {{ros__parameters: {{{wrong}: 1.0}}}}\n")
    with pytest.raises(ConfigError, match=f"'{wrong}' is unknown"):
        GestureConfig().with_values(load_yaml(str(path)))


def test_yaml_that_cannot_be_used_is_named(tmp_path):
    with pytest.raises(ConfigError, match=r"nowhere\.yaml does not exist"):
        load_yaml(str(tmp_path / "nowhere.yaml"))
    for name, text, sentence in (
        ("list", "- 1\n- 2\n", "holds list"),
        ("broken", "a: [1\n", "cannot be read as YAML"),
        ("word", "hello\n", "holds str"),
    ):
        path = tmp_path / f"{name}.yaml"
        path.write_text(text)
        with pytest.raises(ConfigError, match=sentence):
            load_yaml(str(path))
    path = tmp_path / "binary.yaml"
    path.write_bytes(b"\xff\xfe\x00\x01")
    with pytest.raises(ConfigError, match=r"binary\.yaml"):
        load_yaml(str(path))
    with pytest.raises(ConfigError, match="cannot be read"):
        load_yaml(str(tmp_path))
    empty = tmp_path / "empty.yaml"
    empty.write_text("")
    assert load_yaml(str(empty)) == {}


def test_joints_of_controllers_are_taken_out():
    flat = {"controllers.names": ["arm"], "controllers.arm.joints": ["a", "b"], "controllers.my.arm.joints": ["c"]}
    assert controller_joints(flat) == {"arm": ("a", "b"), "my.arm": ("c",)}
    assert flat == {"controllers.names": ["arm"]}
    with pytest.raises(ConfigError, match=r"controllers\.arm\.joints is 'a'; it must be a list of joint names"):
        controller_joints({"controllers.arm.joints": "a"})
