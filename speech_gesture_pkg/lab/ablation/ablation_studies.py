"""The published comparisons that are repeated here: which models, which figures, and what was found."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from speech_gesture_pkg.audio.chunk import AudioChunk
from speech_gesture_pkg.config import GeneratorConfig
from speech_gesture_pkg.errors import ConfigError
from speech_gesture_pkg.generators.diffsheg import bundle as diffsheg_bundle
from speech_gesture_pkg.generators.diffsheg.config import DiffShegConfig, variant_of
from speech_gesture_pkg.generators.diffsheg.generator import DiffShegGenerator
from speech_gesture_pkg.generators.speechcat import bundle as speechcat_bundle
from speech_gesture_pkg.generators.speechcat.generator import SpeechCatGenerator
from speech_gesture_pkg.lab.models.diffsheg import batch as diffsheg_batch
from speech_gesture_pkg.lab.models.speechcat import batch as speechcat_batch
from speech_gesture_pkg.motion.frames import MotionFrames

Load = Callable[[Path, GeneratorConfig], Any]
Generate = Callable[[Any, AudioChunk, Sequence[int], "str | None"], "list[MotionFrames]"]


@dataclass(frozen=True)
class Figure:
    """A row of the table.

    Attributes:
        label: for a person.
        better: "higher" or "lower", as the publication's arrows say.
        published: its values for the study's variants; None where it gives none.
    """

    label: str
    better: str
    published: tuple[float, ...] | None = None


@dataclass(frozen=True)
class Study:
    """A comparison.

    Attributes:
        generator: its name in the registry.
        title: for a person.
        source: what the published figures are called.
        card, format: file and format of the exported models.
        variants: in the publication's order, the whole model first.
        figures: metric -> row; the names are those of `lab.metrics`.
        samples: motions of each model for each recording, unless another number is asked for.
        variant: of a model, by its card's configuration.
        load, generate: the model's generator, and motions for a recording.
    """

    generator: str
    title: str
    source: str
    card: str
    format: str
    variants: tuple[str, ...]
    figures: Mapping[str, Figure]
    samples: int
    variant: Callable[[Mapping[str, Any]], str]
    load: Load
    generate: Generate


SPEECHCAT = Study(
    "speechcat",
    "SpeechCAT",
    "thesis",
    speechcat_bundle.CARD,
    speechcat_bundle.FORMAT,
    ("full", "no_cross_attention", "one_code"),
    {
        "l2_talkshow": Figure("L2, body and hands [m]", "lower", (11.7, 12.47, 12.007)),
        "face_l2_parameters": Figure("face L2, parameters", "lower", (0.2048, 0.2039, 0.1892)),
        "lvd_talkshow": Figure("LVD, body [m/frame]", "lower"),
        "face_lvd_parameters": Figure("face LVD, parameters", "lower", (0.0312, 0.0314, 0.0321)),
        "diversity_thesis": Figure("diversity [m^2]", "higher", (0.43, 0.37, 0.32)),
        "vsd": Figure("VSD [m/frame]", "lower", (0.0308, 0.0319, 0.0297)),
        "asd": Figure("ASD [m/frame^2]", "lower", (0.0529, 0.0548, 0.0513)),
        "msd": Figure("MSD [m^2/frame^2]", "lower", (0.1519, 0.1532, 0.1530)),
        "bcs_talkshow": Figure("BCS", "higher", (0.874, 0.866, 0.918)),
        "bpss_correlation": Figure("BPSS correlation", "higher", (0.618, 0.429, 0.349)),
        "bpss_phase_coherence": Figure("BPSS phase coherence", "higher", (0.732, 0.623, 0.577)),
        "bpss_velocity_alignment": Figure("BPSS velocity alignment", "higher", (0.881, 0.853, 0.844)),
        "bpss_acceleration_alignment": Figure("BPSS acceleration alignment", "higher", (2.761, 2.674, 2.554)),
    },
    16,
    lambda config: str(config.get("variant", "full")),
    SpeechCatGenerator.load,
    lambda *given: speechcat_batch.generate_batch(*given),
)
"""The thesis's Tables 1 to 3. Its scales differ from ours (see `metrics`): orders are compared."""

DIFFSHEG = Study(
    "diffsheg",
    "DiffSHEG",
    "paper, SHOW",
    diffsheg_bundle.CARD,
    diffsheg_bundle.FORMAT,
    ("full", "naive_concat", "no_detach", "no_x0", "reverse"),
    {
        "fmd": Figure("FMD", "lower", (0.00184, 0.00255, 0.00259, 0.00248, 0.00269)),
        "fed": Figure("FED", "lower", (0.00161, 0.00192, 0.00234, 0.00251, 0.00266)),
        "face_diversity_diffsheg": Figure("Div, expression", "higher", (0.923, 0.766, 0.745, 0.728, 0.731)),
        "fgd": Figure("FGD", "lower", (0.00271, 0.00407, 0.00378, 0.00311, 0.00347)),
        "ba_diffsheg": Figure("BA", "higher", (0.902, 0.896, 0.899, 0.892, 0.882)),
        "pcm": Figure("PCM", "higher", (0.912, 0.932, 0.926, 0.927, 0.926)),
        "diversity_diffsheg": Figure("Div, gesture", "higher", (0.810, 0.618, 0.673, 0.694, 0.695)),
        "ae": Figure("AE [m/s^2]", "lower"),
        "vel": Figure("Vel [m/s]", "higher"),
        "mlvs": Figure("MLVS [m/s]", "higher"),
        "strokes_on_accents": Figure("strokes on accents", "higher"),
        "jaw_on_loudness": Figure("jaw on loudness", "higher"),
    },
    1,
    lambda config: variant_of(DiffShegConfig.from_dict(config)),
    DiffShegGenerator.load,
    lambda *given: diffsheg_batch.generate_batch(*given),
)
"""The paper's Table 1 (SHOW). Its Frechet distances are those of its own autoencoders: orders are compared."""

STUDIES = {study.generator: study for study in (SPEECHCAT, DIFFSHEG)}


def study_of(cards: Sequence[Path]) -> Study:
    """The study that all these cards belong to. Raises ConfigError if there are several."""
    found = {s.generator for s in STUDIES.values() for c in cards if c.name == s.card}
    if len(found) > 1:
        raise ConfigError(f"the folders hold models of {' and '.join(sorted(found))}; compare one generator at a time")
    return STUDIES[found.pop()]
