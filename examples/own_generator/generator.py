"""The run-time class: what a robot needs; it follows the protocol `speech_gesture_pkg.Generator`."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np

from speech_gesture_pkg import AudioChunk, MotionFrames, Style
from speech_gesture_pkg.config import GeneratorConfig
from speech_gesture_pkg.errors import ConfigError
from speech_gesture_pkg.features.extractor import FeatureState, SpeechFeatureExtractor
from speech_gesture_pkg.generators.base import usable_samples
from speech_gesture_pkg.generators.onnx_session import Session
from speech_gesture_pkg.motion.parts import PARTS

FILE, FPS, HIDDEN = "lstm.onnx", 30.0, 96


def frame_features(frame: int) -> int:
    """The feature frame (100 per second) at the time of a motion frame (30 per second)."""
    return frame * 10 // 3


@dataclass(frozen=True)
class LstmState:
    """Where a stream stands; `step` never changes it.

    Attributes:
        style: as last given.
        features: of the feature extractor.
        mel: levels of the feature frames from `first` on, which later motion frames need, dB. Shape [F, 40].
        h, c: of the network. Shape [1, 1, 96].
        first: index of the first feature frame in `mel`.
        frame: index of the next motion frame.
        begin: stream time of the first sample, s; None before there is any.
    """

    style: Style
    features: FeatureState
    mel: np.ndarray
    h: np.ndarray
    c: np.ndarray
    first: int = 0
    frame: int = 0
    begin: float | None = None


class LstmGenerator:
    """Poses from mel bands, one frame at a time, by ONNX Runtime."""

    name, fps, hop_frames, sample_rate = "lstm", FPS, 1, 16_000
    lookahead_s = SpeechFeatureExtractor.lookahead_s

    def __init__(self, network: Session) -> None:
        self._network, self._extractor = network, SpeechFeatureExtractor()

    @classmethod
    def load(cls, folder: Path, config: GeneratorConfig) -> LstmGenerator:
        """The generator of `generator.model`; ModelError if its file is missing or damaged."""
        return cls(Session(folder / FILE, config.device, config.threads))

    def start(self, seed: int = 0, speaker: str | None = None, style: Style | None = None) -> LstmState:
        """A fresh state. The network draws nothing, so that every seed gives the same motion."""
        if speaker:
            raise ConfigError(f"speaker is {speaker!r}; the generator lstm has one voice only, leave it empty")
        zero = np.zeros((1, 1, HIDDEN), np.float32)
        return LstmState(style or Style(), self._extractor.start(), np.zeros((0, 40), np.float32), zero, zero)

    def step(self, audio: AudioChunk, state: LstmState, style: Style | None = None) -> tuple[MotionFrames, LstmState]:
        """The frames that `audio` completes, and the state after them."""
        style = style or state.style
        samples = usable_samples(audio, self.name, self.sample_rate)
        found, features = self._extractor.step(samples, state.features)
        mel = np.concatenate([state.mel, found.log_mel])
        begin = audio.start if state.begin is None else state.begin
        amplitude = np.array([style.amplitude], np.float32)
        frame, h, c, poses = state.frame, state.h, state.c, []
        while (row := frame_features(frame) - state.first) < len(mel):
            made = self._network(mel=mel[None, row : row + 1], h=h, c=c, amplitude=amplitude)
            h, c, frame = made["next_h"], made["next_c"], frame + 1
            poses.append(made["poses"].reshape(55, 3))
        # it makes no face
        valid = np.tile([part in style.parts and part != "face" for part in PARTS], (len(poses), 1))
        motion = MotionFrames(np.reshape(poses, (-1, 55, 3)), FPS, begin + state.frame / FPS, valid=valid)
        used = min(frame_features(frame) - state.first, len(mel))
        return motion, LstmState(style, features, mel[used:], h, c, state.first + used, frame, begin)
