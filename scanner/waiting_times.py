"""How long things wait, those counted that still do: whoever counts only what is over finds a stuck queue quick.

Kaplan and Meier's estimator (1958): each moment at which a wait ended lowers the share that still waits, by how many of those
who were waiting until then it ended for. A wait that is not over, or that was given up, counts until then.
"""

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import groupby
from typing import Final

from scanner.error_rates import NORMAL_95

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
    ordered = sorted(waits)
    waiting, left, variance = len(ordered), 1.0, 0.0
    steps: list[Step] = []
    for seconds, here in groupby(ordered, key=lambda wait: wait.seconds):
        group = list(here)
        if ended := sum(wait.over for wait in group):
            left *= 1 - ended / waiting
            if ended < waiting:
                variance += ended / (waiting * (waiting - ended))
            before = steps[-1].high if steps else 1.0
            steps.append(Step(seconds, left, *_interval(left, variance, before)))
        waiting -= len(group)
    return steps


def _interval(left: float, variance: float, before: float) -> tuple[float, float]:
    if left == 0:  # that the last one's wait ended says nothing of how sure that is
        return 0.0, before
    power = math.exp(NORMAL_95 * math.sqrt(variance) / -math.log(left))
    return left**power, left ** (1 / power)


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
