"""Folding: a line into words as they are meant, each with its place in the line.

Undone are compatibility forms (NFKC), case, diacritics, invisible characters, look-alike letters of
another script, digits and signs in place of letters, letters set apart, and drawn-out letters.
"""

import re
import unicodedata
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from itertools import product
from typing import Final

CYRILLIC: Final = dict(zip("асеіјорԛѕԝхукмтвнһԁгп", "aceijopqswxykmtbhhdrn", strict=True))
"""Cyrillic letters by the Latin ones that they look like."""
GREEK: Final = dict(zip("αεικνορτυχωβη", "aeikvoptuxwbn", strict=True))
_SAME_SHAPE: Final = dict(zip("aceopxykmtbh", "асеорхукмтвн", strict=True))
"""Latin letters by the Cyrillic ones."""
_LEET: Final = {
    "0": "o", "1": "il", "2": "z", "3": "e", "4": "a", "5": "s", "6": "g", "7": "t", "8": "b",
    "9": "g", "@": "a", "$": "s", "!": "i", "|": "il", "€": "e", "£": "l", "+": "t",
}  # fmt: skip
_LEET_CYRILLIC: Final = {"0": "о", "1": "и", "3": "з", "4": "ч", "6": "б", "@": "а"}
_PLAIN: Final = str.maketrans(
    {"ı": "i", "ł": "l", "ø": "o", "đ": "d", "æ": "ae", "œ": "oe", "ð": "d", "þ": "th"}
)
_SIGNS: Final = "@$!|€£+*"
_CHUNK: Final = re.compile(r"\S+")
_PIECE: Final = re.compile(rf"[\w{re.escape(_SIGNS)}]+")
_APOSTROPHE: Final = re.compile(r"['’`]")
_VOWELS: Final = "uiaeo"
_MOST_VARIANTS: Final = 12
_LEAST_SPELT: Final = 3
_LONGEST_JOINED: Final = 24
_LONGEST_VARIED: Final = 30


@dataclass(frozen=True)
class Word:
    """A word of a line.

    Parameters
    ----------
    forms : tuple of str
        What it may be, folded; the first is it as written.
    start, end : int
        Its place in the line as given: characters, end excluded.
    evades : bool
        It was written in a way that hides it.
    """

    forms: tuple[str, ...]
    start: int
    end: int
    evades: bool = False


def fold(text: str) -> str:
    """Fold compatibility forms, case, diacritics and invisible characters away.

    >>> fold("ＳＣＨÖＮ\u200b")
    'schon'
    """
    plain = unicodedata.normalize("NFD", unicodedata.normalize("NFKC", text).casefold())
    kept = (each for each in plain if unicodedata.category(each) not in {"Mn", "Me", "Cf", "Cc"})
    return "".join(kept).translate(_PLAIN)


def words_of(line: str) -> list[Word]:
    """Return the words of one line in order; words that others make up come after their parts."""
    latin = sum(each.isascii() and each.isalpha() for each in line)
    is_latin = 2 * latin > sum(each.isalpha() for each in line)
    words: list[Word] = []
    for chunk in _CHUNK.finditer(line):
        words += _words_of_chunk(chunk.group(), chunk.start(), is_latin)
    return _with_spelt(words)


def in_order(words: Sequence[Word]) -> list[Word]:
    """Return words without those that others, set apart, may spell."""
    return [word for word in words if not word.evades or len(word.forms) > 1]


def _words_of_chunk(chunk: str, at: int, is_latin: bool) -> list[Word]:
    if not chunk.isascii() and any(unicodedata.category(each) == "Cf" for each in chunk):
        pieces = _around_invisible(chunk, at)
    else:
        pieces = [
            (part.group(), at + part.start(), at + part.end()) for part in _PIECE.finditer(chunk)
        ]
    words = [_word(text, start, end, is_latin) for text, start, end in pieces]
    joined = "".join(text for text, _, _ in pieces)
    if len(pieces) > 1 and len(joined) <= _LONGEST_JOINED:
        whole = _word(joined, pieces[0][1], pieces[-1][2], is_latin)
        words.append(
            Word(whole.forms, whole.start, whole.end, evades=not _APOSTROPHE.search(chunk))
        )
    return words


