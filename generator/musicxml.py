"""MusicXML of a take: one part a stem, bars, ties, chords and voices; spelled for the key."""

from bisect import bisect_left, bisect_right
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Final, NamedTuple

from lxml import etree

from generator.lyrics import sung
from generator.metre import Metre
from generator.notes import TICKS, Note, Voice
from generator.plan import Plan, Seat

_TYPES: Final = (
    (96, "whole", 0), (72, "half", 1), (48, "half", 0), (36, "quarter", 1), (24, "quarter", 0),
    (18, "eighth", 1), (12, "eighth", 0), (9, "16th", 1), (6, "16th", 0), (3, "32nd", 0),
)  # fmt: skip
"""Ticks, name and dots of the notes that need no triplet."""
_DOCTYPE: Final = '<!DOCTYPE score-partwise PUBLIC "-//Recordare//DTD MusicXML 4.0 Partwise//EN" "http://www.musicxml.org/dtds/partwise.dtd">'
_LETTERS: Final = {"C": 0, "D": 2, "E": 4, "F": 5, "G": 7, "A": 9, "B": 11}
_DRUM_LINES: Final = {36: "F4", 35: "F4", 38: "C5", 37: "C5", 39: "C5", 42: "G5", 46: "G5", 51: "F5",
                      49: "A5", 45: "A4", 47: "D5", 50: "E5", 70: "B5"}  # fmt: skip


class Sound(NamedTuple):
    """Notes that begin together, within a bar, or a rest."""

    onset: int
    duration: int
    notes: tuple[Note, ...]
    tied_from: bool = False
    tied_to: bool = False


def musicxml(plan: Plan, notes: Mapping[str, Iterable[Note]], title: str = "") -> bytes:
    """A score of the given stems, as a MusicXML 4.0 document."""
    root = etree.Element("score-partwise", version="4.0")
    etree.SubElement(etree.SubElement(root, "work"), "work-title").text = title or "Take"
    listed = etree.SubElement(root, "part-list")
    seats = [seat for seat in plan.seats if seat.stem in notes]
    for number, seat in enumerate(seats, 1):
        row = etree.SubElement(listed, "score-part", id=f"P{number}")
        etree.SubElement(row, "part-name").text = seat.stem
    for number, seat in enumerate(seats, 1):
        part = etree.SubElement(root, "part", id=f"P{number}")
        _part(part, plan, seat, sorted(notes[seat.stem]))
    return bytes(
        etree.tostring(
            root, xml_declaration=True, encoding="UTF-8", doctype=_DOCTYPE, pretty_print=True
        )
    )


def _part(part: etree._Element, plan: Plan, seat: Seat, notes: Sequence[Note]) -> None:
    voices: list[Voice] = sorted({note.voice for note in notes}, key=seat.voices.index)
    lines = {voice: [note for note in notes if note.voice == voice] for voice in voices}
    words = _words(plan, lines.get("melody", []))
    for bar in range(plan.bars):
        measure = etree.SubElement(part, "measure", number=str(bar + 1))
        if bar == 0:
            _attributes(measure, plan, seat)
        start, length = bar * plan.metre.bar, plan.metre.bar
        for number, voice in enumerate(voices, 1):
            if number > 1:
                back = etree.SubElement(measure, "backup")
                etree.SubElement(back, "duration").text = str(length)
            for sound in sounds(_near(lines[voice], start, length), start, length, plan.metre):
                _sound(measure, plan, seat, sound, number)
                if voice == "melody" and sound.notes and not sound.tied_from:
                    _sing(measure[-len({n.pitch for n in sound.notes})], words.get(sound.onset))


def _words(plan: Plan, notes: Sequence[Note]) -> Mapping[int, tuple[str, str]]:
    """By onset: whether a syllable begins a word, ends it or is all of it, and its text."""
    found, going_on = {}, False
    for onset, each in sorted(sung(plan.verse, plan.metre.bar, notes).items()):
        more = each.endswith("-")
        kinds = {(False, False): "single", (False, True): "begin", (True, True): "middle"}
        found[onset] = (kinds.get((going_on, more), "end"), each.removesuffix("-"))
        going_on = more
    return found


def _sing(note: etree._Element, syllable: tuple[str, str] | None) -> None:
    if syllable:
        lyric = etree.SubElement(note, "lyric")
        etree.SubElement(lyric, "syllabic").text, etree.SubElement(lyric, "text").text = syllable


def _near(notes: Sequence[Note], start: int, length: int) -> Sequence[Note]:
    """Of one voice's notes in order, those that decide what a bar holds: the last beginning before it to its end."""
    first = bisect_left(notes, start, key=_onset)
    if first:
        first = bisect_left(notes, notes[first - 1].onset, key=_onset)
    return notes[first : bisect_right(notes, start + length, key=_onset)]


def _onset(note: Note) -> int:
    return note.onset


