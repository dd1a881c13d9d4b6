"""Works played anew: tones as values, vectors in every key, lines followed, and an index that finds them."""

import json
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import fingerprint
from fingerprint import Fingerprint, InvalidFingerprintError, SegmentIndex
from fingerprint.composition.alignment import follow, in_all_keys
from fingerprint.composition.embedder import KEYED_VALUES, slowed, work_vectors
from fingerprint.composition.geometry import (
    CENTRE_SECONDS,
    HOP_SECONDS,
    KEYED,
    PITCH_CLASSES,
    TONE_SECONDS,
)
from fingerprint.composition.tones import SCALE, VOICES, Tones, expected_tones
from fingerprint.embedding.following import Line

NO_WORDS = np.empty(0, np.uint32)
RATE = 22_050
NAMES = {"C": 0, "D": 2, "E": 4, "F": 5, "G": 7, "A": 9, "B": 11}


def random_tones(seed: int, frames: int) -> Tones:
    random = np.random.default_rng(seed)
    levels = np.zeros((frames, VOICES, PITCH_CLASSES), np.uint8)
    at = 0
    while at < frames:
        length = int(random.integers(1, 5))
        pitch = int(random.integers(PITCH_CLASSES))
        levels[at : at + length, 0, pitch] = levels[at : at + length, 2, pitch] = 14
        levels[at, 1, pitch] = 14
        at += length
    return Tones(levels)


@settings(max_examples=25, deadline=None)
@given(seconds=st.floats(0.5, 90), seed=st.integers(0, 2**32 - 1))
def test_tones_come_back_from_their_bytes(seconds, seed):
    random = np.random.default_rng(seed)
    shape = (expected_tones(seconds), VOICES, PITCH_CLASSES)
    tones = Tones(random.integers(0, 16, shape).astype(np.uint8))
    assert Tones.from_bytes(tones.to_bytes(), seconds) == tones


@pytest.mark.parametrize("data", [b"x" * 23, b"", b"x" * 24 * 500])
def test_tones_of_another_length_are_refused(data):
    with pytest.raises(InvalidFingerprintError, match="tones"):
        Tones.from_bytes(data, 20.0)


def test_levels_that_no_byte_holds_are_refused():
    with pytest.raises(InvalidFingerprintError, match="above 15"):
        Tones(np.full((3, VOICES, PITCH_CLASSES), 16, np.uint8))


@pytest.mark.parametrize(
    "change",
    [{"model": "another"}, {"levels": 7}, {"levels": "no base64!"}, {"levels": "AAAA" * 10**5}],
)
def test_a_strangers_tones_are_checked(song, change):
    print_ = fingerprint.fingerprint(song(1, 20.0), 11_025)
    whole = fingerprint.completed(print_, song(1, 20.0), 11_025)
    document = json.loads(json.dumps(whole.to_json()))
    assert Fingerprint.from_json(document) == whole
    document["tones"] |= change
    with pytest.raises(InvalidFingerprintError, match="tones"):
        Fingerprint.from_json(document)


@settings(max_examples=10, deadline=None)
@given(seed=st.integers(0, 2**16), semitones=st.integers(0, 11))
def test_another_key_moves_what_is_followed_and_leaves_what_is_looked_up(seed, semitones):
    tones = random_tones(seed, 200)
    raised = Tones(np.roll(tones.levels, semitones, axis=2))
    here, there = work_vectors(tones), work_vectors(raised)
    assert np.abs(here.looked_up.astype(int) - there.looked_up).max() <= 1
    classes = here.followed.reshape(-1, PITCH_CLASSES, KEYED)
    moved = np.roll(classes, semitones, axis=1).reshape(-1, KEYED_VALUES)
    assert np.abs(moved.astype(int) - there.followed).max() <= 1


@settings(max_examples=25, deadline=None)
@given(tempo=st.floats(0.8, 1.25), frames=st.integers(60, 400))
def test_slowing_down_moves_every_moment_by_the_tempo(tempo, frames):
    ramp = np.arange(frames, dtype=np.float32)[None]
    played = slowed(ramp, tempo)
    np.testing.assert_allclose(played[0], np.arange(played.shape[1]) / tempo, atol=1e-3)
    assert abs(played.shape[1] - frames * tempo) < 2


def test_silence_has_no_vectors_that_could_be_found():
    silent = Tones(np.zeros((200, VOICES, PITCH_CLASSES), np.uint8))
    vectors = work_vectors(silent)
    assert len(vectors)
    assert not vectors.looked_up.any()
    assert not vectors.followed.any()


def test_what_is_shorter_than_eight_seconds_has_no_vectors():
    assert len(work_vectors(random_tones(1, 50))) == 0
    assert len(work_vectors(random_tones(1, 51))) == 1


@settings(max_examples=25, deadline=None)
@given(
    seed=st.integers(0, 2**16),
    offset=st.integers(0, 60),
    key=st.integers(0, 11),
    error=st.floats(-0.9, 0.9),
    tilt=st.floats(-0.04, 0.04),
)
def test_a_line_that_is_a_little_off_is_straightened_in_its_key(seed, offset, key, error, tilt):
    random = np.random.default_rng(seed)
    reference = random.normal(size=(100, KEYED_VALUES)).astype(np.float32)
    reference /= np.linalg.norm(reference, axis=1, keepdims=True)
    classes = reference[offset : offset + 30].reshape(-1, PITCH_CLASSES, KEYED)
    query = np.roll(classes, key, axis=1).reshape(-1, KEYED_VALUES)
    seconds = np.arange(30) * HOP_SECONDS + CENTRE_SECONDS
    middle = float(seconds.mean())
    voted = Line(0, offset * HOP_SECONDS + error - tilt * middle, 1.0 + tilt)
    found = follow(voted, in_all_keys(query), seconds, reference)
    assert found is not None
    assert found.semitones % 12 == key
    assert -5 <= found.semitones <= 6
    assert found.line.tempo_ratio == pytest.approx(1.0, abs=0.01)
    assert found.line.offset == pytest.approx(offset * HOP_SECONDS, abs=0.4)
    assert found.mean > 0.95 > found.other_keys
    assert found.vectors >= 28


