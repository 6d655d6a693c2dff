"""docs/architecture.svg: which folder of the package imports which, drawn from the imports themselves.

    python tools/architecture_picture.py            # write docs/architecture.svg (`make picture`)
    python tools/architecture_picture.py --check    # exit code 1 if the picture there is out of date

An arrow points from a folder to one that it imports; arrows that follow from others (a path of two or more arrows leads
to the same folder) are left out. Left: what `gesture_node` loads, generators included (it loads them by name), so what
runs on a robot. Right: everything else. The words in a box are the first sentence of the folder's `__init__.py`.
"""

from __future__ import annotations

import argparse
import ast
import sys
import textwrap
from pathlib import Path
from xml.sax.saxutils import escape

from house_figures import NAME, Module, layer_of, module_of, reached, read_layers, read_package

ROOT = Path(__file__).resolve().parents[1]
PICTURE = ROOT / "docs" / "architecture.svg"
ENTRY = f"{NAME}.ros.gesture_node"
WIDTH, HEIGHT = 196, 66
"""Of a box, px."""
GAP, ROW = 16, 104
"""Between boxes of a row, and from row to row, px."""
MARGIN = 28
LIVE, OTHER, INK = ("#e3f0ff", "#2f6fb5"), ("#f4efe4", "#a08440"), "#2b3440"
Edges = dict[str, set[str]]


def folder_edges(modules: dict[str, Module], folders: list[str], layers: dict[str, int]) -> Edges:
    """By folder, the folders that it imports, without those that others of them import already."""
    edges: Edges = {f: set() for f in folders}
    for m in modules.values():
        here = layer_of(m.name, layers)
        there = {layer_of(module_of(name, modules), layers) for _, name, _ in m.imports}
        if here in edges:
            edges[here] |= (there & set(folders)) - {here}
    below: Edges = {}
    for f in sorted(folders, key=lambda name: layers[name]):
        below[f] = edges[f].union(*(below.get(other, set()) for other in edges[f]))
    return {f: {o for o in edges[f] if not any(o in below[k] for k in edges[f] - {o})} for f in folders}


def ranks(edges: Edges) -> dict[str, int]:
    """Longest way down from each folder: 0 = it imports none of the others."""
    rank: dict[str, int] = {}

    def of(folder: str) -> int:
        if folder not in rank:
            rank[folder] = max((of(other) + 1 for other in edges[folder]), default=0)
        return rank[folder]

    for folder in edges:
        of(folder)
    return rank


def first_sentence(module: Module | None) -> str:
    text = ast.get_docstring(module.tree) if module else None
    return " ".join((text or "").split("\n\n")[0].split()).split(". ")[0].rstrip(".").replace("`", "")


def place(edges: Edges, live: set[str]) -> tuple[dict[str, tuple[int, int]], int, int]:
    """Upper left corners of the boxes, where the right half begins, and the width of all, px."""
    rank = ranks(edges)
    rows = [[f for f in edges if rank[f] == r] for r in range(max(rank.values()) + 1)]
    most = [max(sum((f in live) == side for f in row) for row in rows) for side in (True, False)]
    middle = MARGIN + most[0] * (WIDTH + GAP) + GAP
    total = middle + GAP + most[1] * (WIDTH + GAP) - GAP + MARGIN
    at: dict[str, tuple[int, int]] = {}
    for r, row in enumerate(rows):
        y = MARGIN + 34 + (len(rows) - 1 - r) * ROW
        for side, left, count in ((True, MARGIN, most[0]), (False, middle + GAP, most[1])):
            names = sorted((f for f in row if (f in live) == side), key=lambda f: (wanted(edges[f], at), f))
            indent = (count - len(names)) * (WIDTH + GAP) // 2
            at |= {f: (left + indent + k * (WIDTH + GAP), y) for k, f in enumerate(names)}
    return at, middle, total


def wanted(others: set[str], at: dict[str, tuple[int, int]]) -> float:
    """Mean place of what a folder imports, so that its arrows are short."""
    xs = [at[o][0] for o in others if o in at]
    return sum(xs) / len(xs) if xs else 0.0


