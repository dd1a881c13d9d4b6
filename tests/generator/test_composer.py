"""What holds of every composition, whatever was asked for."""

import io
from itertools import pairwise

import mido
import numpy as np
import pytest
from hypothesis import given, settings

from generator import Request, request_of
from generator.chords import chord_at
from generator.composer import Score, compose, seeds_of
from generator.harmony import CHORDS, drawn
from generator.keys import SCALES, key_of
from generator.melody import drawn_rhythm
from generator.metre import METRES
from generator.midi import PULSES, score_midi, stem_midi
from generator.notes import TICKS
from generator.passages import passages
from generator.plan import Plan, planned, seed_for
from tests.generator.strategies import requests


def composed(request: Request) -> tuple[Plan, Score]:
    plan = planned(request)
    return plan, compose(plan, seeds_of(plan, request.seed))


@settings(max_examples=40, deadline=None)
@given(requests())
def test_any_request_gives_exact_bars_and_notes_that_its_instruments_can_play(
    request: Request,
) -> None:
    plan, score = composed(request)
    assert plan.bars == request.bars
    assert sum(section.bars for section in plan.sections) == plan.bars
    assert sum(chord.duration for chord in score.chords) == plan.ticks
    assert len(score.notes) == len(plan.seats)
    for seat in plan.seats:
        notes = score.notes[seat.stem]
        assert notes, f"{seat.stem} has nothing to play"
        assert all(0 <= note.onset < note.end <= plan.ticks for note in notes)
        assert all(1 <= note.velocity <= 127 for note in notes)
        low, high = seat.instrument.low, seat.instrument.high
        assert all(low <= note.pitch <= high for note in notes)


@settings(max_examples=15, deadline=None)
@given(requests(8))
def test_midi_of_any_request_reads_back_as_it_was_composed(request: Request) -> None:
    plan, score = composed(request)
    read = mido.MidiFile(file=io.BytesIO(score_midi(plan, score.notes)))
    exact = round(60_000_000 / plan.tempo)
    tempos = [m.tempo for m in read.tracks[0] if m.type == "set_tempo"]
    metres = [(m.numerator, m.denominator) for m in read.tracks[0] if m.type == "time_signature"]
    assert tempos == [exact]
    assert metres == [(plan.metre.beats, plan.metre.unit)]
    for seat, track in zip(plan.seats, read.tracks[1:], strict=True):
        assert sum(message.time for message in track) == plan.ticks * PULSES // TICKS
        assert sounding(track) == [
            (n.onset, n.end, n.pitch) for n in sorted_notes(score, seat.stem)
        ]


def sorted_notes(score: Score, stem: str) -> list[object]:
    return sorted(score.notes[stem], key=lambda note: (note.onset, note.end, note.pitch))


