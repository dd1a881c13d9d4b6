"""Votes of postings for an offset: how many of a query's landmarks agree on it, give or take a frame.

A window of a query reads a million postings, and few of their offsets have more than one or two. To
sort them all takes longest, so those are found first that have enough others near them.
"""

from typing import Final

import numpy as np

from fingerprint.arrays import I64Array

_CELL_BITS: Final = 2
"""Offsets of four frames are counted together, and four million of them by their low bits."""
_CELLS: Final = 1 << 20
_MANY: Final = 255


def at_most(offsets: I64Array) -> I64Array:
    """For each posting a bound of the votes that any offset within a frame of its own can have.

    Parameters
    ----------
    offsets : int64 array, shape (n,)
        Place in the references minus place in the query, in frames.

    Returns
    -------
    int64 array, shape (n,)
    """
    cells = (offsets >> _CELL_BITS) & (_CELLS - 1)
    count = np.bincount(cells, minlength=_CELLS).astype(np.int32)
    # Three frames in a row lie in two neighbouring cells at most.
    pairs = count + np.roll(count, -1)
    bound: I64Array = np.maximum(pairs, np.roll(pairs, 1))[cells]
    return bound


def fewest(bounds: I64Array, wanted: int) -> int:
    """How many votes may be asked for so that about so many postings are left."""
    count = np.bincount(np.minimum(bounds, _MANY), minlength=_MANY + 1)
    left = np.cumsum(count[::-1])[::-1]  # with so many votes or more
    return int(np.count_nonzero(left > wanted))


def counted(offsets: I64Array, places: I64Array, least: int) -> tuple[I64Array, I64Array, I64Array]:
    """Offsets by their votes, those of the frames beside each counted in.

    Parameters
    ----------
    offsets, places : int64 array, shape (n,)
        Of postings; places below 2^32.
    least : int
        Votes of what is returned.

    Returns
    -------
    offsets : int64 array, shape (m,)
        Ascending.
    votes : int64 array, shape (m,)
    places : int64 array, shape (m,)
        One of each offset's own, the middle one: they may lie in several references, and most in that one's.
    """
    if not len(offsets):
        return offsets, offsets, places
    # One sort of plain integers groups equal offsets and keeps a place to name the reference by.
    packed = (offsets << np.int64(32)) | places
    packed.sort()
    ordered = packed >> np.int64(32)
    begins = np.flatnonzero(np.append(True, ordered[1:] != ordered[:-1]))
    votes = np.diff(np.append(begins, len(ordered)))
    distinct = ordered[begins]
    beside = np.append(distinct[1:] == distinct[:-1] + 1, False)
    shared = votes + np.where(beside, np.append(votes[1:], 0), 0)
    shared[1:] += np.where(beside[:-1], votes[:-1], 0)
    enough = np.flatnonzero(shared >= least)
    middles = packed[begins[enough] + votes[enough] // 2] & np.int64(0xFFFFFFFF)
    return distinct[enough], shared[enough], middles
