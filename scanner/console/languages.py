"""The console's four languages: which one a reader wants, and its words from the PO files."""

from collections.abc import Mapping
from functools import cache
from pathlib import Path
from typing import Final

from babel import Locale, UnknownLocaleError, negotiate_locale
from babel.messages.pofile import read_po

LANGUAGES: Final[Mapping[str, str]] = {
    "en": "English",
    "de": "Deutsch",
    "fr": "Français",
    "es": "Español",
}
FOLDER: Final = Path(__file__).parent / "locale"


def files(language: str) -> list[Path]:
    """Return a language's PO files, one an area of the console; English has none: it is the messages themselves."""
    return sorted((FOLDER / language).glob("*.po"))


class Words:
    """A language's messages, from its PO files as they are: nothing need be compiled before it can be installed."""

    def __init__(self, language: str) -> None:
        self._messages: dict[str, str] = {}
        self._plurals: dict[str, tuple[str, str]] = {}
        self._plural_of = Locale.parse(language).plural_form
        for path in files(language):
            self._add(path, language)

    def _add(self, path: Path, language: str) -> None:
        with path.open("rb") as file:
            for message in read_po(file, locale=language):
                match message.id, message.string:
                    case (str(singular), _), (str(one), str(many)):
                        self._plurals[singular] = (one, many)
                    case str(singular), str(text) if singular:
                        self._messages[singular] = text

    def gettext(self, message: str) -> str:
        """Return a message's words."""
        return self._messages.get(message) or message

    def ngettext(self, singular: str, plural: str, count: int) -> str:
        """Return the words for so many."""
        one, many = self._plurals.get(singular, (singular, plural))
        return one if self._plural_of(count) == "one" else many


@cache
def words(language: str) -> Words:
    """Return a language's words."""
    return Words(language)


def wanted(accept: str | None) -> str:
    """Return the language that a browser likes best of those there are (RFC 9110, 12.5.4)."""
    ranked: list[tuple[float, int, str]] = []
    for place, part in enumerate((accept or "").split(",")[:20]):
        tag, _, weight = part.strip().partition(";q=")
        try:
            ranked.append((-float(weight or 1), place, tag.replace("-", "_")))
        except ValueError:
            continue
    tags = [tag for weight, _, tag in sorted(ranked) if weight]
    try:
        found = negotiate_locale(tags, list(LANGUAGES))
    except (ValueError, UnknownLocaleError):
        found = None
    return found or "en"
