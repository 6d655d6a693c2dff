"""Fixtures that every test may use."""

from __future__ import annotations

import os
import signal
from pathlib import Path

import pytest
from infrastructure import pytest_runtest_call, pytest_sessionfinish

__all__ = ["pytest_runtest_call", "pytest_sessionfinish"]

ROOT = Path(__file__).resolve().parent.parent

if "PYTEST_XDIST_WORKER" in os.environ:  # the workers share the cores; numpy and torch read this when they are loaded
    os.environ.setdefault("OMP_NUM_THREADS", "1")

if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:  # a background job of a shell; child processes would inherit it
    signal.signal(signal.SIGINT, signal.default_int_handler)


@pytest.fixture(scope="session")
def shared_data() -> Path:
    """The folder of real speech and gesture data beside the checkout; the test is skipped where there is none."""
    folder = ROOT.parent / "shared" / "data"
    if not folder.is_dir():
        pytest.skip("real speech and gesture data is not on this machine (../shared/data)")
    return folder


@pytest.fixture(scope="session")
def demo_urdf() -> Path:
    """URDF of the bundled demo humanoid."""
    return ROOT / "models" / "robots" / "demo_humanoid" / "demo_humanoid.urdf"


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Why tests were run again, with those that were skipped or failed."""
    for report in terminalreporter.stats.get("rerun", []):
        crash = getattr(report.longrepr, "reprcrash", None)
        reason = crash.message if crash else str(report.longrepr)
        terminalreporter.line(f"RERUN {report.nodeid} - {(reason.splitlines() or [''])[0]}")
