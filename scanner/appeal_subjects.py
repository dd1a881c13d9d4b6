"""What can be appealed: until when, by whom, and who had a part in it and may not decide again (DSA-20)."""

import hashlib
import hmac
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Any, Final, Literal

from sqlmodel import Session, col, select

import appeals
from appeals.matter_tables import MatterRow
from appeals.roles import STAFF, Role
from scanner import (
    complaint_windows,
    matters,
    notice_tracks,
    parties,
    redress,
    sanction_links,
    sanctions,
    stay_down,
    tracks,
)
from scanner.callers import Caller
from scanner.errors import ForbiddenError, IllegalTransitionError, NotFoundError, UnauthorisedError
from scanner.events import TrackRuled
from scanner.tables import (
    Account,
    Appeal,
    Case,
    Claim,
    CounterNotice,
    Dispute,
    JournalRow,
    Notice,
    NoticeTrack,
    PolicyDecision,
    PresumedUse,
    Sanction,
    StatementOfReasons,
    Strike,
    Track,
)
from scanner.track_states import State
from scanner.wording import Told

if TYPE_CHECKING:
    from scanner.service import Service

SubjectKind = Literal["decision", "track", "dispute", "notice", "copy", "strike", "sanction"]
REDRESS: Final = ("blocked", "conditioned", "quarantined")
"""States of a track that somebody may appeal."""
_GROUNDS: Final[Mapping[str, type[MatterRow] | type[Case]]] = {
    model.KIND: model
    for model in (Appeal, Case, Claim, CounterNotice, Dispute, Notice, PresumedUse)
}
_PARTIES: Final = {
    "account": Role.CREATOR,
    "holder": Role.RIGHTS_HOLDER,
    "flagger": Role.NOTIFIER,
    "notifier": Role.NOTIFIER,
}


@dataclass(frozen=True)
class Subject:
    """What is contested.

    Attributes
    ----------
    kind, id : str
        A decision, dispute, notice, copy (by its case), strike or sanction.
    told_at : datetime
        When the person was told: the window of six months begins (DSA-20).
    deciders : frozenset of str
        Ids of all who had a part in it.
    until : datetime, optional
        When the window ends, where that is kept: an appeal that is taken back begins no other.
    """

    kind: str
    id: str
    told_at: datetime
    deciders: frozenset[str]
    track_id: str | None = None
    account_id: str | None = None
    until: datetime | None = None


Contest = tuple[Subject, appeals.Actor]


def contested(
    service: "Service",
    session: Session,
    caller: Caller | None,
    kind: SubjectKind,
    subject_id: str,
    token: str | None,
    track_id: str | None = None,
) -> Contest:
    """Return what somebody appeals, locked, and as whom they do.

    Parameters
    ----------
    subject_id : str
        Of a copy that was left, its notice's, with the ``track_id`` of the copy.
    caller : Caller, optional
        None: whoever holds the ``token`` of the link of a notice, or of a notifier's sanction.

    Raises
    ------
    NotFoundError
        If there is nothing such of theirs.
    IllegalTransitionError
        If it is nothing that can be appealed, or not any more, or nobody was told that it can (DSA-19).
    """
    if caller is None:
        if kind not in {"notice", "copy", "sanction"} or token is None:
            raise UnauthorisedError("send an API key, or the `token` of the link in your letter")
        if kind == "sanction":
            return _sanction_by_link(service, session, subject_id, token)
        if kind == "copy":
            return _copy(session, _noticed(session, subject_id, token), track_id)
        return _by_link(session, subject_id, token)
    if kind == "copy":
        return _copy(session, _own_notice(session, caller, subject_id), track_id)
    finders: Mapping[str, Callable[[Session, Caller, str], Contest]] = {
        "decision": _decision,
        "track": _track,
        "dispute": _dispute,
        "notice": _notice,
        "strike": _strike,
        "sanction": _sanction,
    }
    return finders[kind](session, caller, subject_id)


def window_until(
    service: "Service", session: Session, tenant_id: str, subject: Subject
) -> datetime:
    """Return from when it is too late to appeal; while complaints are suspended the window stands still."""
    window = (subject.told_at, subject.until or redress_until(service, subject.told_at))
    about = (subject.kind, subject.id, subject.account_id)
    return complaint_windows.until(session, tenant_id, about, window)


def redress_until(service: "Service", told_at: datetime) -> datetime:
    """Return until when what somebody was told of then can be appealed."""
    return appeals.deadline("complaint-window", told_at, service.settings.legal_zone).due_at


def token_fits(digest: str | None, token: str) -> bool:
    """Tell whether a token is the one whose digest is kept."""
    given = hashlib.sha256(token.encode()).hexdigest()
    return digest is not None and hmac.compare_digest(digest, given)


def _track(session: Session, caller: Caller, track_id: str) -> Contest:
    track = tracks.find(session, caller.tenant_id, track_id)
    if track.decision_id is None:
        parties.affected(session, caller, track)
        raise IllegalTransitionError(
            Told("the track is %(state)s: nothing was decided on it yet", state=track.state)
        )
    return _decision(session, caller, track.decision_id)


