"""Whether who is told of a decision is told that they can appeal it: where the DSA asks for it, or its platform offers it.

A micro or small enterprise is exempt from Art. 20 to 23 (DSA-19). What others ask for stays whatever its size: complaints
about copyright (DSM-17-9, DE-URHDAG), counter-notices (DMCA-CN), and that a person decides (GDPR-22). What was told is
kept with the decision, and goes before what the platform offers by now.
"""

from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Any, Final

from sqlmodel import Session, col, select

import appeals
from scanner import tenant_sizes
from scanner.errors import IllegalTransitionError
from scanner.packs_in_force import KEEPS
from scanner.tables import (
    Claim,
    PolicyDecision,
    RetroMatch,
    StatementOfReasons,
    Tenant,
    Track,
    TrackMatch,
)
from scanner.wording import Told

if TYPE_CHECKING:
    from scanner.service import Service

COPYRIGHT: Final = ("DSM-", "DMCA-", "DE-URHDAG")
"""How ids of rules of copyright begin."""
TOLD: Final = "open_to_appeal"
"""Of a decision's explanation: whether a letter told of an appeal before the statement was written."""
_KEPT: Final = frozenset({"claim", "contest"})


class NotOfferedError(IllegalTransitionError):
    """Nobody was told that this can be appealed, as its platform is exempt and does not offer it."""


def offered(service: "Service", session: Session, tenant_id: str) -> bool:
    """Whether a platform offers appeals, bodies out of court and a lead of trusted flaggers (DSA-20, DSA-21, DSA-22).

    A sandbox does what its platform does.
    """
    tenant = session.get_one(Tenant, tenant_id)
    if tenant.sandbox_of is not None:
        tenant = session.get_one(Tenant, tenant.sandbox_of)
    return tenant.offers_means or not tenant_sizes.is_exempt(service, tenant)


def of_decision(
    service: "Service",
    session: Session,
    track: Track,
    source: appeals.Source,
    reasons: Iterable[Mapping[str, Any]],
    decision: PolicyDecision | None = None,
) -> bool:
    """Whether the creator can appeal what is decided on a track now.

    Where a match, a claim or a notice of copyright is at issue they always can, as with what restores, keeps or goes on
    for the reasons of a decision that they were told they can appeal.
    """
    if decision is not None and TOLD in decision.explanation:
        return bool(decision.explanation[TOLD])
    if offered(service, session, track.tenant_id):
        return True
    if decision is not None and _was_told(session, decision):
        return True
    return _is_copyright(source, reasons) or _is_claimed(session, track)


def refuse(what: str, *, automated: bool = False) -> None:
    """Say that something is not open to appeal, why, and what remains.

    Raises
    ------
    NotOfferedError
    """
    if automated:
        raise NotOfferedError(
            Told(
                "this %(what)s can't be appealed: its platform is a micro or small enterprise, which "
                "the DSA exempts from appeals and bodies out of court (DSA-19), and it said so when it "
                "told of the %(what)s. You can turn to a court; rules alone decided it, so a person "
                "does if you ask with POST /v1/tracks/{track}/human-review (GDPR-22)",
                what=what,
            )
        )
    raise NotOfferedError(
        Told(
            "this %(what)s can't be appealed: its platform is a micro or small enterprise, which the "
            "DSA exempts from appeals and bodies out of court (DSA-19), and it said so when it told of "
            "the %(what)s. You can turn to a court",
            what=what,
        )
    )


def _is_copyright(source: appeals.Source, reasons: Iterable[Mapping[str, Any]]) -> bool:
    if source.kind in _KEPT or source.form == "dmca":
        return True
    return any(
        "reference_id" in (each.get("evidence") or {})
        or any(str(rule).startswith(COPYRIGHT) for rule in each.get("legal_basis", ()))
        for each in reasons
    )


def _is_claimed(session: Session, track: Track) -> bool:
    """Whether anything of somebody else's was found in a track: what is decided on it may rest on that."""
    found = (
        select(TrackMatch.id).where(TrackMatch.analysis_id == track.analysis_id),
        select(RetroMatch.id).where(RetroMatch.track_id == track.id),
        select(Claim.id).where(Claim.track_id == track.id),
    )
    return any(session.exec(query.limit(1)).first() is not None for query in found)


def _was_told(session: Session, decision: PolicyDecision) -> bool:
    """Whether what a decision restores, keeps, leaves a part of or takes reasons from was told with an appeal."""
    from scanner import judgements  # with it comes all that looks at tracks

    earlier = list(judgements.beginnings(session, decision))
    ids = {each.id for each in earlier} | {each.explanation.get(KEEPS, "") for each in earlier}
    before = session.get(PolicyDecision, decision.supersedes) if decision.supersedes else None
    if before is not None and any(each in decision.reasons for each in judgements.limits(before)):
        ids.add(before.id)
    told = select(StatementOfReasons.id).where(
        col(StatementOfReasons.decision_id).in_(ids), col(StatementOfReasons.open_to_appeal)
    )
    return session.exec(told.limit(1)).first() is not None
