"""Block search: marks in sound that holds at least one whole block."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Final

import numpy as np

from watermark.arrays import F32Array
from watermark.candidates import Candidate, candidates
from watermark.coarse_search import Spectrogram, block_sums
from watermark.convolutional import Code
from watermark.excerpt import SEARCH_FRAME, Excerpt
from watermark.extraction import decoded, interleaved, raw_bits
from watermark.layers import layers
from watermark.marks import BlockKind
from watermark.readings import Reading
from watermark.sync import SyncTemplate
from watermark.tables import KeyTables
from watermark.verdicts import convinces

TOLERANCE: Final = SEARCH_FRAME // 2
"""Samples by which neighbouring blocks may miss each other's place."""


@dataclass(frozen=True)
class Block:
    """A candidate with its raw bits, float32 of shape (coded_bits,), and what they say.

    ``messages`` are those that are believed of it alone.
    """

    place: Candidate
    raw: F32Array
    messages: frozenset[bytes] = frozenset()

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
        self, excerpt: Excerpt, spectrogram: Spectrogram, tables: KeyTables, template: SyncTemplate
    ) -> None:
        self._excerpt, self._tables, self._template = excerpt, tables, template
        self._size = tables.mode.block_frames * SEARCH_FRAME
        self._coarse = block_sums(spectrogram, template, skip_silence=False).of_blocks()

    def readings(self, *, least: int) -> list[Reading]:
        """Read blocks, pairs of blocks and all blocks together that say the same.

        Parameters
        ----------
        least : int
            How many candidates are read even if they are below the threshold.
        """
        places = candidates(self._excerpt, self._template, self._coarse, least=least)
        blocks, readings = [], []
        for place in places:
            block = Block(place, raw_bits(self._excerpt, place.start, self._tables))
            read = list(self._single(block))
            said = frozenset(each.message.tobytes() for each in read if convinces(each))
            blocks.append(replace(block, messages=said))
            readings += read
        return [*readings, *self._paired(blocks), *self._together(blocks)]

    def _single(self, block: Block) -> Iterator[Reading]:
        kind = BlockKind.A if block.place.is_a else BlockKind.B
        yield from self._read([block], block.raw, block.code, kind)

    def _paired(self, blocks: Sequence[Block]) -> Iterator[Reading]:
        """B blocks with the A block that lies one block before and says nothing else."""
        for b in blocks:
            before = [
                a
                for a in blocks
                if a.place.is_a and a.place.start < b.place.start and _agree(a.messages, b.messages)
            ]
            if b.place.is_a or not before:
                continue
            a = min(before, key=lambda each: abs(b.place.start - each.place.start - self._size))
            if abs(b.place.start - a.place.start - self._size) < TOLERANCE:
                raw = interleaved(a.raw, b.raw)
                yield from self._read([a, b], raw, Code.AB, BlockKind.AB)

    def _together(self, blocks: Sequence[Block]) -> Iterator[Reading]:
        """Chains of blocks in time with each other, the clearest first; no block is in two."""
        left = list(blocks)
        while True:
            chains = [
                chain for first in range(len(left)) if len(chain := self._chain(left, first)) > 1
            ]
            if not chains:
                return
            best = max(chains, key=lambda chain: sum(each.place.quality for each in chain))
            yield from self._read(best, _mean_of(best), Code.AB, BlockKind.ALL)
            left = [each for each in left if each not in best]

    def _chain(self, blocks: Sequence[Block], first: int) -> list[Block]:
        """Blocks after one of them, at whole distances and in alternation, gaps allowed.

        None contradicts what is believed of those before it.
        """
        chain = [blocks[first]]
        said = chain[0].messages
        last_start = blocks[-1].place.start
        distance = 1
        while True:
            wanted = chain[-1].place.start + distance * self._size
            if wanted > last_start + distance * TOLERANCE:
                return chain
            is_a = chain[-1].place.is_a ^ bool(distance % 2)
            fitting = [
                each
                for each in blocks
                if each.place.is_a is is_a
                and abs(each.place.start - wanted) < distance * TOLERANCE
                and _agree(said, each.messages)
            ]
            if fitting:
                chain.append(min(fitting, key=lambda each: abs(each.place.start - wanted)))
                said = said & chain[-1].messages or said | chain[-1].messages
                distance = 1
            else:
                distance += 1

    def _read(
        self, blocks: Sequence[Block], raw: F32Array, code: Code, kind: BlockKind
    ) -> Iterator[Reading]:
        if (made := decoded(raw, code)) is None:
            return
        quality = float(np.mean([each.place.quality for each in blocks]))
        start, end = blocks[0].place.start, blocks[-1].place.start + self._size
        reading = Reading(made.message, start, end, quality, made.error, made.margin, kind)
        yield from layers(reading, raw, code)


def _agree(one: frozenset[bytes], other: frozenset[bytes]) -> bool:
    """Whether what is believed of two blocks can be one mark's: something of it is the same."""
    return not one or not other or bool(one & other)


def _mean_of(chain: Sequence[Block]) -> F32Array:
    """Raw bits of the code of both kinds of block; 0 for a kind that is not there."""
    silent = np.zeros_like(chain[0].raw)
    halves = [[each.raw for each in chain if each.place.is_a is is_a] for is_a in (True, False)]
    a, b = (np.stack(half).mean(axis=0) if half else silent for half in halves)
    return interleaved(a, b)
