"""Code run in a process of its own whose memory is measured."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]

_BEFORE = """
import resource, sys
{imports}
def rss():
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
def here():
    return int(open("/proc/self/statm").read().split()[0]) * resource.getpagesize()
before = rss()
resource.setrlimit(resource.RLIMIT_AS, (here() + {guard} * 2**20, -1))
"""
_AFTER = """
grown = rss() - before
assert grown < {most}, f"grew by {{grown:.0f}} MB"
"""


_GUARD_MB = 8192
"""Address space that is left to the process, so that a failing test does not take the machine."""


def run_bounded(imports: str, code: str, most_mb: int, timeout: float = 60.0) -> str:
    """Output of `code` in a new interpreter; the test fails if it grows by more than `most_mb` after its imports.

    Args:
        imports: lines to run first, with memory of any size.
        code: lines to run within the bound.
        most_mb: growth of the resident memory that is allowed, MB.
        timeout: s.
    """
    text = _BEFORE.format(imports=imports, guard=_GUARD_MB) + code + _AFTER.format(most=most_mb)
    done = subprocess.run([sys.executable, "-c", text], capture_output=True, text=True, cwd=ROOT, timeout=timeout)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout
