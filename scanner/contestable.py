"""What the creator of a track can still contest about it, and until when (DSA-20, DSM-17-9)."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final, Literal

from sqlmodel import Session, col, select

from scanner.appeal_subjects import REDRESS
from scanner.complaint_windows import Span, ends, prolonged, suspensions
from scanner.tables import Appeal, Claim, Dispute, StatementOfReasons, Track

What = Literal["dispute", "appeal_claim", "appeal"]
NOT_DISPUTED: Final = "block"
"""Remedy of a claim that is contested by an appeal of the decision, at once."""


@dataclass(frozen=True)
class Contestable:
    """Something that can be contested now.

    Attributes
    ----------
    what : {"dispute", "appeal_claim", "appeal"}
        Dispute a claim; appeal a dispute in which the holder upheld it; appeal the decision in force.
    id : str
        Of the claim, the dispute or the decision.
    until : datetime, optional
        None: as long as the claim is in force.
    """

    what: What
    id: str
    until: datetime | None

    def to_json(self) -> dict[str, Any]:
        """Return it as JSON."""
        return {
            "what": self.what,
            "id": self.id,
            "until": self.until.isoformat() if self.until else None,
        }


def of_tracks(
    session: Session, tracks: Sequence[Track], now: datetime
) -> dict[str, list[Contestable]]:
    """Return by track what can be contested, what ends first at the head; as many queries for all as for one."""
    found: dict[str, list[Contestable]] = {track.id: [] for track in tracks}
    still = _suspensions(session, tracks)
    for claim in session.exec(
        select(Claim).where(col(Claim.track_id).in_(found), Claim.state == "active")
    ):
        if claim.remedy != NOT_DISPUTED:
            found[claim.track_id].append(Contestable("dispute", claim.id, None))
    disputes = session.exec(
        select(Dispute).where(col(Dispute.track_id).in_(found), Dispute.state == "upheld")
    ).all()
    windows = ends(session, disputes)
    for dispute in disputes:
        until = windows[dispute.id]
        if until is None or now < until:
            found[dispute.track_id].append(Contestable("appeal_claim", dispute.id, until))
    for statement in _statements(session, tracks):
        until, about = statement.contest_until, statement.track_id
        if until is not None:
            until = prolonged(statement.created_at, until, still.get(about or "", ()))
        if about is not None and statement.decision_id and (until is None or now < until):
            found[about].append(Contestable("appeal", statement.decision_id, until))
    for each in found.values():
        each.sort(key=lambda one: (one.until is None, one.until or now))
    return found


def _suspensions(session: Session, tracks: Sequence[Track]) -> Mapping[str, Sequence[Span]]:
    """Return by track when its account's complaints are suspended: the window stands still."""
    of = {track.id: track.account_id for track in tracks if track.account_id is not None}
    if not of:
        return {}
    found = suspensions(session, tracks[0].tenant_id, "account", set(of.values()))
    return {track_id: found.get(account_id, ()) for track_id, account_id in of.items()}


def _statements(session: Session, tracks: Sequence[Track]) -> Sequence[StatementOfReasons]:
    """Return the statements of decisions in force that nobody has appealed."""
    limited = [track.decision_id for track in tracks if track.state in REDRESS]
    appealed = select(Appeal.id).where(
        Appeal.subject_kind == "decision",
        Appeal.subject_id == StatementOfReasons.decision_id,
        Appeal.state != "withdrawn",
    )
    query = select(StatementOfReasons).where(
        col(StatementOfReasons.decision_id).in_(limited),
        col(
            StatementOfReasons.open_to_appeal
        ),  # of others nobody was told that they can be (DSA-19)
        ~appealed.exists(),
    )
    return session.exec(query).all()
