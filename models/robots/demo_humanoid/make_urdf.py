"""Writes demo_humanoid.urdf: `python make_urdf.py`. All lengths in metres, masses in kg; needs nothing but Python.

Convention: root x forward, y left, z up (REP-103). In the zero pose every joint frame is parallel to the root frame,
the arms hang straight down and the palms face the thighs. Every joint axis is +x, +y or +z of that frame, so signs
follow the right-hand rule on both sides; only the thumb's two flexion axes are oblique.
"""

from __future__ import annotations

import math
import xml.etree.ElementTree as ET
from pathlib import Path

COLOURS = {
    "shell": (0.93, 0.94, 0.96),
    "accent": (0.12, 0.42, 0.60),
    "dark": (0.17, 0.19, 0.23),
    "palm": (0.98, 0.60, 0.33),
    "skin": (0.97, 0.86, 0.77),
    "lid": (0.86, 0.66, 0.55),
    "hair": (0.30, 0.20, 0.16),
    "white": (1.0, 1.0, 1.0),
    "iris": (0.16, 0.45, 0.66),
    "black": (0.03, 0.03, 0.04),
    "lips": (0.80, 0.35, 0.36),
    "mouth": (0.30, 0.05, 0.07),
    "light": (0.25, 0.90, 0.95),
}
X, Y, Z = (1, 0, 0), (0, 1, 0), (0, 0, 1)
ALONG_X, ALONG_Y = (0, math.pi / 2, 0), (math.pi / 2, 0, 0)

robot = ET.Element("robot", name="demo_humanoid")


def numbers(values: tuple[float, ...]) -> str:
    return " ".join(f"{round(v, 5) + 0.0:g}" for v in values)


def box(x: float, y: float, z: float, at=(0, 0, 0), colour="shell", rpy=(0, 0, 0)):
    return ("box", {"size": numbers((x, y, z))}, at, rpy, colour, (x, y, z))


def cylinder(radius: float, length: float, at=(0, 0, 0), colour="shell", rpy=(0, 0, 0)):
    shape = {"radius": numbers((radius,)), "length": numbers((length,))}
    return ("cylinder", shape, at, rpy, colour, (1.73 * radius, 1.73 * radius, length))


def sphere(radius: float, at=(0, 0, 0), colour="shell"):
    return ("sphere", {"radius": numbers((radius,))}, at, (0, 0, 0), colour, (1.55 * radius,) * 3)


def rounded(depth: float, width: float, height: float, at=(0, 0, 0), colour="shell"):
    """A trunk segment with round sides: a box between two upright cylinders."""
    x, y, z = at
    aside = (width - depth) / 2
    ends = [cylinder(depth / 2, height, (x, y + s * aside, z), colour) for s in (1, -1)]
    return [box(depth, width - depth, height, at, colour), *ends]


def link(name: str, mass: float, visuals=(), collisions=None, inertial=None) -> None:
    """Add a link. Inertia is that of a solid box the size of `inertial` (default: the first visual)."""
    element = ET.SubElement(robot, "link", name=name)
    if mass > 0:
        kind, _, at, rpy, _, (x, y, z) = inertial or (visuals[0] if visuals else sphere(0.02))
        node = ET.SubElement(element, "inertial")
        ET.SubElement(node, "origin", xyz=numbers(at), rpy=numbers(rpy))
        ET.SubElement(node, "mass", value=f"{mass:g}")
        ixx, iyy, izz = (mass / 12 * (a * a + b * b) for a, b in ((y, z), (x, z), (x, y)))
        ET.SubElement(node, "inertia", ixx=f"{ixx:.4g}", iyy=f"{iyy:.4g}", izz=f"{izz:.4g}", ixy="0", ixz="0", iyz="0")
    for tag, shapes in (("visual", visuals), ("collision", visuals if collisions is None else collisions)):
        for kind, shape, at, rpy, colour, _ in shapes:
            node = ET.SubElement(element, tag)
            ET.SubElement(node, "origin", xyz=numbers(at), rpy=numbers(rpy))
            ET.SubElement(ET.SubElement(node, "geometry"), kind, shape)
            if tag == "visual":
                ET.SubElement(node, "material", name=colour)


