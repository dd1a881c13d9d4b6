"""Lyrics of a sung line: syllables by rules of spelling, and which bar each is sung in.

Syllables are counted by groups of vowels, as English, German, French and Spanish write them; a silent ``e`` at the end of an
English or French word is left out. No dictionary is used: names and loan words may be split otherwise than they are spoken.
"""

import re
import unicodedata
from collections.abc import Sequence
from itertools import pairwise
from typing import Final

from generator.form import Section
from generator.metre import Metre
from generator.notes import Note

_VOWELS: Final = "aeiouyäöüàâéèêëîïôûùáíóúœæ"
_GROUP: Final = re.compile(f"[{_VOWELS}]+")
_WORD: Final = re.compile(r"[^\W\d_]+(?:['’][^\W\d_]+)*|\d+")
_HEADING: Final = re.compile(r"^\s*\[.*\]\s*$")
_TOGETHER: Final = ("sch", "ch", "th", "sh", "ph", "ck", "qu", "tr", "br", "pr", "gr", "dr", "cr", "fr", "kr",
                    "bl", "pl", "gl", "cl", "fl", "kl", "st", "sp", "tl", "dl")  # fmt: skip
"""Consonants that begin a syllable together."""
_SHORTEST: Final = 6
"""Ticks of the shortest sung note."""


def syllables(word: str) -> tuple[str, ...]:
    """A word's syllables; all but the last end with a hyphen."""
    low = unicodedata.normalize("NFC", word).lower()
    word = unicodedata.normalize("NFC", word)
    groups = [match.span() for match in _GROUP.finditer(low)]
    silent = re.search(r"[^aeiouy]e$", low) and not re.search(r"[^aeiouy]le$", low)
    if len(groups) > 1 and silent:
        groups.pop()
    if len(groups) < 2 or len(low) != len(word):
        return (word,)
    cuts = [0]
    for (_, end), (start, _) in pairwise(groups):
        between = low[end:start]
        kept = max((t for t in _TOGETHER if between.endswith(t)), key=len, default=between[-1:])
        cuts.append(start - len(kept))
    parts = [word[a:b] for a, b in zip(cuts, [*cuts[1:], len(word)], strict=True)]
    return (*(f"{part}-" for part in parts[:-1]), parts[-1])


def lines(text: str) -> tuple[tuple[str, ...], ...]:
    """Syllables of every line; headings as ``[chorus]`` and empty lines are left out."""
    own = (line for line in text.splitlines() if not _HEADING.match(line))
    found = (tuple(s for word in _WORD.findall(line) for s in syllables(word)) for line in own)
    return tuple(line for line in found if line)


def verse(text: str, sections: Sequence[Section], metre: Metre) -> tuple[tuple[str, ...], ...]:
    """The syllables that each bar begins, shape (bars,); a line a phrase, what finds no room goes on in the next."""
    waiting = list(lines(text))
    room = metre.bar // _SHORTEST
    found: list[tuple[str, ...]] = []
    for bars in (bars for section in sections for bars in section.phrases):
        line = waiting.pop(0) if waiting else ()
        line, rest = line[: bars * room], line[bars * room :]
        if rest:
            waiting.insert(0, rest)
        each, more = divmod(len(line), bars)
        start = 0
        for bar in range(bars):
            count = each + (bar < more)
            found.append(line[start : start + count])
            start += count
    return tuple(found)


def sung_rhythm(rhythm: Sequence[int], count: int) -> tuple[int, ...]:
    """A rhythm of so many notes as near to one that is given as can be: the shortest join, the longest part.

    Where no note is long enough to part, it has fewer.
    """
    found = list(rhythm)
    while len(found) > max(1, count):
        n = min(range(len(found) - 1), key=lambda k: (found[k] + found[k + 1], k))
        found[n : n + 2] = [found[n] + found[n + 1]]
    while len(found) < count:
        n = max(range(len(found)), key=lambda k: (found[k], -k))
        if found[n] < 2 * _SHORTEST:
            break
        half = found[n] // 2 // _SHORTEST * _SHORTEST or _SHORTEST
        found[n : n + 1] = [found[n] - half, half]
    return tuple(found)


def sung(words: Sequence[Sequence[str]], bar: int, notes: Sequence[Note]) -> dict[int, str]:
    """Onsets at which syllables are sung; of bars with fewer notes than syllables the last note has the rest.

    Parameters
    ----------
    words : sequence of sequence of str
        By bar, as :func:`verse` gives them.
    bar : int
        Ticks of a bar.
    notes : sequence of Note
        The melody's, in order.
    """
    found: dict[int, str] = {}
    for number, own in enumerate(words):
        onsets = sorted({n.onset for n in notes if n.onset // bar == number})
        for onset, each in zip(onsets, own, strict=False):
            found[onset] = each
        if onsets and len(own) > len(onsets):
            found[onsets[-1]] = "".join(own[len(onsets) - 1 :]).replace("-", "")
    return found
