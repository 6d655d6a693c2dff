"""URDF files and texts for the independent checker: read by other means than `robot/urdf.py`.

The second reader is on purpose: a limit that the product misread would be misread by a checker that shared its code,
and every motion beyond the limit would pass.

urdfdom, which ROS and Pinocchio read URDFs by, forgives much: namespaces, prefixes that nobody declares, bytes that are
no UTF-8, comments before the declaration. What it takes, the checker must be able to check.
"""

from __future__ import annotations

import re
from pathlib import Path
from xml.dom.expatbuilder import parseString
from xml.dom.minidom import Element
from xml.parsers.expat import ExpatError

from speech_gesture_pkg.errors import RobotError


def urdf_text(path: str | Path) -> str:
    """A URDF file as text. Raises RobotError."""
    try:
        data = Path(path).read_bytes()
    except OSError as e:
        raise RobotError(f"URDF file {path} cannot be read: {e.strerror or e}") from e
    try:
        return plain(data.decode("utf-8"))
    except UnicodeDecodeError:
        return plain(data.decode("latin-1"))


def plain(text: str) -> str:
    """The text from its first element on, without comments, control characters and bare "&"."""
    for begin, end in (("<!--", "-->"), ("<?", "?>")):
        first, *others = text.split(begin)
        text = first + "".join(other.partition(end)[2] for other in others)
    text = re.sub(r"[\0-\x08\x0b\x0c\x0e-\x1f]", " ", text)
    text = re.sub(r"&(?!(amp|lt|gt|quot|apos|#\w+);)", "&amp;", text)
    return text[max(text.find("<"), 0) :].rstrip()


def urdf_joints(text: str) -> list[Element]:
    """All <joint> elements of a URDF. Raises RobotError for what is not XML."""
    try:
        return list(parseString(plain(text), namespaces=False).getElementsByTagName("joint"))
    except (ExpatError, ValueError) as e:
        raise RobotError(f"the URDF cannot be read: {e}") from e


def child(element: Element, tag: str) -> Element | None:
    """The first child element of that name; None without one."""
    return next((n for n in element.childNodes if isinstance(n, Element) and n.tagName == tag), None)


def attribute(element: Element, key: str, default: float) -> float:
    """An attribute as a number; `default` where it is absent."""
    return float(element.getAttribute(key)) if element.hasAttribute(key) else default
