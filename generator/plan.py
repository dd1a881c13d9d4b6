"""From a request to decisions: every one with its reason."""

import hashlib
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from typing import Final

import numpy as np

from generator.errors import InvalidRequestError
from generator.form import Section, letters_of, sections, usual
from generator.given_melody import GivenMelody, given_melody
from generator.instruments import Instrument, instrument, numbered
from generator.keys import Key, key_of
from generator.lyrics import lines, verse
from generator.metre import Metre, metre_of
from generator.moods import Mood, Style, mood_of, style_of
from generator.notes import TICKS, Note, Voice
from generator.request import LONGEST_SECONDS, MOST_STEMS, Request

_TONICS: Final = ("C", "D", "Eb", "E", "F", "G", "A", "Bb")
_USUAL_SECONDS: Final = 30.0
_FIFTH: Final = 7
_TWELVE: Final = (0, 0, 0, 0, 5, 5, 0, 0, _FIFTH, 5, 0, _FIFTH)
"""Roots of a blues, bar by bar, in semitones above the tonic."""
_ORDER: Final[tuple[Voice, ...]] = ("drums", "bass", "melody", "chords", "pad", "counter")


@dataclass(frozen=True)
class Reason:
    """Why a choice was made.

    Parameters
    ----------
    field, value : str
    why : str
        A sentence for the person who asked.
    """

    field: str
    value: str
    why: str


@dataclass(frozen=True)
class Seat:
    """A player: one stem.

    Parameters
    ----------
    stem : str
        Unique in the take.
    instrument : Instrument
    voices : tuple of str
        What it plays.
    """

    stem: str
    instrument: Instrument
    voices: tuple[Voice, ...]


@dataclass(frozen=True)
class Plan:
    """All that a composer needs beside seeds."""

    tempo: float
    key: Key
    metre: Metre
    bars: int
    sections: tuple[Section, ...]
    seats: tuple[Seat, ...]
    mood: Mood
    style: Style
    chords: tuple[str, ...]
    reasons: tuple[Reason, ...]
    melody: tuple[Note, ...] = ()
    """One that was given, and is played as it stands."""
    verse: tuple[tuple[str, ...], ...] = ()
    """Syllables that each bar of a sung line begins; empty if nothing is sung."""

    @property
    def ticks(self) -> int:
        """Of the whole take."""
        return self.bars * self.metre.bar

    @property
    def seconds(self) -> float:
        """Of the whole take, without what rings on."""
        return self.ticks * 60 / (self.tempo * TICKS)


def planned(request: Request) -> Plan:
    """Decide what the request leaves open.

    Raises
    ------
    InvalidRequestError
        If the request contradicts itself.
    """
    given = given_melody(request.melody_midi) if request.melody_midi else None
    brought = given.fields(request) if given else {}
    request = request.model_copy(update=brought)
    random = np.random.default_rng([*_digits(request.seed, "plan")])
    mood, style = mood_of(request.moods), style_of(request.genre)
    reasons: list[Reason] = []
    tempo = _tempo(request, mood, style, random, reasons)
    key = _key(request, mood, random, reasons)
    metre = metre_of(request.metre or style.metre)
    _say(reasons, "metre", metre, request.metre, f"usual for {request.genre or 'most music'}")
    bars = _bars(request, tempo, metre, reasons)
    letters = letters_of(request.form) if request.form else usual(bars)
    own = sections(letters, bars)
    _say(reasons, "form", letters[:bars], request.form, f"usual for {bars} bars")
    if len(letters) > bars:
        reasons.append(Reason("form", letters[:bars], f"{bars} bars hold no more sections"))
    seats = _seats(request, style, reasons)
    row = request.chords or (given.chords(key, metre.bar, bars) if given else ())
    row = row or _chorus(style, key, bars, reasons)
    reasons = [
        replace(each, why="as in the MIDI given") if each.field in brought else each
        for each in reasons
    ]
    if given:
        reasons += _built_on(given, seats)
    melody = given.notes if given else ()
    words = _words(request, own, metre, seats, reasons)
    return Plan(
        tempo, key, metre, bars, own, seats, mood, style, row, tuple(reasons), melody, words
    )


