"""Reading a prompt: what each part of it means, and what is left over.

Fields are read one after another, the least ambiguous first, and what was read is taken out of the text: the
``3/4`` of a metre is no number of bars, the ``la`` of ``la mineur`` no article.
"""

import re
import unicodedata
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import Any, Final

import yaml

from generator.keys import key_of
from generator.metre import METRES
from generator.prompts.numbers import NUMBERS
from generator.request import MOST_STEMS, Request

_VOCABULARY: Final = Path(__file__).parent / "vocabulary.yaml"
_ENDINGS: Final = "(?:s|e|er|es|en|em|n|a|o|as|os)?"
_LONG: Final = 5
_LOUD_GENRES: Final = ("rock", "metal", "funk", "blues", "reggae")
"""In which a guitar is an electric one."""
_SOLFEGE: Final = {"do": "C", "re": "D", "mi": "E", "fa": "F", "sol": "G", "la": "A", "si": "B"}
_SIGNS: Final = {
    "#": "#", "sharp": "#", "diese": "#", "sostenido": "#",
    "b": "b", "flat": "b", "bemol": "b",
}  # fmt: skip
_GERMAN: Final = {
    "c": "C", "d": "D", "e": "E", "f": "F", "g": "G", "a": "A", "h": "B", "b": "Bb",
    "cis": "C#", "dis": "D#", "fis": "F#", "gis": "G#", "ais": "A#",
    "des": "Db", "es": "Eb", "ges": "Gb", "as": "Ab",
}  # fmt: skip


@dataclass(frozen=True)
class Span:
    """Part of a prompt and what it was taken for.

    Parameters
    ----------
    start, end : int
        Characters of the prompt.
    field, value : str
    """

    start: int
    end: int
    field: str
    value: str


@dataclass(frozen=True)
class Understood:
    """What was read in a prompt.

    Parameters
    ----------
    fields : dict
        Fields of a request.
    spans : tuple of Span
        Where each was read, in order.
    unread : tuple of str
        Words that meant nothing to the reader: to be shown to whoever wrote them.
    """

    fields: dict[str, Any]
    spans: tuple[Span, ...]
    unread: tuple[str, ...]

    def completed(self, request: Request) -> Request:
        """The request with the prompt's fields where it leaves them open."""
        given = request.model_dump()
        read = {name: value for name, value in self.fields.items() if not given[name]}
        if request.bars or request.seconds:
            read.pop("bars", None)
            read.pop("seconds", None)
        unwanted = {*request.without, *(self.fields.get("without") or ())}
        excluded = unwanted - set(request.instruments)
        if "instruments" in read:
            kept = [each for each in read["instruments"] if each not in excluded]
            read["instruments"] = tuple(kept[:MOST_STEMS])
        if excluded:
            read["without"] = tuple(sorted(excluded))
        return Request(**{**given, **read})


def understood(prompt: str) -> Understood:
    """Read a prompt; every text can be read, if only as words that say nothing."""
    text = _Text(prompt)
    for step in _STEPS:
        step(text)
    _settle_guitars(text)
    return Understood(
        text.fields, tuple(sorted(text.spans, key=lambda each: each.start)), text.unread()
    )


@dataclass
class _Text:
    """A prompt while it is read: plain letters of the same length, read parts blanked out."""

    prompt: str
    rest: str = ""
    fields: dict[str, Any] = field(default_factory=dict)
    spans: list[Span] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.rest = "".join(_plain(character) for character in self.prompt)

    def take(self, found: re.Match[str], name: str, value: Any) -> None:
        """Note a field, unless it is read already, and blank its words out."""
        start, end = found.span()
        self.spans.append(Span(start, end, name, str(value)))
        self.rest = self.rest[:start] + " " * (end - start) + self.rest[end:]
        self.fields.setdefault(name, value)

    def add(self, found: re.Match[str], name: str, value: str, times: int = 1) -> None:
        """Note an item of a list."""
        kept = self.fields.get(name, ())
        self.take(found, name, value)
        again = value in kept and times == 1
        self.fields[name] = kept if again else (*kept, *[value] * times)

    def unread(self) -> tuple[str, ...]:
        """Words left over that are not mere filling."""
        plain = _words()["plain"]
        found = []
        for each in re.finditer(r"[^\W_][\w'’-]*", self.rest):
            if each[0] not in plain:
                found.append(self.prompt[each.start() : each.end()])
        return tuple(found)


def _plain(character: str) -> str:
    """One letter for one letter: lower case, no accent."""
    base = unicodedata.normalize("NFD", character)[0].lower()
    return "'" if base == "’" else base if len(base) == 1 else character


