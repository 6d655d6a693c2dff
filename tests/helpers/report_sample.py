"""Made-up results of an evaluation in the documented schema, for tests of the report."""

from __future__ import annotations

from typing import Any

import numpy as np

from speech_gesture_pkg.lab.metrics.registry import METRICS
from speech_gesture_pkg.lab.metrics.spec import Need
from speech_gesture_pkg.motion.skeleton import REST_POSITIONS

SYSTEMS = ("prosody", "speechcat")
_LEVELS = {"robot_latency_p50": 0.03, "robot_latency_p99": 0.05, "robot_real_time_factor": 31.0}
_ABSENT = (Need.FACE_POINTS, Need.SEMANTIC)
_JOINTS = ("left_shoulder_pitch", "left_shoulder_roll", "left_elbow", "right_shoulder_pitch", "right_elbow", "neck_yaw")


AGREEMENT = {
    "shift_s": 0.012,
    "tolerance_s": 0.005,
    "largest": 0.0042,
    "joint": "left_elbow",
    "time_s": 2.5,
    "p99": 0.0007,
    "beyond_percent": 0.0,
    "seconds": 11.0,
}


def metrics() -> dict[str, dict[str, Any]]:
    """The registry as the results describe it."""
    found = {
        m.name: {
            "unit": m.unit,
            "better": m.better.value,
            "source": m.source,
            "needs": sorted(n.value for n in m.needs),
            "fooled_by": sorted(m.fooled_by),
            "family": "robot" if Need.ROBOT in m.needs else "human",
        }
        for m in METRICS.values()
    }
    found["fgd"] = {
        "unit": "",
        "better": "lower",
        "source": "DiffSHEG Eq. 9",
        "needs": ["an autoencoder"],
        "fooled_by": [],
        "family": "corpus",
    }
    return found


def record(k: int, system: str, rng: np.random.Generator) -> dict[str, Any]:
    """One recording of 12 s."""
    figures: dict[str, dict[str, Any]] = {}
    for m in METRICS.values():
        level = 0.0 if m.name.endswith("over_limit") or m.name == "robot_collision" else _LEVELS.get(m.name, 0.4)
        value = None if any(n in m.needs for n in _ABSENT) else float(level * (1 + 0.2 * rng.standard_normal()))
        why = "there are no face points: they need an SMPL-X model file" if value is None else None
        figures[m.name] = {"value": value, "unit": m.unit, "why": why, "stamp": ""}
    wave = np.abs(np.sin(np.arange(60) / 3.0 + k)) * rng.uniform(0.3, 1.0, 60)
    arms = np.repeat(REST_POSITIONS[None, :22], 6, axis=0) - REST_POSITIONS[0]
    for pose in arms:
        for side, shoulder, elbow, wrist in ((1, 16, 18, 20), (-1, 17, 19, 21)):
            swing = rng.uniform(0.1, 0.5)
            pose[elbow] = pose[shoulder] + (0.06 * side, -0.25, 0.05)
            pose[wrist] = pose[elbow] + (-0.1 * side, -0.2 + swing, 0.2)
    key = f"{system[:4]}{k:04d}"
    return {
        "schema": 1,
        "key": key,
        "file": f"speech/utterance_{k:03d}.flac",
        "name": f"utterance_{k:03d}",
        "system": system,
        "generator": system,
        "seed": k % 2,
        "mode": "offline",
        "audio": {"path": f"speech/utterance_{k:03d}.flac", "sha256": "00", "seconds": 12.0},
        "truth": None,
        "bag": None,
        "config": {"sha256": "11", "changed": {"style.amplitude": 1.2}},
        "robot": {"name": "demo", "urdf_sha256": "22"},
        "weights_sha256": "",
        "offset_s": 0.18,
        "metrics": figures,
        "timings": {"audio_s": 12.0, "busy_s": 0.4, "real_time_factor": 30.0, "step_p50_ms": 0.9, "step_p99_ms": 2.0},
        "events": {},
        "warnings": ["one <window> was dropped"] if k == 3 else [],
        "worst": [
            {
                "what": "limit",
                "time_s": 3.4,
                "value": 0.97,
                "unit": "share",
                "joint": "left_elbow",
                "sentence": "left_elbow uses 97 % of its velocity limit",
            },
            {"what": "late", "time_s": None, "value": 0.1, "unit": "s", "joint": "", "sentence": "late"},
        ],
        "curves": {
            "rate_hz": 5.0,
            "start_s": 0.0,
            "loudness_db": (-60 + 50 * wave).tolist(),
            "human_hand_speed": (1.1 * wave).tolist(),
            "robot_hand_speed": [None, *wave[1:].tolist()],
            "clearance": (0.1 + 0.1 * wave).tolist(),
            "limit_use": (0.9 * wave).tolist(),
        },
        "poses": {"times_s": [1.0, 3.0, 5.0, 7.0, 9.0, 11.0], "positions": arms.round(3).tolist(), "robot": None},
        "joints": [
            {
                "name": name,
                "low": -0.5 - 0.1 * j,
                "high": 0.9,
                "lower": -2.0,
                "upper": 2.0,
                "at_limit": 0.0,
                "speed_p99": 0.4,
                "speed_max": 0.8,
                "acceleration_p99": 0.5,
            }
            for j, name in enumerate(_JOINTS)
        ],
        "latency_ms": {"edges": [0, 10, 20, 30, 40, 50, 1000], "counts": [0, 30, 40, 5, 1, 1]},
        "created": "2026-01-01T00:00:00+00:00",
        "package_version": "0.1.0",
    }


