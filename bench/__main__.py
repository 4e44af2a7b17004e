"""`make bench`: one table of budget, measured, limit and verdict. `ONLY=list` or `ONLY=c1,b1` runs some rows."""

from __future__ import annotations

import os
import platform
import sys

from bench import rows

NAMES = {"list": "c1", "poll": "b1", "tasks": "a1", "latency": "a2", "create": "a3", "ready": "g1", "idle": "g2"}


def main() -> int:
    known = {key for module in rows.MODULES for key in module.KEYS}
    asked = [key for word in sys.argv[1:] for key in word.split(",") if key]
    wanted = {NAMES.get(key, key) for key in asked} or known
    if strange := wanted - known:
        print(f"Unknown rows: {', '.join(sorted(strange))}. There are {', '.join(sorted(known))}", file=sys.stderr)
        return 2
    print(f"{os.cpu_count()} cores, Python {platform.python_version()}; medians, ratios of runs in turn\n")
    print(f"{'row':<5} {'what':<52} {'measured':>9} {'':<6}   {'budget':<8} {'verdict':<7} against")
    measured = []
    for module in rows.MODULES:
        if wanted & set(module.KEYS):
            for row in module.rows(wanted):
                measured.append(row)
                print(row.text(), flush=True)
    missed = [row for row in measured if not row.kept]
    print(f"\n{len(measured) - len(missed)} of {len(measured)} within budget")
    return 0


if __name__ == "__main__":
    sys.exit(main())
