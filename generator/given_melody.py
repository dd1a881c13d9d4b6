"""A melody that is given as MIDI, to build on: its notes, and the tempo, key, metre and length it brings along."""

import io
import re
from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Any, Final

import mido

from generator.analysis import heard_chords, heard_key
from generator.errors import InvalidRequestError
from generator.instruments import Instrument
from generator.keys import SCALES, Key
from generator.metre import METRES, metre_of
from generator.notes import TICKS, Note, seconds_of, tidy
from generator.request import LONGEST_SECONDS, Request

_MOST_NOTES: Final = 20_000
_MOST_TRACKS: Final = 128
_DRUMS: Final = 9
_USUAL_TEMPO: Final = 500_000
_UNREADABLE: Final = (
    OSError,
    EOFError,
    ValueError,
    KeyError,
    IndexError,
    TypeError,
    mido.KeySignatureError,
)
"""What mido raises on damaged files."""
_NAMED: Final = re.compile(r"melod|lead|vocal|voice|sing|gesang|stimme|chant|voix|voz|canto", re.I)


@dataclass(frozen=True)
class GivenMelody:
    """What was read of a MIDI file.

    Parameters
    ----------
    part : str
        Name of the track that the melody was taken from.
    notes : tuple of Note
        One at a time, on the composer's grid.
    tempo : float
        Quarter notes a minute, of the first tempo; the file's others are left out.
    tempos : int
        How many the file has.
    key : Key
        As the file says, else as heard.
    metre : str
    """

    part: str
    notes: tuple[Note, ...]
    tempo: float
    tempos: int
    key: Key
    metre: str

    def fields(self, request: Request) -> dict[str, Any]:
        """Fields that the request leaves open and the melody decides."""
        metre = metre_of(request.metre or self.metre)
        length = {"bars": max(1, -(-self.notes[-1].end // metre.bar))}
        own = {"tempo": self.tempo, "key": str(self.key), "metre": str(metre)}
        if request.bars is None and request.seconds is None:
            own |= length
        return {name: value for name, value in own.items() if getattr(request, name) is None}

    def chords(self, key: Key, bar: int, bars: int) -> tuple[str, ...]:
        """A chord a bar under the melody, as symbols; home where it is silent at the end."""
        kept = [note for note in self.notes if note.onset < bars * bar]
        if not kept:
            return ()
        named = [chord.written(key) for chord in heard_chords(kept, key, bar)][:bars]
        letter, sign = key.spelled(key.pitch_class)
        home = letter + ("#" * sign if sign > 0 else "b" * -sign) + ("m" if key.dark else "")
        return (*named, *[home] * (bars - len(named)))


def given_melody(data: bytes) -> GivenMelody:
    """Read a MIDI file.

    Raises
    ------
    InvalidRequestError
        If it is none, is damaged, has no melody, or is larger than takes can be.
    """
    try:
        file = mido.MidiFile(file=io.BytesIO(data))
    except _UNREADABLE as error:
        raise _refused(
            f"it can't be read ({str(error) or 'it ends too early'}); save it anew"
        ) from error
    if file.type == 2 or file.ticks_per_beat <= 0 or file.ticks_per_beat >= 2**15:
        raise _refused("write a file of type 0 or 1 with ticks a quarter note")
    if len(file.tracks) > _MOST_TRACKS:
        raise _refused(f"it has {len(file.tracks)} tracks: {_MOST_TRACKS} at most")
    parts = [part for part in _parts(file) if part[1]]
    if not parts:
        raise _refused("it has no notes but drums: give one with a melody")
    part, notes = _chosen(parts)
    line = _one_at_a_time(notes)
    told = [message for track in file.tracks for message in track]
    tempos = [m.tempo for m in told if m.type == "set_tempo" and m.tempo > 0]
    tempo = min(300.0, max(30.0, round(mido.tempo2bpm((tempos or [_USUAL_TEMPO])[0]), 3)))
    if seconds_of(line[-1].end, tempo) > LONGEST_SECONDS:
        raise _refused(f"it lasts longer than {LONGEST_SECONDS:.0f} s: give a part of it")
    return GivenMelody(part, line, tempo, len(set(tempos)), _key(told, line), _metre(told))


def fitted(notes: tuple[Note, ...], player: Instrument, end: int) -> list[Note]:
    """The melody up to a tick, moved by octaves into a player's range: the whole of it, strays one by one."""

    def outside(octaves: int) -> tuple[int, int]:
        moved = [note.pitch + 12 * octaves for note in notes]
        return sum(not player.low <= pitch <= player.high for pitch in moved), abs(octaves)

    octaves = min(range(-5, 6), key=outside)
    kept = [note for note in notes if note.onset < end]
    return [
        replace(
            note,
            pitch=player.within(note.pitch + 12 * octaves),
            duration=min(note.duration, end - note.onset),
        )
        for note in kept
    ]


def _refused(why: str) -> InvalidRequestError:
    return InvalidRequestError(f"melody_midi: {why}")


def _parts(file: mido.MidiFile) -> Iterator[tuple[str, list[Note]]]:
    """Name and notes of every track and channel but drums."""
    total = 0
    for number, track in enumerate(file.tracks, 1):
        parts: dict[int, list[Note]] = {}
        begun: dict[tuple[int, int], tuple[int, int]] = {}
        now = 0
        for message in track:
            now += message.time
            if message.type not in ("note_on", "note_off") or message.channel == _DRUMS:
                continue
            voice = (message.channel, message.note)
            if voice in begun:
                onset, velocity = begun.pop(voice)
                first, last = (round(t * TICKS / file.ticks_per_beat) for t in (onset, now))
                note = Note(first, max(1, last - first), message.note, velocity)
                parts.setdefault(message.channel, []).append(note)
            if message.type == "note_on" and message.velocity:
                begun[voice] = (now, message.velocity)
                total += 1
            if total > _MOST_NOTES:
                raise _refused(f"it has more than {_MOST_NOTES} notes: give the melody alone")
        for notes in parts.values():
            yield str(track.name or f"track {number}")[:64], notes


def _chosen(parts: list[tuple[str, list[Note]]]) -> tuple[str, list[Note]]:
    """The part that is named as one, else the highest."""
    named = [part for part in parts if _NAMED.search(part[0])]
    return max(named or parts, key=lambda part: sum(n.pitch for n in part[1]) / len(part[1]))


def _one_at_a_time(notes: list[Note]) -> tuple[Note, ...]:
    """The highest of notes that begin together; each ends where the next begins."""
    highest: dict[int, Note] = {}
    for note in notes:
        if note.onset not in highest or note.pitch > highest[note.onset].pitch:
            highest[note.onset] = note
    row = [highest[onset] for onset in sorted(highest)]
    ends = [*(note.onset for note in row[1:]), row[-1].end]
    cut = [
        replace(note, duration=min(note.duration, end - note.onset))
        for note, end in zip(row, ends, strict=True)
    ]
    return tidy(cut, row[-1].end)


def _key(told: list[Any], notes: tuple[Note, ...]) -> Key:
    """The key of the notes, spelled with the file's signature if it has one that fits."""
    heard = heard_key(notes, SCALES)
    for message in told:
        if message.type == "key_signature":
            name = message.key
            said = Key(name.removesuffix("m"), "minor" if name.endswith("m") else "major")
            if set(said.scale) == set(heard.scale):
                return said if said.pitch_class == heard.pitch_class else heard
    return heard


def _metre(told: list[Any]) -> str:
    for message in told:
        if message.type == "time_signature":
            metre = f"{message.numerator}/{message.denominator}"
            return metre if metre in METRES else "4/4"
    return "4/4"
