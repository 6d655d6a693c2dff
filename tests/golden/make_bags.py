"""Makes the bags of this folder from the bundled speech: `python tests/golden/make_bags.py`.

They are small (one second at 8 kHz), differ in storage, audio package, compression and definitions, and are read by
test_golden_bags.py. They are committed so that later versions are held to what this one wrote.
"""

from __future__ import annotations

import shutil
import sys
from pathlib import Path

import numpy as np

HERE = Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parent / "helpers"))

from bag_writing import BagWriter, audio_info, audio_message, joint_state  # noqa: E402
from rosbags.rosbag2 import StoragePlugin  # noqa: E402

from speech_gesture_pkg.audio.files import read_audio  # noqa: E402
from speech_gesture_pkg.resources import DEMO_AUDIO, resource  # noqa: E402

RATE = 8000
CHUNK = 400
BEGIN = 3.0
TRANSPORT = 0.004
JOINTS = ("left_elbow", "right_elbow")
BAGS = {
    # name: (message type, storage, compressed, with definitions)
    "drivers_mcap": ("AudioDataStamped", StoragePlugin.MCAP, True, True),
    "typed_sqlite3": ("AudioStamped", StoragePlugin.SQLITE3, False, True),
    "foreign_mcap": ("AudioBuffer", StoragePlugin.MCAP, False, True),
    "old_sqlite3": ("AudioData", StoragePlugin.SQLITE3, False, False),
}
"""foreign_mcap is what another recorder on another robot would hold: speech and joint states, nothing of ours."""


def speech() -> np.ndarray:
    """One second from where the bundled speech gets loud, int16 at 8 kHz. Shape [8000]."""
    samples = read_audio(resource(DEMO_AUDIO)).samples
    loud = int(np.argmax(np.abs(samples) > 0.1))
    pairs = samples[loud : loud + 2 * RATE].reshape(-1, 2)  # mean of two: good enough a filter for this
    return np.round(32767 * pairs.mean(axis=1)).astype(np.int16)


def elbows(time: float) -> list[float]:
    """Positions of JOINTS at `time`, rad."""
    return [0.5 + 0.3 * np.sin(2.0 * time), -0.4 * np.cos(3.0 * time)]


def make(folder: Path) -> None:
    """Write all bags into `folder`, replacing those that are there."""
    sound = speech()
    for name, (kind, storage, compress, definitions) in BAGS.items():
        shutil.rmtree(folder / name, ignore_errors=True)
        events = []
        for first in range(0, len(sound), CHUNK):
            part = sound[first : first + CHUNK]
            at = BEGIN + first / RATE
            events.append((at + len(part) / RATE + TRANSPORT, "/audio", audio_message(kind, part, at, RATE)))
        if kind.startswith("AudioData"):
            events.append((BEGIN - 0.5, "/audio_info", audio_info(RATE)))
        if name.startswith("foreign"):
            for i in range(61):
                at = BEGIN + i / 50
                events.append((at + 0.001, "/robot/joint_states", joint_state(JOINTS, at, elbows(at))))
        with BagWriter(folder / name, storage, compress, definitions) as writer:
            for received, topic, message in sorted(events, key=lambda e: e[0]):
                writer.write(topic, message, received)


if __name__ == "__main__":
    make(HERE / "bags")