def joint(name, parent, child, at, axis=None, limits=(), speed=0.0, effort=0.0, mimic=None) -> None:
    """Add a revolute joint, or a fixed one without `axis`. Limits in rad, speed in rad/s, effort in Nm."""
    element = ET.SubElement(robot, "joint", name=name, type="revolute" if axis else "fixed")
    ET.SubElement(element, "parent", link=parent)
    ET.SubElement(element, "child", link=child)
    ET.SubElement(element, "origin", xyz=numbers(at), rpy="0 0 0")
    if axis:
        ET.SubElement(element, "axis", xyz=numbers(axis))
        low, high = limits
        ET.SubElement(
            element, "limit", lower=f"{low:g}", upper=f"{high:g}", velocity=f"{speed:g}", effort=f"{effort:g}"
        )
        ET.SubElement(element, "dynamics", damping="0.1", friction="0")
    if mimic:
        ET.SubElement(element, "mimic", joint=mimic[0], multiplier=f"{mimic[1]:g}", offset="0")


def mirrored(limits: tuple[float, float], side: int) -> tuple[float, float]:
    """Limits of the left joint, or of its mirror image for side -1 (axes x and z change sign)."""
    return limits if side > 0 else (0.0 - limits[1], 0.0 - limits[0])


def base_and_legs() -> None:
    link("base_link", 0)
    link(
        "pelvis",
        8.0,
        (*rounded(0.15, 0.25, 0.12), *rounded(0.156, 0.256, 0.03, (0, 0, 0.05), "accent")),
        (cylinder(0.075, 0.16, rpy=ALONG_Y),),
        box(0.15, 0.25, 0.12),
    )
    joint("pelvis_mount", "base_link", "pelvis", (0, 0, 0.84))
    for side, s in (("left", 1), ("right", -1)):
        link(f"{side}_thigh", 5.0, (cylinder(0.062, 0.36, (0, 0, -0.19)),))
        joint(f"{side}_hip_mount", "pelvis", f"{side}_thigh", (0, s * 0.082, -0.04))
        shin = (cylinder(0.048, 0.34, (0, 0, -0.19)), sphere(0.054, (0, 0, 0), "accent"))
        link(f"{side}_shin", 3.0, shin, shin[:1])
        joint(f"{side}_knee_mount", f"{side}_thigh", f"{side}_shin", (0, 0, -0.38))
        link(f"{side}_foot", 1.0, (box(0.22, 0.085, 0.05, (0.04, 0, -0.025), "dark"),))
        joint(f"{side}_ankle_mount", f"{side}_shin", f"{side}_foot", (0, 0, -0.37))


def trunk() -> None:
    link("waist_yaw_link", 1.0, (cylinder(0.07, 0.05, (0, 0, -0.01), "dark"),), ())
    joint("waist_yaw", "pelvis", "waist_yaw_link", (0, 0, 0.10), Z, (-0.9, 0.9), 2.5, 120)
    link("waist_pitch_link", 0.8, (cylinder(0.06, 0.14, (0, 0, 0), "dark", ALONG_Y),), ())
    joint("waist_pitch", "waist_yaw_link", "waist_pitch_link", (0, 0, 0), Y, (-0.35, 0.6), 2.5, 120)
    link(
        "torso",
        12.0,
        (
            *rounded(0.155, 0.27, 0.19, (0, 0, 0.235)),
            *rounded(0.135, 0.21, 0.15, (0, 0, 0.075), "accent"),
            *rounded(0.145, 0.23, 0.03, (0, 0, 0.140), "dark"),
            cylinder(0.05, 0.05, (0, 0, 0.345), "accent"),
            cylinder(0.026, 0.012, (0.078, 0, 0.245), "light", ALONG_X),
            box(0.01, 0.10, 0.008, (0.076, 0, 0.195), "accent"),
            sphere(0.062, (0, 0.175, 0.30), "accent"),
            sphere(0.062, (0, -0.175, 0.30), "accent"),
        ),
        (
            cylinder(0.08, 0.17, (0, 0, 0.26), rpy=ALONG_Y),
            cylinder(0.078, 0.155, (0, 0, 0.175), rpy=ALONG_Y),
            cylinder(0.07, 0.15, (0, 0, 0.06), rpy=ALONG_Y),
        ),
        box(0.15, 0.28, 0.33, (0, 0, 0.165)),
    )
    joint("waist_roll", "waist_pitch_link", "torso", (0, 0, 0), X, (-0.4, 0.4), 2.5, 120)


