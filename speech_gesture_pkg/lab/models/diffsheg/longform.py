"""Recordings of any length at once: FOPPAS as the paper runs it (section 3.5, figure 3)."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from speech_gesture_pkg.errors import ConfigError
from speech_gesture_pkg.generators.diffsheg.clip_schedule import ClipPlan, fresh
from speech_gesture_pkg.generators.diffsheg.denoiser import Denoiser, Given
from speech_gesture_pkg.generators.diffsheg.samplers import Known, Noise, Sampler

Watch = Callable[[int, int, Known | None], None]
"""Called before each clip with its first frame, the frame after its last one, and what is known of it."""


def outpaint(
    denoiser: Denoiser,
    sampler: Sampler,
    given: Given,
    plan: ClipPlan,
    noise: Callable[[int], Noise],
    watch: Watch = lambda first, last, known: None,
    overlaps: Callable[[int], int] | None = None,
) -> np.ndarray:
    """Motion [B, N, C], normalised, of N frames of speech.

    The first clip has plan.clip frames, each later one begins plan.overlap frames before the end of the one before, and
    the last one is as short as it needs to be.

    Args:
        denoiser: the networks.
        sampler: how a clip is sampled.
        given: conditions of all N frames.
        plan: clip and overlap; its blending is the overlap's last `plan.blend` frames.
        noise: clip number -> its randomness.
        watch: sees every clip.
        overlaps: clip number -> overlap with the clip before, instead of the plan's.

    Raises:
        ConfigError: there are no frames, or an overlap is as long as a clip.
    """
    total = given.speech.shape[1]
    if not total:
        raise ConfigError("there is no speech to make motion for")
    plan.check(denoiser.config)
    made = np.zeros((len(given.speech), 0, denoiser.sizes["motion"]), np.float32)
    clip = 0
    while made.shape[1] < total:
        overlap = plan.overlap if overlaps is None else overlaps(clip)
        if not 0 <= overlap < plan.clip:
            raise ConfigError(f"clip {clip}: overlap is {overlap} frames; it must be less than the clip ({plan.clip})")
        first = max(0, made.shape[1] - overlap)
        last = min(total, first + plan.clip)
        known = None
        if made.shape[1] > first:
            count = made.shape[1] - first
            known = Known(made[:, first:], fresh(count, min(plan.blend, count)), plan.carry)
        watch(first, last, known)
        hubert = None if given.hubert is None else given.hubert[:, first:last]
        piece = denoiser.sample(
            sampler, Given(given.speech[:, first:last], given.person, hubert), known, noise(clip), plan.guidance
        )
        made = np.concatenate([made[:, :first], piece], 1)
        clip += 1
    return made
