"""Software rasteriser: a z-buffer in plain numpy, smooth shading from a table. No GPU, no display, no GL library.

Triangles are cut into one span per pixel row (Pineda's edge functions solved for x), spans into pixels, and the nearest
candidate of each pixel wins. 1/depth and the view-space normal are affine along a span. Light is looked up in a table
indexed by the normal (a "matcap"), so that shading costs one gather per visible pixel.

Own code because renderers from PyPI (pyrender, VTK, Open3D) need OpenGL and a display or EGL, which a robot's computer
and a CI machine often lack.
"""

from __future__ import annotations

import numpy as np

from speech_gesture_pkg.viewer.camera import Camera
from speech_gesture_pkg.viewer.shapes import LinkMesh

_TABLE = 128
"""Cells per side of the light table."""


def _unit(*v: float) -> np.ndarray:
    return np.array(v) / np.linalg.norm(v)


def light_table(colours: np.ndarray) -> np.ndarray:
    """Shaded colour of each material for each view-space normal.

    Soft key light from the upper left, sky and ground ambient, a faint rim and a broad highlight; computed in linear
    light.

    Args:
        colours: sRGB in [0, 1]. Shape [M, 3].

    Returns:
        packed RGBA bytes with alpha 255, index [material, row of n_y, column of n_x]. Shape [M, 128 * 128], uint32.
    """
    axis = (np.arange(_TABLE) + 0.5) / _TABLE * 2 - 1
    ny, nx = np.meshgrid(axis, axis, indexing="ij")
    over = np.maximum(np.hypot(nx, ny), 1.0)
    nx, ny = nx / over, ny / over
    nz = np.sqrt(np.maximum(1 - nx**2 - ny**2, 0))
    normal = np.stack([nx, ny, nz], axis=-1)
    key, fill = _unit(-0.45, 0.62, 0.65), _unit(0.8, 0.05, 0.5)
    diffuse = np.clip((normal @ key + 0.3) / 1.3, 0, 1) ** 1.15
    light = 0.86 * diffuse + 0.16 * np.clip(normal @ fill, 0, 1) + 0.20 + 0.12 * ny
    light *= 1 - 0.42 * (1 - nz) ** 3  # grazing surfaces darken: limbs stand out from the body behind them
    shine = 0.16 * np.clip(normal @ _unit(key[0], key[1], key[2] + 1), 0, 1) ** 28
    rim = 0.10 * np.clip((1 - nz), 0, 1) ** 4 * np.clip(0.3 + ny, 0, 1)
    linear = np.asarray(colours, float).reshape(-1, 1, 1, 3) ** 2.2
    shaded = linear * light[..., None] + (shine + rim)[..., None]
    rgb = np.clip(shaded, 0, 1) ** (1 / 2.2) * 255
    rgba = np.full((len(rgb), _TABLE, _TABLE, 4), 255, np.uint8)
    rgba[..., :3] = np.round(rgb)
    return rgba.reshape(len(rgb), -1, 4).view(np.uint32)[..., 0]