def sounding(track: mido.MidiTrack) -> list[tuple[int, int, int]]:
    """Onset, end and pitch of the notes of a track, in the composer's ticks."""
    now, open_notes, found = 0, {}, []
    for message in track:
        now += message.time
        if message.type == "note_on" and message.velocity:
            open_notes[message.note] = now
        elif message.type in ("note_on", "note_off"):
            start = open_notes.pop(message.note)
            found.append((start * TICKS // PULSES, now * TICKS // PULSES, message.note))
    assert not open_notes
    return sorted(found)


def test_the_same_request_gives_the_same_bytes_and_another_seed_others() -> None:
    def midi(seed: int) -> list[bytes]:
        plan, score = composed(request_of({"genre": "jazz", "bars": 8, "seed": seed}))
        return [stem_midi(plan, seat, score.notes[seat.stem]) for seat in plan.seats]

    assert midi(5) == midi(5)
    assert all(own != other for own, other in zip(midi(5), midi(6), strict=True))


def test_a_stem_does_not_change_when_the_seeds_of_the_others_do() -> None:
    plan = planned(request_of({"genre": "cinematic", "bars": 12}))
    seeds = seeds_of(plan, 0)
    kept = plan.seats[0].stem
    other = {n: own if n in (kept, "harmony") else seeds_of(plan, 9)[n] for n, own in seeds.items()}
    before, after = compose(plan, seeds).notes, compose(plan, other).notes
    assert before[kept] == after[kept]
    assert all(before[stem] != after[stem] for stem in before if stem != kept)


def test_the_take_closes_on_the_tonic_in_melody_and_bass() -> None:
    fields = {"key": "D minor", "bars": 16, "instruments": ("violin", "piano", "double bass")}
    for seed in range(12):
        _, score = composed(request_of({**fields, "seed": seed}))
        assert score.notes["violin"][-1].pitch % 12 == 2
        assert score.notes["double bass"][-1].pitch % 12 == 2
        assert score.chords[-1].root == 2


def test_strong_beats_lie_in_the_chord_more_often_than_not() -> None:
    inside = strong = 0
    for seed in range(12):
        plan, score = composed(
            request_of({"instruments": ("flute", "piano"), "bars": 16, "seed": seed})
        )
        for note in score.notes["flute"]:
            if note.onset % plan.metre.bar == 0:
                strong += 1
                inside += note.pitch % 12 in chord_at(score.chords, note.onset).classes
    assert inside / strong > 0.75


def test_a_section_that_comes_again_keeps_its_melody_but_for_ornaments() -> None:
    plan, score = composed(
        request_of({"instruments": ("flute", "piano"), "form": "ABA", "bars": 24})
    )
    bar = plan.metre.bar
    first = {(n.onset, n.pitch) for n in score.notes["flute"] if n.onset < 6 * bar}
    again = {(n.onset - 16 * bar, n.pitch) for n in score.notes["flute"] if n.onset >= 16 * bar}
    assert first <= again


def test_phrases_begin_at_home_and_close_by_a_dominant() -> None:
    random = np.random.default_rng(seed_for(0, "test"))
    for mode, every in CHORDS.items():
        dominants = {(c.root, c.quality) for c in every if c.function == "D"}
        for _ in range(20):
            row = drawn(key_of(f"C {mode}"), 4, "full", random)
            assert row[0].root == row[-1].root == 0
            assert (row[-2].root, row[-2].quality) in dominants
            half = drawn(key_of(f"C {mode}"), 4, "half", random)
            assert (half[-1].root, half[-1].quality) in dominants


@pytest.mark.parametrize("mode", sorted(SCALES))
def test_sevenths_stay_in_the_scale_of_the_mode(mode: str) -> None:
    for seed in range(6):
        fields = {"genre": "jazz", "key": f"C {mode}", "bars": 16, "seed": seed}
        plan, score = composed(request_of(fields))
        raised = {11} if mode == "minor" else set()  # the third of the dominant
        for chord in score.chords:
            assert set(chord.classes) <= set(plan.key.scale) | raised, chord.written(plan.key)


def test_a_phrase_that_answers_begins_with_the_chords_and_notes_of_the_first() -> None:
    for seed in range(6):
        fields = {"instruments": ("flute", "piano"), "form": "A", "metre": "4/4", "bars": 8}
        plan, score = composed(request_of({**fields, "seed": seed}))
        bar = plan.metre.bar
        for row in (
            [(c.onset, c.root, c.quality) for c in score.chords],
            [(n.onset, n.pitch, n.duration) for n in score.notes["flute"]],
        ):
            first = [each for each in row if each[0] < 2 * bar]
            again = [(at - 4 * bar, *rest) for at, *rest in row if 4 * bar <= at < 6 * bar]
            assert again == first


def test_a_bass_in_three_beats_stays_longer_on_the_root_than_on_the_fifth() -> None:
    fields = {"genre": "folk", "metre": "3/4", "bars": 8, "instruments": ("violin", "double bass")}
    _, score = composed(request_of(fields))
    lengths = {True: 0, False: 0}
    for note in score.notes["double bass"]:
        root = chord_at(score.chords, note.onset).root
        lengths[note.pitch % 12 == root] += note.duration
    assert lengths[True] > 1.5 * lengths[False]


def test_a_second_voice_does_not_rest_on_fifths() -> None:
    fifths = total = 0
    for seed in range(8):
        fields = {"instruments": ("flute", "violin", "piano"), "bars": 16, "seed": seed}
        _, score = composed(request_of(fields))
        for note in score.notes["violin"]:
            above = (note.pitch - chord_at(score.chords, note.onset).root) % 12
            fifths += note.duration * (above == 7)
            total += note.duration
    assert fifths / total < 0.25


def test_a_second_part_lies_higher_than_the_first() -> None:
    means: dict[str, list[int]] = {"A": [], "B": []}
    for seed in range(8):
        fields = {"instruments": ("flute", "piano"), "form": "AB", "bars": 16, "seed": seed}
        plan, score = composed(request_of(fields))
        for note in score.notes["flute"]:
            means["A" if note.onset < plan.ticks // 2 else "B"].append(note.pitch)
    assert np.mean(means["B"]) > np.mean(means["A"]) + 1.5


def test_a_slow_melody_does_not_stand_still() -> None:
    same = pairs = 0
    for seed in range(10):
        fields = {"genre": "waltz", "tempo": 150, "bars": 16, "key": "D lydian", "seed": seed}
        plan, score = composed(request_of(fields))
        lead = next(seat.stem for seat in plan.seats if "melody" in seat.voices)
        pitches = [note.pitch for note in score.notes[lead]]
        same += sum(a == b for a, b in pairwise(pitches))
        pairs += len(pitches) - 1
    assert same / pairs < 0.15


@pytest.mark.parametrize("lead", ["cello", "saxophone", "trombone", "trumpet", "violin"])
def test_chords_and_pads_leave_the_leads_register_free(lead: str) -> None:
    inside = beside = 0
    for seed in range(6):
        ensemble = (lead, "piano", "strings", "electric bass")
        asked = Request(tempo=100, key="D minor", bars=12, instruments=ensemble, seed=seed)
        _, score = composed(asked)
        notes = [note for own in score.notes.values() for note in own]
        line = [note.pitch for note in notes if note.voice == "melody"]
        low, high = np.percentile(line, (10, 90))
        held = [note for note in notes if note.voice in {"chords", "pad"}]
        inside += sum(note.duration for note in held if low <= note.pitch <= high)
        beside += sum(note.duration for note in held)
    assert inside / beside < 0.25


def test_a_slow_melody_spans_as_much_as_a_tune_does() -> None:
    spans = []
    for seed in range(24):
        slow = {"moods": ("calm",), "instruments": ("flute", "harp"), "tempo": 160.0}
        metre = ("2/4", "3/4")[seed % 2]
        _, score = composed(Request(key="G major", bars=8, metre=metre, seed=seed, **slow))
        spans.append(np.ptp([note.pitch for note in score.notes["flute"]]))
    assert np.mean(spans) > 12.2


def test_asked_for_chords_are_played_one_a_bar_from_the_beginning_again() -> None:
    fields = {"chords": ("Dm", "Gm7", "A7"), "key": "D minor", "bars": 5}
    plan, score = composed(request_of(fields))
    assert [chord.written(plan.key) for chord in score.chords] == ["Dm", "Gm7", "A7", "Dm", "Gm7"]


@pytest.mark.parametrize("metre", METRES)
def test_every_bar_can_be_filled_from_wherever_a_rhythm_has_got_to(metre: str) -> None:
    plan = planned(request_of({"tempo": 30, "bars": 1, "metre": metre, "moods": ("playful",)}))
    passage = next(passages(plan, compose(plan, seeds_of(plan, 0)).chords))
    random, before = np.random.default_rng(3), list[int]()
    for _ in range(150):
        assert sum(drawn_rhythm(passage, before, random)) == plan.metre.bar


@pytest.mark.parametrize("bars", [8, 24])
def test_a_blues_has_minor_sevenths_only_and_twelve_bars_are_a_chorus(bars: int) -> None:
    plan, score = composed(request_of({"genre": "blues", "key": "A major", "bars": bars}))
    assert {chord.quality for chord in score.chords} <= {"7", "m7", "m7b5"}
    if bars % 12 == 0:
        names = [chord.written(plan.key) for chord in score.chords]
        assert names[:12] == ["A7"] * 4 + ["D7"] * 2 + ["A7"] * 2 + ["E7", "D7", "A7", "E7"]
        assert names[-1] == "A7"
