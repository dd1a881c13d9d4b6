"""Which keys are worth a search: those whose sync bits stand out somewhere.

Keys share the spectra; each costs about 50 ms for three minutes, and a search 0.3 s and more. Levels are
whitened, so a mark stands out by twice as much as it does by its sync quality: one of quality 0.25 in
a block, which nobody reads, still does. Levels of channels are added as in the search, so a mark that few
channels carry is not passed over.
"""

from collections.abc import Sequence
from typing import Final

import numpy as np

from watermark.arrays import F32Array
from watermark.excerpt import SEARCH_FRAME
from watermark.keys import Key
from watermark.payloads import PayloadMode
from watermark.slants import Sheet, slant_template
from watermark.warps import NO_WARP

CLEAR_SCORE: Final = 4.7
"""Deviations: by chance, one window of unmarked sound in a hundred exceeds it."""
_WINDOW_BLOCKS: Final = 0.95


def standing_out(samples: F32Array, keys: Sequence[Key], mode: PayloadMode) -> list[Key]:
    """Keys of which there may be a mark in the sound as it is, in their order.

    Parameters
    ----------
    samples : float32 array, shape (channels, n)
        At 11,025 Hz, none of them silent; looked at in windows of less than a block, each by itself.
    """
    left, chosen = list(keys), set()
    longest = _WINDOW_BLOCKS * mode.block_frames * SEARCH_FRAME
    count = max(1, int(np.ceil(samples.shape[1] / longest)))
    for window in np.array_split(samples, count, axis=1):
        sheet = Sheet.of(window, NO_WARP)
        chosen |= {key for key in left if _score(sheet, key, mode) > CLEAR_SCORE}
        left = [key for key in left if key not in chosen]
    return [key for key in keys if key in chosen]


def _score(sheet: Sheet, key: Key, mode: PayloadMode) -> float:
    return slant_template(key, mode).line(sheet, [0.0]).score
