"""A key for each person and retention class: who destroys it makes what it encrypted unreadable.

Each key is a file of its own in a folder outside the database and outside of its backups, so that
no backup brings back what was erased (docs/decisions/0021). The journal names a key by a random
reference that says nothing of whose it is::

    keys/3f/3f9c…             32 bytes
    people/CLASS-2026-11/account-ID   the reference of that person's key

Keys are read anew each time: another process may have destroyed one.
"""

import os
import re
import secrets
from collections.abc import Collection, Iterator
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Final

from scanner.errors import ScannerError

KEY_BYTES: Final = 32
PARTIAL_SECONDS: Final = 3600.0
_REFERENCE: Final = re.compile(r"[0-9a-f]{32}")
_ID: Final = re.compile(r"[0-9A-Za-z-]{1,64}")


class PersonKeyError(ScannerError):
    """The folder of keys can't be used."""


@dataclass(frozen=True)
class Person:
    """Whose a key is: an account, or the tenant where no account is named."""

    kind: str
    id: str

    @property
    def name(self) -> str:
        """The name of the person's files.

        Raises
        ------
        ValueError
            If kind or id could be a path.
        """
        if not (_ID.fullmatch(self.kind) and _ID.fullmatch(self.id)):
            raise ValueError(f"bad person {self.kind!r} {self.id!r}")
        return f"{self.kind}-{self.id}"


class PersonKeys:
    """The keys in a folder, which is made with the first of them."""

    def __init__(self, folder: Path) -> None:
        self._keys = folder / "keys"
        self._people = folder / "people"

    def ensured(self, person: Person, slot: str) -> tuple[str, bytes]:
        """Return the reference and the bytes of a person's key, made durable if it is new.

        Parameters
        ----------
        slot : str
            Retention class and month, such as ``evidence-2026-11``.
        """
        pointer = self._people / slot / person.name
        while True:
            with suppress(FileNotFoundError):
                reference = pointer.read_text(encoding="ascii")
                key = self.find(reference)
                if key is not None:
                    return reference, key
                pointer.unlink()  # whoever destroyed the key did not come to this
            reference = secrets.token_hex(16)
            _write(self._path(reference), secrets.token_bytes(KEY_BYTES))
            if not _write(pointer, reference.encode()):
                self._destroy(reference)  # another process was first

    def find(self, reference: str) -> bytes | None:
        """Return the key of a reference, or None if it was destroyed."""
        try:
            key = self._path(reference).read_bytes()
        except FileNotFoundError:
            return None
        except OSError as error:
            raise PersonKeyError("the folder of persons' keys can't be read") from error
        return key

    def slots(self) -> list[str]:
        """Return the slots that hold keys, in order."""
        return sorted(path.name for path in self._people.glob("*") if path.is_dir())

    def destroy(self, person: Person) -> int:
        """Destroy every key of a person; return how many there were."""
        return sum(self._drop(self._people / slot / person.name) for slot in self.slots())

    def destroy_slot(self, slot: str, *, but: Collection[Person] = ()) -> int:
        """Destroy the keys of a slot whose time is over, but those of some persons."""
        kept = {person.name for person in but}
        folder = self._people / slot
        for partial in folder.glob(".*"):  # of a writer that is long gone: the slot's time is over
            partial.unlink(missing_ok=True)
        dropped = sum(self._drop(path) for path in self._pointers(folder) if path.name not in kept)
        with suppress(OSError):  # held keys are left in it
            folder.rmdir()
        return dropped

    def sweep_partials(self, now: datetime) -> int:
        """Remove what crashes left half-written, or under a second name; return how many files."""
        removed = 0
        for path in [*self._keys.glob("*/.*"), *self._people.glob("*/.*")]:
            with suppress(FileNotFoundError):  # its writer has come to it
                if path.stat().st_mtime <= now.timestamp() - PARTIAL_SECONDS:
                    path.unlink()
                    removed += 1
        return removed

    def _pointers(self, folder: Path) -> Iterator[Path]:
        named = (path for path in folder.glob("*") if not path.name.startswith("."))
        yield from sorted(path for path in named if path.is_file())

    def _drop(self, pointer: Path) -> int:
        """Destroy the key first: a crash then leaves a pointer to nothing, never a lost key."""
        try:
            reference = pointer.read_text(encoding="ascii")
        except FileNotFoundError:
            return 0
        known = _REFERENCE.fullmatch(reference) is not None  # else it points at no key
        if known:
            self._destroy(reference)
        pointer.unlink(missing_ok=True)
        return int(known)

    def _destroy(self, reference: str) -> None:
        path = self._path(reference)
        path.unlink(missing_ok=True)
        if path.parent.is_dir():
            _sync(path.parent)

    def _path(self, reference: str) -> Path:
        if not _REFERENCE.fullmatch(reference):
            raise PersonKeyError(f"{reference[:40]!r} is no reference of a key")
        return self._keys / reference[:2] / reference


def _write(path: Path, content: bytes) -> bool:
    """Write a file that appears whole and durable; False if another process wrote it first."""
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    partial = path.parent / f".{secrets.token_hex(8)}"
    descriptor = os.open(partial, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    try:
        with os.fdopen(descriptor, "wb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        os.link(partial, path)
    except FileExistsError:
        return False
    finally:
        partial.unlink(missing_ok=True)
    _sync(path.parent)
    return True


def _sync(folder: Path) -> None:
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
