"""Camera and rasteriser against closed forms and a brute-force point-in-triangle test."""

from __future__ import annotations

import importlib
import sys

import numpy as np
import pytest

pytest.importorskip("PIL")
pytest.importorskip("trimesh")

from speech_gesture_pkg.errors import MissingDependencyError
from speech_gesture_pkg.viewer.camera import Camera
from speech_gesture_pkg.viewer.raster import _fragments, light_table, rasterise
from speech_gesture_pkg.viewer.shapes import (
    LinkMesh,
    Shape,
    Trimesh,
    box,
    capsule,
    cylinder,
    ellipsoid,
    sphere,
    translation,
)

RED, GREEN = (1.0, 0.0, 0.0), (0.0, 1.0, 0.0)


def front_camera(distance: float, size: int = 200, fov_deg: float = 30.0) -> Camera:
    """On the x axis, looking at the origin along -x: picture right is +y, picture up is +z."""
    return Camera((distance, 0, 0), (0, 0, 0), size, size, fov_deg)


def draw(camera: Camera, *shapes: Shape) -> tuple[np.ndarray, np.ndarray]:
    mesh = LinkMesh.merge([(0, s) for s in shapes])
    vertices, normals = mesh.posed(np.eye(4)[None])
    return rasterise(camera, vertices, normals, mesh, light_table(mesh.colours))


def coloured(shape: Shape, colour: tuple[float, float, float], at: tuple[float, float, float] = (0, 0, 0)) -> Shape:
    return shape.moved(translation(at), colour)


def test_projection_of_a_point_is_the_pinhole_formula():
    camera = Camera((4.0, 0.0, 0.0), (0.0, 0.0, 0.0), 320, 240, 40.0)
    focal = 120 / np.tan(np.radians(20))
    pixel, depth = camera.project(np.array([1.0, 0.25, 0.5]))
    assert depth == pytest.approx(3.0)
    np.testing.assert_allclose(pixel, [160 + focal * 0.25 / 3, 120 - focal * 0.5 / 3])


def test_ray_through_a_projected_point_hits_it():
    camera = Camera((3.0, 1.0, 2.0), (0.0, 0.2, 0.9), 300, 200, 35.0)
    point = np.array([0.3, -0.4, 1.1])
    pixel, depth = camera.project(point)
    np.testing.assert_allclose(camera.eye + camera.rays(pixel) * depth, point, atol=1e-12)


@pytest.mark.parametrize("azimuth", [0.0, 35.0, -120.0])
def test_framing_holds_the_whole_box_and_wastes_little(azimuth: float):
    low, high = np.array([-0.3, -0.7, 0.0]), np.array([0.4, 0.7, 1.8])
    camera = Camera.framing(low, high, (320, 240), azimuth, 10.0)
    corners = np.array(np.meshgrid(*zip(low, high, strict=True))).reshape(3, -1).T
    pixels, depth = camera.project(corners)
    assert (depth > 0).all()
    assert (pixels >= 0).all()
    assert (pixels <= (320, 240)).all()
    assert np.ptp(pixels[:, 1]) > 0.8 * 240 or np.ptp(pixels[:, 0]) > 0.8 * 320


@pytest.mark.parametrize("order", [0, 1])
def test_the_nearer_box_hides_the_farther_whatever_the_order(order: int):
    near, far = coloured(box((0.2, 0.4, 0.4)), RED, (0.5, 0, 0)), coloured(box((0.2, 1.0, 1.0)), GREEN, (-0.5, 0, 0))
    picture, depth = draw(front_camera(5.0), *((near, far) if order else (far, near)))
    centre, edge = picture[100, 100], picture[100, 130]
    assert centre[0] > 80
    assert centre[1] < 60
    assert edge[1] > 80
    assert edge[0] < 60
    assert depth[100, 100] == pytest.approx(5.0 - 0.6, rel=1e-4)
    assert depth[100, 130] == pytest.approx(5.0 + 0.4, rel=1e-4)


def test_interpenetrating_boxes_are_cut_where_they_meet():
    """A slanted slab through an upright one: each is in front on its own side of the line where they cross."""
    turn = np.eye(4)
    turn[:2, :2] = [[np.cos(0.5), -np.sin(0.5)], [np.sin(0.5), np.cos(0.5)]]
    upright, slanted = coloured(box((0.02, 1, 1)), RED), box((0.02, 1, 1)).moved(turn, GREEN)
    picture, _ = draw(front_camera(4.0), upright, slanted)
    row = picture[100, 65:135].astype(int)  # both slabs cover all of it
    assert (row[:, 3] == 255).all()
    change = np.flatnonzero(np.diff((row[:, 1] > row[:, 0]).astype(int)))
    assert len(change) == 1
    assert abs(change[0] - 34.5) < 3