def _attributes(measure: etree._Element, plan: Plan, seat: Seat) -> None:
    own = etree.SubElement(measure, "attributes")
    etree.SubElement(own, "divisions").text = str(TICKS)
    key = etree.SubElement(own, "key")
    etree.SubElement(key, "fifths").text = str(plan.key.fifths)
    etree.SubElement(key, "mode").text = plan.key.mode
    time = etree.SubElement(own, "time")
    etree.SubElement(time, "beats").text = str(plan.metre.beats)
    etree.SubElement(time, "beat-type").text = str(plan.metre.unit)
    clef = etree.SubElement(own, "clef")
    low = seat.instrument.high <= 70
    sign = "percussion" if seat.instrument.drums else "F" if low else "G"
    etree.SubElement(clef, "sign").text = sign
    if sign != "percussion":
        etree.SubElement(clef, "line").text = "4" if low else "2"
    direction = etree.SubElement(measure, "direction", placement="above")
    metronome = etree.SubElement(etree.SubElement(direction, "direction-type"), "metronome")
    etree.SubElement(metronome, "beat-unit").text = "quarter"
    etree.SubElement(metronome, "per-minute").text = f"{plan.tempo:g}"
    etree.SubElement(direction, "sound", tempo=f"{plan.tempo:g}")


def sounds(notes: Sequence[Note], start: int, length: int, metre: Metre) -> Iterator[Sound]:
    """What one voice does in a bar, rests included: its durations add up to the bar exactly.

    A note that still sounds when the next of its voice begins is written up to there; one that began
    in the bar before is tied.
    """
    begins = sorted({note.onset for note in notes} | {start})
    now = start
    for n, onset in enumerate(begins):
        if onset < start or onset >= start + length:
            continue
        own = tuple(note for note in notes if note.onset == onset)
        held = () if own else _held_over(notes, start)
        then = next((b for b in begins[n + 1 :]), start + length)
        limit = min(then, start + length)
        sounding = own or held
        end = min(limit, max((note.end for note in sounding), default=now))
        if end > onset:
            going_on = bool(end == start + length and sounding[0].end > end and then >= end)
            tied = going_on and not any(note.onset == end for note in notes)
            yield from _pieces(Sound(onset, end - onset, sounding, bool(held), tied), metre)
        if limit > max(end, onset):
            yield from _pieces(Sound(max(end, onset), limit - max(end, onset), ()), metre)
        now = limit


def _held_over(notes: Sequence[Note], start: int) -> tuple[Note, ...]:
    """Notes of the last beginning before the bar that still sound in it."""
    before = [note for note in notes if note.onset < start]
    last = max((note.onset for note in before), default=None)
    return tuple(note for note in before if note.onset == last and note.end > start)


def _pieces(sound: Sound, metre: Metre) -> Iterator[Sound]:
    """The sound in lengths that have a written value, tied."""
    rest, onset, first = sound.duration, sound.onset, True
    while rest:
        length = next((ticks for ticks, _, _ in _TYPES if ticks <= rest), rest)
        last = length == rest
        yield Sound(
            onset,
            length,
            sound.notes,
            sound.tied_from if first else True,
            sound.tied_to if last else True,
        )
        rest, onset, first = rest - length, onset + length, False


def _sound(measure: etree._Element, plan: Plan, seat: Seat, sound: Sound, voice: int) -> None:
    pitches = sorted({note.pitch for note in sound.notes})
    for number, pitch in enumerate(pitches or [None]):
        note = etree.SubElement(measure, "note")
        if number:
            etree.SubElement(note, "chord")
        if pitch is None:
            etree.SubElement(note, "rest")
        else:
            _pitch(note, plan, seat, pitch)
        etree.SubElement(note, "duration").text = str(sound.duration)
        ties = [("stop", sound.tied_from), ("start", sound.tied_to)]
        ties = [(kind, wanted) for kind, wanted in ties if wanted and pitch is not None]
        for kind, _ in ties:
            etree.SubElement(note, "tie", type=kind)
        etree.SubElement(note, "voice").text = str(voice)
        for ticks, name, dots in _TYPES:
            if ticks == sound.duration:
                etree.SubElement(note, "type").text = name
                for _ in range(dots):
                    etree.SubElement(note, "dot")
        if ties:
            notations = etree.SubElement(note, "notations")
            for kind, _ in ties:
                etree.SubElement(notations, "tied", type=kind)


def _pitch(note: etree._Element, plan: Plan, seat: Seat, pitch: int) -> None:
    if seat.instrument.drums:
        line = _DRUM_LINES.get(pitch, "B4")
        own = etree.SubElement(note, "unpitched")
        etree.SubElement(own, "display-step").text = line[0]
        etree.SubElement(own, "display-octave").text = line[1]
        return
    letter, sign = plan.key.spelled(pitch % 12)
    own = etree.SubElement(note, "pitch")
    etree.SubElement(own, "step").text = letter
    if sign:
        etree.SubElement(own, "alter").text = str(sign)
    etree.SubElement(own, "octave").text = str((pitch - sign - _LETTERS[letter]) // 12 - 1)
