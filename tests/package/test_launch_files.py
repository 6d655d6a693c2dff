"""Launch files, RViz view, workspace files: right by their syntax, and by `launch` itself where it is installed."""

from __future__ import annotations

import ast
import importlib.util
import re
from pathlib import Path

import pytest
import yaml

ROOT = Path(__file__).resolve().parents[2]
LAUNCH = sorted((ROOT / "launch").glob("*.launch.py"))
NAMES = {"gesture.launch.py", "demo.launch.py", "replay.launch.py", "rviz.launch.py"}


def executables() -> dict[str, str]:
    """Console scripts of setup.py: name to module."""
    text = (ROOT / "setup.py").read_text(encoding="utf-8")
    return dict(re.findall(r'"(\w+) = speech_gesture_pkg\.ros\.(\w+):main"', text))


def calls(tree: ast.AST, name: str) -> list[ast.Call]:
    """Calls of a function by its bare name."""
    return [n for n in ast.walk(tree) if isinstance(n, ast.Call) and isinstance(n.func, ast.Name) and n.func.id == name]


def keyword(call: ast.Call, name: str) -> str | None:
    """A keyword argument that is a string literal."""
    for each in call.keywords:
        if each.arg == name and isinstance(each.value, ast.Constant):
            return str(each.value.value)
    return None


def arguments(tree: ast.Module) -> dict[str, tuple[str, str]]:
    """The file's table of launch arguments."""
    for node in tree.body:
        if isinstance(node, ast.Assign) and getattr(node.targets[0], "id", "") == "ARGUMENTS":
            return ast.literal_eval(node.value)
    raise AssertionError("the launch file has no ARGUMENTS table")


def test_the_four_files_and_no_package_that_shadows_launch():
    assert {p.name for p in LAUNCH} == NAMES
    assert not (ROOT / "launch" / "__init__.py").exists()


@pytest.mark.parametrize("path", LAUNCH, ids=lambda p: p.name)
def test_arguments_and_executables(path):
    tree = ast.parse(path.read_text(encoding="utf-8"))
    table = arguments(tree)
    used = {n.slice.value for n in ast.walk(tree) if _is_args_lookup(n)}
    assert used <= table.keys()
    assert all(isinstance(d, str) and text for d, text in table.values())
    known = executables()
    for call in [*calls(tree, "Node"), *calls(tree, "LifecycleNode")]:
        executable = keyword(call, "executable")
        if keyword(call, "package") in ("robot_state_publisher", "rviz2"):
            continue
        assert executable in known, f"{path.name} starts {executable}, which setup.py does not install"


def _is_args_lookup(node: ast.AST) -> bool:
    return (
        isinstance(node, ast.Subscript)
        and isinstance(node.value, ast.Name)
        and node.value.id == "args"
        and isinstance(node.slice, ast.Constant)
    )


def test_arguments_handed_to_included_files_exist_there():
    tables = {p.name: arguments(ast.parse(p.read_text(encoding="utf-8"))) for p in LAUNCH}
    for name in ("demo.launch.py", "replay.launch.py"):
        text = (ROOT / "launch" / name).read_text(encoding="utf-8")
        for keys in re.findall(r"args\[k\] for k in \(([^)]*)\)", text):
            handed = set(re.findall(r'"(\w+)"', keys))
            assert handed <= tables["gesture.launch.py"].keys()
            assert handed <= tables[name].keys()


def test_every_node_module_has_a_main():
    for name, module in executables().items():
        source = ROOT / "speech_gesture_pkg" / "ros" / f"{module}.py"
        assert source.is_file(), f"entry point {name} names a module that does not exist"
        tree = ast.parse(source.read_text(encoding="utf-8"))
        assert any(isinstance(n, ast.FunctionDef) and n.name == "main" for n in tree.body)


@pytest.mark.parametrize("path", LAUNCH, ids=lambda p: p.name)
def test_under_the_real_launch(path):
    launch = pytest.importorskip("launch", reason="ROS 2 `launch` is not installed here")
    pytest.importorskip("launch_ros", reason="ROS 2 `launch_ros` is not installed here")
    if not hasattr(launch, "LaunchDescription"):
        pytest.skip("ROS 2 `launch` is not installed here")
    spec = importlib.util.spec_from_file_location(path.name.replace(".", "_"), path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    description = module.generate_launch_description()
    declared = {a.name for a in description.get_launch_arguments()}
    assert declared == module.ARGUMENTS.keys()


def test_rviz_view_uses_stock_displays_only():
    view = yaml.safe_load((ROOT / "rviz" / "gesture.rviz").read_text(encoding="utf-8"))
    displays = {d["Class"]: d for d in view["Visualization Manager"]["Displays"]}
    assert displays.keys() == {f"rviz_default_plugins/{n}" for n in ("Grid", "RobotModel", "MarkerArray", "TF")}
    assert displays["rviz_default_plugins/RobotModel"]["Description Topic"]["Value"] == "/robot_description"
    assert displays["rviz_default_plugins/RobotModel"]["Description Topic"]["Durability Policy"] == "Transient Local"
    assert displays["rviz_default_plugins/MarkerArray"]["Topic"]["Value"] == "/speech_gesture/markers"
    tools = view["Visualization Manager"]["Tools"] + list(view["Visualization Manager"]["Views"].values())[:1]
    assert all(t["Class"].startswith("rviz_default_plugins/") for t in tools)
    assert view["Visualization Manager"]["Global Options"]["Fixed Frame"] == "base_link"


def test_workspace_points_at_the_repository_root():
    defaults = yaml.safe_load((ROOT / "ros2_ws" / "colcon_defaults.yaml").read_text(encoding="utf-8"))
    assert {verb: defaults[verb]["base-paths"] for verb in ("list", "build", "test")} == {
        verb: [".."] for verb in ("list", "build", "test")
    }
    repos = yaml.safe_load((ROOT / "ros2_ws" / "deps.repos").read_text(encoding="utf-8"))["repositories"]
    assert all({"type", "url", "version"} <= r.keys() for r in repos.values())
