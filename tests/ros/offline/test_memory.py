"""Memory that a node needed once goes back to the system."""

from __future__ import annotations

import subprocess
import sys

import pytest

_LARGE_THEN_SMALL = """
import sys
import numpy as np
from speech_gesture_pkg.ros.memory import keep_little

def resident():
    with open("/proc/self/status", encoding="ascii") as file:
        return next(int(line.split()[1]) for line in file if line.startswith("VmRSS"))

if sys.argv[1] == "little" and not keep_little():
    print("none")
    raise SystemExit
before, kept = resident(), []
for _ in range(5):
    large = np.ones(3_000_000)
    kept.append(np.ones(10_000))  # lies behind the large one if both are in the heap
    del large
print(resident() - before)
"""


def growth(way: str) -> int:
    """Resident memory in kB that stays of 24 MB messages, each followed by 80 kB that are kept."""
    done = subprocess.run(
        [sys.executable, "-c", _LARGE_THEN_SMALL, way], capture_output=True, text=True, check=True, timeout=60
    )
    if done.stdout.strip() == "none":
        pytest.skip("this system's allocator is not glibc's")
    return int(done.stdout)


def test_large_pieces_leave_no_holes():
    little = growth("little")
    assert little < 4_000
    assert growth("as it is") > 4 * little
