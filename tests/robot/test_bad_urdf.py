"""URDFs as they come in the field, through the command: one sentence and exit code 5, or served; never a traceback."""

from __future__ import annotations

import re

import numpy as np
import pytest

from speech_gesture_pkg.cli.main import main
from speech_gesture_pkg.motion.frames import MotionFrames
from speech_gesture_pkg.motion.npz import save_motion
from speech_gesture_pkg.motion.skeleton import NUM_JOINTS
from speech_gesture_pkg.trajectory.joint_motion import RobotTrajectory

LIMIT = '<limit lower="-1" upper="1" velocity="2" effort="1"/>'
XACRO = 'xmlns:xacro="http://www.ros.org/wiki/xacro"'


def link(name: str, shape: str = "") -> str:
    inside = f"<collision><geometry>{shape}</geometry></collision>" if shape else ""
    return f'<link name="{name}">{inside}</link>'


def joint(name: str, parent: str, child: str, at="0 0 0", axis="0 1 0", kind="revolute", limit=LIMIT) -> str:
    return (
        f'<joint name="{name}" type="{kind}"><parent link="{parent}"/><child link="{child}"/><origin xyz="{at}"/>'
        f'<axis xyz="{axis}"/>{limit}</joint>'
    )


def robot(*parts: str) -> str:
    return f'<robot name="odd">{"".join(parts)}</robot>'


def snake(count: int) -> str:
    links = (link(f"l{k}") for k in range(count))
    return robot(*links, *(joint(f"j{k}", f"l{k}", f"l{k + 1}") for k in range(count - 1)))


def cart() -> str:
    wheel, spin = '<cylinder radius="0.1" length="0.05"/>', '<limit velocity="10" effort="1"/>'
    spots = [(x, y) for x in (0.25, -0.25) for y in (0.2, -0.2)]
    return robot(
        link("base", '<box size="0.6 0.4 0.2"/>'),
        *(link(f"w{k}", wheel) for k in range(4)),
        *(
            joint(f"wheel{k}", "base", f"w{k}", f"{x} {y} -0.1", kind="continuous", limit=spin)
            for k, (x, y) in enumerate(spots)
        ),
    )


def dog() -> str:
    parts = [link("trunk", '<box size="0.4 0.1 0.1"/>')]
    for leg, x, y in (("FL", 0.2, 0.1), ("FR", 0.2, -0.1), ("RL", -0.2, 0.1), ("RR", -0.2, -0.1)):
        parent, at = "trunk", f"{x} {y} 0"
        for part, axis in (("hip", "1 0 0"), ("thigh", "0 1 0"), ("calf", "0 1 0")):
            parts.append(link(f"{leg}_{part}", '<cylinder radius="0.02" length="0.18"/>'))
            parts.append(joint(f"{leg}_{part}_joint", parent, f"{leg}_{part}", at, axis))
            parent, at = f"{leg}_{part}", "0 0 0" if part == "hip" else "0 0 -0.2"
    return robot(*parts)


