"""Files that a party puts forward: looked at by their first bytes, kept as blobs of the tenant."""

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, Final

from sqlmodel import Session, col, func, select

from scanner.audio import AudioError, sniff
from scanner.clock import new_id
from scanner.declarations import DeclarationError
from scanner.errors import IllegalTransitionError
from scanner.journal import Actor
from scanner.tables import Appeal, Claim, Dispute, Evidence, Holder, TrackAmendment
from scanner.wording import Told

if TYPE_CHECKING:
    from scanner.service import Service
    from scanner.store import Blob

MAX_BYTES: Final = 10 << 20
MOST: Final = 20
_READ: Final[Mapping[str, frozenset[str]]] = {
    Appeal.KIND: frozenset({"filed", "assigned", "questions"}),
    Dispute.KIND: frozenset({"opened", "with_claimant", "upheld", "appealed"}),
    TrackAmendment.KIND: frozenset({"drafted"}),
}
"""States of a matter in which somebody still reads what is put forward; of others, all."""
_MODELS: Final[dict[str, Any]] = {"holder": Holder} | {
    model.KIND: model for model in (Appeal, Claim, Dispute, TrackAmendment)
}
_MAGIC: Final = {
    b"%PDF-": "application/pdf",
    b"\x89PNG\r\n\x1a\n": "image/png",
    b"\xff\xd8\xff": "image/jpeg",
}


def media_type(head: bytes) -> str:
    """Return what a file is by its first bytes.

    Raises
    ------
    DeclarationError
        If it is no PDF, PNG, JPEG, plain text or audio.
    """
    for magic, known in _MAGIC.items():
        if head.startswith(magic):
            return known
    try:
        sniff(head)
    except AudioError:
        if head and b"\0" not in head and _is_text(head):
            return "text/plain; charset=utf-8"
        told = "send a PDF, a PNG or JPEG image, plain text in UTF-8, or audio"
        raise DeclarationError([{"field": "file", "detail": told}]) from None
    return "application/octet-stream"


def add(
    service: "Service",
    tenant_id: str,
    matter: tuple[str, str],
    by: Actor,
    name: str | None,
    kind: str,
    blob: "Blob",
) -> Evidence:
    """Note a stored file as evidence of a matter, which is locked while its files are counted.

    Raises
    ------
    DeclarationError
        If there are enough.
    IllegalTransitionError
        If the matter is over.
    """
    with service.database.transaction() as session:
        refuse_over(session.get_one(_MODELS[matter[0]], matter[1], with_for_update=True))
        refuse_more(session, matter)
        row = Evidence(
            id=new_id(),
            tenant_id=tenant_id,
            matter_kind=matter[0],
            matter_id=matter[1],
            by_kind=by.role,
            by_id=by.id,
            name=(name or "evidence")[:300],
            media_type=kind,
            sha256=blob.sha256,
            size_bytes=blob.size,
            created_at=service.now(),
        )
        session.add(row)
        return row


def takes_more(row: Any) -> bool:
    """Tell whether a matter still takes evidence."""
    return not isinstance(row, Appeal | Dispute | TrackAmendment) or row.state in _READ[row.KIND]


def refuse_over(row: Any) -> None:
    """Raise ``IllegalTransitionError`` if a matter takes no more evidence."""
    if not takes_more(row):
        raise IllegalTransitionError(
            Told(
                "the %(kind)s is %(state)s: it takes no more evidence; %(row)s",
                kind=row.KIND,
                state=row.state,
                row=_instead(row),
            )
        )


def _instead(row: Any) -> str:
    """What to do where nobody reads evidence any more."""
    if row.state in {"denied", "partly"} or (row.state == "closed" and row.KIND == Dispute.KIND):
        return "take it to an out-of-court body, with POST /v1/appeals/{id}/out-of-court (DSA-21)"
    if row.state == "out_of_court":
        return "send it to the out-of-court body that has the case"
    if row.state == "withdrawn":
        return "file anew what was withdrawn, as long as its time is not over"
    return "it ended, and nothing needs to be shown any more"


def refuse_more(session: Session, matter: tuple[str, str]) -> None:
    """Raise ``DeclarationError`` if a matter, which is locked, has all the files that it may have."""
    count = select(func.count()).where(
        Evidence.matter_kind == matter[0], Evidence.matter_id == matter[1]
    )
    if session.exec(count).one() >= MOST:
        told = Told("there are %(most)s files already: put several into one", most=MOST)
        raise DeclarationError([{"field": "file", "detail": told}])


def listed(session: Session, matter: tuple[str, str]) -> list[dict[str, Any]]:
    """Return the evidence of a matter as JSON, oldest first."""
    query = select(Evidence).where(
        Evidence.matter_kind == matter[0], Evidence.matter_id == matter[1]
    )
    return [describe(row) for row in session.exec(query.order_by(col(Evidence.id)))]


def describe(row: Evidence) -> dict[str, Any]:
    """Return a piece of evidence as JSON, without its bytes."""
    return {
        "id": row.id,
        "name": row.name,
        "media_type": row.media_type,
        "sha256": row.sha256,
        "size_bytes": row.size_bytes,
        "by": row.by_kind,
        "created_at": row.created_at.isoformat(),
    }


def _is_text(head: bytes) -> bool:
    try:
        head[:-3].decode() if len(head) > 3 else head.decode()
    except UnicodeDecodeError as error:
        return error.start >= len(head) - 6  # cut in the middle of a character
    return True
