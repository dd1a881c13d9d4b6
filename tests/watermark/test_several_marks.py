"""Several marks in one sound: joined, mixed, marked again."""

from collections.abc import Callable

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from watermark import (
    BuiltinWatermarker,
    DetectionParams,
    Key,
    Mark,
    Payload,
    Verdict,
    signed_payload,
)
from watermark.convolutional import Code, encode
from watermark.extraction import decoded, remainder
from watermark.marks import BlockKind

RATE = 22050
BLOCK_SECONDS = 2226 * 1024 / 44100
KEY = Key(bytes(range(16)), "house")
OTHER = Key(bytes(range(1, 17)), "other")
FIRST = signed_payload("0123456789abcdef00112233", KEY)
SECOND = signed_payload("fedcba987654321001234567", KEY)
ENGINE = BuiltinWatermarker(params=DetectionParams(speed=False, stretch=False))


def found(marks: list[Mark]) -> set[tuple[str, Payload]]:
    return {(mark.key_id, mark.payload) for mark in marks if mark.verdict is Verdict.FOUND}


def spans(marks: list[Mark], payload: Payload) -> tuple[float, float]:
    """From where to where a payload was read."""
    own = [mark for mark in marks if mark.payload == payload]
    return min(mark.start_seconds for mark in own), max(mark.end_seconds for mark in own)


@pytest.fixture(scope="module")
def tracks(music: Callable[..., np.ndarray]) -> list[np.ndarray]:
    """Two tracks of 62 s and a longer one of 115 s."""
    return [music(1, 62, RATE), music(4, 62, RATE), music(6, 115, RATE)]


@pytest.mark.parametrize("second_key", [KEY, OTHER])
def test_both_marks_of_joined_tracks_are_found_where_they_are(
    tracks: list[np.ndarray], second_key: Key
) -> None:
    one = ENGINE.embed(tracks[0], RATE, FIRST, KEY)
    two = ENGINE.embed(tracks[1], RATE, SECOND, second_key)
    keys = [KEY] if second_key is KEY else [KEY, second_key]
    marks = ENGINE.detect(np.concatenate([one, two], axis=1), RATE, keys)
    assert found(marks) == {("house", FIRST), (second_key.name, SECOND)}
    assert spans(marks, FIRST) == pytest.approx((5.8, 5.8 + BLOCK_SECONDS), abs=0.1)
    assert spans(marks, SECOND) == pytest.approx((67.8, 67.8 + BLOCK_SECONDS), abs=0.1)


def test_tracks_that_are_in_time_with_each_other_are_not_read_as_one(
    tracks: list[np.ndarray],
) -> None:
    """The second starts where a block of the first would: their blocks form one chain in time."""
    size = round(2 * BLOCK_SECONDS * RATE)
    one = ENGINE.embed(tracks[2], RATE, FIRST, KEY)
    two = ENGINE.embed(tracks[2], RATE, SECOND, KEY)
    marks = ENGINE.detect(np.concatenate([one[:, :size], two], axis=1), RATE, [KEY])
    assert found(marks) == {("house", FIRST), ("house", SECOND)}
    assert marks[0].payload in {FIRST, SECOND}
    together = [mark.payload for mark in marks if mark.kind is BlockKind.ALL]
    assert SECOND in together
    assert set(together) <= {FIRST, SECOND}
    assert spans(marks, FIRST)[1] < spans(marks, SECOND)[0] + 1


@pytest.mark.parametrize("delay", [0, 7.3])
def test_both_marks_of_mixed_tracks_are_found(tracks: list[np.ndarray], delay: float) -> None:
    one = ENGINE.embed(tracks[0], RATE, FIRST, KEY)
    two = ENGINE.embed(tracks[1], RATE, SECOND, KEY)
    late = np.pad(two, ((0, 0), (round(delay * RATE), 0)))
    mixed = 0.5 * late
    mixed[:, : one.shape[1]] += 0.5 * one
    marks = ENGINE.detect(mixed, RATE, [KEY])
    assert found(marks) == {("house", FIRST), ("house", SECOND)}
    assert spans(marks, FIRST)[0] == pytest.approx(5.8, abs=0.1)
    assert spans(marks, SECOND)[0] == pytest.approx(5.8 + delay, abs=0.1)


def test_a_sound_that_was_marked_again_keeps_both_marks(tracks: list[np.ndarray]) -> None:
    once = ENGINE.embed(tracks[2], RATE, FIRST, KEY)
    twice = ENGINE.embed(once, RATE, SECOND, KEY)
    marks = ENGINE.detect(twice, RATE, [KEY])
    assert found(marks) == {("house", FIRST), ("house", SECOND)}
    assert [m.payload for m in marks if m.kind is BlockKind.ALL] == [SECOND, FIRST] or [
        m.payload for m in marks if m.kind is BlockKind.ALL
    ] == [FIRST, SECOND]


def test_both_marks_of_joined_excerpts_are_found(tracks: list[np.ndarray]) -> None:
    one = ENGINE.embed(tracks[0], RATE, FIRST, KEY)[:, 20 * RATE : 42 * RATE]
    two = ENGINE.embed(tracks[1], RATE, SECOND, KEY)[:, 15 * RATE : 37 * RATE]
    marks = ENGINE.detect(np.concatenate([one, two], axis=1), RATE, [KEY])
    assert found(marks) == {("house", FIRST), ("house", SECOND)}


def test_an_excerpt_without_a_whole_block_is_found_beside_a_track_that_has_one(
    tracks: list[np.ndarray],
) -> None:
    one = ENGINE.embed(tracks[2], RATE, FIRST, KEY)[:, 60 * RATE : 110 * RATE]
    two = ENGINE.embed(tracks[1], RATE, SECOND, KEY)
    for sound in ([one, two], [two, one]):
        marks = ENGINE.detect(np.concatenate(sound, axis=1), RATE, [KEY])
        assert found(marks) == {("house", FIRST), ("house", SECOND)}


BITS = st.binary(min_size=16, max_size=16)


@given(BITS, BITS, st.floats(0.6, 1.0), st.integers(0, 1000))
def test_what_lies_beneath_a_message_is_read_once_it_is_taken_away(
    one: bytes, other: bytes, strength: float, seed: int
) -> None:
    messages = [np.unpackbits(np.frombuffer(each, np.uint8)) for each in (one, other)]
    words = [2 * encode(each, Code.AB).astype(np.float32) - 1 for each in messages]
    noise = np.random.default_rng(seed).normal(0, 0.2, words[0].size)
    raw = (words[0] + strength * words[1] + noise).astype(np.float32)
    first = decoded(raw, Code.AB)
    assert first is not None
    assert first.message.tobytes() in {each.tobytes() for each in messages}
    second = decoded(remainder(raw, first.message, Code.AB), Code.AB)
    assert second is not None
    assert {first.message.tobytes(), second.message.tobytes()} == {
        m.tobytes() for m in messages
    } or one == other
