"""A desk robot whose head stands on a Stewart platform."""

from __future__ import annotations

import numpy as np
from robot_builder import Builder


def stewart(rng: np.random.Generator, names=None, closed: bool = True) -> str:
    """A desk robot: body yaw, six motors with horns on a ring, rods, a plate, two antennas. Sizes by chance."""
    b = Builder()
    body = b.add("body_yaw", "base_link", (0, 0, 0.03), (0, 0, 1), (-2, 2), centre=(0, 0, 0.03), radius=0.05)
    ring, plate, height, horn = 0.05, 0.03, rng.uniform(0.07, 0.1), rng.uniform(0.035, 0.05)
    balls, tips, ends = [], [], []
    for k in range(6):
        angle = np.pi / 3 * k + (0.12 if k % 2 else -0.12)
        balls.append(np.array([plate * np.cos(angle), plate * np.sin(angle), height]))
        motor = np.array([ring * np.cos(angle), ring * np.sin(angle), 0.04])
        sideways = (-1 if k % 2 else 1) * np.array([-np.sin(angle), np.cos(angle), 0])
        name = (names or [f"motor_{i}" for i in range(6)])[k]
        axis = (np.cos(angle), np.sin(angle), 0)
        link = b.add(name, body, motor, axis, (-0.9, 0.9), centre=(0, 0, 0))
        tip = motor + horn * sideways
        tips.append(tip)
        place = tip - motor
        for letter, ball_axis in zip("xyz", np.eye(3), strict=True):
            joint = f"passive_{k}_{letter}"
            link = b.add(joint, link, place, ball_axis, (-3, 3), velocity=1e8, centre=(0, 0, 0))
            place = np.zeros(3)
        ends.append(link)
        if k < 5:
            off = balls[k] - tip + (0 if closed else 0.01)
            b.add(f"end_{k}_a", link, off, kind="fixed", radius=0)
    link, place = ends[5], balls[5] - tips[5]
    for letter, ball_axis in zip("xyz", np.eye(3), strict=True):
        link = b.add(f"passive_6_{letter}", link, place, ball_axis, (-3, 3), velocity=1e8, centre=(0, 0, 0))
        place = np.zeros(3)
    for k in range(5):
        b.add(f"end_{k}_b", link, balls[k] - balls[5], kind="fixed", radius=0)
    for side, y in (("left", 0.05), ("right", -0.05)):
        spot = np.array([0, y, height + 0.1]) - balls[5]
        b.add(f"{side}_antenna", link, spot, (1, 0, 0), (-1.5, 1.5), centre=(0, 0, 0.1))
    return b.text
