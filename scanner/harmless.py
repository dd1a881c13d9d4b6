"""What of a match is held against nobody: excluded parts, and what harmless material explains.

Harmless are loops, presets and silence (negative banks) and recordings in the public domain. Why a
stretch that they explain is exempt for other references too, and when it is not:
`docs/decisions/0010-what-a-negative-bank-exempts.md`.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import fingerprint
from scanner.banks import NEGATIVE, PUBLIC_DOMAIN, RIGHTS
from scanner.on_record import OnRecord, on_record

if TYPE_CHECKING:
    from scanner.service import Service

Segments = tuple[fingerprint.Segment, ...]
Explained = dict[str, Any]
"""What explains the segments of one match, as JSON: ``negative``, the numbers of those that
references of negative banks explain together; ``public_domain``, the same by id of a reference."""


def explanations(
    service: "Service",
    tenant_id: str,
    print_: fingerprint.Fingerprint,
    matches: Sequence[fingerprint.Match],
) -> dict[str, Explained]:
    """Say which segments of which matches harmless material explains.

    It is measured on the fingerprints, so it is part of the evidence.

    Parameters
    ----------
    print_ : Fingerprint
        Of the track.
    matches : sequence of Match
        Everything that was found in it.

    Returns
    -------
    dict of reference id to what explains its recording; empty unless something harmless was found.
    """
    # A loop explains a sound, not a melody that somebody else plays.
    matches = [match for match in matches if match.kind == "recording"]
    with service.database.reading() as session:
        known = on_record(session, tenant_id, [match.reference_id for match in matches])
    negative = [match for match in matches if _kind(match, known) == NEGATIVE]
    public = [match for match in matches if _kind(match, known) == PUBLIC_DOMAIN]
    if not negative and not public:
        return {}
    prints = {
        match.reference_id: service.catalogue.print_of(known[match.reference_id].reference)
        for match in matches
        if match.reference_id in known
    }

    def numbers(match: fingerprint.Match, others: Sequence[fingerprint.Match]) -> list[int]:
        places = [(prints[other.reference_id], other.segments) for other in others]
        own = prints[match.reference_id]
        return [
            number
            for number, segment in enumerate(match.segments)
            if fingerprint.explained_by(segment, print_, own, places)
        ]

    explained: dict[str, Explained] = {}
    for match in matches:
        if _kind(match, known) != RIGHTS:
            continue
        free = {other.reference_id: numbers(match, [other]) for other in public}
        found = {
            "negative": numbers(match, negative),
            "public_domain": {key: value for key, value in free.items() if value},
        }
        if any(found.values()):
            explained[match.reference_id] = found
    return explained


@dataclass(frozen=True)
class Standing:
    """What of a match stands, and why what does not stand falls.

    Parameters
    ----------
    segments : tuple of Segment
        What is left to judge; where nothing is left, all that was found.
    public_domain : tuple of str, optional
        Ids of references in the public domain of which each explains all that is left.
    """

    segments: Segments
    excluded: bool = False
    negative_bank: bool = False
    public_domain: tuple[str, ...] = ()


def standing(match: fingerprint.Match, known: OnRecord, explained: Explained | None) -> Standing:
    """Judge one match by the bank of its reference, its excluded parts, and what explains it."""
    if known.bank.kind == NEGATIVE:
        return Standing(match.segments, negative_bank=True)
    if known.bank.kind == PUBLIC_DOMAIN:
        return Standing(match.segments, public_domain=(known.reference.id,))
    explained = (explained or {}) if match.kind == "recording" else {}
    harmless = set(explained.get("negative", ()))
    left = [n for n in range(len(match.segments)) if n not in harmless]
    if match.segments and not left:
        return Standing(match.segments, negative_bank=True)
    segments = fingerprint.claimed([match.segments[n] for n in left], known.excluded)
    if match.segments and not segments:
        return Standing(match.segments, excluded=True)
    free = tuple(
        reference_id
        for reference_id, numbers in explained.get("public_domain", {}).items()
        if set(left) <= set(numbers)
    )
    return Standing(segments, public_domain=free)


def _kind(match: fingerprint.Match, known: dict[str, OnRecord]) -> str | None:
    return known[match.reference_id].bank.kind if match.reference_id in known else None
