"""Text from outside (names in a URDF, diagnostics, file names, messages) where it meets a log, HTML, Markdown or CSV.

Whatever others wrote is content there, never structure: it cannot begin a new log line, open a tag, or be a formula.
"""

from __future__ import annotations

import html
import re

LONGEST = 300
"""Characters of a name or value that are shown."""
LONGEST_SENTENCE = 20_000
"""Characters of a whole sentence (it may list the joints of a robot)."""

_MARKUP = re.compile(r"[!-/:-@\[-`{-~]")
_FORMULA = ("=", "+", "-", "@")


def one_line(text: object, most: int = LONGEST) -> str:
    r"""`text` as one line of printable characters: a line break becomes the two characters \n, and so on.

    Control characters, escape sequences of terminals, and marks that turn the direction of writing round are written
    out, too.

    Args:
        text: of any origin.
        most: longer text is cut, and ends in "...".
    """
    line = str(text)
    if len(line) > most:
        line = line[: max(most - 3, 0)] + "..."
    if line.isprintable():
        return line
    return "".join(c if c.isprintable() else " " if c.isspace() and c not in _BREAKS else _written(c) for c in line)


_BREAKS = frozenset("\n\r\t\v\f\x1c\x1d\x1e\x1f\x85\u2028\u2029")


def _written(character: str) -> str:
    return character.encode("unicode_escape").decode("ascii")


def as_html(text: object) -> str:
    """`text` for HTML, also between the quotes of an attribute."""
    return html.escape(str(text), quote=True)


def as_markdown(text: object, most: int = LONGEST) -> str:
    """One line of plain text for Markdown (CommonMark, GFM) that may hold HTML.

    Every ASCII punctuation mark becomes a numeric character reference: those are never structure (CommonMark 0.31,
    section 2.5), so that no emphasis, table cell, link, picture or tag can come of it.
    """
    return _MARKUP.sub(lambda mark: f"&#{ord(mark[0])};", one_line(text, most))


def csv_cell(value: object) -> object:
    """`value` for a cell of a CSV file: text that a spreadsheet would take for a formula gets an apostrophe in front.

    Numbers stay numbers, also those that are written as text ("-0.5"). As advised by OWASP ("CSV Injection").
    """
    if not isinstance(value, str):
        return value
    if value.lstrip().startswith(_FORMULA) or value[:1] in ("\t", "\r", "\n"):
        try:
            float(value)
        except ValueError:
            return "'" + value
    return value
