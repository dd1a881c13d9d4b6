"""What of a text quotes lyrics, nearly word for word.

Lyrics are found by three words in a row that they share with the text, and then compared: where six words
lie in them with at most 6 % of their letters changed, they are quoted. In scripts that put no spaces between words
(Chinese, Japanese, Thai, ...) a sign stands for a word, and twelve of them are a quotation.
"""

import re
from collections import Counter
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from typing import Final, NamedTuple, Protocol

from rapidfuzz import fuzz

from policy.words.folding import Word, in_order, words_of

_SHINGLE: Final = 3
_LEAST_WORDS: Final = 6
_LEAST_SIGNS: Final = 12
_SURE: Final = 94.0
_MOST_COMPARED: Final = 32
"""Songs that six words are compared with, those first that share most with them."""
_MOST_LETTERS: Final = 40_000_000
"""Letters of songs that a text is compared with, about a second: what shares most with a song comes first."""

_UNSPACED: Final = re.compile(
    "[\u0e00-\u0eff\u1000-\u109f\u1780-\u17ff\u3040-\u30ff\u3400-\u4dbf\u4e00-\u9fff]"
)
"""Thai and Lao, Burmese, Khmer, kana, and Chinese characters."""


class Unit(NamedTuple):
    """A word, or a sign of a script without spaces, as it is compared; ``start`` and ``end`` are its place."""

    text: str
    start: int
    end: int


class Song(NamedTuple):
    """Lyrics, folded, and what they are called."""

    words: str
    title: str | None = None


class Songs(Protocol):
    """Lyrics that may not be quoted, by numbers."""

    def having(self, shingles: Collection[str]) -> Mapping[str, Sequence[int]]:
        """Return which songs have which of these words in a row; what none has may be left out."""
        ...

    def songs(self, numbers: Collection[int]) -> Mapping[int, Song]:
        """Return songs; one that is there no more is left out."""
        ...


class KnownSongs:
    """A few lyrics, in memory."""

    def __init__(self, lyrics: Iterable[str]) -> None:
        self._songs = {number: Song(folded(each)) for number, each in enumerate(lyrics)}
        self._having: dict[str, list[int]] = {}
        for number, song in self._songs.items():
            for shingle in shingles(song.words):
                self._having.setdefault(shingle, []).append(number)

    def having(self, shingles: Collection[str]) -> Mapping[str, Sequence[int]]:
        return {each: self._having[each] for each in shingles if each in self._having}

    def songs(self, numbers: Collection[int]) -> Mapping[int, Song]:
        return {number: self._songs[number] for number in numbers}


def folded(lyrics: str) -> str:
    """Return the words of lyrics as they are compared, with a space between."""
    return " ".join(each.text for line in lyrics.splitlines() for each in _units(words_of(line)))


def shingles(words: str) -> frozenset[str]:
    """Return each three words in a row of folded ones."""
    return frozenset(_in_a_row(words.split()))


def quotations(words: Sequence[Word], songs: Songs) -> Iterator[tuple[int, int, Song]]:
    """Yield where in their line words are quoted, first and last character (excluded), and the song.

    What is longer than the least quotation comes in overlapping parts.
    """
    units = _units(words)
    plain = [each.text for each in units]
    in_a_row = list(_in_a_row(plain))
    having = songs.having(frozenset(in_a_row))
    parts = [
        (first, end)
        for first in range(len(plain))
        if (end := first + _least(plain[first])) <= len(plain)
    ]
    pairs = sorted(
        (lacking, first, end, number)
        for first, end in parts
        for number, lacking in _alike(having, in_a_row[first : end - _SHINGLE + 1])
    )
    known = songs.songs({number for *_, number in pairs})
    found: set[int] = set()
    left = _MOST_LETTERS
    for _, first, end, number in pairs:
        if first in found or number not in known:
            continue
        song = known[number]
        if (left := left - len(song.words)) < 0:
            break
        if _has(song.words, " ".join(plain[first:end])):
            found.add(first)
            yield units[first].start, units[end - 1].end, song


def _least(text: str) -> int:
    """Return how many units are a quotation, from one that begins with this."""
    return _LEAST_SIGNS if _UNSPACED.match(text) else _LEAST_WORDS


def _alike(having: Mapping[str, Sequence[int]], some: Sequence[str]) -> list[tuple[int, int]]:
    """Return the songs that share most with some words, and how many of their shingles each lacks.

    One that shares no more than many others do is left out.
    """
    counts: Counter[int] = Counter()
    telling: set[int] = set()
    wanted = set(some)
    for shingle in wanted:
        numbers = having.get(shingle, ())
        counts.update(numbers)
        if len(numbers) <= _MOST_COMPARED:
            telling.update(numbers)
    most = counts.most_common(_MOST_COMPARED)
    return [
        (number, len(wanted) - shared) for number, shared in most if shared > 1 or number in telling
    ]


def _has(words: str, part: str) -> bool:
    if len(part) > len(words):
        return False
    return part in words or fuzz.partial_ratio(part, words, score_cutoff=_SURE) >= _SURE


def _units(words: Sequence[Word]) -> list[Unit]:
    """Return words without what hides them, and words of scripts without spaces sign by sign."""
    found = []
    for word in in_order(words):
        text = word.forms[min(1, len(word.forms) - 1)]
        if not _UNSPACED.search(text):
            found.append(Unit(text, word.start, word.end))
        elif len(text) == word.end - word.start:
            found += [Unit(each, at, at + 1) for at, each in enumerate(text, word.start)]
        else:
            found += [Unit(each, word.start, word.end) for each in text]
    return found


def _in_a_row(words: Sequence[str]) -> Iterator[str]:
    for first in range(len(words) - _SHINGLE + 1):
        yield " ".join(words[first : first + _SHINGLE])
