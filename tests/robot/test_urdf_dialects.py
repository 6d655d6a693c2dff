"""URDFs in the dialects that ROS reads: the product, the viewer and the independent checker read them alike."""

from __future__ import annotations

import json
import time

import numpy as np
import pinocchio as pin
import pytest

from speech_gesture_pkg.cli.main import main
from speech_gesture_pkg.config import GestureConfig
from speech_gesture_pkg.errors import RobotError
from speech_gesture_pkg.pipeline.build import load_robot
from speech_gesture_pkg.robot.model import RobotModel
from speech_gesture_pkg.robot.urdf_text import read_urdf_text
from speech_gesture_pkg.verification.bag_collision import joint_names_of
from speech_gesture_pkg.verification.link_speed import arm_speeds
from speech_gesture_pkg.verification.motion_guarantees import urdf_limits
from speech_gesture_pkg.verification.self_collision import SelfCollision
from speech_gesture_pkg.viewer.robot import RobotFigure

DECLARED = '<?xml version="1.0"?>\n'
LATIN = '<?xml version="1.0" encoding="ISO-8859-1"?>\n'


def after_declaration(good: str, more: str) -> str:
    end = good.index("?>") + 2 if good.startswith("<?xml") else 0
    return f"{DECLARED}{more}{good[end:]}"


def bare(good: str) -> str:
    return after_declaration(good, "")[len(DECLARED) :]


def in_robot(good: str, more: str) -> str:
    return after_declaration(good, "").replace("</robot>", f"{more}</robot>")


def attribute(good: str, text: str) -> str:
    return after_declaration(good, "").replace("<robot ", f"<robot {text} ", 1)


# name -> what is made of a good URDF, and whether urdfdom (tinyxml2) takes the text as it is
DIALECTS = {
    "default namespace": (lambda good: attribute(good, 'xmlns="http://www.ros.org"'), True),
    "drake namespace": (lambda good: attribute(good, 'xmlns:drake="http://drake.mit.edu" xmlns="http://drake"'), True),
    "xacro namespace": (lambda good: attribute(good, 'xmlns:xacro="http://ros.org/wiki/xacro"'), True),
    "prefix of nobody": (lambda good: in_robot(good, "<gazebo><sensor:camera a:b='1'/></gazebo>"), True),
    "blank lines first": (lambda good: "\n\n  " + after_declaration(good, ""), True),
    "byte order mark": (lambda good: "\ufeff" + after_declaration(good, ""), True),
    "comment first": (lambda good: "<!-- made by hand -->\n" + after_declaration(good, ""), False),
    "two declarations": (lambda good: DECLARED + after_declaration(good, ""), True),
    "comment before the root": (lambda good: after_declaration(good, "<!-- generated -->\n"), True),
    "dashes in comments": (lambda good: in_robot(good, "<!-- ------ legs -- none ------->"), True),
    "document type": (lambda good: after_declaration(good, "<!DOCTYPE robot>\n"), True),
    "document type with entities": (lambda good: after_declaration(good, '<!DOCTYPE robot [<!ENTITY a "b">]>'), True),
    "processing instruction": (lambda good: after_declaration(good, '<?xml-model href="urdf.xsd"?>'), True),
    "bare ampersand": (lambda good: attribute(good, 'author="Bill & Ben"'), True),
    "control character": (lambda good: attribute(good, 'author="\x01"'), True),
    "windows lines": (lambda good: after_declaration(good, "").replace("\n", "\r\n"), True),
    "trailing zero": (lambda good: after_declaration(good, "") + "\0", True),
    "no declaration": (bare, True),
    "unknown encoding": (lambda good: f'<?xml version="1.0" encoding="x-klingon"?>{bare(good)}', True),
    "declared otherwise": (lambda good: f'<?xml version="1.0" encoding="ISO-8859-1"?>{bare(good)}', True),
}


@pytest.fixture(scope="module")
def good(demo_urdf) -> str:
    return demo_urdf.read_text(encoding="utf-8")


@pytest.fixture(scope="module")
def joints(good) -> tuple[str, ...]:
    return RobotModel.from_string(good).joint_names