def results(takes: int = 12) -> dict[str, Any]:
    """Two systems, `takes` recordings each, one failure."""
    rng = np.random.default_rng(0)
    records = [record(k, system, rng) for system in SYSTEMS for k in range(takes)]
    systems = {}
    for system in SYSTEMS:
        entries: dict[str, Any] = {}
        for name, unit in ((m.name, m.unit) for m in METRICS.values()):
            own = [r["metrics"][name] for r in records if r["system"] == system]
            values = [e["value"] for e in own if e["value"] is not None]
            if values:
                mean, half = float(np.mean(values)), float(np.std(values)) / 3
                entries[name] = {"mean": mean, "low": mean - half, "high": mean + half, "n": len(values), "unit": unit}
                entries[name] |= {"missing": {}, "stamp": ""}
            else:
                entries[name] = {"mean": None, "low": None, "high": None, "n": 0, "missing": {own[0]["why"]: len(own)}}
        systems[system] = {
            "records": takes,
            "metrics": entries,
            "corpus": {
                "fgd": {
                    "value": 812.3,
                    "low": None,
                    "high": None,
                    "n": 40,
                    "clips": 40,
                    "biased": True,
                    "floor": 700.5,
                    "unit": "",
                    "stamp": "fgd-ae x",
                    "why": "",
                }
            },
            "timings": {"audio_s": 12.0 * takes, "real_time_factor": 30.0},
        }
    cell = {"value": 0.5, "p_value": 0.001, "verdict": "passes", "why": ""}
    return {
        "schema": "speech-gesture-evaluation/1",
        "created": "2026-01-01T00:00:00+00:00",
        "command": ["speech-gesture", "evaluate", "speech", "--offline"],
        "seconds": 75.0,
        "package": {
            "name": "speech_gesture_pkg",
            "version": "0.1.0",
            "git": "0123abc",
            "dirty": True,
            "python": "3.11",
            "numpy": "2",
            "scipy": "1",
            "platform": "Linux",
            "machine": "a processor",
            "cores": 2,
        },
        "settings": {
            "mode": "offline",
            "generators": list(SYSTEMS),
            "seeds": [0, 1],
            "samples": 1,
            "workers": 2,
            "parameters": {"style.amplitude": 1.2},
            "robot": {"name": "demo", "urdf_sha256": "22"},
            "latents": {"path": "models/fgd.safetensors", "ids": {"fgd": "fgd-ae x"}},
            "level": 0.95,
        },
        "corpus": {"sha256": "33", "files": takes, "seconds": 12.0 * takes},
        "metrics": metrics(),
        "counts": {"records": len(records), "failed": 1, "skipped_done": 0, "not_run": 0},
        "records": records,
        "failures": [
            {
                "file": "speech/<b>.wav",
                "system": "prosody",
                "seed": 0,
                "sentence": "the file is empty",
                "error": "InputError",
            }
        ],
        "systems": systems,
        "worst": {
            s: [{**r["worst"][0], "file": r["file"], "key": r["key"]} for r in records if r["system"] == s][:5]
            for s in SYSTEMS
        },
        "sanity": {
            "material": [{"name": "real", "what": "real motion", "takes": 20, "seconds": 240.0}],
            "controls": ["jittered", "frozen"],
            "doc": {"jittered": "2 degrees of noise on every joint", "frozen": "the mean pose, held"},
            "rows": [
                {
                    "metric": "bcs_talkshow",
                    "material": "real",
                    "real": 0.61,
                    "real_low": 0.58,
                    "real_high": 0.64,
                    "controls": {
                        "jittered": {"value": 0.9, "p_value": 0.5, "verdict": "fooled", "why": ""},
                        "frozen": {
                            "value": None,
                            "p_value": None,
                            "verdict": None,
                            "why": "the metric does not listen",
                        },
                    },
                    "published": True,
                    "verdict": "fails",
                },
                {
                    "metric": "strokes_on_accents",
                    "material": "real",
                    "real": 0.2,
                    "real_low": 0.18,
                    "real_high": 0.22,
                    "controls": {"jittered": cell, "frozen": cell},
                    "published": False,
                    "verdict": "passes",
                },
            ],
            "failing": ["bcs_talkshow"],
            "passing": ["strokes_on_accents"],
        },
    }