def head() -> None:
    link("neck_yaw_link", 0.4, (cylinder(0.042, 0.06, (0, 0, 0.01), "dark"),))
    joint("neck_yaw", "torso", "neck_yaw_link", (0, 0, 0.37), Z, (-1.4, 1.4), 5.0, 12)
    link("neck_pitch_link", 0.2, (cylinder(0.036, 0.06, (0, 0, 0), "dark", ALONG_Y),), ())
    joint("neck_pitch", "neck_yaw_link", "neck_pitch_link", (0, 0, 0.06), Y, (-0.7, 0.8), 5.0, 12)
    shapes = [
        sphere(0.088, (-0.005, 0, 0.130), "skin"),
        cylinder(0.080, 0.072, (0.002, 0, 0.088), "skin"),
        cylinder(0.066, 0.048, (0, 0, 0.030), "skin"),
        cylinder(0.047, 0.036, (0.021, 0, 0.033), "mouth"),
        cylinder(0.045, 0.05, (-0.015, 0, 0.015), "dark"),
        sphere(0.0905, (-0.016, 0, 0.140), "hair"),
        box(0.014, 0.050, 0.008, (0.079, 0, 0.0545), "lips"),
        sphere(0.012, (0.084, 0, 0.088), "skin"),
        box(0.012, 0.014, 0.026, (0.080, 0, 0.098), "skin"),
    ]
    for s in (1, -1):
        shapes += [
            cylinder(0.026, 0.022, (-0.006, s * 0.081, 0.100), "accent", ALONG_Y),
            sphere(0.0205, (0.066, s * 0.033, 0.118), "white"),
            sphere(0.0120, (0.0762, s * 0.0315, 0.118), "iris"),
            sphere(0.0065, (0.0832, s * 0.0305, 0.118), "black"),
            sphere(0.0022, (0.0882, s * 0.0305 + 0.002, 0.1205), "white"),
        ]
    link("head", 3.5, shapes, (sphere(0.097, (0, 0, 0.125)), sphere(0.078, (0.005, 0, 0.04))))
    joint("neck_roll", "neck_pitch_link", "head", (0, 0, 0), X, (-0.6, 0.6), 5.0, 12)
    chin = (
        cylinder(0.056, 0.046, (0.040, 0, -0.034), "skin"),
        box(0.014, 0.044, 0.009, (0.0895, 0, -0.0135), "lips"),
        sphere(0.018, (0.083, 0, -0.044), "skin"),
    )
    link("jaw_link", 0.2, chin, ())
    joint("jaw", "head", "jaw_link", (-0.012, 0, 0.060), Y, (0, 0.4), 12.0, 2)
    for side, s in (("left", 1), ("right", -1)):
        # Three plates on an arc about the eye's centre: above the eye at 0, in front of it at the upper limit.
        plates = []
        for angle in (-1.85, -1.4, -0.95):
            at = (0.0248 * math.cos(angle), 0, -0.0248 * math.sin(angle))
            plates.append(box(0.005, 0.043, 0.0130, at, "lid", (0, angle, 0)))
        link(f"{side}_eyelid_link", 0.01, plates, ())
        joint(f"{side}_eyelid", "head", f"{side}_eyelid_link", (0.066, s * 0.033, 0.118), Y, (0, 1.3), 16.0, 0.5)
        link(f"{side}_brow_link", 0.01, (box(0.010, 0.042, 0.009, (0.060, 0, 0.004), "hair"),), ())
        joint(f"{side}_brow", "head", f"{side}_brow_link", (0.018, s * 0.035, 0.150), Y, (-0.35, 0.2), 10.0, 0.5)


