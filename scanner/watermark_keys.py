"""The keys that marks are written and read with: one file each, and a row that never holds the key.

Whoever has a key can write, read and remove marks, so its bytes are in a file that only the owner may
read and nowhere else: not in the database, which knows an id and a digest, and not in a log. One key
of the service is written with, and one of each tenant that has its own; older ones stay live for
reading until they are revoked. Keys of other services can be added, to be read with only.
"""

import hashlib
import os
import re
import secrets
import stat
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from sqlalchemy.exc import IntegrityError
from sqlmodel import Session, col, or_, select

from scanner.clock import new_id
from scanner.errors import ConflictError, IllegalTransitionError, NotFoundError, ScannerError
from scanner.events import Administered
from scanner.journal import Actor, record
from scanner.tables import WatermarkKey
from watermark import BadKeyError, Key, format_key_file, parse_key_file

if TYPE_CHECKING:
    from scanner.service import Service

SUFFIX: Final = ".key"
MAX_LIVE: Final = 16
"""Live keys of one owner: each costs every analysis a search."""
_MAX_FILE: Final = 4096
_SECRET_BYTES: Final = 16
_FILE_NAME: Final = re.compile(r"[0-9a-f-]{36}")


class KeyState(StrEnum):
    WRITING = "writing"
    READING = "reading"
    REVOKED = "revoked"


class WatermarkKeyError(ScannerError):
    """A key file is missing, open to others, or not the one that its row is of."""


@dataclass(frozen=True)
class KeyRing:
    """The live keys of one tenant and of the service.

    Attributes
    ----------
    keys : tuple of Key
        All to read with; the name of each is its id.
    writing : Key or None
        The one to write with: the tenant's own if it has one, else the service's.
    owners : mapping of key id to str or None
        The other service a key belongs to; None for ours.
    """

    keys: tuple[Key, ...]
    writing: Key | None
    owners: Mapping[str, str | None]

    @property
    def own(self) -> tuple[Key, ...]:
        """Keys that marks are, or were, written with here."""
        return tuple(key for key in self.keys if self.owners[key.name] is None)


def digest_of(key: Key) -> str:
    """SHA-256, hexadecimal, by which a key is recognised; 128 random bits can't be guessed from it."""
    return hashlib.sha256(b"clearance watermark key\0" + key.secret).hexdigest()


def new_key(name: str) -> Key:
    """Make a key of 128 random bits."""
    return Key(secrets.token_bytes(_SECRET_BYTES), name)


def write_key_file(path: Path, key: Key) -> None:
    """Make a key file with mode 0600 that outlives a power cut.

    Raises
    ------
    WatermarkKeyError
        If there is a file: a key that is overwritten takes its marks with it.
    """
    try:
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    except FileExistsError:
        raise WatermarkKeyError(f"{path.name} is there already: choose another name") from None
    with os.fdopen(descriptor, "w", encoding="utf-8") as file:
        file.write(format_key_file(key))
        file.flush()
        os.fsync(file.fileno())
    folder = os.open(path.parent, os.O_RDONLY)
    try:
        os.fsync(folder)  # the name, too
    finally:
        os.close(folder)


def read_key_file(path: Path) -> Key:
    """Return the key of a file; without a name in it, it is called as the file is.

    Raises
    ------
    WatermarkKeyError
        If it is missing, no key file, or others may read or change it.
    """
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_NONBLOCK)
    except FileNotFoundError:
        raise WatermarkKeyError(f"the key file {path.name} is missing: put it back") from None
    except OSError as error:
        raise WatermarkKeyError(
            f"the key file {path.name} can't be opened: {error.strerror}"
        ) from None
    with os.fdopen(descriptor, "rb") as file:
        about = os.fstat(file.fileno())
        if not stat.S_ISREG(about.st_mode):
            raise WatermarkKeyError(f"{path.name} is no file that could hold a key")
        if about.st_mode & 0o077:
            raise WatermarkKeyError(
                f"the key file {path.name} is open to others: `chmod 600` it, and if they may have "
                "read it, make another key and revoke this one"
            )
        content = file.read(_MAX_FILE + 1)
    try:
        if len(content) > _MAX_FILE:
            raise WatermarkKeyError(f"{path.name} is too long for a key file")
        return parse_key_file(content.decode(), path.stem)
    except UnicodeDecodeError:
        raise WatermarkKeyError(f"{path.name} is no key file") from None
    except BadKeyError as error:
        raise WatermarkKeyError(f"{path.name}: {error}") from None


