"""Submissions that come as messages: proven by a token, taken in once, never in the way.

A message on ``clearance.submissions`` is a CloudEvent whose extension ``tenant`` names the tenant
and whose extension ``token`` is a JWT (EdDSA) made with one of the tenant's signing keys. The token
binds the event's id and the SHA-256 of its data, so it is good for this message only. The event's
id is the idempotency key: a message that is sent again is taken once.
"""

import hashlib
import json
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any, Final

import jwt
import rfc8785
import structlog

from scanner import tracks
from scanner.bus import dead_letters
from scanner.bus.dispatch import Again, Finished, Hold, Verdict, retry_delay
from scanner.bus.envelope import SPEC_VERSION
from scanner.callers import Caller
from scanner.database import is_transient
from scanner.declarations import Declaration, DeclarationError
from scanner.errors import (
    BusyError,
    ConflictError,
    IdempotencyConflictError,
    PoisonError,
    ScannerError,
    TransientError,
)
from scanner.events import SUBMISSIONS
from scanner.journal import Actor
from scanner.metrics import SUBMISSIONS as COUNTED
from scanner.tables import SigningKey
from scanner.track_states import State

if TYPE_CHECKING:
    from scanner.service import Service

GROUP: Final = dead_letters.FOREIGN
SUBMIT: Final = "clearance.submission.submit"
WITHDRAW: Final = "clearance.submission.withdraw"
MAX_MESSAGE: Final = 1_000_000
"""Bytes: below the usual limit of brokers, so that a retry with its headers fits too."""
FULL_SECONDS: Final = 1.0
"""How long intake waits where the queue is full, its messages with it."""
TOKEN_LIFE: Final = timedelta(hours=24)
CLOCKS_APART: Final = 300.0
"""Seconds by which the clock of who signs may be ahead."""
ALGORITHM: Final = "EdDSA"

log = structlog.get_logger()


class UnprovenError(PoisonError):
    """The message does not prove whose it is."""


def take_in(
    service: "Service", raw: bytes | None, attempts: int, came_at: datetime | None = None
) -> Verdict:
    """Take one message in; whatever is wrong with it, the next one can follow.

    Parameters
    ----------
    came_at : datetime, optional
        When it came, if not now: its token must have been good then.
    """
    tenant_id: str | None = None
    event_id: str | None = None
    try:
        envelope = _parse(raw)
        event_id = envelope["id"]
        caller = _prove(service, envelope, came_at or service.now())
        tenant_id = caller.tenant_id
        if service.transport.depth("analyse") >= service.settings.queue_limit:
            return Hold(FULL_SECONDS)
        _act(service, caller, envelope)
        return Finished("done")
    except Exception as error:
        if _may_pass(error) and attempts < service.settings.retries:
            settings = service.settings
            log.warning("intake_will_retry", event_id=event_id, detail=str(error))
            return Again(
                retry_delay(attempts, settings.retry_base_seconds, settings.retry_cap_seconds)
            )
        if not isinstance(error, ScannerError | DeclarationError):
            log.error("intake_failed", event_id=event_id, exc_info=True)
        return _bury(service, raw, error, tenant_id, event_id)


def _may_pass(error: Exception) -> bool:
    if isinstance(error, IdempotencyConflictError):
        return False
    return isinstance(error, TransientError | ConflictError | BusyError) or is_transient(error)


def sign_submission(
    private_key_pem: str,
    key_id: str,
    tenant_id: str,
    *,
    event_id: str,
    data: dict[str, Any],
    now: datetime,
    kind: str = SUBMIT,
) -> dict[str, Any]:
    """Return the CloudEvent that a client puts on ``clearance.submissions``.

    Parameters
    ----------
    private_key_pem, key_id : str
        From ``clearance key create --signing``.
    data : dict
        ``{"url": …}`` and the fields of a declaration; or ``{"track_id": …}`` to withdraw.
    """
    claims = {
        "tenant": tenant_id,
        "jti": event_id,
        "sha256": _digest(data),
        "iat": now,
        "exp": now + TOKEN_LIFE,
    }
    token = jwt.encode(claims, private_key_pem, algorithm=ALGORITHM, headers={"kid": key_id})
    return {
        "specversion": SPEC_VERSION,
        "id": event_id,
        "source": f"urn:clearance:tenant:{tenant_id}",
        "type": kind,
        "time": now.isoformat(),
        "datacontenttype": "application/json",
        "tenant": tenant_id,
        "token": token,
        "data": data,
    }


