"""Everything that a creator sees of one track, gathered in one place."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Any, Final

from sqlmodel import Session, col, select

from scanner import (
    account_standing,
    amendments,
    appealing,
    badges,
    claim_views,
    complaint_windows,
    contestable,
    counter_notices,
    disputes,
    edits,
    explanations,
    human_review,
    matched_sound,
    notice_views,
    presumed_uses,
    statements,
    track_views,
)
from scanner.appeal_subjects import REDRESS
from scanner.console import alignment, creator_threads
from scanner.console.creator_clocks import Clock, clocks
from scanner.console.creator_threads import Step
from scanner.errors import NotFoundError, ScannerError
from scanner.messages import Message
from scanner.tables import (
    Appeal,
    Case,
    CaseNote,
    Claim,
    CounterNotice,
    Dispute,
    Notice,
    NoticeTrack,
    PolicyDecision,
    StatementOfReasons,
    Strike,
    Track,
    TrackAmendment,
)

if TYPE_CHECKING:
    import fingerprint
    from scanner.callers import Caller
    from scanner.service import Service

OPEN_CLAIMS: Final = frozenset({"active", "disputed", "upheld", "escalated"})
MOST_PRESUMED: Final = 20
SETTLED: Final = frozenset({"withdrawn", "closed", "granted"})


@dataclass(frozen=True)
class Contested:
    """What is claimed, noticed and contested about a track, as rows."""

    claims: list[Claim]
    disputes: list[Dispute]
    appeals: list[Appeal]
    counters: list[CounterNotice]
    notices: list[tuple[Notice, NoticeTrack]]
    questions: list[tuple[Case, str]]


@dataclass(frozen=True)
class TrackView:
    """A track's page.

    Attributes
    ----------
    described : dict
        The track as the API shows it.
    statement : dict or None
        Why it is restricted now: fields, and its plain form in the reader's language.
    checked : bool
        A person has decided.
    claims, disputes : list of dict
        As the API shows them, disputes by the id of their claim.
    clocks : list of Clock
        Of both sides, the nearest first.
    appealable : bool
        The decision in force can be appealed.
    by_rules : bool
        It can't, and rules alone made it: a person decides if the creator asks (GDPR-22, DSA-19).
    heard : Heard or None
        What of the reference whose match is drawn is heard, where a sound of it is kept.
    badge : Message or None
        What anybody is told of its origin; None for what is not out.
    changes : list of TrackAmendment
        What the creator changed in what they had declared, newest first.
    amendable : bool
        A credit, fewer countries or a licence may help.
    presumed : list of dict
        Uses that are presumed lawful in Germany, as the API shows them, newest first.
    """

    track: Track
    described: dict[str, Any]
    statement: dict[str, Any] | None
    checked: bool
    match: dict[str, Any] | None
    picture: alignment.Alignment | None
    peaks: list[float] | None
    claims: list[dict[str, Any]]
    disputes: dict[str, dict[str, Any]]
    contested: Contested
    clocks: list[Clock]
    strikes: list[dict[str, Any]]
    edits: list[dict[str, Any]]
    thread: list[Step]
    appealable: bool
    by_rules: bool
    heard: matched_sound.Heard | None
    badge: Message | None
    changes: list[TrackAmendment]
    amendable: bool
    presumed: list[dict[str, Any]]


def view(
    service: "Service", caller: "Caller", track: Track, language: str, chosen: int = 0
) -> TrackView:
    """Gather a track of the caller's; ``chosen`` is the place of the match to draw."""
    with service.database.reading() as session:
        described = track_views.describe(session, [track])[0]
        found = contested(service, session, caller, track)
        claims = claim_views.describe_all(session, found.claims)
        own = {
            each.claim_id: claim_views.describe_dispute(session, caller, each)
            for each in reversed(found.disputes)
        }
        ends = complaint_windows.ends(session, found.disputes)
        statement = _statement(session, track)
        can = contestable.of_tracks(session, [track], service.now())[track.id]
        decision = session.get(PolicyDecision, track.decision_id) if track.decision_id else None
        strikes = session.exec(
            select(Strike).where(Strike.track_id == track.id, Strike.account_id == track.account_id)
        ).all()
        mended = [edits.describe(each) for each in edits.listed(session, track.id)]
        thread = creator_threads.thread(session, caller, track, found)
        changes = amendments.listed(session, track.id)
        presumed = [
            presumed_uses.describe(session, each)
            for each in presumed_uses.listed(
                session, caller, limit=MOST_PRESUMED, track_id=track.id
            )
        ]
        amendable = amendments.can_be_amended(session, track)
    matches = [each for each in described["matches"] if each["segments"]]
    described["matches"] = matches
    match = matches[chosen if chosen < len(matches) else 0] if matches else None
    mine, theirs = _prints(service, track, match)
    appealed = {each.subject_id for each in found.appeals if each.state != "withdrawn"}
    return TrackView(
        track=track,
        described=described,
        statement=statements.describe(service, statement, language) if statement else None,
        checked=decision is not None and decision.ruled_by == "person",
        match=match,
        picture=alignment.align(match["segments"], mine, theirs) if match else None,
        peaks=alignment.peaks(mine) if mine else None,
        claims=claims,
        disputes=own,
        contested=found,
        clocks=clocks(found, _contest_until(can, statement), ends),
        strikes=[account_standing.describe_strike(each) for each in strikes],
        edits=mended,
        thread=thread,
        appealable=statement is not None
        and statement.open_to_appeal
        and track.decision_id not in appealed,
        by_rules=track.state in human_review.RESTRICTED
        and statement is not None
        and statement.automated_decision
        and not statement.open_to_appeal,
        heard=_heard(service, track, match["reference_id"]) if match is not None else None,
        badge=_badge(service, track),
        changes=changes,
        presumed=presumed,
        amendable=amendable and bool(claims or statement or track.state == "quarantined"),
    )


