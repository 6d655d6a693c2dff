"""Failures that are the machine's and not the code's: named, run again once, and counted against a budget.

A test of real processes in real time can fail because the machine did not let them run. That is measured, not guessed:
a thread of the test process wants to run every 10 ms (`Pulse`); a test that fails while it was held up for longer than
`HELD_UP_S` fails with an `InfrastructureError`, which alone is run again. Everything else fails at once: a race that
shows in one run of ten is a fault. More than `BUDGET` repetitions in a session fail the session.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Generator

import pytest

HELD_UP_S = 0.15
"""The shortest margins of the real-time tests are 0.1 s beyond what they measure of the machine themselves."""
BUDGET = 4
"""Repetitions that a session may need."""
TRANSPORT = ("Failed to create participant", "error creating socket", "Address already in use")
"""What DDS says when it does not get the ports or memory that it asks the machine for."""


class InfrastructureError(Exception):
    """The machine, not the code, made a test fail."""


class Pulse(threading.Thread):
    """Measures for how long this machine holds up a process that wants to run: what real-time tests may expect."""

    PERIOD = 0.01

    def __init__(self) -> None:
        super().__init__(daemon=True, name="pulse")
        self._late: list[tuple[float, float]] = []
        self._ended = threading.Event()

    def run(self) -> None:
        due = time.monotonic()
        while not self._ended.is_set():
            due = max(due + self.PERIOD, time.monotonic())
            time.sleep(max(due - time.monotonic(), 0.0))
            now = time.monotonic()
            self._late.append((now, now - due))

    def stall(self, since: float = 0.0) -> float:
        """Longest hold-up since a steady time, s."""
        return max((late for at, late in self._late if at >= since), default=0.0)

    def end(self) -> None:
        self._ended.set()
        self.join()


def mark_real_time(item: pytest.Item) -> None:
    """Mark a test of real processes in real time."""
    item.add_marker(pytest.mark.ros)
    item.add_marker(pytest.mark.flaky(reruns=1, reruns_delay=2, only_rerun=[InfrastructureError.__name__]))


def blamed(failure: BaseException, stall: float) -> InfrastructureError | None:
    """The failure as one of the machine, if it is one.

    Args:
        failure: what the test raised.
        stall: longest hold-up during the test, s.
    """
    words = next((w for w in TRANSPORT if w in str(failure)), None)
    if words is not None:
        return InfrastructureError(f"DDS: {words}")
    if stall > HELD_UP_S:
        first = (str(failure).splitlines() or [type(failure).__name__])[0]
        return InfrastructureError(f"the machine held processes up for {stall:.2f} s, and the test failed: {first}")
    return None


@pytest.hookimpl(wrapper=True)
def pytest_runtest_call(item: pytest.Item) -> Generator[None, object, object]:
    """Tell failures of the machine from those of the code."""
    if item.get_closest_marker("ros") is None:
        return (yield)
    pulse = Pulse()
    pulse.start()
    try:
        return (yield)
    except (Exception, pytest.fail.Exception) as failure:
        machine = blamed(failure, pulse.stall())
        if machine is None:
            raise
        raise machine from failure
    finally:
        pulse.end()


def pytest_sessionfinish(session: pytest.Session) -> None:
    """Fail a session that needed too many repetitions."""
    reporter = session.config.pluginmanager.get_plugin("terminalreporter")
    count = len(reporter.stats.get("rerun", [])) if reporter else 0
    if count > BUDGET and session.exitstatus == pytest.ExitCode.OK:
        reporter.line(f"{count} tests were run again for the machine's sake; {BUDGET} are allowed")
        session.exitstatus = pytest.ExitCode.TESTS_FAILED
