"""Do two runs command the same motion? The node and the simulated clock, for one audio.

They agree if, from the first sample of the speech to its last,

- the human motion is the same in every frame (wrists within `SAME_PLACE`), but for up to `FRAMES` frames by which a bag
  misplaces it: unstamped audio counts from its reception in the node, and the bag knows when it was sent;
- one shift of less than `SHIFT` brings the commanded joints together: the trajectory grid of 30 Hz lies elsewhere in
  each run (up to 33 ms), and unstamped audio counts from its reception (some ms);
- after that shift every joint is within `LARGEST` of what the other run commands within `TOLERANCE`, 99 % of the
  samples within `MOSTLY`.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np

from speech_gesture_pkg.errors import InputError
from speech_gesture_pkg.lab.metrics.sample import STANDARD_FPS
from speech_gesture_pkg.lab.study.store import RecordStore

SHIFT = 0.05
"""Largest shift between the two runs that is looked for: the trajectory grid of 30 Hz and the transport, s."""
TOLERANCE = 0.005
"""A position counts as the same if the other run commands it within this time, s."""
ENTRY = 2.0
"""Left out at the begin of the speech where the robot came from another pose in each run, s."""
LARGEST = 0.05
"""Two runs agree if no joint is farther apart than this, rad ..."""
MOSTLY = 0.01
"""... and 99 % of the samples within this, rad."""
RATE = 100.0
SAME = 0.01
"""Difference beyond the timing tolerance that is counted as one, rad."""
FRAMES = 2
"""Whole frames that the human motion of a bag may be off."""
SAME_PLACE = 1e-3
"""Distance of a wrist that is counted as a difference, m."""


@dataclass(frozen=True)
class Agreement:
    """How much two commanded motions differ.

    Attributes:
        shift_s: by which b is later than a; the one at which they fit best.
        tolerance_s: `TOLERANCE`.
        largest: largest distance of a position of b from what a commands within the tolerance, rad.
        joint: where.
        time_s: when, after the first sample of the speech.
        p99: 99th percentile of that distance over all samples of all joints, rad.
        beyond_percent: share of samples with a distance above `SAME`.
        seconds: compared.
        human_largest: largest distance between the human's wrists in both runs, m; None if a run has none.
        human_beyond_percent: share of frames in which it is above `SAME_PLACE`.
        human_shift: frames by which b's was moved for that.
    """

    shift_s: float
    tolerance_s: float
    largest: float
    joint: str
    time_s: float
    p99: float
    beyond_percent: float
    seconds: float
    human_largest: float | None = None
    human_beyond_percent: float | None = None
    human_shift: int = 0

    @property
    def agrees(self) -> bool:
        """Whether the two runs agree, as said above (without human motion: whether the commanded motion does)."""
        same = not self.human_beyond_percent
        return same and abs(self.shift_s) < SHIFT - 1e-6 and self.largest <= LARGEST and self.p99 <= MOSTLY

    def as_dict(self) -> dict[str, Any]:
        """For JSON."""
        return asdict(self) | {"agrees": self.agrees}


def agreement(
    a: Mapping[str, np.ndarray], b: Mapping[str, np.ndarray], begin: float, end: float, shift: float = SHIFT
) -> Agreement:
    """Compare the commanded motions of two records (their npz).

    Args:
        a, b: `joint_names`, `commanded_time` (s, after the first sample of the speech), `commanded_position`.
        begin, end: what is compared, s.
        shift: largest shift that is looked for, s.

    Raises:
        InputError: no common joints or less than a second in common.
    """
    for side in (a, b):
        if "commanded_time" not in side:
            raise InputError("one of the runs commanded no robot: there is nothing to compare")
    names = [n for n in a["joint_names"].tolist() if n in set(b["joint_names"].tolist())]
    if not names:
        raise InputError("the two runs command no joint in common: were they made for the same robot?")
    begin = max(begin, float(a["commanded_time"][0]) + shift, float(b["commanded_time"][0]) + shift)
    end = min(end, float(a["commanded_time"][-1]) - shift, float(b["commanded_time"][-1]) - shift)
    if end - begin < 1.0:
        raise InputError(f"the two runs have only {max(end - begin, 0.0):.1f} s in common; 1 s is needed")
    grid = np.arange(begin, end, 1.0 / RATE)
    other = _sampled(b, names, grid)
    shifts = np.arange(-shift, shift + 1e-9, 1e-3)
    coarse = slice(None, None, max(len(grid) // 6000, 1))
    errors = [float(np.square(_sampled(a, names, grid[coarse] - s) - other[coarse]).mean()) for s in shifts]
    best = float(shifts[int(np.argmin(errors))])
    low = high = _sampled(a, names, grid - best)
    for t in np.linspace(-TOLERANCE, TOLERANCE, 11):
        near = _sampled(a, names, grid - best + t)
        low, high = np.minimum(low, near), np.maximum(high, near)
    away = np.maximum(np.maximum(low - other, other - high), 0.0)
    t, j = np.unravel_index(int(away.argmax()), away.shape)
    return Agreement(
        best,
        TOLERANCE,
        float(away.max()),
        names[j],
        float(grid[t]),
        float(np.percentile(away, 99)),
        100.0 * float((away > SAME).mean()),
        float(end - begin),
        *_human(a, b),
    )


def _human(a: Mapping[str, np.ndarray], b: Mapping[str, np.ndarray]) -> tuple[float | None, float | None, int]:
    """How far the human motion differs, frame by frame, where it fits best within `FRAMES`."""
    if "human_wrists" not in a or "human_wrists" not in b:
        return None, None, 0
    apart = round((float(b["human_start"]) - float(a["human_start"])) * STANDARD_FPS)
    best: tuple[float | None, float | None, int] = (None, None, 0)
    for shift in sorted(range(-FRAMES, FRAMES + 1), key=abs):
        first, second = a["human_wrists"], b["human_wrists"]
        first, second = first[max(apart + shift, 0) :], second[max(-apart - shift, 0) :]
        count = min(len(first), len(second))
        if count:
            distance = np.linalg.norm(first[:count] - second[:count], axis=2).max(axis=1)
            beyond = 100.0 * float((distance > SAME_PLACE).mean())
            if best[1] is None or beyond < best[1]:
                best = float(distance.max()), beyond, shift
    return best


def agreements(a: Mapping[str, Any], b: Mapping[str, Any]) -> list[dict[str, Any]]:
    """Agreement of every run that both studies made of the same speech with the same generator and seed.

    Args:
        a, b: results, with `path`; their records must lie beside them.

    Returns:
        One entry a pair: `name`, `system`, `seed`, the two modes, the `warnings` of the run through the node (late
        frames and the like explain a difference), and an `Agreement` or `why` there is none. Empty if both ran in the
        same way.
    """
    stores = [RecordStore(Path(side["path"]).parent) for side in (a, b)]
    tables = [{_run_of(r): r for r in side["records"] if r["audio"] and r["generator"]} for side in (a, b)]
    found = []
    for run in sorted(set(tables[0]) & set(tables[1]), key=str):
        one, two = tables[0][run], tables[1][run]
        if one["mode"] == two["mode"]:
            continue
        entry = {"name": one["name"], "system": one["system"], "seed": one["seed"], "modes": [one["mode"], two["mode"]]}
        entry["warnings"] = [w for r in (one, two) if r["mode"] == "live" for w in r["warnings"]]
        try:
            first, second = (s.arrays(r["key"]) for s, r in zip(stores, (one, two), strict=True))
            found.append(entry | agreement(first, second, 0.0, one["audio"]["seconds"]).as_dict())
        except InputError as e:
            found.append(entry | {"why": str(e)})
    return found


def _run_of(record: Mapping[str, Any]) -> tuple[Any, ...]:
    return record["audio"]["sha256"], record["generator"], record["seed"], record["config"]["sha256"]


def _sampled(run: Mapping[str, np.ndarray], names: list[str], times: np.ndarray) -> np.ndarray:
    """Positions of `names` at `times`, linear between samples. Shape [T, J]."""
    known = run["joint_names"].tolist()
    clock, position = np.asarray(run["commanded_time"], float), np.asarray(run["commanded_position"], float)
    return np.stack([np.interp(times, clock, position[:, known.index(n)]) for n in names], axis=1)
