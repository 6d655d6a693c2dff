"""Training the denoiser of DiffSHEG (paper section 3.4)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import torch
from torch import nn
from torch.nn import functional as fn
from torch.utils.data import Dataset

from speech_gesture_pkg.errors import ConfigError, InputError
from speech_gesture_pkg.features.vectors import SpeechVectors
from speech_gesture_pkg.generators.diffsheg.config import DiffShegConfig
from speech_gesture_pkg.generators.diffsheg.representation import to_vectors
from speech_gesture_pkg.generators.feature_windows import MOTION_FPS
from speech_gesture_pkg.lab.models.diffsheg.checkpoint import DiffSheg
from speech_gesture_pkg.lab.models.diffsheg.hubert import HUBERT
from speech_gesture_pkg.lab.models.diffsheg.model import Conditions
from speech_gesture_pkg.lab.models.diffsheg.recipe import Losses
from speech_gesture_pkg.lab.training.corpus import SPEECH, Recording
from speech_gesture_pkg.lab.training.sequences import speech_windows, style_of, style_reference
from speech_gesture_pkg.motion.skeleton import matrix_to_axis_angle

Batch = dict[str, torch.Tensor]

_NO_STYLE = 0.15
"""Share of clips that are trained without style (as the median)."""
_NO_KNOWN = 0.2
"""Share of clips that are trained without known frames."""
_KNOWN_NOISE = 0.05
"""Known frames are disturbed by up to this many deviations: live, they are the network's own. More than a frame's usual
change (0.07) would hide from the network where the motion goes on."""
_LEAST_DEVIATION = 0.02
"""Floor of a channel's standard deviation (rad, m, weight): one that hardly moves must not outweigh the others."""


class TrainingRecording:
    """A recording as this network sees it: raw vectors [T, C], style [T, 2], HuBERT states [>= T, H] or None.

    Raises:
        ConfigError: the network takes HuBERT states that the recording does not hold.
        InputError: motion that this network cannot hold.
    """

    def __init__(self, recording: Recording, config: DiffShegConfig, reference: np.ndarray) -> None:
        self.recording = recording = recording.in_units(max(1, config.stride))
        self.name, self.speaker = recording.name, recording.speaker_index(config.speakers)
        motion = recording.motion
        # one rotation vector for each rotation (none longer than pi), weights in their range
        poses = matrix_to_axis_angle(motion.matrices())
        motion = replace(motion, poses=poses, face=np.clip(motion.face, 0.0, 1.0))
        self.vectors = to_vectors(motion, replace(config, fps=MOTION_FPS))[:: config.stride]
        self.style = np.tile(style_of(recording, reference), (len(self.vectors), 1))
        self.hubert = recording.features.get(HUBERT) if config.hubert else None
        found = (0, 0) if self.hubert is None else self.hubert.shape
        if config.hubert and (found[0] < len(self.vectors) or found[1] != config.hubert):
            raise ConfigError(
                f"diffsheg hubert is {config.hubert}, but {self.name} holds {found[0]} states of {found[1]} channels "
                f"for {len(self.vectors)} frames; read the corpus with hubert.hubert_feature"
            )
        self.still = recording.speed[:: config.stride][: len(self.vectors)]

    def __len__(self) -> int:
        return len(self.vectors)


