"""Constellations as values, in an index's files, and what is buried found by them."""

import json
import struct
import zlib
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import fingerprint
from fingerprint import (
    Constellation,
    Fingerprint,
    IndexParams,
    InvalidFingerprintError,
    Match,
    SegmentIndex,
)
from fingerprint.constellation.coincidence import Companion, Grid, kept
from fingerprint.constellation.constellation import (
    ALL_BINS,
    BLOCK_FRAMES,
    GRID_PEAKS,
    PER_SECOND,
    constellation,
    expected_peaks,
    strongest,
)
from fingerprint.constellation.landmarks import (
    HASHES,
    REFERENCE_PEAKS,
    Landmarks,
    query_landmarks,
    reference_landmarks,
)
from fingerprint.index.constellation_search import Hint, _windows, sightings
from fingerprint.spectrum import FRAMES_PER_SECOND, spectrum
from fingerprint.sub_fingerprints import expected_words

NO_WORDS = np.empty(0, np.uint32)
RATE = 44_100


def stars(seed: int, seconds: int) -> Constellation:
    """Random peaks, twenty a second."""
    random = np.random.default_rng(seed)
    places = [
        np.sort(random.choice(BLOCK_FRAMES * ALL_BINS, 20, replace=False)) for _ in range(seconds)
    ]
    frames = np.concatenate([own // ALL_BINS + n * BLOCK_FRAMES for n, own in enumerate(places)])
    bins = np.concatenate(places) % ALL_BINS
    return Constellation(((frames << 8) | bins).astype(np.uint32))


def of(peaks: Constellation, seconds: float) -> Fingerprint:
    """A fingerprint of nothing but peaks."""
    return Fingerprint(NO_WORDS, seconds, constellation=peaks)


def part(peaks: Constellation, start: int, end: int) -> Constellation:
    """The seconds from ``start`` to ``end``."""
    frames = peaks.frames()
    own = (frames >= start * BLOCK_FRAMES) & (frames < end * BLOCK_FRAMES)
    return Constellation(peaks.peaks[own] - np.uint32((start * BLOCK_FRAMES) << 8))


def document(seconds: float = 30.0) -> dict:
    words = np.arange(expected_words(seconds), dtype=np.uint32)
    return Fingerprint(words, seconds, constellation=stars(1, 30)).to_json()


@settings(max_examples=50, deadline=None)
@given(seed=st.integers(0, 2**32 - 1), seconds=st.integers(0, 40))
def test_bytes_and_json_carry_a_constellation(seed, seconds):
    duration = seconds + 5.0
    words = np.arange(expected_words(duration), dtype=np.uint32)
    whole = Fingerprint(words, duration, constellation=stars(seed, seconds) if seconds else None)
    assert Fingerprint.from_bytes(whole.to_bytes()) == whole
    assert Fingerprint.from_json(json.loads(json.dumps(whole.to_json()))) == whole
    if seconds:
        assert whole != Fingerprint(words, duration)


def test_what_was_stored_before_there_were_all_parts_is_read(song):
    """Heads of all versions before, as they were written; vectors and tones of other networks go."""
    samples = song(1, 20.0)
    new = replace(fingerprint.fingerprint(samples, 11_025), waveform=None)
    embedded = replace(new, embedding=fingerprint.embed(samples, 11_025))
    peaked = replace(embedded, constellation=constellation(spectrum(samples, 11_025)))
    heard = fingerprint.completed(new, samples, 11_025)
    heads = {1: "<4sBdI", 2: "<4sBdIIi", 3: "<4sBdIIii", 4: "<4sBdIIiii"}
    ends = {1: 17, 2: 25, 3: 29, 4: 33}
    for print_, versions in ((new, heads), (embedded, (2, 3, 4)), (peaked, (3, 4)), (heard, (4,))):
        for version in versions:
            body = print_.to_bytes()[:-4]
            fields = list(struct.unpack_from(heads[version], body))
            fields[1] = version
            old = struct.pack(heads[version], *fields) + body[37:]
            assert struct.calcsize(heads[version]) == ends[version]
            kept = Fingerprint.from_bytes(old + struct.pack("<I", zlib.crc32(old)))
            assert kept == replace(print_, embedding=None, tones=None)
            lost = {name for name in ("embedding", "tones") if getattr(print_, name) is not None}
            assert kept.left_out == lost
    assert Fingerprint.from_bytes(heard.to_bytes()).left_out == frozenset()
    unknown = bytes([*body[:4], 9, *body[5:]])
    with pytest.raises(InvalidFingerprintError, match="format 9"):
        Fingerprint.from_bytes(unknown + struct.pack("<I", zlib.crc32(unknown)))


@pytest.mark.parametrize(
    "change",
    [
        {"model": "another"},
        {"peaks": 7},
        {"peaks": "no base64!"},
        {"peaks": "AAA="},
        {"peaks": "/////w=="},
        {"peaks": "AAAA" * 10**6},
    ],
)
def test_a_strangers_constellation_is_checked(change):
    own = document()
    own["constellation"] |= change
    with pytest.raises(InvalidFingerprintError, match=r"peaks|constellation"):
        Fingerprint.from_json(own)


@pytest.mark.parametrize("value", ["peaks", [], 3, {}])
def test_a_constellation_is_an_object_with_a_model(value):
    with pytest.raises(InvalidFingerprintError, match="constellation"):
        Fingerprint.from_json(document() | {"constellation": value})


@pytest.mark.parametrize(
    "peaks",
    [
        [(100, 5), (3, 5)],
        [(0, ALL_BINS)],
        [(0, n) for n in range(PER_SECOND + 1)],
    ],
)
def test_what_no_sound_gives_is_no_constellation(peaks):
    packed = np.array([(frame << 8) | bin_ for frame, bin_ in peaks], np.uint32)
    with pytest.raises(InvalidFingerprintError):
        Constellation(packed)


def test_peaks_behind_the_end_are_refused():
    with pytest.raises(InvalidFingerprintError, match="behind the end"):
        Constellation.from_bytes(stars(1, 30).to_bytes(), 20.0)


def test_sound_has_a_peak_where_a_tone_begins(song):
    rate = 11_025
    found = constellation(spectrum(song(1, 20.0), rate))
    assert 0 < len(found) <= expected_peaks(20.0)
    assert len(constellation(spectrum(np.zeros((1, 20 * rate), np.float32), rate))) == 0
    louder = constellation(spectrum(song(1, 20.0) * np.float32(0.25), rate))
    both = set(found.peaks.tolist()) & set(louder.peaks.tolist())
    assert len(both) > 0.9 * len(found)


@settings(max_examples=30, deadline=None)
@given(seed=st.integers(0, 2**32 - 1), start=st.integers(1, 10))
def test_a_part_asks_for_most_of_what_the_whole_keeps(seed, start):
    """Not for all of it: between two peaks of the reference a query has more of them."""
    whole = stars(seed, 20)
    own = reference_landmarks(whole.peaks)
    asked = query_landmarks(part(whole, start, start + 8).peaks)
    assert ((asked.hashes >= 0) & (asked.hashes < HASHES)).all()
    known = set(
        zip(asked.hashes.tolist(), (asked.frames + start * BLOCK_FRAMES).tolist(), strict=True)
    )
    inside = (own.frames >= start * BLOCK_FRAMES) & (own.frames < (start + 6) * BLOCK_FRAMES)
    kept = set(zip(own.hashes[inside].tolist(), own.frames[inside].tolist(), strict=True))
    assert len(kept & known) > 0.5 * len(kept)


def test_the_strongest_are_first_of_each_second():
    peaks = stars(3, 10)
    kept = strongest(peaks.peaks, 7)
    assert len(kept) == 70
    assert (np.bincount((kept >> np.uint32(8)) // BLOCK_FRAMES) == 7).all()
    assert np.array_equal(strongest(peaks.peaks, GRID_PEAKS), peaks.peaks)


def test_merged_segments_answer_as_one_written_at_once(tmp_path):
    """Replaced, removed, merged and compacted: the landmarks that stay are those of a new index."""
    grown = SegmentIndex(tmp_path / "grown", IndexParams(merge_fan=2))
    for number in range(9):
        grown.apply([(f"{number}", of(stars(number, 30 + number), 35.0 + number))], [], number + 1)
    grown.apply([("4", of(stars(40, 30), 35.0))], ["2", "7"], 10)
    names = [0, 1, 3, 5, 6, 8]
    model = {f"{n}": of(stars(n, 30 + n), 35.0 + n) for n in names} | {"4": of(stars(40, 30), 35.0)}
    once = SegmentIndex(tmp_path / "once")
    once.apply(list(model.items()), [], 1)
    queries = [of(part(stars(seed, 30), 6, 16), 10.0) for seed in (*range(9), 40, 41)]
    expected = [answers(once, query) for query in queries]
    assert [answers(grown, query) for query in queries] == expected
    grown.compact()
    assert grown.stats().segments == 1
    assert [answers(grown, query) for query in queries] == expected
    found = [{each[0] for each in own} for own in expected]
    assert found == [{"0"}, {"1"}, set(), {"3"}, set(), {"5"}, {"6"}, set(), {"8"}, {"4"}, set()]
    grown.verify()


def answers(index: SegmentIndex, query: Fingerprint) -> list[tuple]:
    return [
        (match.reference_id, round(match.score, 6), round(match.segments[0].reference_start, 6))
        for match in index.search(query)
    ]


def test_dead_copies_do_not_stand_in_the_way_of_a_living_one(tmp_path):
    index = SegmentIndex(tmp_path)
    copies = [(f"copy-{number}", of(stars(1, 30), 30.0)) for number in range(40)]
    others = [(f"other-{number}", of(stars(number, 30), 30.0)) for number in range(50, 250)]
    index.apply([*copies, *others], [], 1)
    index.apply([], [f"copy-{number}" for number in range(39)], 2)
    assert index.stats().tombstones == 39
    (match,) = index.search(of(part(stars(1, 30), 5, 15), 10.0))
    assert match.reference_id == "copy-39"


def test_each_of_two_songs_in_a_long_query_is_found_in_its_place(tmp_path):
    """Each lasts fifteen seconds of three minutes; windows overlap, so no edge hides one."""
    index = SegmentIndex(tmp_path)
    index.apply([(f"{n}", of(stars(n, 60), 60.0)) for n in range(5)], [], 1)
    filler = stars(99, 180)
    frames = filler.frames() // BLOCK_FRAMES
    own = np.concatenate(
        [
            filler.peaks[frames < 23],
            part(stars(2, 60), 30, 45).peaks + np.uint32((23 * BLOCK_FRAMES) << 8),
            filler.peaks[(frames >= 38) & (frames < 140)],
            part(stars(4, 60), 0, 15).peaks + np.uint32((140 * BLOCK_FRAMES) << 8),
            filler.peaks[frames >= 155],
        ]
    )
    found = {m.reference_id: m.segments for m in index.search(of(Constellation(own), 180.0))}
    assert set(found) == {"2", "4"}
    for name, start, there in (("2", 23, 30), ("4", 140, 0)):
        (segment,) = found[name]
        assert segment.query_start == pytest.approx(start, abs=0.5)
        assert segment.query_end == pytest.approx(start + 15, abs=0.5)
        assert segment.reference_start == pytest.approx(there, abs=0.5)


@pytest.fixture(scope="module")
def songs(tmp_path_factory, song) -> SegmentIndex:
    index = SegmentIndex(tmp_path_factory.mktemp("buried"))
    listed = []
    for seed in range(8):
        samples = song(seed, 60.0, RATE)
        listed.append((f"song-{seed}", whole(samples)))
    index.apply(listed, [], 1)
    return index


def whole(samples: np.ndarray) -> Fingerprint:
    return fingerprint.completed(fingerprint.fingerprint(samples, RATE), samples, RATE)


def excerpt(song, seed: int) -> np.ndarray:
    """Seconds 21 to 33, at an RMS of 1."""
    samples = song(seed, 60.0, RATE)[:, 21 * RATE : 33 * RATE]
    return samples / np.sqrt(np.mean(samples**2))


def found_in_place(matches: list[Match], name: str) -> bool:
    return any(
        match.reference_id == name
        and abs(match.segments[0].reference_start - match.segments[0].query_start - 21) < 0.2
        for match in matches
    )


def test_a_song_under_noise_as_loud_is_found_in_its_place(songs, song):
    noise = np.random.default_rng(5).normal(size=(1, 12 * RATE))
    query = excerpt(song, 3) + noise
    matches = songs.search(whole((0.1 * query).astype(np.float32)))
    assert [match.reference_id for match in matches] == ["song-3"]
    assert found_in_place(matches, "song-3")


def test_both_of_two_songs_laid_over_each_other_are_found(songs, song):
    query = excerpt(song, 2) + excerpt(song, 6)
    matches = songs.search(whole((0.1 * query).astype(np.float32)))
    assert {match.reference_id for match in matches} == {"song-2", "song-6"}
    assert found_in_place(matches, "song-2")
    assert found_in_place(matches, "song-6")


def test_frames_and_peaks_tell_one_time():
    assert FRAMES_PER_SECOND == BLOCK_FRAMES


@given(seed=st.integers(0, 99), first=st.integers(0, 200), step=st.integers(1, 3))
@settings(max_examples=25, deadline=None)
def test_what_coincides_everywhere_is_what_coincides_at_each_place(seed, first, step):
    own = part(stars(seed, 30), 3, 9)
    frames, bins = np.sort(own.peaks)[::step] >> 8, np.sort(own.peaks)[::step] & 0xFF
    frames, bins = frames.astype(np.int64), bins.astype(np.int64)
    grid = Grid(apart(stars(seed + 100, 30)), first, first + 400)
    shares, offsets = grid.everywhere(frames, bins)
    # Where all of the query lies on the grid, a frame from its edges and more.
    whole = (offsets > first - frames[0]) & (offsets < first + 400 - frames[-1])
    each = grid.shares(frames + offsets[whole, None], bins[None, :])
    assert whole.sum() == 399 - (frames[-1] - frames[0])
    assert shares[whole] == pytest.approx(each)


def apart(peaks: Constellation) -> np.ndarray:
    """Peaks of which no two lie beside each other in one bin, as in music."""
    order = np.lexsort((peaks.frames(), peaks.bins()))
    near = (np.diff(peaks.bins()[order]) == 0) & (np.diff(peaks.frames()[order]) < 3)
    return np.sort(peaks.peaks[order[~np.append(near, False)]])


@given(seed=st.integers(0, 99), data=st.data())
@settings(max_examples=25, deadline=None)
def test_what_is_seen_at_one_place_depends_on_no_other(seed, data):
    seconds = data.draw(st.sampled_from([40, 400]), "seconds of the reference")
    reference, frames = stars(seed, seconds), seconds * BLOCK_FRAMES
    query = np.sort(part(reference, 10, 30).peaks)
    near = st.integers(-20 * BLOCK_FRAMES, frames)
    offsets = [*data.draw(st.lists(near, max_size=4), "offsets"), 10 * BLOCK_FRAMES]
    heard = Grid(query, int(query[0] >> 8), int(query[-1] >> 8))
    beside = Companion(query, heard, reference.peaks, frames)
    together = [beside.at(offset) for offset in offsets]
    assert together == [
        Companion(query, heard, reference.peaks, frames).at(each) for each in offsets
    ]
    assert together[-1] is not None
    assert (together[-1].first, together[-1].last) == (int(query[0] >> 8), int(query[-1] >> 8))


def together(*several: Constellation) -> Constellation:
    """As if laid over each other: of each second the first thirty, in turn."""
    parts = [(own.peaks, own.frames() // BLOCK_FRAMES) for own in several]
    seconds = range(1 + max(int(blocks.max()) for _, blocks in parts))
    mixed = []
    for second in seconds:
        rows = [peaks[blocks == second] for peaks, blocks in parts]
        turns = np.concatenate([np.arange(len(row)) for row in rows])
        own = np.concatenate(rows)[np.argsort(turns, kind="stable")]
        mixed.append(own[np.sort(np.unique(own, return_index=True)[1])][:PER_SECOND])
    return Constellation(np.concatenate(mixed))


def grid(peaks: Constellation) -> Grid:
    return Grid(np.sort(peaks.peaks), int(peaks.frames().min()), int(peaks.frames().max()))


@given(seed=st.integers(0, 99), start=st.integers(0, 20), later=st.integers(0, 50))
@settings(max_examples=25, deadline=None)
def test_a_copy_keeps_the_strongest_peaks_whatever_is_laid_over_it(seed, start, later):
    reference, other = stars(seed, 40), stars(seed + 100, 12)
    copy = part(reference, start, start + 12)
    offset, end = start * BLOCK_FRAMES, 12 * BLOCK_FRAMES
    assert kept(grid(copy), reference.peaks, offset, 0, end) > 0.8
    mixed = grid(together(copy, other))
    assert kept(mixed, reference.peaks, offset, 0, end) > 0.6
    # Elsewhere it keeps what chance gives back, about as much as of any other key.
    for place in (offset + 50 + later, offset - 50 - later):
        assert abs(kept(mixed, reference.peaks, place, 0, end)) < 0.35


def test_of_nothing_in_common_nothing_is_kept():
    reference, query = stars(1, 40), grid(stars(2, 10))
    for offset in (-10_000, -260, 1_010, 10_000):
        assert kept(query, reference.peaks, offset, 0, 250) == 0.0


def sighted(index: SegmentIndex, query: Constellation, **more) -> list[tuple[str, int]]:
    """References and offsets that are followed and found."""
    snapshot = index._current()
    seen = sightings(query, snapshot.segments, snapshot.searchable(()), **more)
    return [(each.segment.id_of(each.ordinal), each.coincidence.offset) for each in seen]


def test_few_votes_are_enough_for_whose_strongest_peaks_are_kept(tmp_path):
    """What is laid over a copy, and has all the votes, does not hide it."""
    index = SegmentIndex(tmp_path)
    own, loud = stars(1, 40), stars(2, 40)
    many = [(f"loud {n}", of(loud, 40)) for n in range(3)]
    index.apply([("own", of(own, 40)), *many], [], 1)
    query = together(part(loud, 5, 25), part(own, 10, 30))
    assert {name for name, _ in sighted(index, query, followed=1)} > {"own"}


def test_a_hint_is_followed_where_nothing_votes(tmp_path):
    index = SegmentIndex(tmp_path)
    own = stars(1, 40)
    index.apply([("own", of(own, 40))], [], 1)
    copy = part(own, 10, 30)
    lone = Constellation(copy.peaks[np.arange(len(copy)) % 20 >= REFERENCE_PEAKS])
    (segment,) = index._current().segments
    far = Hint(segment, 0, offset=10 * BLOCK_FRAMES + 30, first=0, last=20 * BLOCK_FRAMES)
    assert sighted(index, lone) == []
    assert sighted(index, lone, hints=[far]) == [("own", 10 * BLOCK_FRAMES)]
    beyond = replace(far, offset=10 * BLOCK_FRAMES + 60)
    assert (
        sighted(index, lone, hints=[replace(far, first=9_000, last=9_100)]) == []
    )  # no peak there
    assert sighted(index, lone, hints=[beyond]) == []


def test_half_a_minute_without_a_peak_stands_in_nobodys_way(tmp_path):
    index = SegmentIndex(tmp_path)
    songs = {name: stars(seed, 40) for seed, name in enumerate(("early", "late"))}
    index.apply([(name, of(own, 40)) for name, own in songs.items()], [], 1)
    late = (songs["late"].frames() + 2_000) << 8 | songs["late"].bins()
    query = Constellation(np.concatenate([songs["early"].peaks, late.astype(np.uint32)]))
    assert sorted(sighted(index, query)) == [("early", 0), ("late", -2_000)]


@pytest.mark.parametrize("postings", [0, 200, 5_000])
def test_candidates_do_not_depend_on_how_many_postings_are_counted_first(
    tmp_path, monkeypatch, postings
):
    index = SegmentIndex(tmp_path)
    index.apply([(str(seed), of(stars(seed, 60), 60.0)) for seed in range(40)], [], 1)
    query = together(part(stars(3, 60), 10, 30), part(stars(7, 60), 20, 40))
    wanted = sighted(index, query)
    monkeypatch.setattr("fingerprint.index.constellation_search.SORTED", postings)
    assert sighted(index, query) == wanted
    assert {"3", "7"} <= {name for name, _ in wanted}


@pytest.mark.parametrize("last", [0, 374, 375, 376, 749, 750, 751, 1124, 1125, 1126, 3000])
def test_every_landmark_votes_in_a_window(last):
    frames = np.arange(last + 1)
    voting = {int(each) for window in _windows(Landmarks(frames, frames)) for each in window.frames}
    assert voting == set(frames.tolist())
