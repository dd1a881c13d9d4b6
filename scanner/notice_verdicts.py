"""What a person decides on a notice: refused, or acted on, with the letters that go with it (DSA-16).

Rules alone never act on a notice here (DSM-17-7). What the decider finds of misuse is counted, and where it
is frequent a person is asked to warn or suspend the sender (DSA-23).
"""

import re
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Final, Protocol

from sqlmodel import Session, col, func, select

import appeals
from appeals.standing import Submissions
from scanner import flaggers, illegal_uploads, matters, misuse, notice_tracks, redress, stay_down
from scanner.notice_cases import close_cases, open_case
from scanner.notice_senders import WHAT, Party, day, party_of, tell
from scanner.notices import BadNoticeError
from scanner.tables import Case, Notice
from scanner.wording import Told

if TYPE_CHECKING:
    from scanner.service import Service

_PLACES: Final = re.compile(r"[A-Z]{2}(,[A-Z]{2})*")


class Verdict(Protocol):
    """What a person says: ``verdict`` is action or refuse; ``remedy`` as `remedy_of` reads it."""

    @property
    def verdict(self) -> str: ...
    @property
    def reason(self) -> str: ...
    @property
    def text(self) -> str: ...
    @property
    def remedy(self) -> str | None: ...
    @property
    def misuse(self) -> str | None: ...


@dataclass(frozen=True)
class NoticeVerdict:
    """A verdict that was given elsewhere than in a case."""

    verdict: str
    reason: str
    text: str
    remedy: str | None = None
    misuse: str | None = None


def apply(
    service: "Service", session: Session, case: Case, verdict: Verdict, actor: appeals.Actor
) -> None:
    """Give a verdict on the case of a notice its effect; the case itself is the caller's."""
    found = session.get_one(Notice, case.matter_id)
    decide(service, session, found, verdict, actor, case_id=case.id)


def decide(
    service: "Service",
    session: Session,
    notice: Notice,
    verdict: Verdict,
    actor: appeals.Actor,
    *,
    case_id: str | None = None,
) -> Notice:
    """Decide on a valid notice, inside the caller's transaction; its other cases are closed.

    Raises
    ------
    BadNoticeError
        If the verdict, its remedy or its finding of misuse is none that there is.
    appeals.MoveError
        If the notice is not to be decided, or not by this actor.
    """
    if verdict.verdict not in {"action", "refuse"}:
        raise BadNoticeError("a notice is decided by `action` or `refuse`")
    if verdict.misuse is not None and verdict.misuse not in misuse.FINDINGS:
        raise BadNoticeError(
            Told("misuse is one of: %(findings)s", findings=", ".join(misuse.FINDINGS))
        )
    remedy, places = remedy_of(verdict.remedy, notice.form)
    rows = notice_tracks.of_notice(session, notice.id, "named")
    tracks = notice_tracks.lock_all(session, rows)
    row = matters.locked(session, Notice, notice.tenant_id, notice.id)
    row.reason, row.misuse = verdict.text, verdict.misuse
    if verdict.verdict == "action":
        row.remedy, row.territories = remedy, places
    detail = {
        "reason": verdict.reason,
        "form": row.form,
        "remedy": row.remedy,
        "misuse": row.misuse,
        "tracks": sorted(tracks),
    }
    matters.move(
        service,
        session,
        row,
        verdict.verdict,
        actor,
        parts={"reason": verdict.reason},
        detail=detail,
    )
    if verdict.verdict == "action":
        for each in rows:
            track = tracks[each.track_id]
            notice_tracks.take_down(service, session, row, each, track, matters.actor_of(actor))
        stay_down.find_stored(service, session, row)
    else:
        for each in rows:
            each.state = "refused"
    row.open_to_appeal = redress.offered(service, session, row.tenant_id)
    _answer(service, session, row)
    close_cases(
        service,
        session,
        row,
        "the notice was decided",
        actor=matters.actor_of(actor),
        keep=case_id,
    )
    flaggers.judge(service, session, row)
    if row.misuse is not None:
        _weigh(service, session, row)
    if verdict.verdict == "action":
        illegal_uploads.weigh(service, session, row, tracks.values())
    return row


def remedy_of(wanted: str | None, form: str) -> tuple[str, list[str]]:
    """Read a remedy: ``block``, ``label`` (likeness only), each with ``:DE,AT`` for some countries.

    Returns
    -------
    str, list of str
        Its kind, and the countries, ISO 3166; none means everywhere.
    """
    kind, _, places = (wanted or ("label" if form == "likeness" else "block")).partition(":")
    if kind not in {"block", "label"} or (kind == "label" and form != "likeness"):
        raise BadNoticeError("a remedy is `block`, or `label` for a likeness: name one of these")
    if places and not _PLACES.fullmatch(places):
        raise BadNoticeError("name countries by their ISO 3166 codes, as in `block:DE,AT`")
    return kind, places.split(",") if places else []


def _answer(service: "Service", session: Session, notice: Notice) -> None:
    refused = notice.state == "refused"
    tell(
        service,
        session,
        notice,
        "notice-refused" if refused else "notice-actioned",
        legal_basis=("DSA-16", "DSA-20"),
        reason=notice.reason or "",
        remedy=notice.remedy or "",
        places=", ".join(notice.territories),
        until=day(service, notice.due_at, last=True),
        part=notice_tracks.is_partial(notice),
        contest=notice.open_to_appeal,
    )


def _weigh(service: "Service", session: Session, notice: Notice) -> None:
    """Ask a person to warn or suspend a sender whose misuse is frequent (DSA-23)."""
    party = party_of(notice)
    if party is None:
        return
    session.flush()
    misuse.one_at_a_time(session, notice.tenant_id)
    now = service.now()
    sent = _sent(session, notice.tenant_id, party, now)
    reason = misuse.reason(session, notice.tenant_id, party, WHAT, sent, now)
    if reason is not None:
        open_case(service, session, notice, "misuse", [reason])


def sent_by(session: Session, notice: Notice, now: datetime) -> tuple[Party, Submissions] | None:
    """Return who sent a notice and how their notices were found; None if they can't be told apart."""
    party = party_of(notice)
    return None if party is None else (party, _sent(session, notice.tenant_id, party, now))


def _sent(session: Session, tenant_id: str, party: Party, now: datetime) -> Submissions:
    column = {
        "holder": Notice.holder_id,
        "flagger": Notice.flagger_id,
        "notifier": Notice.notifier_digest,
    }[party.kind]
    query = (
        select(Notice.misuse, func.count())
        .where(
            Notice.tenant_id == tenant_id,
            column == party.id,
            col(Notice.created_at) > misuse.since(now),
            col(Notice.state).in_(["refused", "actioned", "countered", "retracted", "closed"]),
        )
        .group_by(col(Notice.misuse))
    )
    return misuse.counted(session.exec(query))
