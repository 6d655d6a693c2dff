"""The trained encoder: clips of motion parameters to latent vectors, in plain numpy.

Three convolutions and a matrix: numpy does that in some twenty lines and needs neither torch nor ONNX Runtime, so that
`evaluate` works with the base installation and gives the same figure everywhere.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from speech_gesture_pkg.errors import InputError
from speech_gesture_pkg.lab.metrics.autoencoder.settings import AutoencoderSettings
from speech_gesture_pkg.lab.metrics.autoencoder.tensors import load_tensors, save_tensors
from speech_gesture_pkg.lab.metrics.frechet import LatentStatistics, statistics_of
from speech_gesture_pkg.lab.metrics.result import finite
from speech_gesture_pkg.outside_text import one_line

SLOPE = 0.2
"""Leaky ReLU below zero."""
FORMAT = "speech-gesture-latent/1"
_CHUNK = 512


@dataclass(frozen=True, eq=False)
class LatentEncoder:
    """Encoder of one autoencoder; a `metrics.frechet.LatentProvider`.

    Attributes:
        name: the distance it serves: "fgd" (gesture), "fed" (expression) or "fmd" (both).
        settings: definition.
        mean, deviation: of the parameters, and of their velocities if it sees them (`corpus.normalisation`), float32.
            Shape [D] or [2 D].
        convolutions: weight [C', C, K] and bias [C'] of each, float32.
        output: matrix [L, C * F] and bias [L] of the last layer, float32.
        corpus: sha256 of the training corpus.
        reference: mean and covariance of the latents of the corpus, or None.
    """

    name: str
    settings: AutoencoderSettings
    mean: np.ndarray
    deviation: np.ndarray
    convolutions: tuple[tuple[np.ndarray, np.ndarray], ...]
    output: tuple[np.ndarray, np.ndarray]
    corpus: str
    reference: LatentStatistics | None = None

    @property
    def weights(self) -> str:
        """sha256 of everything that decides about a latent vector."""
        digest = hashlib.sha256(self.settings.definition.encode())
        for name, array in sorted(self.tensors().items()):
            digest.update(f"{name}{array.shape}".encode())
            digest.update(np.ascontiguousarray(array, "<f4").tobytes())
        return digest.hexdigest()

    @property
    def id(self) -> str:
        """Stands in every figure: distance, definition, weights, corpus."""
        return f"{self.name}-ae weights:{self.weights[:12]} corpus:{self.corpus[:12]} ({self.settings.definition})"

    @property
    def clip_frames(self) -> int:
        """Frames of a clip."""
        return self.settings.clip_frames

    @property
    def fps(self) -> float:
        """Rate of the clips, Hz."""
        return self.settings.fps

    @property
    def size(self) -> int:
        """Parameters of a frame, D."""
        return len(self.mean) // (2 if self.settings.velocities else 1)

    @property
    def moved(self) -> np.ndarray:
        """Which of the parameters were more than the least deviation away from 0 in the corpus. Shape [D]."""
        return np.maximum(np.abs(self.mean), self.deviation)[: self.size] > 1.001 * self.settings.least_deviation

    def encode(self, clips: np.ndarray) -> np.ndarray:
        """Latent vectors [N, L] (float64) of clips of raw parameters [N, F, D].

        Raises:
            InputError: another clip length or number of parameters than the autoencoder was trained on, or NaN.
        """
        x = finite("clips", clips, 3)
        wanted = (self.clip_frames, self.size)
        if x.shape[1:] != wanted:
            raise InputError(
                f"clips have {x.shape[1]} frames of {x.shape[2]} parameters; this autoencoder ({self.name}) was "
                f"trained on {wanted[0]} frames of {wanted[1]}"
            )
        parts = [self._encode(x[i : i + _CHUNK]) for i in range(0, len(x), _CHUNK)]
        return np.concatenate(parts) if parts else np.zeros((0, self.settings.latent))

    def _encode(self, clips: np.ndarray) -> np.ndarray:
        x = z_scores(clips, self.mean, self.deviation)
        for k, (weight, bias) in enumerate(self.convolutions):
            x = convolve(x, weight, bias, 1 if k == 0 else 2)
            x = np.where(x > 0, x, np.float32(SLOPE) * x)
        weight, bias = self.output
        return (x.reshape(len(x), -1) @ weight.T + bias).astype(float)

    def tensors(self) -> dict[str, np.ndarray]:
        """Arrays by their names in the file."""
        found = {"mean": self.mean, "deviation": self.deviation}
        for k, (weight, bias) in enumerate(self.convolutions):
            found |= {f"conv{k}.weight": weight, f"conv{k}.bias": bias}
        return found | {"output.weight": self.output[0], "output.bias": self.output[1]}


def z_scores(clips: np.ndarray, mean: np.ndarray, deviation: np.ndarray) -> np.ndarray:
    """What the network sees of clips of raw parameters [N, F, D]: z-scores, and those of the change per frame.

    Args:
        clips: raw parameters.
        mean, deviation: shape [D], or [2 D] if the network sees velocities (0 in a clip's first frame), too.

    Returns:
        float32. Shape [N, D or 2 D, F].
    """
    seen = clips
    if len(mean) == 2 * clips.shape[2]:
        seen = np.concatenate([clips, np.diff(clips, axis=1, prepend=clips[:, :1])], axis=2)
    return np.ascontiguousarray(((seen - mean) / deviation).transpose(0, 2, 1), np.float32)


def convolve(x: np.ndarray, weight: np.ndarray, bias: np.ndarray, stride: int) -> np.ndarray:
    """1-D convolution (cross-correlation, as in torch) with one frame of zeros at both ends.

    [N, C, T] with weight [C', C, K], bias [C'] -> [N, C', (T + 2 - K) // stride + 1].
    """
    padded = np.pad(x, ((0, 0), (0, 0), (1, 1)))
    windows = np.lib.stride_tricks.sliding_window_view(padded, weight.shape[2], axis=2)[:, :, ::stride]
    count, _, length = windows.shape[:3]
    rows = windows.transpose(0, 2, 1, 3).reshape(count * length, -1)
    out = rows @ weight.reshape(len(weight), -1).T + bias
    return np.asarray(out.reshape(count, length, -1).transpose(0, 2, 1))


def save_latents(path: str | Path, encoders: Iterable[LatentEncoder], facts: Mapping[str, str] | None = None) -> None:
    """Write encoders to a safetensors file. Raises OutputError.

    Args:
        path: file.
        encoders: of different names.
        facts: further metadata (sources, licences, training figures).
    """
    tensors: dict[str, np.ndarray] = {}
    metadata = {"format": FORMAT, **(facts or {})}
    for e in encoders:
        tensors |= {f"{e.name}.{key}": array for key, array in e.tensors().items()}
        if e.reference is not None:
            tensors |= {
                f"{e.name}.reference.mean": e.reference.mean,
                f"{e.name}.reference.covariance": e.reference.covariance,
                f"{e.name}.reference.count": np.array([e.reference.count], np.int64),
            }
        described = {"settings": e.settings.as_dict(), "corpus": e.corpus, "weights": e.weights}
        metadata[f"{e.name}"] = json.dumps(described, sort_keys=True)
    save_tensors(path, tensors, metadata)


def load_latents(path: str | Path) -> dict[str, LatentEncoder]:
    """The encoders of a file by distance: "fgd", "fed", "fmd", as far as it holds them.

    Raises:
        InputError: no such file, not one of ours, or its weights are not those that were saved.
    """
    tensors, metadata = load_tensors(path)
    if metadata.get("format") != FORMAT:
        raise InputError(
            f"{path} holds no autoencoder for Frechet distances (format {metadata.get('format')!r}, not {FORMAT!r}); "
            "speech-gesture train latents makes one"
        )
    found: dict[str, LatentEncoder] = {}
    for name in ("fgd", "fed", "fmd"):
        if name in metadata:
            own = {k.removeprefix(f"{name}."): v for k, v in tensors.items() if k.startswith(f"{name}.")}
            try:
                found[name] = _loaded(name, own, json.loads(metadata[name]))
            except (KeyError, ValueError, TypeError, AttributeError, LookupError, OverflowError, RecursionError) as e:
                raise InputError(f"{path}: the autoencoder {name!r} is incomplete ({one_line(e)})") from e
            if found[name].weights != json.loads(metadata[name])["weights"]:
                raise InputError(f"{path}: the weights of {name!r} do not have the sha256 that the file states")
    return found


def _loaded(name: str, tensors: Mapping[str, np.ndarray], described: Mapping) -> LatentEncoder:
    settings = AutoencoderSettings.from_dict(described["settings"])
    reference = None
    encoder = LatentEncoder(
        name,
        settings,
        tensors["mean"],
        tensors["deviation"],
        tuple((tensors[f"conv{k}.weight"], tensors[f"conv{k}.bias"]) for k in range(len(settings.widths))),
        (tensors["output.weight"], tensors["output.bias"]),
        described["corpus"],
    )
    if "reference.mean" in tensors:
        count = int(tensors["reference.count"][0])
        reference = LatentStatistics(tensors["reference.mean"], tensors["reference.covariance"], count, encoder.id)
    return LatentEncoder(**(encoder.__dict__ | {"reference": reference}))


def with_reference(encoder: LatentEncoder, clips: np.ndarray) -> LatentEncoder:
    """The encoder with mean and covariance of these clips [N, F, D], N >= 2, as its reference."""
    return LatentEncoder(**(encoder.__dict__ | {"reference": statistics_of(encoder.encode(clips), encoder.id)}))
