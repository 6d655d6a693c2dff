"""The strip under the figures: waveform coloured by gesture phase, cursor, legend, time."""

from __future__ import annotations

import numpy as np

from speech_gesture_pkg.audio.chunk import AudioChunk
from speech_gesture_pkg.motion.frames import PHASES, MotionFrames
from speech_gesture_pkg.viewer.content import Content
from speech_gesture_pkg.viewer.imaging import Image, ImageDraw, ImageFont

PHASE_COLOURS: dict[str, tuple[int, int, int]] = {
    "rest": (122, 134, 154),
    "preparation": (244, 183, 64),
    "stroke": (239, 92, 84),
    "hold": (164, 124, 240),
    "retraction": (52, 190, 164),
}
"""Colour of each gesture phase on a dark ground, sRGB bytes."""

_GROUND = (27, 33, 44)
_TEXT = (206, 214, 226)
_DIM = 0.42
_MAX_SPAN_S = 12.0

PITCH = 3
"""Pixels from one bar to the next."""


def font(size: float) -> ImageFont.FreeTypeFont | ImageFont.ImageFont:
    """The typeface that comes with Pillow, `size` pixels high."""
    return ImageFont.load_default(max(size, 8.0))


def clock(seconds: float) -> str:
    """Minutes, seconds and tenths, e.g. `1:04.2`."""
    tenths = round(max(seconds, 0.0) * 10)
    return f"{tenths // 600}:{tenths // 10 % 60:02d}.{tenths % 10}"


def envelope(audio: AudioChunk, edges: np.ndarray) -> np.ndarray:
    """Peak of |samples| between consecutive `edges` (times in seconds, [N + 1]); 0 without audio. Shape [N]."""
    index = np.round((edges - audio.start) * audio.sample_rate).astype(np.int64)
    clipped = np.clip(index, 0, len(audio.samples))
    out = np.zeros(len(edges) - 1)
    filled = np.flatnonzero(clipped[1:] > clipped[:-1])
    if len(filled):
        loud = np.abs(np.nan_to_num(audio.samples))
        # reduceat runs each piece to the next start: cut the tail off at the last edge
        out[filled] = np.maximum.reduceat(loud[: clipped[filled[-1] + 1]], clipped[filled])
    return out


def draw_bars(level: np.ndarray, phase: np.ndarray, height: int) -> np.ndarray:
    """Loudness bars coloured by gesture phase, with a ribbon of the phases below.

    Args:
        level: bar heights in [0, 1]. Shape [N].
        phase: index into `PHASES` of each bar. Shape [N].

    Returns:
        RGB picture. Shape [height, N * PITCH, 3], uint8.
    """
    palette = np.array([PHASE_COLOURS[p] for p in PHASES], np.uint8)
    wide = np.repeat(palette[np.clip(phase, 0, len(PHASES) - 1)], PITCH, axis=0)
    half = np.maximum(np.clip(level, 0, 1) * (height * 0.42), 1.0)
    row = np.abs(np.arange(height) + 0.5 - height * 0.47)[:, None]
    lit = np.repeat(row <= half, PITCH, axis=1)
    lit[:, PITCH - 1 :: PITCH] = False
    out = np.where(lit[..., None], wide, np.array(_GROUND, np.uint8))
    ribbon = max(height // 14, 2)
    out[-ribbon:] = np.where(np.repeat(phase > 0, PITCH)[:, None], wide, np.array((44, 52, 66), np.uint8))
    return out


class Timeline:
    """A strip of `size` (width, height) pixels for the clock `span` (begin, end; seconds); longer spans scroll."""

    def __init__(self, size: tuple[int, int], span: tuple[float, float], content: Content) -> None:
        self.width, self.height = size
        self.begin, self.end = span[0], max(span[1], span[0] + 1e-3)
        self._head = max(int(self.height * 0.30), 12) if self.height >= 40 else 0
        visible = min(self.end - self.begin, _MAX_SPAN_S)
        self._scale = self.width / visible  # pixels per second
        columns = max(int(np.ceil((self.end - self.begin) * self._scale)), self.width)
        self._bright = self._bars(columns, content.audio, content.motion)
        ground = np.array(_GROUND, float)
        self._dim = np.round(ground + _DIM * (self._bright - ground)).astype(np.uint8)
        self._font = font(min(self._head * 0.56, self.width / 34))
        self._header = self._draw_header(content.has_phases) if self._head else None

    def _bars(self, columns: int, audio: AudioChunk | None, motion: MotionFrames | None) -> np.ndarray:
        height = self.height - self._head
        bars = -(-columns // PITCH)
        edges = self.begin + np.arange(bars + 1) * PITCH / self._scale
        phase = np.zeros(bars, np.int64)
        if motion is not None and len(motion):
            frame = np.floor(((edges[1:] + edges[:-1]) / 2 - motion.start) * motion.fps + 1e-6).astype(np.int64)
            inside = (frame >= 0) & (frame < len(motion))
            phase = np.where(inside, motion.phase[np.clip(frame, 0, len(motion) - 1)], 0)
        level = envelope(audio, edges) if audio is not None else np.zeros(bars)
        level = level / max(float(np.percentile(level, 99.5)) if level.any() else 1.0, 1e-3)
        return draw_bars(level, phase, height)[:, :columns]

    def _draw_header(self, phases: bool) -> np.ndarray:
        image = Image.new("RGB", (self.width, self._head), _GROUND)
        draw = ImageDraw.Draw(image)
        size = self._font.size if isinstance(self._font, ImageFont.FreeTypeFont) else 10.0
        middle, x = self._head * 0.54, draw.textlength("00:00.0", self._font) + size * 1.6
        room = self.width - size * 0.7
        if phases:
            dot = size * 0.28
            for name in PHASES[1:]:
                if x + 2 * dot + size * 0.35 + draw.textlength(name, self._font) > room:
                    break
                draw.ellipse((x, middle - dot, x + 2 * dot, middle + dot), fill=PHASE_COLOURS[name])
                x += 2 * dot + size * 0.35
                draw.text((x, middle), name, _TEXT, self._font, anchor="lm")
                x += draw.textlength(name, self._font) + size
        return np.asarray(image)

    def draw(self, time: float) -> np.ndarray:
        """The strip with its cursor at `time` (seconds on the stream clock). Shape [height, width, 3], uint8."""
        position = (time - self.begin) * self._scale
        columns = self._bright.shape[1]
        first = int(np.clip(position - self.width * 0.4, 0, columns - self.width))
        cursor = int(np.clip(position - first, 0, self.width - 1))
        body = self._dim[:, first : first + self.width].copy()
        body[:, :cursor] = self._bright[:, first : first + cursor]
        body[:, max(cursor - 1, 0) : cursor + 1] = (250, 251, 253)
        if self._header is None:
            return body
        image = Image.fromarray(self._header.copy())
        ImageDraw.Draw(image).text(
            (self._head * 0.35, self._head * 0.54), clock(time - self.begin), _TEXT, self._font, anchor="lm"
        )
        return np.concatenate([np.asarray(image), body])
