"""Trains the network and exports it: `python -m own_generator.train speech.wav FOLDER` (in examples/).

The prosody generator's motion stands in for a corpus, so that this runs in seconds; put your own pairs of speech and
motion in place of `pairs`.
"""

import sys
from pathlib import Path

import numpy as np
import torch

from own_generator.generator import FILE, frame_features
from own_generator.network import BANDS, HIDDEN, GestureLstm
from speech_gesture_pkg import AudioChunk, load_generator, read_audio
from speech_gesture_pkg.features.extractor import SpeechFeatureExtractor
from speech_gesture_pkg.lab.models.onnx_export import export

WINDOW, BATCH, STEPS = 90, 16, 150
"""Frames of a training window; windows of a step; steps."""


def pairs(wav: str) -> tuple[np.ndarray, np.ndarray]:
    """Mel bands [T, 40] and poses [T, 165] at 30 frames per second."""
    samples = read_audio(wav).samples
    extractor, teacher = SpeechFeatureExtractor(), load_generator("prosody")
    features, _ = extractor.step(samples, extractor.start())
    motion, _ = teacher.step(AudioChunk(samples), teacher.start())
    mel = features.log_mel[[k for k in map(frame_features, range(len(motion))) if k < len(features)]]
    return mel, motion.poses[: len(mel)].reshape(len(mel), -1).astype(np.float32)


def train(wav: str, folder: str | Path) -> float:
    """Train on a file and write `FOLDER/lstm.onnx`. Returns the last step's error, rad."""
    torch.manual_seed(0)
    mel, poses = (torch.from_numpy(x) for x in pairs(wav))
    network = GestureLstm(poses.mean(0))
    optimiser = torch.optim.Adam(network.parameters(), 5e-3)
    state, amplitude = torch.zeros(1, BATCH, HIDDEN), torch.ones(1)
    for _ in range(STEPS):
        begins = torch.randint(len(mel) - WINDOW, (BATCH,)).tolist()
        x, y = (torch.stack([values[b : b + WINDOW] for b in begins]) for values in (mel, poses))
        loss = torch.nn.functional.mse_loss(network(x, state, state, amplitude)[0], y)
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()
    Path(folder).mkdir(parents=True, exist_ok=True)
    one = torch.zeros(1, 1, HIDDEN)
    inputs = {"mel": torch.zeros(1, 1, BANDS), "h": one, "c": one.clone(), "amplitude": amplitude}
    export(network, inputs, ("poses", "next_h", "next_c"), Path(folder) / FILE)
    return float(loss.detach().sqrt())


if __name__ == "__main__":
    print(f"trained: {train(*sys.argv[1:3]):.3f} rad; exported to {sys.argv[2]}/{FILE}")
