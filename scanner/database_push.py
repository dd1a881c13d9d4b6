"""The outbox to the EU's DSA Transparency Database: queued with the effect, sent within 24 hours (DSA-24/15).

Delivery is at least once: a statement that was taken before a crash comes back as a known ``puid``, and
counts as sent. What the database refuses stays for a person to look at.
"""

import json
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any, Final

import httpcore
import structlog
from sqlmodel import Session, col, select

import appeals
from appeals.eu_database import BATCH, EuStatement, eu_statement, personal_in, texts_of
from scanner.clock import new_id
from scanner.guarded_http import request
from scanner.journal import record
from scanner.statement_events import StatementLate, StatementPushed
from scanner.tables import (
    Account,
    DatabasePush,
    PolicyDecision,
    StatementOfReasons,
    Tenant,
    Track,
)
from scanner.tenant_sizes import is_exempt
from scanner.track_states import GENERATED
from scanner.url_guard import UnresolvedError, UrlRefusedError

if TYPE_CHECKING:
    from scanner.service import Service

RETRIES: Final = tuple(timedelta(minutes=each) for each in (1, 5, 15, 60, 120))
"""How long to wait before each repeat; the last holds for all that follow."""
LEASE: Final = timedelta(minutes=3)
SEND_SECONDS: Final = 60.0
ANSWER_BYTES: Final = 4 * 2**20
MOST_POSTS: Final = 40
_CREATED, _INVALID = 201, 422
_REFUSALS: Final = frozenset({400, 413, 422})
"""Answers by which it says that it won't have what was sent, whenever it is sent."""

log = structlog.get_logger()


@dataclass(frozen=True)
class Verdict:
    """What the database said to a batch.

    Attributes
    ----------
    taken : mapping
        Its own id of each, by puid; empty where it had the statement before.
    refused : mapping
        What is wrong, by puid.
    error : str, optional
        Why it took nothing, and has to be asked again.
    unclear : bool
        It refused the batch, and what is wrong with which statement can't be read from its answer.
    alone : set of str
        The puids that it refused so when nothing else was sent with them.
    """

    taken: Mapping[str, str] = field(default_factory=dict)
    refused: Mapping[str, str] = field(default_factory=dict)
    error: str | None = None
    unclear: bool = False
    alone: frozenset[str] = frozenset()

    def and_then(self, other: "Verdict") -> "Verdict":
        """Return what was said to both of two parts of a batch."""
        return Verdict(
            {**self.taken, **other.taken},
            {**self.refused, **other.refused},
            other.error or self.error,
            alone=self.alone | other.alone,
        )


def queue(
    service: "Service", session: Session, track: Track, statement: StatementOfReasons
) -> None:
    """Queue a statement, inside the transaction of the effect.

    Nothing is queued by who is exempt as a micro or small enterprise (DSA-19), without an address, in a sandbox, or for what
    holds nowhere in the European Economic Area.
    """
    if not _sends(service, session, statement.tenant_id):
        return
    decision = session.get_one(PolicyDecision, statement.decision_id)
    made = eu_statement(
        statement,
        made_on=track.created_at.date(),
        synthetic=track.origin == GENERATED,
        human=decision.automation == "none" and bool(decision.ruled_by),
    )
    _queue(service, session, statement, made, _names(session, track))


def queue_measure(service: "Service", session: Session, statement: StatementOfReasons) -> None:
    """Queue the statement of what is done to an account, in the transaction of the effect."""
    account = (
        session.get(Account, statement.party_id) if statement.party_kind == "account" else None
    )
    if account is None or not _sends(service, session, statement.tenant_id):
        return
    human = not statement.automated_decision
    made = eu_statement(statement, made_on=account.created_at.date(), synthetic=False, human=human)
    _queue(service, session, statement, made, [account.external_id])


def _sends(service: "Service", session: Session, tenant_id: str) -> bool:
    if service.settings.dsa_database_url is None:
        return False
    tenant = session.get_one(Tenant, tenant_id)
    return tenant.sandbox_of is None and not is_exempt(service, tenant)


