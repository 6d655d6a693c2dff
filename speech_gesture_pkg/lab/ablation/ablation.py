"""A learned generator beside its baselines on a corpus's held-out recordings, as its authors did it.

Every model makes several motions for each recording; figures of one motion are means over the motions, those that
compare motions (diversity) take all. What is measured is kept row by row, so that an interrupted run goes on.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from speech_gesture_pkg.audio.chunk import AudioChunk
from speech_gesture_pkg.config import GeneratorConfig
from speech_gesture_pkg.errors import ConfigError, InputError
from speech_gesture_pkg.generators.model_bundle import card_name, read_card, sha256_of
from speech_gesture_pkg.generators.registry import load_generator
from speech_gesture_pkg.generators.streaming import StreamingGenerator
from speech_gesture_pkg.lab.datasets.reading import read_layout
from speech_gesture_pkg.lab.metrics import corpus, positions
from speech_gesture_pkg.lab.metrics.frechet import LatentProvider
from speech_gesture_pkg.lab.metrics.registry import METRICS, measure
from speech_gesture_pkg.lab.metrics.result import NotComputable
from speech_gesture_pkg.lab.metrics.sample import (
    MetricInput,
    Normaliser,
    expression_parameters,
    gesture_parameters,
    with_coefficients,
)
from speech_gesture_pkg.lab.metrics.spec import Need
from speech_gesture_pkg.lab.models.published import Study, studies
from speech_gesture_pkg.lab.study.sample import speech_features
from speech_gesture_pkg.motion.frames import MotionFrames
from speech_gesture_pkg.motion.npz import load_motion, save_motion

TRUTH = "ground truth"
ROWS = "rows.jsonl"
MOTIONS = "motions"
_RULES = 2
"""Version of what a row holds."""

Row = dict[str, float | None]


@dataclass(frozen=True)
class Run:
    """A trained model of the comparison.

    Attributes:
        variant: one of the study's.
        seed: of its training.
        folder: of the exported model.
        sha256: of its card.
    """

    variant: str
    seed: int
    folder: Path
    sha256: str


@dataclass(frozen=True)
class HeldOut:
    """A recording of the split.

    Attributes:
        name: unique in the corpus.
        audio: what was said.
        truth: how the speaker moved.
        speaker: who spoke.
    """

    name: str
    audio: AudioChunk
    truth: MotionFrames
    speaker: str


def find_runs(paths: Iterable[str | Path]) -> tuple[Study, list[Run]]:
    """The exported models in these folders: bundles themselves, or training folders with bundles at any depth.

    Raises:
        InputError: a folder without a model, or the same variant and seed twice.
        ConfigError: models of several generators.
        ModelError: a card that cannot be read.
    """
    known = {card_name(study.generator): study for study in studies().values()}
    cards: list[Path] = []
    for path in map(Path, paths):
        found = sorted(card for name in known for card in path.rglob(name))
        if not found:
            titles = " or ".join(study.title for study in known.values())
            raise InputError(
                f"{path} holds no exported model of {titles}: there is no {' or '.join(known)} in it or below"
            )
        cards += found
    names = sorted({card.name for card in cards})
    if len(names) > 1:
        titles = " and ".join(known[name].title for name in names)
        raise ConfigError(f"the folders hold models of {titles}; compare one generator at a time")
    study = known[names[0]]
    runs: dict[tuple[str, int], Run] = {}
    for card in cards:
        run = _run_of(card, study)
        if (run.variant, run.seed) in runs:
            other = runs[run.variant, run.seed].folder
            raise InputError(f"{run.folder} and {other} are both {run.variant} with seed {run.seed}")
        runs[run.variant, run.seed] = run
    return study, list(runs.values())


def _run_of(card: Path, study: Study) -> Run:
    content = read_card(card, study.generator)
    config, facts = content.get("config") or {}, content.get("facts") or {}
    seed = (facts.get("settings") or {}).get("seed")
    if seed is None:  # as training names its folders: <variant>-<seed>/bundle
        named = re.fullmatch(r".*-(\d+)", card.parent.parent.name)
        seed = int(named[1]) if named else 0
    return Run(study.variant(config), int(seed), card.parent, sha256_of(card))


def held_out(
    folder: str | Path, layout: str = "own", split: str = "test", limit: int = 0, seconds: float = 0.0
) -> Iterator[HeldOut]:
    """Recordings of a split with motion and audio.

    Args:
        folder: of the corpus.
        layout: see `lab.datasets.reading.LAYOUTS`.
        split: "train", "val" or "test".
        limit: at most so many, spread over the split; 0 = all.
        seconds: only so much from the begin of each; 0 = all of it.

    Raises:
        InputError: no corpus, or no recording in this split.
    """
    clips = [c for c in read_layout(folder, layout, split) if c.audio_path is not None]
    if not clips:
        raise InputError(f"{folder} has no recordings with audio in its split {split!r}")
    chosen = clips if not limit or limit >= len(clips) else [clips[k * len(clips) // limit] for k in range(limit)]
    for clip in chosen:
        audio, truth = clip.audio(), clip.motion
        if seconds:
            audio = AudioChunk(audio.samples[: round(seconds * audio.sample_rate)], 0.0, audio.sample_rate)
            truth = truth[: round(seconds * truth.fps)]
        if not truth.expression.any():  # a file in the BEAT2 layout holds coefficients even of a face without any
            truth = replace(truth, expression=np.zeros((len(truth), 0)))
        yield HeldOut(clip.name, audio, replace(truth, start=0.0), clip.speaker)


class Ablation:
    """Measures runs on recordings; what has been measured in `out` before is not measured again.

    Args:
        out: folder for the rows and the first motion of each model and recording.
        study: which comparison.
        samples: motions of each model for each recording; 0: as many as the study wants.
        config: how the networks are run: device, threads, temperature and so on.
        latents: autoencoders of the Frechet distances by name (fgd, fed, fmd); those that are missing have no figure.

    Raises:
        ConfigError: fewer samples than the study needs.
    """

    def __init__(
        self,
        out: Path,
        study: Study,
        samples: int = 0,
        config: GeneratorConfig | None = None,
        latents: Mapping[str, LatentProvider] | None = None,
    ) -> None:
        samples = samples or study.samples
        least = 2 if "diversity_thesis" in study.figures else 1
        if samples < least:
            raise ConfigError(f"ablation samples is {samples}; diversity needs at least {least}")
        self._out, self.samples, self.study, self._latents = out, samples, study, dict(latents or {})
        self._config = config or GeneratorConfig(name=study.generator)
        self._rows = _read_rows(out / ROWS)
        self._normaliser: Normaliser | None = None

    def measure(
        self, runs: Sequence[Run], recordings: Sequence[HeldOut], report: Callable[[str], None] = lambda done: None
    ) -> dict[str, dict[int, list[Row]]]:
        """Rows of every recording by variant and training seed; those of the true motion under `TRUTH` and 0. The last
        row has the figures of all recordings together.

        Args:
            runs: what to compare.
            recordings: what to make motion for.
            report: called with the name of each pair that is done.
        """
        found: dict[str, dict[int, list[Row]]] = {}
        truths = [each.truth for each in recordings]
        self._normaliser = (
            Normaliser.fit([gesture_parameters(t) for t in truths]) if "pcm" in self.study.figures else None
        )
        for each in recordings:
            key = self._key("truth", each)
            found.setdefault(TRUTH, {}).setdefault(0, []).append(self._row(key, partial(self._truth, each)))
            report(f"{TRUTH}, {each.name}")
        for run in runs:
            generator: StreamingGenerator[Any] | None = None
            for each in recordings:
                key = self._key(run.sha256, each)
                if key not in self._rows or not self.motion_file(run, each).is_file():
                    generator = generator or self._load(run)
                    self._store(key, self._made(generator, run, each))
                found.setdefault(run.variant, {}).setdefault(run.seed, []).append(self._rows[key])
                report(f"{run.variant} {run.seed}, {each.name}")
            found[run.variant][run.seed].append(self._together(self.motions(run, recordings), truths))
        found[TRUTH][0].append(self._together(truths, []))
        return found

    def _together(self, motions: Sequence[MotionFrames], truths: Sequence[MotionFrames]) -> Row:
        """Figures of all recordings together; without `truths` those that need none."""
        row: Row = {}
        widest = max(m.expression.shape[1] for m in (*motions, *truths))
        motions, truths = ([with_coefficients(m, widest) for m in given] for given in (motions, truths))
        for name in self.study.figures:
            if name in corpus.FRECHET and truths and name in self._latents:
                made = corpus.frechet_motion_distance(name, truths, motions, self._latents[name])
            elif name in corpus.DIVERSITY:
                normaliser = Normaliser.fit([corpus.DIVERSITY[name](t) for t in truths or motions])
                made = corpus.corpus_diversity(motions, normaliser, name=name)
            else:
                continue
            row[name] = None if isinstance(made.value, NotComputable) else made.value
        return row

    def _truth(self, each: HeldOut) -> Row:
        take = MetricInput(each.truth, speech=speech_features(each.audio))
        return figures_in(take, self.study, needs_truth=False)

    def motion_file(self, run: Run, each: HeldOut) -> Path:
        """Where the first motion of a model for a recording lies."""
        return self._out / MOTIONS / f"{run.variant}-{run.seed}-{run.sha256[:8]}" / f"{each.name}.npz"

    def motions(self, run: Run, recordings: Iterable[HeldOut]) -> list[MotionFrames]:
        """The first motions of a model, measured before."""
        return [replace(load_motion(self.motion_file(run, each)), start=0.0) for each in recordings]

    def _load(self, run: Run) -> StreamingGenerator[Any]:
        made = load_generator(replace(self._config, name=self.study.generator, model=str(run.folder)))
        assert isinstance(made, StreamingGenerator)
        return made

    def _made(self, generator: StreamingGenerator[Any], run: Run, each: HeldOut) -> Row:
        known = each.speaker if each.speaker in generator.speakers else None
        seeds = [self._config.seed + k for k in range(self.samples)]
        motions = [replace(m, start=0.0) for m in generator.generate_batch(each.audio, seeds, known)]
        path = self.motion_file(run, each)
        path.parent.mkdir(parents=True, exist_ok=True)
        save_motion(path, motions[0])
        return figures_of(motions, each, self.study, self._normaliser)

    def _key(self, model: str, each: HeldOut) -> str:
        c = self._config
        drawn = f"{self.samples}|{c.seed}|{c.temperature:g}|{c.top_k}|{c.top_p:g}" if model != "truth" else ""
        return f"{_RULES}|{model}|{each.name}|{each.audio.duration:.3f}|{drawn}"

    def _row(self, key: str, make: Callable[[], Row]) -> Row:
        if key not in self._rows:
            self._store(key, make())
        return self._rows[key]

    def _store(self, key: str, row: Row) -> None:
        self._rows[key] = row
        with (self._out / ROWS).open("a", encoding="utf-8") as file:
            file.write(json.dumps({"key": key, "row": row}) + "\n")


def figures_of(
    motions: Sequence[MotionFrames], each: HeldOut, study: Study, normaliser: Normaliser | None = None
) -> Row:
    """The study's figures of several motions for one recording; None where one is not defined."""
    speech = speech_features(each.audio)
    rows = [
        figures_in(MetricInput(m, truth=each.truth, speech=speech, normaliser=normaliser), study, needs_truth=True)
        for m in motions
    ]
    row = {name: _mean([r[name] for r in rows]) for name in rows[0]}
    if "diversity_thesis" in study.figures:
        whole = MetricInput(motions[0], truth=each.truth, samples=tuple(motions[1:]))
        row["diversity_thesis"] = _number("diversity_thesis", whole)
    return row


