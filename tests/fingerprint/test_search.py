import io

import av
import numpy as np
import pytest

from fingerprint import Fingerprint, IndexParams, InvalidFingerprintError, fingerprint
from fingerprint.sub_fingerprints import HOP_SECONDS, SPAN_SECONDS

RATE = 11025


def cut(samples, start, end, rate=RATE):
    return samples[:, int(start * rate) : int(end * rate)]


def search(index, samples, **options):
    return index.search(fingerprint(samples, RATE), **options)


def test_full_copy_is_the_whole_reference(library, song):
    [match] = search(library, song(3))

    assert (match.reference_id, match.kind) == ("song-3", "recording")
    assert match.score >= 0.99
    [segment] = match.segments
    assert segment.query_start == segment.reference_start == pytest.approx(0, abs=0.3)
    assert segment.query_end == segment.reference_end == pytest.approx(60, abs=0.3)
    assert match.coverage_query > 0.99
    assert match.coverage_reference > 0.99
    assert (segment.pitch_semitones, segment.tempo_ratio) == (0.0, 1.0)


@pytest.mark.parametrize("start", [0.0, 7.77, 21.04, 36.9, 50.0])
def test_excerpt_of_ten_seconds_is_found_at_its_offset(library, song, start):
    [match] = search(library, cut(song(5), start, start + 10))

    assert match.reference_id == "song-5"
    assert match.score >= 0.95
    [segment] = match.segments
    assert segment.query_start == pytest.approx(0, abs=0.3)
    assert segment.query_end == pytest.approx(10, abs=0.3)
    assert segment.reference_start == pytest.approx(start, abs=0.3)
    assert segment.reference_end == pytest.approx(start + 10, abs=0.3)
    assert match.coverage_reference == pytest.approx(10 / 60, abs=0.01)


def test_two_references_joined_are_two_matches_each_with_its_part(library, song):
    query = np.concatenate([cut(song(1), 10, 30), cut(song(9), 25, 60)], axis=1)
    found = {match.reference_id: match for match in search(library, query)}

    assert set(found) == {"song-1", "song-9"}
    [first], [second] = found["song-1"].segments, found["song-9"].segments
    expected = [(first, 0, 20, 10, 30), (second, 20, 55, 25, 60)]
    for segment, *times in expected:
        assert [
            segment.query_start,
            segment.query_end,
            segment.reference_start,
            segment.reference_end,
        ] == pytest.approx(times, abs=0.7)  # a word across the joint describes both sides


def test_a_reference_inside_foreign_music_is_cut_out_of_it(library, song):
    query = np.concatenate([song(101, 20), cut(song(6), 12, 32), song(102, 20)], axis=1)
    [match] = search(library, query)

    [segment] = match.segments
    assert match.reference_id == "song-6"
    assert segment.query_start == pytest.approx(20, abs=0.7)
    assert segment.query_end == pytest.approx(40, abs=0.7)
    assert segment.reference_start == pytest.approx(12, abs=0.7)
    assert match.coverage_query == pytest.approx(1 / 3, abs=0.03)


def test_two_parts_of_one_reference_are_two_segments_of_one_match(library, song):
    query = np.concatenate([cut(song(4), 40, 55), cut(song(4), 5, 20)], axis=1)
    [match] = search(library, query)

    assert match.reference_id == "song-4"
    starts = [(s.query_start, s.reference_start) for s in match.segments]
    assert starts == [pytest.approx((0, 40), abs=0.7), pytest.approx((15, 5), abs=0.7)]


def test_a_loop_is_counted_once(library, tmp_path, song, open_index):
    bar = cut(song(50), 0, 44 * 1365 / RATE)  # 5.4 s, a whole number of hops
    looped = np.tile(bar, 8)
    index = open_index(tmp_path)
    index.apply([("loop", fingerprint(looped, RATE))], [], 1)

    [match] = search(index, looped)
    assert len(match.segments) == 1
    assert match.coverage_query == pytest.approx(1, abs=0.02)
    assert match.coverage_reference == pytest.approx(1, abs=0.02)


def test_a_query_that_loops_a_part_covers_it_once_and_claims_no_moment_twice(library, song):
    query = np.tile(cut(song(8), 20, 28), 4)
    [match] = search(library, query)

    assert match.coverage_reference == pytest.approx(8 / 60, abs=0.03)
    assert match.coverage_query > 0.8
    ends = [s.query_end for s in match.segments]
    starts = [s.query_start for s in match.segments]
    assert all(start > end - 1.5 for start, end in zip(starts[1:], ends[:-1], strict=True))


