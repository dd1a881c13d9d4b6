import re
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from watermark import NO_KEY, Key
from watermark.streams import Stream, random_words, shuffled, shuffled_starts

KEYS = st.binary(min_size=16, max_size=16).map(Key)
STREAMS = st.sampled_from(Stream)


def test_words_are_those_of_audiowmark(vectors: dict[str, Any]) -> None:
    for of_key in vectors["keys"].values():
        key = Key(bytes.fromhex(of_key["key_hex"]))
        for name, wanted in of_key["random_u64_hex"].items():
            stream, seed = map(int, re.findall(r"\d+", name))
            words = [f"{word:016x}" for word in random_words(key, stream, seed, 100).tolist()]
            assert words[:8] == wanted["first8"], name
            assert words[99] == wanted["value_index_99"], name


def test_a_shuffle_is_that_of_audiowmark(vectors: dict[str, Any]) -> None:
    for of_key in vectors["keys"].values():
        key = Key(bytes.fromhex(of_key["key_hex"]))
        wanted = of_key["shuffle_0_to_15_stream5_seed0"]
        assert shuffled(key, Stream.BIT_ORDER, 16).tolist() == wanted


def test_the_first_word_is_known_without_any_file() -> None:
    assert random_words(NO_KEY, Stream.DATA_BANDS, 0, 2).tolist() == [
        0xF8B32CA8ECA86CD2,
        0x99151CD09A6CE60D,
    ]


@given(KEYS, STREAMS, st.integers(0, 2**64 - 1), st.integers(0, 64), st.integers(0, 64))
def test_a_stream_goes_on_where_it_was(
    key: Key, stream: Stream, seed: int, some: int, more: int
) -> None:
    whole = random_words(key, stream, seed, some + more)
    np.testing.assert_array_equal(whole[:some], random_words(key, stream, seed, some))


@given(KEYS, STREAMS, st.integers(1, 300))
def test_a_shuffle_keeps_every_item_once(key: Key, stream: Stream, count: int) -> None:
    assert sorted(shuffled(key, stream, count).tolist()) == list(range(count))


@given(KEYS, STREAMS, st.integers(1, 90), st.data())
def test_many_shuffles_at_once_start_as_each_by_itself(
    key: Key, stream: Stream, count: int, data: st.DataObject
) -> None:
    kept = data.draw(st.integers(1, count))
    seeds = data.draw(st.lists(st.integers(0, 2**32), min_size=1, max_size=4))
    at_once = shuffled_starts(key, stream, np.arange(count), seeds, kept)
    one_by_one = [shuffled(key, stream, count, seed)[:kept] for seed in seeds]
    np.testing.assert_array_equal(at_once, one_by_one)


@pytest.mark.parametrize("seed", [0, 2**63, 2**64 - 1])
def test_large_seeds_and_words_stay_unsigned(seed: int) -> None:
    words = random_words(NO_KEY, Stream.MIX, seed, 1000)
    assert words.dtype == np.uint64
    assert (words >= 2**63).any()