def arm(side: str, s: int) -> None:
    """Seven joints: shoulder pitch, roll, yaw; elbow; forearm roll; wrist flexion (x) and deviation (y)."""
    link(f"{side}_shoulder_pitch_link", 0.8, (cylinder(0.045, 0.07, (0, -s * 0.005, 0), "dark", ALONG_Y),), ())
    joint(
        f"{side}_shoulder_pitch", "torso", f"{side}_shoulder_pitch_link", (0, s * 0.208, 0.30), Y, (-3.1, 1.0), 6.0, 60
    )
    link(f"{side}_shoulder_roll_link", 0.6, (sphere(0.047, (0, 0, 0), "accent"),), ())
    roll = mirrored((-0.8, 2.9), s)
    joint(
        f"{side}_shoulder_roll", f"{side}_shoulder_pitch_link", f"{side}_shoulder_roll_link", (0, 0, 0), X, roll, 6, 60
    )
    upper = (cylinder(0.040, 0.20, (0, 0, -0.125)), box(0.03, 0.012, 0.15, (0, s * 0.036, -0.12), "accent"))
    link(f"{side}_upper_arm", 1.6, upper, (cylinder(0.042, 0.26, (0, 0, -0.13)),))
    yaw = mirrored((-2.4, 2.4), s)
    joint(f"{side}_shoulder_yaw", f"{side}_shoulder_roll_link", f"{side}_upper_arm", (0, 0, 0), Z, yaw, 7, 40)
    link(f"{side}_elbow_link", 0.6, (cylinder(0.040, 0.078, (0, 0, 0), "accent", ALONG_Y),), ())
    joint(f"{side}_elbow", f"{side}_upper_arm", f"{side}_elbow_link", (0, 0, -0.26), Y, (-2.6, 0.1), 7, 40)
    forearm = (
        cylinder(0.036, 0.11, (0, 0, -0.075)),
        cylinder(0.030, 0.10, (0, 0, -0.170)),
        box(0.028, 0.012, 0.15, (0, s * 0.031, -0.125), "accent"),
        box(0.028, 0.012, 0.15, (0, -s * 0.031, -0.125), "palm"),
    )
    link(
        f"{side}_forearm", 1.0, forearm, (cylinder(0.036, 0.245, (0, 0, -0.12)),), cylinder(0.034, 0.22, (0, 0, -0.12))
    )
    twist = mirrored((-2.3, 2.3), s)
    joint(f"{side}_wrist_roll", f"{side}_elbow_link", f"{side}_forearm", (0, 0, 0), Z, twist, 8, 15)
    link(f"{side}_wrist_pitch_link", 0.15, (sphere(0.028, (0, 0, 0), "dark"),), ())
    flexion = mirrored((-1.3, 1.3), s)
    joint(f"{side}_wrist_pitch", f"{side}_forearm", f"{side}_wrist_pitch_link", (0, 0, -0.24), X, flexion, 8, 12)
    palm = (
        box(0.076, 0.016, 0.086, (0, s * 0.006, -0.050)),
        box(0.070, 0.012, 0.082, (0, -s * 0.007, -0.050), "palm"),
        box(0.040, 0.006, 0.050, (0, s * 0.015, -0.050), "accent"),
        cylinder(0.022, 0.05, (0, 0, -0.006), "dark"),
    )
    link(f"{side}_hand", 0.4, palm, (box(0.08, 0.032, 0.095, (0, 0, -0.048)),))
    joint(f"{side}_wrist_yaw", f"{side}_wrist_pitch_link", f"{side}_hand", (0, 0, 0), Y, (-1.1, 1.1), 8, 12)


