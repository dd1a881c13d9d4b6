"""MIDI files of stems, and of whole scores."""

import io
from collections.abc import Iterable, Mapping
from typing import Final

import mido

from generator.lyrics import sung
from generator.notes import TICKS, Note
from generator.plan import Plan, Seat

PULSES: Final = 480
"""Ticks of a quarter note in the file."""
_FINER: Final = PULSES // TICKS
_DRUMS: Final = 9
_MAJOR: Final = ("Cb", "Gb", "Db", "Ab", "Eb", "Bb", "F", "C", "G", "D", "A", "E", "B", "F#", "C#")
_MINOR: Final = ("Abm", "Ebm", "Bbm", "Fm", "Cm", "Gm", "Dm", "Am", "Em", "Bm", "F#m", "C#m", "G#m", "D#m", "A#m")  # fmt: skip


def stem_midi(plan: Plan, seat: Seat, notes: Iterable[Note]) -> bytes:
    """A file of one stem: tempo, metre, key and sections in the first track, notes in the second."""
    return _file(plan, [_track(plan, seat, notes, 0)])


def score_midi(plan: Plan, notes: Mapping[str, Iterable[Note]]) -> bytes:
    """A file of all stems, one track each."""
    channels = [n for n in range(16) if n != _DRUMS]
    seats = enumerate(seat for seat in plan.seats if seat.stem in notes)
    return _file(plan, [_track(plan, seat, notes[seat.stem], channels[n]) for n, seat in seats])


def _file(plan: Plan, tracks: list[mido.MidiTrack]) -> bytes:
    written = mido.MidiFile(type=1, ticks_per_beat=PULSES, charset="utf-8")
    written.tracks.append(_conductor(plan))
    written.tracks.extend(tracks)
    buffer = io.BytesIO()
    written.save(file=buffer)
    return buffer.getvalue()


def _conductor(plan: Plan) -> mido.MidiTrack:
    names = _MINOR if plan.key.dark else _MAJOR
    metre = plan.metre
    track = mido.MidiTrack(
        [
            mido.MetaMessage("set_tempo", tempo=mido.bpm2tempo(plan.tempo)),
            mido.MetaMessage("time_signature", numerator=metre.beats, denominator=metre.unit),
            mido.MetaMessage("key_signature", key=names[plan.key.fifths + 7]),
        ]
    )
    now = 0
    for section in plan.sections:
        start = section.first_bar * metre.bar * _FINER
        track.append(mido.MetaMessage("marker", text=section.letter, time=start - now))
        now = start
    track.append(mido.MetaMessage("end_of_track", time=plan.ticks * _FINER - now))
    return track


def _track(plan: Plan, seat: Seat, notes: Iterable[Note], channel: int) -> mido.MidiTrack:
    if seat.instrument.drums:
        channel = _DRUMS
    track = mido.MidiTrack([mido.MetaMessage("track_name", name=seat.stem)])
    if not seat.instrument.drums:
        program = seat.instrument.program
        track.append(mido.Message("program_change", channel=channel, program=program))
    own = sorted(notes)
    words = sung(plan.verse, plan.metre.bar, [n for n in own if n.voice == "melody"])
    now = 0
    for tick, velocity, pitch in _moves(own):
        if velocity and tick in words:
            text = words.pop(tick)
            track.append(mido.MetaMessage("lyrics", text=text, time=(tick - now) * _FINER))
            now = tick
        kind = "note_on" if velocity else "note_off"
        track.append(
            mido.Message(
                kind, channel=channel, note=pitch, velocity=velocity, time=(tick - now) * _FINER
            )
        )
        now = tick
    track.append(mido.MetaMessage("end_of_track", time=(plan.ticks - now) * _FINER))
    return track


def _moves(notes: Iterable[Note]) -> list[tuple[int, int, int]]:
    """Tick, velocity (0 ends a note) and pitch of all that happens; ends come before beginnings."""
    found = []
    for note in notes:
        found += [(note.onset, note.velocity, note.pitch), (note.end, 0, note.pitch)]
    return sorted(found, key=lambda each: (each[0], each[1] > 0, each[2]))
