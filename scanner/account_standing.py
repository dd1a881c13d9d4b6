"""Where an account stands: strikes, sanctions, reputation and badges, all from records, none typed in."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any, Final

from sqlmodel import Session, col, func, select

import policy
from appeals import standing as rules
from scanner import sanctions, strike_policies
from scanner.tables import Account, Analysis, Appeal, Sanction, Strike, Submission, Track

if TYPE_CHECKING:
    from scanner.service import Service

CLEAN: Final = timedelta(days=180)
TRACKS: Final = 10
ATTESTED: Final = 3
SIGNED: Final = 5
OUT: Final = ("released", "conditioned")


@dataclass(frozen=True)
class History:
    """What the records of an account say.

    Attributes
    ----------
    released, blocked, attested, signed : int
        Tracks that are out; that are blocked; that came with an attestation of rights and are out;
        that are out and came with a provenance manifest that fits.
    last_strike_at : datetime, optional
        When the last strike was given that was not reversed.
    suspended : bool
        A suspension or an end of the account is in force.
    """

    released: int
    blocked: int
    attested: int
    signed: int
    appeals_won: int
    appeals_lost: int
    last_strike_at: datetime | None
    suspended: bool

    def clean(self, now: datetime) -> bool:
        """Whether nothing was held against it for half a year, over enough tracks."""
        struck = self.last_strike_at is not None and now - self.last_strike_at < CLEAN
        return self.released >= TRACKS and not struck and not self.suspended

    def badges(self, now: datetime) -> list[str]:
        """Return the badges that the history earns."""
        clean = self.clean(now)
        earned = {
            "clean-record": clean,
            "verified-creator": clean and self.attested >= ATTESTED,
            "signed-provenance": self.signed >= SIGNED and not self.suspended,
        }
        return [name for name, has in earned.items() if has]

    @property
    def reputation(self) -> float | None:
        """Share of the tracks that were decided on that are out; None before the first."""
        total = self.released + self.blocked
        return round(self.released / total, 4) if total else None


def fact(session: Session, account: Account | None, now: datetime) -> policy.AccountFact:
    """Return what a pack may know of an account's standing."""
    if account is None:
        return policy.AccountFact()
    return policy.AccountFact(
        strikes=len(_counting(session, account.id, now)),
        standing=_standing(session, account, now),
    )


def describe(service: "Service", session: Session, account: Account) -> dict[str, Any]:
    """Return an account's standing as JSON."""
    now = service.now()
    history = history_of(session, account, now)
    strikes = session.exec(
        select(Strike).where(Strike.account_id == account.id).order_by(col(Strike.id).desc())
    ).all()
    rows = session.exec(
        select(Sanction)
        .where(
            Sanction.tenant_id == account.tenant_id,
            Sanction.party_kind == "account",
            Sanction.party_id == account.id,
        )
        .order_by(col(Sanction.id).desc())
    ).all()
    return {
        "id": account.external_id,
        "account_id": account.id,
        "standing": _standing(session, account, now),
        "counting": sum(each.weight for each in _counting(session, account.id, now)),
        "policy_version": strike_policies.in_force(session, account.tenant_id).version,
        "strikes": [describe_strike(each) for each in strikes],
        "sanctions": [describe_sanction(each) for each in rows],
        "reputation": history.reputation,
        "history": {
            "released": history.released,
            "blocked": history.blocked,
            "attested": history.attested,
            "signed": history.signed,
            "appeals_won": history.appeals_won,
            "appeals_lost": history.appeals_lost,
        },
        "badges": history.badges(now),
    }


def describe_strike(row: Strike) -> dict[str, Any]:
    """Return a strike as JSON."""
    return {
        "id": row.id,
        "state": row.state,
        "weight": row.weight,
        "ground": {"kind": row.ground_kind, "id": row.ground_id},
        "track_id": row.track_id,
        "policy_version": row.policy_version,
        "created_at": row.created_at.isoformat(),
        "active_from": _moment(row.active_from),
        "expires_at": _moment(row.expires_at),
        "ended_for": row.ended_for,
        "open_to_appeal": row.open_to_appeal,
    }


def describe_sanction(row: Sanction) -> dict[str, Any]:
    """Return a sanction as JSON; staff are not named."""
    return {
        "id": row.id,
        "party": {"kind": row.party_kind, "id": row.party_id},
        "what": row.what,
        "kind": row.kind,
        "state": row.state,
        "factors": row.factors,
        "reason": row.reason,
        "signatures": 1 + (row.second_signer is not None),
        "version": row.version,
        "starts_at": _moment(row.starts_at),
        "ends_at": _moment(row.ends_at),
        "ended_for": row.ended_for,
        "open_to_appeal": row.open_to_appeal,
        "created_at": row.created_at.isoformat(),
    }


def history_of(session: Session, account: Account, now: datetime) -> History:
    """Count what is on record about an account."""
    mine = Track.account_id == account.id
    out = col(Track.state).in_(OUT)
    counted = select(func.count()).select_from(Track)
    attested = counted.join(Submission, col(Submission.track_id) == col(Track.id)).where(
        mine, out, col(Submission.declaration)["attestation"]["signer"].as_string().is_not(None)
    )
    signed = counted.join(Analysis, col(Analysis.id) == col(Track.analysis_id)).where(
        mine, out, col(Analysis.provenance)["state"].as_string() == "valid"
    )
    last = select(func.max(Strike.created_at)).where(
        Strike.account_id == account.id, Strike.state != "reversed"
    )
    return History(
        released=session.exec(counted.where(mine, out)).one(),
        blocked=session.exec(counted.where(mine, Track.state == "blocked")).one(),
        attested=session.exec(attested).one(),
        signed=session.exec(signed).one(),
        appeals_won=_appeals(session, account.id, ["granted", "partly"]),
        appeals_lost=_appeals(session, account.id, ["denied"]),
        last_strike_at=session.exec(last).one(),
        suspended=_suspended(session, account, now),
    )


def _appeals(session: Session, account_id: str, outcomes: list[str]) -> int:
    query = select(func.count()).select_from(Appeal).where(Appeal.account_id == account_id)
    return session.exec(query.where(col(Appeal.outcome_kind).in_(outcomes))).one()


def _counting(session: Session, account_id: str, now: datetime) -> list[Strike]:
    query = select(Strike).where(
        Strike.account_id == account_id, Strike.state == "active", col(Strike.expires_at) > now
    )
    return list(session.exec(query))


def _standing(session: Session, account: Account, now: datetime) -> rules.Standing:
    if _suspended(session, account, now):
        return "suspended"
    return by_strikes(session, account.tenant_id, account.id, now)


def by_strikes(session: Session, tenant_id: str, account_id: str, now: datetime) -> rules.Standing:
    """Return the standing that is due by strikes alone."""
    counting = [
        rules.Strike(each.weight, each.active_from, each.expires_at)
        for each in _counting(session, account_id, now)
        if each.active_from is not None and each.expires_at is not None
    ]
    return rules.standing_of(counting, now, strike_policies.in_force(session, tenant_id).steps)


def _suspended(session: Session, account: Account, now: datetime) -> bool:
    who = (account.tenant_id, "account", account.id)
    return sanctions.in_force(session, *who, "uploads", now) is not None


def _moment(at: datetime | None) -> str | None:
    return at.isoformat() if at else None
