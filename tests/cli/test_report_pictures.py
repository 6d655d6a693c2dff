"""Pictures of the robot for the report."""

from __future__ import annotations

import io

import pytest

from speech_gesture_pkg.cli.evaluate_pictures import CELL, robot_pictures


def test_one_small_picture_a_pose(demo_urdf):
    image = pytest.importorskip("PIL.Image")
    draw = robot_pictures(demo_urdf)
    assert draw is not None
    names = ["left_elbow", "no_such_joint"]
    record = {"poses": {"times_s": [1.0, 2.5], "robot": {"joint_names": names, "position": [[0.0, 9.9], [1.5, 9.9]]}}}
    found = draw(record)
    assert [t for t, _ in found] == [1.0, 2.5]
    assert found[0][1] != found[1][1]
    for _, png in found:
        assert image.open(io.BytesIO(png)).size == CELL
        assert len(png) < 20_000
    assert draw({"poses": {"times_s": [], "robot": None}}) == []
    assert draw({}) == []
