"""The paper's comparison of DiffSHEG with its baselines (see `lab.models.published`)."""

from __future__ import annotations

from speech_gesture_pkg.generators.diffsheg.config import DiffShegConfig, variant_of
from speech_gesture_pkg.lab.models.published import Figure, Study

STUDY = Study(
    "diffsheg",
    "DiffSHEG",
    "paper, SHOW",
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
)
"""The paper's Table 1 (SHOW). Its Frechet distances are those of its own autoencoders: orders are compared."""