@cache
def _words() -> dict[str, Any]:
    read: dict[str, Any] = yaml.safe_load(_VOCABULARY.read_text("utf-8"))
    return {**read, "plain": frozenset(read["plain"])}


def _pattern(word: str) -> str:
    own = re.escape(word).replace(r"\ ", r"[\s-]+")
    return own + (_ENDINGS if len(word) >= _LONG else "")


@cache
def _named(group: str) -> tuple[re.Pattern[str], dict[str, str]]:
    """A pattern of all words of a group, longest first, and what each group of it means."""
    rows = [(word, str(meaning)) for meaning, words in _words()[group].items() for word in words]
    rows.sort(key=lambda row: -len(row[0]))
    names = {f"w{n}": meaning for n, (_, meaning) in enumerate(rows)}
    every = "|".join(f"(?P<w{n}>{_pattern(word)})" for n, (word, _) in enumerate(rows))
    return re.compile(rf"(?<![\w'])(?:{every})(?!\w)"), names


def _meaning(found: re.Match[str], names: dict[str, str]) -> str:
    return names[next(n for n, text in found.groupdict().items() if text and n in names)]


@cache
def _alternatives(group: str, kind: str | None = None) -> str:
    words = _words()[group] if kind is None else _words()[group][kind]
    return "|".join(_exact(word) for word in sorted(words, key=len, reverse=True))


def _exact(word: str) -> str:
    return re.escape(word).replace(r"\ ", r"\s+")


@cache
def _number() -> str:
    words = sorted(NUMBERS, key=len, reverse=True)
    return r"(?:\d+(?:[.,]\d+)?|" + "|".join(_exact(word) for word in words) + ")"


def _value(text: str) -> float:
    own = re.sub(r"\s+", " ", text.strip())
    return float(NUMBERS[own]) if own in NUMBERS else float(own.replace(",", "."))


def _metre(text: _Text) -> None:
    for found in re.finditer(r"(?<![\d/])(\d{1,2})\s?/\s?([248])(?![\d/])(?:-?takt)?", text.rest):
        metre = f"{found[1]}/{found[2]}"
        if metre in METRES:
            text.take(found, "metre", metre)
    pattern, names = _named("metres")
    for word in list(pattern.finditer(text.rest)):
        text.take(word, "metre", _meaning(word, names))


def _key(text: _Text) -> None:
    modes = "|".join(
        _exact(word) + "(?:e|er|es|en)?" for words in _words()["modes"].values() for word in words
    )
    solfege, signs = "|".join(_SOLFEGE), "|".join(_SIGNS)
    german = "|".join(sorted(_GERMAN, key=len, reverse=True))
    patterns: tuple[tuple[str, Callable[[re.Match[str]], str]], ...] = (
        (
            rf"(?<!\w)(?P<tonic>{solfege})[\s-]*(?P<sign>{signs})?[\s-]+(?P<mode>{modes})(?!\w)",
            lambda m: _SOLFEGE[m["tonic"]] + _SIGNS.get(m["sign"] or "", ""),
        ),
        (
            rf"(?<!\w)(?P<tonic>{german})[\s-]+(?P<mode>dur|moll|\w+isch(?:e|er|es|en)?)(?!\w)",
            lambda m: _GERMAN[m["tonic"]],
        ),
        (
            rf"(?<!\w)(?P<tonic>[a-g])[\s-]*(?P<sign>{signs}|♯|♭)?[\s-]+(?P<mode>{modes})(?!\w)",
            lambda m: m["tonic"].upper() + {"♯": "#", "♭": "b"}.get(m["sign"], _SIGNS.get(m["sign"] or "", "")),
        ),
    )  # fmt: skip
    for pattern, tonic in patterns:
        for found in re.finditer(pattern, text.rest):
            mode = _mode(found["mode"])
            if mode:
                text.take(found, "key", str(key_of(f"{tonic(found)} {mode}")))
    if found_major := re.search(r"\bkey of ([a-g])\s?(#|b|sharp|flat)?(?!\w)", text.rest):
        sign = _SIGNS.get(found_major[2] or "", "")
        text.take(found_major, "key", str(key_of(f"{found_major[1].upper()}{sign} major")))


def _mode(word: str) -> str | None:
    for mode, words in _words()["modes"].items():
        if any(re.fullmatch(_exact(each) + "(?:e|er|es|en)?", word) for each in words):
            return str(mode)
    return None


