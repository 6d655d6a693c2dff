"""Training DiffSHEG: a denoiser of any flow and seed, then its export.

A run's folder holds `<name>-<seed>/` with the training's state, `diffsheg.safetensors` and `bundle/`, which a robot
loads.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path

import torch

from speech_gesture_pkg.generators.diffsheg.clip_schedule import ClipPlan
from speech_gesture_pkg.generators.diffsheg.config import DiffShegConfig
from speech_gesture_pkg.lab.models.diffsheg.checkpoint import DiffSheg, load, save
from speech_gesture_pkg.lab.models.diffsheg.export import export_diffsheg
from speech_gesture_pkg.lab.models.diffsheg.train_denoiser import DiffShegStage
from speech_gesture_pkg.lab.models.speech_encoder import SpeechEncoder
from speech_gesture_pkg.lab.training.engine import processes
from speech_gesture_pkg.lab.training.runs import BUNDLE, TrainingRuns, alone
from speech_gesture_pkg.lab.training.settings import TrainSettings

CHECKPOINT = "diffsheg.safetensors"


@dataclass(kw_only=True)
class DiffShegTraining(TrainingRuns):
    """Trains into one folder (see `TrainingRuns`).

    Attributes:
        settings: optimisation.
        losses: `paper`, `code` or `motion`.
        encoder: the HuBERT whose states the corpus holds, for configurations with HuBERT.
    """

    settings: TrainSettings
    losses: str = "paper"
    encoder: SpeechEncoder | None = None

    def train(self, config: DiffShegConfig, seed: int, name: str = "full") -> Path:
        """A configuration's checkpoint.

        Args:
            config: of the network, e.g. `config.ablated` of another.
            seed: of weights and noise.
            name: of the run.

        Raises:
            ConfigError: the folder holds a run with other settings.
            InputError: a corpus without validation split or with recordings shorter than a clip.
        """
        config = replace(config, hubert_path="")  # where HuBERT lies is no part of the network
        path, settings = self.folder / f"{name}-{seed}" / CHECKPOINT, replace(self.settings, seed=seed)
        wanted = {"config": config.to_dict(), "settings": settings.to_dict(), "losses": self.losses}
        with alone(path.parent):
            if self.finished(path, wanted):
                return path
            held_out = self.corpus.held_out()
            torch.manual_seed(seed)
            model = DiffSheg(config)
            stage = DiffShegStage(model, self.corpus.train, held_out, self.losses)
            facts = {
                "settings": settings.to_dict(),
                "losses": self.losses,
                "figures": self.fit(stage, path.parent, settings),
                "style_reference": stage.reference.tolist(),
                "hubert_sha256": self.encoder.digest() if self.encoder and config.hubert else None,
            }
            self.save(model, path, save, ("torch", "accelerate"), facts)
        return path

    def export(self, config: DiffShegConfig, seed: int, name: str = "full", plan: ClipPlan | None = None) -> Path:
        """The bundle of a trained configuration. Returns its folder."""
        checkpoint = self.train(config, seed, name)
        bundle = checkpoint.parent / BUNDLE
        if processes().is_main_process:
            model, facts = load(checkpoint)
            export_diffsheg(model, bundle, facts, plan, encoder=self.encoder if config.hubert else None)
        return bundle
