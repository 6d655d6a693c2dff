"""The figures by which the structure of the code is judged: sizes, `Any`, circles, layers, the live path.

    python tools/house_figures.py [--root DIR] [--list] [--json FILE] [--compare BEFORE.json]

Reads the source as text and imports none of it. How each figure is counted:

- A function counts once, with what is nested in it; its length is from `def` to its last line, without decorators.
- Parameters are all of a signature, `*args` and `**kwargs` too, but not `self` and `cls`; nested functions too.
- Public is what has no leading underscore, nor its class; `__init__` and its like are public.
- At seams is a public function, or a method of a public class, that another top-level folder imports (re-exports in an
  `__init__` are followed) and whose annotations say `Any`.
- Circles are those of imports that run when a module is loaded: not inside functions, not under `if TYPE_CHECKING`.
- Upward and sideways imports are judged by LAYERS, wherever they stand.
- The live path goes from gesture_node along imports at module level and inside functions, and takes in the
  `__init__` of every folder it enters; "on load" is without the imports inside functions.
"""

from __future__ import annotations

import argparse
import ast
import json
from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

NAME = "speech_gesture_pkg"
ENTRIES = ("ros/gesture_node.py", "nodes/gesture_node.py")
LAYER_FILES = ("tests/helpers/house_layers.py", "tests/unit/test_house.py")
MOST_PARAMETERS = 7
Def = ast.FunctionDef | ast.AsyncFunctionDef
DEF = (ast.FunctionDef, ast.AsyncFunctionDef)
Figures = dict[str, dict[str, Any]]


@dataclass
class Function:
    """One `def`: its dotted name inside the module (`Class.method`), and whether it stands inside another one."""

    name: str
    node: Def
    nested: bool

    @property
    def lines(self) -> int:
        return (self.node.end_lineno or self.node.lineno) - self.node.lineno + 1

    @property
    def parameters(self) -> int:
        a = self.node.args
        first = [p.arg for p in (*a.posonlyargs, *a.args)][:1]
        extra = sum(x is not None for x in (a.vararg, a.kwarg)) - (first in (["self"], ["cls"]))
        return len(a.posonlyargs) + len(a.args) + len(a.kwonlyargs) + extra

    @property
    def public(self) -> bool:
        names = self.name.split(".")
        return not self.nested and not any(n.startswith("_") and not n.endswith("__") for n in names)

    @property
    def anys(self) -> int:
        """How often its annotations say `Any`."""
        a = self.node.args
        held = [p.annotation for p in (*a.posonlyargs, *a.args, *a.kwonlyargs, a.vararg, a.kwarg) if p]
        return sum(count_any(x) for x in (*held, self.node.returns) if x)


@dataclass
class Module:
    """One file of the package; `imports` are (line, dotted name, "load" | "call" | "typing")."""

    name: str
    path: str
    lines: int
    tree: ast.Module
    functions: list[Function]
    imports: list[tuple[int, str, str]] = field(default_factory=list)
    binds: dict[str, str] = field(default_factory=dict)

    @property
    def top(self) -> str:
        """First level below the package: a folder, or a file with its suffix."""
        return self.path.split("/")[1]


def count_any(annotation: ast.expr) -> int:
    found = 0
    for node in ast.walk(annotation):
        if isinstance(node, ast.Constant) and isinstance(node.value, str):
            try:
                found += count_any(ast.parse(node.value, mode="eval").body)
            except SyntaxError:
                continue  # a word of Annotated[...] or Literal[...]
        found += (isinstance(node, ast.Name) and node.id == "Any") or (
            isinstance(node, ast.Attribute) and node.attr == "Any"
        )
    return found


def functions(node: ast.AST, prefix: str = "", nested: bool = False) -> Iterator[Function]:
    for child in ast.iter_child_nodes(node):
        if isinstance(child, DEF):
            yield Function(prefix + child.name, child, nested)
            yield from functions(child, f"{prefix}{child.name}.", True)
        else:
            yield from functions(child, f"{prefix}{child.name}." if isinstance(child, ast.ClassDef) else prefix, nested)


def import_nodes(node: ast.AST, when: str = "load") -> Iterator[tuple[ast.Import | ast.ImportFrom, str]]:
    if isinstance(node, (ast.Import, ast.ImportFrom)):
        yield node, when
    elif isinstance(node, ast.If) and ast.unparse(node.test) in ("TYPE_CHECKING", "typing.TYPE_CHECKING"):
        for child in node.body:
            yield from import_nodes(child, "typing")
        for child in node.orelse:
            yield from import_nodes(child, when)
    else:
        inner = "call" if isinstance(node, DEF) and when == "load" else when
        for each in ast.iter_child_nodes(node):
            yield from import_nodes(each, inner)


