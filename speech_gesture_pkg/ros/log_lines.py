"""One line of the log for each message of a node: names in it may come from others on the graph."""

from __future__ import annotations

import os
from typing import Any

from speech_gesture_pkg.outside_text import LONGEST_SENTENCE, one_line


def log_one_line_each() -> None:
    """Let rclpy's loggers write out line breaks and control characters.

    Here, and not where messages are made: none can be forgotten. Does nothing without rclpy, or when called again.
    """
    try:
        from rclpy.impl import rcutils_logger
    except ImportError:
        return
    logger: Any = rcutils_logger.RcutilsLogger
    plain = logger.log
    if getattr(plain, "one_line", False):
        return

    def log(self: Any, message: Any, *args: Any, **options: Any) -> Any:
        return plain(self, one_line(message, LONGEST_SENTENCE), *args, **options)

    log.one_line = True  # type: ignore[attr-defined]
    logger.log = log
    # rclpy says where in the code a message comes from; this is not the place.
    callers = getattr(rcutils_logger, "_internal_callers", None)
    if isinstance(callers, list):
        callers.append(os.path.realpath(__file__))
