"""Many files: worked on in parallel, answered in the order given, with a bar on a terminal."""

import sys
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any, TypeVar

import typer

from scanner.cli.session import USAGE, complain, shown

T = TypeVar("T")
R = TypeVar("R")


def audio_files(paths: list[Path], *, recursive: bool) -> list[Path]:
    """Return the files to work on, in the order given; folders need ``recursive``.

    In a folder, files that are no audio by their first bytes are passed over.
    """
    from scanner.audio import AudioError, sniff
    from scanner.audio.sniff import SNIFF_BYTES

    found: list[Path] = []
    for path in paths:
        if not path.is_dir():
            found.append(path)
            continue
        if not recursive:
            complain(f"{shown(path)} is a folder: use --recursive")
            raise typer.Exit(USAGE)
        for each in sorted(path.rglob("*")):
            if not each.is_file():
                continue
            try:
                with each.open("rb") as file:
                    sniff(file.read(SNIFF_BYTES))
            except (AudioError, OSError):
                continue
            found.append(each)
    return found


def in_order(work: Callable[[T], R], items: list[T], jobs: int) -> Iterator[R]:
    """Yield ``work(item)`` for each item, in order, ``jobs`` at a time.

    Whoever stops early does not wait for what is running; what has not begun never begins.
    """
    pool = ThreadPoolExecutor(jobs)
    try:
        for future in [pool.submit(work, item) for item in items]:
            yield future.result()
    finally:
        pool.shutdown(wait=False, cancel_futures=True)


def with_progress(
    results: Iterator[dict[str, Any]], count: int, what: str, *, as_json: bool
) -> Iterator[dict[str, Any]]:
    """Show a bar on the terminal while results come in; none for one file, JSON or no terminal."""
    if as_json or count < 2 or not sys.stderr.isatty():
        yield from results
        return
    from rich.console import Console
    from rich.progress import track

    yield from track(results, what, total=count, console=Console(stderr=True), transient=True)


def error_of(path: Path, kind: str, detail: str) -> dict[str, Any]:
    """Return the contract's object for a file that can't be read."""
    return {"path": shown(path), "error": {"type": kind, "detail": detail}}
