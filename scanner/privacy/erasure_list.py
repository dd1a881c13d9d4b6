"""The list of erasures, beside the keys and outside of every backup.

A restored backup holds rows of people who were erased since. The list names them by ids that mean
nothing by themselves; `scanner.privacy.erasure.reapply` erases again whom it finds.
"""

import fcntl
import json
import os
from contextlib import suppress
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Final

NAME: Final = "erasures.jsonl"


@dataclass(frozen=True)
class Erased:
    """One line: what was erased, of which tenant, and why."""

    tenant_id: str
    kind: str
    id: str
    cause: str


class ErasureList:
    """An append-only file of JSON lines."""

    def __init__(self, folder: Path) -> None:
        self._path = folder / NAME

    def add(self, erased: Erased) -> None:
        """Add a line, durable when this returns; one that is there is not added again."""
        self._path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        flags = os.O_RDWR | os.O_CREAT | os.O_APPEND
        with os.fdopen(os.open(self._path, flags, 0o600), "r+", encoding="utf-8") as file:
            fcntl.flock(file, fcntl.LOCK_EX)
            text = file.read()
            if erased in _parsed(text):
                return
            torn = "\n" if text and not text.endswith("\n") else ""
            file.write(torn + json.dumps(asdict(erased)) + "\n")
            file.flush()
            os.fsync(file.fileno())

    def start(self) -> None:
        """Make an empty list if there is none: whoever restores a backup then knows that one was kept."""
        self._path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        with suppress(FileExistsError):
            os.close(os.open(self._path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600))

    def exists(self) -> bool:
        """Tell whether there is a list, be it empty."""
        return self._path.is_file()

    def read(self) -> list[Erased]:
        """Return every line; one that a crash cut short is left out."""
        try:
            return _parsed(self._path.read_text(encoding="utf-8"))
        except FileNotFoundError:
            return []


def _parsed(text: str) -> list[Erased]:
    found = []
    for line in text.splitlines():
        try:
            found.append(Erased(**json.loads(line)))
        except (ValueError, TypeError):
            continue
    return found
