"""UniEG: the denoising network of DiffSHEG (paper section 3.3)."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import nn

from speech_gesture_pkg.generators.diffsheg.config import DiffShegConfig
from speech_gesture_pkg.generators.diffsheg.noise_schedule import NoiseSchedule
from speech_gesture_pkg.generators.diffsheg.representation import sizes
from speech_gesture_pkg.lab.models.diffsheg.blocks import (
    Around,
    Fusion,
    Smooth,
    StyledLayer,
    embedder,
    positions,
    step_embedding,
)


@dataclass(frozen=True)
class Conditions:
    """What a clip is made from.

    Attributes:
        speech: own features [B, T, L, C], L of them around each frame, or ready-made ones [B, T, C].
        person: one-hot speaker, then style (log2 amplitude, log2 rate) if there is one. Shape [B, P].
        hubert: states at the motion's rate. Shape [B, T, H].
        known: frames that are known, 0 elsewhere, and a last channel that is 1 where they are. Shape [B, T, C + 1].
        null: clips without conditions (classifier-free guidance). Shape [B], bool.
    """

    speech: torch.Tensor
    person: torch.Tensor
    hubert: torch.Tensor | None = None
    known: torch.Tensor | None = None
    null: torch.Tensor | None = None


class AudioEncoder(nn.Module):
    """Low- and mid-level speech features, shared by the branches.

    Args:
        config: sizes.
        channels, length: of own speech features around a frame; of no use with ready-made ones.
    """

    def __init__(self, config: DiffShegConfig, channels: int, length: int) -> None:
        super().__init__()
        self.config = config
        width = config.audio_width
        self.listen = nn.Sequential(nn.Linear(channels * length, width), nn.GELU(), nn.Linear(width, width))
        if config.speech:
            self.listen = nn.Sequential()
        self.mid: StyledLayer | None = None
        self.time: nn.Sequential | None = None
        if config.mid:
            embedding = config.time_width if config.mid_time else 0
            self.mid = StyledLayer(width, config.heads, config.feed, embedding, config.dropout)
            if config.mid_time:
                self.time = embedder(config.width, config.time_width)

    def forward(self, speech: torch.Tensor, step: torch.Tensor | None) -> torch.Tensor | None:
        """[B, T, audio_width or twice that]; None for a network that hears HuBERT only."""
        if not (self.config.mel or self.config.mid):
            return None
        low = self.listen(speech.flatten(2))
        found = [low] if self.config.mel else []
        if self.mid is not None:
            embedded = None
            if self.time is not None and step is not None:
                embedded = self.time(step_embedding(step, self.config.width))
            found.append(self.mid(2 * low if self.config.mid_doubled else low, embedded))
        return torch.cat(found, -1)


class Branch(nn.Module):
    """The denoising transformer of expression, of gesture, or of both.

    Args:
        config: sizes.
        size: channels of its motion.
        other: channels of what it is told of the other branch; 0 = nothing.
    """

    table: torch.Tensor

    def __init__(self, config: DiffShegConfig, size: int, other: int) -> None:
        super().__init__()
        self.config, self.size, self.other = config, size, other
        width, audio = config.branch_width, config.audio_width * (config.mel + config.mid)
        self.embed = nn.Linear(size, width)
        self.around = Around(size, width, config.local) if config.local else None
        self.told = nn.Linear(size + 1, width) if config.known else None
        self.register_buffer("table", positions(config.positions, width), persistent=False)
        self.audio = nn.Linear(audio, config.audio_out) if audio else None
        self.hubert: nn.Sequential | None = None
        if config.hubert:
            self.hubert = nn.Sequential(
                nn.Conv1d(config.hubert, config.hubert_width, 3, padding=1, bias=False),
                nn.BatchNorm1d(config.hubert_width),
                nn.GELU(),
                nn.Conv1d(config.hubert_width, config.hubert_width, 3, padding=1, bias=False),
            )
        self.time = embedder(width, config.time_width)
        self.person = embedder(config.person, config.time_width)
        whole = width + config.conditions + other
        self.null = nn.Parameter(torch.randn(whole)) if config.null else None
        self.fusions = nn.ModuleList(Fusion(width, whole - width) for _ in range(config.layers))
        self.layers = nn.ModuleList(
            StyledLayer(width, config.heads, config.feed, config.time_width, config.dropout, config.local)
            for _ in range(config.layers)
        )
        self.out = nn.Linear(width, size)
        self.smooth = Smooth(size, config.smooth) if config.smooth else None

    def embedded(self, x: torch.Tensor) -> torch.Tensor:
        """Noisy motion [B, T, size] -> [B, T, width]."""
        h = self.embed(x)
        return h if self.around is None else h + self.around(x)

    def made(self, h: torch.Tensor) -> torch.Tensor:
        """The prediction [B, T, size] from the last layer's [B, T, width]; in float32 also when training is not."""
        with torch.autocast(h.device.type, enabled=False):  # bfloat16's steps are a tenth of a frame's change
            y = self.out(h.float())
            return y if self.smooth is None else self.smooth(y)

    def start(self, known: torch.Tensor | None, frames: int) -> torch.Tensor:
        """What is added to the embedded motion: positions, and the known frames. Shape [B or 1, T, width]."""
        base = self.table[None, :frames]
        if self.told is not None and known is not None:
            base = base + self.told(known)
        return base

    def conditions(self, encoded: torch.Tensor | None, hubert: torch.Tensor | None) -> torch.Tensor:
        """Speech as the fusion blocks get it. Shape [B, T, conditions]."""
        found = [self.audio(encoded)] if self.audio is not None and encoded is not None else []
        if self.hubert is not None and hubert is not None:
            found.append(self.hubert(hubert.transpose(1, 2)).transpose(1, 2))
        return torch.cat(found, -1)

    def styled(self, step: torch.Tensor, person: torch.Tensor) -> torch.Tensor:
        """Embedding of step and person for the AdaINs. Shape [B, time_width]."""
        return self.time(step_embedding(step, self.config.branch_width)) + self.person(person)

    def forward(
        self,
        x: torch.Tensor,
        step: torch.Tensor,
        encoded: torch.Tensor | None,
        given: Conditions,
        known: torch.Tensor | None,
        other: torch.Tensor | None,
    ) -> torch.Tensor:
        """Prediction [B, T, size] for the noisy motion x [B, T, size] at step [B]."""
        embedded = self.styled(step, given.person)
        beside = self.conditions(encoded, given.hubert)
        if other is not None:
            beside = torch.cat([beside, other], -1)
        h = self.embedded(x) + self.start(known, x.shape[1])
        for fusion, layer in zip(self.fusions, self.layers, strict=True):
            both = torch.cat([h, beside], -1)
            if given.null is not None and self.null is not None:
                both = torch.where(given.null[:, None, None], self.null, both)
            h = layer(h + fusion.residual(both), embedded)  # type: ignore[operator]
        return self.made(h)


