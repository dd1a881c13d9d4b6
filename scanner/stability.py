"""How far two distributions are from one another: the population stability index (PSI) over a baseline's quantiles.

With shares ``p`` of the baseline and ``q`` of what is compared, PSI is the sum of ``(q − p) · ln(q / p)`` over all
bins: Kullback-Leibler divergence both ways (Jeffreys). By custom less than 0.1 is no change, more than 0.25 a large
one. Without any change its mean is near ``(bins − 1) · (1/n + 1/m)``, so that few values always look changed.
"""

import math
from bisect import bisect_left
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from statistics import quantiles
from typing import Final

FLOOR: Final = 1e-4
"""Smallest share of a bin, on either side: one that is empty on one side would make the index infinite."""
MOST_BINS: Final = 10
TWICE: Final = 2.0
NO_CHANCE: Final = 15.137
"""Quantile of the chi-squared distribution of one degree of freedom that is passed once in ten thousand times."""
LEAST_SHARE: Final = 0.04
"""Of all tracks, that a bin of the baseline holds at least: a bin of less is empty on a day by chance."""


@dataclass(frozen=True)
class Bins:
    """Where values fall: one bin for tracks in which nothing was found, the others by value.

    Parameters
    ----------
    edges : tuple of float
        Ascending; each is the last value of its bin, and one more bin is above them.
    """

    edges: tuple[float, ...]

    @classmethod
    def of(cls, values: Sequence[float | None]) -> "Bins":
        """Return bins by the quantiles of a baseline's values.

        A value so frequent that it is several quantiles has a bin of its own, so that going below it is seen.
        """
        found = sorted(value for value in values if value is not None)
        wanted = min(MOST_BINS, int(len(found) / (LEAST_SHARE * max(1, len(values)))))
        if wanted < 2 or len(found) < 2:
            return cls(())
        edges: set[float] = set()
        for edge, times in Counter(quantiles(found, n=wanted, method="inclusive")).items():
            edges.add(edge)
            if times > 1 or found[0] == found[-1]:
                edges.add(math.nextafter(edge, -math.inf))
        return cls(tuple(sorted(edges)))

    def counts(self, values: Sequence[float | None]) -> list[int]:
        """Return how many values are in each bin; the first counts tracks in which nothing was found."""
        counted = [0] * (len(self.edges) + 2)
        for value in values:
            counted[0 if value is None else 1 + bisect_left(self.edges, value)] += 1
        return counted


def psi(baseline: Sequence[int], counts: Sequence[int]) -> float:
    """Return the population stability index of two samples in the same bins.

    Raises
    ------
    ValueError
        If the bins are not as many, or a sample is empty.

    Examples
    --------
    >>> psi([50, 50], [50, 50])
    0.0
    >>> round(psi([50, 50], [80, 20]), 4)  # 0.3 · ln(0.8 / 0.5) + 0.3 · ln(0.5 / 0.2)
    0.4159
    """
    if len(baseline) != len(counts):
        raise ValueError(f"{len(baseline)} bins and {len(counts)}")
    if not sum(baseline) or not sum(counts):
        raise ValueError("a sample without values has no distribution")
    shares = zip(_shares(baseline), _shares(counts), strict=True)
    return sum((q - p) * math.log(q / p) for p, q in shares)


def share_changed(baseline: Sequence[int], counts: Sequence[int]) -> bool:
    """Tell whether half or twice as many tracks have a find as before, and that is no chance.

    The index hardly moves with what is rare: where 3 % of a baseline's tracks had a find, it is 0.19 of a day in which
    none has. By the likelihood ratio of two shares (Wilks 1938).

    Examples
    --------
    >>> share_changed([970, 30], [1000, 0]), share_changed([970, 30], [97, 3])
    (True, False)
    """
    before, now = sum(baseline[1:]), sum(counts[1:])
    p, q = before / sum(baseline), now / sum(counts)
    if p < TWICE * q and q < TWICE * p:
        return False
    both = [(baseline[0], before), (counts[0], now)]
    every = sum(baseline) + sum(counts)
    sides = ((baseline[0] + counts[0]) / every, (before + now) / every)
    ratio = 2 * sum(
        each * math.log(each / (sum(sample) * side))
        for sample in both
        for each, side in zip(sample, sides, strict=True)
        if each
    )
    return ratio > NO_CHANCE


def _shares(counts: Sequence[int]) -> list[float]:
    total = sum(counts)
    return [max(FLOOR, each / total) for each in counts]
