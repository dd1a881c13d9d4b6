"""Everything that the README's figures come from: one table, and .bench/results.json.

``python -m benchmarks [decode] [search] [bus] [pipeline]``
"""

import importlib
import json
import os
import platform
import sys
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final

from rich.console import Console
from rich.table import Table

NAMES: Final = ("decode", "search", "bus", "pipeline")
WIDEST: Final = 8  # columns
RESULTS: Final = Path(__file__).resolve().parent.parent / ".bench" / "results.json"


def main(names: list[str]) -> int:
    """Measure, print, and keep what was measured; others' earlier results stay in the file."""
    if unknown := sorted(set(names) - set(NAMES)):
        print(f"no benchmark {', '.join(unknown)}; there are: {', '.join(NAMES)}", file=sys.stderr)
        return 2
    console = Console(width=None if sys.stdout.isatty() else 160)
    results: dict[str, Any] = json.loads(RESULTS.read_text()) if RESULTS.exists() else {}
    for name in names or NAMES:
        console.print(f"measuring {name} …", style="dim")
        rows = importlib.import_module(f"benchmarks.{name}").measure()
        results[name] = {"at": datetime.now(UTC).isoformat(), "machine": machine(), "rows": rows}
        RESULTS.parent.mkdir(exist_ok=True)
        RESULTS.write_text(json.dumps(results, indent=1))
        for table in tables(name, rows):
            console.print(table)
    console.print(f"JSON: {RESULTS.relative_to(Path.cwd())}")
    return 0


def tables(name: str, rows: list[dict[str, Any]]) -> list[Table]:
    """Return a table for each set of columns, so that none has holes; a wide one lies on its side."""
    shapes: dict[tuple[str, ...], list[dict[str, Any]]] = {}
    for row in rows:
        shapes.setdefault(tuple(row), []).append(row)
    return [
        (_upright if len(keys) <= WIDEST else _on_its_side)(name, alike)
        for keys, alike in shapes.items()
    ]


def _upright(name: str, rows: list[dict[str, Any]]) -> Table:
    table = Table(*(_words(key) for key in rows[0]), title=name)
    for row in rows:
        table.add_row(*(_cell(value) for value in row.values()))
    return table


def _on_its_side(name: str, rows: list[dict[str, Any]]) -> Table:
    first, *others = rows[0]
    table = Table(_words(first), *(_cell(row[first]) for row in rows), title=name)
    for key in others:
        table.add_row(
            _words(key),
            *(_cell(row[key]) for row in rows),
            end_section=isinstance(rows[0][key], dict),
        )
    return table


def _words(key: str) -> str:
    return key.replace("_", " ")


def machine() -> dict[str, Any]:
    """Return what a figure depends on."""
    return {
        "cores": len(os.sched_getaffinity(0)),
        "processor": platform.machine(),
        "python": platform.python_version(),
        "load": round(os.getloadavg()[0], 1),
    }


def _cell(value: Any) -> str:
    if isinstance(value, dict):
        return "\n".join(f"{key}: {_cell(each)}" for key, each in value.items())
    return f"{value:,}" if isinstance(value, int) else str(value)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
