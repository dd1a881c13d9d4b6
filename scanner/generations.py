"""Requests to a generator: screened, then refused, queued, or waiting for a parent's consent.

What is queued `scanner/takes.py` makes.
"""

import hashlib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import TYPE_CHECKING, Any, Final

from sqlmodel import Session, col, select

import policy
from scanner import generation_engines, generation_limits, generators, people, prompts
from scanner.callers import Caller
from scanner.clock import new_id
from scanner.declarations import DeclarationError
from scanner.errors import NotFoundError
from scanner.journal import PIPELINE, Actor, Event, record
from scanner.people_events import (
    ConsentWithdrawn,
    GenerationEvent,
    GenerationQueued,
    GenerationRefused,
    GenerationRequested,
    GenerationWaiting,
    GenerationWithdrawn,
)
from scanner.people_states import GENERATION_MOVES, GenerationMove, GenerationState, advance
from scanner.privacy import blobs
from scanner.tables import Account, Generation, Take

if TYPE_CHECKING:
    from scanner.service import Service

NEEDS_CONSENT: Final = "needs-consent"
TRAINING_PIECE: Final = "generator.training-piece"
"""The rule by which a take is refused that repeats what its engine was trained on."""


@dataclass(frozen=True)
class GenerationAsked:
    """What is to be made, for whom; no account: for the platform itself.

    ``melody`` is MIDI to build on, or ``melody_sha256`` of what is in the store. ``checked``: prompt and
    fields are those of an earlier request, which engines could answer.
    """

    prompt: str
    account: str | None = None
    parameters: dict[str, Any] = field(default_factory=dict)
    checked: bool = False
    melody: bytes | None = None
    melody_sha256: str | None = None


def request(service: "Service", caller: Caller, asked: GenerationAsked) -> dict[str, Any]:
    """Take a request in, screen it, and return what became of it; raises as `request_all`."""
    return request_all(service, caller, [asked])[0]


def request_all(
    service: "Service",
    caller: Caller,
    wanted: Sequence[GenerationAsked],
    require: Callable[[Session], None] = lambda _: None,
) -> list[dict[str, Any]]:
    """Take requests in that differ in their seed alone: all are made, or none is.

    Parameters
    ----------
    require : callable
        Raises if they may not be made; asked once the account is locked.

    Raises
    ------
    DeclarationError
        If no engine could answer it, or what it builds on is not the account's own and cleared.
    EngineDisabledError
        If its engine was not tested, or is switched off.
    TooManyGenerationsError
        If the account asks too often.
    ForbiddenError
        If somebody of the staff asks in a creator's name.
    """
    asked = wanted[0]
    people.require_own_name(caller, asked.account)
    if not asked.checked:
        fields = generators.fields(asked.prompt, asked.parameters)
        if asked.melody is not None:
            fields["melody_midi"] = asked.melody
        generators.check(fields, longest=service.settings.generation_seconds)
    engine = asked.parameters.get("engine", generators.BUILTIN)
    if (stopped := generation_engines.stopped(service, engine)) is not None:
        raise generation_engines.EngineDisabledError(stopped)
    melody, now = asked.melody_sha256, service.now()
    if asked.melody is not None:
        melody = _kept(service, caller.tenant_id, asked.melody, now)
    with service.database.reading() as session:
        objected = objections(service, session, caller.tenant_id, asked.prompt, asked.parameters)
    with service.database.transaction() as session:
        account = (
            people.locked(session, caller.tenant_id, asked.account, now) if asked.account else None
        )
        if account is not None:
            generation_limits.check_rate(service, session, account.id, now, more=len(wanted))
        require(session)
        _check_reference(session, caller.tenant_id, account, asked.parameters)
        account_id = account.id if account else None
        person = people.person_of(service, session, account_id)
        reasons = [*objected, *_gates_of_several(person, len(wanted), now)]
        return [
            _taken_in(
                session, caller, replace(each, melody_sha256=melody), account_id, reasons, now
            )
            for each in wanted
        ]


def _kept(service: "Service", tenant_id: str, melody: bytes, now: datetime) -> str:
    """Put a melody into the store, which it leaves again if no request comes to hold it."""
    sha256 = service.store.put_bytes(tenant_id, melody).sha256
    with service.database.transaction() as session:
        blobs.due(session, tenant_id, [sha256], now)
    return sha256