def _decision(session: Session, caller: Caller, decision_id: str) -> Contest:
    decision = session.get(PolicyDecision, decision_id)
    if decision is None or decision.tenant_id != caller.tenant_id:
        raise NotFoundError("decision", "of this id")
    track = tracks.locked(session, caller.tenant_id, decision.track_id)
    actor = parties.affected(session, caller, track)
    statement = session.exec(
        select(StatementOfReasons).where(StatementOfReasons.decision_id == decision.id)
    ).first()
    if statement is None:
        raise IllegalTransitionError(
            "this decision limits nothing, or has no effect yet: there is nothing to appeal"
        )
    if not statement.open_to_appeal:
        redress.refuse("decision", automated=statement.automated_decision)
    who = _ruled(session, track) | _cases(session, Case.track_id, track.id)
    ground = decision.explanation.get("ground") or ()
    if len(ground) == 2:
        who |= _of_ground(session, *ground)
    told = statement.created_at
    return Subject("decision", decision.id, told, who, track.id, track.account_id), actor


def _dispute(session: Session, caller: Caller, dispute_id: str) -> Contest:
    seen = matters.find(session, Dispute, caller.tenant_id, dispute_id)
    track = tracks.locked(session, caller.tenant_id, seen.track_id)
    actor = parties.affected(session, caller, track)
    claim = matters.locked(session, Claim, caller.tenant_id, seen.claim_id)
    dispute = matters.locked(session, Dispute, caller.tenant_id, dispute_id)
    if dispute.state != "upheld":
        raise IllegalTransitionError(
            Told(
                "the dispute is %(state)s: it is appealed when the holder has upheld the claim",
                state=dispute.state,
            )
        )
    who = frozenset(dispute.deciders) | _of_ground(session, "claim", claim.id)
    who |= _of_ground(session, "dispute", dispute.id) | _ruled(session, track)
    since, until = complaint_windows.first(session, dispute)
    return Subject("dispute", dispute.id, since, who, track.id, track.account_id, until), actor


def _notice(session: Session, caller: Caller, notice_id: str) -> Contest:
    matters.locked(session, Notice, caller.tenant_id, notice_id)
    return _left_out(session, _own_notice(session, caller, notice_id))


def _own_notice(session: Session, caller: Caller, notice_id: str) -> Notice:
    notice = matters.find(session, Notice, caller.tenant_id, notice_id)
    if caller.account_id or caller.user_id:
        raise ForbiddenError(
            "the sender of a notice appeals what was left of it; of a track, send `track`"
        )
    for own, theirs in (
        (caller.holder_id, notice.holder_id),
        (caller.flagger_id, notice.flagger_id),
    ):
        if own is not None and own != theirs:
            raise NotFoundError("notice", "of this id")
    return notice


def _by_link(session: Session, notice_id: str, token: str) -> Contest:
    session.get(Notice, notice_id, with_for_update=True, populate_existing=True)
    return _left_out(session, _noticed(session, notice_id, token))


def _noticed(session: Session, notice_id: str, token: str) -> Notice:
    notice = session.get(Notice, notice_id)
    if notice is None or not token_fits(notice.token_digest, token):
        raise NotFoundError("notice", "of this id")
    return notice


def _copy(session: Session, seen: Notice, track_id: str | None) -> Contest:
    """DSA-20: that a copy of the work was left is a decision not to act, once its sender was told."""
    if session.get(NoticeTrack, (seen.id, track_id or "")) is None:
        raise NotFoundError("track", "of this notice")
    track = tracks.locked(session, seen.tenant_id, track_id or "")
    notice = matters.locked(session, Notice, seen.tenant_id, seen.id)
    row = session.get_one(
        NoticeTrack, (notice.id, track.id), with_for_update=True, populate_existing=True
    )
    state = "gone" if track.state == State.WITHDRAWN else row.state
    if row.told_at is None or row.case_id is None or state != "refused":
        raise IllegalTransitionError(
            Told(
                "the track is %(state)s for this notice: its sender appeals a copy that was left, "
                "once they were told of it",
                state=state,
            )
        )
    if not stay_down.holds(session, notice):
        raise IllegalTransitionError(
            "the notice holds nothing any more, so no copy is taken down for it"
        )
    if row.contest_until is None:
        redress.refuse("decision")
    who = _of_ground(session, "case", row.case_id)
    subject = Subject("copy", row.case_id, row.told_at, who, track.id, until=row.contest_until)
    return subject, _sender(notice)


def _sender(notice: Notice) -> appeals.Actor:
    sender = notice.holder_id or notice.flagger_id or notice.notifier_digest or notice.id
    role = Role.RIGHTS_HOLDER if notice.holder_id else Role.NOTIFIER
    return appeals.Actor(role, sender[:36])


def leaves_something(notice: Notice) -> bool:
    """Whether a decided notice was not acted on, or in part: with a label, or in some countries (DSA-20)."""
    if notice.state == "refused":
        return True
    return notice.state in {"actioned", "countered"} and notice_tracks.is_partial(notice)


