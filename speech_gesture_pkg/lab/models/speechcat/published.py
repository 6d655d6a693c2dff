"""The thesis's comparison of SpeechCAT with its baselines (see `lab.models.published`)."""

from __future__ import annotations

from speech_gesture_pkg.lab.models.published import Figure, Study

STUDY = Study(
    "speechcat",
    "SpeechCAT",
    "thesis",
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
)
"""The thesis's Tables 1 to 3. Its scales differ from ours (see `metrics`): orders are compared."""
