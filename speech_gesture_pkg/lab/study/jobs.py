"""One job a file, system and seed; its key says whether it has been done before."""

from __future__ import annotations

import ast
import hashlib
import json
import threading
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property, lru_cache
from pathlib import Path
from typing import Any

import speech_gesture_pkg
from speech_gesture_pkg.config import GestureConfig, parameters
from speech_gesture_pkg.lab.study.inputs import Item
from speech_gesture_pkg.lab.study.record import SCHEMA

PACKAGE = Path(speech_gesture_pkg.__file__).parent
NO_INFLUENCE = (
    *("viewer", "ros", "cli", "lab/training", "lab/datasets", "lab/starter_corpus", "lab/ablation", "lab/report"),
    "lab/metrics/autoencoder/training.py",
    *(f"lab/study/{n}.py" for n in ("summary", "results", "compare", "plan", "engine", "store", "inputs")),
)
"""Parts whose code does not change a figure of a job."""

OFFLINE, LIVE, RECORDED, RERUN, MOTION, REAL = "offline", "live", "recorded", "rerun", "motion", "real"

_parsing = threading.Lock()
"""Python's parser is not safe in several threads at once (SystemError, "AST constructor recursion depth mismatch")."""


@dataclass(frozen=True)
class StudyJob:
    """What a worker needs to know.

    Attributes:
        item: the input.
        mode: `OFFLINE`: speech through the pipeline on a simulated clock; `LIVE`: a bag made from the item by the node;
            `RECORDED`: a bag as it is; `RERUN`: a bag's sound through the pipeline again; `MOTION`: a motion file;
            `REAL`: the item's ground truth itself.
        system: what is judged: a generator's name, "recorded", "motion" or "real".
        values: parameters that differ from their defaults.
        seed: of the generator; None where nothing is generated.
        samples: motions per audio for diversity, the first included.
        own_robot: whether the user named the robot (else a bag's own robot description is used).
        metrics: names of the metrics of a take.
        latents: file of autoencoders, or "".
        normaliser: file with mean and deviation of the gesture parameters, or "".
        controls: whether to take the figures of the sanity controls, too.
        others: other real motions, for the controls of real motion.
        audio_topic: of a bag with several; "" finds it.
        bag: where the node's run was recorded (`LIVE`).
        hashes: of everything that goes in: name -> sha256.
        seconds: about how much audio or motion, for the progress bar.
    """

    item: Item
    mode: str
    system: str
    values: tuple[tuple[str, Any], ...] = ()
    seed: int | None = None
    samples: int = 1
    own_robot: bool = False
    metrics: tuple[str, ...] = ()
    latents: str = ""
    normaliser: str = ""
    controls: bool = False
    others: tuple[Path, ...] = ()
    audio_topic: str = ""
    bag: Path | None = None
    hashes: tuple[tuple[str, str], ...] = ()
    seconds: float = 0.0

    @property
    def config(self) -> GestureConfig:
        """All parameters."""
        return GestureConfig().with_values(dict(self.values))

    @cached_property
    def key(self) -> str:
        """Hash over everything that the record depends on: inputs, parameters, metrics, code."""
        return hashed(
            {
                "schema": SCHEMA,
                "code": code_hash(),
                "mode": self.mode,
                "system": self.system,
                "name": self.item.name,
                "values": config_hash(dict(self.values)),
                "seed": self.seed,
                "samples": self.samples,
                "own_robot": self.own_robot,
                "audio_topic": self.audio_topic,
                "metrics": list(self.metrics),
                "controls": self.controls,
                "hashes": dict(self.hashes),
            }
        )[:32]

    @property
    def label(self) -> str:
        """For people."""
        seed = "" if self.seed is None else f", seed {self.seed}"
        return f"{self.item.name} ({self.system}{seed})"


def hashed(data: object) -> str:
    """sha256 of plain data."""
    return hashlib.sha256(json.dumps(data, sort_keys=True, default=str).encode()).hexdigest()


def file_hash(path: str | Path) -> str:
    """sha256 of a file, "" if there is none."""
    path = Path(path)
    return hashlib.sha256(path.read_bytes()).hexdigest() if str(path) not in ("", ".") and path.is_file() else ""


def changed(config: GestureConfig) -> dict[str, Any]:
    """The parameters that differ from their defaults."""
    return {p.name: config.value(p.name) for p in parameters() if config.value(p.name) != p.default}


def config_hash(values: Mapping[str, Any]) -> str:
    """Hash of parameters; files count by what they hold, and the seed not at all (a record names it)."""
    plain = {k: v for k, v in values.items() if k != "generator.seed"}
    for name in ("robot.urdf", "robot.map_file"):
        if plain.get(name):
            plain[name] = file_hash(plain[name])
    return hashed(plain)


def code_hash() -> str:
    """Hash of the package's code that can change a figure; comments and formatting do not count."""
    with _parsing:
        return _code_hash()


@lru_cache(maxsize=1)
def _code_hash() -> str:
    digest = hashlib.sha256()
    for file in sorted(PACKAGE.rglob("*.py")):
        name = str(file.relative_to(PACKAGE))
        if not name.startswith(NO_INFLUENCE):
            digest.update(name.encode() + b"\0" + _meaning(file).encode())
    return digest.hexdigest()


def definitions_hash() -> str:
    """Hash of the code that defines the metrics."""
    with _parsing:
        return _definitions_hash()


@lru_cache(maxsize=1)
def _definitions_hash() -> str:
    digest = hashlib.sha256()
    for file in sorted((PACKAGE / "lab" / "metrics").glob("*.py")):
        if file.stem not in ("controls", "statistics", "__init__"):
            digest.update(file.name.encode() + b"\0" + _meaning(file).encode())
    return digest.hexdigest()


def _meaning(file: Path) -> str:
    """The code without comments, docstrings and layout."""
    tree = ast.parse(file.read_text(encoding="utf-8"))
    for node in ast.walk(tree):
        if isinstance(node, (ast.Module, ast.ClassDef, ast.FunctionDef, ast.AsyncFunctionDef)):
            node.body = [n for n in node.body if not _is_text(n)]
    return ast.dump(tree)


def _is_text(node: ast.stmt) -> bool:
    return isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant) and isinstance(node.value.value, str)


def text_hash(text: str) -> str:
    """sha256 of text."""
    return hashlib.sha256(text.encode()).hexdigest()
