"""What speaks against a new reference: whom else it belongs to, by the index itself."""

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

import fingerprint
from scanner.banks import NEGATIVE, PUBLIC_DOMAIN, RIGHTS
from scanner.harmless import Explained, explanations, standing
from scanner.on_record import OnRecord, on_record

if TYPE_CHECKING:
    from scanner.service import Service

SURE: Final = 0.8
"""Score from which a likeness is a conflict: the one from which policy acts on a match."""
NEARLY_ALL: Final = 0.9
"""Share of a new reference that is harmless material: then it is that material."""
MOST: Final = 0.5
"""Share of a claimed work from which harmless material would make most of the work harmless."""
THE_SOUND_ITSELF: Final = frozenset({"negative-bank", "claimed"})
"""Conflicts that are none where there is something else on top: songs are made over loops."""
SHOWN: Final = 20
"""Conflicts that are kept, the surest: one is enough for a person to look."""


@dataclass(frozen=True)
class Findings:
    """What speaks against a reference, as far as the catalogue goes up to ``epoch``."""

    conflicts: list[dict[str, Any]]
    epoch: int


def look(
    service: "Service",
    tenant_id: str,
    print_: fingerprint.Fingerprint,
    *,
    holder_id: str | None,
    kind: str,
    patience: float = math.inf,
) -> Findings:
    """Compare a reference that is to be with every one that can be found, whatever its bank.

    Parameters
    ----------
    holder_id : str, optional
        Whose own references are no conflict; None if the holder is new.
    kind : str
        Of the bank that it is to be in.

    Returns
    -------
    Findings
        Each conflict names its kind: ``other-holder``; ``public-domain`` and ``negative-bank``,
        what nobody can claim; ``claimed``, harmless material that is most of a claimed work.

    Raises
    ------
    BusyError, TransientError
        If the index can't be searched now: nothing is known then, which is not that all is well.
    """
    found = service.catalogue.search(tenant_id, print_, patience)
    # Another performance of the work is a recording of its own, and may be its performer's.
    sure = [match for match in found.matches if match.kind == "recording" and match.score >= SURE]
    with service.database.reading() as session:
        others = on_record(session, tenant_id, [match.reference_id for match in sure])
    explained = explanations(service, tenant_id, print_, sure)
    conflicts = [
        _conflict(name, match, other)
        for match in sure
        if (other := others.get(match.reference_id)) is not None
        and (name := _name(match, other, explained.get(match.reference_id), holder_id, kind))
        is not None
        and (name not in THE_SOUND_ITSELF or _same_sound(service, print_, match, other))
    ]
    return Findings(conflicts[:SHOWN], found.index_epoch)


def _name(
    match: fingerprint.Match,
    other: OnRecord,
    explained: Explained | None,
    holder_id: str | None,
    kind: str,
) -> str | None:
    theirs = other.bank.kind
    if kind != RIGHTS:
        most = theirs == RIGHTS and match.coverage_reference >= MOST
        return "claimed" if most else None
    if theirs == PUBLIC_DOMAIN:
        return "public-domain"
    if theirs == NEGATIVE:
        return "negative-bank" if match.coverage_query >= NEARLY_ALL else None
    if other.holder.id == holder_id:
        return None
    stands = standing(match, other, explained)
    return None if stands.excluded or stands.negative_bank else "other-holder"


def _same_sound(
    service: "Service",
    print_: fingerprint.Fingerprint,
    match: fingerprint.Match,
    other: OnRecord,
) -> bool:
    theirs = service.catalogue.print_of(other.reference)
    return fingerprint.same_sound(print_, theirs, match.segments)


def _conflict(name: str, match: fingerprint.Match, other: OnRecord) -> dict[str, Any]:
    seconds = fingerprint.union_length(
        [(segment.query_start, segment.query_end) for segment in match.segments]
    )
    return {
        "kind": name,
        "reference_id": other.reference.id,
        "title": other.reference.title,
        "holder": other.holder.name,
        "bank": other.bank.name,
        "score": round(match.score, 4),
        "seconds": round(seconds, 1),
    }


def in_words(conflict: dict[str, Any]) -> str:
    """Say a conflict as one sentence for people."""
    what = {
        "other-holder": "is also in {title!r}, which {holder} holds",
        "public-domain": "is also in {title!r}, which is in the public domain",
        "negative-bank": "is {title!r}, which nobody can claim (bank {bank})",
        "claimed": "is most of {title!r}, which {holder} holds",
    }[conflict["kind"]]
    return f"{conflict['seconds']:.1f} s of it " + what.format(**conflict)
