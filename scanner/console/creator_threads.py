"""All that happened to a creator's track and all that was said about it, in one thread."""

from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Final, Literal

from sqlmodel import Session, col, select

from scanner import inbox
from scanner.cases import TO_AFFECTED
from scanner.tables import Appeal, Case, CaseNote, JournalRow, Letter, Message, PresumedUse, Track

if TYPE_CHECKING:
    from scanner.callers import Caller
    from scanner.console.creator_views import Contested

Who = Literal["you", "holder", "staff", "service"]
STEPS: Final = 200
MOVES: Final = (
    "submitted",
    "released",
    "conditioned",
    "quarantined",
    "blocked",
    "rescanned",
    "mended",
    "amended",
    "withdrawn",
)
"""What happens to a track and is told in a line."""
_PREFIX: Final = "clearance.track."
_BY: Final[dict[str, Who]] = {
    "creator": "you",
    "platform": "you",
    "rights_holder": "holder",
    "reviewer": "staff",
    "appeals_officer": "staff",
}


@dataclass(frozen=True)
class Step:
    """One thing in the thread.

    Attributes
    ----------
    kind : str
        One of :data:`MOVES`, or letter, question, answer, statement, dispute, dispute-answer, appeal, outcome.
    title : str
        A letter's subject.
    language : str
        Of a letter.
    """

    at: datetime
    who: Who
    kind: str
    title: str = ""
    text: str = ""
    language: str = ""


def thread(session: Session, caller: "Caller", track: Track, found: "Contested") -> list[Step]:
    """Return the thread of a track, newest first."""
    steps = [*_moves(session, track), *_letters(session, caller, track), *_filed(found)]
    steps += _notes(session, track)
    for appeal in found.appeals:
        steps += messages(session, appeal)
    return sorted(steps, key=lambda each: each.at, reverse=True)[:STEPS]


def messages(session: Session, matter: Appeal | PresumedUse) -> list[Step]:
    """Return what was said in a matter, oldest first; not what staff say among themselves."""
    query = select(Message).where(
        Message.matter_kind == matter.KIND,
        Message.matter_id == matter.id,
        col(Message.internal).is_(False),
    )
    return [
        Step(each.created_at, _BY.get(each.by_kind, "service"), each.kind, text=each.text)
        for each in session.exec(query.order_by(col(Message.id)))
    ]


def _moves(session: Session, track: Track) -> list[Step]:
    wanted = [_PREFIX + each for each in MOVES]
    query = select(JournalRow).where(
        JournalRow.tenant_id == track.tenant_id,
        JournalRow.subject == track.id,
        col(JournalRow.type).in_(wanted),
    )
    return [
        Step(row.time, "service", row.type.removeprefix(_PREFIX))
        for row in session.exec(query.order_by(col(JournalRow.id).desc()).limit(STEPS))
    ]


def _letters(session: Session, caller: "Caller", track: Track) -> list[Step]:
    found: list[Letter] = inbox.listed(session, caller, limit=STEPS, track_id=track.id)
    return [
        Step(each.created_at, "service", "letter", each.subject, each.body, each.language)
        for each in found
    ]


def _filed(found: "Contested") -> list[Step]:
    steps = []
    for dispute in found.disputes:
        steps.append(Step(dispute.created_at, "you", "dispute", text=dispute.text))
        if dispute.answer:
            steps.append(Step(dispute.since, "holder", "dispute-answer", text=dispute.answer))
    for appeal in found.appeals:
        steps.append(Step(appeal.created_at, "you", "appeal", text=appeal.reason))
        if appeal.outcome:
            steps.append(Step(appeal.since, "staff", "outcome", text=appeal.outcome))
    steps += [Step(each.created_at, "you", "counter-notice") for each in found.counters]
    return steps


def _notes(session: Session, track: Track) -> list[Step]:
    query = (
        select(CaseNote)
        .join(Case, col(Case.id) == col(CaseNote.case_id))
        .where(Case.track_id == track.id, col(CaseNote.kind).in_(TO_AFFECTED))
    )
    return [
        Step(each.created_at, _BY.get(each.role, "service"), each.kind, text=each.text)
        for each in session.exec(query)
    ]
