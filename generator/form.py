"""Form: sections of phrases, so many bars exactly."""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from generator.errors import InvalidRequestError

PARTS: Final = {"intro": "I", "verse": "A", "chorus": "B", "bridge": "C", "outro": "O"}
_PHRASE: Final = 4


@dataclass(frozen=True)
class Section:
    """Part of a form.

    Parameters
    ----------
    letter : str
        Sections of one letter share their material.
    occurrence : int
        0 where the letter stands first.
    first_bar, bars : int
    """

    letter: str
    occurrence: int
    first_bar: int
    bars: int

    @property
    def phrases(self) -> tuple[int, ...]:
        """Bars of its phrases: fours, and what is left."""
        rest, found = self.bars, []
        while rest > _PHRASE + 1:
            found.append(_PHRASE)
            rest -= _PHRASE
        return (*found, rest)


def letters_of(form: str) -> str:
    """One letter a section of ``AABA`` or ``intro-verse-chorus``.

    Raises
    ------
    InvalidRequestError
        If it is neither.
    """
    if re.fullmatch(r"[A-HIO]{1,24}", form):
        return form
    words = re.split(r"[-,\s]+", form.strip().lower())
    if len(words) <= 24 and all(word in PARTS for word in words):
        return "".join(PARTS[word] for word in words)
    raise InvalidRequestError(
        f"{form!r} is no form: write letters as AABA, or {', '.join(PARTS)} joined by hyphens"
    )


def usual(bars: int) -> str:
    """The form of so many bars where none is asked for."""
    if bars < 12:
        return "A"
    if bars < 16 or 24 <= bars < 32:
        return "ABA"
    if bars < 24:
        return "AABA"
    count = max(4, round(bars / 8))
    return ("AABA" + "CABA" * (count // 4))[:count]


def sections(letters: str, bars: int) -> tuple[Section, ...]:
    """Sections whose bars are so many exactly; those of one letter are equally long if they can.

    Sections get whole phrases of four bars as far as that goes; the last gets what is left over. Of
    more sections than bars the last are left out.
    """
    letters = letters[:bars]
    lengths = _lengths(letters, bars)
    found: list[Section] = []
    start = 0
    for letter, length in zip(letters, lengths, strict=True):
        before = sum(each.letter == letter for each in found)
        found.append(Section(letter, before, start, length))
        start += length
    return tuple(found)


def _lengths(letters: str, bars: int) -> Sequence[int]:
    count = len(letters)
    unit = _PHRASE if bars >= _PHRASE * count else 2 if bars >= 2 * count else 1
    lengths = [unit] * count
    rest = bars - unit * count
    inner = [n for n, letter in enumerate(letters) if letter not in "IO"] or list(range(count))
    while rest >= unit * len(inner):
        for n in inner:
            lengths[n] += unit
        rest -= unit * len(inner)
    for n in inner:
        if rest >= unit:
            lengths[n] += unit
            rest -= unit
    lengths[-1] += rest
    return lengths