def test_area_of_a_square_seen_head_on():
    camera = front_camera(3.0)
    picture, depth = draw(camera, box((1.0, 0.8, 0.8)))
    side = camera.focal * 0.8 / 2.5
    assert (picture[..., 3] > 0).sum() == pytest.approx(side**2, rel=0.02)
    assert np.isfinite(depth).sum() == (picture[..., 3] > 0).sum()


def test_silhouette_of_a_sphere_is_its_tangent_cone():
    camera = front_camera(3.0, 400)
    picture, _ = draw(camera, ellipsoid((0, 0, 0), (0.6,) * 3, (64, 48)))
    radius = camera.focal * 0.6 / np.sqrt(3.0**2 - 0.6**2)
    assert (picture[..., 3] > 0).sum() == pytest.approx(np.pi * radius**2, rel=0.01)


@pytest.mark.parametrize(
    "shape",
    [sphere(0.4), capsule((0, -0.3, -0.2), (0, 0.3, 0.3), 0.2, 0.1), cylinder(0.3, 0.6), box((0.5, 0.5, 0.5))],
)
def test_closed_shapes_have_no_cracks(shape: Shape):
    """Every row of a convex silhouette is one unbroken run of pixels."""
    turned = np.eye(4)
    turned[1:3, 1:3] = [[0.8, -0.6], [0.6, 0.8]]
    picture, _ = draw(front_camera(3.0, 300), shape.moved(turned))
    for row in picture[..., 3] > 0:
        assert np.abs(np.diff(np.pad(row, 1).astype(int))).sum() in (0, 2)


def test_pixels_of_random_triangles_match_the_half_plane_test():
    rng = np.random.default_rng(3)
    corners = rng.uniform(-5, 45, (40, 3, 2))
    pixel, span, offset, start, slope, face = _fragments(corners, corners.copy(), 40, 30)
    u, v = np.meshgrid(np.arange(40) + 0.5, np.arange(30) + 0.5)
    points = np.stack([u.ravel(), v.ravel()], axis=1)
    for k, triangle in enumerate(corners):
        edge = np.roll(triangle, -1, 0) - triangle
        side = [
            e[0] * (points[:, 1] - p[1]) - e[1] * (points[:, 0] - p[0]) for e, p in zip(edge, triangle, strict=True)
        ]
        inside = (np.array(side) > 0).all(0) | (np.array(side) < 0).all(0)
        np.testing.assert_array_equal(np.sort(pixel[face[span] == k]), np.flatnonzero(inside))
    # The interpolated value is the corner position itself: at each pixel it must be the pixel's own centre.
    for axis in (0, 1):
        got = start[axis][span] + slope[axis][span] * offset
        np.testing.assert_allclose(got, points[pixel, axis], atol=2e-3)


def test_outside_only_is_drawn_unless_two_sided():
    corners = np.array([[0, -1, -1], [0, 1, -1], [0, 0, 1.0]])
    facing_away = Shape(Trimesh(corners, [[0, 2, 1]]))
    both = Shape(facing_away.mesh, two_sided=True)
    assert draw(front_camera(5.0), facing_away)[0].max() == 0
    assert draw(front_camera(5.0), both)[0].max() > 0


def test_geometry_behind_and_beside_the_camera_is_left_out():
    shapes = [box((1, 1, 1)).moved(translation(p)) for p in ((9.0, 0, 0), (5.0, 0, 0), (0, 60.0, 0))]
    picture, depth = draw(front_camera(5.0), *shapes)
    assert picture.max() == 0
    assert np.isinf(depth).all()


def test_light_comes_from_the_upper_left_and_alpha_is_full():
    table = light_table(np.array([[0.5, 0.5, 0.5]])).view(np.uint8).reshape(128, 128, 4)
    assert (table[..., 3] == 255).all()
    assert int(table[96, 40, 0]) > int(table[32, 88, 0]) + 40


def test_missing_trimesh_says_what_to_install(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setitem(sys.modules, "trimesh", None)
    monkeypatch.delitem(sys.modules, "speech_gesture_pkg.viewer.shapes")
    with pytest.raises(MissingDependencyError, match=r"pip install.*viewer"):
        importlib.import_module("speech_gesture_pkg.viewer.shapes")
