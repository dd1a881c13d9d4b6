"""What creators and holders are told about claims and disputes."""

from datetime import datetime
from typing import TYPE_CHECKING, Any, Final

from sqlmodel import Session

import appeals
from scanner import letters, recipients
from scanner.tables import Claim, Dispute, Holder, Letter, Reference, Track

if TYPE_CHECKING:
    from scanner.service import Service

BASIS: Final = ("DSM-17-9",)
SCORE_MEANS: Final = "calibrated probability, 0 to 1, that the match is real: of matches with 0.95, about 95 of 100 are"


def tell_creator(
    service: "Service", session: Session, claim: Claim, template: str, **more: Any
) -> Letter | None:
    """Write to the account whose track is claimed; a track without an account is the platform's own."""
    if claim.account_id is None:
        return None
    return letters.write(
        session,
        recipients.account(service, session, claim.account_id, claim.track_id),
        template,
        _words(session, claim) | more,
        tenant_id=claim.tenant_id,
        now=service.now(),
        matter=claim,
        track_id=claim.track_id,
        legal_basis=BASIS,
    )


def tell_holder(
    service: "Service",
    session: Session,
    dispute: Dispute,
    claim: Claim,
    template: str,
    **more: Any,
) -> Letter:
    """Write to the holder about a dispute of their claim."""
    holder = session.get_one(Holder, claim.holder_id)
    words = _words(session, claim) | {
        "grounds": ", ".join(dispute.grounds),
        "text": dispute.text,
        "dispute": dispute.id,
    }
    return letters.write(
        session,
        letters.Recipient("holder", holder.id, holder.contact_email, holder.language),
        template,
        words | more,
        tenant_id=claim.tenant_id,
        now=service.now(),
        matter=dispute,
        track_id=claim.track_id,
        legal_basis=BASIS,
    )


def due(service: "Service", rule: str) -> datetime:
    """Return by when somebody must act who is told now."""
    return appeals.deadline(rule, service.now(), service.settings.legal_zone).due_at


def _words(session: Session, claim: Claim) -> dict[str, Any]:
    track = session.get_one(Track, claim.track_id)
    return {
        "claim": claim.id,
        "track": track.external_id or track.file_name or track.id,
        "title": session.get_one(Reference, claim.reference_id).title,
        "holder": session.get_one(Holder, claim.holder_id).name,
        "seconds": ", ".join(
            f"{each['query_start']:.0f}–{each['query_end']:.0f} s" for each in claim.segments
        ),
        "remedy": claim.remedy,
        "ground": claim.ground or "",
        "score": f"{claim.score:.2f}",
    }
