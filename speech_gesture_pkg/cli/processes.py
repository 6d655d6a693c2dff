"""Nodes as child processes: started, watched, stopped by their own id."""

from __future__ import annotations

import ctypes
import json
import os
import random
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from speech_gesture_pkg.errors import SpeechGestureError


def isolated_environment(log: Path) -> dict[str, str]:
    """Environment for a private ROS graph on this machine only, unless ROS_DOMAIN_ID is set already."""
    environment = dict(os.environ)
    environment.setdefault("ROS_DOMAIN_ID", str(random.randint(1, 101)))
    environment.setdefault("ROS_AUTOMATIC_DISCOVERY_RANGE", "LOCALHOST")
    # FastDDS can deadlock over shared memory when many processes start at once.
    environment.setdefault("FASTDDS_BUILTIN_TRANSPORTS", "UDPv4")
    environment["ROS_LOG_DIR"] = str(log.resolve())
    environment["PYTHONUNBUFFERED"] = "1"
    return environment


def _die_with_parent() -> None:
    """SIGINT when the parent ends, however it ends (Linux; PR_SET_PDEATHSIG is 1)."""
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(1, signal.SIGINT)


class NodeProcess:
    """One node of this package in a process of its own.

    It has a session of its own: Ctrl-C reaches the parent only, which then stops its nodes in the right order.

    Args:
        module: of `speech_gesture_pkg.ros`.
        parameters: ROS parameters; the key `--params-file` names a file.
        environment: of the process.
    """

    def __init__(self, module: str, parameters: dict[str, Any], environment: dict[str, str]) -> None:
        self.module = module
        self._log = tempfile.TemporaryFile(mode="w+", prefix=f"{module}_")  # noqa: SIM115 - lives as long as the process
        command = [sys.executable, "-m", f"speech_gesture_pkg.ros.{module}", "--ros-args"]
        for name, value in parameters.items():
            command += [name, str(value)] if name.startswith("--") else ["-p", f"{name}:={yaml_value(value)}"]
        self._process = subprocess.Popen(
            command,
            env=environment,
            stdout=self._log,
            stderr=subprocess.STDOUT,
            stdin=subprocess.DEVNULL,
            start_new_session=True,
            preexec_fn=_die_with_parent,
        )

    @property
    def code(self) -> int | None:
        """Exit code, None while it runs."""
        return self._process.poll()

    @property
    def pid(self) -> int:
        """Process id."""
        return self._process.pid

    def running(self) -> bool:
        """Whether it still runs."""
        return self.code is None

    def output(self) -> str:
        """What it has printed so far."""
        self._log.flush()
        with open(f"/proc/self/fd/{self._log.fileno()}", encoding="utf-8", errors="replace") as file:
            return file.read()

    def check(self) -> None:
        """Raise SpeechGestureError with its last words if it has died with an error."""
        if self.code not in (None, 0):
            error = SpeechGestureError(f"{self.module} ended with code {self.code}: {self.last_words()}")
            error.exit_code = self.code if self.code and self.code > 0 else 1
            raise error

    def last_words(self) -> str:
        """The last warning or error that it has printed, without level, time and name."""
        lines = [line for line in self.output().splitlines() if line.strip()]
        bad = [line for line in lines if any(level in line for level in ("[WARN]", "[ERROR]", "[FATAL]"))]
        return (bad or lines or ["it said nothing"])[-1].split("]: ", 1)[-1]

    def wait_for(self, text: str, timeout: float, others: Iterable[NodeProcess] = ()) -> None:
        """Wait until it has printed `text`. Raises SpeechGestureError if it or one of `others` dies, or if it takes too
        long."""
        deadline = time.monotonic() + timeout
        while text not in self.output():
            for process in (*others, self):
                process.check()
            if time.monotonic() > deadline:
                raise SpeechGestureError(f"{self.module} was not ready within {timeout:g} s: {self.last_words()}")
            time.sleep(0.05)

    def stop(self, timeout: float = 5.0) -> None:
        """SIGINT, and SIGKILL after `timeout` seconds."""
        if self.running():
            self._process.send_signal(signal.SIGINT)
            try:
                self._process.wait(timeout)
            except subprocess.TimeoutExpired:
                self._process.kill()
                self._process.wait()


def stop_all(processes: list[NodeProcess]) -> None:
    """Stop in reverse order, the recorder last so that it sees the others end."""
    for process in sorted(reversed(processes), key=lambda p: p.module == "recorder"):
        process.stop()


def yaml_value(value: Any) -> str:
    """A Python value as ROS command-line YAML (a JSON string is a YAML string)."""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, (list, tuple)):
        return "[" + ", ".join(yaml_value(v) for v in value) + "]"
    return json.dumps(value, ensure_ascii=False) if isinstance(value, str) else str(value)
