"""Evidence of a party to a matter: the words in a blob of the tenant, its hash and name in the table."""

from typing import TYPE_CHECKING

from sqlmodel import Session

import appeals
from appeals.matter_tables import MatterRow
from scanner.clock import new_id
from scanner.evidence import refuse_more
from scanner.tables import Evidence

if TYPE_CHECKING:
    from scanner.service import Service


def keep(
    service: "Service",
    session: Session,
    row: MatterRow,
    actor: appeals.Actor,
    name: str,
    text: str,
) -> Evidence:
    """Keep a text as evidence of a locked matter, in the caller's transaction; it is small.

    Raises
    ------
    DeclarationError
        If there are enough.
    """
    refuse_more(session, (row.KIND, row.id))
    blob = service.store.put_bytes(row.tenant_id, text.encode())
    evidence = Evidence(
        id=new_id(),
        tenant_id=row.tenant_id,
        matter_kind=row.KIND,
        matter_id=row.id,
        by_kind=actor.role.value,
        by_id=actor.id,
        name=name,
        media_type="text/plain",
        sha256=blob.sha256,
        size_bytes=len(text.encode()),
        created_at=service.now(),
    )
    session.add(evidence)
    session.flush()
    return evidence
