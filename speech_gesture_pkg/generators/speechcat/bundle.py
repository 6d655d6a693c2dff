"""A trained SpeechCAT as the robot loads it: a folder with `speechcat.json` and two ONNX networks."""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from speech_gesture_pkg.errors import ConfigError, ModelError
from speech_gesture_pkg.generators.speechcat.config import SpeechCatConfig
from speech_gesture_pkg.generators.speechcat.representation import part_size
from speech_gesture_pkg.inference.session import Session

CARD = "speechcat.json"
TRANSFORMER = "transformer.onnx"
DECODERS = "decoders.onnx"
FORMAT = "speech-gesture-speechcat/1"
_LARGEST_CARD = 1 << 20


@dataclass(frozen=True)
class SpeechCatBundle:
    """The exported networks with what is needed to use them.

    Attributes:
        config: shape of the networks.
        transformer: `tokens [P, 1, 1], window [1, 1, L, C], speaker [1], style [1, 1, 2], past, known` ->
            `logits [P, 1, 1, codes], past, known`.
        decoders: `indices [P, N]` -> one output a part, `frames_<part> [N * downsample, size]`, in the units of
            `representation`.
        history: tokens that decide about the newest token's frames.
        past_shape, known_shape: of the transformer's memory.
        calm: vector of each part at rest, hands down.
        facts: training data, metrics, hashes.
    """

    config: SpeechCatConfig
    transformer: Session
    decoders: Session
    history: int
    past_shape: tuple[int, ...]
    known_shape: tuple[int, ...]
    calm: dict[str, np.ndarray]
    facts: dict[str, Any]

    @staticmethod
    def load(folder: str | Path, device: str = "cpu", threads: int = 2) -> SpeechCatBundle:
        """Read and verify a folder.

        Raises:
            ModelError: a file is missing, has another sha256 than the card states, or the card cannot be used.
        """
        folder = Path(folder)
        card = _read_card(folder / CARD)
        for name in (TRANSFORMER, DECODERS):
            verify(folder / name, card["files"].get(name))
        try:
            config = SpeechCatConfig.from_dict(card["config"])
            calm = {p: np.asarray(card["calm"][p], np.float32) for p in config.parts}
            bundle = SpeechCatBundle(
                config,
                Session(folder / TRANSFORMER, device, threads),
                Session(folder / DECODERS, device, threads),
                int(card["history"]),
                tuple(int(n) for n in card["past_shape"]),
                tuple(int(n) for n in card["known_shape"]),
                calm,
                dict(card.get("facts", {})),
            )
        except (KeyError, TypeError, ValueError, ConfigError) as e:
            raise ModelError(f"model card {folder / CARD} does not fit its networks: {e}") from e
        for part, vector in calm.items():
            if vector.shape != (part_size(part, config),) or not np.isfinite(vector).all():
                raise ModelError(
                    f"model card {folder / CARD}: the calm pose of {part} has shape {vector.shape}; it must be "
                    f"{(part_size(part, config),)}, finite"
                )
        return bundle


def sha256_of(path: Path) -> str:
    """Digest of a file, hexadecimal."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest() if hasattr(hashlib, "file_digest") else _digest(file)


def _digest(file: Any) -> str:
    digest = hashlib.sha256()
    while block := file.read(1 << 20):
        digest.update(block)
    return digest.hexdigest()


def verify(path: Path, expected: str | None) -> None:
    """Raise ModelError unless the file is there and has this sha256."""
    if not path.is_file():
        raise ModelError(f"model file {path} does not exist")
    actual = sha256_of(path)
    if actual != expected:
        raise ModelError(f"model file {path} has sha256 {actual}; {expected} is expected: it is corrupt or another one")


def _read_card(path: Path) -> dict[str, Any]:
    if not path.is_file():
        raise ModelError(f"model card {path} does not exist; a SpeechCAT model is a folder with {CARD} in it")
    if path.stat().st_size > _LARGEST_CARD:
        raise ModelError(f"model card {path} has {path.stat().st_size} bytes; at most {_LARGEST_CARD} are read")
    try:
        card = json.loads(path.read_text(encoding="utf-8"))
    except ValueError as e:
        raise ModelError(f"model card {path} is not JSON: {e}") from e
    if not isinstance(card, dict) or card.get("format") != FORMAT or not isinstance(card.get("files"), dict):
        raise ModelError(f"model card {path} is not one of {FORMAT}")
    return card
