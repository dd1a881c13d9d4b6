"""Candidate blocks: which coarse starts are worth a closer look, and where exactly they are."""

from dataclasses import dataclass
from typing import Final

import numpy as np

from watermark.arrays import BoolArray, F32Array, I64Array
from watermark.coarse_search import STEP, CoarseScores
from watermark.excerpt import SEARCH_FRAME, Excerpt
from watermark.sync import SyncTemplate

SYNC_THRESHOLD: Final = 0.35
COARSE_THRESHOLD: Final = 0.75 * SYNC_THRESHOLD
FAINTEST: Final = 0.15
"""Quality at a coarse start below which nothing has been read right: not worth a closer look."""
_SHADOW_STEPS: Final = 23
_SHADOW_RATIO: Final = 3.0
_REFINEMENTS: Final = (
    (-32, -16, 16, 32),
    (-12, -8, -4, 4, 8, 12),
    (-2, 2),
)
"""Samples to either side of the best start so far that each level of refinement tries."""


@dataclass(frozen=True)
class Candidate:
    """A place at which a block may start.

    Attributes
    ----------
    start : int
        Sample of the time axis.
    score : float
        Sync score less the local mean: above 0 for an A block, below 0 for a B block.
    """

    start: int
    score: float

    @property
    def quality(self) -> float:
        return abs(self.score)

    @property
    def is_a(self) -> bool:
        return self.score > 0


def candidates(
    excerpt: Excerpt,
    template: SyncTemplate,
    coarse: CoarseScores,
    *,
    least: int,
    most: int | None = None,
    skip_silence: bool = False,
) -> list[Candidate]:
    """Refined candidates in the order of time.

    Parameters
    ----------
    least : int
        How many of the best are kept even if they are below the threshold, but not what is
        fainter than :data:`FAINTEST`.
    most : int, optional
        How many are refined at most.
    """
    tops = peaks(coarse)
    tops = tops[coarse.qualities[tops] > FAINTEST]
    kept = _above(coarse.qualities, tops, COARSE_THRESHOLD, least)[:most]
    refined = [
        _refined(excerpt, template, int(start), coarse, skip_silence=skip_silence) for start in kept
    ]
    qualities = np.array([each.quality for each in refined], np.float32)
    best = _above(qualities, np.arange(len(refined)), SYNC_THRESHOLD, least)
    return sorted((refined[place] for place in best), key=lambda each: each.start)


def peaks(coarse: CoarseScores) -> I64Array:
    """Local maxima of quality, without the shadows that a much better one of other sign casts."""
    qualities = coarse.qualities
    padded = np.pad(qualities, 1, constant_values=-1)
    tops = np.flatnonzero((qualities > padded[:-2]) & (qualities >= padded[2:]))
    if not tops.size:
        return tops
    signed = np.zeros(qualities.size + 2 * _SHADOW_STEPS, np.float32)
    signed[tops + _SHADOW_STEPS] = (coarse.scores - coarse.local_means)[tops]
    nearby = np.lib.stride_tricks.sliding_window_view(signed, 2 * _SHADOW_STEPS + 1)[tops]
    own = nearby[:, _SHADOW_STEPS]
    opposed = (-np.sign(own)[:, None] * nearby).max(axis=1, initial=0)
    in_light: BoolArray = opposed <= _SHADOW_RATIO * np.abs(own)
    return tops[in_light]


def _above(qualities: F32Array, places: I64Array, threshold: float, least: int) -> I64Array:
    """Places of a quality above the threshold, best first, and of the best if there are few."""
    ranked = places[np.argsort(-qualities[places], kind="stable")]
    enough = max(least, int((qualities[ranked] > threshold).sum()))
    return ranked[:enough]


def _refined(
    excerpt: Excerpt,
    template: SyncTemplate,
    place: int,
    coarse: CoarseScores,
    *,
    skip_silence: bool,
) -> Candidate:
    """Move a coarse start to where it scores best, in three levels of finer steps."""
    mean = float(coarse.local_means[place])
    best = Candidate(place * STEP, float(coarse.scores[place]) - mean)
    last = excerpt.length - template.length * SEARCH_FRAME
    for distances in _REFINEMENTS:
        starts = best.start + np.array(distances)
        starts = starts[(starts >= 0) & (starts <= last)]
        scored = template.score(excerpt, starts, skip_silence=skip_silence) - mean
        nearby = [Candidate(int(s), float(v)) for s, v in zip(starts, scored, strict=True)]
        best = max([best, *nearby], key=lambda each: each.quality)
    return best
