"""The reviewers' queue: cases with their tracks, filtered and ordered by the database."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

from sqlalchemy import ColumnElement, case, func, or_
from sqlmodel import Session, col, select

from scanner.tables import Case, Track, User

PAGE: Final = 50
ORDERS: Final = ("deadline", "priority", "newest")
STATES: Final = (
    "open",
    "queued",
    "leased",
    "waiting_info",
    "escalated",
    "decided",
    "second_review",
    "closed",
    "all",
)


@dataclass(frozen=True)
class Filters:
    """What an address of the queue asks for.

    Attributes
    ----------
    state : str
        One of `STATES`; ``open`` is all that are not closed.
    kind : str
        Empty for all.
    holder : str
        ``me``, ``nobody`` or empty.
    account : str
        Id of the uploader's account; empty for all.
    order : str
        One of `ORDERS`.
    page : int
        From 1.
    """

    state: str = "open"
    kind: str = ""
    holder: str = ""
    account: str = ""
    order: str = "deadline"
    page: int = 1

    def query(self, **changes: Any) -> dict[str, Any]:
        """Return the fields of the address of the same list, with changes; defaults are left out."""
        asked = vars(self) | {"page": 1} | changes
        return {
            name: value for name, value in asked.items() if value != getattr(Filters, name, None)
        }


@dataclass(frozen=True)
class Entry:
    """A case in the list, with what a reviewer wants to know before opening it."""

    case: Case
    track: Track | None
    holder: str | None
    share_left: float | None

    @property
    def name(self) -> str:
        """What the case is about, in as few words as there are."""
        if self.track is not None:
            return self.track.file_name or self.track.external_id or self.track.id
        return self.case.reference_id or self.case.id

    @property
    def urgency(self) -> str:
        """``late``, ``soon``, ``calm`` or ``none``, by the share of time that is left."""
        if self.share_left is None or self.case.closed_at is not None:
            return "none"
        if self.share_left <= 0:
            return "late"
        return "soon" if self.share_left < 0.25 else "calm"


def listed(
    session: Session, tenant_id: str, user_id: str, filters: Filters, now: datetime
) -> tuple[list[Entry], bool]:
    """Return a page of the queue, and whether there is another one."""
    ids = session.exec(
        select(Case.id)  # what is sorted stays narrow: ids, not whole rows
        .outerjoin(Track, col(Track.id) == col(Case.track_id))
        .where(*_conditions(tenant_id, user_id, filters))
        .order_by(*_order(filters.order))
        .offset((filters.page - 1) * PAGE)
        .limit(PAGE + 1)
    ).all()
    query = (
        select(Case, Track, User.email)
        .outerjoin(Track, col(Track.id) == col(Case.track_id))
        .outerjoin(User, col(User.id) == col(Case.holder))
        .where(col(Case.id).in_(ids[:PAGE]))
        .order_by(*_order(filters.order))
    )
    entries = [
        Entry(each, track, email, share_left(each, now))
        for each, track, email in session.exec(query).all()
    ]
    return entries, len(ids) > PAGE


def counts(session: Session, tenant_id: str) -> dict[str, Any]:
    """Return how many cases are open by kind, and since when the oldest waits."""
    query = (
        select(Case.kind, func.count(), func.min(Case.opened_at))
        .where(Case.tenant_id == tenant_id, Case.state != "closed")
        .group_by(Case.kind)
        .order_by(Case.kind)
    )
    found = session.exec(query).all()
    kinds: Mapping[str, int] = {kind: count for kind, count, _ in found}
    oldest = min((since for *_, since in found), default=None)
    return {"kinds": kinds, "open": sum(kinds.values()), "oldest": oldest}


def next_open(session: Session, tenant_id: str, user_id: str, but: Sequence[str]) -> str | None:
    """Return the case to open next: the most urgent one that nobody else has."""
    free = or_(col(Case.holder).is_(None), col(Case.holder) == user_id)
    query = (
        select(Case.id)
        .where(Case.tenant_id == tenant_id, Case.state != "closed", free, col(Case.id).not_in(but))
        .order_by(*_order("deadline"))
        .limit(1)
    )
    return session.exec(query).first()


def share_left(case_: Case, now: datetime) -> float | None:
    """Return the share of a case's time by law that is left; None where law sets no time."""
    if case_.legal_due_at is None:
        return None
    whole = (case_.legal_due_at - case_.opened_at).total_seconds()
    return (case_.legal_due_at - now).total_seconds() / whole if whole > 0 else 0.0


def _conditions(tenant_id: str, user_id: str, filters: Filters) -> list[ColumnElement[bool]]:
    conditions: list[Any] = [Case.tenant_id == tenant_id]
    if filters.state == "open":
        conditions.append(Case.state != "closed")
    elif filters.state != "all":
        conditions.append(Case.state == filters.state)
    if filters.kind:
        conditions.append(Case.kind == filters.kind)
    if filters.holder == "me":
        conditions.append(Case.holder == user_id)
    elif filters.holder == "nobody":
        conditions.append(col(Case.holder).is_(None))
    if filters.account:
        conditions.append(Track.account_id == filters.account)
    return conditions


def _order(order: str) -> tuple[Any, ...]:
    by_age = (col(Case.opened_at), col(Case.id))
    if order == "newest":
        return tuple(each.desc() for each in by_age)
    by_priority = (col(Case.priority).desc(), *by_age)
    if order == "priority":
        return by_priority
    none_last = case((col(Case.legal_due_at).is_(None), 1), else_=0)
    return (none_last, col(Case.legal_due_at), *by_priority)
