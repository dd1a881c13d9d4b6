"""The reviewers' queue: filtered, grouped and ordered by the database; what a case is about only for whom it is.

What a reviewer sees of a case that they don't hold is what the API shows of it (`scanner/case_views.py`).
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any, Final

from sqlalchemy import ColumnElement, case, exists, func, or_
from sqlmodel import Session, col, select

from appeals.machines.case import State
from scanner import case_views
from scanner.callers import Caller
from scanner.tables import Case, CaseVerdict, GoldenCase, Track, TrackMatch

if TYPE_CHECKING:
    from scanner.service import Service

PAGE: Final = 50
ORDERS: Final = ("deadline", "priority", "newest")
KEPT: Final = ("kind", "right", "language", "group", "like")
"""Filters that a shift keeps from case to case."""
GROUPS: Final = ("uploader", "file", "reference")
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
SPOKEN: Final = 500
"""Newest verdicts whose time the queue's figure is made of."""
LIKELY: Final = 0.5
ABOUT: Final = func.coalesce(col(Case.track_id), col(GoldenCase.track_id))
"""The track of a case, golden ones included: they look like any other."""


@dataclass(frozen=True)
class Filters:
    """What an address of the queue asks for.

    Attributes
    ----------
    state : str
        One of `STATES`; ``open`` is all that are not closed.
    kind, right, language : str
        Empty for all.
    holder : str
        ``me``, ``nobody`` or empty.
    group : str
        One of `GROUPS`: a line for each; with ``like``, the cases in the group of that case.
    like : str
        Id of a case.
    order : str
        One of `ORDERS`.
    page : int
        From 1.
    """

    state: str = "open"
    kind: str = ""
    right: str = ""
    language: str = ""
    holder: str = ""
    group: str = ""
    like: str = ""
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
    """A case in the list, as far as the reader may see it.

    Attributes
    ----------
    open : bool
        The reader may see what it is about.
    holder : str or None
        Pseudonym of who has it now.
    """

    case: Case
    track: Track | None
    holder: str | None
    mine: bool
    open: bool
    share_left: float | None

    @property
    def name(self) -> str | None:
        """What the case is about, in as few words as there are; None for whom it is not."""
        if not self.open:
            return None
        if self.track is not None:
            return self.track.file_name or self.track.external_id or self.track.id
        return self.case.reference_id or self.case.id

    @property
    def number(self) -> str:
        """A case's short name: the end of its id."""
        return self.case.id[-6:]

    @property
    def urgency(self) -> str:
        """``late``, ``soon``, ``calm`` or ``none``, by the share of time that is left."""
        if self.share_left is None or self.case.closed_at is not None:
            return "none"
        if self.share_left <= 0:
            return "late"
        return "soon" if self.share_left < 0.25 else "calm"


@dataclass(frozen=True)
class Group:
    """Cases that share an uploader, a file or a reference; ``like`` is one of them."""

    name: str
    count: int
    like: str
    legal_due_at: datetime | None


def listed(
    service: "Service", session: Session, caller: Caller, filters: Filters
) -> tuple[list[Entry], bool]:
    """Return a page of the queue, and whether there is another one."""
    query = (
        select(Case.id)  # what is sorted stays narrow: ids, not whole rows
        .where(*_conditions(session, caller, filters, service.now()))
        .order_by(*_order(filters.order))
        .offset((filters.page - 1) * PAGE)
        .limit(PAGE + 1)
    )
    ids = session.exec(query).all()
    return entries(service, session, caller, ids[:PAGE]), len(ids) > PAGE


def entries(
    service: "Service", session: Session, caller: Caller, case_ids: Sequence[str]
) -> list[Entry]:
    """Return cases as the caller may see them, in the order of their ids."""
    query = (
        select(Case, Track)
        .outerjoin(GoldenCase, col(GoldenCase.case_id) == col(Case.id))
        .outerjoin(Track, col(Track.id) == ABOUT)
        .where(Case.tenant_id == caller.tenant_id, col(Case.id).in_(case_ids))
    )
    found = {
        each.id: entry(service, caller, each, track) for each, track in session.exec(query).all()
    }
    return [found[each] for each in case_ids if each in found]


