"""Training SpeechCAT: codebooks, then transformers of any variants and seeds, then their export.

A run's folder holds `codes-parts-<seed>/` (three codebooks, shared by `full` and `no_cross_attention`),
`codes-one-<seed>/`, and `<variant>-<seed>/` with the transformer's training, `speechcat.safetensors` and `bundle/`,
which a robot loads.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import torch

from speech_gesture_pkg.generators.speechcat.config import SpeechCatConfig
from speech_gesture_pkg.lab.models.speech_encoder import SpeechEncoder, load_encoder
from speech_gesture_pkg.lab.models.speechcat.export import export_speechcat
from speech_gesture_pkg.lab.models.speechcat.model import SpeechCat, load, save
from speech_gesture_pkg.lab.models.speechcat.train_codes import CodesStage, reconstruction_figures
from speech_gesture_pkg.lab.models.speechcat.train_decoders import DecodersStage
from speech_gesture_pkg.lab.models.speechcat.train_tokens import TokensStage
from speech_gesture_pkg.lab.models.speechcat.utterances import Utterance, utterances
from speech_gesture_pkg.lab.training.engine import processes
from speech_gesture_pkg.lab.training.runs import BUNDLE, TrainingRuns, alone
from speech_gesture_pkg.lab.training.settings import TrainSettings

CODES = "codes.safetensors"
CHECKPOINT = "speechcat.safetensors"
_ENCODER = "encoder"
"""Folder of a fine-tuned speech encoder."""
_CODES = ("face", "expressions", "codes", "code_dim", "downsample", "vq_width", "vq_depth", "decoder_ahead")
"""Settings of `SpeechCatConfig` on which the codebooks depend."""
_PACKAGES = ("torch", "accelerate", "vector-quantize-pytorch")

Settings = Mapping[str, "TrainSettings | Mapping[str, Any]"]
"""Of each stage."""


@dataclass(kw_only=True)
class SpeechCatTraining(TrainingRuns):
    """Trains into one folder (see `TrainingRuns`).

    Attributes:
        codes, decoders, tokens: optimisation of the stages.
        codes_seed: train the codebooks once, with this seed, for the transformers of all seeds; None: for each its own.
        encoder: wav2vec 2.0, whose states the corpus holds; None: the package's own features.
    """

    codes: TrainSettings
    decoders: TrainSettings
    tokens: TrainSettings
    codes_seed: int | None = None
    encoder: SpeechEncoder | None = None
    _made: dict[tuple[str, tuple[str, ...]], list[Utterance]] = field(default_factory=dict)

    def train_codes(self, config: SpeechCatConfig, seed: int) -> Path:
        """The codebooks of a configuration. Returns their checkpoint.

        Raises:
            ConfigError: the folder holds a run with other settings.
            InputError: a corpus without validation split.
        """
        kind = "one" if config.variant == "one_code" else "parts"
        place = self.folder / f"codes-{kind}-{seed}"
        shared = _of_codes(config)
        settings = {"codes": replace(self.codes, seed=seed), "decoders": replace(self.decoders, seed=seed)}
        with alone(place):
            if self.finished(place / CODES, {"config": shared.to_dict(), "settings": _plain(settings)}):
                return place / CODES
            torch.manual_seed(seed)
            model, data = self._new(shared), (self._utterances("train", shared), self._utterances("val", shared))
            self.fit(CodesStage(model, *data), place, settings["codes"])
            figures = self.fit(DecodersStage(model, *data), place / "decoders", settings["decoders"])
            if self.corpus.test:
                tested = reconstruction_figures(model.eval(), self._utterances("test", shared))
                figures |= {f"test_{k}": v for k, v in tested.items()}
            self._save(model, place / CODES, settings, figures)
        return place / CODES

    def train_tokens(self, config: SpeechCatConfig, seed: int) -> Path:
        """The transformer of a configuration, after its codebooks. Returns the checkpoint of the whole model."""
        path = self.folder / f"{config.variant}-{seed}" / CHECKPOINT
        settings = replace(self.tokens, seed=seed)
        with alone(path.parent):
            wanted = {"config": config.to_dict(), "settings": _plain({"tokens": settings})}
            if not self.finished(path, wanted):
                self._train_tokens(config, seed, path, settings)
        return path

    def _train_tokens(self, config: SpeechCatConfig, seed: int, path: Path, settings: TrainSettings) -> None:
        trained, facts = load(self.train_codes(config, seed if self.codes_seed is None else self.codes_seed))
        torch.manual_seed(seed)
        model = self._new(config)
        kept = {k: v for k, v in trained.state_dict().items() if not k.startswith("transformer.")}
        model.load_state_dict({**model.state_dict(), **kept})
        encoder = load_encoder(config.encoder_path) if config.encoder_tuned else None  # each run has its own
        data = self._utterances("train", config), self._utterances("val", config)
        stage = TokensStage(model, *data, encoder)
        figures = facts["figures"] | self.fit(stage, path.parent, settings)
        if encoder is not None and processes().is_main_process:
            encoder.network.cpu().save_pretrained(path.parent / _ENCODER)  # type: ignore[operator]
        more = {"style_reference": stage.reference.tolist()}
        self._save(model, path, {**facts["settings"], "tokens": settings}, figures, more)

    def export(self, config: SpeechCatConfig, seed: int) -> Path:
        """The bundle of a trained configuration. Returns its folder."""
        checkpoint = self.train_tokens(config, seed)
        bundle = checkpoint.parent / BUNDLE
        if processes().is_main_process:
            model, facts = load(checkpoint)
            tuned = load_encoder(str(checkpoint.parent / _ENCODER)) if config.encoder_tuned else None
            export_speechcat(model, bundle, facts, tuned or self.encoder)
        return bundle

    def _new(self, config: SpeechCatConfig) -> SpeechCat:
        if config.encoder == "mel" or self.encoder is None:  # codebooks see no speech
            return SpeechCat(config)
        return SpeechCat(config, self.encoder.channels)

    def _utterances(self, split: str, config: SpeechCatConfig) -> list[Utterance]:
        recordings = self.corpus.held_out() if split == "val" else getattr(self.corpus, split)
        key = split, config.parts
        if key not in self._made:
            self._made[key] = utterances(recordings, config)
        return self._made[key]

    def _save(
        self,
        model: SpeechCat,
        path: Path,
        settings: Settings,
        figures: dict[str, float],
        more: Mapping[str, Any] | None = None,
    ) -> None:
        facts = {"settings": _plain(settings), "figures": figures, **(more or {})}
        self.save(model, path, save, _PACKAGES, facts)


def _plain(settings: Settings) -> dict[str, Any]:
    return {stage: s.to_dict() if isinstance(s, TrainSettings) else dict(s) for stage, s in settings.items()}


def _of_codes(config: SpeechCatConfig) -> SpeechCatConfig:
    """What the codebooks know of a configuration: another transformer does not need other codebooks."""
    known = {name: getattr(config, name) for name in _CODES}
    return SpeechCatConfig(**known | {"variant": "one_code" if config.variant == "one_code" else "full"})
