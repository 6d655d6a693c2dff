"""The laws of the house (docs/architecture.md): layers, imports, sizes, one version, one parameter table."""

from __future__ import annotations

import ast
import re
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

import pytest
import yaml
from house_layers import LAYERS

import speech_gesture_pkg
from speech_gesture_pkg.config import parameters

ROOT = Path(__file__).resolve().parents[2]
PACKAGE = ROOT / "speech_gesture_pkg"
SOURCES = sorted(PACKAGE.rglob("*.py"))

LEVEL = {name: level for level, names in enumerate(LAYERS) for name in names}
TOP = ("config", "resources")
ROS = re.compile(r"rclpy|launch|.*_(msgs|srvs|interfaces)$|ament_.*|tf2.*")
WITH_TORCH = ("lab", "cli")
"""Torch may be imported below these; a robot needs neither."""


def part_of(path: Path) -> str:
    """Where a file stands among the layers: `audio`, `pipeline`, `lab/metrics`, ..."""
    return place_of(path.relative_to(PACKAGE).with_suffix("").parts)


def place_of(parts: Sequence[str]) -> str:
    """The longest name among the layers that `parts` begins with; else its first part."""
    names = ("/".join(parts[:n]) for n in range(len(parts), 0, -1))
    return next((name for name in names if name in LEVEL), parts[0] if parts else "")


def imports(path: Path) -> list[tuple[int, str]]:
    """Line and full name of everything that a file imports, wherever it stands."""
    found = []
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            found += [(node.lineno, alias.name) for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path}:{node.lineno}: relative import"
            # `from package import module` names the module only in its aliases
            names = [f"{node.module}.{a.name}" for a in node.names] if node.module == "speech_gesture_pkg" else []
            found += [(node.lineno, n) for n in names or [str(node.module)]]
    return found


def fresh(code: str) -> str:
    """Output of `code` in a new interpreter."""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, cwd=ROOT, timeout=60)
    assert done.returncode == 0, done.stderr
    return done.stdout.strip()


def tracked() -> list[Path]:
    """Files under version control; without git, what the source tree holds."""
    try:
        listed = subprocess.run(["git", "ls-files"], capture_output=True, text=True, cwd=ROOT, timeout=30)
    except FileNotFoundError:
        listed = None
    if listed is None or listed.returncode:
        folders = ("speech_gesture_pkg", "tests", "launch", "config", "models", "rviz")
        return [f for folder in folders for f in (ROOT / folder).rglob("*") if f.is_file()]
    return [ROOT / line for line in listed.stdout.splitlines() if (ROOT / line).is_file()]


def test_every_part_has_its_place_among_the_layers():
    assert {part_of(p) for p in SOURCES} - {"__init__"} == set(LEVEL)


def test_imports_run_one_way():
    wrong = []
    for path in SOURCES:
        here = part_of(path)
        for line, name in imports(path):
            if name.startswith("speech_gesture_pkg.") and here != "__init__":
                there = place_of(name.split(".")[1:])
                if there in LEVEL and LEVEL[there] > LEVEL[here]:
                    wrong.append(f"{path.relative_to(ROOT)}:{line} ({here}) imports {name}")
                if there != here and there in LEVEL and LEVEL[there] == LEVEL[here] and here not in TOP:
                    wrong.append(f"{path.relative_to(ROOT)}:{line}: {here} and {there} stand side by side")
    assert not wrong, "\n".join(wrong)


def test_learned_generators_know_nothing_of_each_other():
    """A third one touches two folders and a line of the registry."""
    names, wrong = ("speechcat", "diffsheg"), []
    for folder in ("generators", "lab/models"):
        for path in (p for name in names for p in (PACKAGE / folder / name).rglob("*.py")):
            others = [name for name in names if name not in path.relative_to(PACKAGE).parts]
            wrong += [
                f"{path.relative_to(ROOT)}:{line} imports {module}"
                for line, module in imports(path)
                if set(module.split(".")) & set(others)
            ]
    shared = [
        p
        for f in ("generators", "lab/models", "lab/training", "lab/ablation", "cli")
        for p in (PACKAGE / f).glob("*.py")
    ]
    for path in shared:
        wrong += [
            f"{path.relative_to(ROOT)}:{line} imports {module}"
            for line, module in imports(path)
            if set(module.split(".")) & set(names)
        ]
    assert wrong == []