def _around_invisible(chunk: str, at: int) -> list[tuple[str, int, int]]:
    """Take a chunk with invisible characters for one word without them."""
    seen = [n for n, each in enumerate(chunk) if _PIECE.match(each)]
    if not seen:
        return []
    text = "".join(chunk[n] for n in seen)
    return [(text, at + seen[0], at + seen[-1] + 1)]


def _word(text: str, start: int, end: int, is_latin: bool) -> Word:
    bare = text.rstrip("!|+*") or text
    forms = _forms(bare, is_latin)
    return Word(forms, start, end - (len(text) - len(bare)), evades=len(forms) > 1)


@lru_cache(maxsize=50_000)
def _forms(text: str, is_latin: bool) -> tuple[str, ...]:
    """Return what a word may be."""
    written = fold(text)
    if len(text) > _LONGEST_VARIED or written.isdecimal():
        return (written,)
    alike = _one_script(written, is_latin)
    forms = [alike] if alike != written else [written]
    forms += [each for form in list(forms) for each in _unleeted(form)]
    forms += [each for form in list(forms) for each in _undrawn(form)]
    unique = list(dict.fromkeys([written, *forms]))
    return tuple(unique[:_MOST_VARIANTS])


def _one_script(word: str, is_latin: bool) -> str:
    """Turn look-alikes into the script that the rest of the word, or of the line, is in."""
    if word.isascii():
        return word
    has_latin = any("a" <= each <= "z" for each in word)
    alien = [each for each in word if each.isalpha() and not "a" <= each <= "z"]
    look_alike = CYRILLIC | GREEK
    if (has_latin or is_latin) and all(each in look_alike for each in alien):
        return "".join(look_alike.get(each, each) for each in word)
    if has_latin and any("а" <= each <= "я" for each in alien):
        return "".join(_SAME_SHAPE.get(each, each) for each in word)
    return word


def _unleeted(word: str) -> list[str]:
    """Read digits and signs among letters as letters; an asterisk may be any vowel."""
    if not any(each.isalpha() for each in word):
        return []
    forms = []
    if any("а" <= each <= "я" for each in word):
        forms.append("".join(_LEET_CYRILLIC.get(each, each) for each in word))
        forms.append(re.sub(r"\d", "", word))
    elif any(each in _LEET for each in word):
        choices = [_LEET.get(each, each) for each in word[:_LONGEST_VARIED]]
        most = [each if n < 1 else each[0] for n, each in _doubtful(choices)]
        forms += ["".join(each) for each in product(*most)]
    forms += [
        re.sub(r"\*", vowel, form) for form in (forms or [word]) if "*" in form for vowel in _VOWELS
    ]
    forms += [form.replace("**", "uc") for form in (word,) if "**" in form]
    forms += [re.sub(r"(?<=[^aeiou])v(?=[^aeiou])", "u", form) for form in (word,) if "v" in form]
    return [form for form in forms if form != word and form.isalpha()]


def _doubtful(choices: list[str]) -> list[tuple[int, str]]:
    """Number the letters that may be two, so that only the first is tried both ways."""
    seen, numbered = 0, []
    for each in choices:
        numbered.append((seen if len(each) > 1 else 0, each))
        seen += len(each) > 1
    return numbered


def _undrawn(word: str) -> list[str]:
    """Shorten what is drawn out."""
    if not re.search(r"(.)\1\1", word):
        return []
    return [re.sub(r"(.)\1\1+", r"\1", word), re.sub(r"(.)\1\1+", r"\1\1", word)]


def _with_spelt(words: list[Word]) -> list[Word]:
    """Put a word behind every run of single letters, which it may be spelt with."""
    result: list[Word] = []
    run: list[Word] = []
    for word in [*words, Word(("",), -1, -1)]:
        if word.evades and len(run) > 1 and run[0].start == word.start:
            continue  # the run itself, joined already
        if len(word.forms[0]) == 1:
            run.append(word)
            continue
        result += run + _spelt(run)
        run = []
        if word.start >= 0:
            result.append(word)
    return result


def _spelt(run: list[Word]) -> list[Word]:
    if len(run) < _LEAST_SPELT:
        return []
    last = len(run)
    spans = [(0, last), (1, last), (0, last - 1)]  # an article may stand before or after
    return [
        Word(
            ("".join(each.forms[0] for each in run[a:b]),),
            run[a].start,
            run[b - 1].end,
            evades=True,
        )
        for a, b in spans
        if b - a >= _LEAST_SPELT
    ]