class UniEG(nn.Module):
    """Both branches and the audio encoder.

    Args:
        config: sizes and flow.
        channels, length: of own speech features around a frame.
    """

    alpha_bar: torch.Tensor

    def __init__(self, config: DiffShegConfig, channels: int, length: int) -> None:
        super().__init__()
        self.config = config
        self.sizes = sizes(config)
        self.audio = AudioEncoder(config, channels, length)
        names = config.branches
        made = {}
        for k, name in enumerate(names):
            other = self.sizes[names[0]] if k and config.sees_other else 0
            made[name] = Branch(config, self.sizes[name], other)
        self.branches = nn.ModuleDict(made)
        alpha_bar = torch.from_numpy(NoiseSchedule.of(config).alpha_bar).float()
        self.register_buffer("alpha_bar", alpha_bar, persistent=False)

    def span(self, name: str) -> slice:
        """Channels of a branch in the whole motion, which is gesture, then expression."""
        if name == "expression":
            return slice(self.sizes["gesture"], None)
        return slice(0, self.sizes[name])

    def clean(self, x: torch.Tensor, made: torch.Tensor, step: torch.Tensor) -> torch.Tensor:
        """x_0 that a prediction stands for (Eq. 5)."""
        signal, noise = self.levels(step)
        if self.config.prediction == "epsilon":
            return (x - noise * made) / signal
        return signal * x - noise * made if self.config.prediction == "velocity" else made

    def levels(self, step: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        """sqrt(alpha-bar) and sqrt(1 - alpha-bar) of steps [B]. Shapes [B, 1, 1]."""
        alpha_bar = self.alpha_bar[step][:, None, None]
        return alpha_bar.sqrt(), (1 - alpha_bar).sqrt()

    def forward(
        self, x: torch.Tensor, step: torch.Tensor, given: Conditions, final: torch.Tensor | None = None
    ) -> torch.Tensor:
        """The network's prediction.

        Args:
            x: noisy motion, normalised. Shape [B, T, C].
            step: diffusion step of each clip. Shape [B], long.
            given: conditions.
            final: with `flow: final_x0`, clean motion whose expression the gesture branch is given. Shape [B, T, C].

        Returns:
            [B, T, C]: noise, velocity or clean motion (`config.prediction`).
        """
        encoded = self.audio(given.speech, step)
        made: dict[str, torch.Tensor] = {}
        other: torch.Tensor | None = None
        for name in self.config.branches:
            branch, span = self.branches[name], self.span(name)
            known = None
            if given.known is not None:
                known = torch.cat([given.known[..., :-1][..., span], given.known[..., -1:]], -1)
            made[name] = branch(x[..., span], step, encoded, given, known, other)
            if self.config.sees_other:
                other = self.clean(x[..., span], made[name], step)
                if self.config.flow != "no_detach":
                    other = other.detach()
                if final is not None:
                    other = final[..., span]
        if "motion" in made:
            return made["motion"]
        return torch.cat([made["gesture"], made["expression"]], -1)