def _queue(
    service: "Service",
    session: Session,
    statement: StatementOfReasons,
    made: EuStatement | None,
    names: Sequence[str],
) -> None:
    if made is None:
        return
    payload = made.to_json()
    found = personal_in(texts_of(payload), names)
    now = statement.created_at
    session.add(
        DatabasePush(
            id=new_id(),
            tenant_id=statement.tenant_id,
            statement_id=statement.id,
            track_id=statement.track_id,
            payload=payload,
            state="refused" if found else "waiting",
            error=f"it may hold {', '.join(found)}: see to the names of the rules"
            if found
            else None,
            not_before=now,
            due_at=appeals.deadline("database-push", now, service.settings.legal_zone).due_at,
            created_at=now,
        )
    )


def send_due(service: "Service") -> int:
    """Send what is due, a batch at a time; return how many were tried. Safe to run in many workers."""
    if service.settings.dsa_database_url is None:
        return 0
    _tell_late(service)
    batch = _claimed(service)
    if batch:
        _settle(service, batch, _post_apart(service, [each.payload for each in batch]))
    return len(batch)


def _names(session: Session, track: Track) -> list[str]:
    account = session.get(Account, track.account_id) if track.account_id else None
    names = [track.external_id, track.file_name, account.external_id if account else None]
    return [name for name in names if name]


def _claimed(service: "Service") -> list[DatabasePush]:
    now = service.now()
    due = (
        select(DatabasePush)
        .where(
            DatabasePush.state == "waiting",
            col(DatabasePush.not_before) <= now,
            (col(DatabasePush.leased_until).is_(None)) | (col(DatabasePush.leased_until) < now),
        )
        .order_by(col(DatabasePush.due_at), col(DatabasePush.id))
        .limit(BATCH)
    )
    with service.database.reading() as session:  # an idle worker takes no write lock
        if session.exec(due).first() is None:
            return []
    with service.database.transaction() as session:
        batch = list(session.exec(due.with_for_update(skip_locked=True)))
        for each in batch:
            each.leased_until = now + LEASE
        return batch


