"""What the sender of a notice that was refused, or acted on in part, sees of their appeal, and does with it, by the link or the console (DSA-20)."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Final

from sqlmodel import Session, col, select

from scanner import appealing, complaint_windows, left_copies, sanctions
from scanner.appeal_subjects import Subject, leaves_something, window_until
from scanner.appealing import AppealAsked
from scanner.callers import Caller
from scanner.declarations import DeclarationError
from scanner.errors import IllegalTransitionError, NotFoundError, ScannerError
from scanner.tables import Appeal, Message, Notice, Sanction
from scanner.wording import Told

if TYPE_CHECKING:
    from scanner.service import Service

LONGEST: Final = 5000
TICK: Final = "copy-"
"""Before a track's id: name of the field in which a copy is ticked."""
MOST_TICKED: Final = left_copies.MOST
"""Copies in one form, as in one letter; those beyond are in another one."""


@dataclass(frozen=True)
class NoticeAppeal:
    """The appeal of what was left of a notice.

    Attributes
    ----------
    until : datetime, optional
        Before which it can be filed; None: it can't, or was.
    appeal : Appeal, optional
        The one that was filed.
    question : str, optional
        What its officer waits for an answer to.
    """

    until: datetime | None = None
    appeal: Appeal | None = None
    question: str | None = None


def of_sanction(service: "Service", session: Session, row: Sanction) -> NoticeAppeal:
    """Return the same of a notifier's sanction."""
    found = _filed(session, "sanction", row.id)
    if found is not None or row.state not in sanctions.STOOD or not row.open_to_appeal:
        return found or NoticeAppeal()
    told = row.starts_at or row.created_at
    subject = Subject("sanction", row.id, told, frozenset())
    until = window_until(service, session, row.tenant_id, subject)
    return NoticeAppeal(until if service.now() < until else None)


def of(service: "Service", session: Session, notice: Notice) -> NoticeAppeal:
    """Return what there is of an appeal, and until when there can be one."""
    found = _filed(session, Notice.KIND, notice.id)
    if found is not None:
        return found
    if not leaves_something(notice) or not notice.open_to_appeal:
        return NoticeAppeal()
    told, ends = complaint_windows.first(session, notice)
    subject = Subject(Notice.KIND, notice.id, told, frozenset(), until=ends)
    until = window_until(service, session, notice.tenant_id, subject)
    return NoticeAppeal(until if service.now() < until else None)


def of_copies(service: "Service", session: Session, notice: Notice) -> dict[str, NoticeAppeal]:
    """Return the same of each copy that was left, by its track."""
    return {
        each.track_id: NoticeAppeal(each.until)
        if each.appeal is None
        else NoticeAppeal(appeal=each.appeal, question=_question(session, each.appeal))
        for each in left_copies.of_notice(service, session, notice)
    }


def _filed(session: Session, kind: str, subject_id: str) -> NoticeAppeal | None:
    about = (Appeal.subject_kind == kind, Appeal.subject_id == subject_id)
    query = select(Appeal).where(*about, Appeal.state != "withdrawn")
    row = session.exec(query.order_by(col(Appeal.id).desc())).first()
    return None if row is None else NoticeAppeal(appeal=row, question=_question(session, row))


def file_of_sanction(service: "Service", row: Sanction, reason: str, token: str) -> Appeal:
    """Appeal a notifier's sanction by its link, as :func:`scanner.appealing.file`."""
    asked = AppealAsked("sanction", row.id, _said(reason, "reason"), token=token)
    return appealing.file(service, None, asked)


def answer_of_sanction(service: "Service", row: Sanction, text: str, token: str) -> Message:
    """Answer what the officer asks about a notifier's sanction."""
    with service.database.reading() as session:
        filed = of_sanction(service, session, row).appeal
    if filed is None:
        raise NotFoundError("appeal", "of this sanction")
    return appealing.say(service, None, filed.id, _said(text, "text"), token)


def file(
    service: "Service", caller: Caller | None, notice: Notice, reason: str, token: str | None = None
) -> Appeal:
    """Appeal what was left of a notice, as :func:`scanner.appealing.file`.

    Raises
    ------
    DeclarationError
        If no reason is given, or a longer one than is read.
    """
    asked = AppealAsked("notice", notice.id, _said(reason, "reason"), token=token)
    return appealing.file(service, caller, asked)


def file_of_copies(
    service: "Service",
    caller: Caller | None,
    notice: Notice,
    form: Mapping[str, str],
    token: str | None = None,
) -> list[Appeal]:
    """Appeal the copies that are ticked in a form, for one reason; each is filed by itself.

    Raises
    ------
    DeclarationError
        If none is ticked, or no reason is given.
    IllegalTransitionError
        If some can't be appealed; the others are, and it says so.
    """
    reason = _said(form.get("reason", ""), "reason")
    ticked = sorted(name.removeprefix(TICK) for name in form if name.startswith(TICK))
    if not ticked:
        raise DeclarationError([{"field": "copy", "detail": "choose at least one track"}])
    filed: list[Appeal] = []
    refused: dict[str, ScannerError] = {}
    for each in ticked:
        asked = AppealAsked("copy", notice.id, reason, token=token, track_id=each)
        try:
            filed.append(appealing.file(service, caller, asked))
        except (IllegalTransitionError, NotFoundError) as error:
            refused[each] = error
    if not refused:
        return filed
    first = next(iter(refused.values()))
    if len(ticked) == 1:
        raise first
    raise IllegalTransitionError(
        Told(
            "appeals filed: %(filed)s of %(ticked)s; not for: %(tracks)s. Of the first of these: %(why)s",
            filed=len(filed),
            ticked=len(ticked),
            tracks=", ".join(refused),
            why=str(first),
        )
    ) from first


def answer(
    service: "Service",
    caller: Caller | None,
    notice: Notice,
    text: str,
    token: str | None = None,
    track_id: str | None = None,
) -> Message:
    """Answer what the officer asks, or say something unasked; of a copy with its ``track_id``.

    Raises
    ------
    NotFoundError
        If nothing is appealed.
    DeclarationError
        If nothing is said, or more than is read.
    """
    with service.database.reading() as session:
        told = of(service, session, notice)
        if track_id:
            told = of_copies(service, session, notice).get(track_id, NoticeAppeal())
    row = told.appeal
    if row is None:
        raise NotFoundError("appeal", "of this notice")
    return appealing.say(service, caller, row.id, _said(text, "text"), token)


def _said(text: str, field: str) -> str:
    text = text.strip()
    if not 1 <= len(text) <= LONGEST:
        told = Told("write something, in at most %(longest)s characters", longest=LONGEST)
        raise DeclarationError([{"field": field, "detail": told}])
    return text


def _question(session: Session, row: Appeal) -> str | None:
    if row.state != "questions":
        return None
    query = select(Message.text).where(
        Message.matter_kind == row.KIND, Message.matter_id == row.id, Message.kind == "question"
    )
    return session.exec(query.order_by(col(Message.id).desc())).first()
