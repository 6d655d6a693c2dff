"""Autoencoders of the Frechet distances FGD, FED and FMD (DiffSHEG Eq. 9): training, file, encoder.

    speech-gesture train latents --corpus DIR... -o latents.safetensors

Only `training` needs torch. A latent space is defined by its weights: every figure carries their hash and that of the
corpus, and figures of different hashes refuse to be compared (`metrics.frechet`, `metrics.result.difference`).
"""

from speech_gesture_pkg.lab.metrics.autoencoder.encoder import LatentEncoder, load_latents
from speech_gesture_pkg.lab.metrics.autoencoder.settings import STARTER, AutoencoderSettings

__all__ = ["STARTER", "AutoencoderSettings", "LatentEncoder", "load_latents"]
