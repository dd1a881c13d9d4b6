"""Counter-notices (DMCA-CN): forwarded to who sent the notice, and restored by the clock of law (DMCA-R).

The order of locks is: the track, the notice, then the counter-notice.
"""

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, Final

from sqlmodel import Session, col, select

import appeals
from appeals.forms import TEXTS, validate
from scanner import flaggers, matters, notice_layers, notice_tracks, parties
from scanner.callers import Caller
from scanner.errors import IllegalTransitionError, NotFoundError
from scanner.journal import PIPELINE, Actor
from scanner.notice_senders import by_link, day, opens, sender_of, tell
from scanner.rulings import By
from scanner.tables import CounterNotice, Letter, Notice, NoticeTrack, Track
from scanner.tracks import locked
from scanner.wording import Told

if TYPE_CHECKING:
    from scanner.service import Service

FORM: Final = "counter-dmca"
WINDOW: Final = "counter-notice-window"
OPEN: Final = ("received", "incomplete", "cured", "forwarded", "waiting", "court_hold")


def file(
    service: "Service", caller: Caller, notice: Notice, track_id: str, elements: Mapping[str, Any]
) -> CounterNotice:
    """Take a counter-notice about one track of a notice from whom the takedown hit.

    Raises
    ------
    IllegalTransitionError
        If the notice is of another form, the track was not taken down by it, or one is there already.
    NotFoundError, ForbiddenError
        As :func:`scanner.parties.affected`.
    """
    with service.database.transaction() as session:
        track = locked(session, caller.tenant_id, track_id)
        actor = parties.affected(session, caller, track)
        row = matters.locked(session, Notice, caller.tenant_id, notice.id)
        named = session.get(NoticeTrack, (row.id, track.id))
        _refuse(session, row, named)
        counter = matters.new(
            CounterNotice,
            caller.tenant_id,
            service.now(),
            notice_id=row.id,
            track_id=track.id,
            account_id=track.account_id,
            elements=_kept(elements),
            deciders=list(row.deciders),
        )
        matters.opened(service, session, counter, actor, detail={"notice_id": row.id})
        _examine(service, session, row, counter, track)
        return counter


def cure(
    service: "Service", caller: Caller, counter: CounterNotice, elements: Mapping[str, Any]
) -> CounterNotice:
    """Give what was missing; elements that are given replace the earlier ones."""
    with service.database.transaction() as session:
        track, notice, row = _locked(session, counter)
        actor = parties.affected(session, caller, track)
        row.elements = dict(row.elements) | _kept(elements)
        matters.move(service, session, row, "cure", actor, parts={"elements": sorted(elements)})
        _examine(service, session, notice, row, track)
        return row


def withdraw(service: "Service", caller: Caller, counter: CounterNotice) -> CounterNotice:
    """Take a counter-notice back."""
    with service.database.transaction() as session:
        track, _, row = _locked(session, counter)
        actor = parties.affected(session, caller, track)
        matters.move(service, session, row, "withdraw", actor)
        return row


def file_action(
    service: "Service",
    counter: CounterNotice,
    filing: str,
    caller: Caller | None = None,
    token: str | None = None,
) -> CounterNotice:
    """Stop the clock: the claimant has asked a court, and says where (DMCA-R)."""
    with service.database.transaction() as session:
        track, notice, row = _locked(session, counter)
        if caller is not None:
            actor = sender_of(caller, notice)
        elif opens(notice, token or ""):
            actor = by_link(notice)
        else:
            raise NotFoundError("notice", "of this link")
        row.filing = filing
        matters.move(service, session, row, "file_action", actor, parts={"filing": filing})
        notice_tracks.tell_uploader(
            service,
            session,
            notice,
            track,
            "counter-court-hold",
            legal_basis=("DMCA-R",),
            filing=filing,
        )
        return row


def override(
    service: "Service", caller: Caller, counter: CounterNotice, reason: str
) -> CounterNotice:
    """Restore by the word of an appeals officer who did not decide on the notice."""
    actor = parties.staff(caller)
    with service.database.transaction() as session:
        _restore(service, session, counter, actor, reason)
        return matters.find(session, CounterNotice, counter.tenant_id, counter.id)


def restore_when_open(service: "Service", session: Session, counter: CounterNotice) -> None:
    """Put back what was taken down: ten business days are over and no court was asked (DMCA-R)."""
    if counter.state == "waiting":
        _restore(service, session, counter, matters.CLOCK, None)


def lapse(service: "Service", session: Session, counter: CounterNotice) -> None:
    """End what was not completed in its time, and say so; another one can be sent (DMCA-CN)."""
    matters.move(service, session, counter, "lapse", matters.CLOCK)
    track = session.get_one(Track, counter.track_id)
    notice = session.get_one(Notice, counter.notice_id)
    notice_tracks.tell_uploader(
        service, session, notice, track, "counter-lapsed", legal_basis=("DMCA-CN",)
    )


def end_all(service: "Service", session: Session, notice: Notice, ground: str) -> None:
    """End what answers a notice that is gone, inside the caller's transaction."""
    query = select(CounterNotice).where(
        CounterNotice.notice_id == notice.id, col(CounterNotice.state).in_(OPEN)
    )
    for counter in session.exec(query.order_by(col(CounterNotice.id)).with_for_update()):
        matters.move(service, session, counter, "end", matters.CLOCK, parts={"ground": ground})