def read_package(root: Path) -> dict[str, Module]:
    modules: dict[str, Module] = {}
    for file in sorted((root / NAME).rglob("*.py")):
        path, text = file.relative_to(root), file.read_text(encoding="utf-8")
        name = ".".join(path.with_suffix("").parts).removesuffix(".__init__")
        tree = ast.parse(text, str(path))
        modules[name] = Module(name, path.as_posix(), len(text.splitlines()), tree, list(functions(tree)))
    for module in modules.values():
        for node, when in import_nodes(module.tree):
            if isinstance(node, ast.Import):
                pairs = [(a.asname or a.name.split(".")[0], a.name, a.asname) for a in node.names]
                module.binds.update({bound: name if alias else bound for bound, name, alias in pairs})
                names = [name for _, name, _ in pairs]
            else:  # the house has no relative imports: a test sees to it
                names = [f"{node.module}.{a.name}" for a in node.names]
                module.binds.update({a.asname or a.name: f"{node.module}.{a.name}" for a in node.names})
            module.imports += [(node.lineno, n, when) for n in names if n.split(".")[0] == NAME]
    return modules


def module_of(dotted: str, modules: dict[str, Module]) -> str:
    """The longest front of a dotted name that is a module: "" without any."""
    while dotted and dotted not in modules:
        dotted = dotted.rpartition(".")[0]
    return dotted


def ancestors(name: str) -> list[str]:
    parts = name.split(".")
    return [".".join(parts[:n]) for n in range(1, len(parts))]


def reached(start: str, modules: dict[str, Module], kinds: tuple[str, ...]) -> set[str]:
    seen: set[str] = set()
    todo = [start]
    while todo:
        name = todo.pop()
        if name in modules and name not in seen:
            seen.add(name)
            todo += ancestors(name) + [module_of(n, modules) for _, n, when in modules[name].imports if when in kinds]
    return seen


def circles(modules: dict[str, Module]) -> list[list[str]]:
    """Strongly connected components of more than one module, or of one that imports itself."""
    edges = {m.name: {module_of(n, modules) for _, n, when in m.imports if when == "load"} for m in modules.values()}
    reach: dict[str, set[str]] = {}
    for name in modules:
        reach[name], todo = set(), list(edges[name])
        while todo:
            if (other := todo.pop()) not in reach[name]:
                reach[name].add(other)
                todo += edges.get(other, ())
    rings = {tuple(sorted(o for o in reach[n] if n in reach.get(o, ()))) for n in modules if n in reach[n]}
    return [list(ring) for ring in sorted(rings)]


def read_layers(root: Path) -> dict[str, int]:
    """Level of each folder or file of the LAYERS table, lowest first."""
    for file in filter(Path.is_file, (root / f for f in LAYER_FILES)):
        for node in ast.parse(file.read_text(encoding="utf-8")).body:
            target = node.targets[0] if isinstance(node, ast.Assign) else getattr(node, "target", None)
            if isinstance(node, (ast.Assign, ast.AnnAssign)) and node.value and getattr(target, "id", "") == "LAYERS":
                rows = [[row] if isinstance(row, str) else row for row in ast.literal_eval(node.value)]
                return {name: level for level, row in enumerate(rows) for name in row}
    raise SystemExit(f"no table LAYERS in {' or '.join(LAYER_FILES)} below {root}: give --root of a checkout")


def layer_of(module: str, layers: dict[str, int]) -> str:
    """Longest entry of the table that holds a module: "lab/metrics" before "lab", "" without any."""
    path = "/".join(module.split(".")[1:])
    while path and path not in layers:
        path = path.rpartition("/")[0]
    return path


def against_layers(modules: dict[str, Module], layers: dict[str, int]) -> dict[str, list[str]]:
    out: dict[str, list[str]] = {"upward": [], "sideways": [], "without a layer": []}
    for m in modules.values():
        here = layer_of(m.name, layers)
        if not here:
            out["without a layer"] += [m.path] if m.name != NAME else []
            continue
        for line, name, _ in m.imports:
            there = layer_of(module_of(name, modules), layers)
            if there and there != here and layers[there] >= layers[here]:
                kind = "upward" if layers[there] > layers[here] else "sideways"
                out[kind].append(f"{m.path}:{line} ({here}) imports {name}")
    return out


def home_of(dotted: str, modules: dict[str, Module]) -> str:
    """Where an imported name is defined: re-exports are followed."""
    for _ in range(20):
        module = module_of(dotted, modules)
        head, _, rest = dotted[len(module) + 1 :].partition(".")
        if not module or head not in modules[module].binds:
            break
        dotted = modules[module].binds[head] + (f".{rest}" if rest else "")
    return dotted


def names_used_elsewhere(modules: dict[str, Module]) -> set[str]:
    """Dotted names that a module of another top-level folder imports, or takes from a module that it imports."""
    used = set()
    for m in modules.values():
        names = {name for _, name, _ in m.imports}
        for node in ast.walk(m.tree):
            if isinstance(node, ast.Attribute):
                base, _, rest = ast.unparse(node).partition(".")
                if m.binds.get(base, "").split(".")[0] == NAME:
                    names.add(f"{m.binds[base]}.{rest}")
        for home in (home_of(name, modules) for name in names):
            module = module_of(home, modules)
            if module and home != module and modules[module].top != m.top:
                used.add(home)
    return used


