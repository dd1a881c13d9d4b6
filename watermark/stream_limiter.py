"""The limiter of marked sound for sound that comes bit by bit."""

import numpy as np

from watermark.arrays import F32Array
from watermark.limiter import LOOK_AHEAD_SECONDS, limited


class StreamLimiter:
    """As :func:`watermark.limiter.limited`, for blocks: sound comes out 10 ms later, the same but for rounding.

    Parameters
    ----------
    sample_rate : int
        Hz.
    channels : int
    """

    def __init__(self, sample_rate: int, channels: int) -> None:
        self._rate = sample_rate
        self._reach = 2 * max(1, round(LOOK_AHEAD_SECONDS * sample_rate))
        """Samples before and after one that its gain depends on."""
        self._held = np.zeros((channels, 0), np.float32)
        self._known = 0
        """Held samples that were returned, kept as what came before."""

    def feed(self, samples: F32Array) -> F32Array:
        """Take in the next samples, shape (channels, n); return limited ones, as many as are known."""
        self._held = np.concatenate([self._held, samples], axis=1)
        return self._out(max(self._known, self._held.shape[1] - self._reach))

    def finish(self) -> F32Array:
        """Return what is left, shape (channels, m)."""
        return self._out(self._held.shape[1])

    def _out(self, stop: int) -> F32Array:
        found = limited(self._held.copy(), self._rate)[:, self._known : stop]
        drop = max(0, stop - self._reach)
        self._held, self._known = self._held[:, drop:], stop - drop
        return found