def draw(root: Path) -> str:
    """The picture as SVG."""
    layers, modules = read_layers(root), read_package(root)
    folders = [f for f in layers if (root / NAME / f).is_dir()]
    files = [f for f in layers if f not in folders and not f.startswith("__")]
    entries = [ENTRY, *(m for m in modules if m.startswith(f"{NAME}.generators."))]
    loaded = {m for entry in entries for m in reached(entry, modules, ("load", "call"))}
    live = {layer_of(m, layers) for m in loaded} & set(folders)
    edges = folder_edges(modules, folders, layers)
    at, middle, width = place(edges, live)
    bottom = max(y for _, y in at.values()) + HEIGHT
    height = bottom + 92
    out = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {height}" font-family="sans-serif" '
        f'fill="{INK}">',
        '<defs><marker id="head" viewBox="0 0 8 8" refX="7" refY="4" markerWidth="7" markerHeight="7" orient="auto">'
        '<path d="M0,0 L8,4 L0,8 z" fill="#7b8794"/></marker></defs>',
        f'<rect width="{width}" height="{height}" rx="10" fill="#ffffff"/>',
        f'<line x1="{middle}" y1="{MARGIN}" x2="{middle}" y2="{bottom}" stroke="#d5dbe1" stroke-dasharray="4 5"/>',
        _text(MARGIN, MARGIN + 8, "loaded by gesture_node", 15, bold=True),
        _text(middle + GAP, MARGIN + 8, "everything else", 15, bold=True),
    ]
    for folder, others in edges.items():
        for other in sorted(others):
            (x, y), (x2, y2) = at[folder], at[other]
            x, y, x2 = x + WIDTH // 2, y + HEIGHT, x2 + WIDTH // 2
            bend = max((y2 - y) // 2, 18)
            curve = f"M{x},{y} C{x},{y + bend} {x2},{y2 - bend} {x2},{y2 - 1}"
            faint = ' opacity="0.55"' if y2 - y > ROW else ""
            out.append(f'<path d="{curve}" fill="none" stroke="#7b8794"{faint} marker-end="url(#head)"/>')
    for folder, (x, y) in at.items():
        fill, line = LIVE if folder in live else OTHER
        out.append(
            f'<rect x="{x}" y="{y}" width="{WIDTH}" height="{HEIGHT}" rx="7" fill="{fill}" stroke="{line}" '
            'stroke-width="1.4"/>'
        )
        out.append(_text(x + 9, y + 18, folder, 14, bold=True))
        sentence = first_sentence(modules.get(f"{NAME}.{folder.replace('/', '.')}"))
        for k, line_text in enumerate(textwrap.wrap(sentence, 34, max_lines=3, placeholder=" ...")):
            out.append(_text(x + 9, y + 33 + 12 * k, line_text, 10))
    band = f'x="{MARGIN}" y="{bottom + 30}" width="{width - 2 * MARGIN}" height="36" rx="7"'
    out.append(f'<rect {band} fill="#eef1f4" stroke="#aab4be"/>')
    out.append(_text(MARGIN + 9, bottom + 53, f"used by all: {', '.join(files)}", 13))
    return "\n".join([*out, "</svg>"]) + "\n"


def _text(x: int, y: int, text: str, size: int, bold: bool = False) -> str:
    weight = ' font-weight="bold"' if bold else ""
    return f'<text x="{x}" y="{y}" font-size="{size}"{weight}>{escape(text)}</text>'


def main() -> int:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--check", action="store_true", help="compare with docs/architecture.svg, write nothing")
    options = parser.parse_args()
    picture = draw(ROOT)
    if not options.check:
        PICTURE.write_text(picture, encoding="utf-8")
    elif not PICTURE.is_file() or PICTURE.read_text(encoding="utf-8") != picture:
        print(f"{PICTURE.relative_to(ROOT)} is out of date: make picture", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
