"""A corpus of our own layout, small enough to train on in a test."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from speech_gesture_pkg.audio.chunk import AudioChunk
from speech_gesture_pkg.audio.files import read_audio, write_wav
from speech_gesture_pkg.generators.prosody.generator import ProsodyGenerator
from speech_gesture_pkg.lab.datasets.layout import FORMAT, write_json
from speech_gesture_pkg.motion.npz import save_motion
from speech_gesture_pkg.resources import DEMO_AUDIO, resource


def small_corpus(folder: Path, splits: Sequence[str], seconds: int) -> Path:
    """A recording of the bundled speech for each split, with the prosody generator's motion. Returns the folder."""
    audio = read_audio(resource(DEMO_AUDIO)).samples
    generator, clips = ProsodyGenerator(), []
    for k, split in enumerate(splits):
        part = audio[k * 16000 : (k + seconds) * 16000]
        motion, _ = generator.step(AudioChunk(part, 0.0, 16000), generator.start(seed=k))
        save_motion(folder / f"{split}.npz", motion)
        write_wav(folder / f"{split}.wav", part, 16000)
        names = {"name": split, "motion": f"{split}.npz", "audio": f"{split}.wav", "split": split}
        clips.append(names | {"speaker": "ann", "licence": "CC0", "seconds": float(seconds)})
    write_json(folder / "index.json", {"format": FORMAT, "name": "small", "clips": clips})
    return folder
