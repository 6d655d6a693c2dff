"""OwnGenerator: a user's class behind the protocol, so that whatever it does wrong is one sentence everywhere."""

from __future__ import annotations

from typing import Any

from speech_gesture_pkg.audio.chunk import AudioChunk
from speech_gesture_pkg.errors import GeneratorError, SpeechGestureError
from speech_gesture_pkg.generators.base import Generator, Style, check_generator, checked_motion
from speech_gesture_pkg.motion.frames import MotionFrames
from speech_gesture_pkg.plugins import defined_at, described


class OwnGenerator:
    """A generator of a user's own; its other attributes can be read here, too.

    Args:
        made: instance of the class.
        spec: `module:Class`, as it was asked for.

    Raises:
        ConfigError: it is no generator (see `check_generator`).
    """

    def __init__(self, made: object, spec: str) -> None:
        self._own: Generator = check_generator(made, spec)
        self._spec = spec
        self.name, self.fps, self.hop_frames = self._own.name, self._own.fps, self._own.hop_frames
        self.lookahead_s, self.sample_rate = self._own.lookahead_s, self._own.sample_rate

    def __getattr__(self, key: str) -> Any:
        return getattr(self.__dict__["_own"], key)

    def start(self, seed: int = 0, speaker: str | None = None, style: Style | None = None) -> Any:
        """As `Generator.start`. Raises GeneratorError for whatever the class raises, but the package's own errors."""
        try:
            return self._own.start(seed=seed, speaker=speaker, style=style)
        except SpeechGestureError:
            raise
        except Exception as e:  # code of somebody else
            raise GeneratorError(f"generator {self._spec!r} did not start ({described(e, self._spec)})") from e

    def step(self, audio: AudioChunk, state: Any, style: Style | None = None) -> tuple[MotionFrames, Any]:
        """As `Generator.step`. Raises GeneratorError for whatever the class raises, and for what is no motion."""
        try:
            made = self._own.step(audio, state, style)
        except Exception as e:  # code of somebody else
            raise GeneratorError(f"generator {self._spec!r} failed ({described(e, self._spec)})") from e
        where = defined_at(self._own.step)
        who = f"generator {self._spec!r}" + (f" (step at {where})" if where else "")
        if not isinstance(made, tuple) or len(made) != 2:
            given = f"{len(made)} values" if isinstance(made, tuple) else f"an object of type {type(made).__name__}"
            raise GeneratorError(f"{who} gave {given}; step returns two: (MotionFrames, state)")
        return checked_motion(made[0], who, self.fps), made[1]
