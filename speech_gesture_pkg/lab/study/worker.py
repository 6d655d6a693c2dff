"""One job, done in a worker process: make the sample, take the figures, hand back plain data."""

from __future__ import annotations

import threading
import time
import traceback
from dataclasses import dataclass, field, replace
from datetime import datetime, timezone
from typing import Any

import numpy as np

from speech_gesture_pkg import __version__
from speech_gesture_pkg.audio.chunk import AudioChunk
from speech_gesture_pkg.audio.files import read_audio
from speech_gesture_pkg.config import GestureConfig
from speech_gesture_pkg.errors import InputError, SpeechGestureError
from speech_gesture_pkg.lab.metrics.sample import Normaliser
from speech_gesture_pkg.lab.study import jobs, sanity
from speech_gesture_pkg.lab.study.embeddings import LatentFile, corpus_arrays
from speech_gesture_pkg.lab.study.from_audio import offline_sample, samples_of
from speech_gesture_pkg.lab.study.from_bag import BagRecording, read_recording, recorded_sample
from speech_gesture_pkg.lab.study.from_motion import motion_of, motion_sample, semantic_scores
from speech_gesture_pkg.lab.study.jobs import StudyJob
from speech_gesture_pkg.lab.study.record import SCHEMA, arrays_of, described, measured
from speech_gesture_pkg.lab.study.rerun import rerun_sample
from speech_gesture_pkg.lab.study.robot_body import RobotBody
from speech_gesture_pkg.lab.study.sample import EvaluationSample
from speech_gesture_pkg.lab.study.sanity_frechet import control_latents
from speech_gesture_pkg.motion.bounded_npz import read_npz
from speech_gesture_pkg.pipeline.build import Robot, load_robot

ROBOTS = 4
"""Robots that a worker keeps."""

_local = threading.local()
"""Robots and autoencoders of this thread: their kinematics keep scratch data, so threads must not share them."""


Failure = dict[str, "str | int | None"]
"""What went wrong with a job: file, name, system, seed, sentence, error class, perhaps a traceback."""


@dataclass(frozen=True)
class Outcome:
    """What a job gave.

    Attributes:
        key, label: of the job.
        record: plain data; None if the job failed.
        arrays: kept beside it.
        failure: what went wrong: sentence, error class, and for errors that are not the input's fault the traceback.
        seconds: of audio or motion that the job stood for.
    """

    key: str
    label: str
    record: dict[str, Any] | None = None
    arrays: dict[str, np.ndarray] = field(default_factory=dict)
    failure: Failure | None = None
    seconds: float = 0.0


def run_job(job: StudyJob, code: str = "") -> Outcome:
    """Do a job; whatever goes wrong with it comes back as its failure.

    Args:
        job: what to do.
        code: `jobs.code_hash()` of who sent the job; a worker with other code refuses.
    """
    outcome = Outcome(job.key, job.label, seconds=job.seconds)
    try:
        if code and code != jobs.code_hash():
            raise InputError(
                f"this worker runs other code than the machine that sent the job (package {__version__} here); "
                "install the same version on both"
            )
        record, arrays = _evaluate(job)
    except SpeechGestureError as e:
        return replace(outcome, failure=failure_of(job, e))
    except Exception as e:  # a bug must cost one file, not the study; it is reported with its traceback
        return replace(outcome, failure=failure_of(job, e))
    return replace(outcome, record=record, arrays=arrays)


def failure_of(job: StudyJob, error: BaseException) -> Failure:
    """An error as plain data."""
    entry: Failure = {"file": str(job.item.path), "name": job.item.name, "system": job.system, "seed": job.seed}
    entry |= {"error": type(error).__name__, "sentence": str(error) or type(error).__name__}
    if not isinstance(error, SpeechGestureError):
        entry["sentence"] = f"unexpected {type(error).__name__}: {error}"
        entry["traceback"] = "".join(traceback.format_exception(type(error), error, error.__traceback__)[-4:])
    return entry


def _evaluate(job: StudyJob) -> tuple[dict[str, Any], dict[str, np.ndarray]]:
    began = time.perf_counter()
    config = job.config
    sample, robot, more = _sample(job, config)
    sample.take = replace(sample.take, **_beside(job, sample, robot))
    start = time.perf_counter()
    figures = measured(sample, job.metrics)
    for name in {"pcm", "bc_emage"} & set(figures):
        figures[name]["stamp"] = dict(job.hashes).get("normaliser", "")
    record: dict[str, Any] = {
        "schema": SCHEMA,
        "key": job.key,
        "file": str(job.item.path),
        "name": job.item.name,
        "system": job.system,
        "generator": config.generator.name if job.mode in (jobs.OFFLINE, jobs.LIVE, jobs.RERUN) else "",
        "seed": job.seed,
        "mode": job.mode,
        "samples": job.samples,
        "audio": _audio_of(job, sample),
        "truth": {"path": str(job.item.truth), "sha256": dict(job.hashes).get("truth", "")} if job.item.truth else None,
        "bag": str(_bag(job)) if _bag(job) else None,
        "config": {"sha256": jobs.config_hash(dict(job.values)), "changed": dict(job.values)},
        "robot": _robot_of(robot),
        "weights_sha256": dict(job.hashes).get("model", ""),
        "metrics": figures,
        "hashes": dict(job.hashes),
        "created": datetime.now(timezone.utc).isoformat(timespec="seconds"),
        "package_version": __version__,
        **more,
    }
    if job.controls:
        record["controls"] = sanity.control_figures(job, sample)
    arrays = arrays_of(sample)
    if job.controls:
        arrays |= control_latents(sanity.spoiled(sample.take, job.key), _latents(job.latents))
    extra, missing = corpus_arrays(sample.take, _latents(job.latents))
    record |= described(sample) | {"latents_missing": missing}
    now = time.perf_counter()
    record["timings"] |= {"metrics_s": now - start, "total_s": now - began}
    return record, arrays | extra


