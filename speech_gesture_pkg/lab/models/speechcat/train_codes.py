"""First stage of SpeechCAT: the VQ-VAEs of body, hands and face (or of everything at once)."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch
from torch import nn
from torch.nn import functional as fn
from torch.utils.data import Dataset

from speech_gesture_pkg.generators.speechcat.config import SpeechCatConfig
from speech_gesture_pkg.generators.speechcat.representation import from_vectors, part_size
from speech_gesture_pkg.lab.metrics import positions
from speech_gesture_pkg.lab.models.speechcat.model import SpeechCat
from speech_gesture_pkg.lab.models.speechcat.utterances import Utterance
from speech_gesture_pkg.lab.training.forward_kinematics import body_points, hand_points
from speech_gesture_pkg.motion.frames import MotionFrames
from speech_gesture_pkg.motion.parts import HAND_JOINTS, UPPER_JOINTS
from speech_gesture_pkg.motion.skeleton import forward_kinematics

_CROP = 16
"""Tokens in a training sequence (2.1 s)."""
_VELOCITY = 0.5
"""Weight of the frame differences' error beside that of the frames."""
_POINT_SCALE = 0.03
"""An error of a joint's position that weighs as much as one deviation of a channel, m."""
_POINT_EVERY = 2
"""Frames from one whose joint positions are compared to the next: kinematics cost as much as the network."""
_BODY_SIX, _HAND_SIX = 6 * len(UPPER_JOINTS), 6 * len(HAND_JOINTS)
_LEAST_DEVIATION = 0.02
"""Floor of a channel's standard deviation: a joint that hardly moves must not outweigh the others."""


