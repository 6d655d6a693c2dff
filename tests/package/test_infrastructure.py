"""Only what the machine did is run again, and only so often."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

from infrastructure import HELD_UP_S, blamed

HELPERS = Path(__file__).parents[1] / "helpers"
CONFTEST = """
import infrastructure
from infrastructure import mark_real_time, pytest_runtest_call, pytest_sessionfinish

infrastructure.BUDGET = 1

def pytest_collection_modifyitems(items):
    for item in items:
        mark_real_time(item)
"""
HOLD = "    assert sum(range(15_000_000)) > 0  # one call that no other thread interrupts\n"


def outcome(folder: Path, tests: str) -> subprocess.CompletedProcess[str]:
    """A pytest run of its own."""
    (folder / "conftest.py").write_text(CONFTEST)
    (folder / "test_it.py").write_text(tests)
    (folder / "pytest.ini").write_text("[pytest]\nmarkers =\n  ros\n")
    command = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "-p", "no:xdist", str(folder)]
    environment = os.environ | {"PYTHONPATH": str(HELPERS)}
    return subprocess.run(command, capture_output=True, text=True, cwd=folder, env=environment, timeout=100)


def test_a_failure_of_the_code_is_not_run_again(tmp_path):
    done = outcome(tmp_path, "def test_it():\n    assert 1 == 2\n")
    assert done.returncode == 1
    assert "rerun" not in done.stdout


def test_a_failure_while_the_machine_held_up_is_run_again_once(tmp_path):
    tests = f"runs = []\n\ndef test_it():\n    runs.append(0)\n{HOLD}    assert len(runs) == 2\n"
    done = outcome(tmp_path, tests)
    assert done.returncode == 0, done.stdout
    assert "1 passed, 1 rerun" in done.stdout


def test_more_repetitions_than_the_budget_fail_the_session(tmp_path):
    one = f"    runs.append(0)\n{HOLD}    assert len(runs) % 2 == 0\n"
    tests = "runs = []\n" + "".join(f"\ndef test_{k}():\n{one}" for k in range(2))
    done = outcome(tmp_path, tests)
    assert "2 tests were run again for the machine's sake; 1 are allowed" in done.stdout
    assert done.returncode == 1


def test_what_is_the_machines():
    assert "held processes up for 0.20 s, and the test failed: late" in str(blamed(AssertionError("late\nmore"), 0.2))
    assert "Address already in use" in str(blamed(RuntimeError("bind: Address already in use"), 0.0))
    assert blamed(AssertionError("late"), HELD_UP_S) is None
