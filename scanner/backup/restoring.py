"""A backup comes back into an installation that is empty, and nobody who was erased comes back with it.

Everything is checked before anything is written. Then: keys, database, erasures done again (GDPR-17), and only
then the bytes that rows still name. Whoever was erased since leaves no byte on this machine.
"""

import hashlib
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from sqlalchemy import make_url

from scanner import checkpoints
from scanner.backup import dumps, key_files
from scanner.backup.manifest import BackupError, KeyFile, Manifest, copied, inside, read, verify
from scanner.backup.taking import named
from scanner.database import newest_migration
from scanner.privacy import erasure
from scanner.privacy.erasure_list import ErasureList

if TYPE_CHECKING:
    from scanner.service import Service


@dataclass(frozen=True)
class Restored:
    """What came back.

    Attributes
    ----------
    erased : int
        Accounts and tracks that were erased again.
    left_out : int
        Bytes' worth of blobs that no row names after that.
    wanted : tuple of str
        Names of secret keys that are still to be put back by hand.
    """

    manifest: Manifest
    audio: int
    erased: int
    left_out: int
    wanted: tuple[str, ...]


def restore(
    service: "Service",
    folder: Path,
    passphrase: Callable[[], str] | None = None,
    *,
    without_erasures: bool = False,
) -> Restored:
    """Put a backup back.

    Parameters
    ----------
    passphrase : callable, optional
        Gives what the secret keys were sealed with; None: they are left out.
    without_erasures : bool
        Nobody was erased since the backup was taken, so no list of erasures is needed.

    Raises
    ------
    BackupError
        If the backup is damaged, of another kind of database or of a newer version; if the installation is not
        empty, or has checkpoints that the backup lacks; if the list of erasures is missing, or of another
        installation.
    """
    manifest = read(folder)
    _refuse(service, manifest, without_erasures)
    verify(folder, manifest)
    if passphrase is not None:
        if manifest.sealed is None:
            raise BackupError(
                "the backup holds no secret keys: it was taken without --with-secrets"
            )
        keys = key_files.unsealed(inside(folder, manifest.sealed.path), passphrase())
        key_files.put_back(service.settings, keys)
    wanted = _wanted(service, manifest.keys)
    dumps.put_back(inside(folder, manifest.dump.path), service.database)
    service.database.upgrade()
    erased = erasure.reapply(service)
    audio = _put_audio(service, folder, manifest)
    for each in manifest.files:
        _put_file(service, folder, each.path)
    return Restored(manifest, audio, erased, len(manifest.audio) - audio, wanted)


def _refuse(service: "Service", manifest: Manifest, without_erasures: bool) -> None:
    """Refuse what can't be restored, before anything is written."""
    database, settings = service.database, service.settings
    kind = make_url(database.url).get_backend_name()
    if kind != manifest.database:
        raise BackupError(
            f"the backup is of {manifest.database}, this installation uses {kind}: "
            "set CLEARANCE_DATABASE_URL accordingly"
        )
    if manifest.revision > newest_migration():
        raise BackupError(
            f"the backup is of revision {manifest.revision}, this program knows "
            f"{newest_migration()} and before: install the version that took it, or a later one"
        )
    dumps.refuse_filled(database)
    if not service.store.is_empty():
        raise BackupError(f"the store {settings.store} is not empty: restore into an empty one")
    if any(settings.index_folder.glob("*/*")):
        raise BackupError(f"{settings.index_folder} is not empty: remove it, it is made anew")
    _refuse_newer_checkpoints(service, manifest)
    if without_erasures:
        return
    erasures = ErasureList(settings.person_key_folder)
    if not erasures.exists():
        raise BackupError(
            f"there is no list of erasures in {settings.person_key_folder}: put the folder of persons' keys "
            "back first, or add --no-erasures if nobody was erased since the backup was taken"
        )
    _refuse_foreign_list(erasures, manifest)


def _refuse_newer_checkpoints(service: "Service", manifest: Manifest) -> None:
    """Refuse a place, folder or bucket, with rounds that the backup lacks or has otherwise: none would follow them."""
    place, begin = checkpoints.folder_of(service), "checkpoints/"
    held = {
        each.path.removeprefix(begin): each.sha256
        for each in manifest.files
        if each.path.startswith(begin)
    }
    there = set(place.names())
    for name in sorted(there & held.keys()):
        if hashlib.sha256(place.content(name)).hexdigest() != held[name]:
            raise BackupError(
                f"the round {name} of checkpoints at {service.settings.checkpoint_url} is not the one in the "
                "backup: keep it as evidence, and point CLEARANCE_CHECKPOINTS at a new place"
            )
    if newer := there - held.keys():
        raise BackupError(
            f"{len(newer)} rounds of checkpoints at {service.settings.checkpoint_url} are not in the backup: "
            "keep them as evidence of what is lost, and point CLEARANCE_CHECKPOINTS at a new place"
        )


def _refuse_foreign_list(erasures: ErasureList, manifest: Manifest) -> None:
    """Refuse a list that lacks erasures which the backup knows of."""
    listed = {each.id for each in erasures.read() if each.kind == erasure.ACCOUNT}
    if missing := set(manifest.erased) - listed:
        raise BackupError(
            f"the list of erasures lacks {len(missing)} that the backup knows of, so it is an older one or "
            "another installation's: put the newest one back first"
        )


def _wanted(service: "Service", keys: tuple[KeyFile, ...]) -> tuple[str, ...]:
    present = {each.name: each.sha256 for each in key_files.listed(service.settings)}
    return tuple(each.name for each in keys if present.get(each.name) != each.sha256)


def _put_audio(service: "Service", folder: Path, manifest: Manifest) -> int:
    """Store the bytes that rows name; return how many blobs that were."""
    with service.database.engine.connect() as connection:
        needed = named(connection)
    count = 0
    for each in manifest.audio:
        if (each.tenant, each.sha256) in needed:
            stored = service.store.put_file(each.tenant, inside(folder, each.path))
            if stored.sha256 != each.sha256:
                raise BackupError(f"{each.path} changed while it was read; use another backup")
            count += 1
    return count


def _put_file(service: "Service", folder: Path, path: str) -> None:
    """Put one file where the settings say that such a file belongs."""
    head, _, tail = path.partition("/")
    settings = service.settings
    source = inside(folder, path)
    if head == "certificate":
        chain = settings.certificate_chain_file
        target = chain if tail == chain.name else settings.trust_anchors_file
    elif head == "index" and settings.milvus_uri is None:
        target = settings.index_folder / tail
    elif head == "checkpoints":
        place = checkpoints.folder_of(service)
        if tail not in place.names():
            place.keep(tail, source.read_bytes())
        return
    else:
        return
    if not target.exists():
        copied(source, target)