def _gates_of_several(
    person: policy.Person, count: int, now: datetime
) -> Sequence[policy.GateReason]:
    """What stands in the way of so many takes: all of them must be left of the day's quota."""
    last = replace(person, generated_today=person.generated_today + count - 1)
    reasons, left = policy.gate("generate", last, now).reasons, policy.quota_left(person)
    return [
        reason.told_as("quota-of-several", count=count, left=left)
        if left and reason.outcome == "over-quota"
        else reason
        for reason in reasons
    ]


def _taken_in(
    session: Session,
    caller: Caller,
    asked: GenerationAsked,
    account_id: str | None,
    reasons: Sequence[policy.GateReason],
    now: datetime,
) -> dict[str, Any]:
    row = Generation(
        id=new_id(),
        tenant_id=caller.tenant_id,
        account_id=account_id,
        state=GenerationState.REQUESTED,
        prompt=asked.prompt,
        parameters=asked.parameters,
        melody_sha256=asked.melody_sha256,
        reasons=[],
        created_at=now,
        updated_at=now,
    )
    session.add(row)
    digest = hashlib.sha256(asked.prompt.encode()).hexdigest()
    data = GenerationRequested(account_id=row.account_id, prompt_sha256=digest)
    _note(session, row, data, now, caller.actor)
    match policy.strictest(reasons):
        case "allowed":
            _queue(session, row, now, caller.actor)
        case "needs-consent":
            _move(session, row, GenerationMove.WAIT, reasons, now, caller.actor)
        case _:
            _move(session, row, GenerationMove.REFUSE, reasons, now, caller.actor)
    return describe(session, row)


def reconsider(service: "Service", event: Event) -> None:
    """Screen an account's open requests anew, since something about its person changed.

    What waited is queued once it is allowed; what was queued is pulled once consent is missing; and
    what waited for a consent that a parent has just refused is given up.
    """
    account_id = event.data["account_id"]
    states = (GenerationState.WAITING_CONSENT, GenerationState.QUEUED)
    with service.database.transaction() as session:
        session.get_one(Account, account_id, with_for_update=True)
        rows = session.exec(
            select(Generation)
            .where(Generation.account_id == account_id, col(Generation.state).in_(states))
            .order_by(col(Generation.id))
        ).all()
        said_no = event.type == ConsentWithdrawn.type and "generate" in event.data["scopes"]
        for row in rows:  # a no is about what was asked for before it
            about_it = said_no and row.created_at <= event.time
            _reconsider(service, session, row, event, said_no=about_it)


def find(session: Session, tenant_id: str, generation_id: str) -> Generation:
    """Return the tenant's generation, or raise ``NotFoundError``: another tenant's reads the same."""
    row = session.get(Generation, generation_id)
    if row is None or row.tenant_id != tenant_id:
        raise NotFoundError("generation", generation_id)
    return row


def describe(session: Session, row: Generation) -> dict[str, Any]:
    """Return a generation as JSON."""
    account = session.get_one(Account, row.account_id) if row.account_id else None
    lacking = any(reason["outcome"] == NEEDS_CONSENT for reason in row.reasons)
    return {
        "id": row.id,
        "state": row.state,
        "account": account.external_id if account else None,
        "prompt": row.prompt,
        "parameters": row.parameters,
        "melody_sha256": row.melody_sha256,
        "needs_consent": "generate" if lacking else None,
        "reasons": row.reasons,
        "generator": generators.installed(),
        "track_id": row.track_id,
        "take_id": _take_id(session, row.id),
        "take": row.take,
        "version": row.version,
        "created_at": row.created_at.isoformat(),
        "updated_at": row.updated_at.isoformat(),
    }


def _check_reference(
    session: Session, tenant_id: str, account: Account | None, parameters: Mapping[str, Any]
) -> None:
    track_id = parameters.get("audio_reference")
    if track_id is None:
        return
    try:
        if account is None:
            raise LookupError(track_id)
        generation_limits.cleared_reference(session, tenant_id, account, track_id)
    except LookupError:
        told = "name a cleared track of this account: submit the recording first"
        raise DeclarationError([{"field": "audio_reference", "detail": told}]) from None


