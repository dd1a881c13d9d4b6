"""Texts without what may name or reach somebody: addresses, numbers, names. Each pass takes time linear in the text.

What looks like a number to call is blacked out, and so is some that is none: better a word too many than a person.
"""

import re
import unicodedata
from collections.abc import Iterable, Sequence
from typing import Final

from stdnum import iban

REDACTED: Final = "[redacted]"
LONGEST_NAME: Final = 300
"""Characters of a name that are looked for as a whole; its words are looked for all the same."""
SHORTEST_WORD: Final = 3
"""Letters from which a word of a name is blacked out by itself."""
_TOKEN: Final = re.compile(r"[^\s<>]+")
_WORD: Final = re.compile(r"[^\W_]+")
_GAP: Final = r"[ \t\u00a0\u2007\u2009\u202f()\[\].\u00b7\u2022\-\u2010-\u2015/]{0,4}"
_DIGITS: Final = re.compile(rf"(?<!\w)(?<!\w-)[+\uff0b(\[]{{0,3}}\d(?:{_GAP}\d)*(?!\w)")
_DATE: Final = re.compile(
    r"(?:1[5-9]|20)\d\d(?: ?[-\u2010-\u2015/.] ?(?:(?:1[5-9]|20)\d\d|\d\d?(?:[-./]\d\d?)?))"
    r"|\d\d?[-./]\d\d?[-./](?:1[5-9]|20)\d\d"
)
_VANITY: Final = re.compile(
    r"(?<!\w)(?:\+?1[ .-]?)?8(?:00|33|44|55|66|77|88)[ .-][A-Z]{4,10}(?:-[A-Z]{2,10}){0,2}(?!\w)"
)
_TLD: Final = (
    "(?:com|net|org|info|biz|name|pro|io|me|co|tv|fm|eu|uk|de|at|ch|fr|be|lu|nl|es|pt|it|ie|pl|cz|dk|se|no|fi|gr|us"
    "|ca|mx|br|ar|au|nz|jp|kr|in|za|music|band|app|dev|page|site|online|blog|shop|example)"
)
_DOT: Final = (
    r"(?:\s?[(\[{]\s?(?:dot|punkt|point|punto|\.)\s?[)\]}]\s?|\s(?:dot|punkt|point|punto)\s|\.)"
)
_HOST: Final = rf"[\w-]{{1,63}}(?:{_DOT}[\w-]{{1,63}}){{0,3}}{_DOT}{_TLD}(?![\w-])"
_AT: Final = r"[(\[{]\s?(?:at|@|\u00e4t|arroba|arobase)\s?[)\]}]"
_HIDDEN: Final = re.compile(
    rf"(?i)(?<![\w.+-])[\w.+-]{{1,64}}(?:{_AT}[\w-]{{1,63}}(?:{_DOT}[\w-]{{1,63}}(?![\w-])){{0,3}}"
    rf"|\s{{0,2}}{_AT}\s{{0,2}}{_HOST}|\s(?:at|arroba|arobase)\s[\w-]{{1,63}}\s(?:dot|punkt|point|punto)\s{_TLD}(?!\w))"
)
"""Mail addresses that are written so that machines miss them; what has gaps needs a known end: titles have "(at)"."""
_DOMAIN: Final = re.compile(
    rf"(?i)(?<![\w.@-])(?:[\w-]{{1,63}}\.){{1,4}}{_TLD}(?![\w.-]*\w)(?:/[^\s<>]*)?"
)
_ACCOUNT: Final = re.compile(r"(?<![\w-])[A-Za-z]{2}\d\d(?:[ \u00a0-]?[A-Za-z0-9]){11,30}(?!\w)")
_SHORTEST_ACCOUNT: Final = 15
_FEWEST, _PLAIN = 7, 9
"""Digits of a number to call; of one that is written without gaps or prefix."""


def black_out(text: str, names: Iterable[str] = ()) -> str:
    """Return a text in which addresses, numbers to call and the names given are blacked out.

    Parameters
    ----------
    names : iterable of str
        Of people, and their addresses; each as a whole and by its words, in any case.
    """
    text = unicodedata.normalize("NFC", text)
    given = [unicodedata.normalize("NFC", each).strip()[:LONGEST_NAME] for each in names]
    words = _words(given)
    text = _HIDDEN.sub(REDACTED, text)
    text = _TOKEN.sub(_address, text)
    text = _DOMAIN.sub(lambda found: _domain(found[0], words), text)
    text = _ACCOUNT.sub(_account, text)
    text = _VANITY.sub(REDACTED, text)
    text = _DIGITS.sub(_number, text)
    for whole in sorted({each for each in given if each}, key=len, reverse=True):
        text = re.sub(rf"(?i){_alone(whole)}", REDACTED, text)
    return _WORD.sub(lambda found: REDACTED if found[0].casefold() in words else found[0], text)


def _alone(name: str) -> str:
    """Return the pattern of a name that is no part of a word; some scripts write words without gaps."""
    runs_on = len(name) > 1 and all(
        unicodedata.category(each) == "Lo" for each in (name[0], name[-1])
    )
    return re.escape(name) if runs_on else rf"(?<!\w){re.escape(name)}(?!\w)"


def _address(found: re.Match[str]) -> str:
    """Black out what is an address, of a person or a page."""
    token = found[0].lower()
    is_one = "@" in token or "://" in token or token.lstrip("(\"'\u201c").startswith("www.")
    return REDACTED if is_one else found[0]


def _domain(domain: str, words: frozenset[str]) -> str:
    """Black out a domain that leads to somebody: with a path, as profiles have, or with a part of a name."""
    host = domain.partition("/")[0].casefold()
    path = domain[len(host) :].strip("/.,;:!?)\"'")
    named = any(len(word) > SHORTEST_WORD and word in host for word in words)
    return REDACTED if path or named else domain


def _account(found: re.Match[str]) -> str:
    """Black out a bank account's number, by its check digits (ISO 13616); what stands behind it is kept."""
    text = found[0]
    ends = [*(each.start() for each in re.finditer(r"[^A-Za-z0-9]", text)), len(text)]
    for end in reversed(ends):
        if end >= _SHORTEST_ACCOUNT and iban.is_valid(text[:end].replace("\u00a0", " ")):
            return REDACTED + text[end:]
    return text


def _number(found: re.Match[str]) -> str:
    """Black out a number that can be called; a date or some years are none."""
    text = found[0]
    digits = sum(each.isdigit() for each in text)
    if digits < _FEWEST or _DATE.fullmatch(text.strip("() ")):
        return text
    plain = text.isdigit() and not text.startswith("0")
    return text if plain and digits < _PLAIN else REDACTED


def _words(names: Sequence[str]) -> frozenset[str]:
    """Return the words of names by which somebody is known; of a mail address those before the @."""
    said = (each.partition("@")[0] for each in names)
    words = (word.casefold() for each in said for word in _WORD.findall(each))
    return frozenset({word for word in words if len(word) >= SHORTEST_WORD} - {"redacted"})
