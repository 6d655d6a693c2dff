"""ProsodyGenerator: speech to gestures by rule, streaming, on one core.

Per feature frame (10 ms) the accent tracker looks for phrase boundaries and accents. Per motion frame (1/30 s) the
planner turns those events into stages of the limbs, the segments are evaluated, drift and breathing are added, and the
vector becomes SMPL-X joints and face weights. Look-ahead is 0.15 s: accents are known shortly before they are heard.
"""

from __future__ import annotations

import numpy as np

from speech_gesture_pkg.audio.chunk import SAMPLE_RATE, AudioChunk
from speech_gesture_pkg.errors import ConfigError
from speech_gesture_pkg.generators.base import Style, usable_samples
from speech_gesture_pkg.generators.listening import SpeechListener
from speech_gesture_pkg.generators.prosody import channels as ch
from speech_gesture_pkg.generators.prosody import face, idle, planner
from speech_gesture_pkg.generators.prosody.arms import ARM_JOINTS, arm_rotations
from speech_gesture_pkg.generators.prosody.limbs import HOLD, LEFT_ARM, PREPARATION, REST, RETRACTION, RIGHT_ARM, STROKE
from speech_gesture_pkg.generators.prosody.state import (
    ACTIVITY,
    AMPLITUDE,
    BODY,
    FACE,
    HANDS,
    REST_VECTOR,
    ProsodyState,
    gains,
)
from speech_gesture_pkg.motion.frames import MotionFrames
from speech_gesture_pkg.motion.parts import ARKIT_NAMES, PARTS
from speech_gesture_pkg.motion.skeleton import JOINT_INDEX, NUM_JOINTS

_FPS = planner.FPS
_GAIN_STEP = 0.22
"""Share of the way that each of three cascaded low-pass stages goes per frame (time constant 0.13 s)."""
_MOST_DRIFT = 1.3
"""Drift grows with the style's amplitude up to this: hands keep clear of each other."""
_JAW = JOINT_INDEX["jaw"] * 3
_EYE = JOINT_INDEX["left_eye_smplhf"] * 3
_PHASE_ORDER = {STROKE: 4, PREPARATION: 3, RETRACTION: 2, HOLD: 1, REST: 0}
"""Of two arms the busier one gives the frame's phase."""