def find(service: "Service", caller: Caller, notice_id: str, counter_id: str) -> CounterNotice:
    """Return a counter-notice that a caller may see, or raise ``NotFoundError``."""
    with service.database.reading() as session:
        counter = matters.find(session, CounterNotice, caller.tenant_id, counter_id)
    if counter.notice_id != notice_id or (
        caller.account_id is not None and caller.account_id != counter.account_id
    ):
        raise NotFoundError("counter-notice", "of this id")
    return counter


def of_notice(session: Session, notice_id: str) -> list[CounterNotice]:
    """Return the counter-notices to a notice, oldest first."""
    query = select(CounterNotice).where(CounterNotice.notice_id == notice_id)
    return list(session.exec(query.order_by(col(CounterNotice.id))))


def describe(counter: CounterNotice) -> dict[str, Any]:
    """Return a counter-notice as JSON."""
    plain = ("id", "notice_id", "track_id", "state", "version", "elements", "missing", "filing")
    moments = ("opens_at", "due_at", "forwarded_at", "created_at")
    return {name: getattr(counter, name) for name in plain} | {
        name: at.isoformat() if (at := getattr(counter, name)) else None for name in moments
    }


def _refuse(session: Session, notice: Notice, named: NoticeTrack | None) -> None:
    if named is None:
        raise NotFoundError("track", "of this notice")
    if notice.form != "dmca":
        raise IllegalTransitionError(
            Told(
                "a counter-notice answers a DMCA notice, not one of the form %(form)s: "
                "contest the decision instead",
                form=notice.form,
            )
        )
    if named.state != "actioned":
        raise IllegalTransitionError(
            Told(
                "the track is %(state)s under this notice: there is nothing to put back",
                state=named.state,
            )
        )
    query = select(CounterNotice.id).where(
        CounterNotice.notice_id == notice.id,
        CounterNotice.track_id == named.track_id,
        col(CounterNotice.state).in_(OPEN),
    )
    if (known := session.exec(query).first()) is not None:
        raise IllegalTransitionError(
            Told("there is a counter-notice for this track: %(known)s", known=known)
        )


def _examine(
    service: "Service", session: Session, notice: Notice, counter: CounterNotice, track: Track
) -> None:
    """Look at each element; what lacks nothing is forwarded at once, and its clock starts (DMCA-CF)."""
    counter.missing = validate(FORM, counter.elements).missing
    counter.text_versions = sorted(
        each for each in counter.elements.values() if isinstance(each, str) and each in TEXTS
    )
    if counter.missing:
        matters.move(
            service,
            session,
            counter,
            "find_incomplete",
            matters.CLOCK,
            parts={"missing": counter.missing},
        )
        notice_tracks.tell_uploader(
            service,
            session,
            notice,
            track,
            "counter-incomplete",
            legal_basis=("DMCA-CN",),
            missing=counter.missing,
            until=day(service, counter.due_at, last=True),
        )
        return
    _forward(service, session, notice, counter, track)


def _forward(
    service: "Service", session: Session, notice: Notice, counter: CounterNotice, track: Track
) -> None:
    now = service.now()
    # DMCA-R: the days begin when it is effective, with its last element; 512(g)(3)
    window = appeals.deadline(WINDOW, now, service.settings.legal_zone)
    dates = {"opens": day(service, window.opens_at), "due": day(service, window.due_at, last=True)}
    letter: Letter = tell(
        service,
        session,
        notice,
        "counter-forwarded",
        legal_basis=("DMCA-CF",),
        elements=counter.elements,
        track_id=track.id,
        **dates,
    )
    counter.forwarded_at = now
    matters.move(service, session, counter, "forward", matters.CLOCK, parts={"message": letter.id})
    matters.move(service, session, counter, "wait", matters.CLOCK)
    notice_tracks.tell_uploader(
        service, session, notice, track, "counter-waiting", legal_basis=("DMCA-R",), **dates
    )


def _restore(
    service: "Service",
    session: Session,
    counter: CounterNotice,
    actor: appeals.Actor,
    reason: str | None,
) -> None:
    track, notice, row = _locked(session, counter)
    parts = {"reason": reason} if reason else {}
    matters.move(service, session, row, "restore", actor, parts=parts)
    named = session.get_one(NoticeTrack, (notice.id, track.id), with_for_update=True)
    by: By = "person" if reason else "law"
    why = notice_tracks.reason_to_restore(
        notice,
        "counter-notice.restored",
        reason or "No court action against the counter-notice was shown in time.",
        by,
        "DMCA-R",
    )
    journal: Actor = matters.actor_of(actor) if reason else PIPELINE
    notice_layers.put_back(service, session, notice, named, track, journal, why)
    if notice.state in {"actioned", "countered"}:
        detail = {"track_id": track.id, "counter_notice_id": row.id}
        matters.move(
            service,
            session,
            notice,
            "counter",
            matters.CLOCK,
            parts={"counter_notice": row.id},
            detail=detail,
        )
    flaggers.judge(service, session, notice)
    notice_tracks.tell_uploader(
        service, session, notice, track, "counter-restored", legal_basis=("DMCA-R",)
    )
    tell(
        service,
        session,
        notice,
        "counter-restored-claimant",
        legal_basis=("DMCA-R",),
        track_id=track.id,
    )


def _locked(session: Session, counter: CounterNotice) -> tuple[Track, Notice, CounterNotice]:
    track = locked(session, counter.tenant_id, counter.track_id)
    notice = matters.locked(session, Notice, counter.tenant_id, counter.notice_id)
    return track, notice, matters.locked(session, CounterNotice, counter.tenant_id, counter.id)


def _kept(elements: Mapping[str, Any]) -> dict[str, Any]:
    return {
        each.name: elements[each.name]
        for each in appeals.forms.FORMS[FORM]
        if each.name in elements
    }
