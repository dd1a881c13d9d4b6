"""Previews: screened and gated like a generation, played once, journalled as `previewed`, never a file.

A preview is no release. What may be kept is made anew by a generation and goes the way of every upload.
"""

import hashlib
import secrets
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import timedelta
from enum import StrEnum
from typing import TYPE_CHECKING, Any, Final

from sqlmodel import Session, col, select

import policy
import watermark
from scanner import (
    generation_engines,
    generation_limits,
    generations,
    generators,
    people,
    watermark_keys,
)
from scanner.clock import new_id
from scanner.declarations import DeclarationError
from scanner.errors import BusyError, ConflictError, IllegalTransitionError, NotFoundError
from scanner.events import EventData
from scanner.journal import PIPELINE, Actor, record
from scanner.mark_reading import ID_DIGITS
from scanner.preview_events import PreviewAsked, Previewed, PreviewRefused, PreviewStarted
from scanner.tables import Account, Preview
from scanner.watermark_keys import WatermarkKeyError
from scanner.wording import Told
from watermark import Key, Payload

if TYPE_CHECKING:
    from sqlmodel.sql.expression import SelectOfScalar

    from scanner.callers import Caller
    from scanner.service import Service

LOST_SECONDS: Final = 30
"""After which a preview that nobody hears from is over."""
TALLY: Final[Mapping[str, float]] = {
    "bars": 0, "seconds": 0.0, "drawn_anew": 0, "silenced": 0, "repeated": 0, "compared": 0,
}  # fmt: skip


class PreviewState(StrEnum):
    REFUSED = "refused"
    OPEN = "open"
    PLAYING = "playing"
    ENDED = "ended"


@dataclass(frozen=True)
class PreviewAskedFor:
    """What is to be heard, by whom; no account: by the platform itself."""

    prompt: str
    account: str | None = None
    parameters: dict[str, Any] = field(default_factory=dict)


def ask(service: "Service", caller: "Caller", asked: PreviewAskedFor) -> dict[str, Any]:
    """Screen a prompt, ask the gates, and return whether it may be played.

    Raises
    ------
    DeclarationError
        If no engine could play it.
    EngineDisabledError
        If the engine was not tested, or is switched off.
    TooManyGenerationsError
        If the account asks too often.
    """
    people.require_own_name(caller, asked.account)
    wanted = generators.fields(asked.prompt, asked.parameters)
    generators.check(wanted, longest=service.settings.generation_seconds)
    now, played_by = service.now(), generators.built_in()
    if (stopped := generation_engines.stopped(service, generators.BUILTIN)) is not None:
        raise generation_engines.EngineDisabledError(stopped)
    with service.database.reading() as session:
        reasons = generations.objections(
            service, session, caller.tenant_id, asked.prompt, asked.parameters
        )
    with service.database.transaction() as session:
        account = _account(service, session, caller, asked.account)
        if account is not None:
            generation_limits.check_rate(service, session, account.id, now, Preview)
        person = generation_limits.listener(service, session, account.id if account else None)
        reasons = [*reasons, *map(_of_previews, policy.gate("generate", person, now).reasons)]
        row = Preview(
            id=new_id(),
            tenant_id=caller.tenant_id,
            account_id=account.id if account else None,
            asked_by=caller.actor.id,
            state=PreviewState.REFUSED if reasons else PreviewState.OPEN,
            prompt=asked.prompt,
            parameters=asked.parameters,
            controls={},
            reasons=[reason.to_json() for reason in reasons],
            tally=dict(TALLY),
            created_at=now,
            engine=played_by["engine"],
            engine_version=played_by["engine_version"],
        )
        session.add(row)
        digest = hashlib.sha256(asked.prompt.encode()).hexdigest()
        data: EventData = PreviewAsked(account_id=row.account_id, prompt_sha256=digest)
        if reasons:
            data = PreviewRefused(
                account_id=row.account_id,
                prompt_sha256=digest,
                rules=[reason.rule for reason in reasons],
            )
        _note(service, session, row, data, caller.actor)
        return describe(session, row)


def find(session: Session, caller: "Caller", preview_id: str) -> Preview:
    """Return a preview of the tenant, of a creator their own, or raise ``NotFoundError``."""
    row = session.get(Preview, preview_id)
    if row is None or row.tenant_id != caller.tenant_id:
        raise NotFoundError("preview", "of this id")
    if caller.account_id is not None and row.account_id != caller.account_id:
        raise NotFoundError("preview", "of this id")
    return row


