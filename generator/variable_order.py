"""A model of what follows, by the longest context that was seen: Witten-Bell back-off.

``P(s | c) = (n(c, s) + t(c) · P(s | c')) / (n(c) + t(c))``, where ``n`` counts, ``t(c)`` is the number of
different symbols seen after ``c`` and ``c'`` is the next shorter context; after the shortest all
symbols are alike (Witten and Bell, *The zero-frequency problem*, IEEE Trans. Inf. Theory 37(4), 1991).
"""

from collections import Counter, defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from generator.arrays import F64Array, I64Array

_BITS = 6


def context(values: Sequence[int]) -> int:
    """A context as one number: values of 0 to 62, nearest last; its length is part of it."""
    packed = 1
    for value in values:
        packed = (packed << _BITS) | (value + 1)
    return packed


@dataclass(frozen=True)
class VariableOrder:
    """Counts of symbols after contexts.

    Parameters
    ----------
    symbols : int
        How many there are; they are numbers from 0.
    contexts, firsts : int64 array, shape (contexts,)
        Packed contexts in ascending order, and where the counts of each begin.
    seen, counts : int64 array, shape (rows,)
        Symbols and how often each was seen.
    """

    symbols: int
    contexts: I64Array
    firsts: I64Array
    seen: I64Array
    counts: I64Array

    @cached_property
    def _rows(self) -> dict[int, slice]:
        ends = [*self.firsts[1:].tolist(), len(self.seen)]
        starts = self.firsts.tolist()
        return {
            name: slice(first, end)
            for name, first, end in zip(self.contexts.tolist(), starts, ends, strict=True)
        }

    def probabilities(self, contexts: Iterable[int]) -> F64Array:
        """Of every symbol, shape (symbols,).

        Parameters
        ----------
        contexts : iterable of int
            From the shortest to the longest, each as :func:`context` packs it.
        """
        found = np.full(self.symbols, 1 / self.symbols)
        for each in contexts:
            row = self._rows.get(each)
            if row is None:
                continue
            counts = self.counts[row]
            kinds = len(counts)
            found *= kinds / (counts.sum() + kinds)
            found[self.seen[row]] += counts / (counts.sum() + kinds)
        return found


class Counts:
    """Counts while learning."""

    def __init__(self, symbols: int) -> None:
        self._symbols = symbols
        self._counts: defaultdict[int, Counter[int]] = defaultdict(Counter)

    def add(self, contexts: Iterable[int], symbol: int) -> None:
        """A symbol was seen after contexts."""
        for each in contexts:
            self._counts[each][symbol] += 1

    def learned(self, least: int) -> VariableOrder:
        """The model of all contexts that were seen so often at least."""
        kept = sorted(name for name, row in self._counts.items() if row.total() >= least)
        rows = [sorted(self._counts[name].items()) for name in kept]
        firsts = np.cumsum([0, *(len(row) for row in rows)])[:-1]
        pairs = np.array([pair for row in rows for pair in row], np.int64).reshape(-1, 2)
        return VariableOrder(
            self._symbols,
            np.array(kept, np.int64),
            firsts.astype(np.int64),
            pairs[:, 0],
            pairs[:, 1],
        )
