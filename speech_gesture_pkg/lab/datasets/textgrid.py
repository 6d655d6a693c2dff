"""Words of a Praat TextGrid (long or short text format)."""

from __future__ import annotations

import re
from pathlib import Path

from speech_gesture_pkg.errors import InputError
from speech_gesture_pkg.lab.datasets.clip import Word

_TOKEN = re.compile(r'"((?:[^"]|"")*)"|(?<![\w"])(-?\d+(?:\.\d+)?(?:[eE][-+]?\d+)?)(?![\w"])')
_INDEX = re.compile(r"\[\d*\]")
_TIERS = ("words", "word")


def read_words(path: str | Path, tier: str | None = None) -> tuple[Word, ...]:
    """The non-empty intervals of the tier of words (or of the first interval tier), in order of time.

    Args:
        path: TextGrid in UTF-8 or UTF-16.
        tier: name of the tier; None: "words", else the first one.

    Raises:
        InputError: missing, or not a TextGrid with such a tier.
    """
    path = Path(path)
    if not path.is_file():
        raise InputError(f"TextGrid {path} does not exist")
    raw = path.read_bytes()
    text = raw.decode("utf-16" if raw[:2] in (b"\xff\xfe", b"\xfe\xff") else "utf-8-sig", errors="replace")
    if "TextGrid" not in text[:200]:
        raise InputError(f"{path} is not a Praat TextGrid")
    # numbers in brackets ("intervals [3]:") are no values; the header's words are not either
    tokens = [
        m.group(1).replace('""', '"') if m.group(1) is not None else float(m.group(2))
        for m in _TOKEN.finditer(_INDEX.sub("", text))
    ]
    tiers: dict[str, tuple[Word, ...]] = {}
    try:
        for at, token in enumerate(tokens):
            if token == "IntervalTier":
                name, size = str(tokens[at + 1]), int(float(tokens[at + 4]))
                if size > len(tokens):
                    raise ValueError(f"it says that it has {size} intervals")
                rows = [tokens[at + 5 + 3 * k : at + 8 + 3 * k] for k in range(size)]
                words = [Word(str(w).strip(), float(a), float(b)) for a, b, w in rows]
                tiers.setdefault(name, tuple(w for w in words if w.text))
    except (ValueError, IndexError, OverflowError) as error:
        raise InputError(f"{path} is not a well-formed TextGrid ({error})") from error
    if tier is not None and tier not in tiers:
        raise InputError(f"{path} has no interval tier '{tier}'; its tiers are: {', '.join(tiers) or 'none'}")
    if not tiers:
        raise InputError(f"{path} has no interval tier")
    chosen = tier or next((name for name in tiers if name.lower() in _TIERS), next(iter(tiers)))
    return tiers[chosen]