class Crops(Dataset[dict[str, torch.Tensor]]):
    """Sequences cut at random places."""

    def __init__(self, utterances: Sequence[Utterance], frames: int) -> None:
        self._long = [u.vectors for u in utterances if len(u) >= frames]
        self._frames = frames
        share = [max(1, len(next(iter(u.values()))) // frames) for u in self._long]
        self._owner = np.repeat(np.arange(len(self._long)), share)

    def __len__(self) -> int:
        return len(self._owner)

    def __getitem__(self, index: int) -> dict[str, torch.Tensor]:
        streams = self._long[self._owner[index]]
        room = len(next(iter(streams.values()))) - self._frames
        first = int(torch.randint(0, room + 1, ()))
        return {p: torch.from_numpy(v[first : first + self._frames]) for p, v in streams.items()}


class PointErrors(nn.Module):
    """Mean squared distance of the joints that two poses of a part put somewhere, in units of `_POINT_SCALE`."""

    def __init__(self, config: SpeechCatConfig) -> None:
        super().__init__()
        body, hands = body_points(), hand_points()
        self.body, self.hands = body, hands
        self._places = {
            "body": [(body, 0, _BODY_SIX)],
            "hands": [(hands, 0, _HAND_SIX)],
            "all": [(body, 0, _BODY_SIX), (hands, part_size("body", config), _HAND_SIX)],
        }

    def forward(self, part: str, made: torch.Tensor, target: torch.Tensor) -> torch.Tensor:
        """Raw vectors of a part [B, T, size], twice."""
        total = made.new_zeros(())
        for points, first, size in self._places[part]:
            both = torch.stack([made, target])[:, :, ::_POINT_EVERY, first : first + size].reshape(-1, size // 6, 6)
            mine, true = points(both).chunk(2)
            total = total + ((mine - true) / _POINT_SCALE).square().sum(-1).mean()
        return total


class _Network(nn.Module):
    def __init__(self, model: SpeechCat) -> None:
        super().__init__()
        self.model, self.points = model, PointErrors(model.config)

    def forward(self, batch: dict[str, torch.Tensor]) -> dict[str, torch.Tensor]:
        """Thesis section 3.1, with the errors of joint positions beside those of the channels."""
        total = torch.zeros((), device=next(iter(batch.values())).device)
        losses: dict[str, torch.Tensor] = {}
        for part in self.model.config.parts:
            target = self.model.normaliser(part)(batch[part])
            made, _, commitment = self.model.vqvae(part)(target)
            rebuilt = fn.mse_loss(made, target)
            speed = fn.mse_loss(made.diff(dim=1), target.diff(dim=1))
            losses |= {f"{part}_reconstruction": rebuilt, f"{part}_velocity": speed, f"{part}_commitment": commitment}
            total = total + rebuilt + _VELOCITY * speed + commitment
            if part != "face":
                away = self.points(part, self.model.normaliser(part).inverse(made), batch[part])
                losses[f"{part}_positions"] = away
                total = total + away
        return {"loss": total, **losses}


class CodesStage:
    """Trains the codebooks (see `engine.Stage`). Sets the normalisers from the training utterances.

    Args:
        model: its transformer is left alone.
        train, held_out: utterances.
    """

    name = "codes"

    def __init__(self, model: SpeechCat, train: Sequence[Utterance], held_out: Sequence[Utterance]) -> None:
        self.model, self._train, self._held_out = model, train, held_out
        set_normalisers(model, train)
        self.network: nn.Module = _Network(model)
        self.network.model.transformer.requires_grad_(False)

    def data(self) -> Dataset[dict[str, torch.Tensor]]:
        """Random sequences of 16 tokens."""
        return Crops(self._train, _CROP * self.model.config.downsample)

    def validate(self, network: nn.Module) -> dict[str, float]:
        """`reconstruction_figures` on the held-out utterances."""
        model = network.model
        assert isinstance(model, SpeechCat)
        return reconstruction_figures(model, self._held_out)


def set_normalisers(model: SpeechCat, utterances: Sequence[Utterance]) -> None:
    """Mean and deviation of every channel over the corpus, and the calm pose: the mean of its stillest frames."""
    speed = np.concatenate([u.recording.speed for u in utterances])
    still = speed <= np.quantile(speed, 0.05)
    for part in model.config.parts:
        whole = np.concatenate([u.vectors[part] for u in utterances])
        normaliser = model.normaliser(part)
        normaliser.mean.copy_(torch.from_numpy(whole.mean(0)))
        normaliser.deviation.copy_(torch.from_numpy(np.maximum(whole.std(0), _LEAST_DEVIATION)))
        normaliser.calm.copy_(torch.from_numpy(whole[still].mean(0)))


@torch.no_grad()
def reconstruction_figures(model: SpeechCat, utterances: Sequence[Utterance]) -> dict[str, float]:
    """Encode and decode whole utterances.

    Returns:
        "body_error" (m; `positions.mean_joint_error` over the 22 body joints), "finger_error" (m; finger joints in the
        frames of their wrists: what the hands' codebook loses), "finger_error_moved" (m; positions less the wrist's, so
        that an error of the wrist's rotation counts too), "face_error" (mean absolute difference of the face vector),
        "roughness" (mean acceleration of the body joints, ratio to that of the true motion), and per part
        "<part>_usage" (share of the codebook that the utterances use) and "<part>_perplexity".
    """
    body, fingers, moved, face, rough = ([] for _ in range(5))
    counts = {p: np.zeros(model.config.codes) for p in model.config.parts}
    device = model.transformer.embed.device
    for u in utterances:
        truth = u.recording.motion
        raw = {p: torch.from_numpy(v)[None].to(device) for p, v in u.vectors.items()}
        tokens = model.encode(raw)
        made = {p: v[0].cpu().numpy() for p, v in model.decode(tokens).items()}
        motion = from_vectors(made, model.config)
        true, rebuilt = (forward_kinematics(m.matrices())[1] for m in (truth, motion))
        body.append(positions.mean_joint_error(rebuilt[:, :22], true[:, :22]))
        moved.append(positions.finger_error(rebuilt, true))
        fingers.append(positions.finger_error(*(_held_still(m) for m in (motion, truth))))
        rough.append(_roughness(rebuilt[:, :22]) / max(_roughness(true[:, :22]), 1e-6))
        face.append(float(np.abs(motion.face - truth.face).mean()))
        for i, part in enumerate(model.config.parts):
            counts[part] += np.bincount(tokens[i].flatten().cpu().numpy(), minlength=model.config.codes)
    figures = {
        "body_error": float(np.mean(body)),
        "finger_error": float(np.mean(fingers)),
        "finger_error_moved": float(np.mean(moved)),
        "face_error": float(np.mean(face)),
        "roughness": float(np.median(rough)),
    }
    for part, n in counts.items():
        share = n[n > 0] / n.sum()
        figures[f"{part}_usage"] = float((n > 0).mean())
        figures[f"{part}_perplexity"] = float(np.exp(-(share * np.log(share)).sum()))
    return figures


def _roughness(places: np.ndarray) -> float:
    return float(np.linalg.norm(np.diff(places, 2, axis=0), axis=-1).mean())


def _held_still(motion: MotionFrames) -> np.ndarray:
    """Joint positions [T, 55, 3] with the body, and so the wrists, at rest."""
    matrices = motion.matrices()
    matrices[:, :22] = np.eye(3)
    return forward_kinematics(matrices)[1]
