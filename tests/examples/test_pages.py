"""docs/extending: the code that a page shows stands in the example that tests run."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
PAGES = sorted((ROOT / "docs" / "extending").glob("*.md"))
CODE = re.compile(r"^```(?:python|yaml)\n(.*?)^```", re.DOTALL | re.MULTILINE)


def test_there_is_a_page_for_each_extension_point():
    assert {p.stem for p in PAGES} >= {"generator", "metric", "robot", "audio_type"}


@pytest.mark.parametrize("page", PAGES, ids=lambda p: p.stem)
def test_the_code_of_a_page_is_the_examples(page):
    examples = [p.read_text("utf-8") for p in (ROOT / "examples").rglob("*") if p.suffix in (".py", ".yaml")]
    shown = CODE.findall(page.read_text("utf-8"))
    assert shown
    for code in shown:
        assert any(code in text for text in examples), f"{page.name}: not in an example:\n{code}"
    assert len(page.read_text("utf-8").splitlines()) <= 70, "a page is a page"
