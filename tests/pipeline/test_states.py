"""States: the table of transitions is whole, drawn in the docs, and every fault has one file with its tests."""

from __future__ import annotations

import ast
import re
from pathlib import Path

import pytest

from speech_gesture_pkg.pipeline.states import TRANSITIONS, State, StateLog, mermaid

ROOT = Path(__file__).resolve().parents[2]
FAULTS = ROOT / "tests" / "faults"


@pytest.fixture(scope="module")
def page() -> str:
    return (ROOT / "docs" / "faults.md").read_text(encoding="utf-8")


def block(page: str, name: str) -> str:
    found = re.search(rf"<!-- {name} begin -->\n(.*)<!-- {name} end -->", page, re.DOTALL)
    assert found is not None, f"docs/faults.md has no block {name}"
    return found[1]


def rows(text: str) -> list[list[str]]:
    """Cells of a Markdown table, without its head."""
    return [[c.strip() for c in line.strip("| ").split("|")] for line in text.strip().splitlines()[2:]]


def test_every_state_has_a_sentence_a_way_in_and_a_way_out():
    for state in State:
        assert len(state.value) > 10
        assert any(after is state for _, after in TRANSITIONS)
        assert any(before is state for before, _ in TRANSITIONS)
    assert all(before is not after and reason for (before, after), reason in TRANSITIONS.items())


def test_the_robot_can_always_be_stopped():
    for state in set(State) - {State.INACTIVE}:
        assert (state, State.INACTIVE) in TRANSITIONS
    for state in set(State) - {State.INACTIVE, State.FAILED, State.BRAKING}:
        assert (state, State.BRAKING) in TRANSITIONS


def test_the_diagram_holds_every_transition_once():
    lines = [line.strip() for line in mermaid().splitlines() if "-->" in line and "[*]" not in line]
    running = {s for s in State if s not in (State.INACTIVE, State.FAILED)}
    drawn = set()
    for line in lines:
        ends, reason = line.split(": ", 1)
        assert ":" not in reason, "Mermaid would cut the reason there"
        before, after = ends.split(" --> ")
        after_state = State[after.upper()]
        befores = running - {after_state} if before == "active" else {State[before.upper()]}
        for state in befores:
            assert TRANSITIONS[state, after_state] == reason
            assert (state, after_state) not in drawn
            drawn.add((state, after_state))
    assert drawn == set(TRANSITIONS)


def test_the_docs_show_the_states_as_the_code_has_them(page):
    assert block(page, "diagram") == f"```mermaid\n{mermaid()}```\n"
    shown = {cells[0].strip("`"): cells[1] for cells in rows(block(page, "states"))}
    assert shown == {s.name.lower(): s.value for s in State}


def declared() -> dict[str, str]:
    """Row of the table -> file that says it is about that row."""
    found: dict[str, str] = {}
    for path in sorted(FAULTS.glob("test_*.py")):
        for node in ast.parse(path.read_text(encoding="utf-8")).body:
            if isinstance(node, ast.Assign) and getattr(node.targets[0], "id", "") == "ROW":
                row = ast.literal_eval(node.value)
                assert row not in found, f"{path.name} and {found[row]} are both about {row!r}"
                found[row] = path.name
    return found


def test_every_fault_has_exactly_one_file_of_tests(page):
    named = {cells[0]: cells[-1].strip("`") for cells in rows(block(page, "faults"))}
    assert named == declared()


def test_every_file_of_faults_notes_what_it_saw():
    for name in declared().values():
        assert "fault.note(" in (FAULTS / name).read_text(encoding="utf-8"), name


def test_the_results_are_of_every_row_and_none_broke_the_guarantees(page):
    """Made by `pytest tests/faults --faults-table FILE`."""
    results = rows(block(page, "results"))
    assert {cells[0] for cells in results} == set(declared())
    assert all(cells[-1] == "0" for cells in results)


def test_a_change_names_the_one_cause_that_applied():
    log = StateLog()
    log.enter(State.APPROACHING)
    log.enter(State.BRAKING, "no joint states of left_elbow for 0.5 s")
    log.enter(State.BRAKING, "something else")
    log.enter(State.INACTIVE)
    first, second, third = log.take()
    assert first.reason == TRANSITIONS[State.INACTIVE, State.APPROACHING]
    assert str(second).startswith("approaching -> braking (no joint states of left_elbow for 0.5 s): ")
    assert third.reason == "deactivated"
    assert log.reason == "deactivated"
    assert not log.unforeseen


def test_no_reason_is_a_list_of_possible_ones():
    assert not [reason for reason in TRANSITIONS.values() if " or " in reason]