NOTHING = "has no arms, head, waist, hands or face that can be recognised"
BAD = {
    "cut off": (lambda good: good[: len(good) // 2], "is not well-formed XML"),
    "no limits": (lambda good: re.sub(r"<limit [^>]*>", "", good), "joints 'waist_yaw', "),
    "lower above upper": (lambda good: re.sub(r'lower="[^"]*"', 'lower="9"', good), "have lower 9 > upper"),
    "limits NaN": (lambda good: re.sub(r'upper="[^"]*"', 'upper="nan"', good), "unusable joint limits"),
    "limits infinite": (lambda good: re.sub(r'upper="[^"]*"', 'upper="inf"', good), "unusable joint limits"),
    "limits a word": (
        lambda good: re.sub(r'upper="[^"]*"', 'upper="wide"', good),
        "has upper='wide'; it must be a number",
    ),
    "no speed": (lambda good: re.sub(r'velocity="[^"]*"', 'velocity="0"', good), "unusable joint limits"),
    "two joints of a name": (lambda good: good.replace('"neck_pitch"', '"neck_yaw"'), "two joints named 'neck_yaw'"),
    "two links of a name": (
        lambda good: good.replace("</robot>", link("torso") + "</robot>"),
        "two links named 'torso'",
    ),
    "mimic of nobody": (lambda good: re.sub(r'mimic joint="[^"]*"', 'mimic joint="ghost"', good), "mimics 'ghost'"),
    "huge places": (lambda good: re.sub(r'xyz="[^"]*"', 'xyz="1e300 0 0"', good), "it must be in [-1000, 1000] m"),
    "huge sizes": (lambda good: re.sub(r'radius="[^"]*"', 'radius="1e200"', good), "it must be in [0, 1000] m"),
    "negative sizes": (lambda good: re.sub(r'radius="[^"]*"', 'radius="-0.1"', good), "it must be in [0, 1000] m"),
    "axis zero": (lambda good: re.sub(r"<axis [^>]*/>", '<axis xyz="0 0 0"/>', good), "has a zero axis"),
    "axis of two numbers": (
        lambda good: re.sub(r"<axis [^>]*/>", '<axis xyz="1 0"/>', good),
        "must be 3 finite numbers",
    ),
    "unknown joint type": (lambda good: good.replace('"revolute"', '"wobbly"', 1), "joint type 'wobbly' is unknown"),
    "xacro": (
        lambda good: good.replace("<robot ", f"<robot {XACRO} ").replace("</robot>", "<xacro:include/></robot>"),
        "holds <xacro:include>: expand it first",
    ),
    "xacro value": (lambda good: good.replace('lower="', 'lower="${pi}', 1), "it must be a number"),
    "empty": (lambda _: "", "is empty"),
    "web page": (lambda _: "<!DOCTYPE html><html><body>404</body></html>", "starts with <html>"),
    "SDF": (lambda _: '<sdf version="1.6"><model name="x"/></sdf>', "starts with <sdf>"),
    "loop": (
        lambda _: robot(*map(link, "rab"), joint("0", "r", "a"), joint("1", "a", "b"), joint("2", "b", "a")),
        "a URDF is a tree",
    ),
    "ring": (lambda _: robot(*map(link, "ab"), joint("1", "a", "b"), joint("2", "b", "a")), "has no root link"),
    "two roots": (lambda _: robot(*map(link, "abcd"), joint("1", "a", "b"), joint("2", "c", "d")), "2 root links"),
    "300 links": (lambda _: snake(300), NOTHING),
    "no joints": (lambda _: robot(link("stone")), NOTHING),
    "wheels only": (lambda _: cart(), NOTHING),
    "dog": (lambda _: dog(), NOTHING),
}
SERVED = {
    "zero inertia": lambda good: re.sub(r'(ixx|iyy|izz|mass value)="[^"]*"', r'\1="0"', good),
    "negative mass": lambda good: re.sub(r'mass value="[^"]*"', 'mass value="-1"', good),
    "missing meshes": lambda good: re.sub(
        r"<(box|cylinder|sphere) [^>]*/>", '<mesh filename="package://no/x.stl"/>', good
    ),
    "broken meshes": lambda good: re.sub(r"<(box|cylinder|sphere) [^>]*/>", '<mesh filename="broken.stl"/>', good),
    "flat shapes": lambda good: re.sub(r'(radius|length)="[^"]*"', r'\1="0"', good),
    "placeholder speeds": lambda good: re.sub(r'velocity="[^"]*"', 'velocity="1e30"', good),
}


@pytest.fixture
def folder(tmp_path):
    save_motion(tmp_path / "motion.npz", MotionFrames(np.zeros((20, NUM_JOINTS, 3)), 30.0))
    (tmp_path / "broken.stl").write_bytes(b"not a mesh")
    return tmp_path


def one_sentence(capsys, line: str, said: str) -> None:
    assert main(line.split()) == 5
    out, err = capsys.readouterr()
    assert not out
    assert len(err.splitlines()) == 1, err
    assert said in err
    assert "Traceback" not in err
    assert "Warning" not in err


@pytest.mark.parametrize("case", BAD)
def test_refused_in_one_sentence(case, folder, demo_urdf, capsys):
    change, said = BAD[case]
    (folder / "bad.urdf").write_text(change(demo_urdf.read_text()))
    for verb in (
        "robot check {0}/bad.urdf --png {0}/x.png",
        "retarget {0}/motion.npz -o {0}/x.npz --urdf {0}/bad.urdf",
        "demo --headless --out {0}/demo --urdf {0}/bad.urdf",
    ):
        one_sentence(capsys, verb.format(folder), said)
    assert sorted(p.name for p in folder.iterdir()) == ["bad.urdf", "broken.stl", "motion.npz"]


def test_no_text_at_all(folder, capsys):
    (folder / "bytes.urdf").write_bytes(bytes(range(256)) * 40)
    one_sentence(capsys, f"robot check {folder}/bytes.urdf", "cannot be read")
    (folder / "folder.urdf").mkdir()
    one_sentence(capsys, f"robot check {folder}/folder.urdf", "cannot be read: Is a directory")


@pytest.mark.parametrize("case", SERVED)
def test_served_all_the_same(case, folder, demo_urdf, capsys):
    """What motion does not depend on does no harm: every number that comes out is finite and inside the limits."""
    (folder / "odd.urdf").write_text(SERVED[case](demo_urdf.read_text()))
    assert main(f"retarget {folder}/motion.npz -o {folder}/x.npz --urdf {folder}/odd.urdf".split()) == 0
    made = RobotTrajectory.load(folder / "x.npz")
    assert np.isfinite(np.concatenate([made.position, made.velocity, made.acceleration])).all()
    assert len(made.joint_names) == 47  # all of them
    assert not capsys.readouterr().err