def mp3(samples, rate, bit_rate):
    """Encode and decode in memory."""
    file = io.BytesIO()
    with av.open(file, "w", format="mp3") as container:
        stream = container.add_stream("libmp3lame", rate=rate, layout="mono")
        stream.bit_rate = bit_rate
        frame = av.AudioFrame.from_ndarray(
            (samples * 32767).astype(np.int16), format="s16", layout="mono"
        )
        frame.sample_rate = rate
        resampler = av.AudioResampler(format="s16p", layout="mono", rate=rate)
        for part in resampler.resample(frame):
            container.mux(stream.encode(part))
        container.mux(stream.encode(None))
    file.seek(0)
    with av.open(file) as container:
        parts = [f.to_ndarray() for f in container.decode(audio=0)]
    return np.concatenate(parts, axis=1)[:1].astype(np.float32)


@pytest.mark.parametrize("bit_rate", [64_000, 32_000])
def test_mp3_of_low_bit_rate_is_found(tmp_path, song, bit_rate, open_index):
    rate = 44100
    original = song(70, 30, rate)
    index = open_index(tmp_path)
    index.apply([("original", fingerprint(original, rate))], [], 1)
    coded = mp3(cut(original, 8.03, 20, rate), rate, bit_rate)
    [match] = index.search(fingerprint(coded, rate))

    assert match.score >= 0.95
    assert match.segments[0].reference_start == pytest.approx(8.03, abs=0.3)


def test_an_unknown_song_has_no_match(library, song):
    assert all(search(library, song(seed)) == [] for seed in range(200, 206))


def noise(seed, seconds=60, level=0.2):
    return np.random.default_rng(seed).normal(0, level, (1, int(seconds * RATE))).astype(np.float32)


def tone(hertz, seconds=60):
    return (0.5 * np.sin(2 * np.pi * hertz * np.arange(int(seconds * RATE)) / RATE))[None].astype(
        np.float32
    )


def clicks(period, seconds=60):
    samples = np.zeros((1, int(seconds * RATE)), np.float32)
    samples[0, :: int(period * RATE)] = 0.9
    return samples


FEATURELESS = {
    "silence": lambda seed: np.zeros((1, 60 * RATE), np.float32),
    "tone": lambda seed: tone(440 + seed),
    "noise": noise,
    "hiss": lambda seed: noise(seed, level=1e-4),
    "long noise": lambda seed: noise(seed, 180),
    "clicks": lambda seed: clicks(0.5),
}


@pytest.mark.parametrize("kind", FEATURELESS)
def test_sound_without_features_never_matches(tmp_path, song, kind, open_index):
    index = open_index(tmp_path)
    quiet = np.zeros((1, 10 * RATE), np.float32)
    index.apply(
        [(name, fingerprint(make(0), RATE)) for name, make in FEATURELESS.items()]
        + [("with pauses", fingerprint(np.concatenate([quiet, song(3), quiet], axis=1), RATE))],
        [],
        1,
    )

    assert search(index, FEATURELESS[kind](1)) == []


def test_two_songs_that_begin_out_of_silence_are_not_taken_for_one(tmp_path, song, open_index):
    """A word lasts 2.7 s: most of it is silence there, and the step out of it."""
    silence = np.zeros((1, int(2.5 * RATE)), np.float32)
    index = open_index(tmp_path, IndexParams(min_score=0.05))
    own, other = (np.concatenate([silence, song(seed, 8)], axis=1) for seed in (22, 45))
    index.apply([("own", fingerprint(own, RATE)), ("other", fingerprint(other, RATE))], [], 1)

    assert [match.reference_id for match in search(index, own)] == ["own"]


def test_silence_around_a_song_belongs_to_the_copy_but_proves_nothing(tmp_path, song, open_index):
    quiet = np.zeros((1, 10 * RATE), np.float32)
    padded = np.concatenate([quiet, song(3), quiet], axis=1)
    index = open_index(tmp_path)
    index.apply([("padded", fingerprint(padded, RATE))], [], 1)

    assert search(index, padded)[0].coverage_query > 0.98
    assert search(index, np.concatenate([quiet, song(103), quiet], axis=1)) == []


@pytest.mark.parametrize("seconds", [2.8, 3.0, 3.5])
def test_a_few_words_are_too_little_to_be_sure(library, song, seconds):
    assert all(match.score < 0.95 for match in search(library, cut(song(2), 20, 20 + seconds)))


def test_five_seconds_are_enough_for_a_clean_copy(library, song):
    found = [search(library, cut(song(seed), 20, 25))[0].reference_id for seed in range(12)]
    assert found == [f"song-{seed}" for seed in range(12)]


def test_excluded_references_are_not_looked_for(library, song):
    assert search(library, song(3), exclude={"song-3", "unknown"}) == []


def test_the_best_come_first_and_no_more_than_asked(library, song):
    query = np.concatenate([cut(song(1), 0, 8), cut(song(2), 0, 40)], axis=1)
    assert [m.reference_id for m in search(library, query)] == ["song-2", "song-1"]
    assert [m.reference_id for m in search(library, query, limit=1)] == ["song-2"]


