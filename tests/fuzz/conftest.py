"""Fuzzing: `python -m pytest tests/fuzz --fuzz-count 100000` feeds so many spoilt inputs to every reader.

Input number i of a kind is made from `random.Random(f"{seed}/{kind}/{i}")`, so a finding is repeated by its number:
`--fuzz-first 4711 --fuzz-count 1 -k kind`. The seed is stored here; `--fuzz-seed` tries others.
"""

from __future__ import annotations

import os
import random
import resource
import signal
import tempfile
import traceback
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from speech_gesture_pkg.errors import SpeechGestureError

COUNT, SEED = 100, 20261121
HANG_CPU_S = 10.0
"""Processor time that one input may take, s."""
MOST_MEMORY_MB = 1500.0
"""Memory that all inputs of a kind may add to the process."""
SHOWN = 5


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--fuzz-count", type=int, default=COUNT, help="inputs of each kind")
    parser.addoption("--fuzz-first", type=int, default=0, help="number of the first input")
    parser.addoption("--fuzz-seed", type=int, default=SEED)


class Hang(BaseException):
    """One input took too long."""


class Fuzz:
    """Runs inputs of one kind through a reader. What it finds is told with the numbers of the inputs."""

    def __init__(self, config: pytest.Config, folder: Path) -> None:
        option = lambda name, default: config.getoption(name, default)  # noqa: E731 - absent unless tests/fuzz is named
        self.first, self.count = option("--fuzz-first", 0), option("--fuzz-count", COUNT)
        self.seed, self.folder = option("--fuzz-seed", SEED), folder
        self.outcomes: Counter[str] = Counter()

    def run(self, kind: str, make: Callable[[random.Random], Any], use: Callable[[Any], None]) -> None:
        """Make inputs and use them.

        Args:
            kind: of input.
            make: an input from random numbers.
            use: reads it, checks what it gets, and raises SpeechGestureError for what is not right.
        """
        found: list[str] = []
        told: set[str] = set()
        limits = resource.getrlimit(resource.RLIMIT_AS)
        here = int(Path("/proc/self/statm").read_text().split()[0]) * resource.getpagesize()
        resource.setrlimit(resource.RLIMIT_AS, (here + round(MOST_MEMORY_MB * 2**20), limits[1]))
        before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
        last = self.folder / f"{kind}.last"
        old = signal.signal(signal.SIGPROF, _hang)
        with last.open("wb", buffering=0) as note:
            for i in range(self.first, self.first + self.count):
                os.pwrite(note.fileno(), b"%12d" % i, 0)  # where it was if it ends the process
                rng = random.Random(f"{self.seed}/{kind}/{i}")
                given = make(rng)
                signal.setitimer(signal.ITIMER_PROF, HANG_CPU_S)
                try:
                    use(given)
                    self.outcomes["taken"] += 1
                except SpeechGestureError as e:
                    self.outcomes[type(e).__name__] += 1
                    if not str(e).strip() or "\n" in str(e) or len(str(e)) > 20_000:
                        found.append(f"{kind} {i}: no sentence: {str(e)[:300]!r}")
                except (Exception, Hang) as e:
                    where = "".join(traceback.format_tb(e.__traceback__)[-3:])
                    found.append(f"{kind} {i}: {type(e).__name__}: {str(e)[:300]}\n{where}")
                finally:
                    signal.setitimer(signal.ITIMER_PROF, 0)
                for text in found[-1:]:
                    if (place := _place(text)) not in told:
                        told.add(place)
                        print(text, flush=True)
                if len(found) >= 200:
                    break
        signal.signal(signal.SIGPROF, old)
        resource.setrlimit(resource.RLIMIT_AS, limits)
        grown = (resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) / 1024.0
        print(f"{kind}: {sum(self.outcomes.values())} inputs, {dict(self.outcomes)}, +{grown:.0f} MB", flush=True)
        assert not found, f"{len(found)} findings\n" + "\n".join(_different(found))
        assert grown < MOST_MEMORY_MB, f"{kind}: memory grew by {grown:.0f} MB"


def _hang(number: int, frame: Any) -> None:
    raise Hang


def _different(found: list[str]) -> list[str]:
    """One example of each place."""
    return list({_place(f): f for f in reversed(found)}.values())[:SHOWN]


def _place(found: str) -> str:
    return found.partition("\n")[2] or found.partition(": ")[2][:40]


@pytest.fixture
def fuzz(request: pytest.FixtureRequest):
    """Runs inputs."""
    with tempfile.TemporaryDirectory(prefix="fuzz_", dir="/dev/shm" if Path("/dev/shm").is_dir() else None) as folder:
        yield Fuzz(request.config, Path(folder))
