"""Training SpeechCAT: codebooks, then transformers of any variants and seeds, then their export.

A run's folder holds `codes-parts-<seed>/` (three codebooks, shared by `full` and `no_cross_attention`),
`codes-one-<seed>/`, and `<variant>-<seed>/` with the transformer's training, `speechcat.safetensors` and `bundle/`,
which a robot loads.
"""

from __future__ import annotations

import fcntl
import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from importlib.metadata import version
from pathlib import Path
from typing import Any

import torch

from speech_gesture_pkg.errors import ConfigError, InputError
from speech_gesture_pkg.generators.speechcat.config import SpeechCatConfig
from speech_gesture_pkg.lab.datasets.layout import write_json
from speech_gesture_pkg.lab.models.speech_encoder import SpeechEncoder, load_encoder
from speech_gesture_pkg.lab.models.speechcat.export import export_speechcat
from speech_gesture_pkg.lab.models.speechcat.model import SpeechCat, load, save
from speech_gesture_pkg.lab.models.speechcat.train_codes import CodesStage, reconstruction_figures
from speech_gesture_pkg.lab.models.speechcat.train_decoders import DecodersStage
from speech_gesture_pkg.lab.models.speechcat.train_tokens import TokensStage
from speech_gesture_pkg.lab.training.corpus import Corpus
from speech_gesture_pkg.lab.training.engine import Stage, fit, processes
from speech_gesture_pkg.lab.training.sequences import style_reference
from speech_gesture_pkg.lab.training.settings import TrainSettings

CODES = "codes.safetensors"
CHECKPOINT = "speechcat.safetensors"
BUNDLE = "bundle"
_RUN = "run.json"
_EAR = "encoder"
_CODES = ("face", "expressions", "codes", "code_dim", "downsample", "vq_width", "vq_depth", "decoder_ahead")
"""Settings of `SpeechCatConfig` on which the codebooks depend."""

Settings = Mapping[str, "TrainSettings | Mapping[str, Any]"]
"""Of each stage."""

Report = Callable[[str, int, dict[str, float]], None]
"""Called with the stage, its step and the newest figures."""


