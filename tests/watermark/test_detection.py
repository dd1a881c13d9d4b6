"""What is marked is found, wherever and however it is heard; what is not is never."""

from collections.abc import Callable

import numpy as np
import pytest

from benchmarks.alterations import MP3_64K, coded
from watermark import (
    BadStrengthError,
    BlockKind,
    BuiltinWatermarker,
    Key,
    Mark,
    Payload,
    PayloadMode,
    TooShortError,
    UnusableAudioError,
    Verdict,
    Watermarker,
    signed_payload,
)
from watermark.verdicts import judged

KEY = Key(bytes(range(16)), "house")
OTHER = Key(bytes(range(1, 17)), "other")
PAYLOAD = signed_payload("0123456789abcdef00112233", KEY)
ENGINE: Watermarker = BuiltinWatermarker()


def found(marks: list[Mark]) -> set[tuple[str, Payload]]:
    return {(mark.key_id, mark.payload) for mark in marks if mark.verdict is Verdict.FOUND}


OURS = {(KEY.name, PAYLOAD)}


@pytest.fixture(scope="module")
def marked(music: Callable[..., np.ndarray]) -> np.ndarray:
    """Marked once, and only read."""
    made = ENGINE.embed(music(2, 80, 44100, 2), 44100, PAYLOAD, KEY)
    made.flags.writeable = False
    return made


@pytest.mark.parametrize(
    ("rate", "channels"), [(8000, 1), (22050, 2), (44100, 1), (44100, 2), (48000, 3), (96000, 1)]
)
def test_a_mark_is_found_at_every_rate_and_number_of_channels(
    music: Callable[..., np.ndarray], rate: int, channels: int
) -> None:
    marked = ENGINE.embed(music(1, 62, rate, channels), rate, PAYLOAD, KEY)
    marks = ENGINE.detect(marked, rate, [KEY])
    assert found(marks) == OURS
    block = next(mark for mark in marks if mark.kind is BlockKind.A)
    assert block.start_seconds == pytest.approx(250 * 1024 / 44100, abs=1e-3)
    assert block.end_seconds == pytest.approx((250 + 2226) * 1024 / 44100, abs=1e-3)
    assert block.quality > 1
    assert block.error < 0.15


@pytest.mark.parametrize("start", [3.21, 20.0, 41.7])
@pytest.mark.parametrize("seconds", [15, 20, 35])
def test_a_mark_is_found_in_an_excerpt(marked: np.ndarray, start: float, seconds: int) -> None:
    first = int(start * 44100)
    marks = ENGINE.detect(marked[:, first : first + seconds * 44100], 44100, [KEY])
    assert found(marks) == OURS
    assert marks[0].kind.is_clip
    assert (marks[0].start_seconds, marks[0].end_seconds) == pytest.approx((0, seconds), abs=1e-3)


def test_a_mark_is_found_after_mp3_at_64_kbit(marked: np.ndarray) -> None:
    assert found(ENGINE.detect(coded(marked, 44100, MP3_64K), 44100, [KEY])) == OURS


def test_a_mark_is_read_in_an_excerpt_of_an_mp3(marked: np.ndarray) -> None:
    excerpt = marked[:, 30 * 44100 : 50 * 44100]
    assert found(ENGINE.detect(coded(excerpt, 44100, MP3_64K), 44100, [KEY])) == OURS


def test_a_mark_is_found_at_another_level_rate_polarity_and_mixed_down(
    marked: np.ndarray,
) -> None:
    mixed = (-0.4 * marked.mean(axis=0, keepdims=True))[:, ::2].astype(np.float32)
    assert found(ENGINE.detect(mixed, 22050, [KEY])) == OURS


def test_silent_channels_do_not_dilute_a_mark(music: Callable[..., np.ndarray]) -> None:
    sound = music(1, 62, 44100)
    alone = ENGINE.detect(ENGINE.embed(sound, 44100, PAYLOAD, KEY), 44100, [KEY])
    surround = np.zeros((6, sound.shape[1]), np.float32)
    surround[2] = sound[0]
    marked = ENGINE.embed(surround, 44100, PAYLOAD, KEY)
    marked[4] += np.random.default_rng(0).normal(0, 1e-5, marked.shape[1]).astype(np.float32)
    marks = ENGINE.detect(marked, 44100, [KEY])
    assert found(marks) == OURS
    assert marks[0].quality == pytest.approx(alone[0].quality, abs=1e-3)


@pytest.mark.parametrize("digits", ["abc", "abcd", "abcde", "000"])
def test_short_payloads_are_read_in_their_mode_only(
    music: Callable[..., np.ndarray], digits: str
) -> None:
    payload = Payload(digits)
    marked = ENGINE.embed(music(1, 62, 44100), 44100, payload, KEY)
    assert found(BuiltinWatermarker((payload.mode,)).detect(marked, 44100, [KEY])) == {
        (KEY.name, payload)
    }
    assert found(ENGINE.detect(marked, 44100, [KEY])) == set()


def test_several_modes_are_searched_when_asked(music: Callable[..., np.ndarray]) -> None:
    marked = ENGINE.embed(music(1, 62, 44100), 44100, Payload("beef"), KEY)
    both = BuiltinWatermarker((PayloadMode.BITS_128, PayloadMode.BITS_16))
    assert found(both.detect(marked, 44100, [KEY])) == {(KEY.name, Payload("beef"))}


def test_marks_of_several_keys_lie_in_one_sound(marked: np.ndarray) -> None:
    second = Payload("f" * 32)
    both = ENGINE.embed(marked, 44100, second, OTHER)
    marks = ENGINE.detect(both, 44100, [OTHER, Key(bytes(16), "none"), KEY])
    assert found(marks) == {(KEY.name, PAYLOAD), (OTHER.name, second)}