def change(
    service: "Service",
    caller: "Caller",
    preview_id: str,
    controls: Mapping[str, Any],
    expected_version: int | None = None,
) -> dict[str, Any]:
    """Set what holds from the next bar on that is not made yet; what is not named stays.

    Raises
    ------
    DeclarationError
        If the controls can't be; the music goes on.
    IllegalTransitionError
        If it is over, or was refused.
    """
    with service.database.transaction() as session:
        row = _locked(session, _own(session, caller, preview_id))
        if expected_version not in {None, row.changes}:
            raise ConflictError("the preview was changed meanwhile: read it again")
        if row.state not in {PreviewState.OPEN, PreviewState.PLAYING}:
            raise IllegalTransitionError(
                Told("a preview that is %(state)s can't be changed", state=row.state)
            )
        merged = {**row.controls, **controls}
        _check_controls(row, merged)
        row.controls, row.changes = merged, row.changes + 1
        return describe(session, row)


def stop(service: "Service", caller: "Caller", preview_id: str) -> None:
    """End a preview; one that plays ends with its bar, and one that is over stays so."""
    with service.database.transaction() as session:
        row = _locked(session, _own(session, caller, preview_id))
        if row.state == PreviewState.OPEN:
            row.state, row.ended_at = PreviewState.ENDED, service.now()
        elif row.state == PreviewState.PLAYING:
            row.state = PreviewState.ENDED  # whoever plays it sees that, and says what was heard


def end_lost(service: "Service") -> int:
    """Write down what was heard of previews that nobody plays any more: a server went away with them."""
    with service.database.reading() as session:  # mostly there is none: no worker waits to write
        if session.exec(_lost(service).limit(1)).first() is None:
            return 0
    with service.database.transaction() as session:
        return _end_lost(service, session)


