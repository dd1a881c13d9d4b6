"""Seconds of a recording taken out or silenced, with fades short enough not to be missed."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final, Literal

import numpy as np
from numpy.typing import NDArray

F32Array = NDArray[np.float32]
FADE_SECONDS: Final = 0.01


@dataclass(frozen=True)
class Part:
    """Seconds of a track, and what is done to them."""

    kind: Literal["cut", "mute"]
    start: float
    end: float


def mended(samples: F32Array, sample_rate: int, parts: Sequence[Part]) -> F32Array:
    """Return a recording without what is cut, and silent where it is muted.

    Each border is faded over 10 ms on the side that stays, so that it does not click; nothing of what goes
    is heard.

    Parameters
    ----------
    samples : float32 array, shape (channels, n)
    sample_rate : int
        Hz.
    parts : sequence of Part
        May overlap; a cut wins over a mute.

    Returns
    -------
    float32 array, shape (channels, m), m <= n.
    """
    count = samples.shape[1]
    gain = np.ones(count, np.float32)
    kept = np.ones(count, bool)
    fade = max(1, round(FADE_SECONDS * sample_rate))
    ramp = np.linspace(0, 1, fade, endpoint=False, dtype=np.float32)
    for part in parts:
        start, end = (min(count, round(at * sample_rate)) for at in (part.start, part.end))
        gain[start:end] = 0
        before, after = min(fade, start), min(fade, count - end)
        if before:
            gain[start - before : start] *= ramp[::-1][fade - before :]
        gain[end : end + after] *= ramp[:after]
        if part.kind == "cut":
            kept[start:end] = False
    return np.ascontiguousarray((samples * gain)[:, kept], dtype=np.float32)
