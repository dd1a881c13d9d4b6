"""Patterns: the phrases of our own lists, and how they are found in the words of a line.

A list is a text file: a ``[category]`` begins a section, ``[category strong]`` one of strong words,
``always`` in the heading one of obscenities whatever else they are,
``only`` one of words that are innocent in other languages, ``[innocent]`` one of
phrases whose words count for nothing. A line is a phrase: ``word``, ``stem*``, ``*part*``, ``a|b``
for either, ``..`` for up to three words of any kind.

A short word alone means something else in some other language, so it counts only in its own.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from typing import Final, TypeAlias

from policy.words.folding import Word, fold
from policy.words.language import LANGUAGES

INNOCENT: Final = "innocent"
_GAP: Final = ".."
_WIDEST_GAP: Final = 3
_NEAR: Final = 64
"""Readings of words, several at one place, among which the next of a phrase is looked for."""
_SHORT: Final = 6


@dataclass(frozen=True)
class Element:
    """One word of a phrase: any of some words, beginnings or parts; or a gap."""

    words: frozenset[str] = frozenset()
    stems: tuple[str, ...] = ()
    parts: tuple[str, ...] = ()
    is_gap: bool = False

    def fits(self, word: Word) -> bool:
        return any(
            form in self.words
            or form.startswith(self.stems)
            or any(part in form for part in self.parts)
            for form in word.forms
        )


@dataclass(frozen=True)
class Pattern:
    """A phrase and what it is."""

    elements: tuple[Element, ...]
    category: str
    strong: bool
    always: bool
    """It counts also where it is part of a phrase of another category."""
    language: str | None
    """The only language in which it counts."""


_Table: TypeAlias = dict[str, list[Pattern]]


@dataclass(frozen=True)
class Patterns:
    """All phrases, by their first word: by the whole of it, how it begins, or what it holds."""

    by_word: _Table
    by_stem: _Table
    by_part: _Table
    longest_stem: int

    def beginning_at(self, word: Word) -> list[Pattern]:
        found: list[Pattern] = []
        for form in word.forms:
            found += self.by_word.get(form, ())
            for length in range(1, min(self.longest_stem, len(form)) + 1):
                found += self.by_stem.get(form[:length], ())
            for part, those in self.by_part.items():
                if part in form:
                    found += those
        return found


@cache
def patterns() -> Patterns:
    """Read all lists, once."""
    tables: tuple[_Table, _Table, _Table] = ({}, {}, {})
    for language in LANGUAGES:
        for pattern in _read(language):
            first = pattern.elements[0]
            for table, keys in zip(tables, (first.words, first.stems, first.parts), strict=True):
                for key in keys:
                    table.setdefault(key, []).append(pattern)
    return Patterns(*tables, max(map(len, tables[1])))


def find(words: Sequence[Word], languages: Sequence[str]) -> Iterator[tuple[Pattern, int, int]]:
    """Yield the phrases in a line, with their places in it."""
    all_ = patterns()
    for n, word in enumerate(words):
        for pattern in all_.beginning_at(word):
            if pattern.language is not None and pattern.language not in languages:
                continue
            end = _end(pattern.elements, words, n)
            if end is not None:
                yield pattern, word.start, end


def _end(elements: Sequence[Element], words: Sequence[Word], n: int) -> int | None:
    """Where a phrase ends whose first element fits the n-th word; None if the rest does not."""
    rest, after = elements[1:], words[n].end
    if not rest:
        return after
    reach = 1
    if rest[0].is_gap:
        rest, reach = rest[1:], 1 + _WIDEST_GAP
    near = range(n + 1, min(len(words), n + 1 + _NEAR))
    following = [m for m in near if words[m].start >= after]
    for m in _first_places(words, following, reach):
        if rest[0].fits(words[m]):
            end = _end(rest, words, m)
            if end is not None:
                return end
    return None


def _first_places(words: Sequence[Word], following: Sequence[int], reach: int) -> list[int]:
    """Return the words within reach; those that begin at the same place count as one."""
    starts = sorted({words[m].start for m in following})[:reach]
    return [m for m in following if words[m].start in starts]


def _read(language: str) -> Iterator[Pattern]:
    text = files("policy.words").joinpath("lists", f"{language}.txt").read_text("utf-8")
    category, marks, only = "", [], None
    for raw in text.splitlines():
        line = raw.split("#")[0].strip()
        if line.startswith("["):
            category, *marks = line.strip("[]").split()
            only = language if "only" in marks else None
        elif line:
            strong, always = "strong" in marks, "always" in marks
            for phrase, is_short in _by_length(line):
                elements = tuple(map(_element, phrase.split()))
                own = language if is_short and category != INNOCENT else only
                yield Pattern(elements, category, strong, always, own)


def _by_length(line: str) -> Iterator[tuple[str, bool]]:
    """Part the short words of a line that is one word from its long ones."""
    if " " in line:
        yield line, False
        return
    choices = line.split("|")
    for is_short in (True, False):
        some = [each for each in choices if (len(fold(each.strip("*"))) < _SHORT) == is_short]
        if some:
            yield "|".join(some), is_short and some[0][0] != "*"


def _element(text: str) -> Element:
    if text == _GAP:
        return Element(is_gap=True)
    choices = text.split("|")
    return Element(
        words=frozenset(_bare(each) for each in choices if "*" not in each),
        stems=tuple(_bare(each) for each in choices if each[0] != "*" and each[-1] == "*"),
        parts=tuple(_bare(each) for each in choices if each[0] == "*"),
    )


def _bare(text: str) -> str:
    return "".join(each for each in fold(text) if each.isalnum())
