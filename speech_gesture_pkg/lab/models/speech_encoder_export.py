"""A wav2vec 2.0 or HuBERT encoder to ONNX, for the robot."""

from __future__ import annotations

from pathlib import Path

from speech_gesture_pkg.features.encoded import FRAMES
from speech_gesture_pkg.lab.models.onnx_export import export
from speech_gesture_pkg.lab.models.speech_encoder import SpeechEncoder, example


def export_encoder(encoder: SpeechEncoder, path: Path, frames: int = FRAMES) -> None:
    """Write `audio [B, samples] -> states [B, frames, C]`, of a fixed length (`features.encoded.samples_of`)."""
    encoder = encoder.eval().cpu()
    export(encoder, {"audio": example(frames)}, ("states",), path, dynamic={"audio": {0: "blocks"}})
