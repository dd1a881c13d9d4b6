"""What audiowmark prints of a mark, as a :class:`watermark.Mark`.

It tells whole seconds of a start and no end, and of a message only the decode error. For coded bits
of normal distribution that have a correlation of ``r`` with the code word, the mean squared distance
of the soft bits is ``(pi / 2 + 1) / 4 - r sqrt(pi / 8)``; from that, the margin is estimated. An excerpt's
error counts what was not heard, so there the estimate is far too low: only a check tells.
"""

from collections.abc import Iterator, Sequence
from math import pi, sqrt
from typing import Any, Final

from watermark.errors import BadPayloadError, EngineFailedError
from watermark.keys import Key
from watermark.marks import BlockKind, Mark
from watermark.payload_check import verified
from watermark.payloads import Payload, PayloadMode
from watermark.spectrum import FRAME_SECONDS
from watermark.verdicts import FAINT_QUALITY, verdict

SLACK: Final = 0.05
"""Taken off an estimated margin."""
_CLIP_SPARE_FRAMES: Final = 5
_SPEED_SUFFIX: Final = "-SPEED"


def marks_from(
    matches: Sequence[dict[str, Any]], keys: Sequence[Key], mode: PayloadMode, seconds: float
) -> Iterator[Mark]:
    """Marks of the matches in audiowmark's JSON.

    Parameters
    ----------
    matches : sequence of dict
        With keys named by their numbers.
    seconds : float
        Length of the sound.

    Raises
    ------
    EngineFailedError
        If a match is not as 0.6 prints it.
    """
    try:
        for match in matches:
            key = keys[int(match["key"])]
            payload, quality = Payload(match["bits"]), float(match["quality"])
            if not int(payload.digits, 16) and quality < FAINT_QUALITY:
                continue
            kind = BlockKind(match["type"].removesuffix(_SPEED_SUFFIX))
            margin = estimated_margin(float(match["error"]), kind, mode)
            checked = verified(payload, key)
            start, end = _span(kind, match["pos"], float(match["speed"]), mode, seconds)
            yield Mark(
                payload=payload,
                start_seconds=start,
                end_seconds=end,
                quality=quality,
                error=float(match["error"]),
                kind=kind,
                key_id=key.name,
                verdict=verdict(quality, margin, kind=kind, verified=checked),
                margin=margin,
                verified=checked,
                speed=float(match["speed"]),
            )
    except (BadPayloadError, ValueError, KeyError, IndexError, TypeError) as error:
        raise EngineFailedError(
            f"audiowmark told of a match otherwise than 0.6: {error}"
        ) from error


def estimated_margin(error: float, kind: BlockKind, mode: PayloadMode) -> float:
    """Margin of a message with this decode error, estimated low."""
    blocks = 1 if kind in {BlockKind.A, BlockKind.B} else 2
    agreement = ((pi / 2 + 1) / 4 - error) / sqrt(pi / 8)
    chance = sqrt(1 - 2 ** (-2 * mode.message_bits / (blocks * mode.coded_bits)))
    return agreement - chance - SLACK


def _span(
    kind: BlockKind, position: str, speed: float, mode: PayloadMode, seconds: float
) -> tuple[float, float]:
    """Start and end in seconds: a pair is told by its second block, all blocks by 0."""
    minutes, rest = position.split(":")
    told = (60 * int(minutes) + int(rest)) / speed
    block = mode.block_frames * FRAME_SECONDS / speed
    clip = block + _CLIP_SPARE_FRAMES * FRAME_SECONDS / speed
    match kind:
        case BlockKind.ALL:
            start, end = 0.0, seconds
        case BlockKind.AB:
            start, end = told - block, told + block
        case BlockKind.CLIP_A | BlockKind.CLIP_B:
            start, end = told, told + clip
        case _:
            start, end = told, told + block
    return max(0.0, start), min(seconds, end)
