"""Disputes of claims: their grounds, what a creator attests to, and whose the money is meanwhile."""

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from types import MappingProxyType
from typing import Any, Final, Literal

GROUNDS: Final[Mapping[str, str]] = MappingProxyType(
    {
        "licence": "I have a licence, or the holder's permission",
        "original_work": "All of it is my own work",
        "public_domain": "It is in the public domain",
        "quotation": "I quote it",
        "criticism": "I criticise or review it",
        "parody": "I make a parody or caricature of it",
        "pastiche": "It is a pastiche",
        "misidentified": "It is another recording or work",
        "only_this_segment": "Only a part of what is claimed is theirs",
        "minor_use": "The part is too small to matter",
    }
)
"""What a creator may say against a claim (DSM-17-7, DSM-17-9)."""
ATTESTATIONS: Final[Mapping[str, str]] = MappingProxyType(
    {
        "dispute-1": (
            "I believe in good faith that this claim is wrong, for the reasons that I give, and I know "
            "that the holder reads them."
        ),
    }
)
"""Texts that a creator agrees to, by version; a text that was published never changes."""
SHORTEST_TEXT: Final = 20
LONGEST_TEXT: Final = 5000
AT_ONCE: Final = timedelta(days=5)
"""Who disputes so soon after the claim has the money held from the claim's day."""

Span = tuple[float, float]
Answer = Literal["release", "uphold", "escalate"]
REMEDIES: Final = ("cut", "mute", "replace", "territory")
"""What a holder may ask for instead of the whole claim; the creator does the first three."""


def wrong_with(
    grounds: Sequence[str],
    text: str,
    attestation: Mapping[str, Any],
    segments: Sequence[Span],
    claimed: Sequence[Span],
) -> list[dict[str, str]]:
    """Return what is wrong with a dispute, as ``field`` and ``detail``; empty if nothing is.

    Parameters
    ----------
    attestation : mapping
        ``name``, typed, and ``text_version``, one of :data:`ATTESTATIONS`.
    segments, claimed : sequence of (start, end)
        Seconds of the track that are disputed, and that are claimed.
    """
    errors = []
    unknown = sorted(set(grounds) - set(GROUNDS))
    if not grounds or unknown:
        errors.append(("grounds", f"name at least one of: {', '.join(GROUNDS)}"))
    if not SHORTEST_TEXT <= len(text.strip()) <= LONGEST_TEXT:
        told = f"say why in {SHORTEST_TEXT} to {LONGEST_TEXT} characters: the holder decides by it"
        errors.append(("text", told))
    if not str(attestation.get("name") or "").strip():
        errors.append(("attestation.name", "sign with your full name, typed"))
    if attestation.get("text_version") not in ATTESTATIONS:
        told = f"agree to the text that is shown: {', '.join(ATTESTATIONS)}"
        errors.append(("attestation.text_version", told))
    if "only_this_segment" in grounds and not segments:
        errors.append(("segments", "name the seconds that are not theirs"))
    if any(not covered(part, claimed) for part in segments):
        errors.append(("segments", "name seconds that are claimed, with a start before the end"))
    return [{"field": field, "detail": detail} for field, detail in errors]


def covered(part: Span, spans: Sequence[Span]) -> bool:
    """Whether a part lies within one of some spans, give or take a tenth of a second."""
    start, end = part
    return start < end and any(a - 0.1 <= start and end <= b + 0.1 for a, b in spans)


def less(spans: Sequence[Span], parts: Sequence[Span], shortest: float = 0.5) -> list[Span]:
    """Return what is left of spans without some parts; nothing shorter than ``shortest`` seconds."""
    left = list(spans)
    for start, end in parts:
        left = [
            piece
            for a, b in left
            for piece in ([(a, b)] if end <= a or start >= b else [(a, start), (end, b)])
            if piece[1] - piece[0] >= shortest
        ]
    return sorted(left)


def held_from(claimed_at: datetime, disputed_at: datetime) -> datetime:
    """Return from when money is held: from the claim's day, if the dispute came at once."""
    return claimed_at if disputed_at - claimed_at <= AT_ONCE else disputed_at
