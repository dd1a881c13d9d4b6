"""Variants of one tune: found in any key and with ornaments, told from other tunes."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from fingerprint.training.scores.melody import Note
from fingerprint.training.scores.variants import (
    VARIANT,
    groups,
    outline,
    plain_title,
    similarity,
)


def tune(seed: int, count: int = 80) -> list[Note]:
    """A random walk through a major scale, with leaps."""
    random = np.random.default_rng(seed)
    scale = [12 * octave + step for octave in (5, 6) for step in (0, 2, 4, 5, 7, 9, 11)]
    at, found = 6, []
    for n in range(count):
        at = int(np.clip(at + random.choice([-4, -3, -2, -1, -1, 1, 1, 2, 3, 5]), 0, 13))
        found.append(Note(n * 0.5, 0.5, scale[at]))
    return found


def ornamented(melody: list[Note]) -> list[Note]:
    """Every eighth note with its upper neighbour in between."""
    found = []
    for n, note in enumerate(melody):
        if n % 8 == 3:
            half = note.duration / 4
            found += [
                Note(note.onset, half, note.pitch),
                Note(note.onset + half, half, note.pitch + 2),
                Note(note.onset + 2 * half, 2 * half, note.pitch),
            ]
        else:
            found.append(note)
    return found


@given(st.integers(0, 10_000), st.integers(-11, 11))
def test_a_melody_in_another_key_is_wholly_the_same(seed: int, shift: int) -> None:
    melody = outline(tune(seed))
    assert similarity(melody, melody + np.int16(shift)) == pytest.approx(1.0)


def test_an_ornamented_melody_stays_a_variant() -> None:
    for seed in range(5):
        assert similarity(outline(tune(seed)), outline(ornamented(tune(seed)))) > VARIANT + 0.2


def test_other_melodies_stay_below_the_threshold_of_variants() -> None:
    found = [similarity(outline(tune(n)), outline(tune(n + 100))) for n in range(20)]
    assert max(found) < VARIANT


def test_repeated_notes_do_not_tell_tunes_apart() -> None:
    plain = [Note(n, 1.0, pitch) for n, pitch in enumerate((60, 62, 64, 60))]
    doubled = [Note(note.onset + half, 0.5, note.pitch) for note in plain for half in (0.0, 0.5)]
    assert outline(plain).tolist() == outline(doubled).tolist()


def test_a_variant_in_another_key_falls_into_the_same_group_and_others_into_their_own() -> None:
    moved = [Note(n.onset, n.duration, n.pitch + 5) for n in ornamented(tune(1))]
    melodies = [tune(1), tune(2), moved, tune(3)]
    assert groups([outline(each) for each in melodies], ["A", "B", "C", "D"]) == [0, 1, 0, 3]


def test_titles_are_compared_without_article_and_dance() -> None:
    assert plain_title("The White Cockade -- Reel") == plain_title("WHITE COCKADE")
