"""The corpus of an autoencoder: motion parameters at its rate, split, hashed."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass

import numpy as np

from speech_gesture_pkg.errors import InputError
from speech_gesture_pkg.lab.metrics.autoencoder.settings import AutoencoderSettings
from speech_gesture_pkg.lab.metrics.corpus import FRECHET
from speech_gesture_pkg.lab.metrics.frechet import clips
from speech_gesture_pkg.lab.metrics.sample import expression_parameters, standard
from speech_gesture_pkg.motion.frames import MotionFrames, resample
from speech_gesture_pkg.motion.parts import PARTS

HELD_OUT = 0.1
"""Share of the motions that training does not see."""
VELOCITY_FLOOR = 0.2
"""Floor of the change per frame, relative to that of the parameters."""


@dataclass(frozen=True, eq=False)
class LatentCorpus:
    """Parameters of one distance for all motions of a corpus.

    Attributes:
        name: "fgd", "fed" or "fmd".
        motions: raw parameters at the autoencoder's rate, float32, at least one clip long. Each [T, D].
        skipped: motions shorter than a clip.
        seconds: of all motions, the skipped ones included.
        sha256: of the content; does not depend on file names or order.
    """

    name: str
    motions: tuple[np.ndarray, ...]
    skipped: int
    seconds: float
    sha256: str

    def split(self, settings: AutoencoderSettings) -> tuple[list[np.ndarray], list[np.ndarray]]:
        """Motions to train on and those held out (about 10 %, at least one if there are two), drawn by the seed."""
        order = np.random.default_rng(settings.seed).permutation(len(self.motions))
        count = max(1, round(HELD_OUT * len(order))) if len(order) > 1 else 0
        held = set(order[:count].tolist())
        picked: tuple[list[np.ndarray], list[np.ndarray]] = ([], [])
        for k, motion in enumerate(self.motions):
            picked[k in held].append(motion)
        return picked

    def clips(self, size: int) -> np.ndarray:
        """All non-overlapping clips. Shape [N, size, D]."""
        return stacked(self.motions, size)


def stacked(motions: Iterable[np.ndarray], size: int) -> np.ndarray:
    """Non-overlapping clips [N, size, D] of motions [T, D]."""
    return np.stack([c for m in motions for c in clips(m, size)])


def normalisation(motions: Sequence[np.ndarray], settings: AutoencoderSettings) -> tuple[np.ndarray, np.ndarray]:
    """What z-scores are made with (`encoder.z_scores`): mean and deviation of each parameter over all frames.

    With velocities there are as many entries again: mean 0 and the root mean square of the change per frame, at least
    `VELOCITY_FLOOR` of the parameters' floor.

    Returns:
        mean, deviation: float32. Shape [D] or [2 D] each.
    """
    frames = np.concatenate(motions).astype(float)
    floor = settings.least_deviation
    mean, deviation = frames.mean(axis=0), np.maximum(frames.std(axis=0), floor)
    if settings.velocities:
        change = np.concatenate([np.diff(m.astype(float), axis=0) for m in motions])
        speed = np.maximum(np.sqrt((change**2).mean(axis=0)), VELOCITY_FLOOR * floor)
        mean, deviation = np.concatenate([mean, 0.0 * mean]), np.concatenate([deviation, speed])
    return mean.astype(np.float32), deviation.astype(np.float32)


def gather(
    motions: Iterable[MotionFrames],
    settings: AutoencoderSettings,
    names: Sequence[str] = (),
    report: Callable[[str], None] = lambda sentence: None,
) -> list[LatentCorpus]:
    """Corpora of the distances `names`; if none is named, of all that the motions allow.

    Each motion is turned into parameters as it comes, so that a corpus of many hours fits into memory.

    Args:
        motions: all of the corpus, in any order.
        settings: rate and clip length.
        names: distances.
        report: gets a sentence for each distance that is left out.

    Raises:
        InputError: the motions are too few or too short, or a named distance needs a face that does not move.
    """
    wanted = tuple(names) or tuple(FRECHET)
    found: dict[str, list[np.ndarray]] = {n: [] for n in wanted}
    hashes: list[bytes] = []
    why: dict[str, str] = {}
    seconds, face = 0.0, False
    for motion in motions:
        even = resample(standard(motion, "a motion of the corpus"), settings.fps)
        seconds += len(motion) / motion.fps
        hashes.append(_digest(motion))
        for name in tuple(found):
            try:
                found[name].append(FRECHET[name](even).astype(np.float32))
            except InputError as e:
                why[name] = str(e)
                del found[name]
        face = face or _face_moves(even)
    if not hashes:
        raise InputError("the corpus holds no motion")
    if not face:
        why |= {n: "no face moves in the corpus" for n in ("fed", "fmd") if n in found}
    for name, reason in why.items():
        found.pop(name, None)
        if name in names:
            raise InputError(f"an autoencoder for {name} cannot be trained on this corpus: {reason}")
        report(f"{name} is left out: {reason}")
    sha = hashlib.sha256(b"".join(sorted(hashes))).hexdigest()
    return [_corpus(name, parts, seconds, sha, settings) for name, parts in found.items()]


def _corpus(
    name: str, parts: list[np.ndarray], seconds: float, sha: str, settings: AutoencoderSettings
) -> LatentCorpus:
    sizes = {p.shape[1] for p in parts}
    if len(sizes) > 1:
        raise InputError(
            f"the motions of the corpus have {' and '.join(map(str, sorted(sizes)))} parameters ({name}); "
            "all must have equally many expression coefficients"
        )
    long = tuple(p for p in parts if len(p) >= settings.clip_frames)
    if sum(len(p) // settings.clip_frames for p in long) < 2:
        raise InputError(
            f"the corpus holds fewer than two clips of {settings.clip_frames} frames at {settings.fps:g} fps; "
            f"it lasts {seconds:.1f} s in {len(parts)} pieces"
        )
    return LatentCorpus(name, long, len(parts) - len(long), seconds, sha)


def _face_moves(motion: MotionFrames) -> bool:
    return bool(motion.valid[:, PARTS.index("face")].all() and expression_parameters(motion).std(axis=0).max() > 1e-6)


def _digest(motion: MotionFrames) -> bytes:
    digest = hashlib.sha256(f"{motion.fps:g} {len(motion)} {motion.expression.shape[1]}".encode())
    for array in (motion.poses, motion.expression, motion.face):
        digest.update(np.ascontiguousarray(array, "<f4").tobytes())
    return digest.digest()
