"""Golden outputs: behaviour that a refactoring must not change.

Refreeze on purpose with `python tests/golden/freeze.py CASE`, and say why in the commit.
"""

from __future__ import annotations

import numpy as np
import pytest
from adapter import has
from golden_cases import CASES
from golden_store import FROZEN, compare, save


@pytest.mark.parametrize("name", CASES)
def test_outputs_are_as_frozen(name):
    case = CASES[name]
    if case.needs and not has(case.needs):
        pytest.skip(f"{name}: the optional package {case.needs} is not installed")
    found = compare(name, case.make(), case.atol, case.rows)
    assert not found.different, found.line()


def test_what_is_frozen_is_small_and_belongs_to_a_case():
    files = sorted(FROZEN.iterdir())
    assert [f.stem for f in files] == sorted(CASES)
    assert sum(f.stat().st_size for f in files) <= 400_000


def test_a_difference_is_found_and_told(tmp_path):
    table = np.linspace(0.0, 1.0, 63).reshape(21, 3)
    save("sample", {"table": table, "text": "one\ntwo", "count": np.array([1, 2]), "none": np.nan}, 5, tmp_path)

    def compared(atol=1e-5, **changed):
        outputs = {"table": table, "text": "one\ntwo", "count": np.array([1, 2]), "none": np.nan} | changed
        return compare("sample", outputs, atol, 5, tmp_path)

    assert compared().line() == "the same to the last bit"
    little, unseen, much = table.copy(), table.copy(), table.copy()
    little[5, 1] += 1e-6
    unseen[6, 1] += 1e-9  # in a row that is not kept
    much[10, 2] = np.nan
    assert compared(table=little).line().startswith("within the tolerance: table differ by 1.")
    assert compared(table=little).line(exact=True).startswith("DIFFERENT")
    assert "table[1, 1]" in compared(0.0, table=little).line()
    assert compared(table=unseen).inexact == ["table"]
    assert "only in rows that are not kept" in compared(0.0, table=unseen).line()
    assert "table[2, 2]: 0.516" in compared(table=much).line()
    assert "line 2 is 'three', 'two' was frozen" in compared(text="one\nthree").line()
    assert "1 of 2 values differ, first at [1]: 2 was frozen, 5 now" in compared(count=np.array([1, 5])).line()
    assert "shape 20x3 instead of 21x3" in compared(table=table[1:]).line()
    assert "float32 instead of float64" in compared(table=table.astype(np.float32)).line()
    assert "more: new, not frozen" in compared(more=1.0).line()
    with pytest.raises(FileNotFoundError, match="sample2 is not frozen"):
        compare("sample2", {}, folder=tmp_path)
