"""What was typed or asked wrongly, in the reader's language: an error's message by its template in the PO files.

An error of the service brings its template and its values (`scanner.wording.Told`). What comes as English already,
from packages that do not know the service, from a decoder's process, from pydantic, or from a row that was kept,
is known by the template that it fits.
"""

import re
from collections.abc import Mapping
from functools import cache
from typing import Any, Final

from babel.messages.pofile import read_po

from scanner.console import languages
from scanner.console.error_terms import TERMS
from scanner.console.holder_words import WRONG, _
from scanner.console.music_words import MOODS_AND_GENRES, STEMS
from scanner.wording import Told, filled

AREA: Final = "errors.po"
ELSEWHERE: Final = (*WRONG, _("until %(day)s"))
"""Messages of errors that stand in another area's file."""
LONGEST: Final = 1000
"""Characters of a text that is held against the templates."""
FIELDS: Final[Mapping[str, str]] = {
    "title": _("Title"),
    "name": _("Name"),
    "policy": _("On a match"),
    "territories": _("Where that holds"),
    "territory": _("Territory"),
    "contributors": _("Who made it"),
    "percent": _("Percent"),
    "email": _("E-mail"),
    "file": _("File"),
    "reason": _("Reason"),
    "text": _("Text"),
    "lyrics": _("Lyrics"),
    "tempo": _("Tempo"),
    "key": _("Musical key"),
    "metre": _("Metre"),
    "bars": _("Bars"),
    "seconds": _("Seconds"),
    "form": _("Form"),
    "genre": _("Genre"),
    "moods": _("Mood"),
    "instruments": _("Instruments"),
    "without": _("Without"),
    "chords": _("Chords"),
    "melody_midi": _("Melody"),
    "isrc": "ISRC",
    "iswc": "ISWC",
}
"""What forms call a field."""
_NAMED: Final[Mapping[str, str]] = {
    **{each: each for each in (*STEMS, *MOODS_AND_GENRES)},
    **TERMS,
}
"""What is a word of the service's own, and no name that somebody gave."""
_JOINED: Final = _("%(field)s: %(told)s")
_PLACE: Final = re.compile(r"%\((\w+)\)s")
_FIELD: Final = re.compile(r"([a-z_]+(?:\.\w+)*): (.+)", re.DOTALL)


def in_words(text: str, language: str) -> str:
    """Return an error's message in a language; one that no template fits as it is."""
    if language == "en" or not text:
        return str(text)
    found = _known(text, language)
    return found if found is not None else _by_parts(text, language)


def label(field: str, language: str) -> str | None:
    """Return what forms call a field, or the one that it is a part of; None if none has it."""
    message = FIELDS.get(field.partition(".")[0])
    return languages.words(language).gettext(message) if message else None


def detail(error: Exception, members: Mapping[str, Any], language: str) -> str:
    """Return what a problem says of an error, which may have its own words by language."""
    texts: Mapping[str, str] = getattr(error, "texts", {})
    return texts.get(language) or in_words(members["detail"], language)


def _known(text: str, language: str) -> str | None:
    say = languages.words(language).gettext
    if isinstance(text, Told) and say(text.template) != text.template:
        return _filled(text.template, text.values, language)
    if text in _messages(language):
        return say(text)
    for pattern, template in _patterns(language) if len(text) <= LONGEST else ():
        if found := pattern.fullmatch(text):
            return _filled(template, found.groupdict(), language)
    return None


def _filled(template: str, values: Mapping[str, Any], language: str) -> str:
    said = {name: _value(value, language) for name, value in values.items()}
    return filled(languages.words(language).gettext(template), said)


def _value(value: object, language: str) -> str:
    """Say a value: words of the service as people do, what somebody typed as it is."""
    text = str(value)
    if isinstance(text, Told) or " " in text:
        known = _known(text, language) if text not in _NAMED else None
        if known is not None:
            return known
    parts = [text] if text in _NAMED else text.split(", ")
    if not all(each in _NAMED for each in parts):
        return text
    return ", ".join(languages.words(language).gettext(_NAMED[each]) for each in parts)


def _by_parts(text: str, language: str) -> str:
    """Say one after the other what was joined: several messages, or a field and its own."""
    parts = text.split("; ")
    if len(parts) > 1 and all(_part(each, language) for each in parts):
        return " ".join(_part(each, language) or each for each in parts)
    return _part(text, language) or text


def _part(text: str, language: str) -> str | None:
    known = _known(text, language)
    if known is not None:
        return known
    named = _FIELD.fullmatch(text)
    told = _known(named[2], language) if named else None
    if named is None or told is None:
        return None
    values = {"field": label(named[1], language) or named[1], "told": told}
    return filled(languages.words(language).gettext(_JOINED), values)


@cache
def _messages(language: str) -> frozenset[str]:
    with (languages.FOLDER / language / AREA).open("rb") as file:
        own = {message.id for message in read_po(file) if isinstance(message.id, str)}
    return frozenset({*own, *ELSEWHERE} - {"", _JOINED})


@cache
def _patterns(language: str) -> list[tuple[re.Pattern[str], str]]:
    """Return the templates that have values, those with the most words of their own first."""
    templates = [each for each in _messages(language) if _PLACE.search(each)]
    templates.sort(key=lambda each: (-len(_PLACE.sub("", each)), each))
    return [(_pattern(each), each) for each in templates]


def _pattern(template: str) -> re.Pattern[str]:
    """Return what fits a template, without going back: a place ends where the words after it first stand.

    If anything fits, that does, save where a value stands twice; going back would take up to the fourth power of
    the text's length.
    """
    first, *rest = _PLACE.split(template)
    places: list[str] = []
    names = rest[::2]
    for place, (name, words) in enumerate(zip(names, rest[1::2], strict=True)):
        if name in names[:place]:
            places.append(f"(?P={name})" + re.escape(words))
        elif name == "expected_plural":
            places[-1] += f"(?P<{name}>s?)" + re.escape(words)
        else:
            places.append(f"(?P<{name}>.+?)" + re.escape(words))
    if len(set(names)) == len(names):
        places[:-1] = [f"(?>{each})" for each in places[:-1]]
    return re.compile(re.escape(first) + "".join(places), re.DOTALL)
