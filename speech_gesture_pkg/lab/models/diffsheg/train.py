"""Training DiffSHEG: a denoiser of any flow and seed, then its export.

A run's folder holds `<name>-<seed>/` with the training's state, `diffsheg.safetensors` and `bundle/`, which a robot
loads.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from importlib.metadata import version
from pathlib import Path
from typing import Any

import torch

from speech_gesture_pkg.errors import ConfigError, InputError
from speech_gesture_pkg.generators.diffsheg.clip_schedule import ClipPlan
from speech_gesture_pkg.generators.diffsheg.config import DiffShegConfig
from speech_gesture_pkg.lab.datasets.layout import write_json
from speech_gesture_pkg.lab.models.diffsheg.checkpoint import DiffSheg, load, save
from speech_gesture_pkg.lab.models.diffsheg.export import export_diffsheg
from speech_gesture_pkg.lab.models.diffsheg.train_denoiser import DiffShegStage
from speech_gesture_pkg.lab.models.speech_encoder import SpeechEncoder
from speech_gesture_pkg.lab.training.corpus import Corpus
from speech_gesture_pkg.lab.training.engine import fit, processes
from speech_gesture_pkg.lab.training.settings import TrainSettings

CHECKPOINT = "diffsheg.safetensors"
BUNDLE = "bundle"
_RUN = "run.json"

Report = Callable[[str, int, dict[str, float]], None]
"""Called with the stage, its step and the newest figures."""


@dataclass
class DiffShegTraining:
    """Trains into one folder; what is finished there is used, what was interrupted goes on.

    Attributes:
        folder: of the runs.
        corpus: what to learn, read with `diffsheg_stage.corpus_config`.
        about: of the corpus, for the checkpoints.
        settings: optimisation.
        losses: `paper`, `code` or `motion`.
        report: of progress.
        encoder: the HuBERT whose states the corpus holds, for configurations that hear it.
    """

    folder: Path
    corpus: Corpus
    about: dict[str, Any]
    settings: TrainSettings
    losses: str = "paper"
    report: Report = field(default=lambda stage, step, figures: None)
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
        place, settings = self.folder / f"{name}-{seed}", replace(self.settings, seed=seed)
        if self._finished(place, config, settings):
            return place / CHECKPOINT
        if not self.corpus.val:
            raise InputError("the corpus has no recording in its split 'val', by which training is judged")
        torch.manual_seed(seed)
        model = DiffSheg(config)
        stage = DiffShegStage(model, self.corpus.train, self.corpus.val, self.losses)
        figures = fit(stage, settings, place, lambda step, figures: self.report(stage.name, step, figures))
        self._save(model, place / CHECKPOINT, settings, figures, stage.reference.tolist())
        return place / CHECKPOINT

    def export(
        self,
        config: DiffShegConfig,
        seed: int,
        name: str = "full",
        plan: ClipPlan | None = None,
        precision: str = "float32",
    ) -> Path:
        """The bundle of a trained configuration. Returns its folder."""
        checkpoint = self.train(config, seed, name)
        bundle = checkpoint.parent / BUNDLE
        if processes().is_main_process:
            model, facts = load(checkpoint)
            export_diffsheg(model, bundle, facts, plan, precision, self.encoder if config.hubert else None)
        return bundle

    def _finished(self, place: Path, config: DiffShegConfig, settings: TrainSettings) -> bool:
        """Whether the folder holds the result; notes what it is going to hold."""
        wanted = {
            "config": config.to_dict(),
            "settings": settings.to_dict(),
            "losses": self.losses,
            "corpus_sha256": self.corpus.sha256,
        }
        note = place / _RUN
        if note.is_file():
            found = json.loads(note.read_text("utf-8"))
            if found != wanted:
                other = next(k for k in wanted if found.get(k) != wanted[k])
                raise ConfigError(
                    f"{place} holds a run with another {other}; choose another folder, or remove that one"
                )
        elif processes().is_main_process:
            place.mkdir(parents=True, exist_ok=True)
            write_json(note, wanted)
        return (place / CHECKPOINT).is_file()

    def _save(
        self, model: DiffSheg, path: Path, settings: TrainSettings, figures: dict[str, float], reference: list[float]
    ) -> None:
        state = processes()
        if state.is_main_process:
            corpus = {
                "sha256": self.corpus.sha256,
                "minutes": self.corpus.minutes,
                "licences": sorted(self.corpus.licences),
            }
            facts = {
                "corpus": self.about | corpus,
                "settings": settings.to_dict(),
                "losses": self.losses,
                "figures": figures,
                "style_reference": reference,
                "hubert_sha256": self.encoder.digest() if self.encoder and model.config.hubert else None,
                "versions": {p: version(p) for p in ("torch", "accelerate")},
            }
            save(model.cpu(), path, facts)
        state.wait_for_everyone()
