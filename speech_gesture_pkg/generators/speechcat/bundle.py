"""A trained SpeechCAT as the robot loads it: a folder with `speechcat.json` and its ONNX networks."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from speech_gesture_pkg.errors import ModelError
from speech_gesture_pkg.generators.model_bundle import (
    Shape,
    card_errors,
    card_name,
    check_inputs,
    check_outputs,
    check_row,
    load_networks,
    read_card,
    sha256_of,
)
from speech_gesture_pkg.generators.onnx_session import Session
from speech_gesture_pkg.generators.speechcat.config import SpeechCatConfig
from speech_gesture_pkg.generators.speechcat.representation import part_size

NAME = "speechcat"
CARD = card_name(NAME)
TRANSFORMER = "transformer.onnx"
DECODERS = "decoders.onnx"
ENCODER = "encoder.onnx"


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
        path = Path(folder) / CARD
        card = read_card(path, NAME)
        with card_errors(path):
            config = SpeechCatConfig.from_dict(card["config"])
            calm = {p: np.asarray(card["calm"][p], np.float32) for p in config.parts}
            history, past, known = int(card["history"]), _shape(card["past_shape"]), _shape(card["known_shape"])
            facts = dict(card.get("facts", {}))
        for part, vector in calm.items():
            check_row(path, f"the calm pose of {part}", vector, part_size(part, config))
        names = [TRANSFORMER, DECODERS, *([ENCODER] if config.encoder == "wav2vec2" else [])]
        made = load_networks(path, card, names, device, threads)
        bundle = SpeechCatBundle(
            config=config,
            transformer=made[TRANSFORMER],
            decoders=made[DECODERS],
            encoder=made.get(ENCODER),
            history=history,
            past_shape=past,
            known_shape=known,
            calm=calm,
            facts=facts,
            card_sha256=sha256_of(path),
        )
        bundle._check(path)
        return bundle

    @property
    def batched(self) -> bool:
        """Whether the transformer takes several streams at once."""
        return self.transformer.shapes["speaker"] != (1,)

    @property
    def channels(self) -> int:
        """Of a speech feature frame."""
        return int(self.transformer.shapes["windows"][-1] or 0)

    def _check(self, card: Path) -> None:
        """Run the networks on zeros: shapes as the card says, finite numbers."""
        c, parts, length = self.config, len(self.config.parts), self.config.windows.length
        attentions = 2 if c.cross_attention else 1
        past = (c.layers, attentions, parts, 1, c.window - 1, 2 * c.width)
        known = (1, c.window - 1)
        for name, said, wanted in (("past_shape", self.past_shape, past), ("known_shape", self.known_shape, known)):
            if said != wanted:
                raise ModelError(f"model card {card}: {name} is {said}; its configuration makes it {wanted}")
        inputs: dict[str, Shape] = {
            "past": (*past[:3], None, *past[4:]),
            "known": (None, c.window - 1),
            "windows": (None, 1, length, None),
        }
        check_inputs(card, TRANSFORMER, self.transformer, inputs, optional=())
        if not 1 <= self.history <= 10_000:
            raise ModelError(f"model card {card}: history is {self.history}; it must be in [1, 10000] tokens")
        shape = (parts, 1, 1)
        made = self.transformer(
            tokens=np.full(shape, c.codes, np.int64),
            windows=np.zeros((1, 1, length, self.channels), np.float32),
            speaker=np.full(1, len(c.speakers) - 1, np.int64),
            style=np.zeros((1, 1, 2), np.float32),
            past=np.zeros(past, np.float32),
            known=np.zeros(known, np.float32),
        )
        outputs = {"logits": (*shape, c.codes), "new_past": past, "new_known": known}
        check_outputs(card.with_name(TRANSFORMER), made, outputs)
        frames = {f"frames_{p}": (self.history * c.downsample, part_size(p, c)) for p in c.parts}
        for code in (0, c.codes - 1):
            indices = np.full((parts, self.history), code, np.int64)
            check_outputs(card.with_name(DECODERS), self.decoders(indices=indices), frames)


def _shape(values: Any) -> tuple[int, ...]:
    return tuple(int(n) for n in values)
