"""Altered sound, through the network itself: what is found, and what never is."""

import functools
from dataclasses import replace

import numpy as np
import pytest

from benchmarks.alterations import RATE as FULL_RATE
from benchmarks.alterations import shifted
from benchmarks.unmusical import KINDS
from fingerprint import Fingerprint, Match, SegmentIndex
from fingerprint.index.chroma import BY_CHANCE
from fingerprint.index.score import buried_probability
from fingerprint.spectrum import FRAMES_PER_SECOND
from tests.fingerprint.hearing import heard

SECONDS = 40
SONGS = 6


def rng(seed: int) -> np.random.Generator:
    return np.random.default_rng(seed)


@functools.cache
def uncomposed(kind: str, seconds: int, seed: int) -> Fingerprint:
    return heard(KINDS[kind](seconds, rng(seed)), FULL_RATE)


@pytest.fixture(scope="module")
def index(tmp_path_factory, song, open_index) -> SegmentIndex:
    """Songs, and sounds that nobody composed."""
    songs = {f"song-{seed}": song(seed, SECONDS, FULL_RATE) for seed in range(SONGS)}
    songs["silence"] = np.zeros((1, SECONDS * FULL_RATE), np.float32)
    prints = {name: heard(samples, FULL_RATE) for name, samples in songs.items()}
    prints |= {kind: uncomposed(kind, SECONDS, 1) for kind in KINDS}
    index = open_index(tmp_path_factory.mktemp("altered"))
    index.apply(list(prints.items()), [], 1)
    return index


def found(index: SegmentIndex, samples: np.ndarray) -> list[Match]:
    return index.search(heard(samples, FULL_RATE))


@pytest.mark.parametrize(
    ("pitch", "tempo"),
    [(0.0, 1.0), (1.0, 1.1), (-2.0, 0.9), (4.0, 1.0), (-4.0, 1.0), (0.0, 0.8), (0.0, 1.25)],
)
def test_pitch_and_tempo_are_found_and_told(index, song, pitch, tempo):
    part = song(2, SECONDS, FULL_RATE)[:, 8 * FULL_RATE : 23 * FULL_RATE]
    match, *others = found(index, shifted(part, FULL_RATE, pitch, tempo))
    longest = max(match.segments, key=lambda each: each.query_end - each.query_start)
    assert match.reference_id == "song-2"
    assert not others
    assert longest.pitch_semitones == pytest.approx(pitch, abs=0.25)
    assert longest.tempo_ratio == pytest.approx(tempo, rel=0.03)
    assert longest.reference_start == pytest.approx(8, abs=1.5)
    assert longest.reference_end == pytest.approx(23, abs=1.5)


@pytest.mark.parametrize("seconds", [10, 40])
@pytest.mark.parametrize("kind", KINDS)
def test_sound_that_nobody_composed_never_matches_another(index, kind, seconds):
    assert index.search(uncomposed(kind, seconds, 2)) == []


@pytest.mark.parametrize("kind", ["white", "drone"])
def test_nor_does_it_however_long_it_lasts(index, kind):
    assert index.search(uncomposed(kind, 120, 2)) == []


@pytest.mark.parametrize("level", [0.0, 0.3])
def test_no_sound_at_all_matches_nothing(index, level):
    assert found(index, np.full((1, SECONDS * FULL_RATE), level, np.float32)) == []


@pytest.mark.parametrize("seed", range(100, 108))
def test_an_unknown_song_has_no_match(index, song, seed):
    assert found(index, song(seed, SECONDS, FULL_RATE)) == []


@pytest.mark.parametrize("seconds", [2.9, 3.5, 4.0])
def test_a_few_seconds_of_the_unknown_match_nothing(index, song, seconds):
    for seed in range(110, 114):
        assert found(index, song(seed, SECONDS, FULL_RATE)[:, : int(seconds * FULL_RATE)]) == []


def test_a_lookup_far_from_the_pitch_of_what_it_met_says_nothing(index: SegmentIndex, song) -> None:
    """A chance likeness at a pitch that no lookup is meant for gives no match."""
    samples = song(0, SECONDS, FULL_RATE)
    query = heard(samples, FULL_RATE).embedding
    assert query is not None
    shifts = [trace.pitch_semitones for trace in index.traces(query)]
    assert shifts
    assert max(map(abs, shifts)) < 3 + 5.5 / 2


@pytest.mark.parametrize("seed", [0, 1])
def test_vectors_of_a_copy_under_other_music_agree_with_its_place(
    index: SegmentIndex, song, seed: int
) -> None:
    """They are what makes sure of it; a stranger's peaks coincide where vectors say nothing."""
    start = 6
    part = song(seed, SECONDS, FULL_RATE)[:, start * FULL_RATE : (start + 10) * FULL_RATE]
    query = heard(part + song(200 + seed, 10, FULL_RATE), FULL_RATE)
    assert query.constellation is not None
    assert query.embedding is not None
    sightings = index.sightings(query.constellation, query.embedding, followed=8)
    own, others = [], []
    for each in sightings:
        place = each.coincidence.offset / FRAMES_PER_SECOND
        is_own = each.segment.id_of(each.ordinal) == f"song-{seed}" and abs(place - start) < 0.1
        (own if is_own else others).append(each)
    (copy,) = own
    assert copy.accord is not None
    assert copy.accord.vectors > 0.9
    for less in ({"vectors": BY_CHANCE}, {"excess": 0.0}):
        without = buried_probability(copy.coincidence, replace(copy.accord, **less), query.duration)
        assert buried_probability(copy.coincidence, copy.accord, query.duration) > without
    assert all(buried_probability(e.coincidence, e.accord, query.duration) < 0.5 for e in others)