def test_unrelated_vectors_are_no_line():
    random = np.random.default_rng(4)
    both = random.normal(size=(2, 40, KEYED_VALUES)).astype(np.float32)
    query, reference = both / np.linalg.norm(both, axis=2, keepdims=True)
    seconds = np.arange(40) * HOP_SECONDS + CENTRE_SECONDS
    assert follow(Line(0, 0.0, 1.0), in_all_keys(query), seconds, reference) is None


def played(notes: str, *, beat: float, semitones: int = 0, timbre: int = 4) -> np.ndarray:
    """Notes such as ``C4:1 E4:.5``, synthesised with so many partials."""
    parts = []
    for note in notes.split():
        pitch, beats = note.split(":")
        key = 12 * (int(pitch[-1]) + 1) + NAMES[pitch[0]] + pitch.count("#") + semitones
        times = np.arange(int(float(beats) * beat * RATE)) / RATE
        hertz = 440 * 2 ** ((key - 69) / 12)
        tone = sum(np.sin(2 * np.pi * hertz * k * times) / k**1.3 for k in range(1, timbre + 1))
        fade = np.minimum(1, np.minimum(times, times[-1] - times) / 0.01)
        parts.append(tone * np.exp(-1.5 * times) * fade)
    samples = np.concatenate(parts)
    return (0.5 * samples / np.abs(samples).max()).astype(np.float32)[None]


TUNES = [
    "C4:1 E4:.5 G4:.5 A4:1 G4:1 F4:.5 E4:.5 D4:1 E4:.5 F4:.5 G4:2 C5:1 B4:.5 A4:.5 G4:1 E4:1 "
    "A4:.5 G4:.5 F4:.5 E4:.5 D4:1 G4:1 E4:.5 C4:.5 D4:1 C4:2 ",
    "G4:.5 G4:.5 D4:1 B4:.5 A4:.5 G4:1 E4:.5 F#4:.5 G4:.5 A4:.5 B4:1 D5:1 C5:.5 B4:.5 A4:1 D4:1 "
    "E4:1.5 F#4:.5 G4:1 D5:.5 B4:.5 A4:1 F#4:1 G4:2 ",
    "A4:1.5 B4:.5 C5:1 E5:1 D5:.5 C5:.5 B4:1 G4:1 A4:1 E4:1 C5:.5 D5:.5 E5:1 A5:1 G5:.5 E5:.5 "
    "D5:1 B4:.5 C5:.5 D5:1 E5:.5 C5:.5 A4:2 ",
]


def whole(samples: np.ndarray) -> Fingerprint:
    return fingerprint.completed(fingerprint.fingerprint(samples, RATE), samples, RATE)


def anew(samples: np.ndarray) -> Fingerprint:
    """By its tones alone: to the vectors of recordings all melodies of plain tones sound alike."""
    return replace(whole(samples), embedding=None, constellation=None)


def test_a_melody_in_another_key_tempo_and_timbre_is_found_as_its_work(tmp_path):
    index = SegmentIndex(tmp_path)
    index.apply([(f"{n}", whole(played(2 * t, beat=0.5))) for n, t in enumerate(TUNES)], [], 1)
    for number, tune in enumerate(TUNES):
        query = anew(played(2 * tune, beat=0.44, semitones=3, timbre=9))
        works = [m for m in index.search(query) if m.kind == "composition"]
        assert [m.reference_id for m in works] == [f"{number}"]
        (segment, *_) = works[0].segments
        assert segment.pitch_semitones == 3.0
        assert segment.tempo_ratio == pytest.approx(0.5 / 0.44, rel=0.03)
        assert segment.query_end - segment.query_start > 15


def test_the_same_recording_is_no_other_performance_of_itself(tmp_path):
    index = SegmentIndex(tmp_path)
    samples = played(2 * TUNES[0], beat=0.5)
    index.apply([("one", whole(samples))], [], 1)
    assert [m.kind for m in index.search(whole(samples))] == ["recording"]


def test_works_survive_a_merge_and_what_was_removed_is_gone(tmp_path):
    index = SegmentIndex(tmp_path)
    for number, tune in enumerate(TUNES):
        index.apply([(f"{number}", whole(played(2 * tune, beat=0.5)))], [], number + 1)
    index.apply([], ["1"], 4)
    index.compact()
    index.verify()
    assert index.stats().segments == 1
    for number, tune in enumerate(TUNES):
        query = anew(played(2 * tune, beat=0.47, semitones=-4))
        works = [m.reference_id for m in index.search(query) if m.kind == "composition"]
        assert works == ([] if number == 1 else [f"{number}"])


def test_tones_are_as_long_as_the_sound(song):
    samples = song(3, 33.3)
    tones = fingerprint.completed(fingerprint.fingerprint(samples, 11_025), samples, 11_025).tones
    assert tones is not None
    assert len(tones) * TONE_SECONDS == pytest.approx(33.3, abs=TONE_SECONDS)
    assert tones.shares().max() <= 1.0
    assert SCALE == 15.0