def _seconds(text: _Text) -> None:
    number = _number()
    seconds, minutes = _alternatives("units", "seconds"), _alternatives("units", "minutes")
    rows: tuple[tuple[str, Callable[[re.Match[str]], float]], ...] = (
        (r"(?<![\d:])(\d{1,2}):([0-5]\d)(?![\d:])", lambda m: 60 * int(m[1]) + int(m[2])),
        (r"(?<!\w)(?:half a minute|halbe minute|une demi-minute|medio minuto)(?!\w)", lambda m: 30),
        (r"(?<!\w)(?:anderthalb minuten|minuto y medio|a minute and a half|une minute et demie)(?!\w)", lambda m: 90),
        (rf"(?<!\w)({number})[\s-]*(?:{minutes})\.?\s+(?:and |und |et |y )?({number})(?:\s*(?:{seconds}))?(?!\w)", lambda m: 60 * _value(m[1]) + _value(m[2])),
        (rf"(?<!\w)({number})[\s-]*(?:{minutes})(?!\w)", lambda m: 60 * _value(m[1])),
        (rf"(?<!\w)({number})[\s-]*(?:de\s+)?(?:{seconds})(?!\w)", lambda m: _value(m[1])),
    )  # fmt: skip
    for pattern, value in rows:
        for found in list(re.finditer(pattern, text.rest)):
            if 0 < value(found) <= 600:
                text.take(found, "seconds", float(value(found)))


def _bars(text: _Text) -> None:
    pattern = rf"(?<!\w)({_number()})[\s-]*(?:{_alternatives('units', 'bars')})(?!\w)"
    for found in list(re.finditer(pattern, text.rest)):
        if 1 <= _value(found[1]) <= 400:
            text.take(found, "bars", int(_value(found[1])))


def _tempo(text: _Text) -> None:
    unit = _alternatives("units", "tempo")
    patterns = (
        rf"(?<!\w)(\d{{2,3}}(?:[.,]\d)?)\s*(?:{unit})(?!\w)",
        r"(?<!\w)tempo\s*[:=]?\s*(\d{2,3})(?!\w)",
        r"(?<!\w)at\s+(\d{2,3})(?!\w)",
    )
    for pattern in patterns:
        for found in list(re.finditer(pattern, text.rest)):
            if 30 <= _value(found[1]) <= 300:
                text.take(found, "tempo", _value(found[1]))
    pattern_words, names = _named("paces")
    for word in list(pattern_words.finditer(text.rest)):
        text.take(word, "tempo", float(_meaning(word, names)))


def _form(text: _Text) -> None:
    for found in re.finditer(r"(?<!\w)[A-D]{3,12}(?!\w)", text.prompt):
        if len(set(found[0])) < len(found[0]):
            text.take(found, "form", found[0])
            return
    pattern, names = _named("sections")
    words = list(pattern.finditer(text.rest))
    if len(words) >= 2:
        form = "-".join(_meaning(word, names) for word in words)
        for word in words:
            text.take(word, "form", form)


def _without(text: _Text) -> None:
    pattern, names = _named("instruments")
    lead = rf"(?<!\w)(?:{_alternatives('without')})\s*"
    for found in list(re.finditer(lead + f"(?:{pattern.pattern})", text.rest)):
        own = _meaning(found, names)
        text.add(found, "without", "acoustic guitar" if own == "guitar" else own)


def _instruments(text: _Text) -> None:
    pattern, names = _named("instruments")
    counted = rf"(?:(?<!\w)(?P<count>{_number()})\s+)?(?:{pattern.pattern})"
    for found in list(re.finditer(counted, text.rest)):
        count = _value(found["count"]) if found["count"] else 1
        text.add(found, "instruments", _meaning(found, names), int(count) if 1 <= count <= 4 else 1)


def _settle_guitars(text: _Text) -> None:
    """A guitar of which nothing else is said is an acoustic one, but in loud genres."""
    kind = "electric guitar" if text.fields.get("genre") in _LOUD_GENRES else "acoustic guitar"
    own = text.fields.get("instruments")
    if own and "guitar" in own:
        text.fields["instruments"] = tuple(kind if each == "guitar" else each for each in own)


def _genre(text: _Text) -> None:
    pattern, names = _named("genres")
    for found in list(pattern.finditer(text.rest)):
        text.take(found, "genre", _meaning(found, names))


def _moods(text: _Text) -> None:
    pattern, names = _named("moods")
    for found in list(pattern.finditer(text.rest)):
        text.add(found, "moods", _meaning(found, names))
    if "moods" in text.fields:
        text.fields["moods"] = text.fields["moods"][:6]


_STEPS: Final = (
    _metre, _key, _seconds, _bars, _tempo, _form, _without, _instruments, _genre, _moods,
)  # fmt: skip