def test_equal_references_are_both_found(tmp_path, song, open_index):
    index = open_index(tmp_path)
    copy = fingerprint(song(3), RATE)
    index.apply([("a", copy), ("b", copy)], [], 1)

    assert [m.reference_id for m in index.search(copy)] == ["a", "b"]


def test_segments_are_within_both_sides(library, song):
    for start in np.arange(0, 50, 3.3):
        found = search(library, cut(song(7), start, start + 9.7))
        assert [match.reference_id for match in found] == ["song-7"]
        for match in found:
            for s in match.segments:
                assert 0 <= s.query_start < s.query_end <= 9.7 + 1e-3
                assert 0 <= s.reference_start < s.reference_end <= 60 + 1e-3


def test_an_empty_index_and_an_empty_query_find_nothing(tmp_path, library, song, open_index):
    assert search(open_index(tmp_path), song(3)) == []
    assert library.search(Fingerprint(np.empty(0, np.uint32), 0.0)) == []


def test_another_algorithm_is_refused(library):
    other = Fingerprint(np.arange(50, dtype=np.uint32), 9.0, algorithm="chromaprint-1")
    with pytest.raises(InvalidFingerprintError, match="chromaprint-2"):
        library.search(other)


def test_a_needle_is_found_among_many_though_every_word_has_an_error(tmp_path, open_index):
    random = np.random.default_rng(5)
    tracks = random.integers(0, 2**32, (3000, 200), dtype=np.uint32)
    seconds = 199 * HOP_SECONDS + SPAN_SECONDS
    index = open_index(tmp_path)
    index.apply([(f"{i}", Fingerprint(row, seconds)) for i, row in enumerate(tracks)], [], 1)
    for needle in (0, 1234, 2999):
        words = tracks[needle, 50:130] ^ (np.uint32(1) << random.integers(0, 32, 80)).astype("u4")
        [match] = index.search(Fingerprint(words, 79 * HOP_SECONDS + SPAN_SECONDS))
        assert match.reference_id == str(needle)
        assert match.segments[0].reference_start == pytest.approx(50 * HOP_SECONDS, abs=0.01)


def test_silence_before_it_does_not_make_a_poor_likeness_sure(tmp_path, open_index):
    random = np.random.default_rng(8)
    quiet = np.full(100, 627964279, np.uint32)
    music = random.integers(0, 2**32, 40, dtype=np.uint32)
    wrong = (random.random((40, 32)) < 0.25) * (np.uint32(1) << np.arange(32, dtype=np.uint32))
    alike = music ^ wrong.sum(axis=1, dtype=np.uint32)
    index = open_index(tmp_path)
    index.apply([("a", Fingerprint(np.concatenate([quiet, music]), 20.0))], [], 1)

    assert index.search(Fingerprint(np.concatenate([quiet, music]), 20.0))[0].score > 0.99
    assert index.search(Fingerprint(alike, 7.6)) == []
    assert index.search(Fingerprint(np.concatenate([quiet, alike]), 20.0)) == []


def test_every_one_of_many_equal_references_is_found(tmp_path, synthetic, open_index):
    """More copies than a word's share of the budget."""
    index = open_index(tmp_path)
    index.apply([(f"copy-{number}", synthetic(1, 1200)) for number in range(400)], [], 1)
    index.apply([(f"other-{number}", synthetic(number, 1200)) for number in range(2, 60)], [], 2)
    found = {match.reference_id for match in index.search(synthetic(1, 1200), limit=1000)}
    assert found == {f"copy-{number}" for number in range(400)}


def test_a_short_copy_is_found_in_hours_of_foreign_sound(tmp_path, synthetic, open_index):
    index = open_index(tmp_path)
    index.apply([(f"{number}", synthetic(number, 1900)) for number in range(300)], [], 1)
    hours = synthetic(10_000, int(3 * 3600 / HOP_SECONDS)).sub_fingerprints.copy()
    at = [40_000, 64_000, 86_000]  # words; 15 s each
    for place, number in zip(at, (5, 150, 299), strict=True):
        hours[place : place + 121] = synthetic(number, 1900, 700, 821).sub_fingerprints
    found = index.search(Fingerprint(hours, len(hours) * HOP_SECONDS))

    assert {match.reference_id for match in found} == {"5", "150", "299"}
    for match in found:
        [segment] = match.segments
        place = at[["5", "150", "299"].index(match.reference_id)]
        assert segment.query_start == pytest.approx(place * HOP_SECONDS, abs=0.7)


def test_a_whole_mix_of_hours_is_one_segment(tmp_path, synthetic, open_index):
    index = open_index(tmp_path)
    mix = synthetic(1, 60_000)
    index.apply([("mix", mix), ("other", synthetic(2, 60_000))], [], 1)
    [match] = index.search(mix)
    assert match.reference_id == "mix"
    assert match.coverage_query == pytest.approx(1, abs=0.001)
    assert len(match.segments) == 1
