"""From readings to marks: what is believed, and what comes first."""

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import replace
from typing import Final

from watermark.excerpt import SEARCH_FRAME, SEARCH_RATE
from watermark.false_alarms import false_alarm
from watermark.keys import Key
from watermark.marks import BlockKind, Mark, Verdict
from watermark.payload_check import verified
from watermark.payloads import Payload, PayloadMode, payload_of
from watermark.readings import Reading

FOUND_QUALITY: Final = 0.35
FOUND_MARGIN: Final = 0.05
"""Of 1,679 wrong messages from music and excerpts of it, the largest margin was 0.014."""
FAINT_QUALITY: Final = 0.3
"""A message of zeros that is read less clearly than this is what silence decodes to."""
_KIND_ORDER: Final = tuple(BlockKind)


def convinces(reading: Reading) -> bool:
    """Whether a reading is believed for itself, whatever its payload."""
    return agrees(reading.quality, reading.margin)


def agrees(quality: float, margin: float) -> bool:
    """Whether a message agrees with the sound better than noise does."""
    return quality > FOUND_QUALITY and margin > FOUND_MARGIN


def verdict(quality: float, margin: float, *, kind: BlockKind, verified: bool) -> Verdict:
    """What is said of a message by itself: without its check, an excerpt has too few bits to tell."""
    found = verified or (agrees(quality, margin) and not kind.is_clip)
    return Verdict.FOUND if found else Verdict.CANDIDATE


def mark_from(reading: Reading, mode: PayloadMode, key: Key, offset: int) -> Mark | None:
    """Mark of a reading, None if its message is none.

    Parameters
    ----------
    offset : int
        Sample of the sound at which the reading's time axis begins.
    """
    payload = payload_of(reading.message, mode)
    if payload is None or (not reading.message.any() and reading.quality < FAINT_QUALITY):
        return None
    checked = verified(payload, key)
    return Mark(
        payload=payload,
        start_seconds=(offset + reading.start) / SEARCH_RATE,
        end_seconds=(offset + reading.end) / SEARCH_RATE,
        quality=reading.quality,
        error=reading.error,
        kind=reading.kind,
        key_id=key.name,
        verdict=verdict(reading.quality, reading.margin, kind=reading.kind, verified=checked),
        margin=reading.margin,
        verified=checked,
    )


def judged(marks: Sequence[Mark]) -> list[Mark]:
    """Marks of one search with their verdicts, without repetitions, the most convincing first.

    What reads the same as a found mark of its key is found as well. Payloads rank by the summed
    quality of all that read them.
    """
    distinct = _distinct(marks)
    groups: dict[tuple[str, Payload], list[Mark]] = defaultdict(list)
    for mark in distinct:
        groups[mark.key_id, mark.payload].append(mark)
    known = {
        payload: (_is_found(alike), _rating(alike), false_alarm(alike, tried=len(groups)))
        for payload, alike in groups.items()
    }

    def told(mark: Mark) -> Mark:
        found, _, probability = known[mark.key_id, mark.payload]
        said = Verdict.FOUND if found else Verdict.CANDIDATE
        return replace(mark, verdict=said, false_alarm=probability)

    def rank(mark: Mark) -> tuple[object, ...]:
        found, rating, _ = known[mark.key_id, mark.payload]
        return (not found, -rating, _KIND_ORDER.index(mark.kind), mark.start_seconds)

    return [told(mark) for mark in sorted(distinct, key=rank)]


def _is_found(alike: Sequence[Mark]) -> bool:
    return any(mark.verdict is Verdict.FOUND for mark in alike)


def _rating(alike: Sequence[Mark]) -> float:
    return sum((2 if mark.kind is BlockKind.ALL else 1) * mark.quality for mark in alike)


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
