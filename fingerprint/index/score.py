"""How sure a stretch makes us: a probability from its errors and its length."""

import math
from typing import Final

_BIAS: Final = -6.0
_LENGTH: Final = 2.0
_CONTRAST: Final = 14.0


def probability(error: float, null_error: float, distinct: int) -> float:
    """Probability that a stretch is a real match.

    Parameters
    ----------
    error : float
        Share of differing bits on the alignment.
    null_error : float
        The same against other places of the reference.
    distinct : int
        Different words in the stretch.
    """
    z = _BIAS + _LENGTH * math.log(max(1, distinct)) + _CONTRAST * (null_error - error - 0.2)
    return 1 / (1 + math.exp(-max(-30.0, min(30.0, z))))
