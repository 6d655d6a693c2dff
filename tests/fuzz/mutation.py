"""Valid inputs, spoilt: bytes, text with numbers, trees."""

from __future__ import annotations

import random
import re
import struct
from collections.abc import Sequence
from typing import Any

NUMBERS = (
    *("nan", "inf", "-inf", "1e308", "-1e308", "1e-320", "0", "-0", "-1", "1e30", "99999999999999999999", "1e5"),
    *("", "abc", "0x10", "1e", "1_000", "١", "true", "null", "0.0.0", "-", "1 2 3 4 5 6 7 8 9"),
)
STRANGE = (
    *(None, True, False, 0, -1, 1, 2**31, 2**63, 2**70, -(2**63), 1e308, float("nan"), float("inf"), -float("inf"), ""),
    *("x", "\x00", "../../etc/passwd", "/", "ä" * 50, [], {}, [[]], [None], {"a": {}}, [float("nan")] * 3, b"\xff"),
)
_NUMBER = re.compile(r"[-+]?\d+\.?\d*(?:[eE][-+]?\d+)?")
_EDGES = (0, 1, 0x7F, 0x80, 0xFF, 0x7FFF, 0x8000, 0xFFFF, 0x7FFFFFFF, 0x80000000, 0xFFFFFFFF, 2**63 - 1, 2**64 - 1)


def spoilt_bytes(rng: random.Random, samples: Sequence[bytes], most: int = 6) -> bytes:
    """One of the samples with some bits, bytes, lengths or parts changed."""
    data = bytearray(rng.choice(samples))
    for _ in range(rng.randint(1, most)):
        size = len(data)
        if not size:
            return bytes(data)
        at = rng.randrange(size)
        what = rng.randrange(10)
        if what <= 2:
            data[at] ^= 1 << rng.randrange(8)
        elif what == 3:
            data[at] = rng.choice((0, 0xFF, 0x7F, 0x80, 0x20, rng.randrange(256)))
        elif what == 4:
            del data[at : at + rng.choice((1, 2, 4, 16, size))]
        elif what == 5:
            data[at:at] = data[at : at + rng.choice((1, 4, 64))]
        elif what == 6:
            data[at:at] = rng.randbytes(rng.choice((1, 2, 4, 32)))
        elif what == 7:
            width = rng.choice((2, 4, 8))
            edge = rng.choice(_EDGES) & (256**width - 1)
            data[at : at + width] = edge.to_bytes(width, rng.choice(("little", "big")))
        elif what == 8:
            other = rng.choice(samples)
            there = rng.randrange(len(other) + 1)
            data[at:] = other[there:]
        else:
            data[at : at + 8] = struct.pack("<d", rng.choice((float("nan"), float("inf"), 1e308, -1.0, 0.0)))
    return bytes(data)


def spoilt_text(rng: random.Random, text: str, tokens: Sequence[str] = (), most: int = 4) -> str:
    """Text with numbers replaced, lines moved, doubled or lost, characters or tokens put in."""
    for _ in range(rng.randint(1, most)):
        what = rng.randrange(8)
        at = rng.randrange(len(text) + 1)
        if what <= 2:
            text = _other_number(rng, text)
        elif what == 3:
            text = _other_lines(rng, text)
        elif what == 4:
            text = text[:at] + text[at + rng.choice((1, 3, 20)) :]
        elif what == 5 and tokens:
            text = text[:at] + rng.choice(tokens) + text[at:]
        elif what == 6 and tokens:
            old = rng.choice(tokens)
            text = text.replace(old, rng.choice(tokens), rng.choice((1, -1)))
        else:
            odd = (
                "\x00",
                "\ufeff",
                "<",
                ">",
                "&",
                "&a;",
                '"',
                "{",
                "]",
                "\t",
                ":",
                "- ",
                "#",
                "\u2028",
                "𝟙",
                "%",
                "*a",
                "!",
            )
            text = text[:at] + rng.choice(odd) + text[at:]
    return text


def _other_number(rng: random.Random, text: str) -> str:
    found = list(_NUMBER.finditer(text))
    if not found:
        return text
    match = rng.choice(found)
    new = rng.choice(NUMBERS) if rng.random() < 0.8 else str(rng.uniform(-1e6, 1e6))
    return text[: match.start()] + new + text[match.end() :]


def _other_lines(rng: random.Random, text: str) -> str:
    lines = text.splitlines(keepends=True)
    if not lines:
        return text
    i, j = rng.randrange(len(lines)), rng.randrange(len(lines))
    what = rng.randrange(3)
    if what == 0:
        del lines[i]
    elif what == 1:
        lines.insert(j, lines[i])
    else:
        lines[i], lines[j] = lines[j], lines[i]
    return "".join(lines)


def spoilt_tree(rng: random.Random, tree: Any) -> Any:
    """JSON-like values with some of them replaced, lost, added or put elsewhere."""
    found: list[tuple[Any, Any]] = []
    copy = _copied(tree, found)
    for _ in range(rng.randint(1, 3)):
        if not found:
            return rng.choice(STRANGE)
        holder, key = rng.choice(found)
        if key not in (holder if isinstance(holder, dict) else range(len(holder))):
            continue
        what = rng.randrange(5)
        if what <= 2:
            value = holder[key]
            number = isinstance(value, (int, float)) and not isinstance(value, bool) and rng.random() < 0.6
            holder[key] = value * rng.choice((-1, 0, 2, 1e9, 0.5, float("nan"))) if number else rng.choice(STRANGE)
        elif what == 3:
            del holder[key]
        elif isinstance(holder, dict):
            holder[rng.choice(("x", "", "../x", str(key).upper()))] = holder[key]
        else:
            holder.append(holder[key])
    return copy


def _copied(value: Any, found: list[tuple[Any, Any]]) -> Any:
    if isinstance(value, dict):
        made: Any = {}
        for key, item in value.items():
            made[key] = _copied(item, found)
            found.append((made, key))
        return made
    if isinstance(value, (list, tuple)):
        made = []
        for i, item in enumerate(value):
            made.append(_copied(item, found))
            found.append((made, i))
        return made
    return value
