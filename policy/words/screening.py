"""Screening: the explicit words of a text, by category."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cache
from typing import Any, Final, get_args

from policy.facts import WordCategory
from policy.words import patterns
from policy.words.folding import Word, fold, words_of
from policy.words.language import likely_languages

CATEGORIES: Final[tuple[WordCategory, ...]] = get_args(WordCategory)
_REGIONS: Final = {"es": ("es", "es_419"), "pt": ("pt", "pt_br")}
_OF_SHORT_TEXTS: Final = ("en", "es", "fr", "de", "it", "pt", "ru", "pl", "tr")
"""What a text may be in that is too short to tell: a title of one word."""
_LEAST_LISTED: Final = 4
_YIELDS: Final = {
    "violence": frozenset({"self-harm", "drugs"}),
    "profanity": frozenset({"hate", "sexual"}),
}
"""What a phrase is not where it is part of one of these: to shoot up is not to shoot."""


@dataclass(frozen=True)
class Finding:
    """The words of one category.

    Parameters
    ----------
    strong : bool
        One of them at least is a slur, an obscenity or a graphic description.
    spans : tuple of (start, end)
        Where they are in the text as given: characters, end excluded; in order, apart.
    """

    category: WordCategory
    strong: bool
    spans: tuple[tuple[int, int], ...]

    @property
    def count(self) -> int:
        return len(self.spans)


@dataclass(frozen=True)
class Screened:
    """What was found in a text, and the language it is in if that could be told."""

    language: str | None
    findings: tuple[Finding, ...]


@dataclass(frozen=True)
class _Hit:
    start: int
    end: int
    category: str
    strong: bool
    always: bool = False


def screen(text: str) -> Screened:
    """Find the explicit words of a text of any length; lines are looked at one by one."""
    languages = likely_languages(text)
    hits = []
    at = 0
    for line in text.splitlines(keepends=True):
        hits += [_moved(hit, at) for hit in _hits_of_line(line, languages)]
        at += len(line)
    findings = (_finding(category, hits) for category in CATEGORIES)
    return Screened(
        languages[0] if languages else None, tuple(each for each in findings if each is not None)
    )


def _hits_of_line(line: str, of_text: Sequence[str]) -> list[_Hit]:
    words = words_of(line)
    if not words:
        return []
    of_line = likely_languages(line) or of_text or _OF_SHORT_TEXTS
    languages = tuple(dict.fromkeys([*of_line, *of_text[:1]]))
    found = [
        _Hit(start, end, pattern.category, pattern.strong, pattern.always)
        for pattern, start, end in patterns.find(words, languages)
    ]
    innocent = [hit for hit in found if hit.category == patterns.INNOCENT]
    own = [
        hit
        for hit in found
        if hit.category != patterns.INNOCENT and not any(_overlap(hit, each) for each in innocent)
    ]
    own = [hit for hit in own if hit.always or not any(_yields(hit, each) for each in own)]
    listed = [
        hit
        for hit in _listed(line, words, languages)
        if not any(_overlap(hit, each) for each in found)
    ]
    return own + listed


def _listed(line: str, words: Sequence[Word], languages: Sequence[str]) -> Iterator[_Hit]:
    """Yield the words that the library's lists have and ours do not sort: strong language."""
    for language in languages:
        filter_ = _library(language)
        if filter_ is None:
            continue
        for match in filter_.find(line):
            if len(fold(match.matched_text)) >= _LEAST_LISTED:
                yield _Hit(match.start, match.end, "profanity", strong=False)
        for word in words:
            if word.evades and any(
                len(form) >= _LEAST_LISTED and filter_.contains_word(form)
                for form in word.forms[1:] or word.forms
            ):
                yield _Hit(word.start, word.end, "profanity", strong=False)


@cache
def _library(language: str) -> Any:
    """Return the lists of a language; None if there are none."""
    from badwords import NotSupportedLanguage, ProfanityFilter

    lists = ProfanityFilter()
    try:
        lists.init(languages=list(_REGIONS.get(language, (language,))))
    except NotSupportedLanguage:
        return None
    return lists


def _overlap(one: _Hit, other: _Hit) -> bool:
    return one.start < other.end and other.start < one.end


def _yields(one: _Hit, other: _Hit) -> bool:
    return other.category in _YIELDS.get(one.category, ()) and _overlap(one, other)


def _moved(hit: _Hit, by: int) -> _Hit:
    return _Hit(hit.start + by, hit.end + by, hit.category, hit.strong)


def _finding(category: WordCategory, hits: Sequence[_Hit]) -> Finding | None:
    mine = sorted((hit.start, hit.end) for hit in hits if hit.category == category)
    if not mine:
        return None
    spans = [mine[0]]
    for start, end in mine[1:]:
        if start < spans[-1][1]:
            spans[-1] = (spans[-1][0], max(end, spans[-1][1]))
        else:
            spans.append((start, end))
    strong = any(hit.strong for hit in hits if hit.category == category)
    return Finding(category, strong, tuple(spans))
