"""The engine of this package: audiowmark's format in NumPy and SciPy, in this process."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Final

import numpy as np

from watermark.arrays import F32Array
from watermark.blocks import BlockSearch, Reading
from watermark.clips import LONGEST_BLOCKS, Clip, clips_of
from watermark.coarse_search import Spectrogram
from watermark.embedding import embedded
from watermark.excerpt import SEARCH_FRAME, SEARCH_RATE, Excerpt
from watermark.keys import Key
from watermark.layout import actions
from watermark.limiter import Limiter, limited
from watermark.marks import Mark
from watermark.payloads import Payload, PayloadMode
from watermark.resampling import resampled
from watermark.samples import checked, sounding
from watermark.strength import checked_strength
from watermark.sync import SyncTemplate, key_template
from watermark.tables import KeyTables, key_tables
from watermark.verdicts import convinces, judged, mark_from

PART_SECONDS: Final = 30 * 60
"""Longer sound is searched in parts of this length, which overlap by a pair of blocks and more."""
_OVERLAP_BLOCKS: Final = 2.6
_LEAST_CANDIDATES: Final = 8


@dataclass(frozen=True)
class BuiltinWatermarker:
    """A :class:`watermark.Watermarker` that needs nothing installed.

    Parameters
    ----------
    modes : tuple of PayloadMode
        What detection looks for: marks of one mode can't be read in another, and each costs a
        search. Embedding takes the mode from the payload.
    limiter : Limiter
        :func:`watermark.limiter.limited_by_seconds` gives audiowmark's samples to the bit.
    """

    modes: tuple[PayloadMode, ...] = (PayloadMode.BITS_128,)
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
        """See :meth:`watermark.Watermarker.detect`."""
        channels = sounding(checked(samples, sample_rate))
        if not len(channels):
            return []
        sound = np.stack([resampled(each, sample_rate, SEARCH_RATE) for each in channels])
        marks = [
            mark
            for mode in self.modes
            for part in _parts(sound, mode)
            for key in keys
            for mark in part.marks(key)
        ]
        return judged(marks)


@dataclass(frozen=True)
class _Part:
    """A part of the sound at 11,025 Hz, whose spectra all keys share."""

    samples: F32Array
    offset: int
    mode: PayloadMode

    def marks(self, key: Key) -> Iterator[Mark]:
        """Marks of a key, from clips only where whole blocks didn't convince."""
        tables = key_tables(key, self.mode)
        template = key_template(key, self.mode)
        readings = self._block_readings(tables, template)
        if not any(convinces(each) for each in readings):
            readings += [each for clip in self._clips for each in clip.readings(tables, template)]
        for reading in readings:
            if (mark := mark_from(reading, self.mode, key, self.offset)) is not None:
                yield mark

    def _block_readings(self, tables: KeyTables, template: SyncTemplate) -> list[Reading]:
        """Readings of clear blocks, or if none convinces of the best of the others too."""
        search = BlockSearch(self._excerpt, self._spectrogram, tables, template)
        clear = search.readings(least=0)
        if any(convinces(each) for each in clear):
            return clear
        return search.readings(least=_LEAST_CANDIDATES)

    @cached_property
    def _excerpt(self) -> Excerpt:
        return Excerpt.of(self.samples)

    @cached_property
    def _spectrogram(self) -> Spectrogram:
        return Spectrogram.of(self._excerpt)

    @cached_property
    def _clips(self) -> list[Clip]:
        size = self.mode.block_frames * SEARCH_FRAME
        if self.offset or self.samples.shape[1] >= LONGEST_BLOCKS * size:
            return []
        return clips_of(self.samples, self.mode)


def _parts(sound: F32Array, mode: PayloadMode) -> Iterator[_Part]:
    size = PART_SECONDS * SEARCH_RATE
    overlap = int(_OVERLAP_BLOCKS * mode.block_frames * SEARCH_FRAME)
    count = max(1, -(-(sound.shape[1] - overlap) // (size - overlap)))
    for number in range(count):
        offset = number * (size - overlap)
        yield _Part(sound[:, offset : offset + size], offset, mode)
