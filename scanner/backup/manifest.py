"""What a backup holds, file by file; written last, so a folder without one is no backup."""

import hashlib
import os
import shutil
from datetime import datetime
from pathlib import Path, PurePosixPath
from typing import Annotated, Final, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from scanner.errors import ScannerError

NAME: Final = "manifest.json"
FORMAT: Final = "clearance-backup-1"
DUMPS: Final = {"sqlite": "database.sqlite", "postgresql": "database.dump"}
CHUNK: Final = 1 << 20
Digest = Annotated[str, Field(pattern="^[0-9a-f]{64}$")]


class BackupError(ScannerError):
    """A backup can't be taken, read or put back; the message says what to do."""


class _Part(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class Kept(_Part):
    """A file of the backup: its path below the folder, bytes and SHA-256."""

    path: str
    bytes: int
    sha256: Digest


class Audio(_Part):
    """Bytes of the store, which are named by their SHA-256."""

    tenant: str
    sha256: Digest
    bytes: int

    @property
    def path(self) -> str:
        """Where they lie below the folder."""
        return f"store/{self.tenant}/{self.sha256[:2]}/{self.sha256}"


class Lost(_Part):
    """Bytes that a row names and the store does not have whole."""

    tenant: str
    sha256: Digest
    why: str


class KeyFile(_Part):
    """A secret key that the installation needs: what it is for, and a digest to know it by."""

    name: str
    sha256: Digest


class Manifest(_Part):
    """A backup: what it is of, and each of its files.

    ``erased`` are ids of accounts that had been erased: the list of erasures that a restore applies must know
    them, else it is another installation's or an older one.
    """

    format: Literal["clearance-backup-1"] = FORMAT
    taken_at: datetime
    database: Literal["sqlite", "postgresql"]
    revision: str
    dump: Kept
    files: tuple[Kept, ...]
    audio: tuple[Audio, ...]
    lost: tuple[Lost, ...]
    keys: tuple[KeyFile, ...]
    erased: tuple[str, ...]
    sealed: Kept | None = None

    @property
    def written(self) -> tuple[Kept | Audio, ...]:
        """Every file beside the manifest itself."""
        sealed = () if self.sealed is None else (self.sealed,)
        return (self.dump, *self.files, *sealed, *self.audio)


def write(folder: Path, manifest: Manifest) -> None:
    """Write the manifest, durable when this returns."""
    with (folder / NAME).open("x", encoding="utf-8") as file:
        file.write(manifest.model_dump_json(indent=1) + "\n")
        file.flush()
        os.fsync(file.fileno())


def read(folder: Path) -> Manifest:
    """Return the manifest of a backup.

    Raises
    ------
    BackupError
        If the folder is no whole backup, or of another format.
    """
    try:
        return Manifest.model_validate_json((folder / NAME).read_bytes())
    except FileNotFoundError:
        raise BackupError(
            f"{folder} is no whole backup: it has no {NAME}, which is written last"
        ) from None
    except ValidationError as error:
        raise BackupError(
            f"{NAME} of {folder} can't be read: {error.error_count()} faults"
        ) from None


def verify(folder: Path, manifest: Manifest) -> None:
    """Raise ``BackupError`` unless each file is there with the bytes that were written."""
    for each in manifest.written:
        path = inside(folder, each.path)
        if not path.is_file():
            raise BackupError(f"the backup is damaged: {each.path} is missing; use another one")
        if digest_of(path) != each.sha256:
            raise BackupError(f"the backup is damaged: {each.path} was changed; use another one")


def inside(folder: Path, path: str) -> Path:
    """Return a file's place in a folder, or raise ``BackupError`` if that is outside."""
    parts = PurePosixPath(path)
    if parts.is_absolute() or ".." in parts.parts or not parts.parts:
        raise BackupError(f"the backup names {path!r}, which is outside of its folder")
    return folder / parts


def kept(folder: Path, path: Path) -> Kept:
    """Return the entry of a file that was written into the backup."""
    return Kept(
        path=path.relative_to(folder).as_posix(), bytes=path.stat().st_size, sha256=digest_of(path)
    )


def copied(source: Path, target: Path, mode: int = 0o600) -> None:
    """Copy a file into the place of none, durable when this returns."""
    target.parent.mkdir(parents=True, exist_ok=True)
    descriptor = os.open(target, os.O_WRONLY | os.O_CREAT | os.O_EXCL, mode)
    with source.open("rb") as read_from, os.fdopen(descriptor, "wb") as file:
        shutil.copyfileobj(read_from, file, CHUNK)
        file.flush()
        os.fsync(file.fileno())


def digest_of(path: Path) -> str:
    """Return the SHA-256 of a file."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
