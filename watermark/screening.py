"""Which of many keys are worth a search: those whose sync bits stand out somewhere.

Keys share the spectra; each costs about 25 ms for three minutes, and a search 0.2 s and more.
"""

from collections.abc import Sequence
from typing import Final

import numpy as np

from watermark.arrays import F32Array
from watermark.excerpt import SEARCH_RATE
from watermark.keys import Key
from watermark.payloads import PayloadMode
from watermark.samples import mixed
from watermark.slants import Sheet, slant_template
from watermark.tables import BANDS
from watermark.warps import NO_WARP

CLEAR_SCORE: Final = 4.7
"""Deviations: by chance, one window of unmarked sound in a hundred exceeds it."""
_WINDOW_SECONDS: Final = 25
_FEW_BANDS: Final = 41
_LONG_SECONDS: Final = 20


def standing_out(samples: F32Array, keys: Sequence[Key], mode: PayloadMode) -> list[Key]:
    """Keys of which there may be a mark in the sound as it is, in their order.

    Parameters
    ----------
    samples : float32 array, shape (channels, n)
        At 11,025 Hz.
    """
    sound = mixed(samples)
    bands = _FEW_BANDS if sound.size > _LONG_SECONDS * SEARCH_RATE else BANDS
    left, chosen = list(keys), []
    count = max(1, round(sound.size / (_WINDOW_SECONDS * SEARCH_RATE)))
    for window in np.array_split(sound, count):
        sheet = Sheet.of(window, NO_WARP, bands)
        clear = [
            key for key in left if slant_template(key, mode).line(sheet, [0.0]).score > CLEAR_SCORE
        ]
        chosen += clear
        left = [key for key in left if key not in clear]
    return [key for key in keys if key in chosen]
