"""Running a node as a process: signals, one-sentence errors and exit codes in one place."""

from __future__ import annotations

import os
import signal
import sys
import tempfile
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import rclpy
from rclpy.executors import ExternalShutdownException, SingleThreadedExecutor
from rclpy.logging import get_logger
from rclpy.node import Node
from rclpy.signals import SignalHandlerOptions

from speech_gesture_pkg.errors import ConfigError, SpeechGestureError

WAKE_S = 0.1
"""A signal is noticed within this time even if nothing else happens."""


class Done(Exception):  # noqa: N818 - it is no error
    """Raised inside a callback to end the process with an exit code."""

    def __init__(self, exit_code: int = 0) -> None:
        super().__init__()
        self.exit_code = exit_code


class StopFlag:
    """Set by SIGINT and SIGTERM while entered. Unlike with rclpy's own handlers the context stays valid, so that a
    node can still publish and log on its way out. A second signal ends the process the hard way."""

    def __init__(self) -> None:
        self.set = False
        self._old: dict[int, Any] = {}

    def __enter__(self) -> StopFlag:
        self._old = {n: signal.signal(n, self._on_signal) for n in (signal.SIGINT, signal.SIGTERM)}
        return self

    def __exit__(self, *_: object) -> None:
        for number, handler in self._old.items():
            signal.signal(number, handler)

    def _on_signal(self, number: int, _: Any) -> None:
        if self.set:
            signal.signal(number, signal.SIG_DFL)
            signal.raise_signal(number)
        self.set = True


def init(args: Sequence[str] | None = None) -> None:
    """`rclpy.init` without its signal handlers (see `StopFlag`). Raises ConfigError for a malformed command line."""
    arguments = list(sys.argv if args is None else args)
    moved = _log_elsewhere()
    try:
        rclpy.init(args=arguments, signal_handler_options=SignalHandlerOptions.NO)
    except UnicodeEncodeError as e:
        text = os.fsencode(e.object).decode("utf-8", "backslashreplace")
        raise ConfigError(f"the ROS argument {text!r} needs a UTF-8 locale, e.g. LANG=C.UTF-8") from e
    except RuntimeError as e:  # rcl's errors derive from it
        reason = str(e).split(", at ")[0].removeprefix("failed to initialize rcl: ")
        raise ConfigError(f"the ROS arguments cannot be used: {reason}") from e
    if moved:
        get_logger("speech_gesture").warning(moved)


def _log_elsewhere() -> str:
    """Without a folder that can be written for its log files ROS does not start: then it gets a temporary one.

    Returns a sentence about that, '' if all is well. Raises ConfigError if there is no temporary folder either.
    """
    named = next((n for n in ("ROS_LOG_DIR", "ROS_HOME", "HOME") if os.environ.get(n)), "")
    folder = Path(os.environ.get(named, "")) / {"ROS_HOME": "log", "HOME": ".ros/log"}.get(named, "")
    why = "neither HOME nor ROS_LOG_DIR is set"
    try:
        if named:
            folder.mkdir(parents=True, exist_ok=True)
            with tempfile.TemporaryFile(dir=folder):
                return ""
    except OSError as e:
        why = f"{folder} cannot be written ({e.strerror})"
    try:
        os.environ["ROS_LOG_DIR"] = tempfile.mkdtemp(prefix="ros_log_")
    except OSError as e:
        raise ConfigError(f"ROS has no folder for its log files ({why}); set ROS_LOG_DIR to one") from e
    return f"{why}: log files go to {os.environ['ROS_LOG_DIR']}"


def run(make: Callable[[], Node], args: Sequence[str] | None = None) -> int:
    """Make a node, spin it until SIGINT, SIGTERM or `Done`, clean up, and return the exit code.

    Args:
        make: builds the node. It may have a `nodes` attribute (more nodes to spin with it) and a `close()` method,
            which is called before the node is destroyed, with the context still valid. A `step()` method is called
            between callbacks, to do what is due and say in how many seconds it wants to be called again. An attribute
            `interrupted` becomes a function that says whether a signal has come.
        args: command line, as for `rclpy.init`.
    """
    node: Any = None
    try:
        init(args)
        with StopFlag() as stop:
            node = make()
            if hasattr(node, "interrupted"):
                node.interrupted = lambda: stop.set
            executor = SingleThreadedExecutor()
            for each in (node, *getattr(node, "nodes", ())):
                executor.add_node(each)
            step = getattr(node, "step", None)
            while not stop.set and rclpy.ok():
                executor.spin_once(timeout_sec=min(step(), WAKE_S) if step else WAKE_S)
        return 0
    except ExternalShutdownException:
        return 0
    except Done as e:
        return e.exit_code
    except SpeechGestureError as e:
        get_logger(node.get_name() if node else "speech_gesture_pkg").fatal(str(e))
        return e.exit_code
    finally:
        close(node)


def close(node: Any) -> None:
    """Close and destroy a node with its companions, and shut rclpy down."""
    if node is not None:
        if hasattr(node, "close"):
            node.close()
        for each in (*getattr(node, "nodes", ()), node):
            each.destroy_node()
    rclpy.try_shutdown()
