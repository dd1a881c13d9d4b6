"""What audiowmark prints of a mark, as a :class:`watermark.Mark`.

It tells whole seconds of a start and no end, and of a message only the decode error. For coded bits
of normal distribution that have a correlation of ``r`` with the code word, the mean squared distance
of the soft bits is ``(pi / 2 + 1) / 4 - r sqrt(pi / 8)``; from that, the margin is estimated. An excerpt's
error counts what was not heard, so there the estimate is far too low: only a check tells.
"""

import re
from collections.abc import Iterator, Sequence
from math import isfinite, pi, sqrt
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
_SLOWEST: Final = 0.5
_FASTEST: Final = 2.0
"""Far beyond the speeds that audiowmark searches, 0.8 to 1.25."""


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
            key = keys[_key_number(match["key"], len(keys))]
            payload = _payload(match["bits"], mode)
            quality, error = _number(match["quality"]), _number(match["error"])
            if not int(payload.digits, 16) and quality < FAINT_QUALITY:
                continue
            kind, speed = _kind(match["type"]), _number(match["speed"])
            margin = estimated_margin(error, kind, mode)
            checked = verified(payload, key)
            start, end = _span(kind, _position(match["pos"]), speed, mode, seconds)
            yield Mark(
                payload=payload,
                start_seconds=start,
                end_seconds=end,
                quality=quality,
                error=error,
                kind=kind,
                key_id=key.name,
                verdict=verdict(quality, margin, kind=kind, verified=checked),
                margin=margin,
                verified=checked,
                speed=speed,
            )
    except (BadPayloadError, ValueError, KeyError, TypeError, OverflowError) as error:
        raise EngineFailedError(
            f"audiowmark told of a match otherwise than 0.6: {error}"
        ) from error


def estimated_margin(error: float, kind: BlockKind, mode: PayloadMode) -> float:
    """Margin of a message with this decode error, estimated low."""
    blocks = 1 if kind in {BlockKind.A, BlockKind.B} else 2
    agreement = ((pi / 2 + 1) / 4 - error) / sqrt(pi / 8)
    chance = sqrt(1 - 2 ** (-2 * mode.message_bits / (blocks * mode.coded_bits)))
    return agreement - chance - SLACK


def _key_number(told: str, count: int) -> int:
    if not re.fullmatch(r"[0-9]{1,9}", told) or int(told) >= count:
        raise ValueError("a key that it was not given")
    return int(told)


def _payload(told: str, mode: PayloadMode) -> Payload:
    payload = Payload(told)
    if payload.mode is not mode:
        raise ValueError(f"a payload of {payload.mode.payload_bits} bits")
    return payload


def _number(told: float) -> float:
    if isinstance(told, bool) or not isfinite(told):
        raise ValueError(f"{told} where a number stands")
    return float(told)


def _kind(told: str) -> BlockKind:
    if not isinstance(told, str):
        raise TypeError("a type that is no text")
    return BlockKind(told.removesuffix(_SPEED_SUFFIX))


def _position(told: str) -> int:
    """Seconds of a position in minutes and seconds."""
    if (found := re.fullmatch(r"([0-9]{1,9}):([0-9]{2})", told)) is None:
        raise ValueError("a position that is not of minutes and seconds")
    return 60 * int(found[1]) + int(found[2])


def _span(
    kind: BlockKind, position: int, speed: float, mode: PayloadMode, seconds: float
) -> tuple[float, float]:
    """Start and end in seconds: a pair is told by its second block, all blocks by 0.

    Raises
    ------
    ValueError
        If the speed is none that is searched, or the position behind the end.
    """
    if not _SLOWEST <= speed <= _FASTEST:
        raise ValueError(f"a speed of {speed:g}")
    if position * min(1.0, 1 / speed) > seconds + 1:
        raise ValueError("a position behind the end")
    told = position / speed
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
    end = min(seconds, end)
    return min(max(0.0, start), end), end
