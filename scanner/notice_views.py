"""Notices as those see them who may: found, listed, shown."""

from datetime import datetime
from typing import TYPE_CHECKING, Any, Final

from sqlalchemy import and_, or_
from sqlmodel import Session, col, select

from scanner import matters, notice_tracks
from scanner.callers import Caller
from scanner.errors import NotFoundError
from scanner.notice_senders import opens
from scanner.tables import Notice, NoticeTrack, Track

if TYPE_CHECKING:
    from scanner.service import Service

OTHERS: Final = frozenset({"email", "name", "location"})
"""Elements that a creator is not shown: who sent it (DSA-17), and where other creators' tracks are."""
HIDDEN: Final = "threat"
"""Form of notices that creators are not shown at all: whom it endangers is not to be found out (DSA-18)."""


def find(service: "Service", caller: Caller, notice_id: str) -> Notice:
    """Return a notice that a caller may see, or raise ``NotFoundError``.

    Holders and flaggers see their own, creators those about their tracks.
    """
    with service.database.reading() as session:
        notice = matters.find(session, Notice, caller.tenant_id, notice_id)
    if (caller.holder_id and notice.holder_id != caller.holder_id) or (
        caller.flagger_id and notice.flagger_id != caller.flagger_id
    ):
        raise NotFoundError("notice", "of this id")
    if caller.account_id is not None:
        if notice.form == HIDDEN:
            raise NotFoundError("notice", "of this id")
        with service.database.reading() as session:
            _about(session, notice, caller.account_id)
    return notice


def _about(session: Session, notice: Notice, account_id: str) -> None:
    query = (
        select(Track.id)
        .join(NoticeTrack, col(NoticeTrack.track_id) == col(Track.id))
        .where(NoticeTrack.notice_id == notice.id, Track.account_id == account_id)
    )
    if session.exec(query.limit(1)).first() is None:
        raise NotFoundError("notice", "of this id")


def find_linked(service: "Service", notice_id: str, token: str) -> Notice:
    """Return the notice of a sender's link, or raise ``NotFoundError``."""
    with service.database.reading() as session:
        notice = session.get(Notice, notice_id)
    if notice is None or not opens(notice, token):
        raise NotFoundError("notice", "of this link")
    return notice


def listed(
    session: Session,
    caller: Caller,
    *,
    limit: int,
    before: tuple[datetime, str] | None = None,
    state: str | None = None,
    form: str | None = None,
) -> list[Notice]:
    """Return notices that a caller may see, newest first; ``before`` is the last one's (created_at, id)."""
    query = select(Notice).where(Notice.tenant_id == caller.tenant_id)
    if caller.account_id is not None:
        own = select(Track.id).where(Track.account_id == caller.account_id)
        about = select(NoticeTrack.notice_id).where(col(NoticeTrack.track_id).in_(own))
        query = query.where(col(Notice.id).in_(about), Notice.form != HIDDEN)
    for column, wanted in (
        (Notice.holder_id, caller.holder_id),
        (Notice.flagger_id, caller.flagger_id),
        (Notice.state, state),
        (Notice.form, form),
    ):
        if wanted is not None:
            query = query.where(column == wanted)
    if before is not None:
        at, last = before
        older = and_(col(Notice.created_at) == at, col(Notice.id) < last)
        query = query.where(or_(col(Notice.created_at) < at, older))
    order = (col(Notice.created_at).desc(), col(Notice.id).desc())
    return list(session.exec(query.order_by(*order).limit(limit)))


def describe(session: Session, notice: Notice, caller: Caller | None = None) -> dict[str, Any]:
    """Return a notice as JSON, with its tracks; a creator does not see the sender, nor other creators' tracks."""
    account_id = caller.account_id if caller else None
    tracks = notice_tracks.of_notice(session, notice.id)
    if account_id is not None:
        own = select(Track.id).where(
            col(Track.id).in_([each.track_id for each in tracks]), Track.account_id == account_id
        )
        ids = set(session.exec(own))
        tracks = [each for each in tracks if each.track_id in ids]
    plain = ("id", "form", "state", "version", "elements", "missing", "text_versions", "right")
    more = ("language", "reference_id", "remedy", "territories", "reason", "misuse")
    return {name: getattr(notice, name) for name in (*plain, *more)} | {
        "elements": {
            name: value
            for name, value in notice.elements.items()
            if account_id is None or name not in OTHERS
        },
        "trusted": notice.flagger_id is not None,
        "email_confirmed": notice.email_confirmed_at is not None,
        "due_at": notice.due_at.isoformat() if notice.due_at else None,
        "created_at": notice.created_at.isoformat(),
        "tracks": [
            {
                "track_id": each.track_id,
                "origin": each.origin,
                "state": each.state,
                "statement_id": each.statement_id,
            }
            for each in tracks
        ],
    }
