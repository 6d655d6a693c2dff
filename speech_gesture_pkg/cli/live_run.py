"""Speech through the running gesture node, file after file: real processes, one bag per file."""

from __future__ import annotations

import json
import os
import random
import re
import socket
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import soundfile

from speech_gesture_pkg.bags.reader import SUFFIXES, Bag
from speech_gesture_pkg.cli.common import changed_values, need_ros, writable_folder
from speech_gesture_pkg.cli.processes import NodeProcess, isolated_environment, stop_all
from speech_gesture_pkg.config import GestureConfig
from speech_gesture_pkg.errors import ConfigError, InputError, OutputError, SpeechGestureError
from speech_gesture_pkg.pipeline.build import layout_of, load_robot

START_TIMEOUT = 60.0
DOMAINS = range(1, 102)
"""ROS domain ids whose ports lie below Linux's ephemeral ones."""
Progress = Callable[[float, float], None]
"""Called with the seconds of speech that are done, and all of them."""


@dataclass
class LiveJob:
    """One file to be spoken.

    Attributes:
        path: of the file or bag.
        bag: folder to be made.
        seconds: length of the speech.
    """

    path: Path
    bag: Path
    seconds: float


@dataclass(frozen=True)
class LiveSettings:
    """How the files are run.

    Attributes:
        workers: sets of nodes side by side, each in a ROS domain of its own.
        rate: speed of simulated time; 1 = real time.
        distro: whose controller rules the simulated robot follows.
        audio_topic: of bags with several.
        silence: before and after each file, s.
    """

    workers: int = 1
    rate: float = 1.0
    distro: str = "newest"
    audio_topic: str = ""
    silence: float = 1.0

    def __post_init__(self) -> None:
        if self.workers < 1:
            raise ConfigError(f"workers is {self.workers}; it must be 1 or more")
        if not 0.1 <= self.rate <= 20.0:
            raise ConfigError(f"rate is {self.rate}; it must be in [0.1, 20]")


def run_live(
    items: Sequence[Path],
    config: GestureConfig,
    out: Path,
    progress: Progress | None = None,
    settings: LiveSettings | None = None,
) -> Iterator[tuple[Path, Path | Exception]]:
    """Speak files (or the speech of bags) into gesture nodes; yields each with its new bag, or with what went wrong.

    The nodes run on from file to file; a node that dies costs its file, and is started again for the rest. The bags are
    `out/<name of the file>`. Closing the generator (Ctrl-C) ends all processes.

    Args:
        items: audio files and bags.
        config: of the gesture node; `robot.urdf` must be set.
        out: folder for the bags; it is made.
        progress: see `Progress`.
        settings: see there.

    Raises:
        ConfigError, RobotError: what the gesture node would refuse.
        OutputError: `out` is not writable.
        MissingDependencyError: no ROS.
    """
    need_ros()
    settings = settings or LiveSettings()
    writable_folder(out)
    jobs: list[LiveJob] = []
    for path, job in _jobs(items, out):
        if isinstance(job, Exception):
            yield path, job
        else:
            jobs.append(job)
    if not jobs:
        return
    parameters = _parameters(config, settings)
    total = sum(j.seconds for j in jobs)
    count = min(settings.workers, len(jobs))
    domains = _domains(count)
    with ExitStack() as stack:
        sets = [NodeSet(jobs[k::count], parameters, settings, domains[k]) for k in range(count)]
        for each in sets:
            stack.callback(each.stop)
        while any(not s.ended for s in sets):
            for each in sets:
                yield from each.poll()
            if progress is not None:
                progress(min(sum(s.done_s for s in sets), total), total)
            time.sleep(0.1)
    if progress is not None:
        progress(total, total)