def phalanx(name: str, length: float, radius: float, direction=(0.0, 0.0, -1.0), palm_side=(0.0, 0.0, 0.0)) -> None:
    """A finger segment along `direction`, light on the back and palm-coloured on the side of the palm."""
    pitch = math.atan2(-direction[0], -direction[2])
    middle = tuple(d * length / 2 for d in direction)
    soft = tuple(m + 0.35 * radius * p for m, p in zip(middle, palm_side, strict=True))
    body = cylinder(radius, length, middle, "shell", (0, pitch, 0))
    pad = cylinder(radius * 0.86, length * 0.96, soft, "palm", (0, pitch, 0))
    tip = sphere(radius, tuple(d * length for d in direction))
    link(name, 0.02, (body, pad, tip), (body,))


def hand(side: str, s: int) -> None:
    parent = f"{side}_hand"
    palm_side = (0.0, -s, 0.0)
    for finger, x, scale in (
        ("index", 0.030, 1.0),
        ("middle", 0.010, 1.08),
        ("ring", -0.010, 1.0),
        ("pinky", -0.030, 0.8),
    ):
        name = f"{side}_{finger}"
        lengths = [scale * v for v in (0.042, 0.027, 0.021)]
        at = (x, 0.0, -0.093 if finger != "pinky" else -0.088)
        previous = parent
        for i, length in enumerate(lengths, 1):
            child = f"{name}_{i}_link"
            phalanx(child, length, 0.0095 - 0.0008 * i, palm_side=palm_side)
            limits = mirrored((-1.6, 0.25) if i == 1 else (-1.8, 0.0) if i == 2 else (-1.26, 0.0), s)
            mimic = (f"{name}_2", 0.7) if i == 3 else None
            joint(f"{name}_{i}", previous, child, at, X, limits, 9.0, 2.0, mimic)
            previous, at = child, (0.0, 0.0, -length)
    direction = (0.62, 0.0, -math.sqrt(1 - 0.62**2))
    # Flexion turns the thumb towards the palm at thumb_1 = 0, across the fingers when opposed.
    flexion = (-direction[2], 0.0, direction[0])
    previous, at = parent, (0.030, -s * 0.004, -0.022)
    limits = ((-1.6, 0.4), (-0.9, 0.3), (-1.3, 0.1))
    for i, (length, axis) in enumerate(zip((0.038, 0.032, 0.026), (Z, flexion, flexion), strict=True), 1):
        child = f"{side}_thumb_{i}_link"
        phalanx(child, length, 0.0125 - 0.001 * i, direction, palm_side)
        joint(f"{side}_thumb_{i}", previous, child, at, axis, mirrored(limits[i - 1], s), 9.0, 2.0)
        previous, at = child, tuple(d * length for d in direction)


def main() -> None:
    for name, rgb in COLOURS.items():
        material = ET.SubElement(robot, "material", name=name)
        ET.SubElement(material, "color", rgba=numbers((*rgb, 1.0)))
    base_and_legs()
    trunk()
    head()
    for side, s in (("left", 1), ("right", -1)):
        arm(side, s)
        hand(side, s)
    ET.indent(robot, "  ")
    note = "<!-- Generated by make_urdf.py. Licence: Apache-2.0. -->\n"
    text = '<?xml version="1.0"?>\n' + note + ET.tostring(robot, encoding="unicode") + "\n"
    Path(__file__).with_name("demo_humanoid.urdf").write_text(text, encoding="utf-8")


if __name__ == "__main__":
    main()