@dataclass
class SpeechCatTraining:
    """Trains into one folder; what is finished there is used, what was interrupted goes on.

    Attributes:
        folder: of the runs.
        corpus: what to learn.
        about: of the corpus, for the checkpoints: name, folder's layout and so on.
        codes, decoders, tokens: optimisation of the stages.
        codes_seed: train the codebooks once, with this seed, for the transformers of all seeds; None: for each its own.
        encoder: wav2vec 2.0, whose states the corpus holds; None: the package's own features.
        report: of progress.
    """

    folder: Path
    corpus: Corpus
    about: dict[str, Any]
    codes: TrainSettings
    decoders: TrainSettings
    tokens: TrainSettings
    codes_seed: int | None = None
    encoder: SpeechEncoder | None = None
    report: Report = field(default=lambda stage, step, figures: None)

    def train_codes(self, config: SpeechCatConfig, seed: int) -> Path:
        """The codebooks of a configuration. Returns their checkpoint.

        Raises:
            ConfigError: the folder holds a run with other settings.
        """
        kind = "one" if config.variant == "one_code" else "parts"
        place = self.folder / f"codes-{kind}-{seed}"
        shared = _of_codes(config)
        settings = {"codes": replace(self.codes, seed=seed), "decoders": replace(self.decoders, seed=seed)}
        with _alone(place):
            if self._finished(place, CODES, shared, settings):
                return place / CODES
            torch.manual_seed(seed)
            model = self._new(shared)
            self._fit(CodesStage(model, self.corpus.train, self._held_out()), place, settings["codes"])
            finer = DecodersStage(model, self.corpus.train, self._held_out())
            figures = self._fit(finer, place / "decoders", settings["decoders"])
            if self.corpus.test:
                figures |= {f"test_{k}": v for k, v in reconstruction_figures(model.eval(), self.corpus.test).items()}
            self._save(model, place / CODES, settings, figures)
        return place / CODES

    def train_tokens(self, config: SpeechCatConfig, seed: int) -> Path:
        """The transformer of a configuration, after its codebooks. Returns the checkpoint of the whole model."""
        place = self.folder / f"{config.variant}-{seed}"
        settings = replace(self.tokens, seed=seed)
        with _alone(place):
            if not self._finished(place, CHECKPOINT, config, {"tokens": settings}):
                self._train_tokens(config, seed, place, settings)
        return place / CHECKPOINT

    def _train_tokens(self, config: SpeechCatConfig, seed: int, place: Path, settings: TrainSettings) -> None:
        trained, facts = load(self.train_codes(config, seed if self.codes_seed is None else self.codes_seed))
        torch.manual_seed(seed)
        model = self._new(config)
        whole = trained.state_dict()
        kept = {k: v for k, v in whole.items() if not k.startswith("transformer.")}
        model.load_state_dict({**model.state_dict(), **kept})
        reference = style_reference(self.corpus.train)
        encoder = load_encoder(config.encoder_path) if config.encoder_tuned else None  # each run begins anew
        stage = TokensStage(model, self.corpus.train, self._held_out(), reference, encoder)
        figures = facts["figures"] | self._fit(stage, place, settings)
        if encoder is not None and processes().is_main_process:
            encoder.network.cpu().save_pretrained(place / _EAR)  # type: ignore[operator]
        told = {"style_reference": reference.tolist()}
        self._save(model, place / CHECKPOINT, {**facts["settings"], "tokens": settings}, figures, told)

    def export(self, config: SpeechCatConfig, seed: int) -> Path:
        """The bundle of a trained configuration. Returns its folder."""
        checkpoint = self.train_tokens(config, seed)
        bundle = checkpoint.parent / BUNDLE
        if processes().is_main_process:
            model, facts = load(checkpoint)
            tuned = load_encoder(str(checkpoint.parent / _EAR)) if config.encoder_tuned else None
            export_speechcat(model, bundle, facts, tuned or self.encoder)
        return bundle

    def _new(self, config: SpeechCatConfig) -> SpeechCat:
        if config.encoder == "mel" or self.encoder is None:  # codebooks do not hear
            return SpeechCat(config)
        return SpeechCat(config, self.encoder.channels)

    def _held_out(self) -> Sequence[Any]:
        if not self.corpus.val:
            raise InputError("the corpus has no recording in its split 'val', by which training is judged")
        return self.corpus.val

    def _fit(self, stage: Stage, place: Path, settings: TrainSettings) -> dict[str, float]:
        return fit(stage, settings, place, lambda step, figures: self.report(stage.name, step, figures))

    def _finished(self, place: Path, name: str, config: SpeechCatConfig, settings: Settings) -> bool:
        """Whether the folder holds the result; notes what it is going to hold."""
        wanted = {"config": config.to_dict(), "settings": _plain(settings), "corpus_sha256": self.corpus.sha256}
        note = place / _RUN
        if note.is_file():
            found = json.loads(note.read_text("utf-8"))
            if found != wanted:
                raise ConfigError(
                    f"{place} holds a run with another {_difference(found, wanted)}; choose another folder, or remove "
                    "that one"
                )
        elif processes().is_main_process:
            write_json(note, wanted)
        return (place / name).is_file()

    def _save(
        self,
        model: SpeechCat,
        path: Path,
        settings: Settings,
        figures: dict[str, float],
        more: dict[str, Any] | None = None,
    ) -> None:
        state = processes()
        if state.is_main_process:
            facts = {
                "corpus": self.about
                | {
                    "sha256": self.corpus.sha256,
                    "minutes": self.corpus.minutes,
                    "licences": sorted(self.corpus.licences),
                },
                "settings": _plain(settings),
                "figures": figures,
                "versions": {p: version(p) for p in ("torch", "accelerate", "vector-quantize-pytorch")},
                **(more or {}),
            }
            save(model.cpu(), path, facts)
        state.wait_for_everyone()


@contextmanager
def _alone(place: Path) -> Iterator[None]:
    """Train in a folder while no other command does; wait for one that does, and then use its result."""
    if not processes().is_main_process:
        yield
        return
    place.mkdir(parents=True, exist_ok=True)
    with (place / ".lock").open("w") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield


def _plain(settings: Settings) -> dict[str, Any]:
    return {stage: s.to_dict() if isinstance(s, TrainSettings) else dict(s) for stage, s in settings.items()}


def _of_codes(config: SpeechCatConfig) -> SpeechCatConfig:
    """What the codebooks know of a configuration: another transformer does not need other codebooks."""
    known = {name: getattr(config, name) for name in _CODES}
    return SpeechCatConfig(**known | {"variant": "one_code" if config.variant == "one_code" else "full"})


def _difference(found: Any, wanted: Any, name: str = "") -> str:
    """The first setting in which two runs differ, with both values."""
    if isinstance(found, dict) and isinstance(wanted, dict):
        for key in wanted:
            if found.get(key) != wanted[key]:
                return _difference(found.get(key), wanted[key], f"{name}.{key}".lstrip("."))
    return f"{name} ({found!r} there, {wanted!r} now)"