@dataclass
class NodeSet:
    """A simulated robot, a gesture node and a session that speaks `jobs` to it, in one ROS domain."""

    jobs: list[LiveJob]
    parameters: dict[str, dict[str, Any]]
    settings: LiveSettings
    domain: int
    done_s: float = 0.0
    _processes: list[NodeProcess] = field(default_factory=list)
    _told: int = 0
    _current: LiveJob | None = None
    _began: float = 0.0
    _folder: Any = None

    @property
    def ended(self) -> bool:
        """Whether nothing is left to do."""
        return not self.jobs

    def poll(self) -> list[tuple[Path, Path | Exception]]:
        """What has been finished since the last call; starts the nodes where they do not run."""
        found: list[tuple[Path, Path | Exception]] = []
        try:
            if not self._processes:
                self._start()
            found += self._news()
            for process in self._processes:
                process.check()
            if self.jobs and not self._processes[-1].running():
                found += self._news()
                if self.jobs:
                    raise SpeechGestureError(f"live_session ended early: {self._processes[-1].last_words()}")
        except SpeechGestureError as e:
            found += self._news()
            if self.jobs:
                found.append((self._finish(self.jobs[0]).path, e))
            self.stop()
        if self.ended:
            self.stop()
        if self._current is not None:
            self.done_s = self._sum + min((time.monotonic() - self._began) * self.settings.rate, self._current.seconds)
        return found

    def stop(self) -> None:
        """End the processes: the session first, so that its bag is complete."""
        if self._processes:
            self._processes[-1].stop()
        stop_all(self._processes)
        self._processes.clear()
        self._current = None
        if self._folder is not None:
            self._folder.cleanup()
            self._folder = None

    _sum: float = 0.0

    def _finish(self, job: LiveJob) -> LiveJob:
        self.jobs.remove(job)
        self._sum += job.seconds
        self.done_s = self._sum
        self._current = None
        return job

    def _start(self) -> None:
        self._folder = tempfile.TemporaryDirectory(prefix="speech_gesture_live_")
        folder = Path(self._folder.name)
        work = [
            {"input": str(j.path.resolve()), "bag": str(j.bag.resolve()), "audio_topic": self.settings.audio_topic}
            for j in self.jobs
        ]
        (folder / "jobs.json").write_text(json.dumps(work), encoding="utf-8")
        ros = isolated_environment(folder / "log") | {"ROS_DOMAIN_ID": str(self.domain)}
        self._told, self._started = 0, list(self.jobs)
        session = {"jobs": str(folder / "jobs.json"), "rate": self.settings.rate, "silence": self.settings.silence}
        for module in ("sim_robot_node", "gesture_node", "live_session"):
            own = session if module == "live_session" else self.parameters[module]
            self._processes.append(NodeProcess(module, own, ros))
        self._until = time.monotonic() + START_TIMEOUT

    _started: list[LiveJob] = field(default_factory=list)
    _until: float = 0.0

    def _news(self) -> list[tuple[Path, Path | Exception]]:
        """What the session has told since the last call."""
        found: list[tuple[Path, Path | Exception]] = []
        if not self._processes:
            return found
        lines = re.findall(r"^JOB (\d+) (begin|done|failed: .*)$", self._processes[-1].output(), re.MULTILINE)
        for number, what in lines[self._told :]:
            job = self._started[int(number)]
            if what == "begin":
                self._current, self._began = job, time.monotonic()
            elif job in self.jobs:
                self._finish(job)
                found.append((job.path, job.bag if what == "done" else SpeechGestureError(what[len("failed: ") :])))
        self._told = len(lines)
        return found


def _parameters(config: GestureConfig, settings: LiveSettings) -> dict[str, dict[str, Any]]:
    """ROS parameters of the nodes."""
    robot = load_robot(config)
    layout = layout_of(robot, {}, config)
    controllers = {n: [layout.joint_names[i] for i in c] for n, c in layout.controllers.items()}
    time_source = {"use_sim_time": settings.rate != 1.0}
    sim = {"urdf": config.robot.urdf, "distro": settings.distro, "controllers": list(controllers)}
    gesture = {**changed_values(config), "controllers.names": list(controllers), "autostart": True}
    return {
        "sim_robot_node": sim | {f"{n}.joints": joints for n, joints in controllers.items()} | time_source,
        "gesture_node": gesture | time_source,
    }


def _jobs(items: Sequence[Path], out: Path) -> Iterator[tuple[Path, LiveJob | Exception]]:
    taken: set[Path] = set()
    for path in map(Path, items):
        try:
            bag = out / path.stem
            number = 2
            while bag in taken:
                bag, number = out / f"{path.stem}_{number}", number + 1
            taken.add(bag)
            if bag.exists():
                raise OutputError(f"bag {bag} exists already; choose another folder or remove it")
            yield path, LiveJob(path, bag, _duration(path))
        except SpeechGestureError as e:
            yield path, e


def _duration(path: Path) -> float:
    if path.is_dir() or path.suffix in SUFFIXES:
        with Bag(path) as bag:
            return bag.duration_s
    try:
        return float(soundfile.info(str(path)).duration)
    except (OSError, RuntimeError) as e:
        raise InputError(f"{path} is no readable audio file: {e}") from e


def _domains(count: int) -> list[int]:
    """ROS domains that nobody on this machine is in, one a set of nodes; the first is ROS_DOMAIN_ID if that is set."""
    given = os.environ.get("ROS_DOMAIN_ID")
    free = [d for d in DOMAINS if str(d) != given]
    random.shuffle(free)
    found = [int(given)] if given else []
    for domain in free:
        if len(found) >= count:
            break
        if _unused(domain):
            found.append(domain)
    if count > len(found):
        raise ConfigError(f"workers is {count}; there are free ROS domains for {len(found)}")
    return found[:count]


def _unused(domain: int) -> bool:
    """Whether no participant holds the domain's first port (RTPS: 7400 + 250 domain + 10); a stranger there would
    speak on our topics, too."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
        try:
            probe.bind(("", 7410 + 250 * domain))
        except OSError:
            return False
    return True
