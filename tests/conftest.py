"""Fixtures that every test may use."""

from __future__ import annotations

import os
import signal
from collections.abc import Callable
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


@pytest.fixture(scope="session")
def own_generator_model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Folder with the trained network of examples/own_generator."""
    pytest.importorskip("torch", reason="torch is not installed; install the extra `train`")
    pytest.importorskip("onnxruntime", reason="onnxruntime is not installed; install the extra `onnx`")
    from own_generator.train import train

    folder = tmp_path_factory.mktemp("own_generator")
    train(str(ROOT / "models" / "audio" / "demo_speech.wav"), folder)
    return folder


@pytest.fixture
def mine(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[[str], str]:
    """Writes a module of one's own into a folder on the path; returns its name."""
    monkeypatch.syspath_prepend(tmp_path)
    count = [0]

    def write(text: str) -> str:
        count[0] += 1
        name = f"mine_{abs(hash(str(tmp_path)))}_{count[0]}"
        (tmp_path / f"{name}.py").write_text(text)
        return name

    return write


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Why tests were run again, with those that were skipped or failed."""
    for report in terminalreporter.stats.get("rerun", []):
        crash = getattr(report.longrepr, "reprcrash", None)
        reason = crash.message if crash else str(report.longrepr)
        terminalreporter.line(f"RERUN {report.nodeid} - {(reason.splitlines() or [''])[0]}")
