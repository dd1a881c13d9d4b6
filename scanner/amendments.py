"""Fixes without a new version: a creator adds a credit, limits the territories, or attaches a licence.

Each is drafted first, so that what it changes can be seen, then applied: it counts as declared, and the rules
judge the stored evidence anew. Until the track is out with it, it can be undone. What a person decided, and
what a notice took down, is no matter of a declaration: that is contested.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final, Literal, cast

from pydantic import BaseModel, ConfigDict, Field, ValidationError
from sqlmodel import Session, col, func, select

import policy
from scanner import case_closing, evidence, judgements, parties, rulings
from scanner.clock import new_id
from scanner.declarations import (
    DeclarationError,
    DeclaredLicence,
    DeclaredSource,
    Territory,
    countries,
)
from scanner.declared import CREDIT, LICENCE, TERRITORIES, amended, declared
from scanner.edits import taken_down
from scanner.errors import ConflictError, IllegalTransitionError, NotFoundError
from scanner.rights_events import TrackAmended
from scanner.rulings import Ruling
from scanner.tables import (
    Analysis,
    Case,
    CaseVerdict,
    Evidence,
    PolicyDecision,
    Track,
    TrackAmendment,
)
from scanner.track_states import State
from scanner.tracks import close_cases, find, locked, note
from scanner.wording import Told, wrong_with

if TYPE_CHECKING:
    from scanner.callers import Caller
    from scanner.service import Service

Kind = Literal["credit", "territories", "licence"]
KINDS: Final[tuple[Kind, ...]] = ("credit", "territories", "licence")
MOST: Final = 50
"""Amendments of a track that are kept, drafts included."""
STANDING: Final = frozenset({State.RELEASED, State.CONDITIONED, State.QUARANTINED, State.BLOCKED})
OUT: Final = frozenset({State.RELEASED, State.CONDITIONED})
REASON: Final = "declaration.amended"


class _Credit(DeclaredSource):
    artist: str = Field(min_length=1, max_length=500)


class _Territories(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")

    territories: tuple[Territory, ...] = Field((), max_length=300)
    without: tuple[Territory, ...] = Field((), max_length=300)


_SHAPES: Final[Mapping[str, type[BaseModel]]] = {
    CREDIT: _Credit,
    TERRITORIES: _Territories,
    LICENCE: DeclaredLicence,
}


@dataclass(frozen=True)
class Change:
    """What an amendment would make of a decision; ``now`` and ``then`` have decision, outcomes, restrictions."""

    now: dict[str, Any]
    then: dict[str, Any]

    @property
    def is_any(self) -> bool:
        """Whether anything would be decided otherwise."""
        return self.now != self.then

    def to_json(self) -> dict[str, Any]:
        """Return it as JSON."""
        return {"now": self.now, "then": self.then, "changes": self.is_any}


def draft(
    service: "Service", caller: "Caller", track_id: str, kind: str, content: Mapping[str, Any]
) -> TrackAmendment:
    """Write down what a creator would change; nothing counts yet.

    Raises
    ------
    DeclarationError
        Naming what is wrong with the content.
    IllegalTransitionError
        If nothing can be changed about the track this way.
    """
    with service.database.transaction() as session:
        track = locked(session, caller.tenant_id, track_id)
        parties.affected(session, caller, track)
        _can_be_amended(session, track)
        kept = _checked(kind, content, declared(session, track.id))
        if len(listed(session, track.id)) >= MOST:
            told = Told(
                "there are %(most)s changes already: undo or submit the track anew", most=MOST
            )
            raise DeclarationError([{"field": "kind", "detail": told}])
        row = TrackAmendment(
            id=new_id(),
            tenant_id=track.tenant_id,
            track_id=track.id,
            account_id=track.account_id,
            kind=kind,
            content=kept,
            state="drafted",
            created_at=service.now(),
        )
        session.add(row)
        return row


def apply(service: "Service", caller: "Caller", track_id: str, amendment_id: str) -> TrackAmendment:
    """Let a draft count, and have the rules judge anew; a repeat changes nothing.

    Raises
    ------
    DeclarationError
        If a licence has no document.
    IllegalTransitionError
        If it was undone, or nothing can be changed about the track this way any more.
    """
    with service.database.transaction() as session:
        track, row = _both(session, caller, track_id, amendment_id)
        if row.state == "applied":
            return row
        if row.state != "drafted":
            raise IllegalTransitionError("it was undone: make the change anew")
        _can_be_amended(session, track)
        if row.kind == LICENCE and not _documents(session, row):
            told = "attach the licence as a document first"
            raise DeclarationError([{"field": "file", "detail": told}])
        row.state, row.applied_at = "applied", service.now()
        _counts(service, session, caller, track, row)
        return row


def undo(service: "Service", caller: "Caller", track_id: str, amendment_id: str) -> TrackAmendment:
    """Take an amendment back, as long as the track is not out with it; a repeat changes nothing.

    Raises
    ------
    IllegalTransitionError
        If the track is out with it.
    """
    with service.database.transaction() as session:
        track, row = _both(session, caller, track_id, amendment_id)
        if row.state == "undone":
            return row
        applied = row.state == "applied"
        if applied and track.state in OUT:
            raise IllegalTransitionError(
                "your track is out with this change: submit a new version to take it back"
            )
        if applied:
            _can_be_amended(session, track)
        row.state, row.undone_at = "undone", service.now()
        if applied:
            _counts(service, session, caller, track, row)
        return row


def preview(service: "Service", caller: "Caller", row: TrackAmendment) -> Change | None:
    """Return what a draft would change; None where nothing was decided yet, or a person decided."""
    with service.database.reading() as session:
        track = find(session, caller.tenant_id, row.track_id)
        before = session.get(PolicyDecision, track.decision_id) if track.decision_id else None
        if before is None or before.analysis_id is None or not _by_rules(session, before):
            return None
        told = amended(declared(session, track.id), [row] if row.state == "drafted" else [])
        facts = _facts(service, session, track, before, told)
        pack = service.packs.in_force(session, track.tenant_id, track.id, facts=facts).pack
        judged = policy.decide(pack, facts)
    after = judged.to_json()
    parts = ("decision", "outcomes", "restrictions")
    return Change(
        {name: getattr(before, name) for name in parts}, {name: after[name] for name in parts}
    )


def listed(session: Session, track_id: str) -> list[TrackAmendment]:
    """Return a track's amendments, newest first."""
    query = select(TrackAmendment).where(TrackAmendment.track_id == track_id)
    return list(session.exec(query.order_by(col(TrackAmendment.id).desc())))