def _front_facing(xy: np.ndarray, faces: np.ndarray, two_sided: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Faces turned to the viewer (mask) and faces seen from behind that are drawn anyway (mask)."""
    a, b, c = (xy[faces[:, k]] for k in range(3))
    area = (b[:, 0] - a[:, 0]) * (c[:, 1] - a[:, 1]) - (b[:, 1] - a[:, 1]) * (c[:, 0] - a[:, 0])
    return area < -1e-9, (area > 1e-9) & two_sided  # y points down: counter-clockwise has negative area


def rasterise(
    camera: Camera, vertices: np.ndarray, normals: np.ndarray, mesh: LinkMesh, table: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """Draw a mesh.

    Args:
        camera: where from, and the picture size.
        vertices, normals: world frame, as `LinkMesh.posed` returns them. Shape [V, 3].
        table: `light_table(mesh.colours)`.

    Returns:
        colour: premultiplied RGBA, 0 where nothing was drawn. Shape [height, width, 4], uint8.
        depth: metres, inf where nothing was drawn. Shape [height, width], float32.
    """
    width, height = camera.width, camera.height
    colour = np.zeros(width * height, np.uint32)
    nearest = np.zeros(width * height, np.float32)
    xy, depth = camera.project(vertices)
    towards = normals @ camera.axes[:2].T
    length = np.linalg.norm(normals, axis=1)
    towards /= np.maximum(length, 1e-12)[:, None]
    inverse = 1.0 / np.maximum(depth, camera.NEAR)

    front, back = _front_facing(xy, mesh.faces, mesh.two_sided)
    ahead = _least(depth[mesh.faces]) > camera.NEAR
    keep = np.flatnonzero((front | back) & ahead)
    faces = mesh.faces[keep]
    if len(faces):
        flip = np.where(back[keep], -1.0, 1.0)[:, None]  # a face seen from behind is lit as if it faced us
        half = _TABLE / 2
        values = np.stack(
            [inverse[faces], flip * half * towards[faces, 0] + half, flip * half * towards[faces, 1] + half], axis=2
        )
        pixel, span, offset, start, slope, face = _fragments(xy[faces], values, width, height)
        z = start[0][span] + slope[0][span] * offset
        np.maximum.at(nearest, pixel, z)
        won = np.flatnonzero(z >= nearest[pixel])
        pixel, span, offset = pixel[won], span[won], offset[won]
        column, row = (
            np.clip(start[k][span] + slope[k][span] * offset, 0, _TABLE - 1).astype(np.int32) for k in (1, 2)
        )
        material = (mesh.material[keep] * (_TABLE * _TABLE)).astype(np.int32)[face]
        colour[pixel] = table.reshape(-1)[material[span] + row * _TABLE + column]
    with np.errstate(divide="ignore"):
        metres = 1.0 / nearest
    return colour.view(np.uint8).reshape(height, width, 4), metres.reshape(height, width)


def _least(triples: np.ndarray) -> np.ndarray:
    """Row minimum of `[N, 3]`; three times quicker than `min(1)` on so short an axis."""
    return np.minimum(np.minimum(triples[:, 0], triples[:, 1]), triples[:, 2])


def _fragments(
    corners: np.ndarray, values: np.ndarray, width: int, height: int
) -> tuple[np.ndarray, np.ndarray, np.ndarray, list[np.ndarray], list[np.ndarray], np.ndarray]:
    """All pixels whose centre lies in a triangle.

    Args:
        corners: pixels. Shape [F, 3, 2].
        values: numbers at the corners, interpolated affinely on the picture. Shape [F, 3, A].

    Returns:
        pixel: index into the flattened picture. Shape [P].
        span: which row span the pixel belongs to. Shape [P].
        offset: pixels from the span's first. Shape [P], float32.
        start: per value, at the span's first pixel. A arrays [S], float32.
        slope: per value, the change per pixel. A arrays [S], float32.
        face: of each span. Shape [S].
    """
    order = np.argsort(corners[:, :, 1], axis=1)
    x = np.take_along_axis(corners[:, :, 0], order, axis=1)
    y = np.take_along_axis(corners[:, :, 1], order, axis=1)
    top = np.clip(np.ceil(y[:, 0] - 0.5), 0, height).astype(np.int64)
    rows = np.maximum(np.clip(np.ceil(y[:, 2] - 0.5), 0, height).astype(np.int64) - top, 0)
    face = np.repeat(np.arange(len(corners)), rows)
    row = np.arange(len(face)) - np.repeat(np.cumsum(rows) - rows - top, rows)
    centre = row + 0.5

    # A row's centre line crosses the long edge (top to bottom) and one of the two short ones. Every edge is evaluated
    # from its upper end, so that neighbours that share it agree to the last bit and leave no crack.
    dx, dy = x[:, [1, 2, 2]] - x[:, [0, 1, 0]], y[:, [1, 2, 2]] - y[:, [0, 1, 0]]
    per_row = dx / np.where(dy > 1e-12, dy, 1.0)
    short = 2 * face + (centre >= y[:, 1][face])
    upper_x, upper_y = (np.ascontiguousarray(v[:, :2]).reshape(-1)[short] for v in (x, y))
    one = upper_x + np.ascontiguousarray(per_row[:, :2]).reshape(-1)[short] * (centre - upper_y)
    other = x[:, 0][face] + per_row[:, 2][face] * (centre - y[:, 0][face])
    first = np.clip(np.ceil(np.minimum(one, other) - 0.5), 0, width).astype(np.int64)
    count = np.maximum(np.clip(np.ceil(np.maximum(one, other) - 0.5), 0, width).astype(np.int64) - first, 0)
    used = np.flatnonzero(count)
    face, row, first, count = face[used], row[used], first[used], count[used]

    # value = constant + gx * x + gy * y
    e1, e2 = corners[:, 1] - corners[:, 0], corners[:, 2] - corners[:, 0]
    det = e1[:, 0] * e2[:, 1] - e1[:, 1] * e2[:, 0]
    v1, v2 = values[:, 1] - values[:, 0], values[:, 2] - values[:, 0]
    gx = (v1 * e2[:, 1:] - v2 * e1[:, 1:]) / det[:, None]
    gy = (v2 * e1[:, :1] - v1 * e2[:, :1]) / det[:, None]
    constant = values[:, 0] - gx * corners[:, 0, :1] - gy * corners[:, 0, 1:]
    u, v = first + 0.5, row + 0.5
    start = [
        (constant[:, k][face] + gx[:, k][face] * u + gy[:, k][face] * v).astype(np.float32)
        for k in range(values.shape[2])
    ]
    slope = [gx[:, k].astype(np.float32)[face] for k in range(values.shape[2])]

    span = np.repeat(np.arange(len(face), dtype=np.int32), count)
    begin = (np.cumsum(count) - count).astype(np.int32)
    offset = np.arange(len(span), dtype=np.int32) - begin[span]
    pixel = (row * width + first)[span] + offset
    return pixel, span, offset.astype(np.float32), start, slope, face
