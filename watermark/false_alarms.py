"""How probable it is that sound without a mark gives one as good.

The margins of messages that were read where nothing was marked fall off faster than exponentially: a
margin above ``m`` has a probability of at most ``exp((TAIL_START - m) / TAIL_SCALE)``. The constants are
from ``python -m benchmarks.watermark_false_alarms --fit``; decision 13 says how. They are of music like
that corpus, and of whole blocks: of other sound, and of excerpts, only the check is a proof.
"""

from collections.abc import Sequence
from math import exp
from typing import Final

from watermark.marks import Mark
from watermark.payload_check import CHECK_BITS

TAIL_START: Final = -0.0135
TAIL_SCALE: Final = 0.006


def false_alarm(alike: Sequence[Mark], *, tried: int) -> float:
    """Probability that a search of music without a mark gives one as good as the best of these.

    At most, for music like the corpus that the tail is of; of other sound, such as a few beeps in
    digital silence, only the check is a proof.

    Parameters
    ----------
    alike : sequence of Mark
        Marks of the same payload and key.
    tried : int
        Payloads that the search read, under all its keys.
    """
    passes = 2.0**-CHECK_BITS if alike[0].verified else 1.0
    best = max(mark.margin for mark in alike)
    return min(1.0, tried * passes * margin_tail(best))


def margin_tail(margin: float) -> float:
    """What a message read where nothing was marked has more than this margin with, at most."""
    return min(1.0, exp((TAIL_START - margin) / TAIL_SCALE))
