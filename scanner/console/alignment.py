"""A track above, a reference below, on one time axis, with a ribbon between what matches: as numbers.

The axis is the track's own time. The reference is shifted so that the chosen segment begins at the same
place in both: a ribbon that leans is another tempo.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

import numpy as np

import fingerprint
from scanner.sentences import altered, clock

WIDTH, LANE, GAP, MARGIN = 1000, 120, 90, 24
"""Of the drawing, in its own units: a lane's height, the room between the two."""
CONTEXT_SECONDS: Final = 8.0
COLUMNS: Final = 500
TICKS: Final = 8
_STEPS: Final = (1, 2, 5, 10, 15, 30, 60, 120, 300, 600)


@dataclass(frozen=True)
class Lane:
    """A waveform as an SVG path, and the ticks below it."""

    path: str | None
    ticks: tuple[tuple[float, str], ...]


@dataclass(frozen=True)
class Ribbon:
    """A matched segment: the corners of its band, and the places of its ends in both lanes."""

    number: int
    points: str
    query: tuple[float, float]
    reference: tuple[float, float]
    label: str
    segment: Mapping[str, Any]


@dataclass(frozen=True)
class Alignment:
    """What the drawing shows.

    Attributes
    ----------
    start, end : float
        Seconds of the track at its left and right edge; ``shift`` seconds later in the reference.
    marks : tuple of (float, float)
        Left edges and widths of where a watermark was read in the track.
    """

    start: float
    end: float
    shift: float
    track: Lane
    reference: Lane
    ribbons: tuple[Ribbon, ...]
    marks: tuple[tuple[float, float], ...] = ()
    height: int = 2 * (LANE + MARGIN) + GAP


def align(
    segments: Sequence[Mapping[str, Any]],
    track: fingerprint.Fingerprint | None,
    reference: fingerprint.Fingerprint | None,
    *,
    whole: bool = False,
    marks: Sequence[tuple[float, float]] = (),
) -> Alignment:
    """Lay out a match.

    Parameters
    ----------
    segments : sequence of mapping
        At least one, as the API shows them, in order of the track.
    track, reference : Fingerprint, optional
        None where nothing was kept: the lane is empty then.
    whole : bool
        Show both sides from end to end, not the surroundings of the longest segment.
    marks : sequence of (float, float)
        Seconds of the track in which a watermark was read.

    Raises
    ------
    ValueError
        If there is no segment.
    """
    if not segments:
        raise ValueError("a match without segments can't be drawn")
    longest = max(segments, key=lambda each: each["query_end"] - each["query_start"])
    shift = longest["reference_start"] - longest["query_start"]
    ends = [longest["query_end"], longest["reference_end"] - shift]
    start, end = longest["query_start"] - CONTEXT_SECONDS, max(ends) + CONTEXT_SECONDS
    if whole:
        start = min(0.0, -shift)
        ends += [track.duration] if track else []
        ends += [reference.duration - shift] if reference else []
        end = max(ends)

    def place(seconds: float) -> float:
        return float(round(WIDTH * (seconds - start) / (end - start), 2))

    def clipped(seconds: float) -> float:
        return min(max(place(seconds), 0.0), float(WIDTH))

    strips = [(clipped(a), clipped(b) - clipped(a)) for a, b in marks]
    ribbons = [_ribbon(number, segment, shift, place) for number, segment in enumerate(segments, 1)]
    return Alignment(
        start=start,
        end=end,
        shift=shift,
        track=_lane(track, start, end),
        reference=_lane(reference, start + shift, end + shift),
        ribbons=tuple(each for each in ribbons if min(each.query) < WIDTH and max(each.query) > 0),
        marks=tuple(each for each in strips if each[1] > 0),
    )


def strip(
    print_: fingerprint.Fingerprint | None, duration: float, width: int = WIDTH, height: int = 40
) -> str | None:
    """Return a whole waveform as an SVG path of this width and height; None where none was kept."""
    envelope = None if print_ is None else _envelope(print_, 0.0, print_.duration, COLUMNS)
    if envelope is None:
        return None
    reach = max(1e-4, float(np.abs([envelope.low, envelope.high]).max()))
    x = width * np.linspace(envelope.start, envelope.end, len(envelope.high)) / duration
    return _outline(
        x, height / 2 * (1 - envelope.high / reach), height / 2 * (1 - envelope.low / reach)
    )


def peaks(print_: fingerprint.Fingerprint, columns: int = 800) -> list[float] | None:
    """Return a waveform's peaks for a player, -1 to 1; None where none was kept."""
    envelope = _envelope(print_, 0.0, print_.duration, columns)
    if envelope is None:
        return None
    reach = np.maximum(np.abs(envelope.low), np.abs(envelope.high))
    loudest = float(reach.max()) or 1.0
    return [round(float(each), 3) for each in reach / loudest]


def _ribbon(number: int, segment: Mapping[str, Any], shift: float, place: Any) -> Ribbon:
    query = (place(segment["query_start"]), place(segment["query_end"]))
    there = (place(segment["reference_start"] - shift), place(segment["reference_end"] - shift))
    top, bottom = LANE + MARGIN, LANE + MARGIN + GAP
    corners = ((query[0], top), (query[1], top), (there[1], bottom), (there[0], bottom))
    changed = altered(segment).removeprefix(", ")
    return Ribbon(
        number=number,
        points=" ".join(f"{x:g},{y:g}" for x, y in corners),
        query=query,
        reference=there,
        label=changed,
        segment=segment,
    )


def _lane(print_: fingerprint.Fingerprint | None, start: float, end: float) -> Lane:
    return Lane(
        path=None if print_ is None else _path(print_, start, end),
        ticks=_ticks(start, end, 0.0 if print_ is None else print_.duration),
    )


def _path(print_: fingerprint.Fingerprint, start: float, end: float) -> str | None:
    """Draw an envelope as one closed line around the middle of a lane."""
    envelope = _envelope(print_, start, end, COLUMNS)
    if envelope is None:
        return None
    reach = max(1e-4, float(np.abs([envelope.low, envelope.high]).max()))
    seconds = np.linspace(envelope.start, envelope.end, len(envelope.high))
    x = WIDTH * (seconds - start) / (end - start)
    high = LANE / 2 * (1 - envelope.high / reach)
    low = LANE / 2 * (1 - envelope.low / reach)
    return _outline(x, high, low)


def _outline(x: Any, high: Any, low: Any) -> str:
    """Return the path of a closed line: along the upper edge and back along the lower one."""
    there = [f"{a:.1f},{b:.1f}" for a, b in zip(x, high, strict=True)]
    back = [f"{a:.1f},{b:.1f}" for a, b in zip(x[::-1], low[::-1], strict=True)]
    return f"M{' L'.join(there + back)} Z"


def _envelope(
    print_: fingerprint.Fingerprint, start: float, end: float, columns: int
) -> fingerprint.Envelope | None:
    if not print_.waveform:
        return None
    try:
        return fingerprint.kept_envelope(
            print_.waveform, max(0.0, start), min(print_.duration, end), columns
        )
    except fingerprint.UnusableAudioError:
        return None


def _ticks(start: float, end: float, duration: float) -> tuple[tuple[float, str], ...]:
    step = next((each for each in _STEPS if (end - start) / each <= TICKS), _STEPS[-1])
    first = max(0, int(np.ceil(start / step)) * step)
    moments = np.arange(first, min(end, duration) + 1e-6, step)
    return tuple((round(WIDTH * (m - start) / (end - start), 2), clock(m)) for m in moments)