def entry(service: "Service", caller: Caller, case_: Case, track: Track | None) -> Entry:
    """Return a case as the caller may see it."""
    now = service.now()
    held = case_.holder is not None and (case_.due_at is None or case_.due_at > now)
    return Entry(
        case_,
        track,
        holder=service.pseudonyms.on(case_.tenant_id).of(str(case_.holder)) if held else None,
        mine=case_views.holds(service, caller, case_),
        open=may_see(service, caller, case_),
        share_left=share_left(case_, now),
    )


def may_see(service: "Service", caller: Caller, case_: Case) -> bool:
    """Whether what a case is about is the caller's to look at: they hold it, or see all by their role."""
    return caller.actor.role in case_views.ALL_CASES or case_views.holds(service, caller, case_)


def grouped(
    service: "Service", session: Session, caller: Caller, filters: Filters
) -> tuple[list[Group], bool]:
    """Return the groups of the queue's cases, the largest first, and whether there are more."""
    key = _key(filters.group)
    query: Any = (
        select(key, func.count(func.distinct(Case.id)), func.min(Case.id), func.min(Case.legal_due_at))
        .select_from(Case)
        .outerjoin(GoldenCase, col(GoldenCase.case_id) == col(Case.id))
        .join(Track, col(Track.id) == ABOUT)
    )  # fmt: skip
    if filters.group == "reference":
        found = col(TrackMatch.analysis_id) == col(Track.analysis_id)
        query = query.join(TrackMatch, found & (col(TrackMatch.score) >= LIKELY))
    query = query.where(
        *_conditions(session, caller, filters, service.now()), key.is_not(None)
    ).group_by(key)
    rows = session.exec(
        query.order_by(func.count(func.distinct(Case.id)).desc(), func.min(Case.id))
        .offset((filters.page - 1) * PAGE)
        .limit(PAGE + 1)
    ).all()
    uploaders = filters.group == "uploader"
    groups = [
        Group(service.pseudonyms.of(key, "U") if uploaders else key[-6:], count, like, due)
        for key, count, like, due in rows[:PAGE]
    ]
    return groups, len(rows) > PAGE


def counts(session: Session, tenant_id: str) -> dict[str, Any]:
    """Return how many cases are open by kind, right and language, and since when the oldest waits."""
    by_all: Any = (Case.kind, Case.right, Case.language)
    shown: Any = (*by_all, func.count(), func.min(Case.opened_at))
    query: Any = (
        select(*shown)
        .where(Case.tenant_id == tenant_id, Case.state != State.CLOSED)
        .group_by(*by_all)
    )
    by: dict[str, dict[str, int]] = {"kinds": {}, "rights": {}, "languages": {}}
    oldest: datetime | None = None
    total = 0
    for kind, right, language, count, since in session.exec(query):
        total += count
        oldest = since if oldest is None else min(oldest, since)
        for name, value in zip(by, (kind, right, language), strict=True):
            if value is not None:
                by[name][value] = by[name].get(value, 0) + count
    return {
        **{name: dict(sorted(each.items())) for name, each in by.items()},
        "open": total,
        "oldest": oldest,
    }


def time_to_decide(session: Session, tenant_id: str) -> timedelta | None:
    """Return within which time 95 of 100 cases were decided, of the newest `SPOKEN`; None without any."""
    newest = (
        select(CaseVerdict.case_id, CaseVerdict.created_at)
        .where(CaseVerdict.tenant_id == tenant_id, col(CaseVerdict.checks).is_(None))
        .order_by(col(CaseVerdict.created_at).desc())
        .limit(SPOKEN)
        .subquery()
    )
    query = select(Case.opened_at, newest.c.created_at).join(newest, newest.c.case_id == Case.id)
    taken = sorted(decided - opened for opened, decided in session.exec(query))
    return taken[min(len(taken) - 1, int(0.95 * len(taken)))] if taken else None