def find_own(
    session: Session, caller: "Caller", track_id: str, amendment_id: str
) -> tuple[Track, TrackAmendment]:
    """Return a track of the caller's and one of its amendments, or raise ``NotFoundError``."""
    track = find(session, caller.tenant_id, track_id)
    parties.affected(session, caller, track)
    row = session.get(TrackAmendment, amendment_id)
    if row is None or row.track_id != track.id:
        raise NotFoundError("amendment", "of this id")
    return track, row


def can_be_amended(session: Session, track: Track) -> bool:
    """Whether a change of what was declared can help a track."""
    try:
        _can_be_amended(session, track)
    except (IllegalTransitionError, ConflictError):
        return False
    return True


def can_be_undone(track: Track, row: TrackAmendment) -> bool:
    """Whether an amendment can still be taken back."""
    return row.state == "drafted" or (row.state == "applied" and track.state not in OUT)


def describe(session: Session, row: TrackAmendment, change: Change | None = None) -> dict[str, Any]:
    """Return an amendment as JSON, with its documents."""
    return {
        "id": row.id,
        "track_id": row.track_id,
        "kind": row.kind,
        "content": row.content,
        "state": row.state,
        "documents": evidence.listed(session, (TrackAmendment.KIND, row.id)),
        "preview": change.to_json() if change else None,
        "decision_id": row.decision_id,
        "created_at": row.created_at.isoformat(),
        "applied_at": row.applied_at.isoformat() if row.applied_at else None,
        "undone_at": row.undone_at.isoformat() if row.undone_at else None,
    }


def _both(
    session: Session, caller: "Caller", track_id: str, amendment_id: str
) -> tuple[Track, TrackAmendment]:
    """Return a track and its amendment, locked in this order."""
    locked(session, caller.tenant_id, track_id)
    track, row = find_own(session, caller, track_id, amendment_id)
    open_cases = select(Case.id).where(Case.track_id == track.id, col(Case.closed_at).is_(None))
    session.exec(open_cases.order_by(col(Case.id)).with_for_update()).all()  # no verdict meanwhile
    session.refresh(row, with_for_update=True)
    return track, row


def _can_be_amended(session: Session, track: Track) -> None:
    if track.state == State.DECIDED:
        raise ConflictError("a decision on the track is taking effect: try again in a moment")
    before = session.get(PolicyDecision, track.decision_id) if track.decision_id else None
    if track.state not in STANDING or before is None or before.analysis_id is None:
        raise IllegalTransitionError(
            Told(
                "the track is %(state)s: what was declared can be changed once it was decided on",
                state=track.state,
            )
        )
    if taken_down(session, track):
        raise IllegalTransitionError(
            "a notice took the track down: answer it by a counter-notice or an appeal"
        )
    if not _by_rules(session, before):
        raise IllegalTransitionError(
            "a person decided on the track: contest that, or submit a new version"
        )
    if _is_being_decided(session, track):
        raise ConflictError("a person has decided on the track: wait until that takes effect")


