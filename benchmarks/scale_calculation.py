"""A calculation from measured unit costs: machines, memory and money for so many tracks a day against so many references.

``python -m benchmarks.scale_calculation [--tracks 1e6] [--references 1e8] [--detectors FILE] [--search FILE]``

``--detectors`` is what ``python -m benchmarks.detectors --json FILE`` wrote; ``--search`` has milliseconds of CPU by size of
the catalogue and bytes an hour of references, as ``benchmarks.search`` and ``benchmarks.scale`` print them. Prices and what is
assumed of the machines are options. Everything past the measured sizes is extrapolated, and says so: by the growth
between the two largest measured sizes, and, as the other bound, in proportion to the catalogue.
"""

import argparse
import json
import math
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from rich.console import Console
from rich.table import Table

RECORDS: Final = Path(__file__).parent / "records"
DAY_SECONDS: Final = 86_400
TRACK_SECONDS: Final = 240
UNKNOWN: Final = "in no catalogue"
KNOWN: Final = "a clean copy of a reference"
TERABYTE: Final = 1e12


@dataclass(frozen=True)
class Load:
    """What comes, and what is assumed of machines and prices (US dollars).

    Attributes
    ----------
    peak : float
        Tracks of the busiest hour to those of the mean one.
    used : float
        Share of its cores that a machine is planned to be busy.
    known : float
        Share of tracks that are clean copies of references that block.
    """

    tracks_a_day: float = 1e6
    references: float = 1e8
    peak: float = 2.0
    used: float = 0.6
    known: float = 0.05
    cores: int = 32
    memory_gb: float = 256
    core_hour: float = 0.04
    memory_gb_hour: float = 0.004
    disk_gb_month: float = 0.08

    @property
    def a_second(self) -> float:
        return self.tracks_a_day / DAY_SECONDS


def cpu_by_stage(rows: list[dict[str, Any]], known: float) -> dict[str, float]:
    """Return mean CPU seconds of a track by stage, the search of the catalogue left out."""
    stages: dict[str, float] = {}
    for row in rows:
        step = row.get("step")
        if step is None or step in {"whole", "search"} or step.startswith("of embedding"):
            continue
        share = known if row["tracks"] == KNOWN else 1 - known
        stages[step] = stages.get(step, 0.0) + share * row["cpu_seconds"]
    return stages


def grown(points: Mapping[str, float], size: float) -> tuple[float, float, float]:
    """Return a cost at a size: by the growth between the two largest measured sizes, and in proportion to size.

    Returns
    -------
    exponent, by_growth, in_proportion : float

    Examples
    --------
    >>> grown({"10": 1.0, "1000": 10.0}, 100_000)
    (0.5, 100.0, 1000.0)
    """
    (small, low), (large, high) = sorted((float(each), cost) for each, cost in points.items())[-2:]
    exponent = math.log(high / low) / math.log(large / small)
    if size <= large:
        return exponent, high, high
    return exponent, high * (size / large) ** exponent, high * size / large


def machines(load: Load, cpu_seconds: float) -> float:
    """Return how many machines so many CPU seconds a track keep busy in the busiest hour."""
    return load.a_second * load.peak * cpu_seconds / (load.used * load.cores)


def cpu_a_day(load: Load, cpu_seconds: float) -> float:
    """Return what so many CPU seconds a track cost a day."""
    return load.tracks_a_day * cpu_seconds / load.used / 3600 * load.core_hour


def calculated(
    load: Load, detectors: list[dict[str, Any]], search: dict[str, Any]
) -> list[list[str]]:
    """Return the rows of the table: stage, CPU seconds a track, cores, machines, dollars a day, and where from."""
    rows = [
        _stage(load, name, seconds, "measured")
        for name, seconds in cpu_by_stage(detectors, load.known).items()
    ]
    whole = sum(cpu_by_stage(detectors, load.known).values())
    rows.append(_stage(load, "all but the search", whole, "measured"))
    exponent, low, high = grown(search["words_ms"], load.references)
    rows.append(_stage(load, f"search of words, n^{exponent:.2f}", low / 1000, "extrapolated"))
    rows.append(_stage(load, "search of words, in proportion", high / 1000, "extrapolated"))
    times = (1 - load.known) * TRACK_SECONDS / search["altered_seconds"] / 1000
    exponent, low, high = grown(search["altered_ms"], load.references)
    rows.append(
        _stage(load, f"search for altered copies, n^{exponent:.2f}", times * low, "extrapolated")
    )
    rows.append(
        _stage(load, "search for altered copies, in proportion", times * high, "extrapolated")
    )
    return rows


def _stage(load: Load, name: str, seconds: float, how: str) -> list[str]:
    cores = load.a_second * load.peak * seconds / load.used
    return [
        name, f"{seconds:,.3f}", f"{cores:,.0f}", f"{machines(load, seconds):,.1f}",
        f"{cpu_a_day(load, seconds):,.0f}", how,
    ]  # fmt: skip


def kept(load: Load, search: dict[str, Any]) -> list[list[str]]:
    """Return the rows about the index: part, terabytes, machines to hold it in memory, dollars a month in memory and on disk."""
    hours = load.references * TRACK_SECONDS / 3600
    parts = {name: each * hours for name, each in search["bytes_an_hour"].items()}
    rows = []
    for name, size in {**parts, "all": sum(parts.values())}.items():
        gigabytes = size / 1e9
        rows.append(
            [
                name,
                f"{size / TERABYTE:,.2f}",
                f"{math.ceil(gigabytes / (0.8 * load.memory_gb)):,}",
                f"{gigabytes * load.memory_gb_hour * 730:,.0f}",
                f"{gigabytes * load.disk_gb_month:,.0f}",
            ]
        )
    return rows


def main() -> None:
    """Print the tables."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--detectors", type=Path, default=RECORDS / "detectors.json")
    parser.add_argument("--search", type=Path, default=RECORDS / "search_scale.json")
    names = {"tracks_a_day": "--tracks"}
    for name, default in vars(Load()).items():
        flag = names.get(name, "--" + name.replace("_", "-"))
        parser.add_argument(
            flag, dest=name, type=type(default) if default != 32 else int, default=default
        )
    given = vars(parser.parse_args())
    detectors = json.loads(given.pop("detectors").read_text())["rows"]
    search = json.loads(given.pop("search").read_text())
    load = Load(**given)
    print(
        f"{load.tracks_a_day:,.0f} tracks a day, {load.a_second:.2f} a second and {load.peak * load.a_second:.2f} in the "
        f"busiest hour, against {load.references:,.0f} references of {TRACK_SECONDS} s"
    )
    console = Console(width=140)
    heads = (
        "stage",
        "CPU s a track",
        "cores",
        f"machines of {load.cores} cores",
        "dollars a day",
        "how",
    )
    _print(console, heads, calculated(load, detectors, search))
    kept_heads = (
        "index",
        "terabytes",
        f"machines of {load.memory_gb:.0f} GB",
        "dollars a month in memory",
        "on disk",
    )
    _print(console, kept_heads, kept(load, search))


def _print(console: Console, heads: tuple[str, ...], rows: list[list[str]]) -> None:
    table = Table(*heads)
    for row in rows:
        table.add_row(*row)
    console.print(table)


if __name__ == "__main__":
    main()