def _parse(raw: bytes | None) -> dict[str, Any]:
    if not raw or len(raw) > MAX_MESSAGE:
        raise PoisonError(f"a message holds 1 to {MAX_MESSAGE} bytes")
    try:
        envelope = json.loads(raw)
    except (ValueError, RecursionError):
        raise PoisonError("the message is no JSON") from None
    if not isinstance(envelope, dict) or envelope.get("specversion") != SPEC_VERSION:
        raise PoisonError("the message is no CloudEvent 1.0 in structured JSON")
    for name in ("id", "type", "tenant", "token"):
        value = envelope.get(name)
        if not isinstance(value, str) or not 1 <= len(value) <= 4096 or not value.isprintable():
            raise PoisonError(f"the attribute {name} must be a text of printable characters")
    if len(envelope["id"]) > 100:
        raise PoisonError("the attribute id has at most 100 characters")
    if not isinstance(envelope.get("data"), dict):
        raise PoisonError("the attribute data must be an object")
    return envelope


def _holds_nul(value: Any) -> bool:
    if isinstance(value, str):
        return "\x00" in value
    if isinstance(value, dict):
        return any(_holds_nul(part) for pair in value.items() for part in pair)
    return isinstance(value, list) and any(_holds_nul(part) for part in value)


def _prove(service: "Service", envelope: dict[str, Any], at: datetime) -> Caller:
    """Return whose message it is, or raise ``UnprovenError``."""
    try:
        key_id = str(jwt.get_unverified_header(envelope["token"]).get("kid", ""))
        if not key_id.isprintable():
            raise UnprovenError("no valid key of this tenant signed the message")
        with service.database.reading() as session:
            key = session.get(SigningKey, key_id[:36])
        if key is None or key.revoked_at is not None or key.tenant_id != envelope["tenant"]:
            raise UnprovenError("no valid key of this tenant signed the message")
        claims = jwt.decode(
            envelope["token"],
            key.public_key,
            algorithms=[ALGORITHM],
            options={"require": ["exp", "jti"], "verify_exp": False},
            leeway=CLOCKS_APART,
        )
        left = float(claims["exp"]) - at.timestamp()
        if not left > 0:
            raise UnprovenError("the token has expired")
        if not left <= service.settings.submission_token_hours * 3600 + CLOCKS_APART:
            raise UnprovenError("the token is good for too long: sign it anew, to end sooner")
    except (jwt.PyJWTError, TypeError, ValueError):
        raise UnprovenError("the token is not valid") from None
    try:
        digest = _digest(envelope["data"])
    except (rfc8785.CanonicalizationError, RecursionError):
        raise PoisonError("the data can't be written as canonical JSON") from None
    expected = (key.tenant_id, envelope["id"], digest)
    if (claims.get("tenant"), claims["jti"], claims.get("sha256")) != expected:
        raise UnprovenError("the token was made for another message")
    scopes = frozenset({"tracks:write", "tracks:read"})
    return Caller(key.tenant_id, Actor(key.id, "platform"), scopes)


def _act(service: "Service", caller: Caller, envelope: dict[str, Any]) -> None:
    data = dict(envelope["data"])
    if _holds_nul(data):
        raise PoisonError("the data holds the character U+0000, which PostgreSQL can't keep")
    if envelope["type"] == WITHDRAW:
        track_id = str(data.get("track_id", ""))[:36]
        with service.database.reading() as session:
            track = tracks.find(session, caller.tenant_id, track_id)
        if track.state != State.WITHDRAWN:  # a message may come twice
            tracks.withdraw(service, caller, track_id)
        return
    if envelope["type"] != SUBMIT:
        raise PoisonError(f"unknown type {envelope['type'][:100]!r}")
    url = data.pop("url", None)
    if not isinstance(url, str):
        raise PoisonError("data.url must be the address of the audio")
    service.url_guard.check_form(url)
    tracks.submit(
        service,
        caller,
        tracks.Source(url=url),
        Declaration.parse(data),
        entrance="kafka",
        key=envelope["id"],
    )


def _bury(
    service: "Service",
    raw: bytes | None,
    error: Exception,
    tenant_id: str | None,
    event_id: str | None,
) -> Verdict:
    log.warning("submission_refused", event_id=event_id, tenant=tenant_id, detail=str(error))
    COUNTED.labels("kafka", "refused").inc()
    dead_letters.bury_foreign(
        service,
        topic=SUBMISSIONS,
        key=event_id,
        payload=raw or b"",
        error=error,
        tenant_id=tenant_id,
        event_id=event_id,
    )
    return Finished("dead")


def _digest(data: dict[str, Any]) -> str:
    return hashlib.sha256(rfc8785.dumps(data)).hexdigest()