@pytest.mark.parametrize("seconds", [5, 12, 30, 80])
def test_nothing_is_found_where_nothing_was_marked(
    music: Callable[..., np.ndarray], seconds: int
) -> None:
    for seed in (2, 5, 7):
        sound = music(seed, 80, 44100, 2)[:, : seconds * 44100]
        assert found(ENGINE.detect(sound, 44100, [KEY, OTHER])) == set()


def test_nothing_is_found_with_another_key(marked: np.ndarray) -> None:
    assert found(ENGINE.detect(marked, 44100, [OTHER])) == set()


@pytest.mark.parametrize("kind", ["silence", "dither", "constant", "sine", "clicks", "noise"])
def test_nothing_is_found_in_what_is_no_music(kind: str) -> None:
    count = 70 * 22050
    random = np.random.default_rng(0)
    sounds = {
        "silence": np.zeros(count),
        "dither": random.integers(-1, 2, count) / 32768,
        "constant": np.full(count, 0.3),
        "sine": 0.5 * np.sin(2 * np.pi * 1000 * np.arange(count) / 22050),
        "clicks": (np.arange(count) % 11025 == 0).astype(float),
        "noise": random.normal(0, 0.2, count),
    }
    sound = sounds[kind][None].astype(np.float32)
    assert found(ENGINE.detect(sound, 22050, [KEY])) == set()


def test_silence_has_not_even_candidates() -> None:
    """It would fit the message of zeros without any error."""
    assert ENGINE.detect(np.zeros((2, 70 * 22050), np.float32), 22050, [KEY]) == []


def test_a_mark_between_long_silences_is_found(music: Callable[..., np.ndarray]) -> None:
    marked = ENGINE.embed(music(1, 62, 44100), 44100, PAYLOAD, KEY)
    silence = np.zeros((1, 60 * 44100 + 777), np.float32)
    marks = ENGINE.detect(np.concatenate([silence, marked, silence], axis=1), 44100, [KEY])
    assert found(marks) == OURS
    assert marks[0].start_seconds == pytest.approx(silence.shape[1] / 44100 + 5.805, abs=1e-2)


@pytest.mark.slow
def test_a_mark_of_more_than_half_an_hour_is_found_in_every_part(
    music: Callable[..., np.ndarray],
) -> None:
    sound = np.tile(music(2, 80, 8000), 25)  # 33 minutes
    marks = ENGINE.detect(ENGINE.embed(sound, 8000, PAYLOAD, KEY), 8000, [KEY])
    assert found(marks) == OURS
    singles = [m for m in marks if m.kind in {BlockKind.A, BlockKind.B}]
    starts = sorted(mark.start_seconds for mark in singles)
    block = 2226 * 1024 / 44100
    assert len(starts) == int((33.33 * 60 - 5.8) / block)
    np.testing.assert_allclose(np.diff(starts), block, atol=1e-2)


def test_what_reads_the_same_is_found_with_it_and_repetitions_go() -> None:
    def mark(payload: str, kind: BlockKind, start: float, quality: float) -> Mark:
        verdict = Verdict.FOUND if quality > 1 else Verdict.CANDIDATE
        return Mark(Payload(payload), start, start + 50, quality, 0.2, kind, "house", verdict)

    sure, unsure = mark("abc", BlockKind.A, 5.8, 1.2), mark("abc", BlockKind.B, 57.5, 0.5)
    junk = [mark("111", BlockKind.B, 3, 0.4), mark("222", BlockKind.A, 1, 0.3)]
    marks = judged([*junk, sure, unsure, mark("abc", BlockKind.A, 5.801, 1.2)])
    assert [each.payload.digits for each in marks] == ["abc", "abc", "111", "222"]
    assert [each.start_seconds for each in marks] == [5.8, 57.5, 3, 1]
    assert [each.verdict for each in marks[:2]] == [Verdict.FOUND] * 2
    assert found(marks) == {("house", Payload("abc"))}


SOUND = np.full((1, 5 * 8000), 0.1, np.float32)
BAD = {
    "one dimension": (SOUND[0], 8000, UnusableAudioError, "shape"),
    "no channel": (SOUND[:0], 8000, UnusableAudioError, "shape"),
    "time first": (np.zeros((99, 2), np.float32), 8000, UnusableAudioError, "channels"),
    "integers": ((SOUND * 32768).astype(np.int16), 8000, UnusableAudioError, "float32"),
    "low rate": (SOUND, 7999, UnusableAudioError, "resample"),
    "high rate": (SOUND, 768_001, UnusableAudioError, "resample"),
    "not a number": (SOUND * np.float32("nan"), 8000, UnusableAudioError, "NaN"),
    "huge": (SOUND * np.float32(1e38), 8000, UnusableAudioError, "exceed 10000"),
    "hugely negative": (SOUND * np.float32(-1e6), 8000, UnusableAudioError, "scale them down"),
    "short": (SOUND[:, : 3 * 8000 - 1], 8000, TooShortError, "at least 3 s"),
    "empty": (SOUND[:, :0], 8000, TooShortError, "at least 3 s"),
}


@pytest.mark.parametrize("case", BAD)
def test_bad_sound_is_refused_with_what_to_do(case: str) -> None:
    samples, rate, error, says = BAD[case]
    with pytest.raises(error, match=says):
        ENGINE.embed(samples, rate, PAYLOAD, KEY)
    with pytest.raises(error, match=says):
        ENGINE.detect(samples, rate, [KEY])


@pytest.mark.parametrize("strength", [0, -1, 50.1, float("nan")])
def test_a_strength_out_of_range_is_refused(strength: float) -> None:
    with pytest.raises(BadStrengthError, match="strength"):
        ENGINE.embed(SOUND, 8000, PAYLOAD, KEY, strength)