def comparison() -> dict[str, Any]:
    """A against B: one metric better, one without a verdict, one that cannot be compared."""
    side = {"package": {"version": "0.1.0"}, "settings": {"seeds": [0]}, "corpus": {"sha256": "33"}}
    row = {"system_a": "prosody", "system_b": "prosody", "unit": "", "n": 12, "why": None}
    return {
        "schema": "speech-gesture-comparison/1",
        "a": {"path": "runs/a", "label": "a", **side},
        "b": {"path": "runs/b", "label": "b", **side, "package": {"version": "0.2.0"}},
        "pairs": 12,
        "unpaired": {"a": ["only_a"], "b": []},
        "agreement": [
            {"name": "one", "system": "prosody", "seed": 0, "modes": ["live", "offline"], **AGREEMENT},
            {"name": "two", "system": "prosody", "seed": 0, "modes": ["live", "offline"], "why": "no joint in common"},
        ],
        "systems": [["prosody", "prosody"]],
        "test": "Wilcoxon signed-rank, Holm-corrected over metrics",
        "alpha": 0.05,
        "rows": [
            {
                **row,
                "metric": "strokes_on_accents",
                "better": "higher",
                "a_mean": 0.2,
                "b_mean": 0.25,
                "difference": 0.05,
                "low": 0.02,
                "high": 0.08,
                "p": 0.001,
                "p_corrected": 0.01,
                "significant": True,
                "verdict": "better",
            },
            {
                **row,
                "metric": "robot_jerk_rms",
                "better": "lower",
                "unit": "rad/s^3",
                "a_mean": 40.0,
                "b_mean": 41.0,
                "difference": 1.0,
                "low": -1.0,
                "high": 3.0,
                "p": 0.4,
                "p_corrected": 0.8,
                "significant": False,
                "verdict": "no difference",
            },
            {
                **row,
                "metric": "fgd",
                "better": "lower",
                "a_mean": 812.0,
                "b_mean": 5.5,
                "difference": None,
                "low": None,
                "high": None,
                "p": None,
                "p_corrected": None,
                "significant": False,
                "verdict": "not compared",
                "why": "figures of different autoencoders cannot be compared",
            },
        ],
    }
