"""Speech features on disk, so that training reads each sound once.

A file is named by the SHA-256 of the sound file and the kind and version of the features: changed sounds and changed
definitions never meet old features. Files appear whole or not at all; the oldest go when the cache outgrows its bound.
"""

from __future__ import annotations

import hashlib
import os
import tempfile
from collections.abc import Callable
from pathlib import Path

import numpy as np

from speech_gesture_pkg.audio.files import read_audio
from speech_gesture_pkg.errors import InputError, OutputError
from speech_gesture_pkg.features.vectors import SPEECH_VECTOR, VERSION, speech_vectors
from speech_gesture_pkg.motion.bounded_npz import read_npy


class FeatureCache:
    """Speech vectors of sound files (`features.vectors`).

    Attributes:
        folder: where the files lie.
        most_bytes: bound of their total size.
    """

    def __init__(self, folder: str | Path, most_bytes: int = 4 * 1024**3) -> None:
        """Make the folder if needed. Raises OutputError."""
        self.folder = Path(folder)
        self.most_bytes = most_bytes
        try:
            self.folder.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise OutputError(f"feature cache {self.folder} cannot be made ({error.strerror or error})") from error
        self._bytes = sum(p.stat().st_size for p in self.folder.glob("*.npy"))

    def vectors(self, audio: str | Path) -> np.ndarray:
        """Speech vectors of a sound file at 100 Hz, from the cache or made. Shape [F, SPEECH_VECTOR], float32.

        Raises:
            InputError: the sound cannot be read.
            OutputError: the cache cannot be written.
        """
        return self.kept(audio, f"v{VERSION}", SPEECH_VECTOR, lambda sound: speech_vectors(read_audio(sound)))

    def kept(self, audio: str | Path, name: str, channels: int, make: Callable[[str | Path], np.ndarray]) -> np.ndarray:
        """Features of any kind of a sound file, from the cache or made. Shape [F, channels], float32.

        Args:
            audio: the file.
            name: of the kind and its definition.
            channels: of a feature frame.
            make: features of a sound file.

        Raises:
            InputError: the sound cannot be read.
            OutputError: the cache cannot be written.
        """
        path = self.path(audio, name)
        if path.is_file():
            try:
                found = read_npy(path)
            except InputError:
                found = np.zeros(0)
            if found.ndim == 2 and found.shape[1] == channels:
                os.utime(path)
                return np.asarray(found, np.float32)
        made = make(audio)
        self._store(path, made)
        return made

    def path(self, audio: str | Path, name: str = f"v{VERSION}") -> Path:
        """Where the features of a sound lie. Raises InputError if the sound cannot be read."""
        try:
            with Path(audio).open("rb") as stream:
                digest = hashlib.sha256()
                while block := stream.read(1 << 20):
                    digest.update(block)
        except OSError as error:
            raise InputError(f"audio file {audio} cannot be read ({error.strerror or error})") from error
        return self.folder / f"{digest.hexdigest()}.{name}.npy"

    def _store(self, path: Path, vectors: np.ndarray) -> None:
        part = None
        try:
            with tempfile.NamedTemporaryFile(dir=self.folder, suffix=".part", delete=False) as stream:
                part = Path(stream.name)
                np.save(stream, vectors)
            part.replace(path)
        except OSError as error:
            if part is not None:
                part.unlink(missing_ok=True)
            raise OutputError(f"feature cache {self.folder} cannot be written ({error.strerror or error})") from error
        self._bytes += path.stat().st_size
        if self._bytes > self.most_bytes:
            self._shrink(path)

    def _shrink(self, keep: Path) -> None:
        """Remove the files that were not used for longest, until a tenth is free again."""
        files = sorted((p.stat().st_mtime, p.stat().st_size, p) for p in self.folder.glob("*.npy"))
        self._bytes = sum(size for _, size, _ in files)
        for _, size, path in files:
            if self._bytes <= 0.9 * self.most_bytes:
                break
            if path != keep:
                path.unlink(missing_ok=True)
                self._bytes -= size
