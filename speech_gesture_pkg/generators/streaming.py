"""The streaming loop of every learned generator: audio to features, features to units of motion, units to frames.

A unit is what a network makes at once: a token of SpeechCAT, a clip of DiffSHEG. A generator says how many samples its
first n units need (`samples_for`), makes the next unit (`_advance`) and turns it into vectors (`_decode`); the rest is
here. Features are always computed from exactly the samples that a unit needs, so that the chunks in which audio arrives
cannot change even the last bit.

A further generator is `generators/<name>/` with a subclass of `StreamingGenerator`, `lab/models/<name>/` with
`trainer.py` (`lab.training.trainer`) and `published.py` (`lab.models.published`), and a line in `generators.registry`.

A state may stand for several streams of the same audio (`generate_batch`); they share everything but their seeds
and what is drawn with them, which has the streams as its first axis.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any, Generic, Protocol, TypeVar

import numpy as np

from speech_gesture_pkg.audio.chunk import SAMPLE_RATE, AudioChunk
from speech_gesture_pkg.errors import InputError
from speech_gesture_pkg.generators.base import Style, usable_samples
from speech_gesture_pkg.generators.conditioning import part_gains, smoothed_gains, speaker_index
from speech_gesture_pkg.generators.feature_windows import SpeechWindows
from speech_gesture_pkg.motion.frames import MotionFrames
from speech_gesture_pkg.motion.parts import PARTS


class SpeechFeatures(Protocol):
    """Audio in, feature vectors out, in chunks: `features.vectors.SpeechVectors`, `features.encoded.EncodedSpeech`."""

    def start(self) -> Any:
        """State before the first sample."""
        ...

    def step(self, samples: np.ndarray, state: Any) -> tuple[np.ndarray, Any]:
        """Vectors [F, channels] that `samples` [N] (16 kHz mono) complete, and the next state."""
        ...

    def quiet(self, count: int) -> np.ndarray:
        """Vectors [count, channels] for the time before a stream's start."""
        ...


class Config(Protocol):
    """What the loop needs of a network's configuration."""

    @property
    def speakers(self) -> tuple[str, ...]:
        """Names that condition the motion."""
        ...


@dataclass(frozen=True)
class StreamState:
    """Where B streams with the same audio stand (B = 1 live). Never changed in place.

    Attributes:
        seeds: of each stream.
        style, speaker: as started.
        start: time of the first sample on the stream clock, s; None before it.
        audio: samples that no feature has used yet. Shape [N], float32.
        used: samples that the features have used.
        speech: of the features.
        vectors: the newest feature vectors. Shape [F, channels].
        first: index of the first of them.
        units: made so far.
        gains: how much of each part (body, hands, face) is shown. Shape [3].
    """

    seeds: tuple[int, ...]
    style: Style
    speaker: int
    start: float | None
    audio: np.ndarray
    used: int
    speech: Any
    vectors: np.ndarray
    first: int
    units: int
    gains: np.ndarray


S = TypeVar("S", bound=StreamState)


