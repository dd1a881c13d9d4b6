"""What the studio calls instruments, moods, genres and keys, and why a take is as it is: messages of the PO files.

The generator writes its reasons in English and a take keeps them so: they are told by their patterns.
"""

import re
from collections.abc import Callable, Mapping, Sequence
from functools import cache
from typing import Final

from scanner.console.holder_words import _
from scanner.console.languages import words

STEMS: Final = (
    _("piano"),
    _("electric piano"),
    _("harpsichord"),
    _("glockenspiel"),
    _("vibraphone"),
    _("marimba"),
    _("organ"),
    _("accordion"),
    _("acoustic guitar"),
    _("electric guitar"),
    _("distorted guitar"),
    _("banjo"),
    _("double bass"),
    _("electric bass"),
    _("synth bass"),
    _("violin"),
    _("viola"),
    _("cello"),
    _("harp"),
    _("strings"),
    _("choir"),
    _("trumpet"),
    _("trombone"),
    _("french horn"),
    _("saxophone"),
    _("oboe"),
    _("bassoon"),
    _("clarinet"),
    _("flute"),
    _("recorder"),
    _("synth lead"),
    _("synth pad"),
    _("drums"),
    _("bass"),
    _("guitar"),
    _("keys"),
    _("percussion"),
    _("vocals"),
    _("voice"),
    _("other"),
    _("mix"),
)
MOODS_AND_GENRES: Final = (
    _("calm"),
    _("happy"),
    _("dark"),
    _("dreamy"),
    _("energetic"),
    _("epic"),
    _("sad"),
    _("playful"),
    _("tense"),
    _("romantic"),
    _("mysterious"),
    _("angry"),
    _("hopeful"),
    _("nostalgic"),
    _("solemn"),
    _("classical"),
    _("electronic"),
    _("cinematic"),
    _("ballad"),
    _("waltz"),
    _("march"),
    _("latin"),
    _("lullaby"),
    _("celtic"),
    _("baroque"),
)
MODES: Final = (
    _("%(tonic)s major"),
    _("%(tonic)s minor"),
    _("%(tonic)s dorian"),
    _("%(tonic)s phrygian"),
    _("%(tonic)s lydian"),
    _("%(tonic)s mixolydian"),
)
WHY: Final[Mapping[str, str]] = {
    "as asked": _("as asked"),
    "as in the MIDI given": _("as in the MIDI given"),
    "usual for most music": _("usual for most music"),
    "usual for %(count)s bars": _("usual for %(count)s bars"),
    "usual for %(genre)s": _("usual for %(genre)s"),
    "a small mixed ensemble": _("a small mixed ensemble"),
    "%(count)s bars hold no more sections": _("%(count)s bars hold no more sections"),
    "no words are set here: the notes of the MIDI given are kept": _(
        "no words are set here: the notes of the MIDI given are kept"
    ),
    "no words are set here: nobody plays a melody": _(
        "no words are set here: nobody plays a melody"
    ),
    "a line a phrase, a note a syllable; %(count)s find no room in so many bars": _(
        "a line a phrase, a note a syllable; %(count)s find no room in so many bars"
    ),
    "a line a phrase, a note a syllable": _("a line a phrase, a note a syllable"),
    "its notes are kept, harmonised a chord a bar": _(
        "its notes are kept, harmonised a chord a bar"
    ),
    "the first of %(count)s in the MIDI given": _("the first of %(count)s in the MIDI given"),
    "the twelve bars of a blues": _("the twelve bars of a blues"),
    "bars win over seconds: %(count)s bars last %(seconds)s s": _(
        "bars win over seconds: %(count)s bars last %(seconds)s s"
    ),
    "whole bars nearest to %(seconds)s s": _("whole bars nearest to %(seconds)s s"),
    "between %(low)s and %(high)s for: no mood or genre named": _(
        "between %(low)s and %(high)s, since no mood or genre is named"
    ),
    "between %(low)s and %(high)s for: %(words)s": _("between %(low)s and %(high)s for: %(words)s"),
    "%(mode)s is one of the modes for: no mood named": _(
        "one of the usual modes, since no mood is named"
    ),
    "%(mode)s is one of the modes for: %(words)s": _("one of the modes for: %(words)s"),
    "%(count)s syllables": _("%(count)s syllables"),
    "left out": _("left out"),
}
"""By the pattern in which the generator says it, narrower ones first."""
NO_MELODY: Final[Mapping[str, str]] = {
    message: message
    for message in (
        _("it can't be read (%(error)s); save it anew"),
        _("write a file of type 0 or 1 with ticks a quarter note"),
        _("it has %(count)s tracks: %(most)s at most"),
        _("it has no notes but drums: give one with a melody"),
        _("it lasts longer than %(seconds)s s: give a part of it"),
        _("it has more than %(count)s notes: give the melody alone"),
        _("it has more than %(count)s bytes: give the melody alone"),
    )
}
"""Why a MIDI file is no melody to build on."""
_LETTERS: Final[Mapping[str, str]] = {
    "de": "CDEFGAH",
    "fr": "Do Ré Mi Fa Sol La Si",
    "es": "Do Re Mi Fa Sol La Si",
}
_SIGNS: Final[Mapping[str, Mapping[str, str]]] = {
    "de": {"#": "is", "b": "es"},
    "fr": {"#": " dièse", "b": " bémol"},
    "es": {"#": " sostenido", "b": " bemol"},
}
_GERMAN: Final[Mapping[str, str]] = {"Hes": "B", "Aes": "As", "Ees": "Es"}
_CHROMATIC: Final = ("C", "C#", "D", "D#", "E", "F", "F#", "G", "G#", "A", "A#", "B")
_KEY: Final = re.compile(r"([A-G])([#b]?) (\w+)")