def lines_of(modules: Iterable[Module]) -> int:
    return sum(m.lines for m in modules)


def measure(root: Path) -> Figures:
    """All figures of a checkout; "lists" holds the names behind the counts."""
    modules = read_package(root)
    if not modules:
        raise SystemExit(f"no {NAME} in {root}: give --root of a checkout")
    every = [(m, f) for m in modules.values() for f in m.functions]
    outer = [(m, f) for m, f in every if not f.nested]
    longest_module, longest = max(outer, key=lambda pair: pair[1].lines)
    crowded = sorted(((m, f) for m, f in every if f.parameters > MOST_PARAMETERS), key=lambda pair: -pair[1].parameters)
    loose = [(m, f) for m, f in outer if f.public and f.anys]
    used = names_used_elsewhere(modules)
    seams = [(m, f) for m, f in loose if {f"{m.name}.{f.name}", f"{m.name}.{f.name.split('.')[0]}"} & used]
    rings, wrong = circles(modules), against_layers(modules, read_layers(root))
    per_folder = Counter[str]()
    for m in modules.values():
        per_folder[m.top] += m.lines
    figures: Figures = {
        "package": {
            "lines": lines_of(modules.values()),
            "modules": len(modules),
            "classes": sum(isinstance(n, ast.ClassDef) for m in modules.values() for n in ast.walk(m.tree)),
            "functions and methods": len(outer),
            "longest function, lines": longest.lines,
            "longest function": f"{longest.name} ({longest_module.path}:{longest.node.lineno})",
            f"functions with more than {MOST_PARAMETERS} parameters": len(crowded),
            "public functions and methods with Any": len(loose),
            "Any in their annotations": sum(f.anys for _, f in loose),
            "functions with Any at seams": sum("." not in f.name for _, f in seams),
            "methods with Any at seams": sum("." in f.name for _, f in seams),
        },
        "imports": {"circles": len(rings), "modules in circles": sum(map(len, rings))}
        | {key: len(found) for key, found in wrong.items()},
        "live path": {},
        "lines per folder": dict(sorted(per_folder.items())),
    }
    lists = {
        f"more than {MOST_PARAMETERS} parameters": [
            f"{f.parameters} {m.path}:{f.node.lineno} {f.name}" for m, f in crowded
        ],
        "Any at seams": [f"{m.path}:{f.node.lineno} {f.name}" for m, f in seams],
        "circles": [" <-> ".join(ring) for ring in rings],
        **wrong,
    }
    entry = next((m for e in ENTRIES for m in modules.values() if m.path == f"{NAME}/{e}"), None)
    for title, kinds in (("reach", ("load", "call")), ("on load", ("load",))) if entry else ():
        found = [modules[n] for n in sorted(reached(entry.name, modules, kinds))] if entry else []
        folders = sorted({m.top for m in found if m.path.count("/") > 1})
        unread = sorted(f for f in per_folder if f not in folders and not f.endswith(".py"))
        figures["live path"] |= {
            f"{title}: modules": len(found),
            f"{title}: lines": lines_of(found),
            f"{title}: number of folders": len(folders),
            f"{title}: folders": " ".join(folders),
            f"{title}: folders not needed": " ".join(unread),
        }
        lists[f"live path, {title}"] = [m.path for m in found]
    return {**figures, "lists": lists}


def table(columns: dict[str, Figures]) -> str:
    """Markdown table of figures, one column each; what a side lacks is a dash."""
    rows = [["figure", *columns], ["---", *("---:" for _ in columns)]]
    for group in dict.fromkeys(g for figures in columns.values() for g in figures if g != "lists"):
        for key in dict.fromkeys(k for figures in columns.values() for k in figures.get(group, {})):
            rows.append([f"{group}: {key}", *(str(f.get(group, {}).get(key, "-")) for f in columns.values())])
    return "\n".join(f"| {' | '.join(row)} |" for row in rows)


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--root", type=Path, default=Path(__file__).resolve().parents[1], help="checkout to measure")
    parser.add_argument("--list", action="store_true", help="print the names behind the counts too")
    parser.add_argument("--json", type=Path, metavar="FILE", help="write all figures and lists")
    parser.add_argument("--compare", type=Path, metavar="BEFORE.json", help="table of those figures and these")
    options = parser.parse_args()
    figures = measure(options.root)
    before = json.loads(options.compare.read_text(encoding="utf-8")) if options.compare else None
    print(table({"before": before, "after": figures} if before else {"value": figures}))
    for title, names in figures["lists"].items() if options.list else ():
        print(f"\n{title}: {len(names)}", *(f"  {name}" for name in names), sep="\n")
    if options.json:
        options.json.write_text(json.dumps(figures, indent=1) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
