"""The engine of this package: audiowmark's format in NumPy and SciPy, in this process."""

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np

from watermark.arrays import F32Array
from watermark.effort import Budget, DetectionParams
from watermark.embedding import embedded
from watermark.excerpt import SEARCH_RATE
from watermark.keys import Key
from watermark.layout import actions
from watermark.limiter import Limiter, limited
from watermark.marks import Mark
from watermark.parts import marks_in, parts_of
from watermark.payloads import Payload, PayloadMode
from watermark.resampling import resampled
from watermark.samples import checked, sounding
from watermark.strength import checked_strength
from watermark.tables import key_tables
from watermark.verdicts import judged


@dataclass(frozen=True)
class BuiltinWatermarker:
    """A :class:`watermark.Watermarker` that needs nothing installed.

    Parameters
    ----------
    modes : tuple of PayloadMode
        What detection looks for: marks of one mode can't be read in another, and each costs a
        search. Embedding takes the mode from the payload.
    params : DetectionParams
        How far detection goes for altered copies.
    limiter : Limiter
        :func:`watermark.limiter.limited_by_seconds` gives audiowmark's samples to the bit.
    """

    modes: tuple[PayloadMode, ...] = (PayloadMode.BITS_128,)
    params: DetectionParams = field(default_factory=DetectionParams)
    limiter: Limiter = limited

    def embed(
        self,
        samples: F32Array,
        sample_rate: int,
        payload: Payload,
        key: Key,
        strength: float | None = None,
    ) -> F32Array:
        """See :meth:`watermark.Watermarker.embed`."""
        table = actions(payload, key_tables(key, payload.mode))
        given = None if strength is None else checked_strength(strength)
        return embedded(checked(samples, sample_rate), sample_rate, table, given, self.limiter)

    def detect(self, samples: F32Array, sample_rate: int, keys: Sequence[Key]) -> list[Mark]:
        """See :meth:`watermark.Watermarker.detect`.

        Only keys whose sync bits stand out at a glance are searched, and the others give no candidates.
        In short sound twenty keys so cost little more than one.
        """
        channels = sounding(checked(samples, sample_rate))
        if not len(channels):
            return []
        sound = np.stack([resampled(each, sample_rate, SEARCH_RATE) for each in channels])
        budget = Budget(self.params)
        parts = parts_of(sound, self.modes)
        return judged(
            [mark for each in parts for mark in marks_in(each, keys, self.params, budget)]
        )
