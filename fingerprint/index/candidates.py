"""Which alignments of a query with the tape are worth comparing bit by bit.

Every probed word of the query votes for the diagonals (tape position - query position) on which
the tape holds the same leading bits. How many bits a probe must share is chosen per word: as few
as its share of the posting budget allows, so rare words forgive errors in their shaky bits, and
words that are everywhere (silence, held notes) stay out.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Final

import numpy as np

from fingerprint.arrays import BoolArray, I64Array, U32Array
from fingerprint.index.params import IndexParams
from fingerprint.index.segment_file import IndexSegment

BIT_STEP: Final = 3
"""Leading bits are tried in steps: from where uniform words would fit the budget up to all 32."""

MAX_DIAGONALS_PER_REFERENCE: Final = 48
"""A reference that loops answers on a diagonal per repeat; it must not crowd out the others."""

WINDOW_WORDS: Final = 4096
"""8.4 minutes of the query share one budget of postings and diagonals."""
OVERLAP_WORDS: Final = 512
COMPARED_WORDS: Final = 1 << 21
"""Words of the tape that are compared at once."""
FEWEST_PROBES: Final = 16
"""A word that so many probes could not all afford is too common to tell anything."""
GOLDEN: Final = 0.618033988749895


@dataclass(frozen=True, eq=False)
class Diagonals:
    """Candidate alignments within one segment of the index, shape (n,) each.

    Attributes
    ----------
    segment : IndexSegment
    ordinals : int64 array
        Reference within the segment.
    offsets : int64 array
        Tape position of the query's first word, may lie before the reference.
    votes : int64 array
    """

    segment: IndexSegment
    ordinals: I64Array
    offsets: I64Array
    votes: I64Array

    def take(self, which: BoolArray | I64Array) -> "Diagonals":
        return Diagonals(self.segment, self.ordinals[which], self.offsets[which], self.votes[which])


def probes(words: U32Array, limit: int) -> I64Array:
    """Positions of the query that are looked up: where the word changes, evenly thinned."""
    changes = np.flatnonzero(np.append(True, words[1:] != words[:-1]))
    if len(changes) <= limit:
        return changes
    thinned: I64Array = changes[np.linspace(0, len(changes) - 1, limit).astype(np.int64)]
    return thinned


def candidates(
    words: U32Array,
    segments: Sequence[IndexSegment],
    searchable: Sequence[BoolArray],
    params: IndexParams,
) -> list[Diagonals]:
    """Diagonals by votes, the most promising of all segments.

    A long query is looked up window by window, each with the whole budget: a short copy in a long
    mix is not outvoted by the rest of it.

    Parameters
    ----------
    words : uint32 array, shape (n,)
    segments : sequence of IndexSegment
    searchable : sequence of bool array, shape (references,) each
        What is neither dead nor excluded.
    params : IndexParams

    Returns
    -------
    list of Diagonals
        Several may be of one segment; none has more diagonals than fit in memory beside ``words``.
    """
    if not len(words):
        return []
    found: list[list[Diagonals]] = [[] for _ in segments]
    for start in range(0, max(1, len(words) - OVERLAP_WORDS), WINDOW_WORDS - OVERLAP_WORDS):
        window = words[start : start + WINDOW_WORDS]
        for each, parts in zip(
            _of_window(window, segments, searchable, params), found, strict=True
        ):
            parts.append(replace(each, offsets=each.offsets - start))
    at_once = max(64, COMPARED_WORDS // len(words))
    return [
        joined.take(np.arange(first, min(first + at_once, len(joined.offsets))))
        for joined in map(_joined, found)
        for first in range(0, len(joined.offsets), at_once)
    ]


def _joined(parts: Sequence[Diagonals]) -> Diagonals:
    """Diagonals of one segment from overlapping windows, each once."""
    if len(parts) == 1:
        return parts[0]
    ordinals = np.concatenate([part.ordinals for part in parts])
    offsets = np.concatenate([part.offsets for part in parts])
    votes = np.concatenate([part.votes for part in parts])
    most = np.lexsort((-votes, offsets, ordinals))
    pairs = np.stack([ordinals[most], offsets[most]])
    new = np.append(True, (pairs[:, 1:] != pairs[:, :-1]).any(axis=0))[: len(votes)]
    return Diagonals(parts[0].segment, ordinals, offsets, votes).take(most[new])


def _of_window(
    words: U32Array,
    segments: Sequence[IndexSegment],
    searchable: Sequence[BoolArray],
    params: IndexParams,
) -> list[Diagonals]:
    """As :func:`candidates`, of words that share one budget; one entry a segment."""
    where = probes(words, params.max_probes)
    ranges = _posting_ranges(words[where], segments, params.posting_budget)
    keep = min(params.max_diagonals, max(64, (1 << 19) // len(words)))
    found = [
        _voted(
            segment,
            where,
            first=first,
            last=last,
            searchable=alive,
            query_words=len(words),
            keep=keep,
        )
        for segment, alive, (first, last) in zip(segments, searchable, ranges, strict=True)
    ]
    votes = np.concatenate([diagonals.votes for diagonals in found])
    best = np.zeros(len(votes), np.bool_)
    best[np.argsort(-votes, kind="stable")[:keep]] = True
    parts = np.split(best, np.cumsum([len(diagonals.votes) for diagonals in found])[:-1])
    return [diagonals.take(part) for diagonals, part in zip(found, parts, strict=True)]


def _posting_ranges(
    keys: U32Array, segments: Sequence[IndexSegment], budget: int
) -> list[tuple[I64Array, I64Array]]:
    """Slices of each segment's postings that the probes read; empty for words too common."""
    share = max(1, budget // max(1, len(keys)))
    total = sum(len(segment.words) for segment in segments)
    bits = min(32, max(8, (total // share).bit_length()))
    ranges = [(np.zeros(len(keys), np.int64), np.zeros(len(keys), np.int64)) for _ in segments]
    open_keys = np.arange(len(keys))
    spent = 0
    while len(open_keys):
        found = [_range(segment, keys[open_keys], bits) for segment in segments]
        count = np.sum([last - first for first, last in found], axis=0)
        settled = count <= share
        if bits == 32:
            settled |= _affordable(count, settled, budget - spent, budget // FEWEST_PROBES)
        for (first, last), (low, high) in zip(ranges, found, strict=True):
            first[open_keys[settled]] = low[settled]
            last[open_keys[settled]] = high[settled]
        if bits == 32:
            break
        spent += int(count[settled].sum())
        open_keys = open_keys[~settled]
        bits = min(32, bits + BIT_STEP)
    return ranges


def _affordable(count: I64Array, settled: BoolArray, budget: int, most: int) -> BoolArray:
    """Of whole words above their share, those that what is left of the budget reads.

    A recording that stands in the index more often than the share would hide itself: fewer of its
    words are enough to find all its copies. They are taken all over the query.
    """
    crowded = np.flatnonzero(~settled & (count <= most))
    scattered = crowded[np.argsort(crowded * GOLDEN % 1)]
    left = budget - int(count[settled].sum())
    result = np.zeros(len(count), np.bool_)
    result[scattered[np.cumsum(count[scattered]) <= left]] = True
    return result


def _range(segment: IndexSegment, keys: U32Array, bits: int) -> tuple[I64Array, I64Array]:
    """First posting whose word shares ``bits`` leading bits with each key, and the end of those."""
    span = np.int64(1) << (32 - bits)
    low = (keys.astype(np.int64) >> (32 - bits)) << (32 - bits)
    return _first_at_least(segment, low), _first_at_least(segment, low + span)


def _first_at_least(segment: IndexSegment, keys: I64Array) -> I64Array:
    """Bisect all keys at once, within the bucket that the directory names."""
    shift = 32 - segment.directory_bits
    bucket = keys >> shift
    low: I64Array = segment.directory[bucket].astype(np.int64)
    if not (keys & ((1 << shift) - 1)).any():  # every key begins its bucket
        return low
    high = segment.directory[np.minimum(bucket + 1, len(segment.directory) - 1)].astype(np.int64)
    active = np.flatnonzero(low < high)
    while len(active):
        middle = (low[active] + high[active]) >> 1
        below = segment.words[segment.postings[middle]] < keys[active]
        low[active] = np.where(below, middle + 1, low[active])
        high[active] = np.where(below, high[active], middle)
        active = active[low[active] < high[active]]
    return low


def _voted(
    segment: IndexSegment,
    where: I64Array,
    *,
    first: I64Array,
    last: I64Array,
    searchable: BoolArray,
    query_words: int,
    keep: int,
) -> Diagonals:
    count = last - first
    total = int(count.sum())
    before = np.cumsum(count) - count
    at = np.repeat(first - before, count) + np.arange(total)  # (votes,)
    positions = segment.postings[at]
    diagonal = positions.astype(np.int64) - np.repeat(where, count) + query_words  # > 0
    # One sort of plain integers groups equal diagonals and keeps a position to name the reference.
    packed = (diagonal.astype(np.uint64) << np.uint64(32)) | positions
    packed.sort()
    diagonal = (packed >> np.uint64(32)).astype(np.int64)
    begins = np.flatnonzero(np.append(True, diagonal[1:] != diagonal[:-1])[:total])
    votes = np.diff(np.append(begins, total))
    distinct = diagonal[begins]
    # A query begins anywhere within a hop, so a true alignment votes on two neighbours.
    neighbour = np.append(distinct[1:] == distinct[:-1] + 1, False)[: len(distinct)]
    shared = votes + np.where(neighbour, np.append(votes[1:], 0)[: len(votes)], 0)
    if len(shared) > 4 * keep:
        top = np.argpartition(shared, len(shared) - 4 * keep)[len(shared) - 4 * keep :]
    else:
        top = np.arange(len(shared))
    place = (packed & np.uint64(0xFFFFFFFF)).astype(np.int64)
    which, ordinals, counts = _by_reference(
        segment, place, begins[top], votes[top], extra=(shared - votes)[top]
    )
    order = np.argsort(-counts, kind="stable")
    order = order[searchable[ordinals[order]]]
    order = order[_rank_within(ordinals[order]) < MAX_DIAGONALS_PER_REFERENCE][:keep]
    return Diagonals(
        segment, ordinals[order], distinct[top][which[order]] - query_words, counts[order]
    )


def _by_reference(
    segment: IndexSegment, place: I64Array, begins: I64Array, votes: I64Array, extra: I64Array
) -> tuple[I64Array, I64Array, I64Array]:
    """Share the votes of each diagonal among the references that it crosses.

    References lie end to end, so the diagonal of a long query enters the neighbours of the
    reference that it belongs to.

    Parameters
    ----------
    segment : IndexSegment
    place : int64 array
        Tape positions of all votes, ascending within a diagonal.
    begins, votes : int64 array, shape (diagonals,)
        The votes of diagonal ``i`` are ``place[begins[i] : begins[i] + votes[i]]``.
    extra : int64 array, shape (diagonals,)
        Votes of the next diagonal.

    Returns
    -------
    which, ordinals, counts : int64 array, shape (n,) each
        Diagonal, reference and votes of each pair of them.
    """
    references = segment.references

    def reference_of(at: I64Array) -> I64Array:
        return np.searchsorted(segment.starts, at, "right").astype(np.int64) - 1

    first = reference_of(place[begins])
    last = reference_of(place[begins + votes - 1])
    whole = np.flatnonzero(first == last)
    split = np.flatnonzero(first != last)
    lengths = votes[split]
    within = np.arange(int(lengths.sum())) - np.repeat(np.cumsum(lengths) - lengths, lengths)
    each = reference_of(place[np.repeat(begins[split], lengths) + within])
    pairs, counts = np.unique(np.repeat(split, lengths) * references + each, return_counts=True)
    return (
        np.concatenate([whole, pairs // references]),
        np.concatenate([first[whole], pairs % references]),
        np.concatenate([votes[whole] + extra[whole], counts]),
    )


def _rank_within(groups: I64Array) -> I64Array:
    """How many equal values precede each value."""
    order = np.argsort(groups, kind="stable")
    ordered = groups[order]
    new = np.append(True, ordered[1:] != ordered[:-1])[: len(groups)]
    start = np.maximum.accumulate(np.where(new, np.arange(len(groups)), 0))
    rank = np.empty(len(groups), np.int64)
    rank[order] = np.arange(len(groups)) - start
    return rank
