"""The documentation: links lead somewhere, every page is in the navigation, what the code makes is up to date."""

from __future__ import annotations

import re
import subprocess
import sys
from itertools import pairwise
from pathlib import Path

import pytest
import yaml
from house_layers import LAYERS

from benchmarks.__main__ import VERBS as BENCHMARKS
from speech_gesture_pkg.cli.main import VERBS
from speech_gesture_pkg.cli.parameters import as_page, as_yaml
from speech_gesture_pkg.pipeline.diagnostic_keys import DiagnosticKey

ROOT = Path(__file__).resolve().parents[2]
DOCS = ROOT / "docs"
PAGES = sorted(DOCS.rglob("*.md"))
OUTSIDE = [ROOT / name for name in ("README.md", "CONTRIBUTING.md", "SECURITY.md")]
"""Read on the code host, not on the site."""
LINK = re.compile(r"!?\[[^\]]*\]\(([^)\s]+)\)")
ITEM = re.compile(r"\s*([-*]|\d+\.) ")


class Settings(yaml.SafeLoader):
    """Of mkdocs.yml, which names a Python function."""


Settings.add_multi_constructor("tag:yaml.org,2002:python/name:", lambda loader, name, node: name)


def text_of(path: Path) -> str:
    """Markdown without code."""
    text = re.sub(r"^```.*?^```", "", path.read_text("utf-8"), flags=re.DOTALL | re.MULTILINE)
    return re.sub(r"`[^`\n]*`", "CODE", "\n".join(line for line in text.splitlines() if not line.startswith("    ")))


def anchors(path: Path) -> set[str]:
    """Of the headings, as Python-Markdown and GitHub make them."""
    heads = re.findall(r"^#+ (.+)$", path.read_text("utf-8"), re.MULTILINE)
    return {re.sub(r"[-\s]+", "-", re.sub(r"[^\w\s-]", "", head).strip().lower()) for head in heads}


def navigation() -> list[str]:
    """Pages in the order of mkdocs.yml."""

    def pages(part: object) -> list[str]:
        if isinstance(part, str):
            return [part]
        parts = part.values() if isinstance(part, dict) else part
        assert not isinstance(parts, (bytes, int, type(None)))
        return [page for each in parts for page in pages(each)]  # type: ignore[attr-defined]

    return pages(yaml.load((ROOT / "mkdocs.yml").read_text("utf-8"), Settings)["nav"])


@pytest.mark.parametrize("page", [*PAGES, *OUTSIDE], ids=lambda path: str(path.relative_to(ROOT)))
def test_links_lead_somewhere(page):
    wrong = []
    for target in LINK.findall(text_of(page)):
        if re.match(r"https?:|mailto:", target):
            continue
        name, _, anchor = target.partition("#")
        path = (page.parent / name).resolve() if name else page
        there = path.is_file() and (page not in PAGES or path.is_relative_to(DOCS))
        if not there or (anchor and anchor not in anchors(path)):
            wrong.append(target)
    assert wrong == []


@pytest.mark.parametrize("page", [*PAGES, *OUTSIDE], ids=lambda path: str(path.relative_to(ROOT)))
def test_files_that_are_named_exist(page):
    """`name.py` and `folder/name.py`: the end of the path of a file in the repository."""
    folders = ("speech_gesture_pkg", "benchmarks", "tests", "tools", "examples", "launch")
    files = {f"/{path.relative_to(ROOT)}" for folder in folders for path in (ROOT / folder).rglob("*.py")}
    named = set(re.findall(r"`((?:\w+/)*\w+(?:\.\w+)?\.py)`", page.read_text("utf-8")))
    assert [name for name in sorted(named) if not any(path.endswith(f"/{name}") for path in files)] == []


@pytest.mark.parametrize("page", PAGES, ids=lambda path: str(path.relative_to(DOCS)))
def test_lists_and_tables_begin_after_an_empty_line(page):
    """GitHub does not need it, the site does."""
    lines = re.sub(r"^```.*?^```", "", page.read_text("utf-8"), flags=re.DOTALL | re.MULTILINE).splitlines()
    wrong = []
    for before, line in pairwise(lines):
        plain = before.strip() and not before.startswith(("#", " ", "<!--"))
        if plain and ((ITEM.match(line) and not ITEM.match(before)) or (line.startswith("|") and before[0] != "|")):
            wrong.append(line)
    # An item that goes on in the next line and is followed by another one looks the same; its first line shows it.
    wrong = [line for line in wrong if not in_list(lines, line)]
    assert wrong == []


