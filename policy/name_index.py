r"""Names that are nearly a text, found without a look at every name: by three letters in a row.

A text and a name of :math:`n_a` and :math:`n_b` letters are alike by a share :math:`c` (Indel) if their
longest common subsequence has :math:`l \ge c (n_a + n_b) / 2` letters. Padded by two at each end a
text has :math:`n_a + 2` trigrams; a letter that is taken out ends at most 3 of them, one that is put in
at most 2, so the two share at least :math:`n_a + 2 - 3 (n_a - l) - 2 (n_b - l)` (Ukkonen 1992). Names
that share fewer are not looked at, and none is missed.
"""

import math
from bisect import bisect_left
from collections import Counter
from collections.abc import Iterable, Iterator
from typing import Final

from rapidfuzz import fuzz, process

_PAD: Final = "\0\0"


class NameIndex:
    """Folded names, letters and digits alone, by the trigrams that they have.

    Parameters
    ----------
    keys : iterable of str
        Each once; of two that are equally near, the earlier one is found.
    sure : float
        Similarity in percent (Indel) from which a name is near.
    """

    def __init__(self, keys: Iterable[str], sure: float) -> None:
        self._share, self._sure = sure / 100, sure
        given = list(keys)
        self._order = sorted(range(len(given)), key=lambda at: len(given[at]))
        self._keys = [given[at] for at in self._order]
        self._lengths = [len(key) for key in self._keys]
        self._having: dict[str, list[int]] = {}
        for number, key in enumerate(self._keys):
            for gram in _trigrams(key):
                self._having.setdefault(gram, []).append(number)

    def nearest(self, text: str) -> tuple[str, float] | None:
        """Return the name that a folded text is nearest to, and how near in percent; or None."""
        near = sorted(self._like(text), key=self._order.__getitem__)
        found = process.extractOne(
            text, [self._keys[at] for at in near], scorer=fuzz.ratio, score_cutoff=self._sure
        )
        return None if found is None else (found[0], found[1])

    def _like(self, text: str) -> list[int]:
        """Return the numbers of all names that may be near."""
        size, share = len(text), self._share
        first = bisect_left(self._lengths, math.ceil(size * share / (2 - share)))
        end = bisect_left(self._lengths, math.floor(size * (2 - share) / share) + 1)
        if first == end:
            return []
        least = {
            length: self._least(size, length)
            for length in range(self._lengths[first], self._lengths[end - 1] + 1)
        }
        postings = sorted((self._having.get(gram, []) for gram in _trigrams(text)), key=len)
        # What is near shares `fewest`: of all but the commonest trigrams it shares two or more.
        fewest = min(least.values())
        left_out = max(0, fewest - 2)
        counts: Counter[int] = Counter()
        for posting in postings[: len(postings) - left_out]:
            counts.update(posting[bisect_left(posting, first) : bisect_left(posting, end)])
        return [at for at, count in counts.items() if count >= least[self._lengths[at]] - left_out]

    def _least(self, size: int, length: int) -> int:
        common = math.ceil(self._share * (size + length) / 2 - 1e-9)
        return max(1, size + 2 - 3 * (size - common) - 2 * (length - common))


def _trigrams(text: str) -> Iterator[str]:
    """Yield the padded trigrams of a text; one that comes again is another one."""
    padded, seen = f"{_PAD}{text}{_PAD}", Counter[str]()
    for at in range(len(padded) - 2):
        gram = padded[at : at + 3]
        seen[gram] += 1
        yield gram if seen[gram] == 1 else f"{gram}{seen[gram]}"
