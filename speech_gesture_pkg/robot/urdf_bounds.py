"""How large a URDF may be, and what names in it may look like."""

from __future__ import annotations

from collections.abc import Iterable

from speech_gesture_pkg.errors import RobotError
from speech_gesture_pkg.outside_text import LONGEST, one_line

MOST_LINKS = 2000
"""Links that are read, ten times those of the largest humanoid: some of the work grows with the square."""
MOST_MOVING = 500
"""Joints that can move."""
MOST_CHARACTERS = 16 << 20
"""Longest URDF text."""


def check_length(text: str, name: str) -> None:
    """Raise RobotError for a URDF text that is too long to be one."""
    if len(text) > MOST_CHARACTERS:
        raise RobotError(f"URDF {name} has {len(text)} characters; at most {MOST_CHARACTERS} are read")


def check_counts(links: int, moving: int, name: str) -> None:
    """Raise RobotError for more links or moving joints than are served."""
    if links > MOST_LINKS:
        raise RobotError(f"URDF {name} has {links} links; at most {MOST_LINKS} are served")
    if moving > MOST_MOVING:
        raise RobotError(f"URDF {name} has {moving} joints that can move; at most {MOST_MOVING} are served")


def check_names(names: Iterable[str], what: str, name: str) -> None:
    """Raise RobotError for a name with line breaks or control characters in it, or of more than `LONGEST` characters.

    Names stand in logs, diagnostics, tables and file names.
    """
    for found in names:
        if not found.isprintable() or len(found) > LONGEST:
            raise RobotError(
                f"URDF {name} has a {what} named '{one_line(found, 60)}'; a name must be printable, on one line, and "
                f"at most {LONGEST} characters long"
            )
