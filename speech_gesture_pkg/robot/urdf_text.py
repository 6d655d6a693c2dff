"""URDF files and texts in every dialect that ROS's own reader takes, as one plain element tree.

ROS reads URDFs by urdfdom on tinyxml2, which knows neither namespaces nor encodings and forgives much that is not
well-formed. So robots in the field have default namespaces, prefixes that nobody declares, blank lines or comments
before the declaration, "--" inside comments, a bare "&" in a path, and accents in ISO-8859-1.
"""

from __future__ import annotations

import re
import xml.etree.ElementTree as ET
from pathlib import Path
from xml.parsers import expat

from speech_gesture_pkg.errors import RobotError

_BLANK = re.compile(r"\A[\s\ufeff]+")
_BARE_AMPERSAND = re.compile(r"&(?!(?:amp|lt|gt|quot|apos|#[0-9]+|#x[0-9A-Fa-f]+);)")
_CONTROL = re.compile(r"[\x01-\x08\x0b\x0c\x0e-\x1f]")
_DECLARED = re.compile(rb"""<\?xml\b[^>]*?\bencoding\s*=\s*["']([A-Za-z0-9._-]+)["']""")


def read_urdf_text(path: str | Path) -> str:
    """The text of a URDF file in UTF-8, in the encoding that it declares, or in ISO-8859-1.

    UTF-8 is tried first, whatever is declared: accents of another encoding are hardly ever valid UTF-8.

    Raises:
        RobotError: no such file, not readable, or no text.
    """
    try:
        data = Path(path).read_bytes()
    except FileNotFoundError as e:
        raise RobotError(f"URDF file {path} does not exist") from e
    except (OSError, ValueError) as e:
        raise RobotError(f"URDF file {path} cannot be read: {getattr(e, 'strerror', None) or e}") from e
    if b"\0" in data.rstrip(b"\0"):
        raise RobotError(f"URDF file {path} cannot be read: it holds zero bytes; save it as text in UTF-8")
    declared = _DECLARED.search(data[:1000])
    for encoding in ("utf-8", declared[1].decode("ascii") if declared else "", "iso-8859-1"):
        try:
            return data.decode(encoding).replace("\r\n", "\n")
        except (UnicodeDecodeError, LookupError):
            continue
    raise AssertionError("every byte is a character of ISO-8859-1")


def urdf_root(text: str, name: str) -> ET.Element:
    """The <robot> of a URDF; prefixes stay in tags ("xacro:include"), namespaces and comments are dropped.

    Args:
        text: the XML.
        name: what to call it in messages (a path, or "robot_description").

    Raises:
        RobotError: empty, not XML, or another kind of file.
    """
    plain = _plain(text)
    if not plain:
        raise RobotError(f"URDF {name} is empty; give the XML of a robot")
    builder = ET.TreeBuilder()
    parser = expat.ParserCreate()  # without a separator: names are taken as they are written, as tinyxml2 does
    parser.buffer_text = True
    parser.StartElementHandler, parser.EndElementHandler = builder.start, builder.end
    parser.CharacterDataHandler = builder.data
    try:
        parser.Parse(plain.encode("utf-8", "replace"), True)
        root = builder.close()
    except (expat.ExpatError, ValueError) as e:
        raise RobotError(f"URDF {name} is not well-formed XML ({e}); is the file cut off?") from e
    if root.tag != "robot":
        raise RobotError(f"URDF {name} starts with <{root.tag}>; a URDF starts with <robot> (expand xacro files first)")
    return root


def unexpanded(root: ET.Element) -> str:
    """Name of the first xacro element that is left, such as "include"; empty if there is none."""
    prefixes = {"xacro"} | {
        key.partition(":")[2] for key, value in root.attrib.items() if key.startswith("xmlns:") and "xacro" in value
    }
    tags = (str(element.tag).partition(":") for element in root.iter())
    return next((rest for prefix, colon, rest in tags if colon and prefix in prefixes), "")


def _plain(text: str) -> str:
    """What is left of a text without everything that only tinyxml2 forgives; lines keep their numbers."""
    text = _BLANK.sub(lambda found: "\n" * found[0].count("\n"), text.rstrip("\0"))
    text = _without(_without(text, "<!--", "-->"), "<?xml", "?>")
    return "" if not text.strip() else _CONTROL.sub(" ", _BARE_AMPERSAND.sub("&amp;", text))


def _without(text: str, begin: str, end: str) -> str:
    """The text with line breaks in place of everything from `begin` to `end`; in linear time, whatever it holds."""
    kept, position = [], 0
    while (start := text.find(begin, position)) >= 0 and (stop := text.find(end, start + len(begin))) >= 0:
        kept += [text[position:start], "\n" * text.count("\n", start, stop)]
        position = stop + len(end)
    return "".join(kept) + text[position:]
