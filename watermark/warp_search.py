"""Which warp a copy has: a search over speeds, tempos and pitches on half a minute of it.

A change of speed moves frames and bands alike, a stretch only the frames, a shift of pitch only the
bands: three lines in the plane of both. Each is searched at centres so close that a mark's bands
are still heard between two of them, with all slants of time that lie between. What stands out is looked
at again with all bands, until its warp is known to a few thousandths of a percent.
"""

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from enum import Enum
from typing import Final, NamedTuple

import numpy as np

from watermark.arrays import F32Array
from watermark.excerpt import SEARCH_FRAME, SEARCH_RATE
from watermark.samples import mixed
from watermark.slants import Line, Sheet, SlantTemplate, vertex
from watermark.tables import BANDS
from watermark.warps import Warp

WINDOW_SECONDS: Final = 30
"""How much of the sound is searched."""
LEAST_SECONDS: Final = 8
"""In less sound there are too few sync frames to tell a warp from chance."""
CLEAR_SCORE: Final = 6.5
"""Deviations from which on a warp is worth reading: chance reaches 5.5 in the search of one sound."""
SLOWEST: Final = 0.8
FASTEST: Final = 1.25
FARTHEST_STRETCH: Final = 0.055
_MOST_CANDIDATES: Final = 6
_MISSED_FRAMES: Final = 0.3
"""Frames by which the ends of the window may miss a line's slant."""
_NEAR: Final = 0.002
_CLOSER_SLANTS: Final = tuple(0.0003 * number for number in range(-3, 4))
_CLOSEST_SLANTS: Final = tuple(0.0001 * number for number in range(-10, 11))
_FINE_ROWS: Final = 8
_CLOSER_PITCH: Final = 0.004


class Alteration(Enum):
    """What was done to a copy by some ratio."""

    SPEED = "speed"
    TEMPO = "tempo"
    PITCH = "pitch"

    def warp(self, ratio: float) -> Warp:
        """Warp of a copy that was altered by a ratio."""
        match self:
            case Alteration.SPEED:
                return Warp.of_speed(ratio)
            case Alteration.TEMPO:
                return Warp.of_tempo(ratio)
            case Alteration.PITCH:
                return Warp.of_pitch(ratio)


@dataclass(frozen=True)
class Altered:
    """How a copy may have been altered.

    Attributes
    ----------
    alteration : Alteration
    ratio : float
    score : float
        Deviations by which the sync bits stand out.
    """

    alteration: Alteration
    ratio: float
    score: float = 0.0

    @property
    def warp(self) -> Warp:
        return self.alteration.warp(self.ratio)


class _Grid(NamedTuple):
    """How closely and with how many bands a window is searched."""

    step: float
    bands: int


_LONG: Final = _Grid(0.010, 41)
"""Of half a minute, half of the bands tell enough."""
_SHORT: Final = _Grid(0.007, BANDS)
_SHORT_SECONDS: Final = 24


def alterations(
    samples: F32Array,
    templates: Sequence[SlantTemplate],
    *,
    speed: bool = True,
    stretch: bool = True,
) -> list[list[Altered]]:
    """Search for how a copy was altered, under several keys that share its spectra.

    Parameters
    ----------
    samples : float32 array, shape (channels, n)
        At 11,025 Hz. The loudest half minute is looked at.
    templates : sequence of SlantTemplate
        One for each key.
    speed, stretch : bool
        Whether to search speeds of 0.8 to 1.25, and tempos and pitches of ±5 %.

    Returns
    -------
    list of list of Altered
        For each key those that stand out clearly, the best first.
    """
    if samples.shape[1] < LEAST_SECONDS * SEARCH_RATE:
        return [[] for _ in templates]
    window = _loudest(mixed(samples))
    grid = _LONG if window.size >= _SHORT_SECONDS * SEARCH_RATE else _SHORT
    centres = [*_speeds(grid)] * speed + [*_stretches(grid)] * stretch
    coarse: list[list[Altered]] = [[] for _ in templates]
    for centre in centres:
        sheet = Sheet.of(window, centre.warp, grid.bands)
        slants = _slants(window, grid.step / 2 if centre.alteration is not Alteration.PITCH else 0)
        for found, template in zip(coarse, templates, strict=True):
            found.append(_moved(centre, template.line(sheet, slants)))
    return [_clear(window, *each) for each in zip(templates, coarse, strict=True)]


