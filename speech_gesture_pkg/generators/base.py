"""The streaming protocol that every generator follows."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, Protocol, cast

import numpy as np

from speech_gesture_pkg.audio.chunk import SAMPLE_RATE, AudioChunk
from speech_gesture_pkg.errors import ConfigError, GeneratorError, InputError
from speech_gesture_pkg.motion.frames import MotionFrames
from speech_gesture_pkg.motion.parts import PARTS


@dataclass(frozen=True)
class Style:
    """How lively the motion is. May change at any step.

    Attributes:
        amplitude: size of gestures and head motion; 1 is the default style, 0 keeps only idle motion. In [0, 2].
        rate: how often gestures happen; 1 is the default style. In [0, 2].
        parts: which of body, hands, face are generated; the others rest and are marked invalid.
    """

    amplitude: float = 1.0
    rate: float = 1.0
    parts: frozenset[str] = field(default_factory=lambda: frozenset(PARTS))

    def __post_init__(self) -> None:
        for name in ("amplitude", "rate"):
            value = getattr(self, name)
            if not 0.0 <= value <= 2.0:
                raise ConfigError(f"style.{name} is {value}; it must be in [0, 2]")
        unknown = set(self.parts) - set(PARTS)
        if unknown:
            raise ConfigError(f"style.parts has {sorted(unknown)}; the parts are: {', '.join(PARTS)}")


class Generator(Protocol):
    """Speech in, SMPL-X frames out, in chunks of any size.

    Frame k of a stream stands at stream time `first_chunk.start + k / fps`. It is emitted as soon as the audio
    reaches `lookahead_s` beyond it, in multiples of `hop_frames`. Chunks must be contiguous; feeding the same audio
    in other chunks gives the same frames. `step` never changes the state it is given: it returns a new one, so that
    same audio + same seed + same state give the same frames.
    """

    name: str
    fps: float
    """Frames per second."""
    hop_frames: int
    """Frames come in multiples of this."""
    lookahead_s: float
    """Audio needed beyond a frame's time before the frame can be made, seconds."""
    sample_rate: int
    """Of the audio that `step` takes, Hz."""

    def start(self, seed: int = 0, speaker: str | None = None, style: Style | None = None) -> Any:
        """A fresh state. Raises ConfigError for an unknown speaker."""
        ...

    def step(self, audio: AudioChunk, state: Any, style: Style | None = None) -> tuple[MotionFrames, Any]:
        """The frames that `audio` completes (maybe none), and the state to hand back next time.

        Args:
            audio: the audio that follows what this state has seen.
            state: from `start` or the previous `step`.
            style: replaces the state's style from now on, if given.
        """
        ...


_FIGURES = {"fps": 1000.0, "hop_frames": 10_000.0, "lookahead_s": 60.0}
"""Figures of a generator and the largest that make sense."""


def check_generator(made: object, name: str) -> Generator:
    """`made`, if it is a `Generator`.

    Args:
        made: an instance of a user's own class.
        name: of it, for messages.

    Raises:
        ConfigError: it lacks a method or an attribute of the protocol, or one has an impossible value.
    """
    wanted = ("name", *_FIGURES, "sample_rate", "start", "step")
    if missing := [key for key in wanted if not hasattr(made, key)]:
        raise ConfigError(f"generator {name!r} lacks {', '.join(missing)}; a generator has: {', '.join(wanted)}")
    for key in ("start", "step"):
        if not callable(getattr(made, key)):
            raise ConfigError(f"generator {name!r}: {key} is {getattr(made, key)!r}; it must be a method")
    for key, most in _FIGURES.items():
        value, least = getattr(made, key), 0.0 if key == "lookahead_s" else 1.0
        if isinstance(value, bool) or not isinstance(value, (int, float)) or not least <= value <= most:
            raise ConfigError(f"generator {name!r}: {key} is {value!r}; it must be a number in [{least:g}, {most:g}]")
    rate = getattr(made, "sample_rate")  # noqa: B009 - an object, so far
    if rate != SAMPLE_RATE:
        raise ConfigError(f"generator {name!r}: sample_rate is {rate!r}; the pipeline's audio has {SAMPLE_RATE} Hz")
    return cast(Generator, made)


def checked_motion(made: object, who: str, fps: float) -> MotionFrames:
    """What a generator's `step` gave as its frames, if it is motion.

    Args:
        made: from `step`.
        who: the generator, as the beginning of a sentence.
        fps: that the generator declares, Hz.

    Raises:
        GeneratorError: no `MotionFrames`, another rate, or frames with NaN or infinite numbers.
    """
    if not isinstance(made, MotionFrames):
        raise GeneratorError(f"{who} gave {_a(made)} as frames; they must be MotionFrames")
    if len(made) and made.fps != fps:
        raise GeneratorError(f"{who} gave frames at {made.fps:g} per second; its fps is {fps:g}")
    if bad := int((~made.finite).sum()):
        raise GeneratorError(f"{who} gave {bad} frames that are not finite")
    return made


def _a(made: object) -> str:
    shape = getattr(made, "shape", None)
    return f"an object of type {type(made).__name__}" + (f" of shape {tuple(shape)}" if shape is not None else "")


def usable_samples(audio: AudioChunk, who: str, rate: int) -> np.ndarray:
    """The samples [N], float32, that a generator's `step` may use.

    Args:
        audio: as given to `step`.
        who: the generator, for messages.
        rate: that it needs, Hz.

    Raises:
        InputError: another rate, several channels, or numbers that are not finite.
    """
    samples = np.asarray(audio.samples, np.float32)
    if audio.sample_rate != rate:
        raise InputError(f"audio has {audio.sample_rate} Hz; {who} needs {rate} Hz")
    if samples.ndim != 1:
        raise InputError(f"audio samples have shape {samples.shape}; {who} needs mono samples [N]")
    if not np.isfinite(samples).all():
        raise InputError("audio samples hold NaN or infinite numbers; every sample must be finite")
    return samples
