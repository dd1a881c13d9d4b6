"""Sweeps the temporary folder: a process that was killed leaves its files there."""

import shutil
from datetime import datetime
from pathlib import Path
from typing import Final

KEPT_SECONDS: Final = 86400.0


def sweep(folder: Path, now: datetime) -> int:
    """Remove files and folders that nobody has changed for a day; return how many."""
    removed = 0
    for path in folder.iterdir() if folder.is_dir() else ():
        try:
            if now.timestamp() - path.stat().st_mtime <= KEPT_SECONDS:
                continue
            if path.is_dir():
                shutil.rmtree(path)
            else:
                path.unlink()
            removed += 1
        except FileNotFoundError:  # its owner or another sweep was faster
            continue
    return removed
