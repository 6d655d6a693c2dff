"""Nodes as child processes: started, watched, stopped by their own id."""

from __future__ import annotations

import os
import random
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

from speech_gesture_pkg.errors import SpeechGestureError


def isolated_environment(log: Path) -> dict[str, str]:
    """Environment for a private ROS graph on this machine only, unless ROS_DOMAIN_ID is set already."""
    environment = dict(os.environ)
    environment.setdefault("ROS_DOMAIN_ID", str(random.randint(1, 101)))
    environment.setdefault("ROS_AUTOMATIC_DISCOVERY_RANGE", "LOCALHOST")
    environment["ROS_LOG_DIR"] = str(log.resolve())
    environment["PYTHONUNBUFFERED"] = "1"
    return environment


class NodeProcess:
    """One node of this package in a process of its own.

    Args:
        module: of `speech_gesture_pkg.nodes`.
        parameters: ROS parameters; the key `--params-file` names a file.
        environment: of the process.
    """

    def __init__(self, module: str, parameters: dict[str, Any], environment: dict[str, str]) -> None:
        self.module = module
        self._log = tempfile.TemporaryFile(mode="w+", prefix=f"{module}_")  # noqa: SIM115 - lives as long as the process
        command = [sys.executable, "-m", f"speech_gesture_pkg.nodes.{module}", "--ros-args"]
        for name, value in parameters.items():
            command += [name, str(value)] if name.startswith("--") else ["-p", f"{name}:={yaml_value(value)}"]
        self._process = subprocess.Popen(
            command, env=environment, stdout=self._log, stderr=subprocess.STDOUT, stdin=subprocess.DEVNULL
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
            lines = [line for line in self.output().splitlines() if line.strip()]
            told = next((x for x in reversed(lines) if "[ERROR]" in x or "[FATAL]" in x), lines[-1] if lines else "")
            told = told.split("]: ", 1)[-1]
            error = SpeechGestureError(f"{self.module} ended with code {self.code}: {told}")
            error.exit_code = self.code if self.code and self.code > 0 else 1
            raise error

    def wait_for(self, text: str, timeout: float) -> None:
        """Wait until it has printed `text`. Raises SpeechGestureError if it dies or takes too long."""
        deadline = time.monotonic() + timeout
        while text not in self.output():
            self.check()
            if time.monotonic() > deadline:
                raise SpeechGestureError(f"{self.module} was not ready within {timeout:g} s: {self.output()[-400:]}")
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
    """A Python value as ROS command-line YAML."""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, (list, tuple)):
        return "[" + ", ".join(f'"{v}"' if isinstance(v, str) else yaml_value(v) for v in value) + "]"
    return f'"{value}"' if isinstance(value, str) and not _plain(value) else str(value)


def _plain(text: str) -> bool:
    """Whether YAML reads the text as the same string, or as the number or flag that was meant on the command line."""
    return bool(text) and not any(c in text for c in "{}[],&*#?|-<>=!%@:\"' ")
