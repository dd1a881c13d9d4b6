"""Countries by name and by code, in the reader's language: people don't know ISO 3166."""

import re
import unicodedata
from collections.abc import Collection, Sequence
from functools import cache
from typing import Final

from babel import Locale

from scanner.declarations import DeclarationError, countries

MOST_NAMED: Final = 12
"""Countries that are named one by one; of more, those that are missing are, or they are counted."""


def read(text: str, language: str, field: str) -> list[str]:
    """Return the codes of the countries in a text, by name or by code, with commas or lines between them.

    Raises
    ------
    DeclarationError
        Naming the first that is none.
    """
    found = []
    for part in re.split(r"[,;\n]", text):
        name = part.strip()
        if not name:
            continue
        code = name.upper() if name.upper() in countries() else _codes(language).get(_plain(name))
        if code is None:
            raise DeclarationError([{"field": field, "detail": name[:60]}])
        found.append(code)
    return sorted(set(found))


def names(codes: Collection[str], language: str) -> list[str]:
    """Return what countries are called, in order of their names."""
    known = Locale.parse(language).territories
    return sorted((str(known.get(code, code)) for code in codes), key=_plain)


def missing(codes: Collection[str]) -> list[str]:
    """Return the countries that are not named."""
    return sorted(countries() - set(codes))


@cache
def _codes(language: str) -> dict[str, str]:
    known = Locale.parse(language).territories
    return {_plain(str(known.get(code, code))): code for code in sorted(countries())}


def _plain(name: str) -> str:
    decomposed: Sequence[str] = unicodedata.normalize("NFKD", name.casefold())
    return "".join(each for each in decomposed if not unicodedata.combining(each))