def contested(service: "Service", session: Session, caller: "Caller", track: Track) -> Contested:
    """Return what is claimed, noticed and contested about a track, newest first."""

    def of_track(model: Any) -> list[Any]:
        query = select(model).where(model.track_id == track.id)
        return list(session.exec(query.order_by(model.id.desc())))

    claims = [each for each in of_track(Claim) if each.state in OPEN_CLAIMS]
    return Contested(
        claims=claims,
        disputes=of_track(Dispute),
        appeals=of_track(Appeal),
        counters=of_track(CounterNotice),
        notices=_notices(service, session, caller, track),
        questions=[
            (case, _question(session, case))
            for case in of_track(Case)
            if case.state == "waiting_info"
        ],
    )


def matter(
    session: Session, caller: "Caller", kind: str, matter_id: str
) -> Dispute | Appeal | CounterNotice:
    """Return what a creator has filed, or raise ``NotFoundError``."""
    if kind == Dispute.KIND:
        return disputes.find(session, caller, matter_id)[0]
    if kind == Appeal.KIND:
        return appealing.find(session, caller, matter_id)
    row = session.get(CounterNotice, matter_id) if kind == CounterNotice.KIND else None
    if row is None or (row.tenant_id, row.account_id) != (caller.tenant_id, caller.account_id):
        raise NotFoundError("matter", "of this id")
    return row


def describe(
    session: Session, caller: "Caller", row: Dispute | Appeal | CounterNotice
) -> dict[str, Any]:
    """Return what was said in a matter, as its form had it."""
    if isinstance(row, Dispute):
        return claim_views.describe_dispute(session, caller, row)
    if isinstance(row, CounterNotice):
        return counter_notices.describe(row)
    return {"state": row.state, "text": row.reason, "outcome": row.outcome}


def _heard(service: "Service", track: Track, reference_id: str) -> matched_sound.Heard | None:
    with service.database.reading() as session:
        try:
            return matched_sound.heard(session, track, reference_id)
        except NotFoundError:
            return None


def _badge(service: "Service", track: Track) -> Message | None:
    try:
        return badges.badge_of(service, track.id, track.tenant_id).heading
    except NotFoundError:
        return None


def _contest_until(
    can: Sequence[contestable.Contestable], statement: StatementOfReasons | None
) -> datetime | None:
    """Return until when the decision can be contested: later where complaints were suspended meanwhile."""
    appeal = next((each for each in can if each.what == "appeal"), None)
    if appeal is not None:
        return appeal.until
    return statement.contest_until if statement is not None else None


def _statement(session: Session, track: Track) -> StatementOfReasons | None:
    if track.state not in REDRESS or track.decision_id is None:
        return None
    query = select(StatementOfReasons).where(
        StatementOfReasons.decision_id == track.decision_id,
        StatementOfReasons.tenant_id == track.tenant_id,
    )
    return session.exec(query).first()


def _notices(
    service: "Service", session: Session, caller: "Caller", track: Track
) -> list[tuple[Notice, NoticeTrack]]:
    """Return the notices that keep the track down and that its creator may see."""
    query = select(NoticeTrack).where(
        NoticeTrack.track_id == track.id, NoticeTrack.state == "actioned"
    )
    found = []
    for named in session.exec(query):
        try:
            found.append((notice_views.find(service, caller, named.notice_id), named))
        except NotFoundError:
            continue
    return found


def _question(session: Session, case: Case) -> str:
    query = select(CaseNote).where(CaseNote.case_id == case.id, CaseNote.kind == "question")
    asked: Sequence[CaseNote] = session.exec(query.order_by(col(CaseNote.id).desc())).all()
    return asked[0].text if asked else ""


def _prints(
    service: "Service", track: Track, match: dict[str, Any] | None
) -> "tuple[fingerprint.Fingerprint | None, fingerprint.Fingerprint | None]":
    """Return both sides' fingerprints; a lane of which none can be read stays empty."""
    mine = theirs = None
    try:
        row = explanations.analysis_of(service, track)
        mine = explanations.own_fingerprint(service, track, row)
        if match is not None:
            theirs = explanations.reference_fingerprint(service, track, match["reference_id"])
    except ScannerError:
        return mine, theirs
    return mine, theirs
