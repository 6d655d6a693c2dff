"""A wav2vec 2.0 encoder to ONNX, for the robot."""

from __future__ import annotations

from pathlib import Path

from speech_gesture_pkg.export.onnx import export
from speech_gesture_pkg.generators.speechcat.network.speech_encoder import SpeechEncoder, example


def export_encoder(encoder: SpeechEncoder, path: Path) -> None:
    """Write `audio [B, samples] -> states [B, frames, C]` (see `SpeechCatBundle.encoder`)."""
    encoder = encoder.eval().cpu()
    export(encoder, {"audio": example()}, ("states",), path, dynamic={"audio": {0: "blocks"}})
