"""What stands beside a case's evidence: cases like it, who claims, what the uploader contested, what they added."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Any, Final

from sqlmodel import Session, col, func, select

from scanner import amendments, claim_precision
from scanner.tables import (
    Appeal,
    Case,
    CaseVerdict,
    Claim,
    GoldenCase,
    Holder,
    Reference,
    Strike,
    Track,
    TrackMatch,
)

if TYPE_CHECKING:
    from scanner.service import Service

MOST_ALIKE: Final = 8
LIKELY: Final = 0.5
IN_FORCE: Final = ("pending", "active")
OPEN_CLAIMS: Final = ("potential", "active", "disputed", "upheld", "escalated")


@dataclass(frozen=True)
class Alike:
    """Another case about the same.

    Attributes
    ----------
    why : {"file", "reference", "uploader"}
        The closest thing that both have.
    verdict : str or None
        What was decided, once it stands; none while a colleague judges.
    """

    id: str
    kind: str
    state: str
    why: str
    verdict: str | None
    opened_at: datetime


@dataclass(frozen=True)
class Claimant:
    """Who claims what was found, and how often they were right.

    Attributes
    ----------
    precision : float or None
        Share of the contested claims that were decided in which somebody else found them right.
    """

    name: str
    verified: bool
    precision: float | None
    decided: int
    open: int
    ended: int


@dataclass(frozen=True)
class Beside:
    """All of it; ``contested`` counts the uploader's appeals by outcome, ``strikes`` those in force."""

    alike: list[Alike]
    claimant: Claimant | None
    contested: dict[str, int]
    strikes: int
    added: list[dict[str, Any]]


def beside(
    service: "Service",
    case: Case,
    track: Track | None,
    match: Mapping[str, Any] | None,
    *,
    blind: bool,
) -> Beside:
    """Gather it; who judges without knowing sees nothing of what others decided."""
    with service.database.reading() as session:
        golden = session.get(GoldenCase, case.id) is not None
        hidden = blind or golden or track is None
        return Beside(
            alike=[] if hidden or track is None else _alike(session, case, track, match),
            claimant=_claimant(session, case.tenant_id, match),
            contested=_contested(session, track),
            strikes=_strikes(session, track),
            added=_added(session, track),
        )


def _alike(
    session: Session, case: Case, track: Track, match: Mapping[str, Any] | None
) -> list[Alike]:
    """Return the newest other cases about the same file, the same reference or the same uploader, in this order."""
    found: dict[str, Alike] = {}
    for why, tracks in _same(track, match):
        query = (
            select(Case)
            .where(
                Case.tenant_id == case.tenant_id,
                Case.id != case.id,
                col(Case.track_id).in_(tracks),
            )
            .order_by(col(Case.opened_at).desc())
            .limit(MOST_ALIKE)
        )
        for each in session.exec(query):
            if each.id not in found and len(found) < MOST_ALIKE:
                verdict = _verdict(session, each)
                found[each.id] = Alike(each.id, each.kind, each.state, why, verdict, each.opened_at)
    return list(found.values())


def _same(track: Track, match: Mapping[str, Any] | None) -> list[tuple[str, Any]]:
    own = Track.tenant_id == track.tenant_id
    same: list[tuple[str, Any]] = []
    if track.sha256 is not None:
        same.append(("file", select(Track.id).where(own, Track.sha256 == track.sha256)))
    if match is not None:
        sharing = select(TrackMatch.track_id).where(
            TrackMatch.tenant_id == track.tenant_id,
            TrackMatch.reference_id == match["reference_id"],
            TrackMatch.score >= LIKELY,
        )
        same.append(("reference", sharing))
    if track.account_id is not None:
        same.append(("uploader", select(Track.id).where(own, Track.account_id == track.account_id)))
    return same


def _verdict(session: Session, case: Case) -> str | None:
    """Return what was decided in a case that is closed."""
    if case.closed_at is None:
        return None
    query = select(CaseVerdict.verdict).where(
        CaseVerdict.case_id == case.id, col(CaseVerdict.checks).is_(None)
    )
    return session.exec(query.order_by(col(CaseVerdict.id).desc()).limit(1)).first()


def _claimant(session: Session, tenant_id: str, match: Mapping[str, Any] | None) -> Claimant | None:
    reference = session.get(Reference, match["reference_id"]) if match is not None else None
    holder = session.get(Holder, reference.holder_id) if reference is not None else None
    if holder is None or holder.tenant_id != tenant_id:
        return None
    right, decided = claim_precision.of(session, holder.id)
    by_state = session.exec(
        select(Claim.state, func.count())
        .where(Claim.tenant_id == tenant_id, Claim.holder_id == holder.id)
        .group_by(Claim.state)
    ).all()
    counts = dict(by_state)
    running = sum(counts.get(each, 0) for each in OPEN_CLAIMS)
    ended = sum(counts.values()) - running
    return Claimant(holder.name, holder.verified, right, decided, running, ended)


def _contested(session: Session, track: Track | None) -> dict[str, int]:
    if track is None or track.account_id is None:
        return {}
    query = (
        select(Appeal.outcome_kind, func.count())
        .where(Appeal.tenant_id == track.tenant_id, Appeal.account_id == track.account_id)
        .where(col(Appeal.outcome_kind).is_not(None))
        .group_by(Appeal.outcome_kind)
    )
    return {str(outcome): count for outcome, count in session.exec(query)}


def _strikes(session: Session, track: Track | None) -> int:
    if track is None or track.account_id is None:
        return 0
    query = select(func.count()).where(
        Strike.tenant_id == track.tenant_id,
        Strike.account_id == track.account_id,
        col(Strike.state).in_(IN_FORCE),
    )
    return session.exec(query).one()


def _added(session: Session, track: Track | None) -> list[dict[str, Any]]:
    """Return what the creator added to what they had declared, as far as it counts."""
    if track is None:
        return []
    rows = amendments.listed(session, track.id)
    return [amendments.describe(session, each) for each in rows if each.state == "applied"]
