"""A generator of one's own by rule, without a model: the louder the speech, the higher the right forearm.

export PYTHONPATH=$PWD/examples${PYTHONPATH:+:$PYTHONPATH}
speech-gesture generate speech.wav -o motion.npz --generator own_rule:LoudArm
"""

from dataclasses import dataclass, field

import numpy as np

from speech_gesture_pkg import AudioChunk, MotionFrames, Style
from speech_gesture_pkg.generators.base import usable_samples
from speech_gesture_pkg.motion.parts import PARTS
from speech_gesture_pkg.motion.skeleton import JOINT_INDEX


@dataclass(frozen=True)
class State:
    samples: np.ndarray = field(default_factory=lambda: np.zeros(0, np.float32))  # kept for the next frame
    frame: int = 0  # index of the next frame
    level: float = 0.0  # smoothed loudness, 0 to 1
    begin: float | None = None  # stream time of frame 0, s
    style: Style = field(default_factory=Style)


class LoudArm:
    name, fps, hop_frames, lookahead_s, sample_rate = "loud_arm", 30.0, 1, 1 / 30, 16_000

    def start(self, seed=0, speaker=None, style=None):
        return State(style=style or Style())

    def step(self, audio: AudioChunk, state: State, style: Style | None = None) -> tuple[MotionFrames, State]:
        style, begin = style or state.style, audio.start if state.begin is None else state.begin
        samples = np.concatenate([state.samples, usable_samples(audio, self.name, self.sample_rate)])
        frame, level, poses = state.frame, state.level, []
        while len(samples) >= (size := (frame + 1) * 16_000 // 30 - frame * 16_000 // 30):  # of this frame: 533 or 534
            level += 0.15 * (min(8.0 * float(np.sqrt(np.mean(samples[:size] ** 2))), 1.0) - level)
            pose = np.zeros((55, 3))  # axis-angle, rad; 0 is the T-pose
            pose[JOINT_INDEX["left_shoulder"], 2], pose[JOINT_INDEX["right_shoulder"], 2] = -1.2, 1.2  # arms hang
            pose[JOINT_INDEX["right_elbow"], 1] = 0.2 + 1.6 * style.amplitude * level  # forward and up
            poses.append(pose)
            samples, frame = samples[size:], frame + 1
        valid = np.tile([part == "body" and part in style.parts for part in PARTS], (len(poses), 1))
        motion = MotionFrames(np.reshape(poses, (-1, 55, 3)), self.fps, begin + state.frame / self.fps, valid=valid)
        return motion, State(samples, frame, level, begin, style)
