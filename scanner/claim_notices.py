"""A claim that its holder takes to a notice: the notice of DMCA-N, from the holder whose claim it was."""

from typing import TYPE_CHECKING, Any

from sqlmodel import Session

import appeals
from appeals import forms
from scanner import matters
from scanner.tables import Claim, Holder, Notice, NoticeTrack, Reference

if TYPE_CHECKING:
    from scanner.service import Service


def escalate(
    service: "Service",
    session: Session,
    claim: Claim,
    elements: dict[str, Any],
    actor: appeals.Actor,
) -> Notice:
    """Make the notice; what it lacks is to be cured, as with any other (DMCA-NC).

    Work, place and address are known, so the holder need not give them.
    """
    reference = session.get_one(Reference, claim.reference_id)
    holder = session.get_one(Holder, claim.holder_id)
    given = {
        "work": reference.title,
        "location": [claim.track_id],
        "email": holder.contact_email,
    } | elements
    result = forms.validate("dmca", given)
    notice = matters.new(
        Notice,
        claim.tenant_id,
        service.now(),
        form="dmca",
        elements={each.name: each.value for each in result.elements},
        missing=result.missing,
        text_versions=sorted(
            {str(given[name]) for name in ("good_faith", "accuracy") if given.get(name)}
        ),
        notifier_email=holder.contact_email,
        notifier_name=holder.name,
        holder_id=holder.id,
        reference_id=reference.id,
        right=claim.right,
        language=holder.language,
        email_confirmed_at=service.now(),
    )
    matters.opened(service, session, notice, actor, detail={"claim_id": claim.id})
    session.add(
        NoticeTrack(
            notice_id=notice.id,
            track_id=claim.track_id,
            tenant_id=claim.tenant_id,
            origin="claim",
            state="named",
            prior_decision_id=claim.decision_id,
            created_at=service.now(),
        )
    )
    if result.complete:
        matters.move(service, session, notice, "validate", matters.CLOCK)
    else:
        parts = {"missing": result.missing}
        matters.move(service, session, notice, "find_incomplete", matters.CLOCK, parts=parts)
    return notice
