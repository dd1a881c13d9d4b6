"""Idempotency of every POST but the submission of a track, which has its own (`tracks.submit`).

The key is taken under a lease before the work and the answer is kept after it, so a repeat gets
the first answer, and a twin that comes meanwhile a 409. A process that dies in between leaves the
lease; once it has run out the request may be sent again and is then done again: at least once.
Answers may hold secrets that are shown once, so they are kept encrypted, for as long as a repeat is
looked for and no longer than the account that they are about (GDPR-17).
"""

import hashlib
import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any, Final

import rfc8785
from fastapi.responses import JSONResponse
from sqlmodel import Session, select

from scanner import idempotency
from scanner.strict_json import strict_json
from scanner.tables import Account, IdempotencyKey, Track

if TYPE_CHECKING:
    from scanner.service import Service

LEASE: Final = timedelta(minutes=5)
REPLAYED: Final = "Idempotent-Replayed"


@dataclass(frozen=True)
class Answer:
    """What a route answers."""

    status: int
    body: dict[str, Any]
    headers: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class Once:
    """Does the work of one POST once for each Idempotency-Key.

    Parameters
    ----------
    key : str, optional
        Without one the work is done each time.
    operation : str
        Method and path, with its parameters' names.
    """

    service: "Service"
    tenant_id: str
    key: str | None
    operation: str

    def answer(self, identity: str, work: Callable[[], Answer]) -> JSONResponse:
        """Do the work, or give the first answer again.

        Parameters
        ----------
        identity : str
            SHA-256 of what makes two requests the same.
        """
        if self.key is None:
            done = work()
            return JSONResponse(done.body, done.status, dict(done.headers))
        first, lease = self._take(self.key, identity)
        if first is not None:
            kept = json.loads(self.service.secrets.open(first["sealed"]))
            headers = kept["headers"] | {REPLAYED: "true"}
            return JSONResponse(kept["body"], kept["status"], headers)
        try:
            done = work()
        except BaseException:
            self._release(self.key, lease)  # nothing was done: the key is free again
            raise
        self._keep(self.key, lease, done)
        return JSONResponse(done.body, done.status, dict(done.headers))

    def _take(self, key: str, identity: str) -> tuple[dict[str, Any] | None, datetime]:
        """Return the first answer, or None and until when the work is ours."""
        now = self.service.now()
        with self.service.database.transaction() as session:
            row = session.get(IdempotencyKey, (self.tenant_id, key), with_for_update=True)
            if row is not None and row.answer is None and self._lapsed(row):
                session.delete(row)
                session.flush()
                session.expunge(row)
            first = idempotency.begin(session, self.tenant_id, key, self.operation, identity, now)
            if first is None:
                session.get_one(IdempotencyKey, (self.tenant_id, key)).leased_until = now + LEASE
            return first, now + LEASE

    def _keep(self, key: str, lease: datetime, done: Answer) -> None:
        kept = {"status": done.status, "body": done.body, "headers": dict(done.headers)}
        sealed = self.service.secrets.seal(json.dumps(kept))
        with self.service.database.transaction() as session:
            row = self._ours(session, key, lease)
            if row is not None:
                row.about = _account_of(session, self.tenant_id, done.body)
                idempotency.finish(session, self.tenant_id, key, done.status, {"sealed": sealed})

    def _release(self, key: str, lease: datetime) -> None:
        with self.service.database.transaction() as session:
            row = self._ours(session, key, lease)
            if row is not None:
                session.delete(row)

    def _ours(self, session: Session, key: str, lease: datetime) -> IdempotencyKey | None:
        """Return the key's row, unless the lease ran out meanwhile and somebody else took it."""
        row = session.get(IdempotencyKey, (self.tenant_id, key), with_for_update=True)
        return row if row is not None and row.leased_until == lease else None

    def _lapsed(self, row: IdempotencyKey) -> bool:
        return row.leased_until is not None and row.leased_until < self.service.now()


def _account_of(session: Session, tenant_id: str, body: Mapping[str, Any]) -> str | None:
    """Return the id of the account that an answer is about; None if it names none."""
    of_tenant = select(Account.id).where(Account.tenant_id == tenant_id)
    if isinstance(name := body.get("account"), str):
        return session.exec(of_tenant.where(Account.external_id == name)).first()
    if isinstance(account_id := body.get("account_id"), str):
        return session.exec(of_tenant.where(Account.id == account_id)).first()
    if isinstance(track_id := body.get("track_id"), str):
        own = select(Track.account_id).where(Track.tenant_id == tenant_id, Track.id == track_id)
        return session.exec(own).first()
    return None


def identity_of(path: str, body: bytes) -> str:
    """Return what makes two requests the same: the address and the JSON, however it is spaced."""
    try:
        canonical = rfc8785.dumps(strict_json(body)) if body else b""
    except (ValueError, rfc8785.CanonicalizationError):
        canonical = body
    return hashlib.sha256(path.encode() + b"\n" + canonical).hexdigest()
