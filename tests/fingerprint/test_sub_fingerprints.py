import base64
import json
import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from fingerprint import Fingerprint, InvalidFingerprintError
from fingerprint.sub_fingerprints import HOP_SECONDS, SPAN_SECONDS, expected_words

words = hnp.arrays(np.uint32, st.integers(1, 300), elements=st.integers(0, 2**32 - 1))


def of(array):
    return Fingerprint(array, (len(array) - 1) * HOP_SECONDS + SPAN_SECONDS)


GOOD = of(np.arange(100, dtype=np.uint32) * 0x9E3779B9).to_json()


@given(words)
def test_json_gives_back_what_it_was_given(array):
    assert Fingerprint.from_json(json.loads(json.dumps(of(array).to_json()))) == of(array)


@given(words, st.floats(0, 50_000))
def test_bytes_give_back_what_they_were_given(array, duration):
    assert Fingerprint.from_bytes(Fingerprint(array, duration).to_bytes()) == Fingerprint(
        array, duration
    )


def test_an_empty_fingerprint_survives_as_bytes():
    empty = Fingerprint(np.empty(0, np.uint32), 0.0)
    assert Fingerprint.from_bytes(empty.to_bytes()) == empty


@given(words, st.data())
def test_any_damaged_byte_is_noticed(array, data):
    whole = bytearray(of(array).to_bytes())
    place = data.draw(st.integers(0, len(whole) - 1))
    whole[place] ^= data.draw(st.integers(1, 255))
    with pytest.raises(InvalidFingerprintError):
        Fingerprint.from_bytes(bytes(whole))


@given(words, st.data())
def test_bytes_cut_short_are_noticed(array, data):
    whole = of(array).to_bytes()
    with pytest.raises(InvalidFingerprintError):
        Fingerprint.from_bytes(whole[: data.draw(st.integers(0, len(whole) - 1))])


@given(st.binary(max_size=200))
def test_any_bytes_are_refused_in_our_own_words(data):
    with pytest.raises(InvalidFingerprintError):
        Fingerprint.from_bytes(b"CLFP" + data)


@pytest.mark.parametrize(
    ("change", "says"),
    [
        ({"algorithm": "chromaprint-5"}, "algorithm"),
        ({"algorithm": None}, "algorithm"),
        ({"algorithm": ["chromaprint-2"]}, "algorithm"),
        ({"duration": "15"}, "duration"),
        ({"duration": True}, "duration"),
        ({"duration": None}, "duration"),
        ({"duration": -1}, "duration"),
        ({"duration": 0}, "duration"),
        ({"duration": math.nan}, "duration"),
        ({"duration": math.inf}, "duration"),
        ({"duration": 10**400}, "duration"),
        ({"duration": 13 * 3600}, "duration"),
        ({"duration": 240.0}, "do not fit"),
        ({"sub_fingerprints": None}, "base64 string"),
        ({"sub_fingerprints": [1, 2, 3]}, "base64 string"),
        ({"sub_fingerprints": "A" * 40_000_000}, "do not fit"),
        ({"sub_fingerprints": GOOD["sub_fingerprints"][:-8] + "*(){}é=="}, "not base64"),
        ({"sub_fingerprints": GOOD["sub_fingerprints"][:-1]}, "not base64"),
        ({"sub_fingerprints": base64.b64encode(b"\0" * 401).decode()}, "whole number"),
        ({"sub_fingerprints": ""}, "do not fit"),
    ],
)
def test_a_strangers_lie_is_refused_and_named(change, says):
    with pytest.raises(InvalidFingerprintError, match=says):
        Fingerprint.from_json(GOOD | change)


@pytest.mark.parametrize("document", [None, [], "x", 3, {}, {"algorithm": "chromaprint-2"}])
def test_what_is_no_fingerprint_is_refused(document):
    with pytest.raises(InvalidFingerprintError):
        Fingerprint.from_json(document)


def test_parts_of_other_models_are_refused_unless_they_may_be_left_out():
    document = GOOD | {"embedding": {"model": "another"}, "waveform": {"model": "another"}}
    with pytest.raises(InvalidFingerprintError, match="embedding"):
        Fingerprint.from_json(document)
    kept = Fingerprint.from_json(document, other_models=True)
    assert kept == Fingerprint.from_json(GOOD)
    assert kept.left_out == {"embedding", "waveform"}
    with pytest.raises(InvalidFingerprintError, match="embedding"):
        Fingerprint.from_json(GOOD | {"embedding": "AAAA"}, other_models=True)


def test_the_words_cannot_be_changed_afterwards():
    print_ = of(np.arange(10, dtype=np.uint32))
    with pytest.raises(ValueError, match="read-only"):
        print_.sub_fingerprints[0] = 1


def test_expected_words_of_less_than_a_word_is_none():
    assert expected_words(0.001) == 0
