"""Many motion files side by side: worker processes, each with its own retargeter.

A frame's pose depends on the frame before (limits of speed and acceleration), so one file runs in order; files do not
depend on each other. Each worker runs the same code as a single file does: the results are equal, bit by bit.
"""

from __future__ import annotations

import logging
import multiprocessing
import os
import signal
import time
from collections import deque
from collections.abc import Callable, Generator, Sequence
from dataclasses import dataclass
from multiprocessing.connection import Connection, wait
from multiprocessing.context import SpawnProcess
from pathlib import Path

from speech_gesture_pkg.errors import InputError, SpeechGestureError
from speech_gesture_pkg.motion.bounded_npz import array_shape

_SHARE = 4000
"""Frames that make another worker worth its start (2 s)."""

_log = logging.getLogger(__name__)


@dataclass(frozen=True)
class RetargetJob:
    """A file to be retargeted.

    Attributes:
        source: motion npz.
        output: trajectory npz.
        frames: of the source, by its header; 0 if that cannot be read.
    """

    source: Path
    output: Path
    frames: int = 0

    @property
    def partial(self) -> Path:
        """Where a worker writes before the result is complete, beside `output`."""
        return self.output.with_name(f".{self.output.stem}.part{self.output.suffix}")


@dataclass(frozen=True)
class Outcome:
    """What became of a job.

    Attributes:
        frames: written; 0 after an error.
        seconds: that a worker spent.
        error: a sentence, empty if all went well.
    """

    job: RetargetJob
    frames: int
    seconds: float
    error: str = ""


Work = Callable[[RetargetJob], int]
"""Does one job and returns the number of frames: writes `job.partial`, complete. Raises SpeechGestureError, OSError."""


def jobs_of(sources: Sequence[str | Path], folder: Path) -> list[RetargetJob]:
    """Every npz of these files and folders (searched at any depth), each with a place in `folder`.

    What was found in a folder keeps its place below it. The largest files come first, so that no worker is left with
    one at the end.

    Raises:
        InputError: a path that does not exist, a folder without npz files, or two files for one output.
    """
    outputs: dict[Path, Path] = {}
    for source in map(Path, sources):
        if source.is_dir():
            files = [f for f in sorted(source.rglob("*.npz")) if not f.name.startswith(".")]
            if not files:
                raise InputError(f"folder {source} holds no .npz file")
            named = [(f, folder / f.relative_to(source)) for f in files if folder not in f.parents]
        elif source.is_file():
            named = [(source, folder / source.with_suffix(".npz").name)]
        else:
            raise InputError(f"file {source} does not exist; give motion npz files or folders of them")
        for file, output in named:
            if outputs.setdefault(output, file).resolve() != file.resolve():
                raise InputError(f"{outputs[output]} and {file} would both be written to {output}; use two calls")
    jobs = [RetargetJob(file, output, frames_in(file)) for output, file in outputs.items()]
    return sorted(jobs, key=lambda job: -job.frames)


def frames_in(path: Path) -> int:
    """Length of `poses` by its header alone; 0 if there is none."""
    try:
        return array_shape(path, "poses")[0]
    except (InputError, IndexError) as e:
        _log.info("length of %s unknown: %s", path, e)
    return 0


def worker_count(jobs: Sequence[RetargetJob], asked: int | None = None) -> int:
    """Processes to use: as asked, else as many as there are cores, but none that would hardly be used."""
    if asked is not None:
        return max(1, min(asked, len(jobs)))
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    return max(1, min(cores, len(jobs), sum(job.frames for job in jobs) // _SHARE))


def run_jobs(
    jobs: Sequence[RetargetJob], make_work: Callable[[], Work], workers: int
) -> Generator[Outcome, None, None]:
    """Do the jobs, in any order; each outcome as it comes.

    A result appears under its name only when it is complete. A job that fails, or whose worker dies, gives an outcome
    with an error and the others go on. If the iteration is ended early (Ctrl-C, `close`), workers are stopped, and what
    they had begun is removed.

    Args:
        jobs: what to do.
        make_work: builds what does a job; called once per worker, there (it must be picklable).
        workers: processes; with 1, all is done in this one.
    """
    if workers <= 1:
        work = make_work()
        for job in jobs:
            yield _done(job, work)
        return
    team = _Team(make_work)
    try:
        yield from team.run(deque(jobs), workers)
    finally:
        team.stop()


def _done(job: RetargetJob, work: Work) -> Outcome:
    began = time.perf_counter()
    try:
        job.output.parent.mkdir(parents=True, exist_ok=True)
        frames = work(job)
        job.partial.replace(job.output)
    except SpeechGestureError as e:
        return Outcome(job, 0, time.perf_counter() - began, str(e))
    except OSError as e:
        return Outcome(job, 0, time.perf_counter() - began, f"{e.filename or job.output}: {e.strerror or e}")
    except Exception as e:  # a fault of ours in one file of a thousand must not cost the others
        _log.exception("fault while retargeting %s", job.source)
        return Outcome(job, 0, time.perf_counter() - began, f"{job.source}: {type(e).__name__}: {e}")
    finally:
        job.partial.unlink(missing_ok=True)
    return Outcome(job, frames, time.perf_counter() - began)


class _Team:
    """Worker processes, and the job of each."""

    def __init__(self, make_work: Callable[[], Work]) -> None:
        self._make_work = make_work
        self._context = multiprocessing.get_context("spawn")
        self._members: dict[Connection, tuple[SpawnProcess, RetargetJob]] = {}

    def run(self, left: deque[RetargetJob], workers: int) -> Generator[Outcome, None, None]:
        for _ in range(min(workers, len(left))):
            self._hire(left.popleft())
        while self._members:
            ready = wait(list(self._members))
            for line in [c for c in self._members if c in ready]:
                process, job = self._members.pop(line)
                try:
                    outcome = line.recv()
                except (EOFError, OSError):
                    process.join()
                    job.partial.unlink(missing_ok=True)
                    yield Outcome(job, 0, 0.0, f"{job.source}: its worker process died (exit code {process.exitcode})")
                    if left:
                        self._hire(left.popleft())
                    continue
                if left:
                    self._give(line, process, left.popleft())
                else:
                    line.close()
                yield outcome

    def stop(self) -> None:
        """End what still runs, and remove what it had begun."""
        for process, _ in self._members.values():
            process.terminate()
        for line, (process, job) in self._members.items():
            process.join()
            line.close()
            job.partial.unlink(missing_ok=True)
        self._members.clear()

    def _hire(self, job: RetargetJob) -> None:
        ours, theirs = self._context.Pipe()
        process = self._context.Process(target=_serve, args=(theirs, self._make_work), daemon=True)
        process.start()
        theirs.close()
        self._give(ours, process, job)

    def _give(self, line: Connection, process: SpawnProcess, job: RetargetJob) -> None:
        self._members[line] = (process, job)
        try:
            line.send(job)
        except OSError as e:  # dead already: its end of file is found by `run`
            _log.info("worker of %s has gone: %s", job.source, e)


def _serve(line: Connection, make_work: Callable[[], Work]) -> None:
    """A worker's life: jobs in, outcomes out, until the line is closed. Ctrl-C is its employer's business."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    work = make_work()
    while True:
        try:
            job = line.recv()
        except EOFError:
            return
        line.send(_done(job, work))