def stem(name: str, language: str) -> str:
    """Return what a stem is called; of several alike each keeps its number."""
    kind, number = re.fullmatch(r"(.*?)( \d+)?", name, re.DOTALL).groups("")  # type: ignore[union-attr]
    return words(language).gettext(kind) + number if kind in STEMS else name


def key(name: str, language: str) -> str:
    """Return what a key is called: D minor is d-Moll, ré mineur, re menor."""
    found = _KEY.fullmatch(name)
    pattern = f"%(tonic)s {found[3]}" if found else ""
    if not found or pattern not in MODES or language not in _LETTERS:
        return name
    letters = _LETTERS[language].split() if " " in _LETTERS[language] else _LETTERS[language]
    tonic = letters["CDEFGAB".index(found[1])] + _SIGNS[language].get(found[2], "")
    tonic = _GERMAN.get(tonic, tonic)
    if language != "de" or found[3] == "minor":
        tonic = tonic.lower()
    return words(language).gettext(pattern) % {"tonic": tonic}


def value(field: str, text: str, language: str) -> str:
    """Return a field of a take as people say it."""
    if field == "key":
        return key(text, language)
    if field in {"instruments", "without"}:
        return ", ".join(stem(each, language) for each in text.split(", "))
    return why(text, language)


def pitch(number: int, language: str) -> str:
    """Return what a note of MIDI is called, middle C as C4."""
    letter, sign = _CHROMATIC[number % 12].partition("#")[:2]
    if language in _LETTERS:
        own = _LETTERS[language].split() if " " in _LETTERS[language] else _LETTERS[language]
        letter, sign = own["CDEFGAB".index(letter)], _SIGNS[language].get(sign, "")
    return f"{letter}{sign}{' ' if ' ' in sign else ''}{number // 12 - 1}"


def melody_trouble(text: str, language: str) -> str:
    """Return in a language why a file is no melody."""
    return _by_pattern(text, _patterns_of_melodies(), language) or text


def why(text: str, language: str) -> str:
    """Return a reason in a language; one that is not known as it is."""
    say = words(language).gettext
    if text in MOODS_AND_GENRES:
        return say(text)
    return _by_pattern(text, _patterns(), language) or text


def _by_pattern(
    text: str, patterns: Sequence[tuple[re.Pattern[str], str]], language: str
) -> str | None:
    say = words(language).gettext
    for pattern, message in patterns:
        if found := pattern.fullmatch(text):
            return say(message) % {
                name: _said(name, part, say) for name, part in found.groupdict().items()
            }
    return None


def _said(name: str, part: str, say: Callable[[str], str]) -> str:
    """Say the moods and genres in a reason; figures stay."""
    if name not in {"words", "genre"}:
        return part
    if part in MOODS_AND_GENRES:
        return say(part)
    return ", ".join(
        say(each) if each in MOODS_AND_GENRES else each for each in part.replace(",", "").split()
    )


@cache
def _patterns() -> list[tuple[re.Pattern[str], str]]:
    return _compiled(WHY)


@cache
def _patterns_of_melodies() -> list[tuple[re.Pattern[str], str]]:
    return _compiled(NO_MELODY)


def _compiled(told: Mapping[str, str]) -> list[tuple[re.Pattern[str], str]]:
    return [
        (re.compile(re.sub(r"%\\\((\w+)\\\)s", r"(?P<\1>.+?)", re.escape(each))), message)
        for each, message in told.items()
    ]
