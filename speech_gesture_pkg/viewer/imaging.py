"""Pillow, or one sentence that says how to get it."""

from __future__ import annotations

from speech_gesture_pkg.errors import MissingDependencyError

try:
    from PIL import Image, ImageDraw, ImageFont
except ImportError as e:
    raise MissingDependencyError("drawing pictures needs Pillow: pip install 'speech_gesture_pkg[viewer]'") from e

__all__ = ["Image", "ImageDraw", "ImageFont"]
