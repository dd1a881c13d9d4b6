"""A performance changes what it says and leaves the rest."""

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from fingerprint.training.scores.arrangement import Performance, notes, performance, seconds_at
from fingerprint.training.scores.instruments import CHANNELS, SEEN, UNSEEN
from fingerprint.training.scores.melody import Note, Work
from fingerprint.training.scores.same_chords import same_chords
from fingerprint.training.scores.variants import outline, similarity

PITCHES = (67, 71, 74, 71, 72, 69, 67, 66, 67, 69, 71, 72, 74, 79, 78, 76)
TUNE = Work(
    "tune",
    "book",
    "Tune",
    "tune",
    "test",
    4.0,
    tuple(Note(n * 0.5, 0.5, pitch) for n, pitch in enumerate(PITCHES * 4)),
)
OTHER = replace(
    TUNE,
    id="other",
    melody=tuple(
        Note(n * 0.5, 0.5, pitch) for n, pitch in enumerate((62, 62, 64, 69, 62, 74, 73, 69) * 8)
    ),
)


def drawn(seed: int, split: str = "train", **fixed: object) -> Performance:
    return performance(TUNE, np.random.default_rng(seed), split, **fixed)  # type: ignore[arg-type]


def melody_of(played: Performance) -> list[tuple[float, int]]:
    return [
        (event.start_seconds, event.pitch)
        for event in notes(TUNE, played)
        if event.channel == CHANNELS["melody"]
    ]


@given(st.integers(0, 5000))
def test_every_draw_plays_the_melody_within_the_midi_range(seed: int) -> None:
    played = drawn(seed)
    events = notes(TUNE, played)
    assert "melody" in played.voices
    assert all(0 <= event.pitch < 128 and 1 <= event.velocity < 128 for event in events)
    assert all(event.end_seconds > event.start_seconds >= 0 for event in events)
    assert {event.channel for event in events} == {CHANNELS[voice] for voice in played.voices}


@given(st.integers(0, 5000))
def test_melody_notes_begin_where_the_time_map_says(seed: int) -> None:
    played = drawn(seed, ornaments=0.0)
    for (start, pitch), note in zip(melody_of(played), TUNE.melody, strict=True):
        assert pitch == note.pitch + played.semitones + 12 * played.melody_octave
        assert 0 <= start - seconds_at(played, note.onset) < 0.1


def test_a_fixed_field_changes_nothing_else() -> None:
    free, fixed = drawn(5), drawn(5, semitones=3, beats_per_minute=91.0)
    assert replace(free, semitones=3, beats_per_minute=91.0) == fixed


def test_held_out_splits_play_programs_that_training_never_hears() -> None:
    def programs(split: str, voice: str) -> set[int]:
        return {drawn(seed, split).programs[voice] for seed in range(300)}  # type: ignore[index]

    for voice in ("melody", "chords"):
        train, test = programs("train", voice), programs("test", voice)
        assert not train & test
        assert len(train) > 10
        assert len(test) > 10
    for part in SEEN._fields:
        seen = {p for those in getattr(SEEN, part).values() for p in those}
        assert not seen & {p for those in getattr(UNSEEN, part).values() for p in those}


def test_dropping_a_voice_leaves_the_melody_as_it_was() -> None:
    full = drawn(9, voices=frozenset({"melody", "chords", "bass", "drums"}))
    assert melody_of(full) == melody_of(replace(full, voices=frozenset({"melody"})))


def test_a_pitch_is_released_before_it_is_struck_again() -> None:
    for seed in range(20):
        last: dict[tuple[int, int], float] = {}
        for event in notes(TUNE, drawn(seed)):
            key = (event.channel, event.pitch)
            assert last.get(key, 0.0) <= event.start_seconds + 0.006
            last[key] = event.end_seconds


def test_same_chords_keep_the_accompaniment_and_change_the_melody() -> None:
    pair = same_chords(TUNE, OTHER, np.random.default_rng(2))
    assert similarity(outline(pair.work.melody), outline(TUNE.melody)) < 0.3
    assert pair.work.beats == pytest.approx(TUNE.beats)
    played = drawn(4, chords=pair.chords, voices=frozenset({"melody", "chords", "bass"}))

    def under(work: Work) -> list[tuple[int, int, float]]:
        return [
            (e.channel, e.pitch, round(e.end_seconds, 3))
            for e in notes(work, played)
            if e.channel in (CHANNELS["chords"], CHANNELS["bass"])
        ]

    assert {row[:2] for row in under(TUNE)} == {row[:2] for row in under(pair.work)}
    assert len(under(TUNE)) == len(under(pair.work))


def test_bars_that_do_not_agree_are_refused_with_what_to_do() -> None:
    waltz = replace(OTHER, bar_beats=3.0)
    with pytest.raises(ValueError, match="give two works whose bars agree"):
        same_chords(TUNE, waltz, np.random.default_rng(0))