def _words(
    request: Request,
    own: tuple[Section, ...],
    metre: Metre,
    seats: Iterable[Seat],
    reasons: list[Reason],
) -> tuple[tuple[str, ...], ...]:
    """The syllables of each bar, unless there is no melody that could follow them."""
    if not request.lyrics:
        return ()
    if request.melody_midi or not any("melody" in seat.voices for seat in seats):
        why = "no words are set here: " + (
            "the notes of the MIDI given are kept"
            if request.melody_midi
            else "nobody plays a melody"
        )
        reasons.append(Reason("lyrics", "left out", why))
        return ()
    found = verse(request.lyrics, own, metre)
    asked, set_ = sum(map(len, lines(request.lyrics))), sum(map(len, found))
    left = f"; {asked - set_} find no room in so many bars" if set_ < asked else ""
    reasons.append(
        Reason("lyrics", f"{set_} syllables", f"a line a phrase, a note a syllable{left}")
    )
    return found


def _built_on(given: GivenMelody, seats: Iterable[Seat]) -> Iterator[Reason]:
    """What became of a melody that was given.

    Raises
    ------
    InvalidRequestError
        If nobody can play it.
    """
    if not any("melody" in seat.voices for seat in seats):
        raise InvalidRequestError(
            "melody_midi: nobody here can play a melody; add an instrument, as piano or flute"
        )
    notes = f"{len(given.notes)} notes of {given.part}"
    yield Reason("melody_midi", notes, "its notes are kept, harmonised a chord a bar")
    if given.tempos > 1:
        yield Reason("tempo", f"{given.tempo:g}", f"the first of {given.tempos} in the MIDI given")


