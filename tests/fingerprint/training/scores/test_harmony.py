"""Chords fit the tune they are made for, in its key."""

from itertools import pairwise

import numpy as np
import pytest

from fingerprint.training.scores.harmony import Key, chords, key_of
from fingerprint.training.scores.melody import Note, Work

SCALE = (60, 62, 64, 65, 67, 69, 71, 72)


def work(pitches: tuple[int, ...], bar_beats: float = 4.0) -> Work:
    melody = tuple(Note(float(n), 1.0, pitch) for n, pitch in enumerate(pitches))
    return Work("w", "s", "t", "w", "train", bar_beats, melody)


ARPEGGIOS = (60, 64, 67, 64, 65, 69, 72, 69, 67, 71, 74, 71, 60, 64, 67, 60)


@pytest.mark.parametrize("shift", range(-5, 7))
def test_the_key_follows_the_transposition(shift: int) -> None:
    moved = work(tuple(pitch + shift for pitch in (*ARPEGGIOS, *SCALE, 60)))
    assert key_of(moved) == Key(shift % 12, minor=False)


def test_a_minor_tune_is_heard_as_minor() -> None:
    assert key_of(work((57, 60, 64, 60, 57, 59, 60, 62, 64, 65, 64, 57))) == Key(9, minor=True)


def test_arpeggios_get_the_chords_they_spell() -> None:
    roots = []
    for seed in range(20):
        row = chords(work(ARPEGGIOS), np.random.default_rng(seed))
        roots += [each.root for each in row if each.duration == 4.0 and each.onset == 4.0]
    assert roots
    assert roots.count(5) > 0.9 * len(roots)


def test_chords_cover_the_tune_without_gap_and_end_at_home() -> None:
    for seed in range(10):
        row = chords(work(ARPEGGIOS), np.random.default_rng(seed))
        assert row[0].onset == 0
        assert all(a.onset + a.duration == b.onset for a, b in pairwise(row))
        assert row[-1].onset + row[-1].duration >= 16
        assert row[-1].root == 0


def test_two_draws_differ_but_one_seed_gives_one_row() -> None:
    tune = work(SCALE * 8)
    rows = {chords(tune, np.random.default_rng(seed)) for seed in range(12)}
    assert len(rows) > 1
    assert chords(tune, np.random.default_rng(3)) == chords(tune, np.random.default_rng(3))
