"""A claim that its holder takes to a notice: the notice of DMCA-N, from the holder whose claim it was."""

from typing import TYPE_CHECKING, Any

from sqlmodel import Session

import appeals
from scanner import notices
from scanner.notices import Filing
from scanner.tables import Claim, Holder, Notice, Reference

if TYPE_CHECKING:
    from scanner.service import Service


def escalate(
    service: "Service",
    session: Session,
    claim: Claim,
    elements: dict[str, Any],
    actor: appeals.Actor,
) -> Notice:
    """Make the notice; what it lacks is to be cured, what lacks nothing is decided, as with any other.

    Work and address are known, so the holder need not give them; the place is the claim's.
    """
    reference = session.get_one(Reference, claim.reference_id)
    holder = session.get_one(Holder, claim.holder_id)
    known = {"work": reference.title, "email": holder.contact_email}
    given = known | elements | {"location": [claim.track_id]}
    filing = Filing("dmca", given, holder.language, claim.right)
    notice = notices.new(service, claim.tenant_id, filing)
    notice.holder_id, notice.reference_id = holder.id, reference.id
    notices.take(service, session, notice, actor, {"claim_id": claim.id})
    return notice
