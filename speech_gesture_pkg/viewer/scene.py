"""One figure on a stage: backdrop, floor with grid and soft shadow, the figure itself, anti-aliased."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

import numpy as np
from scipy.ndimage import uniform_filter

from speech_gesture_pkg.viewer.camera import Camera
from speech_gesture_pkg.viewer.imaging import Image
from speech_gesture_pkg.viewer.raster import light_table, rasterise
from speech_gesture_pkg.viewer.shapes import LinkMesh


class Figure(Protocol):
    """What a stage can show: triangles on links, and the box they stay in (REP-103 metres)."""

    mesh: LinkMesh
    low: np.ndarray
    high: np.ndarray


@dataclass(frozen=True)
class View:
    """How a figure is looked at.

    Attributes:
        framing: "upper" holds the gesture space from mid-thigh up, "full" the whole figure on its floor.
        azimuth_deg: 0 faces the figure; positive walks to its left.
        elevation_deg: camera height above the horizon.
        supersample: samples per pixel each way; 2 gives smooth edges, 1 is four times quicker.
    """

    framing: str = "full"
    azimuth_deg: float = 0.0
    elevation_deg: float = 8.0
    supersample: int = 2


_TOP, _BOTTOM, _FLOOR = np.array([240, 243, 247.0]), np.array([206, 214, 224.0]), np.array([222, 227, 233.0])
_LINE = np.array([178, 188, 200.0])
_SHADOW_CELLS = 144


class Stage:
    """Draws one figure in one picture of fixed size and view; what does not move is prepared once."""

    def __init__(
        self, figure: Figure, width: int, height: int, view: View | None = None, camera: Camera | None = None
    ) -> None:
        """`camera` instead of the one that `view` stands for."""
        view = view or View()
        self.figure = figure
        low, high = figure.low.astype(float).copy(), figure.high.astype(float)
        if view.framing == "upper":
            low[2] += 0.36 * (high[2] - low[2])
        self.camera = camera or Camera.framing(low, high, (width, height), view.azimuth_deg, view.elevation_deg)
        self._fine = self.camera.scaled(view.supersample)
        self._supersample = view.supersample
        self._table = light_table(figure.mesh.colours)
        self._floor_height = float(figure.low[2])
        self._centre = (figure.low[:2] + figure.high[:2]) / 2
        self._reach = 0.8 * float((figure.high - figure.low).max())
        self._areas = _vertex_areas(figure.mesh)
        self._background, self._floor_pixels, self._floor_cells = self._backdrop()

    def _backdrop(self) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Backdrop [h, w, 3] uint8; flat indices of the floor pixels near the figure; their shadow cells."""
        width, height = self.camera.width, self.camera.height
        v, u = np.mgrid[0:height, 0:width] + 0.5
        blend = (v / height)[..., None] ** 1.3
        colour = (1 - blend) * _TOP + blend * _BOTTOM
        rays = self.camera.rays(np.stack([u, v], axis=-1))
        down = rays[..., 2] < -1e-4
        distance = np.where(down, (self._floor_height - self.camera.eye[2]) / np.where(down, rays[..., 2], -1.0), 0.0)
        ground = self.camera.eye[:2] + rays[..., :2] * distance[..., None] - self._centre
        radius = np.linalg.norm(ground, axis=-1) / self._reach
        fade = np.where(down, np.clip(1.6 - radius * 0.75, 0, 1), 0.0)[..., None]
        colour = (1 - 0.75 * fade) * colour + 0.75 * fade * _FLOOR
        # Lines every `cell`, one and a half pixels wide whatever the distance.
        cell = self._reach / 4
        pixel = np.maximum(distance, 1e-3) / self.camera.focal
        stretch = np.stack([pixel / np.maximum(np.abs(rays[..., 2]), 0.05), pixel], axis=-1)
        gap = np.abs((ground / cell + 0.5) % 1 - 0.5) * cell / stretch
        line = np.clip(1.2 - gap, 0, 1).max(-1)[..., None] * fade
        colour = (1 - 0.55 * line) * colour + 0.55 * line * _LINE
        near = down & (radius < 1.0)
        pixels = np.flatnonzero(near)
        cells = np.clip(((ground[near] / self._reach + 1) / 2 * _SHADOW_CELLS).astype(int), 0, _SHADOW_CELLS - 1)
        return np.round(colour).astype(np.uint8), pixels, cells[:, 0] * _SHADOW_CELLS + cells[:, 1]

    def _shadow(self, vertices: np.ndarray) -> np.ndarray:
        """Darkness of each shadow cell in [0, 0.45]: vertices splatted on the floor, lower ones darker, blurred."""
        ground = (vertices[:, :2] - self._centre) / self._reach
        cells = ((ground + 1) / 2 * _SHADOW_CELLS).astype(int)
        inside = ((cells >= 0) & (cells < _SHADOW_CELLS)).all(1)
        weight = np.exp(-2.2 * (vertices[inside, 2] - self._floor_height) / self._reach) * self._areas[inside]
        splat = np.bincount(cells[inside] @ (_SHADOW_CELLS, 1), weight, _SHADOW_CELLS**2)
        field = splat.reshape(_SHADOW_CELLS, _SHADOW_CELLS)
        for _ in range(3):
            field = uniform_filter(field, 11, mode="constant")
        peak = float(field.max())
        return 0.42 * np.sqrt(np.clip(field / peak, 0.0, 1.0)) if peak > 0 else field

    def draw(self, transforms: np.ndarray) -> np.ndarray:
        """The picture for link poses `[L, 4, 4]`. Shape [height, width, 3], uint8 RGB."""
        vertices, normals = self.figure.mesh.posed(transforms)
        picture = self._background.copy()
        if len(self._floor_pixels):
            shade = (256 * (1 - self._shadow(vertices))).astype(np.uint16).reshape(-1)[self._floor_cells]
            flat = picture.reshape(-1, 3)
            flat[self._floor_pixels] = (flat[self._floor_pixels] * shade[:, None]) >> 8
        figure, _ = rasterise(self._fine, vertices, normals, self.figure.mesh, self._table)
        rows = np.flatnonzero(figure[:, :, 3].any(1))
        if len(rows) == 0:
            return picture
        s = self._supersample
        top, bottom = rows[0] // s, rows[-1] // s + 1
        figure = _reduced(figure[top * s : bottom * s], s)
        part = picture[top:bottom]
        cover = 255 - figure[..., 3:].astype(np.uint16)
        part[:] = np.minimum(figure[..., :3] + (part * cover + 127) // 255, 255)
        return picture


def _vertex_areas(mesh: LinkMesh) -> np.ndarray:
    """Surface that each vertex stands for, m^2. Shape [V]."""
    corner = mesh.vertices[mesh.faces]
    area = np.linalg.norm(np.cross(corner[:, 1] - corner[:, 0], corner[:, 2] - corner[:, 0]), axis=1) / 6
    return np.bincount(mesh.faces.reshape(-1), np.repeat(area, 3), len(mesh.vertices))


def _reduced(rgba: np.ndarray, factor: int) -> np.ndarray:
    """Mean of factor x factor blocks of premultiplied RGBA, uint8."""
    if factor == 1:
        return rgba
    height, width = rgba.shape[:2]
    # Pillow un-premultiplies "RGBA" when it shrinks; "CMYK" is its plain four-channel mode.
    image = Image.frombuffer("CMYK", (width, height), np.ascontiguousarray(rgba), "raw", "CMYK", 0, 1)
    return np.asarray(image.reduce(factor))
