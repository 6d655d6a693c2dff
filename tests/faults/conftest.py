"""The fixture `fault`, which notes what a fault did; `pytest tests/faults --faults-table FILE` writes all notes.

Each file here is one row of the table in docs/faults.md, which its constant `ROW` names.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import pytest
from infrastructure import mark_real_time
from ros_rig import probe, pulse, start

__all__ = ["probe", "pulse", "start"]

HERE = Path(__file__).parent
HEAD = "| fault | injected | observed | time to safe state | windows checked | broken guarantees |\n|" + 6 * "---|"


@dataclass
class Note:
    """One line of the table.

    Attributes:
        row: of docs/faults.md.
        injected, observed: in words.
        safe: seconds from the fault until the robot stood or moved as it should again, or words.
        windows: trajectory messages that were checked against the guarantees; a broken one fails the test.
    """

    row: str
    injected: str
    observed: str
    safe: float | str
    windows: int

    def __str__(self) -> str:
        safe = self.safe if isinstance(self.safe, str) else f"{self.safe:.2f} s"
        return f"| {self.row} | {self.injected} | {self.observed} | {safe} | {self.windows or '-'} | 0 |"


@dataclass
class Fault:
    """Takes notes for the table."""

    row: str
    notes: list[Note] = field(default_factory=list)

    def note(self, injected: str, observed: str, safe: float | str, windows: int = 0) -> None:
        """See `Note`; `windows` of 0 = none was sent."""
        self.notes.append(Note(self.row, injected, observed, safe, windows))


NOTES: dict[str, list[Note]] = {}
"""By test; a test that runs again replaces its own."""


@pytest.fixture
def fault(request: pytest.FixtureRequest) -> Iterator[Fault]:
    """Notes of the test's row; those of a test that fails do not count."""
    made = Fault(request.module.ROW)
    yield made
    NOTES[request.node.nodeid] = made.notes


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--faults-table", metavar="FILE", help="write the table of all faults as Markdown")


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for item in items:
        if Path(item.fspath).is_relative_to(HERE) and "start" in getattr(item, "fixturenames", ()):
            mark_real_time(item)


def pytest_sessionfinish(session: pytest.Session) -> None:
    path = session.config.getoption("--faults-table", default=None)
    if path:
        failed = session.testsfailed
        lines = [HEAD, *(str(note) for notes in NOTES.values() for note in notes)]
        tail = f"\n{failed} tests failed.\n" if failed else "\n"
        Path(path).write_text("\n".join(lines) + tail, encoding="utf-8")