def _left_out(session: Session, notice: Notice) -> Contest:
    """DSA-20: a notifier may complain, too, whose notice was not acted on, or for less than it asked for."""
    if not leaves_something(notice):
        raise IllegalTransitionError(
            Told(
                "the notice is %(state)s: its sender appeals when it was refused, or acted on in part",
                state=notice.state,
            )
        )
    if not notice.open_to_appeal:
        redress.refuse("refusal" if notice.state == "refused" else "decision")
    who = _of_ground(session, "notice", notice.id)
    told, until = complaint_windows.first(session, notice)
    subject = Subject("notice", notice.id, told, who, until=until)
    return subject, _sender(notice)


def _strike(session: Session, caller: Caller, strike_id: str) -> Contest:
    strike = matters.locked(session, Strike, caller.tenant_id, strike_id)
    actor = _account(session, caller, strike.account_id, "strike")
    if strike.state == "reversed":
        raise IllegalTransitionError(
            Told("the strike is %(state)s: it does not count any more", state=strike.state)
        )
    if not strike.open_to_appeal:
        redress.refuse("strike")
    who = frozenset(strike.deciders) | _of_ground(session, strike.ground_kind, strike.ground_id)
    return Subject(
        "strike", strike.id, strike.created_at, who, strike.track_id, strike.account_id
    ), actor


def _sanction(session: Session, caller: Caller, sanction_id: str) -> Contest:
    row = sanctions.locked(session, caller.tenant_id, sanction_id)
    if row.party_kind == "account":
        actor = _account(session, caller, row.party_id, "sanction")
    else:
        if caller.account_id or caller.user_id:
            raise ForbiddenError(
                "only whom the sanction hits, or the platform for them, appeals it"
            )
        for own, kind in ((caller.holder_id, "holder"), (caller.flagger_id, "flagger")):
            if own is not None and (row.party_kind, row.party_id) != (kind, own):
                raise NotFoundError("sanction", "of this id")
        actor = _party(row)
    return _given(session, row, actor)


def _sanction_by_link(
    service: "Service", session: Session, sanction_id: str, token: str
) -> Contest:
    row = session.get(Sanction, sanction_id, with_for_update=True, populate_existing=True)
    if row is None or not sanction_links.opens(service, row, token):
        raise NotFoundError("sanction", "of this id")
    return _given(session, row, _party(row))


def _party(row: Sanction) -> appeals.Actor:
    return appeals.Actor(_PARTIES[row.party_kind], row.party_id[:36])


def _given(session: Session, row: Sanction, actor: appeals.Actor) -> Contest:
    """DSA-20: six months, also where a suspension was over sooner."""
    if row.state not in sanctions.STOOD:
        raise IllegalTransitionError(
            Told("the sanction is %(state)s: there is nothing to appeal", state=row.state)
        )
    if not row.open_to_appeal:
        redress.refuse("sanction")
    who = {row.signed_by, row.second_signer} - {None}
    who |= _of_ground(session, "sanction", row.id)
    account_id = row.party_id if row.party_kind == "account" else None
    told = row.starts_at or row.created_at
    return Subject("sanction", row.id, told, frozenset(map(str, who)), None, account_id), actor


def _account(session: Session, caller: Caller, account_id: str, what: str) -> appeals.Actor:
    if caller.account_id is not None:
        if caller.account_id != account_id:
            raise NotFoundError(what, "of this id")
        return appeals.Actor(Role.CREATOR, account_id)
    if caller.user_id or caller.holder_id or caller.flagger_id:
        raise ForbiddenError("only the creator, or the platform for them, does this")
    if session.get(Account, account_id) is None:
        raise NotFoundError(what, "of this id")
    return appeals.Actor(Role.PLATFORM, caller.actor.id)


# --- who had a part in it


def _ruled(session: Session, track: Track) -> frozenset[str]:
    """Who ruled on a track: people only."""
    query = select(JournalRow.actor).where(
        JournalRow.subject == track.id,
        JournalRow.type == TrackRuled.type,
        col(JournalRow.role).in_([str(role) for role in STAFF]),
    )
    return frozenset(session.exec(query))


def _of_ground(session: Session, kind: str, ground_id: str) -> frozenset[str]:
    """Who decided the matter that something follows from, and its cases."""
    model: type[Any] | None = _GROUNDS.get(kind)
    row = session.get(model, ground_id) if model is not None else None
    who = frozenset(row.deciders) if row is not None else frozenset()
    if isinstance(row, Case) and row.matter_kind is not None and row.matter_id is not None:
        who |= _of_ground(session, row.matter_kind, row.matter_id)
    if kind == "notice":
        of_notice = select(NoticeTrack.case_id).where(NoticeTrack.notice_id == ground_id)
        for case_id in filter(None, session.exec(of_notice).all()):
            who |= _cases(session, Case.id, case_id)
    return who | _cases(session, Case.matter_id, ground_id)


def _cases(session: Session, column: Any, value: str) -> frozenset[str]:
    query = select(Case.deciders).where(column == value)
    return frozenset(each for deciders in session.exec(query) for each in deciders)