@pytest.mark.parametrize("case", DIALECTS)
def test_what_ros_reads_is_read(case, good, joints, tmp_path, capfd):
    """As text (topic robot_description) and as a file, by the robot model, the page and the checker."""
    change, by_urdfdom = DIALECTS[case]
    text = change(good)
    path = tmp_path / "odd.urdf"
    path.write_bytes(text.encode("utf-8"))
    if by_urdfdom:  # the judge of what ROS reads
        assert pin.buildModelFromXML(text).njoints == pin.buildModelFromXML(good).njoints
    for robot in (RobotModel.from_string(text), RobotModel.from_file(path)):
        assert robot.joint_names == joints
    for figure in (RobotFigure(text), RobotFigure.from_file(path)):
        assert figure.joint_names == RobotFigure(good).joint_names
    for found in (text, read_urdf_text(path)):
        assert urdf_limits(found) == urdf_limits(good)
    assert joint_names_of(path) >= set(joints)
    arm = [j for j in joints if j.startswith("left_") and ("shoulder" in j or "elbow" in j)]
    still = {j: np.zeros(1) for j in arm}
    assert arm_speeds(text, [arm], still, still)
    assert SelfCollision(path, arm[:1]).shapes == "meshes"
    capfd.readouterr()


@pytest.mark.parametrize("declaration", ["", DECLARED, LATIN, '<?xml version="1.0" encoding="UTF-8"?>\n'])
@pytest.mark.parametrize("encoding", ["iso-8859-1", "utf-8"])
def test_accents_in_names(declaration, encoding, good, joints, tmp_path, capsys):
    """Whatever is declared: bytes in UTF-8 are that, other bytes are ISO-8859-1."""
    text = declaration + bare(good).replace('"left_elbow"', '"coude_gauche_é"').replace(
        "<robot ", "<!-- ÄÖ -->\n<robot "
    )
    path = tmp_path / "accents.urdf"
    path.write_bytes(text.encode(encoding))
    names = tuple("coude_gauche_é" if j == "left_elbow" else j for j in joints)
    assert RobotModel.from_file(path).joint_names == names
    assert RobotModel.from_string(text).joint_names == names
    assert "coude_gauche_é" in RobotFigure.from_file(path).joint_names
    assert "coude_gauche_é" in joint_names_of(path)
    assert "coude_gauche_é" in urdf_limits(read_urdf_text(path))
    assert SelfCollision(path, ["coude_gauche_é"]).model.existJointName("coude_gauche_é")
    assert main(["robot", "check", str(path), "--json"]) == 0
    assert "coude_gauche_é" in json.loads(capsys.readouterr().out)["groups"]["left_arm"]


def test_another_encoding_that_is_declared(good, tmp_path):
    text = f'<?xml version="1.0" encoding="windows-1250"?>{bare(good)}'.replace('"left_elbow"', '"łokieć"')
    path = tmp_path / "polish.urdf"
    path.write_bytes(text.encode("windows-1250"))
    assert "łokieć" in RobotModel.from_file(path).joint_names


def test_what_the_topic_brings_is_loaded(good):
    """The whole way of the node: the text of robot_description, with a namespace and blank lines."""
    text = "\n\n" + attribute(good, 'xmlns="http://www.ros.org"')
    robot = load_robot(GestureConfig(), text)
    assert set(robot.retargeter.groups["left_arm"]) >= {"left_elbow"}


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("\n \ufeff\n", "is empty"),
        ("<!-- nothing -->", "is empty"),
        ("plain words", "not well-formed XML"),
        ("<robot><link name='a'></robot>", "not well-formed XML"),
        ('<robot xmlns:x="http://ros.org/wiki/xacro" name="r"><x:include/></robot>', "<xacro:include>"),
        ('<robot name="r"><xacro:include/></robot>', "<xacro:include>"),
        ('<sdf xmlns="http://sdf"/>', "starts with <sdf>"),
        ('<!DOCTYPE r [<!ENTITY a "aa"><!ENTITY b "&a;&a;">]><robot name="&b;"/>', "no links"),
        ("<robot name='\ud800'/>", "no links"),
    ],
)
def test_what_is_no_urdf_stays_one_sentence(text, says):
    with pytest.raises(RobotError) as caught:
        RobotModel.from_string(text, "odd.urdf")
    assert says in str(caught.value)
    assert "\n" not in str(caught.value)
    with pytest.raises(RobotError):
        RobotFigure(text)


def test_the_checker_refuses_what_is_no_xml():
    with pytest.raises(RobotError, match="cannot be read"):
        urdf_limits("<robot><joint></robot>")


def test_lines_of_errors_are_those_of_the_file():
    with pytest.raises(RobotError, match="line 5"):
        RobotModel.from_string("\n<!-- a\n--><?xml version='1.0'?>\n<robot>\n</rabot>")


def test_reading_takes_linear_time():
    """Half a megabyte that opens comments and declarations and closes none: no quadratic search."""
    began = time.perf_counter()
    for opened in ("<!--", "<?xml "):
        for text in (opened * 100_000, f"{opened * 100_000}-->?>"):
            with pytest.raises(RobotError):
                RobotModel.from_string(text)
            with pytest.raises(RobotError):
                urdf_limits(text)
    assert time.perf_counter() - began < 2.0  # 0.02 s on a quiet machine; a quadratic search takes minutes