def test_no_circles_between_modules():
    modules = {".".join(p.relative_to(ROOT).with_suffix("").parts).removesuffix(".__init__"): p for p in SOURCES}
    edges = {}
    for name, path in modules.items():
        tree = ast.parse(path.read_text(encoding="utf-8"))
        top = [n for n in tree.body if isinstance(n, (ast.Import, ast.ImportFrom))]
        named = [(n.module, a.name) for n in top if isinstance(n, ast.ImportFrom) for a in n.names]
        edges[name] = {m for module, a in named for m in [f"{module}.{a}"] if m in modules} | {
            str(module) for module, a in named if module in modules and f"{module}.{a}" not in modules
        }
    done: set[str] = set()

    def visit(name: str, path: tuple[str, ...]) -> None:
        assert name not in path, " -> ".join((*path, name))
        if name not in done:
            for other in edges[name]:
                visit(other, (*path, name))
            done.add(name)

    for name in modules:
        visit(name, ())


def test_ros_is_imported_only_by_its_folder():
    wrong = [
        f"{path.relative_to(ROOT)}:{line} imports {name}"
        for path in SOURCES
        if part_of(path) != "ros"
        for line, name in imports(path)
        if ROS.fullmatch(name.split(".")[0]) and name.split(".")[0] != "speech_gesture_pkg"
    ]
    # Commands look whether ROS is there; they do so by one guarded `import rclpy` before they start nodes.
    assert [w for w in wrong if not re.match(r"speech_gesture_pkg/cli/\w+\.py:\d+ imports rclpy$", w)] == []


def test_torch_is_not_imported_where_a_robot_runs():
    wrong = [
        f"{p}:{n}"
        for p in SOURCES
        if part_of(p).split("/")[0] not in WITH_TORCH
        for _, n in imports(p)
        if n.split(".")[0] == "torch"
    ]
    assert wrong == []


def test_the_running_core_loads_neither_torch_nor_ros():
    loaded = fresh(
        "import sys, speech_gesture_pkg.pipeline.build, speech_gesture_pkg.pipeline.offline\n"
        "from speech_gesture_pkg.generators.registry import load_generator\n"
        "load_generator('prosody')\n"
        "print(sorted({m.split('.')[0] for m in sys.modules} & {'torch', 'rclpy', 'std_msgs', 'transformers', "
        "'matplotlib', 'cv2', 'viser', 'trimesh', 'sounddevice'}))"
    )
    assert loaded == "[]"


def test_nodes_load_no_torch():
    pytest.importorskip("rclpy")
    code = "import sys, speech_gesture_pkg.ros.gesture_node\nprint('torch' in sys.modules)"
    assert fresh(code) == "False"


def test_the_package_imports_quickly_and_loads_nothing_heavy():
    code = (
        "import sys, time; before = time.perf_counter(); import speech_gesture_pkg; "
        "print(time.perf_counter() - before, 'numpy' in sys.modules, 'yaml' in sys.modules)"
    )
    seconds, *heavy = min((fresh(code).split() for _ in range(3)), key=lambda words: float(words[0]))
    assert float(seconds) < 0.3
    assert heavy == ["False", "False"]


def test_files_stay_small():
    files = SOURCES + sorted((ROOT / "launch").glob("*.py")) + sorted((ROOT / "tests").rglob("*.py"))
    assert {str(f.relative_to(ROOT)): n for f in files if (n := len(f.read_text("utf-8").splitlines())) > 400} == {}


