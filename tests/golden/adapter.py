"""What the golden outputs need of the package, and the only file of theirs that imports it.

When modules are moved or renamed, this file follows; the cases and what is frozen stay as they are.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, replace
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import numpy as np

from speech_gesture_pkg.audio.chunk import AudioChunk
from speech_gesture_pkg.audio.files import read_audio
from speech_gesture_pkg.config import GestureConfig
from speech_gesture_pkg.errors import SpeechGestureError
from speech_gesture_pkg.features.extractor import FeatureFrames, SpeechFeatureExtractor
from speech_gesture_pkg.lab.metrics.registry import METRICS
from speech_gesture_pkg.lab.study.embeddings import LatentFile, corpus_arrays
from speech_gesture_pkg.lab.study.from_audio import offline_sample, samples_of
from speech_gesture_pkg.lab.study.record import measured
from speech_gesture_pkg.lab.study.robot_body import RobotBody
from speech_gesture_pkg.lab.study.sample import EvaluationSample
from speech_gesture_pkg.motion.frames import MotionFrames
from speech_gesture_pkg.motion.skeleton import JOINT_INDEX, JOINT_NAMES
from speech_gesture_pkg.pipeline.build import Robot, layout_of, make_generator
from speech_gesture_pkg.pipeline.build import load_robot as _load_robot
from speech_gesture_pkg.pipeline.offline import OfflineRun, run_offline
from speech_gesture_pkg.resources import DEMO_AUDIO, resource
from speech_gesture_pkg.trajectory.window_begin import Begin, Timing
from speech_gesture_pkg.verification.bag_content import read_content
from speech_gesture_pkg.verification.motion_guarantees import check_guarantees
from speech_gesture_pkg.verification.tracking import check_tracking

__all__ = ["JOINT_INDEX", "EvaluationSample", "MotionFrames", "OfflineRun", "Robot", "has"]

ROBOTS = Path(__file__).resolve().parent / "robots"
RATE = 16000
CHUNK = 512
"""Samples of an audio message, as from a live microphone (32 ms)."""
SWINGS = tuple(
    1.0 if any(part in name for part in ("shoulder", "elbow", "wrist")) else 0.4 if name != "pelvis" else 0.0
    for name in JOINT_NAMES
)
"""How far each joint of a wild motion swings, rad."""
LATENTS = "models/fgd_smartbody.safetensors"


def has(package: str) -> bool:
    """Whether an optional package is installed."""
    return find_spec(package) is not None


def config(**values: Any) -> GestureConfig:
    """All parameters, with some changed: `generator__name="prosody"` is generator.name."""
    return GestureConfig().with_values({name.replace("__", "."): value for name, value in values.items()})


def speech(seconds: float, begin: float = 0.0) -> np.ndarray:
    """A piece of the bundled speech, 16 kHz mono. Shape [N]."""
    samples = read_audio(resource(DEMO_AUDIO)).samples
    return samples[round(begin * RATE) : round((begin + seconds) * RATE)]


def robot(name: str, **values: Any) -> tuple[GestureConfig, Robot]:
    """A robot, ready to be commanded: "demo" or one of the folder `robots`."""
    path = resource("models/robots/demo_humanoid/demo_humanoid.urdf") if name == "demo" else ROBOTS / f"{name}.urdf"
    used = config(robot__urdf=str(path), **values)
    return used, _load_robot(used)


def stream(samples: np.ndarray, seed: int, **values: Any) -> tuple[MotionFrames, list[int]]:
    """Motion of a generator that hears `samples` in messages, and how many frames came after each of them."""
    generator = make_generator(config(**values))
    state, pieces = generator.start(seed=seed), []
    for first in range(0, len(samples), CHUNK):
        frames, state = generator.step(AudioChunk(samples[first : first + CHUNK], first / RATE), state)
        pieces.append(frames)
    return MotionFrames.concatenate(pieces), [len(p) for p in pieces]


def motion_arrays(motion: MotionFrames) -> dict[str, Any]:
    """Everything that a motion holds."""
    keys = ("poses", "translation", "expression", "face", "phase", "valid", "fps", "start")
    return {key: getattr(motion, key) for key in keys}


def features(samples: np.ndarray, chunk: int) -> dict[str, np.ndarray]:
    """Speech features, streamed."""
    extractor, pieces = SpeechFeatureExtractor(), []
    state = extractor.start()
    for first in range(0, len(samples), chunk):
        frames, state = extractor.step(samples[first : first + chunk], state)
        pieces.append(frames)
    found = FeatureFrames.concatenate(pieces)
    return {key: getattr(found, key) for key in ("log_mel", "energy_db", "onset", "f0_hz", "voicing", "times")}


def offline(name: str, samples: np.ndarray, begin: str = "", period: float = 0.01, **values: Any) -> OfflineRun:
    """The whole pipeline on a simulated clock.

    Args:
        name: of the robot.
        samples: of the speech.
        begin: where windows begin for every controller, a name of `Begin`; "" = as by default.
        period: control cycle of the controllers, s.
        **values: parameters.
    """
    used, made = robot(name, **values)
    controllers = layout_of(made, {}, used).controllers
    timing = dict.fromkeys(controllers, Timing(Begin[begin], period)) if begin else None
    return run_offline(used, made, AudioChunk(samples, 0.0), timing=timing)


def totals(run: OfflineRun) -> dict[str, Any]:
    """What a run counted and told."""
    events = [f"{e.severity.name} {e.code}: {e.text}" for e in run.events]
    return {"counters": asdict(run.counters), "limited_share": run.limited_share, "events": events}


def retargeted(made: Robot, motion: MotionFrames, chunk: int = 7) -> dict[str, Any]:
    """A motion on a robot, frame group by frame group: positions, distance to itself, how far it is from the human."""
    retargeter = made.retargeter
    state, pieces = retargeter.start(), []
    for first in range(0, len(motion), chunk):
        q, state = retargeter.step(motion[first : first + chunk], state)
        pieces.append(q)
    q = np.concatenate(pieces)
    found = {"names": np.array(retargeter.joint_names), "rest": retargeter.rest, "position": q}
    found["distance"] = retargeter.collision.distance(q)
    if hasattr(retargeter, "tracking_errors"):
        found |= {f"error/{name}": value for name, value in retargeter.tracking_errors(motion, q).items()}
    if hasattr(retargeter, "solve_pose"):
        found["solved_pose"] = retargeter.solve_pose(motion[len(motion) // 2 :][:1])
    return found


def robot_tables(used: GestureConfig, made: Robot) -> tuple[dict[str, np.ndarray], dict[str, Any]]:
    """Limits by joint (of the URDF, of the retargeter, of the commands), and the joint map as plain data."""
    model, retargeter = made.model, made.retargeter
    keys = ("lower", "upper", "stated_lower", "stated_upper", "velocity", "continuous", "prismatic")
    tables = {f"model/{key}": np.asarray(getattr(model, key)) for key in keys}
    tables["model/names"] = np.array(model.joint_names)
    tables["model/neutral"] = model.neutral()
    keys = ("lower", "upper", "velocity", "acceleration", "rest")
    tables |= {
        f"retargeter/{key}": np.asarray(getattr(retargeter if key == "rest" else retargeter.limits, key))
        for key in keys
    }
    layout = layout_of(made, {}, used)
    keys = ("lower", "upper", "velocity", "acceleration")
    tables |= {f"commands/{key}": np.asarray(getattr(layout.limits, key)) for key in keys}
    tables["commands/names"] = np.array(layout.joint_names)
    tables |= {f"commands/{key}": np.asarray(getattr(layout, key)) for key in ("rest", "source", "turn_limits")}
    plain = {"map": made.map.to_dict(), "groups": retargeter.groups, "missing": made.map.missing}
    plain |= {"warnings": made.map.warnings, "remarks": model.remarks, "problems": model.problems}
    plain |= {"units": model.units, "softened": model.softened, "placeholders": model.placeholders}
    plain["controllers"] = {name: [layout.joint_names[i] for i in index] for name, index in layout.controllers.items()}
    return tables, plain


def bag_content(path: Path) -> dict[str, Any]:
    """What is read from a bag: sound, joints, human motion."""
    content = read_content(path)
    found: dict[str, Any] = {"topic": content.audio_topic, "damage": content.damage, "counts": str(content.counts)}
    found["warnings"] = "\n".join(content.warnings).replace(str(path), path.name)
    if content.audio is not None:
        found |= {"audio/samples": content.audio.samples, "audio/start": content.audio.start}
    if content.joints is not None:
        joints = content.joints
        found |= {"joints/names": np.array(joints.joint_names), "joints/fps": joints.fps}
        found |= {f"joints/{key}": getattr(joints, key) for key in ("time", "position", "velocity", "acceleration")}
    if content.motion is not None:
        found |= {f"motion/{key}": value for key, value in motion_arrays(content.motion).items()}
    return found


def promise(
    path: Path,
    urdf: str,
    acceleration: Mapping[str, float] | None = None,
    arms: Sequence[Sequence[str]] = (),
    link_speed: float = np.inf,
    rates: Sequence[float] = (),
) -> dict[str, Any]:
    """Verdict on the trajectories of a bag, or why there is none."""
    return _verdict(path, lambda: check_guarantees(path, urdf, acceleration, arms, link_speed, rates).as_dict())


def tracking(path: Path) -> dict[str, Any]:
    """How the joints of a bag followed its trajectories, or why that cannot be told."""
    return _verdict(path, lambda: asdict(check_tracking(path)))


def _verdict(path: Path, make: Any) -> dict[str, Any]:
    try:
        found: dict[str, Any] = make()
    except SpeechGestureError as e:
        return {"refused": f"{type(e).__name__}: {e}".replace(str(path), path.name)}
    return found


def urdf_of(made: Robot) -> tuple[str, list[tuple[str, ...]]]:
    """URDF text of a robot, and the joints of its arms."""
    return made.model.urdf, [arm.joints for arm in made.map.arms.values()]


def evaluated(name: str, samples: np.ndarray, seed: int) -> EvaluationSample:
    """Speech and its motion on a robot, as `evaluate` judges them: with a true motion and further samples.

    The true motion is another sample, and the semantic scores are a ramp.
    """
    used, made = robot(name, generator__seed=seed)
    audio = AudioChunk(samples, 0.0)
    material = offline_sample(used, made, RobotBody(made), audio)
    truth, *others = samples_of(made.generator, used, audio, range(seed + 1, seed + 4))
    take = replace(material.take, truth=truth, samples=tuple(others))
    semantic = np.linspace(0.0, 1.0, len(take.compared[0]))
    material.take = replace(take, semantic=semantic)
    return material


def figures(material: EvaluationSample) -> dict[str, float | str]:
    """Every metric but those that measure the machine: the number and its unit, or why there is none."""
    found: dict[str, float | str] = {}
    for name, entry in measured(material, [n for n in METRICS if "real_time_factor" not in n]).items():
        found[name] = entry["why"] if entry["value"] is None else float(entry["value"])
        found[f"{name}/unit"] = entry["unit"]
    return found


def latents(material: EvaluationSample) -> dict[str, np.ndarray]:
    """The motion as the bundled autoencoder sees it."""
    arrays, missing = corpus_arrays(material.take, LatentFile.load(str(resource(LATENTS))))
    return {**arrays, "missing": np.array(str(missing))}
