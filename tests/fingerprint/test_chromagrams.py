"""Notes of a match: both sides over the query's time, in its key."""

from dataclasses import replace

import numpy as np
import pytest

from fingerprint import Fingerprint, Segment, Tones, TooShortError, chromagrams
from fingerprint.composition.geometry import TONE_SECONDS
from fingerprint.composition.tones import expected_tones
from fingerprint.embedding.embedding import Embedding, expected_vectors

SECONDS = 40.0


def played(notes: list[int], each_s: float, duration: float = SECONDS) -> Fingerprint:
    """A fingerprint in whose tones one note after the other sounds."""
    count = expected_tones(duration)
    levels = np.zeros((count, 4, 12), np.uint8)
    at = (np.arange(count) * TONE_SECONDS / each_s).astype(int).clip(0, len(notes) - 1)
    levels[np.arange(count), 2, np.array(notes)[at]] = 15
    return Fingerprint(np.zeros(0, np.uint32), duration, tones=Tones(levels))


def sung(notes: list[int | None], each_s: float, duration: float = SECONDS) -> Fingerprint:
    """A fingerprint with a melody and nothing else."""
    count = expected_tones(duration)
    levels = np.zeros((count, 4, 12), np.uint8)
    at = (np.arange(count) * TONE_SECONDS / each_s).astype(int).clip(0, len(notes) - 1)
    for frame, note in enumerate(notes[place] for place in at):
        if note is not None:
            levels[frame, 0, note] = 12
    return Fingerprint(np.zeros(0, np.uint32), duration, tones=Tones(levels))


def test_a_reference_is_moved_to_the_querys_time_and_turned_to_its_key() -> None:
    reference = played([0, 4, 7, 11], 10.0)
    query = played([2, 6, 9, 1], 8.0, 32.0)  # a whole tone higher, faster
    segment = Segment(0, 32, 0, 40, 0.9, pitch_semitones=2.0, tempo_ratio=1.25)

    found = chromagrams(query, reference, segment)

    assert (found.start, found.end) == (0.0, 32.0)
    assert found.query.shape == found.reference.shape == (12, len(found.likeness))
    assert found.query[:, 10].argmax() == 2
    assert np.median(found.likeness) > 0.99
    unturned = chromagrams(query, reference, replace(segment, pitch_semitones=0.0))
    assert np.median(unturned.likeness) < 0.1


def test_melodies_are_laid_over_one_another_and_are_nothing_where_none_sounds() -> None:
    reference = sung([0, 4, 7, None], 10.0)
    query = sung([2, 6, 9, None], 8.0, 32.0)  # a whole tone higher, faster
    segment = Segment(0, 32, 0, 40, 0.9, pitch_semitones=2.0, tempo_ratio=1.25)

    own, theirs = chromagrams(query, reference, segment).melodies

    assert own.shape == theirs.shape
    assert [own[len(own) * part // 8] for part in (1, 3, 5)] == [2, 6, 9]
    assert np.mean(own[: len(own) * 3 // 4] == theirs[: len(own) * 3 // 4]) > 0.95
    assert np.isnan(own[-1])
    assert np.isnan(theirs[-1])


def test_without_tones_of_both_sides_there_are_no_melodies() -> None:
    rng = np.random.default_rng(1)
    count = expected_vectors(SECONDS)
    chroma = rng.integers(-127, 127, (count, 24)).astype(np.int8)
    vectors = rng.integers(-127, 127, (3, count, 64)).astype(np.int8)
    bare = Fingerprint(np.zeros(0, np.uint32), SECONDS, embedding=Embedding(vectors, chroma))

    assert chromagrams(bare, bare, Segment(0, 30, 0, 30, 0.9)).melodies is None


def test_where_the_reference_has_ended_nothing_is_played() -> None:
    query, reference = played([0, 4], 20.0), played([0], 10.0, 10.0)

    found = chromagrams(query, reference, Segment(20, 30, 0, 10, 0.9))

    assert found.reference[:, -1].max() == 0
    assert found.reference[:, 0].max() == 0
    assert np.isfinite(found.likeness).all()


def test_sides_without_notes_can_not_be_drawn() -> None:
    bare = Fingerprint(np.zeros(0, np.uint32), SECONDS)
    with pytest.raises(TooShortError, match="no chroma"):
        chromagrams(bare, played([0], 40.0), Segment(0, 10, 0, 10, 0.9))
