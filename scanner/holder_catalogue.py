"""A rights holder's own catalogue: found, added to, changed; another holder's reads as unknown."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from sqlmodel import Session, col, func, or_, select

from appeals import shares as sums
from scanner import reference_lyrics, references, rights, upkeep
from scanner.callers import Caller
from scanner.claim_precision import CONTESTED
from scanner.errors import NotFoundError
from scanner.reference_events import ReferenceChanged
from scanner.reference_history import record_change
from scanner.reference_states import Status
from scanner.tables import Claim, Dispute, Reference, ReferenceExclusion, Share

if TYPE_CHECKING:
    from scanner.service import Service

NOT_THEIRS: Final = frozenset({"original_work", "public_domain", "misidentified"})
"""Grounds of disputes that say: this part of the recording is not the holder's."""
CHANGED: Final = ("title", "policy", "isrc", "territories")
SUGGESTED: Final = 20


@dataclass(frozen=True)
class Part:
    """Seconds of a reference that disputes were lost about, and how many."""

    start_s: float
    end_s: float
    lost: int


def find(session: Session, caller: Caller, holder_id: str, reference_id: str) -> Reference:
    """Return a reference of the holder, retired ones excepted.

    Raises
    ------
    NotFoundError
        If it is not the holder's, or the holder is not the caller's.
    """
    rights.find_holder(session, caller, holder_id)
    reference = references.find(session, caller.tenant_id, reference_id)
    if reference.holder_id != holder_id:
        raise NotFoundError("reference", "of this id")
    return reference


def listed(
    session: Session,
    caller: Caller,
    holder_id: str,
    *,
    limit: int,
    before: str | None = None,
    search: str = "",
    policy: str | None = None,
) -> list[Reference]:
    """Return a holder's references, newest first; ``search`` is part of a title, or an ISRC."""
    rights.find_holder(session, caller, holder_id)
    query = select(Reference).where(
        Reference.tenant_id == caller.tenant_id,
        Reference.holder_id == holder_id,
        Reference.status != Status.RETIRED,
    )
    if search.strip():
        words = search.strip()
        titled = func.lower(col(Reference.title)).contains(words.lower(), autoescape=True)
        query = query.where(or_(titled, col(Reference.isrc) == words.replace("-", "").upper()))
    if policy is not None:
        query = query.where(Reference.policy == policy)
    if before is not None:
        query = query.where(Reference.id < before)
    return list(session.exec(query.order_by(col(Reference.id).desc()).limit(limit)))


def add(
    service: "Service",
    caller: Caller,
    holder_id: str,
    path: Path,
    fields: Mapping[str, Any],
    *,
    file_name: str | None,
    sha256: str,
    operator: bool = False,
) -> Reference:
    """Make a file a reference of the holder's; their policy acts once they are verified.

    Parameters
    ----------
    fields : mapping
        ``title``, ``policy``, ``isrc``, ``territories``, ``contributors``, ``lyrics``, as far as they are known.
    operator : bool
        Whether the operator of the service vouches for it.
    """
    with service.database.reading() as session:
        holder = rights.find_holder(session, caller, holder_id)
    made = references.add(
        service,
        caller,
        path=path,
        title=fields.get("title"),
        holder=holder.name,
        policy=fields.get("policy"),
        isrc=fields.get("isrc"),
        territories=tuple(fields.get("territories", ())),
        lyrics=fields.get("lyrics", ""),
        file_name=file_name,
        audio_sha256=sha256,
        operator=operator,
        patience=service.settings.precheck_seconds,
    )
    return change(service, caller, holder_id, made.id, {"contributors": fields.get("contributors")})


def change(
    service: "Service",
    caller: Caller,
    holder_id: str,
    reference_id: str,
    wanted: Mapping[str, Any],
) -> Reference:
    """Change what a holder says of their reference; what is None, or is so already, stays."""
    with service.database.reading() as session:
        known = find(session, caller, holder_id, reference_id)
        changes = differences(session, known, wanted)
    contributors = changes.pop("contributors", None)
    if contributors is not None:
        with service.database.transaction() as session:
            row = references.locked(session, caller.tenant_id, reference_id)
            row.extra = row.extra | {"contributors": list(contributors)}
            told = ReferenceChanged(epoch=row.epoch, changed=["contributors"])
            record_change(session, row, told, service.now(), caller.actor)
            known = row
    if not changes:
        return known
    return references.change(service, caller, reference_id, changes)