def _take_id(session: Session, generation_id: str) -> str | None:
    return session.exec(select(Take.id).where(Take.generation_id == generation_id)).first()


def _reconsider(
    service: "Service", session: Session, row: Generation, event: Event, *, said_no: bool
) -> None:
    now = service.now()
    reasons = _gates(service, session, row)
    lacking = [reason for reason in reasons if reason.outcome == NEEDS_CONSENT]
    if row.state == GenerationState.QUEUED:
        if lacking:  # hours and quota were looked at when it was queued
            _move(session, row, GenerationMove.WITHDRAW, lacking, now, PIPELINE, event)
        return
    if lacking:
        if said_no:
            _move(session, row, GenerationMove.WITHDRAW, lacking, now, PIPELINE, event)
    elif reasons:
        _move(session, row, GenerationMove.REFUSE, reasons, now, PIPELINE, event)
    else:
        _queue(session, row, now, PIPELINE, event)


def _gates(service: "Service", session: Session, row: Generation) -> Sequence[policy.GateReason]:
    """Age, consent, quota, and the hours as they were when it was asked for."""
    person = people.person_of(service, session, row.account_id)
    return policy.gate("generate", person, row.created_at).reasons


def objections(
    service: "Service",
    session: Session,
    tenant_id: str,
    prompt: str,
    parameters: Mapping[str, Any],
) -> list[policy.GateReason]:
    """What of a prompt, and of lyrics to be sung, stands in its way, and how to say it otherwise."""
    screened = [
        prompts.screen(service, session, tenant_id, prompt),
        prompts.screen_sung(session, tenant_id, parameters.get("lyrics") or ""),
    ]
    return [
        policy.GateReason.of(
            (rule := f"prompt-{each.signal}"),
            "refused",
            rule,
            f"rephrase-{each.signal}",
            words=each.words,
        )
        for one in screened
        for each in one.objections
    ]


def _queue(
    session: Session, row: Generation, now: datetime, actor: Actor, cause: Event | None = None
) -> None:
    if row.account_id is not None:
        row.quota_day = people.quota_day(people.controls_of(session, row.account_id), now)
    _move(session, row, GenerationMove.QUEUE, [], now, actor, cause)


def _move(
    session: Session,
    row: Generation,
    move: GenerationMove,
    reasons: Sequence[policy.GateReason],
    now: datetime,
    actor: Actor,
    cause: Event | None = None,
) -> None:
    row.state = advance(GENERATION_MOVES, GenerationState(row.state), move, "a generation")
    row.reasons = [reason.to_json() for reason in reasons]
    rules = [reason.rule for reason in reasons]
    data: GenerationEvent
    match move:
        case GenerationMove.QUEUE:
            data = GenerationQueued()
        case GenerationMove.WAIT:
            data = GenerationWaiting(rules=rules)
        case GenerationMove.REFUSE:
            data = GenerationRefused(rules=rules)
        case GenerationMove.WITHDRAW:
            data = GenerationWithdrawn(rules=rules)
        case _:
            raise AssertionError(move)  # what comes of making it has its own events
    _note(session, row, data, now, actor, cause)


def refuse(
    session: Session,
    row: Generation,
    reasons: Sequence[policy.GateReason],
    now: datetime,
    cause: Event,
) -> None:
    """Refuse a generation, which is locked, for what came of making it."""
    _move(session, row, GenerationMove.REFUSE, reasons, now, PIPELINE, cause)


def note_move(
    session: Session,
    row: Generation,
    move: GenerationMove,
    data: GenerationEvent,
    now: datetime,
    cause: Event,
) -> None:
    """Write down that a generation, which is locked, was made or failed."""
    row.state = advance(GENERATION_MOVES, GenerationState(row.state), move, "a generation")
    _note(session, row, data, now, PIPELINE, cause)


def _note(
    session: Session,
    row: Generation,
    data: GenerationEvent,
    now: datetime,
    actor: Actor,
    cause: Event | None = None,
) -> None:
    row.version, row.updated_at = row.version + 1, now
    session.flush()
    record(
        session,
        tenant_id=row.tenant_id,
        subject=row.id,
        version=row.version,
        data=data,
        now=now,
        actor=actor,
        person=people.person_key(row.account_id),
        cause=cause,
    )