class StreamingGenerator(ABC, Generic[S]):
    """Base of learned generators (see `generators.base.Generator`).

    Attributes:
        name: in the registry.
        sample_rate: 16000 Hz.
        fps, hop_frames, lookahead_s: see the protocol; hop_frames is a unit's.
        delay: units that must follow a unit before its frames are known.
        batch: most streams in one network call.
        gain_share: share of the way that a part's gain goes per frame when style.parts or a small amplitude change.
        calm: vector at rest. Shape [C].
        speakers: names that condition the motion.
        parts: which part (index into `motion.parts.PARTS`) each channel of a vector belongs to. Shape [C].
    """

    name: str
    sample_rate = SAMPLE_RATE
    fps: float
    hop_frames: int
    lookahead_s: float
    delay = 0
    batch = 16
    gain_share: float
    calm: np.ndarray
    parts: np.ndarray

    def __init__(self, config: Config, windows: SpeechWindows, speech: SpeechFeatures) -> None:
        self.speakers, self._windows, self._speech = config.speakers, windows, speech

    @abstractmethod
    def samples_for(self, units: int) -> int:
        """Samples of a stream that its first `units` units need."""

    @abstractmethod
    def _begin(self, state: StreamState) -> S:
        """The generator's own state before the first sample."""

    @abstractmethod
    def _oldest(self, state: S) -> int:
        """The first place of `windows` whose features the next unit still sees."""

    @abstractmethod
    def _advance(self, state: S) -> tuple[np.ndarray, S]:
        """What the networks make of the next unit [B, ...], and the state after it (`units` is counted here)."""

    @abstractmethod
    def _decode(self, made: np.ndarray, state: S) -> tuple[np.ndarray, S]:
        """Vectors [B, F, C] that the newest unit completes, from `_advance`."""

    @abstractmethod
    def _decode_all(self, made: Sequence[np.ndarray], state: S) -> np.ndarray:
        """Vectors [B, F, C] of all units of a stream at once."""

    @abstractmethod
    def _motion(self, vectors: np.ndarray, start: float) -> MotionFrames:
        """The motion of vectors [F, C]; its first frame is at `start` s."""

    def start(self, seed: int = 0, speaker: str | None = None, style: Style | None = None) -> S:
        """Before the first sample. Raises ConfigError for a speaker that the model was not trained on."""
        return self._start((int(seed),), speaker, style or Style())

    def step(self, audio: AudioChunk, state: S, style: Style | None = None) -> tuple[MotionFrames, S]:
        """The frames that `audio` completes, and the next state.

        Raises:
            InputError: another sample rate than 16 kHz, samples that are not flat or not finite.
            ModelError: a network failed.
        """
        state = self._receive(audio, replace(state, style=style or state.style))
        first, made = self._given(state), [np.zeros((1, 0, len(self.calm)), np.float32)]
        while state.used + len(state.audio) >= self.samples_for(state.units + 1):
            unit, state = self._advance(self._encode(state))
            vectors, state = self._decode(unit, state)
            made.append(vectors)
        motions, gains = self._shown(np.concatenate(made, 1), first, state)
        return motions[0], replace(state, gains=gains)

    def generate_batch(
        self, audio: AudioChunk, seeds: Sequence[int], speaker: str | None = None, style: Style | None = None
    ) -> list[MotionFrames]:
        """One motion for each seed, as long as the audio, in fewer network calls than by `step`.

        Equal to the stream's up to rounding, which may tip a draw. Silence follows the audio.

        Args:
            audio: a whole recording, 16 kHz.
            seeds: of each motion.
            speaker, style: as for `start`.

        Raises:
            InputError: no seeds, or audio that cannot be used.
            ModelError: a network failed.
        """
        if not len(seeds):
            raise InputError("there are no seeds: one motion is made for each")
        frames = max(1, round(audio.duration * self.fps))
        units = -(-frames // self.hop_frames) + self.delay
        missing = max(0, self.samples_for(units) - len(audio.samples))
        padded = replace(audio, samples=np.pad(np.asarray(audio.samples, np.float32), (0, missing)))
        motions = []
        for first in range(0, len(seeds), self.batch):
            streams = tuple(int(seed) for seed in seeds[first : first + self.batch])
            state, made = self._receive(padded, self._start(streams, speaker, style or Style())), []
            for _ in range(units):
                unit, state = self._advance(self._encode(state))
                made.append(unit)
            motions += [m[:frames] for m in self._shown(self._decode_all(made, state), 0, state)[0]]
        return motions

    def _warm_up(self) -> None:
        """Run everything once: the code round the networks is slow the first time, too."""
        quiet = np.zeros(self.samples_for(2), np.float32)
        self.step(AudioChunk(quiet, 0.0, SAMPLE_RATE), self.start())

    def _start(self, seeds: tuple[int, ...], speaker: str | None, style: Style) -> S:
        first, none = self._windows.first(0), np.zeros(0, np.float32)
        who, quiet = speaker_index(speaker, self.speakers), self._speech.quiet(-first)
        return self._begin(
            StreamState(seeds, style, who, None, none, 0, self._speech.start(), quiet, first, 0, part_gains(style))
        )

    def _receive(self, audio: AudioChunk, state: S) -> S:
        samples = usable_samples(audio, self.name, SAMPLE_RATE)
        start = audio.start if state.start is None else state.start
        return replace(state, start=start, audio=np.concatenate([state.audio, samples]))

    def _pending(self, state: S) -> int:
        """Samples that the next unit's features take from the audio that is waiting."""
        return self.samples_for(state.units + 1) - state.used

    def _encode(self, state: S) -> S:
        """The state with the speech features of its next unit, from its audio."""
        size = self._pending(state)
        new, speech = self._speech.step(state.audio[:size], state.speech)
        drop = max(0, self._windows.first(self._oldest(state)) - state.first)
        return replace(
            state,
            audio=state.audio[size:].copy(),
            used=state.used + size,
            speech=speech,
            vectors=np.concatenate([state.vectors, new])[drop:],
            first=state.first + drop,
        )

    def _given(self, state: S) -> int:
        """Frames that have been given out."""
        return max(0, state.units - self.delay) * self.hop_frames

    def _shown(self, vectors: np.ndarray, first: int, state: S) -> tuple[list[MotionFrames], np.ndarray]:
        """Vectors [B, F, C] from frame `first` on as motion, in the state's style; and the gains after them."""
        count = vectors.shape[1]
        gains = smoothed_gains(state.gains, part_gains(state.style), self.gain_share, count)
        valid = np.tile([part in state.style.parts for part in PARTS], (count, 1))
        start = (state.start or 0.0) + first / self.fps
        shown = self.calm + gains[:, self.parts] * (vectors - self.calm)
        motions = [replace(self._motion(stream, start), valid=valid) for stream in shown]
        return motions, gains[-1] if count else state.gains
