"""Every third-party import of the package is declared: in setup.py, and for ROS in package.xml too."""

from __future__ import annotations

import ast
import re
import runpy
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
PACKAGE = "speech_gesture_pkg"
DISTRIBUTIONS = {
    "PIL": "pillow",
    "backports": "backports-zstd",
    "distributed": "dask",
    "pinocchio": "pin",
    "yaml": "pyyaml",
}
"""Imports whose distribution has another name."""
LATER_STANDARD = {"compression"}
"""In the standard library of a Python that is newer than some that the package runs on."""
ROS = re.compile(r"rclpy|.*_(msgs|srvs|interfaces)")


@pytest.fixture(scope="module")
def imported() -> dict[str, str]:
    """Top-level name of each third-party import -> a file that has it."""
    found = {}
    for path in sorted((ROOT / PACKAGE).rglob("*.py")):
        for node in ast.walk(ast.parse(path.read_text("utf-8"))):
            if isinstance(node, ast.Import):
                names = [alias.name for alias in node.names]
            elif isinstance(node, ast.ImportFrom):
                names = [str(node.module)]
            else:
                continue
            found |= {name.split(".")[0]: str(path.relative_to(ROOT)) for name in names}
    own = {*sys.stdlib_module_names, *LATER_STANDARD, PACKAGE}
    return {name: path for name, path in found.items() if name not in own}


@pytest.fixture
def declared(monkeypatch) -> set[str]:
    """Distributions of setup.py, in the form of PEP 503."""
    given: dict = {}
    monkeypatch.setattr("setuptools.setup", lambda **values: given.update(values))
    monkeypatch.chdir(ROOT)
    runpy.run_path("setup.py")
    wanted = [*given["install_requires"], *(w for extra in given["extras_require"].values() for w in extra)]
    return {normal(re.match(r"[\w.-]+", w)[0]) for w in wanted}


def normal(name: str) -> str:
    return re.sub(r"[-_.]+", "-", name).lower()


def test_setup_py_declares_every_import(imported, declared):
    wrong = []
    for name, path in imported.items():
        distribution = f"ros-{name}" if ROS.fullmatch(name) else DISTRIBUTIONS.get(name, name)
        if normal(distribution) not in declared:
            wrong.append(f"{path} imports {name}, but setup.py does not declare {normal(distribution)}")
    assert wrong == []


def test_package_xml_declares_every_ros_import(imported):
    listed = re.findall(r"<exec_depend>(.+?)</exec_depend>", (ROOT / "package.xml").read_text("utf-8"))
    assert {name for name in imported if ROS.fullmatch(name)} <= set(listed)
