r"""Rates: whether a rule fires more often than it used to, beyond chance.

A rule fired `k` times in `n` decisions of this hour and `K` times in `N` decisions before. If the rate
were the same, each of the `k + K` firings would have fallen into this hour with probability
`n / (n + N)`, so given their sum `k` is binomial. That is the exact conditional test of two Poisson rates
(Przyborowski and Wilenski, Biometrika 31, 1940): it needs no model of the rate, and a short past, however
quiet, is weak evidence by itself.
"""

import math
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Usual:
    """What counts as a jump.

    Attributes
    ----------
    chance : float
        Greatest probability of so many firings at the usual rate. A busy rule is asked after every
        firing, so this is small.
    factor : float
        Least ratio of the rate to the usual one: with many tracks a rise of a tenth is beyond chance too.
    minimum : int
        Firings in the hour below which there is no alarm.
    """

    chance: float = 1e-6
    factor: float = 3.0
    minimum: int = 20


def binomial_tail(k: int, n: int, p: float) -> float:
    """Probability of `k` or more successes in `n` tries of probability `p`."""
    if k <= 0:
        return 1.0
    if k > n or p <= 0:
        return 0.0
    if p >= 1:
        return 1.0
    odds = p / (1 - p)
    log_term = (
        math.lgamma(n + 1)
        - math.lgamma(k + 1)
        - math.lgamma(n - k + 1)
        + k * math.log(p)
        + (n - k) * math.log1p(-p)
    )
    if k <= n * p:  # the shorter way round: below the mean the terms grow
        return max(0.0, 1 - _sum_down(math.exp(log_term), k, n, odds))
    total, ratio = 1.0, 1.0
    for i in range(k, n):
        ratio *= (n - i) / (i + 1) * odds
        total += ratio
        if ratio < total * 1e-16:
            break
    return min(1.0, math.exp(log_term) * total)


def _sum_down(term: float, k: int, n: int, odds: float) -> float:
    """Probability of fewer than `k`, from the probability of exactly `k`."""
    total = 0.0
    for i in range(k, 0, -1):
        term *= i / ((n - i + 1) * odds)
        total += term
        if term < total * 1e-16:
            break
    return total


def chance_of(fired: int, decided: int, fired_before: int, decided_before: int) -> float:
    """Probability of `fired` firings or more in `decided` tracks, at the rate of before."""
    if decided_before <= 0 or decided <= 0:
        return 1.0
    return binomial_tail(fired, fired + fired_before, decided / (decided + decided_before))


def has_jumped(
    fired: int, decided: int, fired_before: int, decided_before: int, usual: Usual
) -> bool:
    """Tell whether a rule fires beyond chance, and much more often than it used to.

    Parameters
    ----------
    fired, decided : int
        Decisions of this hour in which the rule fired, and all of them.
    fired_before, decided_before : int
        The same of the days before, over packs that had the rule.
    """
    if fired < usual.minimum or fired * decided_before < usual.factor * fired_before * decided:
        return False
    return chance_of(fired, decided, fired_before, decided_before) <= usual.chance