class ProsodyGenerator:
    """Rule-based gestures from prosody (see the package's modules for the rules).

    Attributes:
        fps: 30 frames per second.
        hop_frames: 1.
        lookahead_s: 0.15 s.
        sample_rate: 16000 Hz.
    """

    name = "prosody"
    fps = float(_FPS)
    hop_frames = 1
    lookahead_s = 0.15
    sample_rate = SAMPLE_RATE

    def __init__(self) -> None:
        self._listener = SpeechListener(_FPS, self.lookahead_s)

    def start(self, seed: int = 0, speaker: str | None = None, style: Style | None = None) -> ProsodyState:
        """A person at rest, before the first sample.

        Raises:
            ConfigError: a speaker is named; the rules know none.
        """
        if speaker is not None:
            raise ConfigError(f"speaker {speaker!r} is unknown; the prosody generator has no speakers, leave it empty")
        return ProsodyState.fresh(self._listener.start(), int(seed), style or Style())

    def step(
        self, audio: AudioChunk, state: ProsodyState, style: Style | None = None
    ) -> tuple[MotionFrames, ProsodyState]:
        """The frames that `audio` completes, and the next state (see `generators.base.Generator`).

        Raises:
            InputError: another sample rate than 16 kHz, samples that are not flat or not finite.
        """
        samples = usable_samples(audio, "the prosody generator", SAMPLE_RATE)
        state = state.copy()
        if style is not None:
            state.style = style
        due = self._listener.take(state.listening, samples, audio.start)
        frames = self._frames(state, max(0, due - state.frames))
        state.listening.let_go()
        return frames, state

    def _frames(self, state: ProsodyState, count: int) -> MotionFrames:
        """Make the next `count` frames, changing the state."""
        first = state.frames
        vectors = np.empty((count, ch.NUM_CHANNELS))
        flat = np.empty((count, NUM_JOINTS * 3))
        weights = np.empty((count, len(ARKIT_NAMES)))
        phases = np.empty(count, np.uint8)
        for i in range(count):
            phases[i] = self._one(state, vectors[i], flat[i], weights[i])
        poses = flat.reshape(count, NUM_JOINTS, 3)
        if count:
            poses[:, ARM_JOINTS] = arm_rotations(vectors)
        return MotionFrames(
            poses=poses,
            fps=self.fps,
            start=(state.listening.start or 0.0) + first / self.fps,
            translation=ch.root_translation(vectors),
            expression=np.zeros((count, 0)),
            face=weights,
            phase=phases,
            valid=np.tile(np.array([part in state.style.parts for part in PARTS]), (count, 1)),
        )

    def _one(self, state: ProsodyState, x: np.ndarray, pose: np.ndarray, weights: np.ndarray) -> int:
        """One frame: its motion vector, joints and face are written to the given rows; its phase is returned."""
        frame, style = state.frames, state.style
        heard = self._listener.hear(state.listening, frame, style.rate)
        tracker = state.listening.tracker
        bands = face.features(heard.features.log_mel).tolist()
        columns = (heard.features.energy_db.tolist(), bands, heard.peak_db, heard.features.voicing.tolist())
        for number, row in enumerate(zip(*columns, heard.speaking, strict=True), heard.features.first):
            state.mouth.push(number, *row)
        blink = planner.update(state.plan, state.limbs, frame, heard.events, tracker.gap_s, style)
        limit = (15.0 + 14.0 * style.amplitude + 20.0 * max(style.amplitude - 1.0, 0.0)) / _FPS**2
        state.limbs.advance(frame, state.segments, limit)

        low_pass = state.gains
        low_pass[0] += _GAIN_STEP * (gains(style, float(tracker.speaking)) - low_pass[0])
        low_pass[1] += _GAIN_STEP * (low_pass[0] - low_pass[1])
        low_pass[2] += _GAIN_STEP * (low_pass[1] - low_pass[2])
        gain = low_pass[2]
        lively = float(gain[ACTIVITY] * min(gain[AMPLITUDE], _MOST_DRIFT))

        x[:] = state.segments.evaluate(frame)
        slow, fast = state.drift.sample(frame, state.seed)
        x += slow * (idle.IDLE + lively * idle.SLOW) + fast * (lively * idle.FAST)
        self._breathe(state, x)
        if gain[BODY:].min() < 1.0 - 1e-6:
            x -= REST_VECTOR
            x[ch.BODY_CHANNELS] *= gain[BODY]
            x[ch.HAND_CHANNELS] *= gain[HANDS]
            x[ch.FACE_CHANNELS] *= gain[FACE]
            x += REST_VECTOR
        pose[:] = ch.linear_pose(x)

        state.mouth.maybe_blink(frame, self.fps, state.seed, blink)
        mouth = state.mouth.shape((10 * frame + 1) // 3) * gain[FACE]
        pose[_JAW] += face.JAW_ANGLE * mouth[face.OPEN]
        weights[:] = face.weights(
            mouth,
            state.mouth.lids(frame) * gain[FACE],
            x[ch.BROW],
            (pose[_EYE + 1], pose[_EYE]),
            float((1.0 - gain[ACTIVITY]) * gain[FACE]),
        )
        state.frames += 1
        left, right = state.limbs.phases[LEFT_ARM], state.limbs.phases[RIGHT_ARM]
        return left if _PHASE_ORDER[left] >= _PHASE_ORDER[right] else right

    def _breathe(self, state: ProsodyState, x: np.ndarray) -> None:
        """Chest and shoulders rise with the breath; each breath has its own length."""
        rise = idle.breath(state.breath)
        x[ch.TORSO_PITCH] -= 0.010 * rise
        x[ch.COLLAR_UP] += 0.022 * rise
        x[ch.ARM_SIZE + ch.COLLAR_UP] += 0.022 * rise
        state.breath = (state.breath + idle.breath_rate(float(state.drift.slow[1, 0]) / 2.2) / _FPS) % 1.0