def _sample(job: StudyJob, config: GestureConfig) -> tuple[EvaluationSample, Robot | None, dict[str, Any]]:
    """The sample, the robot that took part, and what else belongs into the record."""
    item = job.item
    if job.mode == jobs.OFFLINE:
        robot, body = _robot(config)
        return offline_sample(config, robot, body, read_audio(item.path)), robot, {}
    if job.mode in (jobs.MOTION, jobs.REAL):
        path = item.truth if job.mode == jobs.REAL and item.truth else item.path
        return motion_sample(motion_of(path), _speech_of(job)), None, {}
    bag = _bag(job)
    if bag is None:
        raise InputError(f"{item.path} has no bag to evaluate")
    recording = read_recording(bag, config, job.audio_topic)
    description = "" if job.own_robot or job.mode == jobs.LIVE else recording.content.urdf
    robot, body = _robot(config, description)
    if job.mode == jobs.RERUN:
        sample, found = rerun_sample(bag, recording, config, robot, body)
        return sample, robot, {"agreement": found}
    sample = recorded_sample(bag, recording, config, robot, body)
    return sample, robot, {"counts": dict(recording.content.counts)}


def _bag(job: StudyJob) -> Any:
    return job.bag or (job.item.path if job.item.kind == "bag" else None)


def _speech_of(job: StudyJob) -> AudioChunk | None:
    item = job.item
    if item.kind == "audio":
        return read_audio(item.path)
    if item.kind == "bag":
        recording: BagRecording = read_recording(item.path, job.config, job.audio_topic)
        audio = recording.content.audio
        return AudioChunk(audio.samples, 0.0) if audio is not None else None
    return read_audio(item.speech) if item.speech else None


def _beside(job: StudyJob, sample: EvaluationSample, robot: Robot | None) -> dict[str, Any]:
    """Truth, samples, semantic scores and normaliser of a take."""
    found: dict[str, Any] = {}
    if job.item.truth is not None and job.mode != jobs.REAL:
        found["truth"] = motion_of(job.item.truth)
    if job.samples > 1 and job.seed is not None and robot is not None and sample.audio is not None:
        seeds = range(job.seed + 1, job.seed + job.samples)
        found["samples"] = samples_of(robot.generator, job.config, sample.audio, seeds)
    if job.item.semantic is not None and len(sample.take.motion):
        found["semantic"] = semantic_scores(job.item.semantic, len(sample.take.played))
        if "truth" in found:
            found["semantic"] = found["semantic"][: len(replace(sample.take, truth=found["truth"]).compared[0])]
    if job.normaliser:
        data = read_npz(job.normaliser)
        found["normaliser"] = Normaliser(data["mean"], data["std"])
        found["mean_speed"] = data["mean_speed"]
    return found


def _audio_of(job: StudyJob, sample: EvaluationSample) -> dict[str, Any] | None:
    if sample.audio is None:
        return None
    path = job.item.path if job.item.kind == "audio" else job.item.speech
    return {
        "path": str(path) if path else None,
        "sha256": dict(job.hashes).get("audio", ""),
        "seconds": sample.audio.duration,
    }


def _robot_of(robot: Robot | None) -> dict[str, Any] | None:
    return {"name": robot.model.name, "urdf_sha256": jobs.text_hash(robot.model.urdf)} if robot else None


def _robot(config: GestureConfig, description: str = "") -> tuple[Robot, RobotBody]:
    """A robot of this thread, made once."""
    kept: dict[str, tuple[Robot, RobotBody]] = getattr(_local, "robots", {})
    key = jobs.config_hash(jobs.changed(config)) + (jobs.text_hash(description) if description else "")
    if key not in kept:
        robot = load_robot(config, description)
        kept = dict(list(kept.items())[-(ROBOTS - 1) :])
        kept[key] = (robot, RobotBody(robot))
        _local.robots = kept
    return kept[key]


def _latents(path: str) -> LatentFile | None:
    """The autoencoders of this thread, read once."""
    if not path:
        return None
    kept = getattr(_local, "latents", None)
    if kept is None or kept.path != path:
        _local.latents = kept = LatentFile.load(path)
    return kept