class _Clips(Dataset[Batch]):
    """Clips cut at random places."""

    def __init__(self, recordings: Sequence[TrainingRecording], config: DiffShegConfig) -> None:
        self._long = [r for r in recordings if len(r) >= config.clip]
        self._config, self._windows, self._quiet = config, config.windows, SpeechVectors.quiet(1)[0]
        share = [max(1, len(r) // config.clip) for r in self._long]
        self._owner = np.repeat(np.arange(len(self._long)), share)

    def __len__(self) -> int:
        return len(self._owner)

    def __getitem__(self, index: int) -> Batch:
        r, count = self._long[self._owner[index]], self._config.clip
        first = int(torch.randint(0, len(r) - count + 1, ()))
        return self.cut(r, first, count)

    def cut(self, r: TrainingRecording, first: int, count: int) -> Batch:
        """Frames `first` to `first + count` of a recording with what conditions them."""
        config = self._config
        speech = speech_windows(r.recording.features[SPEECH], first, count, self._windows, self._quiet)
        person = np.zeros(config.person, np.float32)
        person[r.speaker] = 1.0
        if config.style:
            person[len(config.speakers) :] = r.style[first : first + count].mean(0)
        made = {
            "motion": torch.from_numpy(r.vectors[first : first + count]),
            "speech": torch.from_numpy(speech),
            "person": torch.from_numpy(person),
        }
        if r.hubert is not None:
            made["hubert"] = torch.from_numpy(r.hubert[first : first + count])
        return made


class Diffusion(nn.Module):
    """A training step: noise a clip, predict, compare (see `engine.Stage.network`)."""

    def __init__(self, model: DiffSheg, losses: Losses) -> None:
        super().__init__()
        self.model, self.losses = model, losses

    def forward(self, batch: Batch) -> dict[str, torch.Tensor]:
        """Losses of Eq. 8 for clips `motion` [B, T, C], `speech` [B, T, L, F], `person` [B, P], `hubert` [B, T, H]."""
        network, config = self.model.network, self.model.config
        clean = self.model.normalised(batch["motion"])
        count, device = len(clean), clean.device
        step = torch.randint(0, config.steps, (count,), device=device)
        noise = torch.randn_like(clean)
        signal, level = network.levels(step)
        x = signal * clean + level * noise
        given = Conditions(
            batch["speech"],
            self._person(batch["person"]),
            batch.get("hubert"),
            self._known(clean) if config.known else None,
            torch.rand(count, device=device) < config.null if config.null and self.training else None,
        )
        made = network(x, step, given, clean if config.flow == "final_x0" else None)
        target = {"epsilon": noise, "velocity": signal * noise - level * clean, "sample": clean}[config.prediction]
        drawn = network.clean(x, made, step)
        w = self.losses
        parts = {
            "prediction": fn.mse_loss(made, target),
            "velocity": fn.mse_loss(drawn.diff(dim=1), clean.diff(dim=1)),
            "huber": fn.huber_loss(drawn, clean, delta=w.delta) / (w.delta if w.scaled else 1.0),
        }
        loss = w.prediction * parts["prediction"] + w.velocity * parts["velocity"] + w.huber * parts["huber"]
        return {"loss": loss, **parts}

    def _person(self, person: torch.Tensor) -> torch.Tensor:
        config = self.model.config
        if not config.style or not self.training:
            return person
        kept = (torch.rand(len(person), 1, device=person.device) > _NO_STYLE).float()
        return torch.cat([person[:, : len(config.speakers)], kept * person[:, len(config.speakers) :]], 1)

    def _known(self, clean: torch.Tensor) -> torch.Tensor:
        """Known frames as the network gets them: none, or a random number at the begin. Shape [B, T, C + 1]."""
        count, frames, _ = clean.shape
        device = clean.device
        longest = frames - max(1, frames // 6)
        size = torch.randint(1, longest + 1, (count, 1), device=device)
        size = torch.where(torch.rand(count, 1, device=device) < _NO_KNOWN, 0, size)
        mask = (torch.arange(frames, device=device) < size).float()[..., None]
        amount = _KNOWN_NOISE * torch.rand(count, 1, 1, device=device) if self.training else 0.0
        return torch.cat([(clean + amount * torch.randn_like(clean)) * mask, mask], -1)


class DiffShegStage:
    """Trains a denoiser (see `engine.Stage`). Sets the normalisation from the training recordings.

    Args:
        model: the network.
        train, held_out: recordings.
        losses: `paper`, `code` or `motion`.

    Raises:
        ConfigError: unknown losses, or a network that takes what recordings do not hold.
        InputError: no recording is as long as a clip.
    """

    name = "diffsheg"

    def __init__(
        self, model: DiffSheg, train: Sequence[Recording], held_out: Sequence[Recording], losses: str = "paper"
    ) -> None:
        config = model.config
        if config.speech:
            raise ConfigError("diffsheg training takes the package's own speech features: speech must be 0")
        self.model, self.reference = model, style_reference(train)
        recordings = [TrainingRecording(r, config, self.reference) for r in train]
        self._train = _Clips(recordings, config)
        self._held_out = _Clips([TrainingRecording(r, config, self.reference) for r in held_out], config)
        for name, clips in (("training", self._train), ("held-out", self._held_out)):
            if not len(clips):
                raise InputError(f"no {name} recording is as long as a clip of {config.clip / config.fps:.1f} s")
        set_normalisation(model, recordings)
        self.network: nn.Module = Diffusion(model, Losses.named(losses))

    def data(self) -> Dataset[Batch]:
        """Random clips."""
        return self._train

    def validate(self, network: nn.Module) -> dict[str, float]:
        """Losses on the held-out clips, with the same cuts and the same noise every time."""
        state = torch.random.get_rng_state()
        torch.manual_seed(0)
        device = next(network.parameters()).device
        sums: dict[str, float] = {}
        size, count = 32, 0
        for first in range(0, len(self._held_out), size):
            items = [self._held_out[k] for k in range(first, min(first + size, len(self._held_out)))]
            batch = {k: torch.stack([i[k] for i in items]).to(device) for k in items[0]}
            for name, value in network(batch).items():
                sums[name] = sums.get(name, 0.0) + len(items) * float(value.detach())
            count += len(items)
        torch.random.set_rng_state(state)
        return {f"held_out_{k}": v / count for k, v in sums.items()}


def set_normalisation(model: DiffSheg, recordings: Sequence[TrainingRecording]) -> None:
    """Mean and deviation of every channel, and the calm pose: the mean of the stillest twentieth of all frames."""
    whole = np.concatenate([r.vectors for r in recordings])
    speed = np.concatenate([r.still for r in recordings])
    calm = whole[speed <= np.quantile(speed, 0.05)].mean(0)
    model.mean.copy_(torch.from_numpy(whole.mean(0)))
    model.deviation.copy_(torch.from_numpy(np.maximum(whole.std(0), _LEAST_DEVIATION)))
    model.calm.copy_(torch.from_numpy(calm))
