"""Melodies given as MIDI: kept note for note, harmonised, and refused where they can't be."""

import io
from collections.abc import Callable

import mido
import pytest

from generator import InvalidRequestError, Request, request_of
from generator.chords import chord_at
from generator.composer import compose, seeds_of
from generator.given_melody import given_melody
from generator.plan import planned
from generator.takes import take_id

TUNE = (62, 65, 69, 74, 72, 69, 67, 65, 67, 70, 67, 64, 65, 69, 64, 62)


def midi(pitches: tuple[int, ...] = TUNE, name: str = "Lead", tempo: int = 84) -> bytes:
    """Crotchets of a melody, above a bass in half notes."""
    file = mido.MidiFile(type=1, ticks_per_beat=96)
    head = mido.MidiTrack([mido.MetaMessage("set_tempo", tempo=mido.bpm2tempo(tempo))])
    head.append(mido.MetaMessage("time_signature", numerator=4, denominator=4))
    file.tracks += [
        head,
        line("Bass", (38, 45) * (len(pitches) // 4), 192),
        line(name, pitches, 96),
    ]
    buffer = io.BytesIO()
    file.save(file=buffer)
    return buffer.getvalue()


def line(name: str, pitches: tuple[int, ...], length: int) -> mido.MidiTrack:
    track = mido.MidiTrack([mido.MetaMessage("track_name", name=name)])
    for pitch in pitches:
        track.append(mido.Message("note_on", note=pitch, velocity=90, time=0))
        track.append(mido.Message("note_off", note=pitch, velocity=0, time=length))
    return track


@pytest.mark.parametrize("genre", [None, "jazz"])
def test_the_notes_of_a_given_melody_are_kept_and_chords_go_with_them(genre: str | None) -> None:
    request = Request(
        melody_midi=midi(), genre=genre, instruments=("flute", "piano", "double bass")
    )
    plan = planned(request)
    score = compose(plan, seeds_of(plan, 3))
    lead = [note for note in score.notes["flute"] if note.voice == "melody"]
    assert [(note.onset, note.pitch % 12) for note in lead] == [
        (24 * n, pitch % 12) for n, pitch in enumerate(TUNE)
    ]
    assert (plan.tempo, str(plan.key), str(plan.metre), plan.bars) == (84, "D minor", "4/4", 4)
    strong = [note for note in lead if note.onset % plan.metre.bar == 0]
    fits = [n.pitch % 12 in chord_at(score.chords, n.onset).classes for n in strong]
    assert sum(fits) >= len(fits) - 1
    told = {reason.field: reason.why for reason in plan.reasons}
    assert told["key"] == told["bars"] == "as in the MIDI given"
    assert score.notes["piano"]


def test_what_the_request_says_wins_over_the_midi() -> None:
    plan = planned(Request(melody_midi=midi(), tempo=120, bars=2, chords=("Dm", "A7")))
    assert (plan.tempo, plan.bars, plan.chords) == (120, 2, ("Dm", "A7"))


def test_a_melody_that_begins_after_the_end_is_cut_off_and_the_rest_plays() -> None:
    late = mido.MidiFile(file=io.BytesIO(midi()))
    for track in late.tracks[1:]:
        track.insert(1, mido.Message("control_change", time=6 * 4 * late.ticks_per_beat))
    buffer = io.BytesIO()
    late.save(file=buffer)
    asked = Request(melody_midi=buffer.getvalue(), bars=2, instruments=("flute", "piano"))
    plan = planned(asked)
    score = compose(plan, seeds_of(plan, 3))
    assert not score.notes.get("flute") and score.notes["piano"]


def test_a_part_named_as_the_melody_is_taken_even_if_another_lies_higher() -> None:
    read = given_melody(midi(tuple(pitch - 48 for pitch in TUNE), "Vocals"))
    assert read.part == "Vocals"
    assert [note.pitch for note in read.notes] == [pitch - 48 for pitch in TUNE]


@pytest.mark.parametrize(
    ("data", "told"),
    [
        (lambda: b"RIFF....WAVE", "it can't be read"),
        (lambda: midi()[:60], "it can't be read"),
        (lambda: midi(()), "no notes"),
        (lambda: midi(TUNE * 1300), "more than 20000 notes"),  # half a second to write
        (lambda: midi(TUNE * 40, tempo=20), "lasts longer than 600 s"),
        (lambda: midi()[:12] + b"\xe7\x28" + midi()[14:], "ticks a quarter note"),
    ],
)
def test_a_hostile_or_empty_file_is_refused_by_name(data: Callable[[], bytes], told: str) -> None:
    content = data()
    with pytest.raises(InvalidRequestError, match=f"melody_midi: .*{told}"):
        given_melody(content)


def test_a_melody_that_nobody_can_play_is_refused() -> None:
    with pytest.raises(InvalidRequestError, match="add an instrument"):
        planned(Request(melody_midi=midi(), instruments=("drums",)))


def test_a_request_with_a_melody_is_written_as_json_and_read_again() -> None:
    request = Request(melody_midi=midi())
    assert request_of(request.model_dump(mode="json")) == request
    assert take_id("clearance", "1", request) != take_id("clearance", "1", Request())
    with pytest.raises(InvalidRequestError, match="in base64"):
        request_of({"melody_midi": "no notes here!"})


def test_a_key_signature_that_is_none_is_refused() -> None:
    file = mido.MidiFile(file=io.BytesIO(midi()))
    file.tracks[0].insert(0, mido.MetaMessage("key_signature", key="C"))
    buffer = io.BytesIO()
    file.save(file=buffer)
    broken = buffer.getvalue().replace(b"\xff\x59\x02\x00", b"\xff\x59\x02\x48")
    with pytest.raises(InvalidRequestError, match="it can't be read"):
        given_melody(broken)