def held_by(session: Session, caller: Caller, now: datetime) -> Sequence[str]:
    """Return the ids of the cases that somebody has taken, those first that they took first."""
    query = select(Case.id).where(
        Case.tenant_id == caller.tenant_id,
        Case.holder == caller.user_id,
        col(Case.state).in_((State.LEASED, State.SECOND_REVIEW)),
        col(Case.due_at) > now,
    )
    return session.exec(query.order_by(col(Case.since), col(Case.id)).limit(PAGE)).all()


def share_left(case_: Case, now: datetime) -> float | None:
    """Return the share of a case's time by law that is left; None where law sets no time."""
    if case_.legal_due_at is None:
        return None
    whole = (case_.legal_due_at - case_.opened_at).total_seconds()
    return (case_.legal_due_at - now).total_seconds() / whole if whole > 0 else 0.0


def narrowed(session: Session, caller: Caller, filters: Filters) -> list[Any]:
    """Return what the filters ask of the cases that "take next" gives."""
    return _conditions(session, caller, replace(filters, state="all", holder=""), None)


def _conditions(
    session: Session, caller: Caller, filters: Filters, now: datetime | None
) -> list[ColumnElement[bool]]:
    conditions: list[Any] = [Case.tenant_id == caller.tenant_id]
    if filters.state == "open":
        conditions.append(Case.state != State.CLOSED)
    elif filters.state != "all":
        conditions.append(Case.state == filters.state)
    for column, wanted in (
        (Case.kind, filters.kind),
        (Case.right, filters.right),
        (Case.language, filters.language),
    ):
        if wanted:
            conditions.append(column == wanted)
    if filters.holder == "me":
        conditions += [Case.holder == caller.user_id, col(Case.due_at) > now]
    elif filters.holder == "nobody":
        conditions.append(or_(col(Case.holder).is_(None), col(Case.due_at) <= now))
    if filters.group and filters.like:
        conditions.append(_alike(session, caller.tenant_id, filters))
    return conditions


def _key(group: str) -> Any:
    if group == "reference":
        return col(TrackMatch.reference_id)
    return col(Track.account_id) if group == "uploader" else col(Track.sha256)


def _alike(session: Session, tenant_id: str, filters: Filters) -> Any:
    """Return what holds of the cases in the group of the case that ``like`` names."""
    own = (
        select(Track)
        .join(Case, (col(Case.track_id) == col(Track.id)))
        .where(Case.id == filters.like, Case.tenant_id == tenant_id)
    )
    golden = (
        select(Track)
        .join(GoldenCase, col(GoldenCase.track_id) == col(Track.id))
        .where(GoldenCase.case_id == filters.like, GoldenCase.tenant_id == tenant_id)
    )
    track = session.exec(own).first() or session.exec(golden).first()
    if track is None:
        return Case.id == filters.like
    if filters.group == "reference":
        theirs = select(TrackMatch.reference_id).where(
            TrackMatch.analysis_id == track.analysis_id, TrackMatch.score >= LIKELY
        )
        same: Any = select(TrackMatch.track_id).where(
            TrackMatch.tenant_id == tenant_id,
            col(TrackMatch.reference_id).in_(theirs),
            TrackMatch.score >= LIKELY,
        )
    else:
        column = Track.account_id if filters.group == "uploader" else Track.sha256
        value = track.account_id if filters.group == "uploader" else track.sha256
        if value is None:
            return Case.id == filters.like
        same = select(Track.id).where(Track.tenant_id == tenant_id, column == value)
    golden_too = exists().where(
        col(GoldenCase.case_id) == col(Case.id), col(GoldenCase.track_id).in_(same)
    )
    return or_(col(Case.track_id).in_(same), golden_too)


def _order(order: str) -> tuple[Any, ...]:
    by_age = (col(Case.opened_at), col(Case.id))
    if order == "newest":
        return tuple(each.desc() for each in by_age)
    by_priority = (col(Case.priority).desc(), *by_age)
    if order == "priority":
        return by_priority
    none_last = case((col(Case.legal_due_at).is_(None), 1), else_=0)
    return (none_last, col(Case.legal_due_at), *by_priority)


def kept(fields: Mapping[str, str]) -> Filters:
    """Return the filters of a form with which a shift goes on from case to case."""
    return Filters(**{name: fields[name] for name in KEPT if fields.get(name)})  # type: ignore[arg-type]