def _by_rules(session: Session, decision: PolicyDecision) -> bool:
    """Whether rules judged it, be it since a claim ended, and nobody left a part of it on appeal."""
    return judgements.is_judged(decision) and not judgements.is_part(session, decision)


def _is_being_decided(session: Session, track: Track) -> bool:
    """Whether a verdict on the track waits for its effect, which an amendment must not make moot."""
    query = (
        select(CaseVerdict.id)
        .join(Case, col(Case.id) == col(CaseVerdict.case_id))
        .where(
            Case.track_id == track.id,
            col(Case.closed_at).is_(None),
            col(Case.matter_kind).is_(None),
            col(CaseVerdict.state).in_(case_closing.WAITING),
        )
    )
    return session.exec(query.limit(1)).first() is not None


def _checked(kind: str, content: Mapping[str, Any], known: Mapping[str, Any]) -> dict[str, Any]:
    """Return what is kept of an amendment's content."""
    shape = _SHAPES.get(kind)
    if shape is None:
        there_are = Told("there are %(kinds)s", kinds=", ".join(KINDS))
        raise DeclarationError([{"field": "kind", "detail": there_are}])
    try:
        value = shape.model_validate(dict(content))
    except ValidationError as error:
        raise DeclarationError(_wrong(error)) from None
    if isinstance(value, _Territories):
        return {"territories": _narrowed(value, known.get("territories") or ())}
    if isinstance(value, DeclaredLicence) and value.valid_from is None:
        told = "say from which day the licence holds"
        raise DeclarationError([{"field": "valid_from", "detail": told}])
    return value.model_dump(mode="json", exclude_none=True, exclude_defaults=True)


def _wrong(error: ValidationError) -> list[dict[str, str]]:
    return [
        {
            "field": str(each["loc"][0]) if each["loc"] else "content",
            "detail": wrong_with(each),
        }
        for each in error.errors(include_url=False, include_input=False)
    ]


def _narrowed(wanted: _Territories, known: Iterable[str]) -> list[str]:
    """Return where a track is offered then: fewer places than before, and at least one."""
    before = set(known) or set(countries())
    after = (set(wanted.territories) or before) - set(wanted.without)
    field = "territories" if wanted.territories else "without"
    if not (wanted.territories or wanted.without):
        told = "name the countries in which to offer it, or those to leave out"
    elif not after <= before:
        told = Told(
            "it is not offered there now: %(after)s", after=", ".join(sorted(after - before)[:5])
        )
    elif not after:
        told = "nothing would be left: withdraw the track instead"
    elif after == before:
        told = "that changes nothing"
    else:
        return sorted(after)
    raise DeclarationError([{"field": field, "detail": told}])


def _documents(session: Session, row: TrackAmendment) -> int:
    query = select(func.count()).where(
        Evidence.matter_kind == TrackAmendment.KIND, Evidence.matter_id == row.id
    )
    return session.exec(query).one()


def _facts(
    service: "Service",
    session: Session,
    track: Track,
    before: PolicyDecision,
    told: Mapping[str, Any],
) -> policy.Facts:
    analysis = session.get_one(Analysis, before.analysis_id)
    return judgements.facts_about(service, session, track, analysis, told)


def _counts(
    service: "Service", session: Session, caller: "Caller", track: Track, row: TrackAmendment
) -> None:
    """Write down what counts now, and let the pack in force judge the stored evidence anew."""
    session.flush()
    data = TrackAmended(amendment_id=row.id, kind=row.kind, step=cast(Any, row.state))
    event = note(session, track, data, service.now(), actor=caller.actor)
    before = session.get_one(PolicyDecision, track.decision_id)
    facts = _facts(service, session, track, before, declared(session, track.id))
    in_force = service.packs.in_force(session, track.tenant_id, track.id, facts=facts, held=True)
    judged = policy.decide(in_force.pack, facts)
    analysis = session.get_one(Analysis, before.analysis_id)
    stored = judgements.decision_row(service, track, analysis, facts, judged, in_force)
    if (stored.outcomes, stored.restrictions) == (before.outcomes, before.restrictions):
        return
    text = "Its creator changed what they had declared."
    ruling = Ruling(
        cast(rulings.Outcome, stored.decision), REASON, text, ground=(row.KIND, row.id), by="law"
    )
    about_matters = rulings.about_matters(session, track)
    close_cases(session, track, text, service.now(), caller.actor, keep=about_matters)
    rulings.rule(service, session, track, ruling, caller.actor, cause=event, judged=stored)
    row.decision_id = stored.id
