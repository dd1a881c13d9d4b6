"""Clip search: marks in sound too short for a whole block, and at the ends of longer sound.

The excerpt is laid on a silent time axis wide enough for a pair of blocks to start anywhere around
it; what is not heard counts neither for nor against.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import cached_property
from typing import Final

from watermark.arrays import F32Array
from watermark.candidates import Candidate, candidates
from watermark.coarse_search import Spectrogram, block_sums
from watermark.convolutional import Code
from watermark.excerpt import SEARCH_FRAME, Excerpt
from watermark.extraction import clear_raw_bits, decoded, interleaved, raw_bits
from watermark.layers import layers
from watermark.marks import BlockKind
from watermark.payloads import PayloadMode
from watermark.readings import Reading
from watermark.sync import SyncTemplate, pair_template
from watermark.tables import KeyTables
from watermark.verdicts import convinces
from watermark.warps import NO_WARP, Warp

LONGEST_BLOCKS: Final = 3.1
"""Sound of fewer blocks is searched for clips as well."""
RawBits = Callable[[Excerpt, int, KeyTables], F32Array]
_SPARE_FRAMES: Final = 5
_MOST_CANDIDATES: Final = 8


@dataclass(frozen=True)
class Clip:
    """An excerpt on its silent time axis, and where it lies in the sound, in samples of its axis."""

    excerpt: Excerpt
    start: int
    end: int

    @cached_property
    def _spectrogram(self) -> Spectrogram:
        return Spectrogram.of(self.excerpt)

    def readings(self, tables: KeyTables, template: SyncTemplate) -> Iterator[list[Reading]]:
        """Read a key's pairs of blocks around the excerpt, the clearest first.

        Each is read with its bits weighed and, where that doesn't convince, as audiowmark reads it.

        Parameters
        ----------
        template : SyncTemplate
            Of one block.
        """
        coarse = block_sums(self._spectrogram, template, skip_silence=True).of_pairs()
        places = candidates(
            self.excerpt,
            pair_template(template),
            coarse,
            least=_MOST_CANDIDATES,
            most=_MOST_CANDIDATES,
            skip_silence=True,
        )
        for place in sorted(places, key=lambda each: -each.quality):
            read: list[Reading] = []
            for bits in (clear_raw_bits, raw_bits):
                if not any(convinces(each) for each in read):
                    read += self._read(place, self._raw_pair(place, tables, bits))
            yield read

    def _read(self, place: Candidate, raw: F32Array) -> Iterator[Reading]:
        if (made := decoded(raw, Code.AB)) is None:
            return
        reading = Reading(
            message=made.message,
            start=self.start,
            end=self.end,
            quality=place.quality,
            error=made.error,
            margin=made.margin,
            kind=BlockKind.CLIP_A if place.is_a else BlockKind.CLIP_B,
        )
        yield from layers(reading, raw, Code.AB)

    def _raw_pair(self, place: Candidate, tables: KeyTables, bits: RawBits) -> F32Array:
        size = tables.mode.block_frames * SEARCH_FRAME
        first, second = (
            bits(self.excerpt, start, tables) for start in (place.start, place.start + size)
        )
        return interleaved(first, second) if place.is_a else interleaved(second, first)


def clips_of(samples: F32Array, mode: PayloadMode, warp: Warp = NO_WARP) -> list[Clip]:
    """Beginning and, of longer sound, end, each on its silent time axis.

    Parameters
    ----------
    samples : float32 array, shape (channels, n)
        At 11,025 Hz.
    """
    size = (mode.block_frames + _SPARE_FRAMES) * SEARCH_FRAME
    count = int(samples.shape[1] / warp.time)
    spans = [(0, min(size, count))] + [(count - size, count)] * (count > size)
    return [
        Clip(
            _on_silence(samples[:, int(start * warp.time) : round(end * warp.time)], size, warp),
            start,
            end,
        )
        for start, end in spans
    ]


def _on_silence(samples: F32Array, size: int, warp: Warp) -> Excerpt:
    count = int(samples.shape[1] / warp.time)
    lead = max(size, 2 * size - count)
    return Excerpt.of(samples, lead, lead + count + size, warp)