def ring(service: "Service", tenant_id: str | None) -> KeyRing:
    """Read the live keys of the service and, if one is named, of a tenant.

    Raises
    ------
    WatermarkKeyError
        If the file of a live key can't be used: a mark must not be missed without a word.
    """
    with service.database.reading() as session:
        rows = _live(session, tenant_id)
    keys = {row.id: _key_of(service, row) for row in rows}
    writing = [row for row in rows if row.state == KeyState.WRITING]
    writing.sort(key=lambda row: row.tenant_id is None)
    return KeyRing(
        keys=tuple(keys.values()),
        writing=keys[writing[0].id] if writing else None,
        owners={row.id: row.owner for row in rows},
    )


def key_of(service: "Service", key_id: str) -> Key:
    """Return one live key.

    Raises
    ------
    NotFoundError
        If there is none of this id.
    WatermarkKeyError
        If it was revoked, or its file can't be used.
    """
    with service.database.reading() as session:
        row = session.get(WatermarkKey, key_id)
    if row is None:
        raise NotFoundError("watermark key", key_id)
    if row.state == KeyState.REVOKED:
        raise WatermarkKeyError(f"the key {key_id} was revoked: what it marked proves nothing")
    return _key_of(service, row)


def listed(session: Session, tenant_id: str | None, *, every: bool = False) -> list[WatermarkKey]:
    """Return keys, oldest first, revoked ones included: the service's and a tenant's, or all."""
    query = select(WatermarkKey).order_by(col(WatermarkKey.created_at), col(WatermarkKey.id))
    if not every:
        query = query.where(_of(tenant_id))
    return list(session.exec(query))


def rotate(service: "Service", actor: Actor, tenant_id: str | None = None) -> WatermarkKey:
    """Make a key to write with from now on; the one before it stays live for reading.

    Parameters
    ----------
    tenant_id : str, optional
        Whose; without it the service's, which tenants without a key of their own share.

    Raises
    ------
    ConflictError
        If there are too many live keys, or another rotation came first.
    """
    key = new_key(new_id())
    with _key_file(service, key), service.database.transaction() as session:
        _check_room(session, tenant_id)
        for row in _writing(session, tenant_id):
            row.state = KeyState.READING
            _note(session, row, "watermark_key.retired", service.now(), actor)
        session.flush()  # there is one that is written with, at any moment
        return _add(session, key, tenant_id, None, KeyState.WRITING, service.now(), actor)


def add(
    service: "Service",
    actor: Actor,
    key: Key,
    *,
    owner: str | None = None,
    tenant_id: str | None = None,
) -> WatermarkKey:
    """Take a key in to read with.

    Parameters
    ----------
    owner : str, optional
        The other service that it belongs to; without one it is ours, from another installation.

    Raises
    ------
    ConflictError
        If it is here already.
    """
    renamed = Key(key.secret, new_id())
    with service.database.reading() as session:
        _check_new(session, renamed, tenant_id)
    with _key_file(service, renamed), service.database.transaction() as session:
        _check_new(session, renamed, tenant_id)
        _check_room(session, tenant_id)
        state = KeyState.READING
        return _add(session, renamed, tenant_id, owner, state, service.now(), actor)


@contextmanager
def _key_file(service: "Service", key: Key) -> Iterator[None]:
    """Keep a key in its file before its row is there, and not at all if the row is refused.

    After any other failure the file stays: the row may be there, and a lost key takes its marks along.
    """
    path = _path(service, key.name)
    path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    write_key_file(path, key)
    try:
        yield
    except IntegrityError as error:  # PostgreSQL: a twin committed between our look and our insert
        path.unlink()
        raise ConflictError("another key was taken in just now: look, and try again") from error
    except ScannerError:
        path.unlink()
        raise


