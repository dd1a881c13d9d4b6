"""A stream is read as the whole sound is, in memory that does not grow."""

import sys
import tracemalloc
from collections.abc import Callable, Iterator

import numpy as np
import pytest

from watermark import (
    BlockKind,
    BuiltinWatermarker,
    DetectionParams,
    Key,
    Mark,
    Payload,
    StreamDetector,
    StreamEndedError,
    UnusableAudioError,
    Verdict,
    signed_payload,
)

RATE = 8000
KEY = Key(bytes(range(16)), "house")
OTHER = Key(bytes(range(1, 17)), "other")
FIRST = signed_payload("0123456789abcdef00112233", KEY)
SECOND = Payload("fedcba98765432100123456789abcdef")
PLAIN = DetectionParams(speed=False, stretch=False)
ENGINE = BuiltinWatermarker(params=PLAIN)


def blocks_of(samples: np.ndarray, seed: int = 0) -> Iterator[np.ndarray]:
    """The samples in pieces of up to 20 s, of any size, some of none."""
    random = np.random.default_rng(seed)
    first = 0
    while first < samples.shape[1]:
        size = int(random.integers(0, 20 * RATE))
        yield samples[:, first : first + size]
        first += size


def streamed(detector: StreamDetector, samples: np.ndarray) -> list[Mark]:
    marks = [mark for block in blocks_of(samples) for mark in detector.feed(block)]
    return [*marks, *detector.finish()]


def places(marks: list[Mark]) -> list[tuple[str, Payload, BlockKind, float]]:
    """Found marks of single blocks and pairs, to a tenth of a second, as often as they were told."""
    whole = {BlockKind.A, BlockKind.B, BlockKind.AB}
    return sorted(
        (mark.key_id, mark.payload, mark.kind, round(mark.start_seconds, 1))
        for mark in marks
        if mark.verdict is Verdict.FOUND and mark.kind in whole
    )


@pytest.fixture(scope="module")
def programme(music: Callable[..., np.ndarray]) -> np.ndarray:
    """Of 7 minutes: a marked track, silence, an unmarked track, one that is marked with another key."""
    long = np.tile(music(2, 80, RATE), 2)
    one = ENGINE.embed(long, RATE, FIRST, KEY)
    two = ENGINE.embed(music(6, 115, RATE), RATE, SECOND, OTHER)
    silence = np.zeros((1, 25 * RATE), np.float32)
    return np.concatenate([one, silence, music(3, 90, RATE), two, silence], axis=1)


def test_a_stream_gives_each_mark_of_the_whole_once(programme: np.ndarray) -> None:
    whole = ENGINE.detect(programme, RATE, [KEY, OTHER])
    marks = streamed(StreamDetector(RATE, [KEY, OTHER], params=PLAIN, part_seconds=180), programme)
    assert places(marks) == places(whole)
    assert {(mark.key_id, mark.payload) for mark in marks if mark.verdict is Verdict.FOUND} == {
        ("house", FIRST),
        ("other", SECOND),
    }
    assert len(places(marks)) > 4


def test_marks_are_told_long_before_the_stream_ends(programme: np.ndarray) -> None:
    detector = StreamDetector(RATE, [KEY], params=PLAIN, part_seconds=180)
    marks = detector.feed(programme[:, : 185 * RATE])
    assert [mark.payload for mark in marks if mark.verdict is Verdict.FOUND][:1] == [FIRST]


def test_a_short_stream_is_read_at_its_end_and_a_silent_one_says_nothing(
    music: Callable[..., np.ndarray],
) -> None:
    excerpt = ENGINE.embed(music(2, 80, RATE), RATE, FIRST, KEY)[:, 20 * RATE : 40 * RATE]
    marks = streamed(StreamDetector(RATE, [KEY], params=PLAIN), excerpt)
    assert marks[0].payload == FIRST
    assert marks[0].verdict is Verdict.FOUND
    assert streamed(StreamDetector(RATE, [KEY]), np.zeros((2, 400 * RATE), np.float32)) == []
    assert streamed(StreamDetector(RATE, [KEY]), excerpt[:, : 2 * RATE]) == []
    assert StreamDetector(RATE, [KEY]).finish() == []


def test_an_altered_copy_is_found_in_a_stream(music: Callable[..., np.ndarray]) -> None:
    marked = ENGINE.embed(music(2, 80, 8160), 8160, FIRST, KEY)
    marks = streamed(StreamDetector(RATE, [KEY]), marked)  # played at 0.98 of its speed
    assert marks[0].payload == FIRST
    assert marks[0].speed == pytest.approx(8000 / 8160, abs=4e-4)


def test_memory_does_not_grow_with_the_stream() -> None:
    random = np.random.default_rng(0)
    detector = StreamDetector(11025, [KEY], params=PLAIN, part_seconds=180)
    kept = []
    tracemalloc.start()
    try:
        for _ in range(22):  # 11 minutes
            detector.feed(random.normal(0, 0.1, (1, 30 * 11025)).astype(np.float32))
            kept.append(tracemalloc.get_traced_memory()[0])
    finally:
        tracemalloc.stop()
    assert max(kept[-7:]) < max(kept[7:14]) + 2_000_000


def test_a_caller_may_use_its_array_again(music: Callable[..., np.ndarray]) -> None:
    """Even at the rate that nothing is resampled from."""
    marked = ENGINE.embed(music(1, 62, 11025), 11025, FIRST, KEY)
    detector = StreamDetector(11025, [KEY], params=PLAIN)
    array = np.empty((1, 11025), np.float32)
    for first in range(0, marked.shape[1] - 11025, 11025):
        array[:] = marked[:, first : first + 11025]
        detector.feed(array)
    assert detector.finish()[0].payload == FIRST


@pytest.mark.parametrize("rate", [11025, 44100])
def test_a_stream_that_was_finished_does_not_go_on(rate: int) -> None:
    detector = StreamDetector(rate, [KEY])
    block = np.zeros((1, 1000), np.float32)
    detector.feed(block)
    detector.finish()
    with pytest.raises(StreamEndedError, match="finished"):
        detector.feed(block)
    with pytest.raises(StreamEndedError, match="finished"):
        detector.finish()


def test_a_block_costs_the_same_however_many_wait() -> None:
    detector = StreamDetector(11025, [KEY])
    block = np.zeros((1, 10), np.float32)
    calls = []
    for _ in range(500):
        steps: list[str] = []
        sys.setprofile(lambda frame, event, argument, steps=steps: steps.append(event))
        try:
            detector.feed(block)
        finally:
            sys.setprofile(None)
        calls.append(len(steps))
    assert calls[-1] == calls[1]


def test_bad_streams_are_refused() -> None:
    with pytest.raises(ValueError, match="180"):
        StreamDetector(RATE, [KEY], part_seconds=100)
    detector = StreamDetector(RATE, [KEY])
    detector.feed(np.zeros((2, 100), np.float32))
    with pytest.raises(UnusableAudioError, match="had 2 channels and now has 1"):
        detector.feed(np.zeros((1, 100), np.float32))
    with pytest.raises(UnusableAudioError, match="NaN"):
        detector.feed(np.full((2, 100), np.nan, np.float32))
    with pytest.raises(UnusableAudioError, match="resample"):
        StreamDetector(100, [KEY]).feed(np.zeros((1, 100), np.float32))
