"""What whom a sanction hits is told: that it took force, with its statement of reasons, and that it was lifted (DSA-17, DSA-23)."""

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, Final, cast

from sqlmodel import Session

import appeals
from scanner import letters, measures, recipients, sanction_links, strike_policies
from scanner.journal import Actor
from scanner.tables import Sanction, StatementOfReasons

if TYPE_CHECKING:
    from scanner.service import Service

BASIS: Final = ("DSA-17", "DSA-20", "DSA-23")


def tell(service: "Service", session: Session, row: Sanction, actor: Actor) -> None:
    """Tell why, until when and where to appeal; with a statement, unless it is a warning, which restricts nothing."""
    stated = _state(service, session, row) if row.kind != "warning" else None
    to = recipients.party(service, session, row.party_kind, row.party_id)
    zone = service.settings.legal_zone
    words = {
        "statement": stated.id if stated else "",
        "text": appeals.plain(stated, to.language, zone) if stated else "",
        "reason": row.reason,
        "factors": row.factors,
        "until": row.ends_at,
        "id": row.id,
        "contest": row.open_to_appeal,
        "link": sanction_links.link(service, row),
    }
    _write(service, session, row, to, "sanction", words, actor)


def tell_lifted(
    service: "Service", session: Session, row: Sanction, reason: str, actor: Actor
) -> None:
    """Tell that it was taken back, and why."""
    to = recipients.party(service, session, row.party_kind, row.party_id)
    _write(service, session, row, to, "sanction-lifted", {"reason": reason}, actor)


def _state(service: "Service", session: Session, row: Sanction) -> StatementOfReasons:
    """Write the statement of what suspends or ends (DSA-17)."""
    measure = appeals.Measure(
        matter=("sanction", row.id),
        party=(row.party_kind, row.party_id),
        what=cast(Any, row.what),
        effect="terminated" if row.kind == "termination" else "suspended",
        ends_at=row.ends_at,
    )
    struck = row.party_kind == "account" and strike_policies.strikes_count(
        session, row.party_id, service.now()
    )
    basis = ["DMCA-RI", "DSA-23"] if struck else ["DSA-23"]
    reason = {"rule": f"sanction.{row.kind}", "text": row.reason, "legal_basis": basis}
    told = row.open_to_appeal
    return measures.write(service, session, row.tenant_id, measure, [reason], open_to_appeal=told)


def _write(
    service: "Service",
    session: Session,
    row: Sanction,
    to: letters.Recipient,
    template: str,
    words: Mapping[str, Any],
    actor: Actor,
) -> None:
    written = letters.write(
        session,
        to,
        template,
        {"what": row.what, "kind": row.kind, **words},
        tenant_id=row.tenant_id,
        now=service.now(),
        legal_basis=list(BASIS),
        actor=actor,
    )
    written.matter_kind, written.matter_id = "sanction", row.id