def test_no_print_and_no_silent_except_in_the_core():
    wrong = []
    for path in SOURCES:
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.ExceptHandler):
                if node.type is None:
                    wrong.append(f"{path.name}:{node.lineno}: bare except")
                elif len(node.body) == 1 and isinstance(node.body[0], ast.Pass):
                    wrong.append(f"{path.name}:{node.lineno}: except with nothing but pass")
            is_print = isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id == "print"
            if is_print and part_of(path) not in ("cli", "ros"):
                wrong.append(f"{path.name}:{node.lineno}: print")
    assert wrong == []


def test_launch_is_no_package():
    assert not (ROOT / "launch" / "__init__.py").exists()


def test_one_version_everywhere():
    package = re.search(r"<version>(.+?)</version>", (ROOT / "package.xml").read_text("utf-8"))
    setup = re.search(r'version="(.+?)"', (ROOT / "setup.py").read_text("utf-8"))
    assert package is not None
    assert setup is not None
    assert package[1] == setup[1] == speech_gesture_pkg.__version__
    citation = yaml.safe_load((ROOT / "CITATION.cff").read_text("utf-8"))
    assert citation["version"] == speech_gesture_pkg.__version__
    assert f"\n{speech_gesture_pkg.__version__} (" in (ROOT / "CHANGELOG.rst").read_text("utf-8")


def flat(tree: dict, prefix: str = "") -> dict:
    """`{group: {key: value}}` as `{group.key: value}`."""
    out = {}
    for key, value in tree.items():
        out.update(flat(value, f"{prefix}{key}.") if isinstance(value, dict) else {f"{prefix}{key}": value})
    return out


def test_the_parameter_file_lists_exactly_the_parameters_with_their_defaults():
    tree = yaml.safe_load((ROOT / "config" / "gesture.yaml").read_text("utf-8"))
    values = flat(next(iter(tree.values()))["ros__parameters"])
    table = {p.name: p for p in parameters()}
    assert set(values) == set(table)
    assert {n: p.check(values[n]) for n, p in table.items()} == {n: p.default for n, p in table.items()}


def test_the_page_lists_exactly_the_parameters():
    text = (ROOT / "docs" / "parameters.md").read_text("utf-8")
    lines = [line for line in text.splitlines() if line.startswith("| `")]
    rows = [[c.strip().strip("`") for c in line.strip("| ").split("|")] for line in lines]
    listed = {row[0]: row for row in rows if "." in row[0]}
    assert set(listed) == {p.name for p in parameters()}
    for p in parameters():
        shown = p.default if not isinstance(p.default, tuple) else ", ".join(p.default)
        cells = " | ".join(listed[p.name])
        assert str(shown) in cells or str(shown).lower() in cells, f"{p.name}: default {shown!r} is not in {cells!r}"
        assert not p.unit or p.unit in cells, f"{p.name}: unit {p.unit} is not in {cells!r}"


def test_parameters_are_told_in_sentences_with_defaults_in_range():
    for p in parameters():
        assert p.doc.endswith("."), p.name
        assert p.check(p.default) == p.default, p.name


def test_no_file_names_a_place_on_this_machine():
    forbidden = [f"{p}/".encode() for p in (ROOT, ROOT.parent, Path.home()) if len(p.parts) > 1]
    wrong = [
        f"{path.relative_to(ROOT)}: {place.decode()}"
        for path in tracked()
        if path.stat().st_size < 5_000_000
        for place in forbidden
        if place in path.read_bytes()
    ]
    assert wrong == []


READERS_OF_CONTENT = ("bag_audio", "bag_content")
"""These show what a bag holds, to viewers and metrics, and check nothing."""


def test_the_checker_shares_no_code_with_what_it_checks():
    """But the rules of controllers, which `sim` has from the real class, and the reading of bags."""
    allowed = re.compile(r"speech_gesture_pkg\.(verification\.(?!bag_audio|bag_content)|bags\.messages|sim\.|errors$)")
    for path in sorted((PACKAGE / "verification").glob("*.py")):
        if path.stem not in READERS_OF_CONTENT:
            for line, name in imports(path):
                assert not name.startswith("speech_gesture_pkg") or allowed.match(name), f"{path.name}:{line}: {name}"
