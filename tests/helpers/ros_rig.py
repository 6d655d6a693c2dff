"""Real ROS 2 for tests: a domain of their own, subprocesses that always end, polling with deadlines."""

from __future__ import annotations

import fcntl
import os
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import pytest
from infrastructure import Pulse

ROOT = Path(__file__).resolve().parents[2]
DOMAINS = 100  # ids above 101 use ports from Linux's ephemeral range
PATIENCE = 4.0
"""Deadlines are written for a machine that has time for the test; a busy one gets so many times as much. A test that
passes ends when its condition is met, so that this costs nothing."""


def _own_domain() -> tuple[int, Any]:
    """A ROS domain id that no other test process on this machine holds, and the lock that says so."""
    for offset in range(DOMAINS):
        domain = 1 + (os.getpid() + offset) % DOMAINS
        lock = open(Path(tempfile.gettempdir()) / f"speech_gesture_test_domain_{domain}.lock", "w")  # noqa: SIM115
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            lock.close()
            continue
        return domain, lock
    raise RuntimeError("all ROS domains for tests are taken; end other test runs")


_DOMAIN, _LOCK = _own_domain()
os.environ["ROS_DOMAIN_ID"] = str(_DOMAIN)
os.environ["ROS_AUTOMATIC_DISCOVERY_RANGE"] = "LOCALHOST"
# FastDDS can deadlock over shared memory when many processes start at once (a node that never gets past its creation).
os.environ["FASTDDS_BUILTIN_TRANSPORTS"] = "UDPv4"
os.environ.setdefault("ROS_LOG_DIR", tempfile.mkdtemp(prefix="speech_gesture_ros_log_"))


def poll(condition: Callable[[], Any], timeout: float = 10.0, step: Callable[[], None] | None = None) -> Any:
    """The first true value of `condition` within `timeout` seconds (times PATIENCE); fails the test otherwise."""
    deadline = time.monotonic() + PATIENCE * timeout
    while True:
        value = condition()
        if value:
            return value
        if time.monotonic() > deadline:
            pytest.fail(f"condition not met within {PATIENCE * timeout} s")
        if step is None:
            time.sleep(0.01)
        else:
            step()


@pytest.fixture
def pulse() -> Iterator[Pulse]:
    """How busy the machine is during the test."""
    made = Pulse()
    made.start()
    yield made
    made.end()


class Probe:
    """A node of the test process with an executor that spins while it waits."""

    def __init__(self) -> None:
        import rclpy
        from rclpy.executors import SingleThreadedExecutor

        self.context = rclpy.Context()
        rclpy.init(context=self.context)
        self.node = rclpy.create_node("probe", context=self.context)
        self._executor = SingleThreadedExecutor(context=self.context)
        self._executor.add_node(self.node)
        self.at_close: list[Callable[[], None]] = []

    def wait(self, condition: Callable[[], Any], timeout: float = 10.0) -> Any:
        """As `poll`, with callbacks running."""
        return poll(condition, timeout, lambda: self._executor.spin_once(timeout_sec=0.02))

    def say(self, publisher: Any, messages: Sequence[Any], condition: Callable[[], Any], timeout: float = 10.0) -> int:
        """Publish messages, again every 0.5 s until the condition holds: a subscriber that was just found may not know
        its publisher yet, and drops what comes. Returns how often they were published.
        """
        said: list[float] = []

        def met() -> Any:
            if not said or time.monotonic() > said[-1] + 0.5:
                said.append(time.monotonic())
                for message in messages:
                    publisher.publish(message)
            return condition()

        self.wait(met, timeout)
        return len(said)

    def collect(self, kind: Any, topic: str, qos: Any = 100, raw: bool = False) -> list[Any]:
        """A list that fills with the messages of a topic; `raw`: serialized, for many large ones."""
        got: list[Any] = []
        self.node.create_subscription(kind, topic, got.append, qos, raw=raw)
        return got

    def call(self, kind: Any, name: str, request: Any, timeout: float = 10.0, again: float = float("inf")) -> Any:
        """The response of a service, asked again after so many seconds: a server that does not know its client yet
        answers to nobody.
        """
        client = self.node.create_client(kind, name)
        self.wait(client.service_is_ready, timeout)
        asked: list[tuple[float, Any]] = []

        def answered() -> Any:
            if not asked or time.monotonic() - asked[-1][0] > again:
                asked.append((time.monotonic(), client.call_async(request)))
            return next((future for _, future in asked if future.done()), None)

        return self.wait(answered, timeout).result()

    def close(self) -> None:
        for job in self.at_close:
            job()
        self._executor.shutdown()
        self.node.destroy_node()
        self.context.try_shutdown()


class Process:
    """A node in a process of its own: `module` of the package's nodes, or a script (a path)."""

    def __init__(self, module: str, params: dict[str, Any], folder: Path, arguments: tuple[str, ...] = ()) -> None:
        self.log = folder / f"{Path(module).stem}_{time.monotonic_ns()}.log"
        what = [module] if module.endswith(".py") else ["-m", f"speech_gesture_pkg.ros.{module}"]
        command = [sys.executable, *what, "--ros-args", *arguments]
        for name, value in params.items():
            command += ["-p", f"{name}:={value}"]
        with self.log.open("w") as out:
            self.process = subprocess.Popen(command, cwd=ROOT, stdout=out, stderr=subprocess.STDOUT)

    @property
    def output(self) -> str:
        return self.log.read_text()

    def stop(self, number: int = signal.SIGINT, timeout: float = 10.0) -> int:
        """Send a signal and give the exit code."""
        if self.process.poll() is None:
            self.process.send_signal(number)
        return self.wait(timeout)

    def wait(self, timeout: float = 15.0) -> int:
        """The exit code, once it ended by itself."""
        try:
            return self.process.wait(PATIENCE * timeout)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
            pytest.fail(f"the process did not end within {PATIENCE * timeout} s:\n{self.output}")


@pytest.fixture
def probe() -> Iterator[Probe]:
    pytest.importorskip("rclpy", reason="rclpy is not installed; install the extra `ros`")
    made = Probe()
    yield made
    made.close()


def end_all(running: Sequence[Any]) -> None:
    """Kill what still runs of things that have a `process`."""
    for each in running:
        if each.process.poll() is None:
            each.process.kill()
            each.process.wait()


@pytest.fixture
def start(tmp_path: Path) -> Iterator[Callable[..., Process]]:
    """Starts node processes and ends them after the test."""
    pytest.importorskip("rclpy", reason="rclpy is not installed; install the extra `ros`")
    running: list[Process] = []

    def launch(module: str, *arguments: str, **params: Any) -> Process:
        """Parameter names with `__` for `.`."""
        named = {k.replace("__", "."): v for k, v in params.items()}
        running.append(Process(module, named, tmp_path, arguments))
        return running[-1]

    yield launch
    end_all(running)
