"""gesture_node with a learned generator that misbehaves on demand: the word in a file says how.

The generator `mischief` does what the prosody generator does, unless the file `mischief` in its model folder says:
`raise`, `nan`, `slow` (half of real time), `hang` (until the word changes), `die` (ends its thread), or `gone` (raises,
and cannot be loaded).
"""

from __future__ import annotations

import sys
import time
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from speech_gesture_pkg.errors import ModelError
from speech_gesture_pkg.generators import registry
from speech_gesture_pkg.generators.prosody.generator import ProsodyGenerator
from speech_gesture_pkg.ros.gesture_node import main

LONGEST = 60.0


class Mischief(ProsodyGenerator):
    name = "mischief"

    def __init__(self, folder: Path) -> None:
        super().__init__()
        self._file = Path(folder) / "mischief"

    @classmethod
    def load(cls, folder: Path, config: Any) -> Mischief:
        made = cls(folder)
        if made.word == "gone":
            raise ModelError("the device of the generator is gone")
        return made

    @property
    def word(self) -> str:
        return self._file.read_text(encoding="utf-8").strip() if self._file.exists() else ""

    def step(self, audio: Any, state: Any, style: Any = None) -> Any:
        word, begin = self.word, time.monotonic()
        while word == "hang" and time.monotonic() < begin + LONGEST:
            time.sleep(0.01)
            word = self.word
        if word == "die":
            raise SystemExit(1)
        if word in ("raise", "gone"):
            raise ModelError(f"the generator was told to {word}")
        frames, state = super().step(audio, state, style)
        if word == "slow":
            time.sleep(2.0 * audio.duration)
        if word == "nan" and len(frames):
            frames = replace(frames, poses=np.full_like(frames.poses, np.nan))
        return frames, state


registry._KINDS["mischief"] = registry._Kind(__name__, "Mischief", "mischief")

if __name__ == "__main__":
    sys.exit(main())
