"""What suspends, ends or limits somebody is told with its reasons, in the transaction of the effect (DSA-17)."""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from sqlmodel import Session, select

import appeals
from scanner import database_push, statements
from scanner.clock import new_id
from scanner.errors import NotFoundError
from scanner.tables import StatementOfReasons
from scanner.wording import Told

if TYPE_CHECKING:
    from scanner.service import Service


def write(
    service: "Service",
    session: Session,
    tenant_id: str,
    measure: appeals.Measure,
    reasons: Sequence[dict[str, Any]],
    *,
    open_to_appeal: bool = True,
) -> StatementOfReasons:
    """Write the statement of a measure: row, event, and outbox; the letter is the caller's.

    Raises
    ------
    appeals.errors.MissingReasonError
        If no reason is given: then the measure must not take effect.
    """
    statement = appeals.state_measure(
        statement_id=new_id(),
        tenant_id=tenant_id,
        measure=measure,
        reasons=reasons,
        now=service.now(),
        zone=service.settings.legal_zone,
        open_to_appeal=open_to_appeal,
    )
    statements.keep(service, session, statement)
    database_push.queue_measure(service, session, statement)
    return statement


def of_matter(session: Session, tenant_id: str, kind: str, matter_id: str) -> StatementOfReasons:
    """Return the statement of a sanction or a strike, or raise ``NotFoundError``."""
    query = select(StatementOfReasons).where(
        StatementOfReasons.tenant_id == tenant_id,
        StatementOfReasons.matter_kind == kind,
        StatementOfReasons.matter_id == matter_id,
    )
    found = session.exec(query).first()
    if found is None:
        raise NotFoundError(
            "statement", Told("of this %(kind)s: it restricts nothing, or not yet", kind=kind)
        )
    return found
