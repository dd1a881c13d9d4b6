"""Marks as they are read."""

from dataclasses import dataclass
from enum import StrEnum

from watermark.payloads import Payload


class BlockKind(StrEnum):
    """What a mark was read from, in audiowmark's words."""

    A = "A"
    B = "B"
    AB = "AB"
    ALL = "ALL"
    CLIP_A = "CLIP-A"
    CLIP_B = "CLIP-B"

    @property
    def is_clip(self) -> bool:
        return self in {BlockKind.CLIP_A, BlockKind.CLIP_B}


class Verdict(StrEnum):
    """Whether a mark is there, or something that needs a check of its payload to be believed."""

    FOUND = "found"
    CANDIDATE = "candidate"


@dataclass(frozen=True)
class Mark:
    """A payload that was read.

    Attributes
    ----------
    payload : Payload
    start_seconds, end_seconds : float
        What it was read from, within the sound.
    quality : float
        How clearly the sync bits were read: about 1.3 unharmed at the default strength.
    error : float
        How far the coded bits were from a code word: 0 is perfect, chance about 0.38.
    kind : BlockKind
    key_id : str
        Name of the key.
    verdict : Verdict
    margin : float
        How much better the bits agree with the payload than noise does with its nearest code word.
    verified : bool
        Whether the payload carries the keyed check of :mod:`watermark.payload_check`.
    false_alarm : float
        Probability that sound without this mark gives one as good in this search; see
        :mod:`watermark.false_alarms`.
    speed : float
        Ratio by which the copy is played faster than it was marked.
    tempo_ratio, pitch_ratio : float
        By how much it was stretched to another tempo, or shifted in pitch, apart from its speed.
    """

    payload: Payload
    start_seconds: float
    end_seconds: float
    quality: float
    error: float
    kind: BlockKind
    key_id: str
    verdict: Verdict
    margin: float = 0.0
    verified: bool = False
    false_alarm: float = 1.0
    speed: float = 1.0
    tempo_ratio: float = 1.0
    pitch_ratio: float = 1.0
