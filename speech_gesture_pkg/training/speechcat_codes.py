"""First stage of SpeechCAT: the VQ-VAEs of body, hands and face (or of everything at once)."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch
from torch import nn
from torch.nn import functional as fn
from torch.utils.data import Dataset

from speech_gesture_pkg.body.skeleton import forward_kinematics
from speech_gesture_pkg.evaluation.metrics import positions
from speech_gesture_pkg.generators.speechcat.network.model import SpeechCat
from speech_gesture_pkg.generators.speechcat.representation import from_vectors
from speech_gesture_pkg.training.utterances import Utterance

_CROP = 16
"""Tokens in a training sequence (2.1 s)."""
_VELOCITY = 0.5
"""Weight of the frame differences' error beside that of the frames."""
_LEAST_DEVIATION = 0.02
"""Floor of a channel's standard deviation: a joint that hardly moves must not outweigh the others."""


class _Crops(Dataset[dict[str, torch.Tensor]]):
    """Sequences cut at random places."""

    def __init__(self, utterances: Sequence[Utterance], frames: int) -> None:
        self._long = [u for u in utterances if len(u) >= frames]
        self._frames = frames
        share = [max(1, len(u) // frames) for u in self._long]
        self._owner = np.repeat(np.arange(len(self._long)), share)

    def __len__(self) -> int:
        return len(self._owner)

    def __getitem__(self, index: int) -> dict[str, torch.Tensor]:
        u = self._long[self._owner[index]]
        first = int(torch.randint(0, len(u) - self._frames + 1, ()))
        return {p: torch.from_numpy(v[first : first + self._frames]) for p, v in u.vectors.items()}


class _Network(nn.Module):
    def __init__(self, model: SpeechCat) -> None:
        super().__init__()
        self.model = model

    def forward(self, batch: dict[str, torch.Tensor]) -> dict[str, torch.Tensor]:
        total = torch.zeros((), device=next(iter(batch.values())).device)
        losses: dict[str, torch.Tensor] = {}
        for part in self.model.config.parts:
            target = self.model.normaliser(part)(batch[part])
            made, _, commitment = self.model.vqvae(part)(target)
            rebuilt = fn.mse_loss(made, target)
            speed = fn.mse_loss(made.diff(dim=1), target.diff(dim=1))
            losses |= {f"{part}_reconstruction": rebuilt, f"{part}_velocity": speed, f"{part}_commitment": commitment}
            total = total + rebuilt + _VELOCITY * speed + commitment
        return {"loss": total, **losses}


class CodesStage:
    """Trains the codebooks (see `engine.Stage`). Sets the normalisers from the training utterances.

    Args:
        model: its transformer is left alone.
        train, held_out: utterances; those held out keep their motion.
    """

    name = "codes"

    def __init__(self, model: SpeechCat, train: Sequence[Utterance], held_out: Sequence[Utterance]) -> None:
        self.model, self._train, self._held_out = model, train, held_out
        set_normalisers(model, train)
        self.network: nn.Module = _Network(model)
        self.network.model.transformer.requires_grad_(False)

    def data(self) -> Dataset[dict[str, torch.Tensor]]:
        """Random sequences of 16 tokens."""
        return _Crops(self._train, _CROP * self.model.config.downsample)

    def validate(self, network: nn.Module) -> dict[str, float]:
        """`reconstruction_figures` on the held-out utterances."""
        model = network.model
        assert isinstance(model, SpeechCat)
        return reconstruction_figures(model, self._held_out)


def set_normalisers(model: SpeechCat, utterances: Sequence[Utterance]) -> None:
    """Mean and deviation of every channel over the corpus, and the calm pose: the mean of its stillest frames."""
    speed = np.concatenate([u.liveliness[:, 0] for u in utterances])
    still = speed <= np.quantile(speed, 0.05)
    for part in model.config.parts:
        whole = np.concatenate([u.vectors[part] for u in utterances])
        normaliser = model.normaliser(part)
        normaliser.mean.copy_(torch.from_numpy(whole.mean(0)))
        normaliser.deviation.copy_(torch.from_numpy(np.maximum(whole.std(0), _LEAST_DEVIATION)))
        normaliser.calm.copy_(torch.from_numpy(whole[still].mean(0)))


def reconstruction_figures(model: SpeechCat, utterances: Sequence[Utterance]) -> dict[str, float]:
    """Encode and decode whole utterances.

    Returns:
        "body_error", "finger_error" (m; `positions.mean_joint_error` over the 22 body joints, fingers relative to the
        wrists), "face_error" (mean absolute difference of the face vector), and per part "<part>_usage" (share of the
        codebook that the utterances use) and "<part>_perplexity".
    """
    body, fingers, face, counts = [], [], [], {p: np.zeros(model.config.codes) for p in model.config.parts}
    device = model.transformer.embed.device
    for u in utterances:
        assert u.motion is not None
        raw = {p: torch.from_numpy(v)[None].to(device) for p, v in u.vectors.items()}
        tokens = model.encode(raw)
        made = {p: v[0].cpu().numpy() for p, v in model.decode(tokens).items()}
        motion = from_vectors(made, model.config)
        _, true = forward_kinematics(u.motion.matrices())
        _, rebuilt = forward_kinematics(motion.matrices())
        body.append(positions.mean_joint_error(rebuilt[:, :22], true[:, :22]))
        fingers.append(positions.finger_error(rebuilt, true))
        face.append(float(np.abs(motion.face - u.motion.face).mean()))
        for i, part in enumerate(model.config.parts):
            counts[part] += np.bincount(tokens[i].flatten().cpu().numpy(), minlength=model.config.codes)
    figures = {
        "body_error": float(np.mean(body)),
        "finger_error": float(np.mean(fingers)),
        "face_error": float(np.mean(face)),
    }
    for part, n in counts.items():
        share = n[n > 0] / n.sum()
        figures[f"{part}_usage"] = float((n > 0).mean())
        figures[f"{part}_perplexity"] = float(np.exp(-(share * np.log(share)).sum()))
    return figures
