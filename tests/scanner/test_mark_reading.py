"""Which marks are told of, and whose they are."""

import numpy as np

from scanner import mark_reading
from scanner.watermark_keys import KeyRing, new_key
from tests.songs import song
from watermark import BuiltinWatermarker, Payload, Verdict, signed_payload

RATE = 11025
ENGINE = mark_reading.within(BuiltinWatermarker(), 0)


def test_long_sound_is_read_block_by_block_to_its_end() -> None:
    key = new_key("ours")
    payload = signed_payload("ab" * 12, key)
    minute = song(51, 64, RATE)
    quiet = np.zeros((1, 9 * minute.size), np.float32)
    marked = ENGINE.embed(np.stack([minute]), RATE, payload, key)
    samples = np.concatenate([quiet, marked], axis=1)
    assert samples.shape[1] > mark_reading.LONG_SECONDS * RATE

    found = mark_reading.read(ENGINE, KeyRing((key,), key, {"ours": None}), samples, RATE)

    assert found[0].found
    assert found[0].payload_id == "ab" * 12
    assert 9 * 64 <= found[0].mark.start_seconds < found[0].mark.end_seconds <= 10 * 64 + 1


def test_candidates_of_our_own_keys_are_left_out_and_of_others_a_few_are_kept() -> None:
    ours, theirs = new_key("ours"), new_key("theirs")
    ring = KeyRing((ours, theirs), ours, {"ours": None, "theirs": "Them"})
    samples = song(52, 30, RATE)[None]
    for key in ring.keys:  # what their checks do not prove is a candidate
        samples = ENGINE.embed(samples, RATE, Payload("ab" * 16), key)
    every = {mark.key_id for mark in ENGINE.detect(samples, RATE, ring.keys)}

    told = mark_reading.read(ENGINE, ring, samples, RATE)

    assert every == {"ours", "theirs"}
    assert {each.owner for each in told} == {"other"}
    assert not any(each.found for each in told)
    assert len(told) <= mark_reading.MAX_CANDIDATES


def test_a_clear_mark_under_our_own_key_without_its_check_is_not_ours() -> None:
    key = new_key("ours")
    marked = ENGINE.embed(song(53, 60, RATE)[None], RATE, Payload("ab" * 16), key)
    assert ENGINE.detect(marked, RATE, [key])[0].verdict is Verdict.FOUND

    assert mark_reading.read(ENGINE, KeyRing((key,), key, {"ours": None}), marked, RATE) == []


def test_a_payload_of_another_program_under_their_key_is_told_as_theirs() -> None:
    theirs = new_key("theirs")
    payload = Payload("00112233445566778899aabbccddeeff")
    marked = ENGINE.embed(song(53, 60, RATE)[None], RATE, payload, theirs)

    told = mark_reading.read(ENGINE, KeyRing((theirs,), None, {"theirs": "Them"}), marked, RATE)

    assert (told[0].owner, told[0].mark.payload, told[0].found) == ("other", payload, True)
    assert told[0].to_json()["false_alarm"] < 1e-3
