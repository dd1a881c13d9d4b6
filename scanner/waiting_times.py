"""How long things wait, those counted that still do: whoever counts only what is over finds a stuck queue quick.

Kaplan and Meier's estimator (1958): each moment at which a wait ended lowers the share that still waits, by how many of those
who were waiting until then it ended for. A wait that is not over, or that was given up, counts until then.
"""

import math
import warnings
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np

_NEAR: Final = 1e-9


@dataclass(frozen=True, order=True)
class Wait:
    """So many seconds, at whose end came what was waited for, or not yet."""

    seconds: float
    over: bool = True


@dataclass(frozen=True)
class Step:
    """From ``seconds`` on the share ``left`` still waits, with 95 % confidence from ``low`` to ``high`` of all."""

    seconds: float
    left: float
    low: float
    high: float


def still_waiting(waits: Iterable[Wait]) -> list[Step]:
    """Return which share still waits after how long, by the moments at which waits ended.

    The interval is that of the logarithm's logarithm (Kalbfleisch & Prentice 1980, 1.4), with Greenwood's variance.
    """
    from scipy import stats

    ended, others = ([w.seconds for w in group] for group in _apart(waits))
    if not ended:
        return []
    share = stats.ecdf(stats.CensoredData(uncensored=ended, right=others)).sf
    with np.errstate(divide="ignore", invalid="ignore"), warnings.catch_warnings():
        warnings.simplefilter("ignore")  # where nothing is left there is no interval: see below
        interval = share.confidence_interval(method="log-log")
    lows, highs = interval.low.probabilities, interval.high.probabilities
    steps: list[Step] = []
    for number in np.flatnonzero(np.diff(share.probabilities, prepend=1.0)):
        low, high = float(lows[number]), float(highs[number])
        if math.isnan(low) or math.isnan(
            high
        ):  # that the last wait ended says nothing of how sure that is
            low, high = 0.0, steps[-1].high if steps else 1.0
        left = float(share.probabilities[number])
        steps.append(Step(float(share.quantiles[number]), left, low, high))
    return steps


def _apart(waits: Iterable[Wait]) -> tuple[list[Wait], list[Wait]]:
    """Those that are over, and the others."""
    ordered = sorted(waits)
    return [w for w in ordered if w.over], [w for w in ordered if not w.over]


def quantile(steps: Sequence[Step], share: float) -> float | None:
    """Return after how long a share of all has what it waited for; None if that is not seen yet."""
    return next((step.seconds for step in steps if step.left <= 1 - share + _NEAR), None)


def median(steps: Sequence[Step]) -> float | None:
    """Return after how long half of all have what they waited for; None if that is not seen yet.

    Where exactly half have for a while, its middle is taken, as of the median of an even number.
    """
    at = quantile(steps, 0.5)
    half = next((step for step in steps if step.seconds == at), None)
    later = next((step for step in steps if at is not None and step.seconds > at), None)
    if half is None or later is None or half.left < 0.5 - _NEAR:
        return at
    return (half.seconds + later.seconds) / 2


def median_interval(steps: Sequence[Step]) -> tuple[float, float] | None:
    """Return the 95 % interval of the median (Brookmeyer & Crowley 1982); None if its end is not seen yet."""
    low = next((step.seconds for step in steps if step.low <= 0.5), None)
    high = next((step.seconds for step in steps if step.high <= 0.5), None)
    return None if low is None or high is None else (low, high)
