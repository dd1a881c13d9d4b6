"""What was read from a stretch of sound."""

from dataclasses import dataclass

from watermark.arrays import U8Array
from watermark.marks import BlockKind


@dataclass(frozen=True)
class Reading:
    """A message that was decoded from a stretch of sound. Times in samples of the time axis."""

    message: U8Array
    start: int
    end: int
    quality: float
    error: float
    margin: float
    kind: BlockKind
