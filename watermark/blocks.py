"""Block search: marks in sound that holds at least one whole block."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np

from watermark.arrays import F32Array, U8Array
from watermark.candidates import Candidate, candidates
from watermark.coarse_search import Spectrogram, block_sums
from watermark.convolutional import Code
from watermark.excerpt import SEARCH_FRAME, Excerpt
from watermark.extraction import decoded, interleaved, raw_bits
from watermark.marks import BlockKind
from watermark.sync import SyncTemplate
from watermark.tables import KeyTables

TOLERANCE: Final = SEARCH_FRAME // 2
"""Samples by which neighbouring blocks may miss each other's place."""


@dataclass(frozen=True)
class Reading:
    """A message that was decoded from a stretch of sound. Times in samples of the time axis."""

    message: U8Array
    start: int
    end: int
    quality: float
    error: float
    margin: float
    kind: BlockKind


@dataclass(frozen=True)
class Block:
    """A candidate with its raw bits, float32 of shape (coded_bits,)."""

    place: Candidate
    raw: F32Array

    @property
    def code(self) -> Code:
        return Code.A if self.place.is_a else Code.B


class BlockSearch:
    """One key's search for whole blocks.

    Parameters
    ----------
    excerpt : Excerpt
    spectrogram : Spectrogram
        Of the excerpt.
    tables : KeyTables
    template : SyncTemplate
        Of one block.
    """

    def __init__(
        self,
        excerpt: Excerpt,
        spectrogram: Spectrogram,
        tables: KeyTables,
        template: SyncTemplate,
    ) -> None:
        self._excerpt, self._tables, self._template = excerpt, tables, template
        self._coarse = block_sums(spectrogram, template, skip_silence=False).of_blocks()

    def readings(self, *, least: int) -> list[Reading]:
        """Read blocks, pairs of blocks and all blocks together.

        Parameters
        ----------
        least : int
            How many candidates are read even if they are below the threshold.
        """
        places = candidates(self._excerpt, self._template, self._coarse, least=least)
        found = [
            Block(place, raw_bits(self._excerpt, place.start, self._tables)) for place in places
        ]
        size = self._tables.mode.block_frames * SEARCH_FRAME
        return [*_single(found, size), *_paired(found, size), *_all_together(found, size)]


def _single(found: Sequence[Block], size: int) -> Iterator[Reading]:
    for each in found:
        kind = BlockKind.A if each.place.is_a else BlockKind.B
        yield from _reading([each], each.raw, each.code, kind, size)


def _paired(found: Sequence[Block], size: int) -> Iterator[Reading]:
    """B blocks with the A block that lies one block before."""
    for b in found:
        before = [a for a in found if a.place.is_a and a.place.start < b.place.start]
        if b.place.is_a or not before:
            continue
        a = min(before, key=lambda each: abs(b.place.start - each.place.start - size))
        if abs(b.place.start - a.place.start - size) < TOLERANCE:
            raw = interleaved(a.raw, b.raw)
            yield from _reading([a, b], raw, Code.AB, BlockKind.AB, size)


def _all_together(found: Sequence[Block], size: int) -> Iterator[Reading]:
    """The chain of blocks in time with each other that was read most clearly."""
    chains = [_chain(found, first, size) for first in range(len(found))]
    best = max(chains, key=lambda chain: sum(each.place.quality for each in chain), default=[])
    if len(best) < 2:
        return
    halves = [
        _mean([each.raw for each in best if each.place.is_a is is_a]) for is_a in (True, False)
    ]
    silent = np.zeros_like(best[0].raw)
    a, b = (silent if half is None else half for half in halves)
    yield from _reading(best, interleaved(a, b), Code.AB, BlockKind.ALL, size)


def _chain(found: Sequence[Block], first: int, size: int) -> list[Block]:
    """Blocks after one of them, at whole distances and in alternation, gaps allowed."""
    chain = [found[first]]
    last_start = found[-1].place.start
    distance = 1
    while (wanted := chain[-1].place.start + distance * size) <= last_start + distance * TOLERANCE:
        is_a = chain[-1].place.is_a ^ bool(distance % 2)
        fitting = [
            each
            for each in found
            if each.place.is_a is is_a and abs(each.place.start - wanted) < distance * TOLERANCE
        ]
        if fitting:
            chain.append(min(fitting, key=lambda each: abs(each.place.start - wanted)))
            distance = 1
        else:
            distance += 1
    return chain


def _mean(raws: Sequence[F32Array]) -> F32Array | None:
    return np.mean(raws, axis=0, dtype=np.float32) if raws else None


def _reading(
    blocks: Sequence[Block], raw: F32Array, code: Code, kind: BlockKind, size: int
) -> Iterator[Reading]:
    if (made := decoded(raw, code)) is None:
        return
    quality = float(np.mean([each.place.quality for each in blocks]))
    start, end = blocks[0].place.start, blocks[-1].place.start + size
    yield Reading(made.message, start, end, quality, made.error, made.margin, kind)