def _speeds(grid: _Grid) -> Iterator[Altered]:
    for ratio in _ratios(math.log(SLOWEST), math.log(FASTEST), grid.step):
        yield Altered(Alteration.SPEED, ratio)


def _stretches(grid: _Grid) -> Iterator[Altered]:
    for alteration in (Alteration.TEMPO, Alteration.PITCH):
        for ratio in _ratios(-FARTHEST_STRETCH, FARTHEST_STRETCH, grid.step):
            yield Altered(alteration, ratio)


def _ratios(lowest: float, highest: float, step: float) -> list[float]:
    """Ratios at even distances of their logarithms, one of them 1."""
    first, last = round(lowest / step), round(highest / step)
    return [math.exp(step * number) for number in range(first, last + 1)]


def _slants(window: F32Array, farthest: float) -> list[float]:
    """Slants up to the farthest, so close that no end of the window is missed by a third of a frame."""
    close = 2 * _MISSED_FRAMES * SEARCH_FRAME / (window.size / 2)
    count = math.ceil(farthest / close)
    return [close * number for number in range(-count, count + 1)]


def _moved(centre: Altered, line: Line) -> Altered:
    """What a slant says of the ratio: nothing where only the pitch was shifted."""
    slower = 1.0 if centre.alteration is Alteration.PITCH else 1 + line.slant
    return Altered(centre.alteration, centre.ratio / slower, line.score)


def _clear(window: F32Array, template: SlantTemplate, coarse: Sequence[Altered]) -> list[Altered]:
    """Look at the best again; the clear ones, best first, one of each place in the plane."""
    best = sorted(coarse, key=_score, reverse=True)[:_MOST_CANDIDATES]
    refined = [_refined(window, template, each) for each in best]
    clear: list[Altered] = []
    for each in sorted(refined, key=_score, reverse=True):
        if each.score >= CLEAR_SCORE and not any(_near(each.warp, one.warp) for one in clear):
            clear.append(each)
    return [_polished(window, template, each) for each in clear]


def _refined(window: F32Array, template: SlantTemplate, found: Altered) -> Altered:
    """Look with all bands, at closer slants or pitches."""
    if found.alteration is Alteration.PITCH:
        return _at_best_pitch(window, template, found)
    return _moved(found, template.line(Sheet.of(window, found.warp), _CLOSER_SLANTS))


def _polished(window: F32Array, template: SlantTemplate, found: Altered) -> Altered:
    """Look at rows so close that the ratio comes out as well as half a minute tells it."""
    if found.alteration is Alteration.PITCH:
        return _at_best_pitch(window, template, found)
    sheet = Sheet.of(window, found.warp, fineness=_FINE_ROWS)
    return replace(_moved(found, template.line(sheet, _CLOSEST_SLANTS)), score=found.score)


def _at_best_pitch(window: F32Array, template: SlantTemplate, found: Altered) -> Altered:
    ratios = [found.ratio * (1 + _CLOSER_PITCH * side) for side in (-1, 0, 1)]
    sheets = (Sheet.of(window, Warp.of_pitch(ratio)) for ratio in ratios)
    scores = [template.line(sheet, [0.0]).score for sheet in sheets]
    return replace(found, ratio=vertex(scores, ratios), score=max(scores))


def _score(found: Altered) -> float:
    return found.score


def _near(one: Warp, other: Warp) -> bool:
    return max(abs(one.time / other.time - 1), abs(one.bands / other.bands - 1)) < _NEAR


def _loudest(samples: F32Array) -> F32Array:
    """Half a minute that is loud throughout, float32 of shape (n,)."""
    whole_seconds = samples[: samples.size // SEARCH_RATE * SEARCH_RATE].reshape(-1, SEARCH_RATE)
    if len(whole_seconds) <= WINDOW_SECONDS:
        return samples
    levels = np.sqrt(np.abs(whole_seconds).mean(axis=1))
    sums = np.convolve(levels, np.ones(WINDOW_SECONDS), mode="valid")
    first = int(sums.argmax()) * SEARCH_RATE
    return samples[first : first + WINDOW_SECONDS * SEARCH_RATE]
