"""A trained SpeechCAT as the robot loads it: a folder with `speechcat.json` and its ONNX networks."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from speech_gesture_pkg.errors import ConfigError, ModelError
from speech_gesture_pkg.generators.checked_files import in_words, read_card, sha256_of, verify
from speech_gesture_pkg.generators.feature_windows import TokenWindows
from speech_gesture_pkg.generators.onnx_session import Session
from speech_gesture_pkg.generators.speechcat.config import SpeechCatConfig
from speech_gesture_pkg.generators.speechcat.representation import part_size

CARD = "speechcat.json"
TRANSFORMER = "transformer.onnx"
DECODERS = "decoders.onnx"
ENCODER = "encoder.onnx"
FORMAT = "speech-gesture-speechcat/1"


@dataclass(frozen=True)
class SpeechCatBundle:
    """The exported networks with what is needed to use them.

    Attributes:
        config: shape of the networks.
        transformer: `tokens [P, B, 1], windows [B, 1, L, C], speaker [B], style [B, 1, 2], past, known` ->
            `logits [P, B, 1, codes], new_past, new_known`.
        decoders: `indices [P, N]` -> one output a part, `frames_<part> [N * downsample, size]`, in the units of
            `representation`.
        encoder: `audio [B, samples]` -> `states [B, frames, C]`, with `encoder: wav2vec2`; else None.
        history: tokens that decide about the newest token's frames.
        past_shape, known_shape: of the transformer's memory for one stream (B = 1).
        calm: vector of each part at rest, hands down.
        facts: training data, metrics, hashes.
        card_sha256: names this very model.
    """

    config: SpeechCatConfig
    transformer: Session
    decoders: Session
    encoder: Session | None
    history: int
    past_shape: tuple[int, ...]
    known_shape: tuple[int, ...]
    calm: dict[str, np.ndarray]
    facts: dict[str, Any]
    card_sha256: str

    @staticmethod
    def load(folder: str | Path, device: str = "cpu", threads: int = 2) -> SpeechCatBundle:
        """Read and verify a folder, and run its networks once: the first run of a network takes several times as long.

        Raises:
            ModelError: a file is missing, has another sha256 than the card states, the card cannot be used or does not
                fit its networks, their numbers are not finite, or the device is not there.
            MissingDependencyError: no onnxruntime.
        """
        folder = Path(folder)
        card = read_card(folder / CARD, FORMAT, "SpeechCAT")
        try:
            config = SpeechCatConfig.from_dict(card["config"])
            names = [TRANSFORMER, DECODERS, *([ENCODER] if config.encoder == "wav2vec2" else [])]
            if set(card["files"]) != set(names):
                raise ValueError(f"it lists the files {sorted(card['files'])}; they must be {sorted(names)}")
            calm = {p: np.asarray(card["calm"][p], np.float32) for p in config.parts}
            history, past, known = int(card["history"]), _shape(card["past_shape"]), _shape(card["known_shape"])
            facts = dict(card.get("facts", {}))
        except (KeyError, TypeError, ValueError, AttributeError, OverflowError, ConfigError) as e:
            raise ModelError(f"model card {folder / CARD} cannot be used: {in_words(e)}") from e
        for part, vector in calm.items():
            if vector.shape != (part_size(part, config),) or not np.isfinite(vector).all():
                raise ModelError(
                    f"model card {folder / CARD}: the calm pose of {part} has shape {vector.shape}; it must be "
                    f"{(part_size(part, config),)}, finite"
                )
        for name in names:
            verify(folder / name, card["files"][name])
        made = [Session(folder / name, device, threads) for name in names]
        encoder = made[2] if len(made) > 2 else None
        digest = sha256_of(folder / CARD)
        bundle = SpeechCatBundle(config, made[0], made[1], encoder, history, past, known, calm, facts, digest)
        bundle._check(folder)
        return bundle

    @property
    def batched(self) -> bool:
        """Whether the transformer takes several streams at once."""
        return self.transformer.shapes["speaker"] != (1,)

    @property
    def channels(self) -> int:
        """Of a speech feature frame."""
        return int(self.transformer.shapes["windows"][-1] or 0)

    def _check(self, folder: Path) -> None:
        """Run the networks on zeros: shapes as the card says, finite numbers."""
        c, parts, length = self.config, len(self.config.parts), TokenWindows.of(self.config).length
        attentions = 2 if c.cross_attention else 1
        past = (c.layers, attentions, parts, 1, c.window - 1, 2 * c.width)
        known = (1, c.window - 1)
        _agree(folder, "past_shape", self.past_shape, past)
        _agree(folder, "known_shape", self.known_shape, known)
        inputs: dict[str, tuple[int | None, ...]] = {"past": past, "known": known, "windows": (1, 1, length, None)}
        for name, asked in inputs.items():
            found = self.transformer.shapes.get(name, ())
            if len(found) != len(asked) or any(a and b and a != b for a, b in zip(found, asked, strict=True)):
                raise ModelError(
                    f"model card {folder / CARD} does not fit {TRANSFORMER}: input {name} has shape {found}, by the "
                    f"configuration {asked}"
                )
        if not 1 <= self.history <= 10_000:
            raise ModelError(f"model card {folder / CARD}: history is {self.history}; it must be in [1, 10000] tokens")
        shape = (parts, 1, 1)
        made = self.transformer(
            tokens=np.full(shape, c.codes, np.int64),
            windows=np.zeros((1, 1, length, self.channels), np.float32),
            speaker=np.full(1, len(c.speakers) - 1, np.int64),
            style=np.zeros((1, 1, 2), np.float32),
            past=np.zeros(past, np.float32),
            known=np.zeros(known, np.float32),
        )
        _probe(folder / TRANSFORMER, made, {"logits": (*shape, c.codes), "new_past": past, "new_known": known})
        wanted = {f"frames_{p}": (self.history * c.downsample, part_size(p, c)) for p in c.parts}
        for code in (0, c.codes - 1):
            indices = np.full((parts, self.history), code, np.int64)
            _probe(folder / DECODERS, self.decoders(indices=indices), wanted)


def _agree(folder: Path, name: str, said: tuple[int, ...], wanted: tuple[int, ...]) -> None:
    if said != wanted:
        raise ModelError(f"model card {folder / CARD}: {name} is {said}; its configuration makes it {wanted}")


def _probe(path: Path, made: Mapping[str, np.ndarray], wanted: Mapping[str, tuple[int, ...]]) -> None:
    for name, shape in wanted.items():
        if name not in made or made[name].shape != shape:
            found = made[name].shape if name in made else "missing"
            raise ModelError(f"model file {path}: output {name} is {found}; by the card it must have shape {shape}")
        if not np.isfinite(made[name]).all():
            raise ModelError(f"model file {path} gives numbers that are not finite: its weights are broken")


def _shape(values: Any) -> tuple[int, ...]:
    return tuple(int(n) for n in values)
