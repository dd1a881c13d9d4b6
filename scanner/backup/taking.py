"""A backup is taken while the service runs.

The order makes it consistent: the index first, which catches up with a database that is newer; then the database
at one moment; then the bytes that its rows name, which never change under their name.
"""

import hashlib
import os
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import fsspec
from filelock import FileLock
from sqlalchemy import Connection, select, text

from scanner.backup import dumps, key_files
from scanner.backup.manifest import (
    CHUNK,
    DUMPS,
    Audio,
    BackupError,
    Kept,
    Lost,
    Manifest,
    copied,
    kept,
    write,
)
from scanner.catalogue import CATCH_UP
from scanner.privacy import blobs, erasure
from scanner.privacy.erasure_list import ErasureList
from scanner.privacy.registry import models, registry
from scanner.store import StoreError, StoreUnavailableError

if TYPE_CHECKING:
    from scanner.service import Service

BATCH: Final = 5000


@dataclass(frozen=True)
class Taken:
    """What a backup came to."""

    folder: Path
    manifest: Manifest

    @property
    def bytes(self) -> int:
        """Bytes of its files, without the manifest."""
        return sum(each.bytes for each in self.manifest.written)


def take(service: "Service", folder: Path, passphrase: str | None = None) -> Taken:
    """Write a backup into a folder that is not there yet, or empty.

    Parameters
    ----------
    passphrase : str, optional
        What the secret keys are sealed with; None: they are left out, and only listed.

    Raises
    ------
    BackupError
        If the folder is not empty, or the database can't be dumped.
    StoreUnavailableError
        If the store does not answer.
    """
    if folder.exists() and (not folder.is_dir() or any(folder.iterdir())):
        raise BackupError(f"{folder} is not empty: each backup needs a folder of its own")
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    settings = service.settings
    ErasureList(settings.person_key_folder).start()
    sealed = None
    if passphrase is not None:
        key_files.seal(settings, passphrase, folder / key_files.SEALED)
        sealed = kept(folder, folder / key_files.SEALED)
    taken_at = service.now()
    files = [*_index(service, folder), *_certificates(service, folder)]
    kind = "sqlite" if service.database.is_sqlite else "postgresql"
    dump = folder / DUMPS[kind]
    with dumps.dumped(service.database, dump) as connection:
        revision = str(connection.execute(text("SELECT version_num FROM alembic_version")).scalar())
        erased = _erased(connection)
        audio, lost = _audio(service, connection, folder)
    files += _checkpoints(service, folder)  # after the database: never without what they are about
    manifest = Manifest(
        taken_at=taken_at,
        database=kind,
        revision=revision,
        dump=kept(folder, dump),
        files=tuple(files),
        audio=tuple(audio),
        lost=tuple(lost),
        keys=key_files.listed(settings),
        erased=erased,
        sealed=sealed,
    )
    write(folder, manifest)
    return Taken(folder, manifest)


def _index(service: "Service", folder: Path) -> Iterator[Kept]:
    """Copy each tenant's index, while nobody alters it; with Milvus or shards it is built anew instead."""
    source = service.settings.index_folder
    settings = service.settings
    if settings.milvus_uri is not None or settings.index_shards or not source.is_dir():
        return
    for tenant in sorted(path for path in source.iterdir() if path.is_dir()):
        with FileLock(tenant / CATCH_UP):
            for path in sorted(tenant.glob("*")):  # not what is built beside
                if path.is_file() and path.suffix != ".lock":
                    target = folder / "index" / path.relative_to(source)
                    copied(path, target)
                    yield kept(folder, target)


def _certificates(service: "Service", folder: Path) -> Iterator[Kept]:
    settings = service.settings
    for path in (settings.certificate_chain_file, settings.trust_anchors_file):
        if path.is_file():
            target = folder / "certificate" / path.name
            copied(path, target, 0o644)
            yield kept(folder, target)


def _checkpoints(service: "Service", folder: Path) -> Iterator[Kept]:
    """Copy the rounds of checkpoints, which are never altered."""
    settings = service.settings
    url = settings.checkpoint_url
    system, root = fsspec.core.url_to_fs(url, **settings.store_options if "://" in url else {})
    with suppress(FileNotFoundError):
        for name in sorted(system.find(root)):
            if "/." in name.removeprefix(root):
                continue
            target = folder / "checkpoints" / name.removeprefix(root).lstrip("/")
            target.parent.mkdir(parents=True, exist_ok=True)
            target.write_bytes(system.cat_file(name))
            yield kept(folder, target)


def _erased(connection: Connection) -> tuple[str, ...]:
    """Return the accounts whose erasure is in the list beside the persons' keys."""
    table: Any = models()["erasure"].__table__  # type: ignore[attr-defined]
    listed = (
        table.c.object_kind == erasure.ACCOUNT,
        table.c.cause != erasure.RETENTION,
        table.c.finished_at.is_not(None),
    )
    return tuple(sorted(connection.execute(select(table.c.object_id).where(*listed)).scalars()))


def _audio(
    service: "Service", connection: Connection, folder: Path
) -> tuple[list[Audio], list[Lost]]:
    """Copy the bytes that rows name; what is not whole is named, unless its rows went meanwhile."""
    found: list[Audio] = []
    lost: list[Lost] = []
    for tenant, sha256 in sorted(named(connection)):
        try:
            found.append(_copied(service, folder, tenant, sha256))
        except StoreUnavailableError:
            raise
        except (StoreError, BackupError) as error:
            with service.database.reading() as session:
                if blobs.held(session, tenant, [sha256]):
                    lost.append(Lost(tenant=tenant, sha256=sha256, why=str(error)))
    return found, lost


def named(connection: Connection) -> set[tuple[str, str]]:
    """Return what bytes the rows name: tenant and SHA-256, by the registry's ``blobs``."""
    found: set[tuple[str, str]] = set()
    known = models()
    for name, entry in registry().items():
        table: Any = known[name].__table__  # type: ignore[attr-defined]
        for blob in entry.blobs:
            rows = select(table.c.tenant_id, table.c[blob]).where(table.c[blob].is_not(None))
            for row in connection.execute(rows.distinct()).yield_per(BATCH):
                found.add((row[0], row[1]))
    return found


def _copied(service: "Service", folder: Path, tenant: str, sha256: str) -> Audio:
    size, digest = 0, hashlib.sha256()
    target = folder / Audio(tenant=tenant, sha256=sha256, bytes=0).path
    target.parent.mkdir(parents=True, exist_ok=True)
    try:
        with service.store.open(tenant, sha256) as source, target.open("xb") as file:
            while chunk := source.read(CHUNK):
                digest.update(chunk)
                size += file.write(chunk)
            file.flush()
            os.fsync(file.fileno())
        if digest.hexdigest() != sha256:
            raise BackupError("the store has other bytes than were stored")
    except BaseException:
        target.unlink(missing_ok=True)
        raise
    return Audio(tenant=tenant, sha256=sha256, bytes=size)
