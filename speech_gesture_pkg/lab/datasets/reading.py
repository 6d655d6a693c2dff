"""Any corpus by the name of its layout."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from pathlib import Path

from speech_gesture_pkg.errors import ConfigError, one_of
from speech_gesture_pkg.lab.datasets.beat import read_beat
from speech_gesture_pkg.lab.datasets.beat2 import read_beat2
from speech_gesture_pkg.lab.datasets.clip import Clip, Skipped
from speech_gesture_pkg.lab.datasets.facegood import read_facegood
from speech_gesture_pkg.lab.datasets.layout import read_corpus
from speech_gesture_pkg.lab.datasets.show import read_show

LAYOUTS = ("own", "show", "beat2", "beat", "facegood")


def read_layout(
    folder: str | Path,
    layout: str = "own",
    split: str | None = None,
    skipped: Skipped | None = None,
    smplx: str | None = None,
    progress: Callable[[Iterable[Path]], Iterable[Path]] | None = None,
) -> Iterator[Clip]:
    """Clips of a corpus, one in memory at a time.

    Args:
        folder: of the corpus.
        layout: one of LAYOUTS.
        split: "train", "val" or "test"; None = all.
        skipped: where unusable recordings are noted; None: the first is raised.
        smplx: SMPL-X npz with the hand PCA, for SHOW files with PCA hands.
        progress: wraps the files.

    Raises:
        ConfigError: an unknown layout or split.
        InputError: no such corpus.
    """
    if layout not in LAYOUTS:
        raise ConfigError(one_of("corpus layout", layout, LAYOUTS))
    if layout == "show":
        return read_show(folder, split, skipped, smplx, progress)
    if layout == "facegood":
        return read_facegood(folder, split, skipped)
    if layout == "own":
        return read_corpus(folder, split, skipped, progress, check_audio=False)
    return {"beat2": read_beat2, "beat": read_beat}[layout](folder, split, skipped, progress)
