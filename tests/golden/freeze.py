"""Golden outputs: behaviour that a refactoring must not change.

    python tests/golden/freeze.py [CASE ...]           write the cases (all, if none is named)
    python tests/golden/freeze.py --check [CASE ...]   compare, one line each; exit status 1 if something differs

Refreeze on purpose, and say in the commit why the outputs changed. `--check --exact` holds every case to the last bit,
also what is not kept in the files: for changes that must not touch a number, on a machine like the one that wrote them
and with OMP_NUM_THREADS=2 (torch rounds differently with another number of threads).
"""

from __future__ import annotations

import argparse
import sys
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))  # this checkout, wherever another one is installed
sys.path.insert(0, str(Path(__file__).resolve().parent))

import golden_store as store
from adapter import has
from golden_cases import CASES


def write(names: list[str]) -> int:
    """Write the cases."""
    for name in names:
        case = CASES[name]
        if case.needs and not has(case.needs):
            print(f"{name}: not written, {case.needs} is not installed")
            continue
        size = store.save(name, case.make(), case.rows)
        print(f"{name}: {size / 1000:.1f} kB, {case.about}")
    total = sum(path.stat().st_size for path in store.FROZEN.glob("*.npz"))
    print(f"{total / 1000:.0f} kB in all")
    return 0


def check(names: list[str], exact: bool) -> int:
    """Compare the cases with what is frozen."""
    failed = 0
    for name in names:
        case = CASES[name]
        if case.needs and not has(case.needs):
            print(f"{name}: skipped, {case.needs} is not installed")
            continue
        began = time.perf_counter()
        found = store.compare(name, case.make(), case.atol, case.rows)
        failed += bool(found.different or (exact and found.inexact))
        print(f"{name} ({time.perf_counter() - began:.1f} s): {found.line(exact)}")
    print(f"{failed} of {len(names)} cases differ" if failed else f"{len(names)} cases as frozen")
    return 1 if failed else 0


def main() -> int:
    """Command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("cases", nargs="*", metavar="CASE", help=f"of: {', '.join(CASES)}")
    parser.add_argument("--check", action="store_true", help="compare, write nothing")
    parser.add_argument("--exact", action="store_true", help="with --check: to the last bit")
    options = parser.parse_args()
    unknown = sorted(set(options.cases) - set(CASES))
    if unknown:
        parser.error(f"no case {', '.join(unknown)}; there are: {', '.join(CASES)}")
    names = options.cases or list(CASES)
    return check(names, options.exact) if options.check else write(names)


if __name__ == "__main__":
    sys.exit(main())
