"""Pinhole camera in the REP-103 world (x forward, y left, z up)."""

from __future__ import annotations

from copy import copy

import numpy as np

from speech_gesture_pkg.viewer.shapes import Vector

_FOV_DEG, _MARGIN = 24.0, 1.06
"""Of pictures that hold a whole figure: vertical field of view, and share of the picture over the figure's box."""


class Camera:
    """A pinhole camera that looks from `eye` at `target` with z up on the picture.

    Attributes:
        eye: position, metres. Shape [3].
        axes: rows are the picture's right, the picture's up, and the viewing direction. Shape [3, 3].
        focal: focal length in pixels.
        width, height: picture size in pixels; the optical axis meets its centre (width / 2, height / 2).
    """

    NEAR = 0.05

    def __init__(self, eye: Vector, target: Vector, width: int, height: int, fov_deg: float = 26.0) -> None:
        """`fov_deg` is the vertical field of view."""
        self.eye = np.asarray(eye, float)
        forward = np.asarray(target, float) - self.eye
        forward /= np.linalg.norm(forward)
        right = np.cross(forward, (0.0, 0.0, 1.0))
        right /= np.linalg.norm(right)
        self.axes = np.stack([right, np.cross(right, forward), forward])
        self.width, self.height = width, height
        self.focal = height / 2 / np.tan(np.radians(fov_deg) / 2)

    def project(self, points: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """World points `[..., 3]` to pixels `[..., 2]` (x right, y down) and depths `[...]` in metres.

        u = width / 2 + focal * right / depth, v = height / 2 - focal * up / depth. Depth may be <= 0 behind the eye;
        its pixels mean nothing there.
        """
        local = (np.asarray(points, float) - self.eye) @ self.axes.T
        depth = local[..., 2]
        scale = self.focal / np.where(np.abs(depth) < 1e-9, 1e-9, depth)
        pixels = np.stack([self.width / 2 + local[..., 0] * scale, self.height / 2 - local[..., 1] * scale], axis=-1)
        return pixels, depth

    def rays(self, pixels: np.ndarray) -> np.ndarray:
        """Unnormalised world direction through each pixel `[..., 2]`. Shape [..., 3]."""
        x = (pixels[..., 0] - self.width / 2) / self.focal
        y = (self.height / 2 - pixels[..., 1]) / self.focal
        return x[..., None] * self.axes[0] + y[..., None] * self.axes[1] + self.axes[2]

    def scaled(self, factor: int) -> Camera:
        """The same view in `factor` times as many pixels each way."""
        out = copy(self)
        out.width, out.height, out.focal = self.width * factor, self.height * factor, self.focal * factor
        return out

    @staticmethod
    def framing(
        low: np.ndarray, high: np.ndarray, size: tuple[int, int], azimuth_deg: float = 0.0, elevation_deg: float = 8.0
    ) -> Camera:
        """A camera that holds the box `low`..`high` (metres) in the picture.

        Args:
            size: width and height of the picture, pixels.
            azimuth_deg: 0 looks at the figure's front (from +x); positive walks to the figure's left.
            elevation_deg: how far above the horizon the camera stands.
        """
        low, high = np.asarray(low, float), np.asarray(high, float)
        centre = (low + high) / 2
        a, e = np.radians(azimuth_deg), np.radians(elevation_deg)
        direction = np.array([np.cos(a) * np.cos(e), np.sin(a) * np.cos(e), np.sin(e)])
        corners = np.array(np.meshgrid(*zip(low, high, strict=True))).reshape(3, -1).T - centre
        view = Camera(direction, (0, 0, 0), *size, _FOV_DEG)
        local = corners @ view.axes.T
        half_v = np.tan(np.radians(_FOV_DEG) / 2) / _MARGIN
        half_h = half_v * size[0] / size[1]
        need = np.maximum(np.abs(local[:, 1]) / half_v, np.abs(local[:, 0]) / half_h) - local[:, 2]
        distance = max(float(need.max()), 0.2)
        return Camera(centre + direction * distance, centre, *size, _FOV_DEG)