def _chorus(style: Style, key: Key, bars: int, reasons: list[Reason]) -> tuple[str, ...]:
    """The chords of a blues, one a bar, where its bars are choruses of twelve; the last one ends at home."""
    if not style.blue or bars % len(_TWELVE):
        return ()
    named = []
    roots = _TWELVE * (bars // len(_TWELVE))
    for step in (*roots[:-1], 0):
        letter, sign = key.spelled((key.pitch_class + step) % 12)
        minor = key.dark and step != _FIFTH
        named.append(letter + ("#" * sign if sign > 0 else "b" * -sign) + ("m7" if minor else "7"))
    reasons.append(Reason("chords", " ".join(named[:12]), "the twelve bars of a blues"))
    return tuple(named)


def _digits(seed: int, *names: str) -> tuple[int, ...]:
    digest = hashlib.sha256("/".join((str(seed), *names)).encode()).digest()
    return tuple(int.from_bytes(digest[n : n + 4], "big") for n in range(0, 16, 4))


def seed_for(seed: int, *names: str) -> int:
    """A seed of its own for whatever has a name."""
    return _digits(seed, *names)[0] << 31 | _digits(seed, *names)[1] >> 1


def _say(reasons: list[Reason], field: str, value: object, asked: object, why: str) -> None:
    reasons.append(Reason(field, str(value), "as asked" if asked else why))


def _tempo(
    request: Request, mood: Mood, style: Style, random: np.random.Generator, reasons: list[Reason]
) -> float:
    if request.tempo is not None:
        _say(reasons, "tempo", f"{request.tempo:g}", True, "")
        return request.tempo
    low, high = mood.tempo if request.moods else style.tempo
    if request.moods and request.genre:
        low, high = max(low, style.tempo[0]), min(high, style.tempo[1])
        if low > high:
            low = high = round((sum(mood.tempo) + sum(style.tempo)) / 4)
    tempo = float(random.integers(low, high + 1))
    told = " ".join([*request.moods, request.genre or ""]).strip() or "no mood or genre named"
    _say(reasons, "tempo", f"{tempo:g}", None, f"between {low} and {high} for: {told}")
    return tempo


def _key(request: Request, mood: Mood, random: np.random.Generator, reasons: list[Reason]) -> Key:
    if request.key:
        _say(reasons, "key", request.key, True, "")
        return key_of(request.key)
    mode = str(random.choice(mood.modes))
    key = key_of(f"{random.choice(_TONICS)} {mode}")
    told = ", ".join(request.moods) or "no mood named"
    _say(reasons, "key", key, None, f"{mode} is one of the modes for: {told}")
    return key


def _bars(request: Request, tempo: float, metre: Metre, reasons: list[Reason]) -> int:
    bar_seconds = metre.bar * 60 / (tempo * TICKS)
    if request.bars is not None:
        bars = request.bars
        if request.seconds is not None:
            why = f"bars win over seconds: {bars} bars last {bars * bar_seconds:.1f} s"
            reasons.append(Reason("seconds", f"{bars * bar_seconds:.1f}", why))
    else:
        wanted = request.seconds or _USUAL_SECONDS
        bars = max(1, round(wanted / bar_seconds))
        if request.seconds is None:
            bars = max(4, 4 * round(bars / 4))
    if bars * bar_seconds > LONGEST_SECONDS + bar_seconds:
        raise InvalidRequestError(
            f"{bars} bars of {metre} at {tempo:g} last {bars * bar_seconds:.0f} s: ask for"
            f" {int(LONGEST_SECONDS / bar_seconds)} bars at most, or a faster tempo"
        )
    _say(reasons, "bars", bars, request.bars, f"whole bars nearest to {request.seconds or 30:g} s")
    return bars


def _seats(request: Request, style: Style, reasons: list[Reason]) -> tuple[Seat, ...]:
    out = {*request.without, *(stem.instrument for stem in request.given_stems)}
    names = request.instruments or tuple(n for n in style.ensemble if n not in out)
    room = MOST_STEMS - len(request.given_stems)
    if len(names) > room:
        raise InvalidRequestError(
            f"{room} instruments at most beside the stems given: leave some out"
        )
    if not names:
        raise InvalidRequestError("every usual instrument is excluded: name the ones to play")
    told = f"usual for {request.genre}" if request.genre else "a small mixed ensemble"
    _say(reasons, "instruments", ", ".join(names), request.instruments, told)
    own = [instrument(name) for name in names]
    voices = shared_out(own)
    return tuple(
        Seat(stem, each, tuple(got))
        for stem, each, got in zip(numbered(names), own, voices, strict=True)
    )


def shared_out(players: list[Instrument]) -> list[list[Voice]]:
    """Who plays what: each voice goes to the first it suits best, and nobody is left without.

    One who plays alone on an instrument of chords plays all at once.
    """
    found: list[list[Voice]] = [[each.voices[0]] if each.drums or each.voices == ("bass",) else [] for each in players]  # fmt: skip
    free = [n for n, got in enumerate(found) if not got]
    lead = min(free, key=lambda n: (_fits(players[n], "melody"), n), default=None)
    if lead is not None and (len(free) > 1 or "melody" in players[lead].voices):
        found[lead].append("melody")
        free.remove(lead)
    taken: set[Voice] = {voice for got in found for voice in got}
    for n in free:
        options = [voice for voice in players[n].voices if voice not in taken]
        voice = options[0] if options else players[n].voices[0]
        found[n].append("counter" if voice == "melody" else voice)
        taken.add(voice)
    _fill(players, found)
    return found


def _fits(player: Instrument, voice: Voice) -> int:
    return player.voices.index(voice) if voice in player.voices else 9


def _fill(players: list[Instrument], found: list[list[Voice]]) -> None:
    """Hand chords and bass to one who can add them: a pianist's left hand."""
    taken = _taken(found)
    for n, player in enumerate(players):
        if not player.alone:
            continue
        own = found[n]
        if own == ["melody"] and not taken & {"chords", "pad"}:
            own.append("chords")
        if "chords" in own and "bass" not in taken:
            own.append("bass")
        taken = _taken(found)


def _taken(found: Iterable[Iterable[Voice]]) -> set[Voice]:
    return {voice for got in found for voice in got}
