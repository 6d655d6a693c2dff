"""Audio chunks in, SMPL-X frames out, as they come.

python examples/stream_a_generator.py speech.wav motion.npz [generator]
"""

import sys

from speech_gesture_pkg import AudioChunk, MotionFrames, Style, load_generator, read_audio, save_motion

CHUNK = 512
"""Samples of a chunk: 32 ms at 16 kHz; any size gives the same frames."""


def main(wav: str, npz: str, name: str = "prosody") -> None:
    """Feed a file in chunks, as a microphone or a TTS would, and save the frames."""
    speech = read_audio(wav)  # 16 kHz mono float32
    generator = load_generator(name)
    print(f"{generator.name}: {generator.fps:g} frames per second, look-ahead {1e3 * generator.lookahead_s:.0f} ms")
    state = generator.start(seed=1, style=Style(amplitude=0.8))
    made = []
    for first in range(0, len(speech.samples), CHUNK):
        chunk = AudioChunk(speech.samples[first : first + CHUNK], start=first / speech.sample_rate)
        frames, state = generator.step(chunk, state)  # poses [T, 55, 3], axis-angle, rad; T may be 0
        made.append(frames)
    motion = MotionFrames.concatenate(made)
    save_motion(npz, motion)
    print(f"{npz}: {len(motion)} frames, {motion.end - motion.start:.1f} s")


if __name__ == "__main__":
    main(*sys.argv[1:])
