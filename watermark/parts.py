"""Parts of a sound and the reading of keys in them, as they are and as they may have been altered."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Final

from watermark.arrays import F32Array
from watermark.blocks import BlockSearch
from watermark.clips import LONGEST_BLOCKS, Clip, clips_of
from watermark.coarse_search import Spectrogram
from watermark.effort import Budget, DetectionParams
from watermark.excerpt import SEARCH_FRAME, SEARCH_RATE, Excerpt
from watermark.keys import Key
from watermark.marks import Mark, Verdict
from watermark.payloads import PayloadMode
from watermark.readings import Reading
from watermark.screening import standing_out
from watermark.slants import slant_template
from watermark.sync import SyncTemplate, key_template
from watermark.tables import KeyTables, key_tables
from watermark.verdicts import convinces, mark_from
from watermark.warp_search import alterations
from watermark.warps import NO_WARP, Warp

PART_SECONDS: Final = 30 * 60
"""Longer sound is searched in parts of this length, which overlap by a pair of blocks and more."""
_OVERLAP_BLOCKS: Final = 2.6
_LEAST_CANDIDATES: Final = 8
_FAR_BELOW: Final = 0.5
"""Of the quality of a mark that was read: another mark in the same clip is clearer than this."""
_LEAST_BESIDE_SECONDS: Final = 15
"""Of sound beside whole blocks that were read: less is not searched."""
_MOST_READ: Final = 2
"""Alterations of a part under one key that are read."""


@dataclass(frozen=True)
class Part:
    """A part of the sound at 11,025 Hz, whose spectra all keys share.

    Attributes
    ----------
    samples : float32 array, shape (channels, n)
    offset : int
        Sample of the sound at which it begins.
    mode : PayloadMode
    warp : Warp
        How the sound was altered since it was marked.
    """

    samples: F32Array
    offset: int
    mode: PayloadMode
    warp: Warp = NO_WARP

    def marks(self, key: Key) -> Iterator[Mark]:
        """Marks of a key, from clips only where no whole block convinced: in all of the sound, or in what lies beside those that did."""
        tables = key_tables(key, self.mode)
        template = key_template(key, self.mode)
        readings = self._block_readings(tables, template)
        found = [each for each in readings if convinces(each)]
        for clip in self._clips_beside(found) if found else self._clips:
            readings += _convincing(clip.readings(tables, template))
        for reading in readings:
            if (mark := mark_from(self._in_time(reading), self.mode, key, self.offset)) is not None:
                yield replace(
                    mark,
                    speed=self.warp.speed,
                    tempo_ratio=self.warp.tempo_ratio,
                    pitch_ratio=self.warp.pitch_ratio,
                )

    def altered_marks(self, keys: Sequence[Key], params: DetectionParams) -> Iterator[Mark]:
        """Marks of keys in what the part may be an altered copy of."""
        if not keys:
            return
        templates = [slant_template(key, self.mode) for key in keys]
        found = alterations(self.samples, templates, speed=params.speed, stretch=params.stretch)
        for key, altered in zip(keys, found, strict=True):
            for each in altered[:_MOST_READ]:
                marks = list(replace(self, warp=each.warp).marks(key))
                yield from marks
                if any(mark.verdict is Verdict.FOUND for mark in marks):
                    break

    def _block_readings(self, tables: KeyTables, template: SyncTemplate) -> list[Reading]:
        """Readings of clear blocks, or if none convinces of the best of the others too."""
        search = BlockSearch(self._excerpt, self._spectrogram, tables, template)
        clear = search.readings(least=0)
        if any(convinces(each) for each in clear):
            return clear
        return search.readings(least=_LEAST_CANDIDATES)

    def _in_time(self, reading: Reading) -> Reading:
        """A reading with its times in the copy."""
        stretch = self.warp.time
        return replace(
            reading, start=round(reading.start * stretch), end=round(reading.end * stretch)
        )

    @cached_property
    def _excerpt(self) -> Excerpt:
        return Excerpt.of(self.samples, warp=self.warp)

    @cached_property
    def _spectrogram(self) -> Spectrogram:
        return Spectrogram.of(self._excerpt)

    @cached_property
    def _clips(self) -> list[Clip]:
        size = self.mode.block_frames * SEARCH_FRAME
        if self.offset or self._excerpt.length >= LONGEST_BLOCKS * size:
            return []
        return clips_of(self.samples, self.mode, self.warp)

    def _clips_beside(self, found: Sequence[Reading]) -> Iterator[Clip]:
        """Clips of stretches that no reading covers: of a mash-up each piece may be shorter than a block."""
        at = 0
        for start, end in [
            *sorted((each.start, each.end) for each in found),
            (self._excerpt.length, 0),
        ]:
            if start - at >= _LEAST_BESIDE_SECONDS * SEARCH_RATE:
                first, last = (round(each * self.warp.time) for each in (at, start))
                for clip in clips_of(self.samples[:, first:last], self.mode, self.warp):
                    yield replace(clip, start=clip.start + at, end=clip.end + at)
            at = max(at, end)


def _convincing(places: Iterable[list[Reading]]) -> list[Reading]:
    """Readings of places, the clearest first, up to those far below one that convinces."""
    readings: list[Reading] = []
    best = 0.0
    for read in places:
        if any(each.quality < _FAR_BELOW * best for each in read):
            break
        readings += read
        best = max([best, *(each.quality for each in read if convinces(each))])
    return readings


def parts_of(sound: F32Array, modes: Sequence[PayloadMode]) -> Iterator[list[Part]]:
    """Parts of a sound at 11,025 Hz, each once for every mode."""
    size = PART_SECONDS * SEARCH_RATE
    advance = size - overlap_of(modes)
    count = max(1, -(-(sound.shape[1] - size) // advance) + 1)
    for offset in range(0, count * advance, advance):
        yield [Part(sound[:, offset : offset + size], offset, mode) for mode in modes]


def overlap_of(modes: Sequence[PayloadMode]) -> int:
    """Samples that neighbouring parts share: a pair of blocks wherever it begins, and more."""
    return int(_OVERLAP_BLOCKS * max(mode.block_frames for mode in modes) * SEARCH_FRAME)


def marks_in(
    parts: Sequence[Part], keys: Sequence[Key], params: DetectionParams, budget: Budget
) -> list[Mark]:
    """Marks of keys in one part of a sound, of altered copies only where nothing else is found.

    Keys of which nothing stands out at a glance are not searched, and give no candidates.

    Parameters
    ----------
    parts : sequence of Part
        The same stretch of sound, once for every mode.
    budget : Budget
        Of the search for altered copies.
    """
    marks = [
        mark
        for part in parts
        for key in standing_out(part.samples, keys, part.mode)
        for mark in part.marks(key)
    ]
    if any(mark.verdict is Verdict.FOUND for mark in marks):
        return marks
    altered = [mark for part in parts for mark in part.altered_marks(budget.spent_on(keys), params)]
    return altered + marks  # of the same mark read in both ways, the first is kept