def differences(session: Session, known: Reference, wanted: Mapping[str, Any]) -> dict[str, Any]:
    """Return what of some wishes is not so yet."""
    now: dict[str, Any] = {name: getattr(known, name) for name in CHANGED}
    now["contributors"] = known.extra.get("contributors", [])
    if wanted.get("lyrics") is not None:
        now["lyrics"] = reference_lyrics.text_of(session, known.id)
        wanted = {**wanted, "lyrics": reference_lyrics.plain(wanted["lyrics"])}
    return {
        name: wanted[name]
        for name in now
        if wanted.get(name) is not None and wanted[name] != now[name]
    }


def retire(service: "Service", caller: Caller, holder_id: str, reference_id: str) -> Reference:
    """Take a reference out of the catalogue: it is found no more."""
    with service.database.reading() as session:
        find(session, caller, holder_id, reference_id)
    return references.remove(service, caller, reference_id)


def exclude(
    service: "Service",
    caller: Caller,
    holder_id: str,
    reference_id: str,
    part: tuple[float, float],
    *,
    note: str = "",
) -> ReferenceExclusion:
    """Say that a part of a reference, in seconds, is not the holder's."""
    with service.database.reading() as session:
        find(session, caller, holder_id, reference_id)
    return upkeep.exclude(service, caller, reference_id, *part, note=note)


def overturned(
    session: Session, caller: Caller, holder_id: str, *, limit: int, reference_id: str | None = None
) -> list[Claim]:
    """Return a holder's claims that were found wrong once they were contested, newest first."""
    rights.find_holder(session, caller, holder_id)
    query = select(Claim).where(
        Claim.tenant_id == caller.tenant_id,
        Claim.holder_id == holder_id,
        Claim.state == "released",
        col(Claim.ground).in_(CONTESTED),
    )
    if reference_id is not None:
        query = query.where(Claim.reference_id == reference_id)
    return list(session.exec(query.order_by(col(Claim.id).desc()).limit(limit)))


def suggested(session: Session, caller: Caller, reference: Reference) -> list[Part]:
    """Return parts of a reference that lost disputes say are not its holder's, and nobody excluded."""
    lost = {
        claim.id: claim
        for claim in overturned(
            session, caller, reference.holder_id, limit=100, reference_id=reference.id
        )
    }
    query = select(Dispute).where(col(Dispute.claim_id).in_(lost))
    spans = sorted(
        (each["reference_start"], each["reference_end"])
        for dispute in session.exec(query)
        if NOT_THEIRS & set(dispute.grounds)
        for each in lost[dispute.claim_id].segments
    )
    known = session.exec(
        select(ReferenceExclusion).where(ReferenceExclusion.reference_id == reference.id)
    ).all()
    return [
        part
        for part in _merged(spans)
        if not any(each.start_s <= part.start_s and part.end_s <= each.end_s for each in known)
    ][:SUGGESTED]


def held(session: Session, reference: Reference) -> list[dict[str, Any]]:
    """Return what all holders together have of each right in a reference, by territory, and what is free.

    Only the sum is told: a holder does not see who the others are.
    """
    rows = session.exec(
        select(Share).where(Share.tenant_id == reference.tenant_id, Share.subject == reference.id)
    ).all()
    own: dict[tuple[str, str], int] = {}
    everyone: dict[tuple[str, str], int] = {}
    for row in rows:
        place = (row.right, row.territory)
        everyone[place] = everyone.get(place, 0) + row.parts
        own[place] = own.get(place, 0) + row.parts * (row.holder_id == reference.holder_id)
    return [
        {
            "right": right,
            "territory": territory,
            "own": sums.percent_of(own[right, territory]),
            "all": sums.percent_of(parts),
        }
        for (right, territory), parts in sorted(everyone.items())
    ]


def _merged(spans: Sequence[tuple[float, float]]) -> list[Part]:
    """Join spans that overlap; each joined one counts."""
    parts: list[Part] = []
    for start, end in spans:
        if parts and start <= parts[-1].end_s:
            last = parts.pop()
            parts.append(Part(last.start_s, max(last.end_s, end), last.lost + 1))
        else:
            parts.append(Part(start, end, 1))
    return parts