def revoke(service: "Service", actor: Actor, key_id: str, reason: str) -> WatermarkKey:
    """End a key's life: nothing is read with it from now on, and what it marked proves nothing.

    Raises
    ------
    IllegalTransitionError
        If it is the one that is written with: rotate first, so that marking goes on.
    """
    if not reason.strip():
        raise WatermarkKeyError("say why: the reason is kept with the key")
    with service.database.transaction() as session:
        row = session.get(WatermarkKey, key_id, with_for_update=True)
        if row is None:
            raise NotFoundError("watermark key", key_id)
        if row.state == KeyState.WRITING:
            raise IllegalTransitionError(
                "marks are written with this key: rotate first, then revoke it"
            )
        if row.state != KeyState.REVOKED:
            row.state, row.revoked_at, row.reason = KeyState.REVOKED, service.now(), reason[:500]
            _note(session, row, "watermark_key.revoked", service.now(), actor)
        return row


def describe(row: WatermarkKey) -> dict[str, Any]:
    """Return a key as JSON: what it is, never what is in it."""
    return {
        "id": row.id,
        "tenant_id": row.tenant_id,
        "owner": row.owner,
        "digest": row.digest,
        "state": row.state,
        "created_at": row.created_at.isoformat(),
        "revoked_at": row.revoked_at.isoformat() if row.revoked_at else None,
        "reason": row.reason,
    }


def _of(tenant_id: str | None) -> Any:
    own = col(WatermarkKey.tenant_id).is_(None)
    return own if tenant_id is None else or_(own, col(WatermarkKey.tenant_id) == tenant_id)


def _live(session: Session, tenant_id: str | None) -> list[WatermarkKey]:
    query = select(WatermarkKey).where(_of(tenant_id), WatermarkKey.state != KeyState.REVOKED)
    return list(session.exec(query.order_by(col(WatermarkKey.created_at).desc())))


def _exactly(tenant_id: str | None) -> Any:
    return (
        col(WatermarkKey.tenant_id).is_(None)
        if tenant_id is None
        else col(WatermarkKey.tenant_id) == tenant_id
    )


def _writing(session: Session, tenant_id: str | None) -> list[WatermarkKey]:
    query = select(WatermarkKey).where(_exactly(tenant_id), WatermarkKey.state == KeyState.WRITING)
    return list(session.exec(query.with_for_update()))


def _check_room(session: Session, tenant_id: str | None) -> None:
    live = select(WatermarkKey.id).where(
        _exactly(tenant_id), WatermarkKey.state != KeyState.REVOKED
    )
    if len(session.exec(live).all()) >= MAX_LIVE:
        raise ConflictError(
            f"there are {MAX_LIVE} live keys, and each costs every analysis a search: revoke one"
        )


def _check_new(session: Session, key: Key, tenant_id: str | None) -> None:
    same = select(WatermarkKey.id).where(_exactly(tenant_id), WatermarkKey.digest == digest_of(key))
    if (known := session.exec(same).first()) is not None:
        raise ConflictError(f"this key is here already, as {known}")


def _add(
    session: Session,
    key: Key,
    tenant_id: str | None,
    owner: str | None,
    state: KeyState,
    now: datetime,
    actor: Actor,
) -> WatermarkKey:
    row = WatermarkKey(
        id=key.name,
        tenant_id=tenant_id,
        owner=owner,
        digest=digest_of(key),
        state=state,
        created_at=now,
    )
    session.add(row)
    _note(session, row, "watermark_key.added", now, actor)
    return row


def _note(session: Session, row: WatermarkKey, action: str, now: datetime, actor: Actor) -> None:
    row.version += 1
    record(
        session,
        tenant_id=row.tenant_id,
        subject=row.id,
        version=row.version,
        data=Administered(action=action, object_id=row.id, detail={"digest": row.digest}),
        now=now,
        actor=actor,
    )


def _path(service: "Service", key_id: str) -> Path:
    if not _FILE_NAME.fullmatch(key_id):
        raise WatermarkKeyError("this is no key's id")
    return service.settings.watermark_key_folder / f"{key_id}{SUFFIX}"


def _key_of(service: "Service", row: WatermarkKey) -> Key:
    key = Key(read_key_file(_path(service, row.id)).secret, row.id)
    if not secrets.compare_digest(digest_of(key), row.digest):
        raise WatermarkKeyError(
            f"{row.id}{SUFFIX} holds another key than it did: put the right file back"
        )
    return key
