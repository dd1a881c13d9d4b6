"""Many keys at once: those that marked the sound are not passed over."""

from collections.abc import Callable

import numpy as np
import pytest

from benchmarks.alterations import MP3_64K, coded
from watermark import BuiltinWatermarker, DetectionParams, Key, Payload, Verdict
from watermark.excerpt import SEARCH_RATE
from watermark.payloads import PayloadMode
from watermark.resampling import resampled
from watermark.screening import standing_out

RATE = 44100
KEYS = [Key(bytes([n, *range(15)]), f"key {n}") for n in range(20)]
PAYLOADS = [Payload("0123456789abcdef0011223344556677"), Payload("f" * 32)]
ENGINE = BuiltinWatermarker(params=DetectionParams(speed=False, stretch=False))


@pytest.fixture(scope="module")
def marked(music: Callable[..., np.ndarray]) -> np.ndarray:
    """With marks of two of the keys."""
    once = ENGINE.embed(music(2, 80, RATE, 2), RATE, PAYLOADS[0], KEYS[3])
    return ENGINE.embed(once, RATE, PAYLOADS[1], KEYS[16])


def test_marks_of_two_keys_of_twenty_are_found(marked: np.ndarray) -> None:
    marks = ENGINE.detect(marked, RATE, KEYS)
    found = {(mark.key_id, mark.payload) for mark in marks if mark.verdict is Verdict.FOUND}
    assert found == {("key 3", PAYLOADS[0]), ("key 16", PAYLOADS[1])}


@pytest.mark.parametrize("seconds", [8, 20, 80])
def test_the_keys_that_marked_an_mp3_stand_out_and_few_others(
    marked: np.ndarray, seconds: int
) -> None:
    copy = coded(marked[:, : seconds * RATE], RATE, MP3_64K)
    sound = np.stack([resampled(each, RATE, SEARCH_RATE) for each in copy])
    chosen = standing_out(sound, KEYS, PayloadMode.BITS_128)
    assert {KEYS[3], KEYS[16]} <= set(chosen)
    assert len(chosen) <= 5
    assert chosen == [key for key in KEYS if key in chosen]


def test_a_mark_in_one_channel_of_six_stands_out(music: Callable[..., np.ndarray]) -> None:
    """The search adds levels of channels; in their mean the mark is drowned."""
    marked = ENGINE.embed(music(1, 75, SEARCH_RATE), SEARCH_RATE, PAYLOADS[0], KEYS[3])
    others = [music(seed, 75, SEARCH_RATE)[0] for seed in (2, 3, 4, 5, 6)]
    sound = np.stack([marked[0], *others])
    marks = ENGINE.detect(sound, SEARCH_RATE, KEYS[:5])
    assert (marks[0].key_id, marks[0].payload) == ("key 3", PAYLOADS[0])


def test_no_key_stands_out_in_silence() -> None:
    silence = np.zeros((2, 30 * SEARCH_RATE), np.float32)
    assert standing_out(silence, KEYS, PayloadMode.BITS_128) == []
    assert ENGINE.detect(silence, SEARCH_RATE, KEYS) == []
