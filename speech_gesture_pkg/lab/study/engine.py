"""Doing many jobs: here, in local processes, or on a Dask cluster; one loop for all three.

Both `ProcessPoolExecutor` and Dask's `Client.get_executor()` are `concurrent.futures` executors, so the only difference
is who makes it. A few jobs per worker are under way at a time: memory does not grow with their number, and results are
handed on as they come.
"""

from __future__ import annotations

import multiprocessing
import os
import signal
from collections.abc import Callable, Generator, Iterable, Iterator
from concurrent.futures import FIRST_COMPLETED, Executor, Future, ProcessPoolExecutor, wait
from concurrent.futures.process import BrokenProcessPool
from contextlib import AbstractContextManager, contextmanager
from dataclasses import replace
from typing import Any

from speech_gesture_pkg.errors import ConfigError, InputError, MissingDependencyError
from speech_gesture_pkg.lab.study.jobs import StudyJob, code_hash
from speech_gesture_pkg.lab.study.worker import Outcome, failure_of, run_job

AHEAD = 2
"""Jobs under way for each worker: one at work, one waiting."""
CONNECT_S = 10.0

Pool = Callable[[], AbstractContextManager[tuple[Executor, int]]]


def cores() -> int:
    """Processor cores that this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def do_jobs(jobs: Iterable[StudyJob], workers: int = 1, cluster: str = "") -> Generator[Outcome, None, None]:
    """Outcomes in the order in which jobs end.

    Args:
        jobs: taken as workers become free.
        workers: local processes; 1 = in this process.
        cluster: address of a Dask scheduler, e.g. tcp://host:8786; "" = local.

    Raises:
        ConfigError: workers below 1.
        MissingDependencyError, InputError: no Dask, or no scheduler at that address.
    """
    if workers < 1:
        raise ConfigError(f"--workers is {workers}; it must be at least 1")
    if cluster:
        yield from _in_pool(jobs, lambda: _dask(cluster), code_hash())
    elif workers == 1:
        for job in jobs:
            yield run_job(job)
    else:
        yield from _in_pool(jobs, lambda: _processes(workers))


def _in_pool(jobs: Iterable[StudyJob], pool: Pool, code: str = "") -> Iterator[Outcome]:
    """Feed a pool; when a worker dies, what was under way is done again, one job at a time, to find the culprit."""
    waiting = iter(jobs)
    suspects: list[StudyJob] = []
    while True:
        lost: list[StudyJob] = []
        if suspects:
            job = suspects.pop(0)
            with pool() as (executor, _):
                yield from _feed(executor, iter([job]), 1, lost, code)
            if lost:
                error = InputError("the worker process died twice while it was at work on this (out of memory?)")
                yield Outcome(job.key, job.label, failure=failure_of(job, error), seconds=job.seconds)
            continue
        with pool() as (executor, size):
            yield from _feed(executor, waiting, AHEAD * size, lost, code)
        if not lost:
            return
        suspects = lost


def _feed(
    executor: Executor, jobs: Iterator[StudyJob], most: int, lost: list[StudyJob], code: str
) -> Iterator[Outcome]:
    """Outcomes of `jobs`, at most `most` under way; jobs that a dying worker took along are put into `lost`."""
    under_way: dict[Future[Outcome], StudyJob] = {}
    while True:
        while not lost and len(under_way) < most:
            job = next(jobs, None)
            if job is None:
                break
            try:
                under_way[executor.submit(run_job, job, code)] = job
            except BrokenProcessPool:
                lost.append(job)
        if not under_way:
            return
        ended, _ = wait(under_way, return_when=FIRST_COMPLETED)
        for future in ended:
            job = under_way.pop(future)
            try:
                outcome = future.result()
            except BrokenProcessPool:
                lost.append(job)
                continue
            except Exception as e:  # the executor's own trouble (a lost connection, a result that cannot be sent)
                outcome = Outcome(job.key, job.label, failure=failure_of(job, e))
            yield replace(outcome, seconds=job.seconds)


@contextmanager
def _processes(workers: int) -> Iterator[tuple[Executor, int]]:
    """Local processes, started afresh (not forked: threads of BLAS and of ROS would not survive that)."""
    others = set(multiprocessing.active_children())
    executor = ProcessPoolExecutor(workers, multiprocessing.get_context("spawn"), _start_worker)
    try:
        yield executor, workers
    except BaseException:
        executor.shutdown(wait=False, cancel_futures=True)
        for process in set(multiprocessing.active_children()) - others:
            process.terminate()
        raise
    executor.shutdown()


def _start_worker() -> None:
    """Ctrl-C ends a worker at once and without words: the main process reports it."""
    signal.signal(signal.SIGINT, signal.SIG_DFL)


@contextmanager
def _dask(address: str) -> Iterator[tuple[Executor, int]]:
    client = _client(address)
    try:
        size = sum(client.nthreads().values())
        if not size:
            raise InputError(f"the Dask scheduler at {address} has no workers; start some with `dask worker {address}`")
        yield client.get_executor(pure=False), size
    finally:
        client.close()


def _client(address: str) -> Any:
    try:
        from distributed import Client
    except ModuleNotFoundError as e:
        raise MissingDependencyError(
            "--cluster needs Dask: pip install 'speech_gesture_pkg[scale]' here and on the workers"
        ) from e
    try:
        return Client(address, timeout=CONNECT_S, set_as_default=False)
    except (OSError, ValueError, TimeoutError) as e:
        raise InputError(
            f"no Dask scheduler answers at {address!r} ({_line(e)}); start one with `dask scheduler`"
        ) from e


def _line(error: BaseException) -> str:
    return (str(error).strip().splitlines() or [type(error).__name__])[0].rstrip(".")
