"""From readings to marks: what is believed, and what comes first."""

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import replace
from typing import Final

from watermark.excerpt import SEARCH_FRAME, SEARCH_RATE
from watermark.keys import Key
from watermark.marks import BlockKind, Mark, Verdict
from watermark.payloads import PayloadMode, payload_of
from watermark.readings import Reading

FOUND_QUALITY: Final = 0.35
FOUND_MARGIN: Final = 0.05
"""Of 1,679 wrong messages from music and excerpts of it, the largest margin was 0.014."""
FAINT_QUALITY: Final = 0.3
"""A message of zeros that is read less clearly than this is what silence decodes to."""
_KIND_ORDER: Final = tuple(BlockKind)


def convinces(reading: Reading) -> bool:
    """Whether a reading is believed for itself."""
    return reading.quality > FOUND_QUALITY and reading.margin > FOUND_MARGIN


def mark_from(reading: Reading, mode: PayloadMode, key: Key, offset: int) -> Mark | None:
    """Mark of a reading; None if its message is none.

    Parameters
    ----------
    offset : int
        Sample of the sound at which the reading's time axis begins.
    """
    payload = payload_of(reading.message, mode)
    if payload is None or (not reading.message.any() and reading.quality < FAINT_QUALITY):
        return None
    return Mark(
        payload=payload,
        start_seconds=(offset + reading.start) / SEARCH_RATE,
        end_seconds=(offset + reading.end) / SEARCH_RATE,
        quality=reading.quality,
        error=reading.error,
        kind=reading.kind,
        key_id=key.name,
        verdict=Verdict.FOUND if convinces(reading) else Verdict.CANDIDATE,
    )


def judged(marks: Sequence[Mark]) -> list[Mark]:
    """Marks without repetitions, the most convincing first.

    What reads the same as a found mark of its key is found as well. Payloads rank by the summed
    quality of all that read them.
    """
    distinct = _distinct(marks)
    found = {(mark.key_id, mark.payload) for mark in distinct if mark.verdict is Verdict.FOUND}
    ratings: dict[object, float] = defaultdict(float)
    for mark in distinct:
        weight = 2 if mark.kind is BlockKind.ALL else 1
        ratings[mark.key_id, mark.payload] += weight * mark.quality

    def rank(mark: Mark) -> tuple[object, ...]:
        known = (mark.key_id, mark.payload)
        kind = _KIND_ORDER.index(mark.kind)
        return (known not in found, -ratings[known], kind, mark.start_seconds)

    return [
        replace(mark, verdict=Verdict.FOUND) if (mark.key_id, mark.payload) in found else mark
        for mark in sorted(distinct, key=rank)
    ]


def _distinct(marks: Sequence[Mark]) -> list[Mark]:
    """Marks of overlapping parts of the sound once each."""
    kept: list[Mark] = []
    for mark in marks:
        if not any(_same(mark, other) for other in kept):
            kept.append(mark)
    return kept


def _same(one: Mark, other: Mark) -> bool:
    return (one.key_id, one.payload, one.kind) == (other.key_id, other.payload, other.kind) and abs(
        one.start_seconds - other.start_seconds
    ) < SEARCH_FRAME / SEARCH_RATE