def _post_apart(service: "Service", payloads: Sequence[dict[str, Any]]) -> Verdict:
    """Post a batch; one that is refused for no clear reason in halves, until what is refused is alone.

    At most :data:`MOST_POSTS` at once, while the lease lasts: what is left then is sent another time.
    """
    until = time.monotonic() + LEASE.total_seconds() - SEND_SECONDS
    said, parts, posts = Verdict(), [payloads], 0
    while parts:
        part = parts.pop()
        answer = _post(service, part)
        posts += 1
        if answer.unclear and len(part) == 1:
            answer = replace(answer, alone=frozenset({str(part[0]["puid"])}))
        elif answer.unclear and posts + len(parts) < MOST_POSTS and time.monotonic() < until:
            parts += [part[len(part) // 2 :], part[: len(part) // 2]]
            continue
        said = said.and_then(answer)
        if answer.error is not None and not answer.unclear:
            break  # it can't be reached: the others would fare no better
    return said


def _post(service: "Service", payloads: Sequence[dict[str, Any]]) -> Verdict:
    """Post a batch; whatever happens is told by the result."""
    settings = service.settings
    headers = {
        "Accept": "application/json",
        "Content-Type": "application/json",
        "User-Agent": "clearance",
    }
    if settings.dsa_database_token is not None:
        headers["Authorization"] = f"Bearer {settings.dsa_database_token.get_secret_value()}"
    body = json.dumps({"statements": list(payloads)}, ensure_ascii=False).encode()
    answer = b""
    try:
        target = service.url_guard.target(str(settings.dsa_database_url))
        headers["Host"] = target.authority
        until = time.monotonic() + SEND_SECONDS
        with request(target, "POST", headers=headers, content=body, deadline=until) as response:
            status = response.status
            for chunk in response.iter_stream():
                answer += chunk
                if len(answer) > ANSWER_BYTES:
                    return Verdict(error="its answer is too long")
    except (UrlRefusedError, UnresolvedError):
        return Verdict(error="the address is refused")
    except httpcore.TimeoutException:
        return Verdict(error=f"no answer in {SEND_SECONDS:.0f} s")
    except (httpcore.NetworkError, httpcore.ProtocolError):
        return Verdict(error="the connection failed")
    return _verdict(status, answer, [str(each["puid"]) for each in payloads])


def _verdict(status: int, answer: bytes, puids: Sequence[str]) -> Verdict:
    """Read an answer; one of a form that is not known is no success."""
    try:
        said = json.loads(answer)
        if status == _CREATED:
            taken = {str(each["puid"]): str(each["uuid"]) for each in said["statements"]}
            return Verdict(taken, error=None if taken.keys() >= set(puids) else "it left some out")
        if status == _INVALID:
            errors = said["errors"]
            if "existing_puids" in errors:
                known = {str(each): "" for each in errors["existing_puids"] if str(each) in puids}
                return Verdict(known, error=None if known else "it knows what was not sent")
            return Verdict(
                refused={
                    puids[int(name.removeprefix("statement_"))]: json.dumps(wrong)[:500]
                    for name, wrong in errors.items()
                }
            )
    except (ValueError, KeyError, TypeError, IndexError, AttributeError):
        said_no = status in _REFUSALS
        return Verdict(error=f"answered {status}, in a form that is not known", unclear=said_no)
    return Verdict(error=f"answered {status}", unclear=status in _REFUSALS)


def _settle(service: "Service", batch: Sequence[DatabasePush], verdict: Verdict) -> None:
    now = service.now()
    if verdict.error is not None:
        log.warning("database_push_failed", error=verdict.error, statements=len(batch))
    with service.database.transaction() as session:
        for sent in batch:
            row = session.get_one(
                DatabasePush, sent.id, with_for_update=True, populate_existing=True
            )
            if row.state != "waiting" or row.leased_until != sent.leased_until:
                continue
            row.leased_until = None
            row.attempts += 1
            row.error = verdict.refused.get(row.statement_id, verdict.error)
            if row.statement_id in verdict.taken:
                row.error = None
                row.state, row.sent_at = "sent", now
                row.uuid = verdict.taken[row.statement_id] or None
            elif row.statement_id in verdict.refused:
                row.state = "refused"
            elif row.statement_id in verdict.alone and (
                verdict.taken or row.attempts >= len(RETRIES)
            ):  # it takes others: this one will not be taken as it is, however often it is sent
                row.state = "refused"
                log.error("database_push_parked", statement_id=row.statement_id, error=row.error)
            elif verdict.error is not None:
                row.not_before = now + RETRIES[min(row.attempts, len(RETRIES)) - 1]
            if row.state != "waiting":
                _note(session, row, now)


def _note(session: Session, row: DatabasePush, now: datetime) -> None:
    record(
        session,
        tenant_id=row.tenant_id,
        subject=row.statement_id,
        version=3 if row.late else 2,
        data=StatementPushed(
            state=row.state, uuid=row.uuid, in_time=now < row.due_at, attempts=row.attempts
        ),
        now=now,
    )


def _tell_late(service: "Service") -> None:
    """Say once that a statement is late; it is still sent."""
    now = service.now()
    late = select(DatabasePush).where(
        DatabasePush.state == "waiting",
        col(DatabasePush.due_at) <= now,
        col(DatabasePush.late).is_(False),
    )
    with service.database.reading() as session:
        if session.exec(late.limit(1)).first() is None:
            return
    with service.database.transaction() as session:
        for row in session.exec(late.with_for_update(skip_locked=True)):
            row.late = True
            log.error("database_push_late", statement_id=row.statement_id, error=row.error)
            record(
                session,
                tenant_id=row.tenant_id,
                subject=row.statement_id,
                version=2,
                data=StatementLate(due_at=row.due_at.isoformat(), attempts=row.attempts),
                now=now,
            )