def figures_in(take: MetricInput, study: Study, needs_truth: bool) -> Row:
    """The study's figures of one motion; without those that compare with the true one unless `needs_truth`."""
    row: Row = {}
    for name in study.figures:
        if name == "face_lvd_parameters":
            row |= {name: _face_lvd(take)} if needs_truth else {}
        elif name not in METRICS:
            continue  # of all recordings together
        elif Need.SAMPLES not in METRICS[name].needs and (needs_truth or Need.TRUTH not in METRICS[name].needs):
            row[name] = _number(name, take)
    return row


def _face_lvd(take: MetricInput) -> float:
    """LVD on the face parameters, each taken for a point on a line: without an SMPL-X mesh there are no landmarks."""
    a, b = (expression_parameters(m)[..., None] for m in take.compared)
    return positions.lvd_talkshow(a, b)


def _number(name: str, take: MetricInput) -> float | None:
    value = measure(name, take).value
    return None if isinstance(value, NotComputable) else value


def _mean(values: Sequence[float | None]) -> float | None:
    known = [v for v in values if v is not None]
    return float(np.mean(known)) if known else None


def _read_rows(path: Path) -> dict[str, Row]:
    """Rows of an earlier run; a line that was cut off by its end is left out."""
    rows: dict[str, Row] = {}
    for line in path.read_text(encoding="utf-8").splitlines() if path.is_file() else []:
        try:
            entry: Mapping[str, Any] = json.loads(line)
            rows[entry["key"]] = dict(entry["row"])
        except (ValueError, KeyError, TypeError):
            continue
    return rows