def in_list(lines: list[str], line: str) -> bool:
    """Whether the paragraph that `line` stands in begins with a list item."""
    k = lines.index(line)
    while k and lines[k - 1].strip():
        k -= 1
    return bool(ITEM.match(lines[k]))


def test_every_page_is_in_the_navigation():
    assert sorted(navigation()) == [str(page.relative_to(DOCS)) for page in PAGES]


def test_the_readme_is_short():
    assert len((ROOT / "README.md").read_text("utf-8").splitlines()) <= 150


def test_the_readme_gives_the_guarantees_as_their_page_does():
    page, readme = (DOCS / "guarantees.md", ROOT / "README.md")
    listed = re.findall(r"^\d\. .+(?:\n   .+)*", page.read_text("utf-8"), re.MULTILINE)
    assert len(listed) == 5
    assert "\n".join(listed) in readme.read_text("utf-8")


def test_pictures_are_small():
    assert (DOCS / "demo.webp").stat().st_size <= 2_000_000


def test_parameter_file_and_page_are_up_to_date():
    advice = "run `make parameters`"
    assert (ROOT / "config" / "gesture.yaml").read_text("utf-8") == as_yaml() + "\n", advice
    assert (DOCS / "parameters.md").read_text("utf-8") == as_page() + "\n", advice


def test_the_picture_of_the_architecture_is_up_to_date():
    check = [sys.executable, str(ROOT / "tools" / "architecture_picture.py"), "--check"]
    done = subprocess.run(check, capture_output=True, text=True, timeout=120)
    assert done.returncode == 0, done.stderr


def test_the_tables_of_layers_are_the_one_that_the_test_keeps():
    text = (DOCS / "architecture.md").read_text("utf-8")
    table = text.partition("| layer, lowest first |")[2].partition("\n\n")[0]
    rows = [re.findall(r"`([\w/]+)`", row.split("|")[1]) for row in table.splitlines()[2:]]
    assert rows == [list(names) for names in LAYERS]
    (chain,) = re.findall(r"^    outside_text < .*?(?=\n\n)", OUTSIDE[1].read_text("utf-8"), re.MULTILINE | re.DOTALL)
    assert [re.findall(r"[\w/]+", row) for row in chain.split("<")] == [list(names) for names in LAYERS]


def test_every_command_is_on_its_page():
    text = (DOCS / "commands.md").read_text("utf-8")
    ours, _, developers = text.partition("python -m benchmarks ...")
    assert [verb for verb in VERBS if not re.search(rf"^\| `{verb}\b", ours, re.MULTILINE)] == []
    assert [verb for verb in BENCHMARKS if not re.search(rf"^\| `{verb}\b", developers, re.MULTILINE)] == []


def test_every_figure_of_the_diagnostics_is_on_its_page():
    text = (DOCS / "interface.md").read_text("utf-8").partition("## Diagnostics")[2]
    assert [key.value for key in DiagnosticKey if f"`{key.value}`" not in text] == []


def test_workflows_call_targets_that_exist():
    makefile = (ROOT / "Makefile").read_text("utf-8")
    targets = re.findall(r"^(\w+):(?!=)", makefile, re.MULTILINE)
    for path in sorted((ROOT / ".github" / "workflows").glob("*.yml")):
        steps = [s for job in yaml.safe_load(path.read_text("utf-8"))["jobs"].values() for s in job["steps"]]
        commands = [step["run"] for step in steps if "run" in step]
        used = {word for line in commands for word in re.findall(r"\bmake (\w+)", line)}
        assert used <= set(targets), f"{path.name}: {used - set(targets)}"
        for script in (line for line in commands if line.startswith(".ci/")):
            assert (ROOT / script.split()[0]).is_file(), f"{path.name}: {script}"
