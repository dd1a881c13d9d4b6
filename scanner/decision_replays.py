"""A decision made again from the facts that were stored with it, as they are or with one altered."""

from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any

from sqlmodel import Session

import policy
from scanner import judgements
from scanner.errors import NotFoundError
from scanner.packs_in_force import KEEPS, less
from scanner.privacy.erasure import NotReplayableError, refuse_erased
from scanner.privacy.personal import ERASED
from scanner.tables import PolicyDecision, Track

if TYPE_CHECKING:
    from scanner.service import Service


@dataclass(frozen=True)
class Replayed:
    """A decision as it was made and as the active pack makes it of the same facts.

    Parameters
    ----------
    pack, replayed_pack : str
        The pack of then and of now; if they are the same, so are the hashes.
    same : bool
        Whether what the rules made has the same hash both times; of a decision that joined all who earn into one limit,
        as they did once, the hash of today's with those joined likewise.
    keeps : str or None
        Id of a person's decision whose limits it keeps besides: no rules make those again.
    """

    id: str
    decision: str
    outcome_hash: str
    pack: str
    replayed_decision: str
    replayed_outcome_hash: str
    replayed_pack: str
    same: bool
    keeps: str | None = None

    def to_json(self) -> dict[str, Any]:
        """Return it as JSON."""
        return asdict(self)


def replay(service: "Service", track: Track) -> Replayed:
    """Make a track's decision again.

    Raises
    ------
    NotFoundError
        If there is none yet.
    NotReplayableError
        If what it rested on was erased, or no rules made it.
    """
    with service.database.reading() as session:
        refuse_erased(session, track.id)
        row = session.get(PolicyDecision, track.decision_id) if track.decision_id else None
        if row is None:
            raise NotFoundError("decision", "yet: read the track to see how far it is")
        if row.ruled_by is not None:
            raise NotReplayableError(
                "not replayable: a person made this decision, or law ordered it: no rules can"
            )
        pack = pack_of(service, session, row)
    if pack is None:
        raise NotFoundError("pack", f"{row.pack}, which made the decision")
    again = policy.decide(pack, policy.Facts.model_validate(row.facts))
    joined = again.joined_hash == row.outcome_hash
    return Replayed(
        id=row.id,
        decision=row.decision,
        outcome_hash=row.outcome_hash,
        pack=row.pack,
        replayed_decision=again.decision,
        replayed_outcome_hash=again.joined_hash if joined else again.outcome_hash,
        replayed_pack=pack.id,
        same=joined or again.outcome_hash == row.outcome_hash,
        keeps=kept(row),
    )


def pack_of(service: "Service", session: Session, row: PolicyDecision) -> policy.Pack | None:
    """Return what made a decision: its pack, without the rules that had fallen on appeal."""
    pack = service.packs.that_made(session, row)
    return None if pack is None else less(pack, judgements.fallen(row))


def kept(row: PolicyDecision) -> str | None:
    """Return the id of a person's decision whose limits one that rules made keeps besides."""
    return row.explanation.get(KEEPS)


def flips_of(
    service: "Service", session: Session, decision: PolicyDecision
) -> list[dict[str, Any]] | None:
    """Return what would flip a decision.

    None if no pack that is here made it, its facts were erased, or it keeps what a person decided: no fact flips that.
    """
    if decision.ruled_by is not None or ERASED in decision.facts or kept(decision):
        return None
    pack = pack_of(service, session, decision)
    if pack is None:
        return None
    facts = policy.Facts.model_validate(decision.facts)
    return [flip.to_json() for flip in policy.flips(pack, facts)]
