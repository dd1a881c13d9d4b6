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
    """Return the rows as tables, one for each set of columns, so that no table has holes."""
    shapes: dict[tuple[str, ...], Table] = {}
    for row in rows:
        if tuple(row) not in shapes:
            shapes[tuple(row)] = Table(*(key.replace("_", " ") for key in row), title=name)
        shapes[tuple(row)].add_row(*(_cell(value) for value in row.values()))
    return list(shapes.values())


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