def begin(service: "Service", caller: "Caller", preview_id: str) -> tuple[Preview, Key, Payload]:
    """Take up the playing of a preview: once, and one at a time for an account.

    Raises
    ------
    IllegalTransitionError
        If it was refused, is played or was.
    WatermarkKeyError
        If there is no key to mark with: nothing is heard unmarked.
    EngineDisabledError
        If its engine was switched off.
    BusyError
        If as many play as may at once.
    """
    ring = watermark_keys.ring(service, caller.tenant_id)
    if ring.writing is None:
        raise WatermarkKeyError(
            "there is no key to mark with: make one with `clearance watermark keys rotate`"
        )
    now = service.now()
    with service.database.transaction() as session:
        row = _own(session, caller, preview_id)
        if row.account_id is not None:
            session.get_one(Account, row.account_id, with_for_update=True)
        row = _locked(session, row)
        if row.state != PreviewState.OPEN or row.created_at < now - generation_limits.OPEN:
            raise IllegalTransitionError(
                "a preview is heard once, soon after it was asked for: ask for another"
            )
        _end_lost(service, session)
        for other in _playing(session):
            same = other.asked_by == row.asked_by if row.account_id is None else True
            if same and other.account_id == row.account_id:
                other.state = PreviewState.ENDED
        session.flush()
        _require_room(service, session, row.tenant_id)
        generation_engines.require(session, row.engine, row.engine_version)
        row.state, row.beat_at = PreviewState.PLAYING, now
        row.payload_id, row.key_id = secrets.token_hex(ID_DIGITS // 2), ring.writing.name
        started = PreviewStarted(
            engine=row.engine, engine_version=row.engine_version, payload_id=row.payload_id
        )
        _note(service, session, row, started, caller.actor)
        return row, ring.writing, watermark.signed_payload(row.payload_id, ring.writing)


def beat(service: "Service", preview_id: str, tally: Mapping[str, Any]) -> Preview | None:
    """Say that it plays on; return its row, or None once somebody ended it."""
    with service.database.transaction() as session:
        row = session.get(Preview, preview_id, with_for_update=True)
        if row is None or row.state != PreviewState.PLAYING or _gate_closed(service, session, row):
            return None
        row.beat_at, row.tally = service.now(), dict(tally)
        return row


def finish(
    service: "Service", preview_id: str, sha256: str | None, tally: Mapping[str, Any]
) -> None:
    """Write down what was heard; the second time nothing happens."""
    with service.database.transaction() as session:
        row = session.get(Preview, preview_id, with_for_update=True)
        if row is not None and row.ended_at is None:  # erased meanwhile, or ended as lost
            _finish(service, session, row, sha256, tally)


def describe(session: Session, row: Preview) -> dict[str, Any]:
    """Return a preview as JSON."""
    from generator import understood

    read = understood(row.prompt)
    account = session.get(Account, row.account_id) if row.account_id else None
    lacking = any(reason["outcome"] == generations.NEEDS_CONSENT for reason in row.reasons)
    return {
        "id": row.id,
        "state": row.state,
        "account": account.external_id if account else None,
        "prompt": row.prompt,
        "parameters": row.parameters,
        "controls": row.controls,
        "understood": [
            {"field": each.field, "value": each.value, "words": row.prompt[each.start : each.end]}
            for each in read.spans
        ],
        "not_understood": list(read.unread),
        "needs_consent": "generate" if lacking else None,
        "reasons": row.reasons,
        "tally": row.tally,
        "audio_url": f"/v1/previews/{row.id}/audio" if row.state == PreviewState.OPEN else None,
        "version": row.changes,
        "created_at": row.created_at.isoformat(),
        "ended_at": row.ended_at.isoformat() if row.ended_at else None,
    }


def _own(session: Session, caller: "Caller", preview_id: str) -> Preview:
    row = find(session, caller, preview_id)
    people.require_own_name(caller, row.account_id)
    return row


def _account(
    service: "Service", session: Session, caller: "Caller", name: str | None
) -> Account | None:
    if caller.account_id is not None:
        return session.get_one(Account, caller.account_id, with_for_update=True)
    return people.locked(session, caller.tenant_id, name, service.now()) if name else None


def _gate_closed(service: "Service", session: Session, row: Preview) -> bool:
    """Whether the account may listen no more: consent taken back, the hours over; or its engine was switched off."""
    person = people.person_of(service, session, row.account_id)
    try:
        generation_engines.require(session, row.engine, row.engine_version)
    except generation_engines.EngineDisabledError:
        return True
    reasons = policy.gate("generate", person, service.now()).reasons
    return any(reason.outcome != "over-quota" for reason in reasons)


def _of_previews(reason: policy.GateReason) -> policy.GateReason:
    """Say of the day's quota, which holds for previews by themselves, that it is theirs."""
    if reason.outcome != "over-quota":
        return reason
    return reason.told_as("quota-of-previews")


def _check_controls(row: Preview, controls: Mapping[str, Any]) -> None:
    from generator import InvalidRequestError, request_of

    wanted = generators.fields(row.prompt, row.parameters) | {
        name: value for name, value in controls.items() if value is not None
    }
    if controls.get("instruments"):
        wanted["without"] = []
    try:
        request_of(wanted)
    except InvalidRequestError as error:
        raise DeclarationError([{"field": "controls", "detail": str(error)}]) from error


def _locked(session: Session, row: Preview) -> Preview:
    return session.get_one(Preview, row.id, with_for_update=True, populate_existing=True)


def _playing(session: Session) -> list[Preview]:
    query = select(Preview).where(Preview.state == PreviewState.PLAYING)
    return list(session.exec(query.order_by(col(Preview.id)).with_for_update()))


def _require_room(service: "Service", session: Session, tenant_id: str) -> None:
    playing, limits = _playing(session), service.settings
    own = [row for row in playing if row.tenant_id == tenant_id]
    if len(playing) >= limits.preview_sessions or len(own) >= limits.preview_sessions_a_tenant:
        raise BusyError("as many previews play as can at once: try again in a minute", 20)


def _end_lost(service: "Service", session: Session) -> int:
    rows = session.exec(_lost(service).order_by(col(Preview.id)).with_for_update()).all()
    for row in rows:
        _finish(service, session, row, None, row.tally)
    return len(rows)


def _lost(service: "Service") -> "SelectOfScalar[Preview]":
    """Query what was begun and nobody plays any more, also what somebody stopped meanwhile."""
    long_ago = service.now() - timedelta(seconds=LOST_SECONDS)
    begun = col(Preview.state).in_((PreviewState.PLAYING, PreviewState.ENDED))
    return select(Preview).where(
        begun, col(Preview.ended_at).is_(None), col(Preview.beat_at) < long_ago
    )


def _finish(
    service: "Service", session: Session, row: Preview, sha256: str | None, tally: Mapping[str, Any]
) -> None:
    row.state, row.ended_at = PreviewState.ENDED, service.now()
    row.sha256, row.tally = sha256, dict(tally)
    data = Previewed(
        sha256=sha256,
        seconds=round(tally["seconds"], 3),
        **{name: int(tally[name]) for name in ("bars", "drawn_anew", "silenced", "repeated")},
    )
    _note(service, session, row, data, PIPELINE)


def _note(
    service: "Service", session: Session, row: Preview, data: EventData, actor: Actor
) -> None:
    row.version += 1
    session.flush()
    record(
        session,
        tenant_id=row.tenant_id,
        subject=row.id,
        version=row.version,
        data=data,
        now=service.now(),
        actor=actor,
        person=people.person_key(row.account_id),
    )
