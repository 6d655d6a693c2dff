"""The human figure: pieces ride on the SMPL-X joints, and what moves shows at the right place of the picture."""

from __future__ import annotations

import numpy as np
import pytest

pytest.importorskip("PIL")

from speech_gesture_pkg.motion.parts import ARKIT_INDEX
from speech_gesture_pkg.motion.skeleton import (
    JOINT_INDEX,
    NUM_JOINTS,
    REST_POSITIONS,
    axis_angle_to_matrix,
    forward_kinematics,
)
from speech_gesture_pkg.viewer.human import LINK_NAMES, HumanFigure
from speech_gesture_pkg.viewer.scene import Stage, View

WIDTH, HEIGHT = 220, 240


@pytest.fixture(scope="module")
def figure() -> HumanFigure:
    return HumanFigure()


@pytest.fixture(scope="module")
def stage(figure: HumanFigure) -> Stage:
    return Stage(figure, WIDTH, HEIGHT, View("full", supersample=1))


def pose(**joints: tuple[float, float, float]) -> np.ndarray:
    """Arms hanging, plus the given axis-angles."""
    local = np.zeros((NUM_JOINTS, 3))
    local[JOINT_INDEX["left_shoulder"]] = (0, 0, -1.2)
    local[JOINT_INDEX["right_shoulder"]] = (0, 0, 1.2)
    for name, value in joints.items():
        local[JOINT_INDEX[name]] = value
    return axis_angle_to_matrix(local)


def face(**weights: float) -> np.ndarray:
    out = np.zeros(len(ARKIT_INDEX))
    for name, value in weights.items():
        out[ARKIT_INDEX[name]] = value
    return out


def changed(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    return np.abs(a.astype(int) - b).sum(2) > 40


def test_links_sit_at_the_joints_with_soles_on_the_floor(figure: HumanFigure):
    local = pose(left_elbow=(0, -1.0, 0), spine2=(0.1, 0.2, 0))
    _, positions = forward_kinematics(local[None])
    links = figure.transforms(local)
    floor = REST_POSITIONS[:, 1].min() - 0.035
    expected = positions[0][:, [2, 0, 1]] - (0, 0, floor)  # (x, y, z)_robot = (z, x, y)_smplx
    np.testing.assert_allclose(links[:NUM_JOINTS, :3, 3], expected, atol=1e-12)
    vertices, _ = figure.mesh.posed(figure.transforms(pose()))
    assert vertices[:, 2].min() == pytest.approx(0.0, abs=0.03)


def test_root_translation_moves_everything(figure: HumanFigure):
    moved = figure.transforms(pose(), root=np.array([0.1, 0.2, 0.3])) - figure.transforms(pose())
    np.testing.assert_allclose(moved[:, :3, 3], np.tile([0.3, 0.1, 0.2], (len(LINK_NAMES), 1)), atol=1e-12)


def test_fits_its_declared_box_in_a_wide_gesture(figure: HumanFigure):
    vertices, _ = figure.mesh.posed(figure.transforms(pose()))
    assert (vertices > figure.low - 0.03).all()
    assert (vertices < figure.high + 0.03).all()


def test_raising_the_left_arm_changes_the_right_half_of_the_picture(figure: HumanFigure, stage: Stage):
    """The camera faces the figure, so its left hand is at the picture's right."""
    still = stage.draw(figure.transforms(pose()))
    raised = stage.draw(figure.transforms(pose(left_shoulder=(0, 0, 0.6))))
    _, columns = np.nonzero(changed(still, raised)[: HEIGHT * 7 // 10])  # above the floor: shadows aside
    assert len(columns) > 100
    assert columns.min() > WIDTH / 2
    wrist = figure.transforms(pose(left_shoulder=(0, 0, 0.6)))[JOINT_INDEX["left_wrist"], :3, 3]
    (u, v), _ = stage.camera.project(wrist)
    assert changed(still, raised)[int(v), int(u)]
    mirrored = stage.draw(figure.transforms(pose(right_shoulder=(0, 0, -0.6))))
    assert np.nonzero(changed(still, mirrored)[: HEIGHT * 7 // 10])[1].max() < WIDTH / 2


def test_a_finger_can_be_seen_to_move(figure: HumanFigure):
    stage = Stage(figure, 480, 440, View("upper"))
    bent = pose(left_index1=(0, 0, -1.2), left_elbow=(0, -1.5, 0))
    assert changed(
        stage.draw(figure.transforms(pose(left_elbow=(0, -1.5, 0)))), stage.draw(figure.transforms(bent))
    ).any()


@pytest.mark.parametrize(
    ("weights", "link"),
    [
        ({"eyeBlinkLeft": 1.0}, "left_eye_smplhf"),
        ({"eyeBlinkRight": 1.0}, "right_eye_smplhf"),
        ({"jawOpen": 0.8}, "mouth"),
        ({"browOuterUpLeft": 1.0}, "left_brow"),
    ],
)
def test_face_weights_show_where_they_belong(figure: HumanFigure, weights: dict[str, float], link: str):
    """A change of one weight stays within 6 cm of its place on the face."""
    close = Stage(_Head(figure), 300, 300, View("full", elevation_deg=0.0))
    neutral = figure.transforms(pose(), face())
    rows, columns = np.nonzero(changed(close.draw(neutral), close.draw(figure.transforms(pose(), face(**weights)))))
    assert len(rows) > 30
    index = LINK_NAMES.index(link)
    vertices, _ = figure.mesh.posed(neutral)
    centre, _ = close.camera.project(vertices[figure.mesh.link == index].mean(0))
    reach = 0.06 * close.camera.focal / 1.0
    depth = close.camera.project(vertices[figure.mesh.link == index].mean(0))[1]
    assert np.hypot(columns - centre[0], rows - centre[1]).max() < reach / depth


def test_the_jaw_joint_opens_the_mouth_without_weights(figure: HumanFigure):
    close = Stage(_Head(figure), 300, 300, View("full", elevation_deg=0.0))
    opened = pose(jaw=(np.radians(15), 0, 0))
    assert changed(close.draw(figure.transforms(pose())), close.draw(figure.transforms(opened))).sum() > 50


class _Head:
    """The same figure, framed at its head."""

    low, high = np.array([-0.12, -0.15, 1.42]), np.array([0.15, 0.15, 1.80])

    def __init__(self, figure: HumanFigure) -> None:
        self.mesh = figure.mesh
