"""Which matters are about an account or a track: what hangs on a matter alone goes, or is held, with it."""

from collections.abc import Collection
from typing import Any, Final

from sqlmodel import Session, col, select

from appeals.machines.appeal import State
from appeals.roles import CLAIMANT
from scanner.clockwork import ROWS
from scanner.tables import Account, Appeal, LegalHold, NoticeTrack, Track, TrackAmendment

OVER: Final = (State.CLOSED, State.WITHDRAWN)
"""States of appeals that nobody decides on any more, here or out of court."""


def about_tracks(session: Session, track_ids: Collection[str]) -> list[str]:
    """Return the ids of matters about tracks, cases and amendments included; a notice is its sender's."""
    return _ids(session, "track_id", track_ids)


def about_accounts(session: Session, account_ids: Collection[str]) -> list[str]:
    """Return the ids of matters about accounts, by themselves and by their tracks."""
    own = session.exec(select(Track.id).where(col(Track.account_id).in_(account_ids))).all()
    return sorted({*_ids(session, "account_id", account_ids), *about_tracks(session, own)})


def senders_appeals() -> Any:
    """Return the condition that an appeal is of whoever sent the notice, though it is about a track of another."""
    return col(Appeal.filed_as).in_(sorted(CLAIMANT))


def awaited_by_senders(session: Session, track_ids: Collection[str]) -> set[str]:
    """Return the ids of senders' appeals about tracks that are not over: what they say is still to be weighed."""
    about = (col(Appeal.track_id).in_(track_ids), col(Appeal.state).not_in(OVER))
    return set(session.exec(select(Appeal.id).where(*about, senders_appeals())))


def notices_about(session: Session, track_ids: Collection[str]) -> list[str]:
    """Return the ids of notices about tracks."""
    query = select(NoticeTrack.notice_id).where(col(NoticeTrack.track_id).in_(track_ids))
    return sorted(set(session.exec(query)))


def lock(session: Session, matter_ids: Collection[str]) -> None:
    """Lock matters until the transaction ends: a hold on one of them comes before or after."""
    for model in sorted(ROWS.values(), key=lambda each: (each.KIND == "case", each.KIND)):
        row: Any = model
        query = select(row.id).where(row.id.in_(matter_ids)).order_by(row.id)
        session.exec(query.with_for_update()).all()


def find(session: Session, kind: str, object_id: str, *, lock: bool = False) -> Any:
    """Return an account, a track or a matter by its kind; None if there is none."""
    model: Any = {"account": Account, "track": Track, **ROWS}[kind]
    return session.get(model, object_id, with_for_update=lock)


def account_of(session: Session, hold: LegalHold) -> str | None:
    """Return the account whose person a held object is about, if any."""
    if hold.object_kind == "account":
        return hold.object_id
    row = find(session, hold.object_kind, hold.object_id)
    if (account_id := getattr(row, "account_id", None)) is not None:
        return str(account_id)
    track = session.get(Track, track_id) if (track_id := getattr(row, "track_id", None)) else None
    return track.account_id if track else None


def _ids(session: Session, column: str, wanted: Collection[str]) -> list[str]:
    found: set[str] = set()
    for kind in (*ROWS.values(), TrackAmendment):
        model: Any = kind
        if hasattr(model, column):
            found.update(session.exec(select(model.id).where(getattr(model, column).in_(wanted))))
    return sorted(found)
