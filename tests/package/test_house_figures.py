"""`tools/house_figures.py` on a tiny package whose figures are counted by hand."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

TOOL = Path(__file__).resolve().parents[2] / "tools" / "house_figures.py"
LAYERS = 'LAYERS = (("low",), ("lab/deep",), ("lab", "side"), ("ros",))\n"""Lowest first."""\n'
FILES = {
    "__init__.py": "",
    "low/__init__.py": "from speech_gesture_pkg.low.values import Box, loose\n",
    "low/values.py": """\
from typing import Any
class Box:
    def __init__(self, a, b, c, d, e, f, g): ...
    def held(self) -> "dict[str, Any]": ...
    def _own(self, x: Any): ...
def loose(x: Any, y: list[Any]) -> int: ...
def loose_here(x: Any): ...
def _hidden(x: Any): ...
def tight(x: int) -> int: ...
def eight(a, b, /, c, d, *args, e, f, **kwargs): ...
""",
    "low/climb.py": "def late():\n    from speech_gesture_pkg.lab import work\n",
    "lab/__init__.py": "",
    "lab/work.py": "import speech_gesture_pkg.lab.again as again\nfrom speech_gesture_pkg.low import Box, loose\n",
    "lab/again.py": """\
from typing import TYPE_CHECKING
from speech_gesture_pkg.lab import work
if TYPE_CHECKING:
    from speech_gesture_pkg.lab import other
def long():
    def inner(self, a, b, c, d, e, f, g, h):
        return 1

    return inner
""",
    "lab/other.py": "from speech_gesture_pkg.lab import again\nfrom speech_gesture_pkg.lab.deep import floor\n",
    "lab/deep/__init__.py": "",
    "lab/deep/floor.py": "from speech_gesture_pkg.lab import other\n",
    "side/__init__.py": "from speech_gesture_pkg.lab import work\n",
    "ros/__init__.py": "",
    "ros/gesture_node.py": """\
from speech_gesture_pkg.low import values
try:
    from speech_gesture_pkg.low.values import tight
except ImportError:
    pass
def main():
    import speech_gesture_pkg.low.climb
    values.loose
""",
}


def write(root: Path, table: str = "tests/helpers/house_layers.py") -> Path:
    for name, text in {**{f"speech_gesture_pkg/{n}": t for n, t in FILES.items()}, table: LAYERS}.items():
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_text(text, encoding="utf-8")
    return root


def run(*arguments: object) -> str:
    command = [sys.executable, str(TOOL), *map(str, arguments)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60)
    assert done.returncode == 0, done.stderr
    return done.stdout


def measured(root: Path) -> dict:
    run("--root", root, "--json", root / "figures.json")
    return json.loads((root / "figures.json").read_text(encoding="utf-8"))


@pytest.fixture(scope="module")
def figures(tmp_path_factory: pytest.TempPathFactory) -> dict:
    return measured(write(tmp_path_factory.mktemp("house")))


def test_sizes(figures):
    package = figures["package"]
    assert (package["lines"], package["modules"], package["classes"]) == (36, 13, 1)
    assert package["functions and methods"] == 3 + 5 + 1 + 1 + 1  # Box, its module, late, long, main
    assert package["longest function, lines"] == 5
    assert package["longest function"] == "long (speech_gesture_pkg/lab/again.py:5)"
    per_folder = {"__init__.py": 0, "lab": 14, "low": 13, "ros": 8, "side": 1}
    assert figures["lines per folder"] == per_folder


def test_parameters_without_self(figures):
    assert figures["package"]["functions with more than 7 parameters"] == 2
    assert figures["lists"]["more than 7 parameters"] == [
        "8 speech_gesture_pkg/lab/again.py:6 long.inner",
        "8 speech_gesture_pkg/low/values.py:10 eight",
    ]


def test_any_in_public_annotations_and_at_seams(figures):
    package = figures["package"]
    assert package["public functions and methods with Any"] == 3  # held, loose, loose_here
    assert package["Any in their annotations"] == 4
    assert (package["functions with Any at seams"], package["methods with Any at seams"]) == (1, 1)
    assert [seam.split()[1] for seam in figures["lists"]["Any at seams"]] == ["Box.held", "loose"]


def test_circles_of_what_runs_on_load(figures):
    lab = "speech_gesture_pkg.lab."
    assert figures["lists"]["circles"] == [
        f"{lab}again <-> {lab}work",
        f"{lab}deep.floor <-> {lab}other",
    ]
    assert (figures["imports"]["circles"], figures["imports"]["modules in circles"]) == (2, 4)


def test_imports_against_the_layers(figures):
    lists, imports = figures["lists"], figures["imports"]
    assert lists["upward"] == [
        "speech_gesture_pkg/lab/deep/floor.py:1 (lab/deep) imports speech_gesture_pkg.lab.other",
        "speech_gesture_pkg/low/climb.py:2 (low) imports speech_gesture_pkg.lab.work",
    ]
    assert lists["sideways"] == ["speech_gesture_pkg/side/__init__.py:1 (side) imports speech_gesture_pkg.lab.work"]
    assert (imports["upward"], imports["sideways"], imports["without a layer"]) == (2, 1, 0)


def test_the_live_path(figures):
    live = figures["live path"]
    assert live["on load: folders"] == "low ros"
    assert live["on load: modules"] == 5  # three __init__, values, gesture_node
    assert live["on load: lines"] == 0 + 1 + 10 + 0 + 8
    assert live["reach: modules"] == 5 + 4  # climb, lab, work, again
    assert live["reach: lines"] == 19 + 2 + 0 + 2 + 9
    assert (live["reach: folders"], live["reach: folders not needed"]) == ("lab low ros", "side")


def test_the_layers_of_the_architecture_test_and_the_node_where_they_stood_before(tmp_path, figures):
    write(tmp_path, table="tests/unit/test_house.py")
    package = tmp_path / "speech_gesture_pkg"
    (package / "ros").rename(package / "nodes")
    moved = measured(tmp_path)
    assert moved["imports"] == {**figures["imports"], "without a layer": 2}
    assert moved["live path"]["reach: modules"] == figures["live path"]["reach: modules"]


def test_before_and_after_side_by_side(tmp_path):
    measured(write(tmp_path))
    (tmp_path / "speech_gesture_pkg" / "lab" / "work.py").write_text("x = 1\n", encoding="utf-8")
    (tmp_path / "speech_gesture_pkg" / "errors.py").write_text("", encoding="utf-8")
    rows = run("--root", tmp_path, "--compare", tmp_path / "figures.json").splitlines()
    assert rows[:2] == ["| figure | before | after |", "| --- | ---: | ---: |"]
    assert "| package: lines | 36 | 35 |" in rows
    assert "| imports: circles | 2 | 1 |" in rows
    assert "| imports: without a layer | 0 | 1 |" in rows
    assert "| lines per folder: errors.py | - | 0 |" in rows
    assert not {row for row in rows if row.count("|") != 4}


def test_the_list_and_a_folder_that_is_no_checkout(tmp_path):
    assert "speech_gesture_pkg/low/values.py:10 eight" in run("--root", write(tmp_path / "house"), "--list")
    done = subprocess.run([sys.executable, TOOL, "--root", tmp_path], capture_output=True, text=True, timeout=60)
    assert done.returncode == 1
    assert "give --root of a checkout" in done.stderr
