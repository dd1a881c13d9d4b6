from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from watermark import (
    BlockKind,
    BuiltinWatermarker,
    DetectionParams,
    Key,
    Mark,
    Payload,
    Verdict,
    signed_payload,
)
from watermark.false_alarms import margin_tail
from watermark.payloads import PayloadMode
from watermark.readings import Reading
from watermark.verdicts import agrees, judged, mark_from

KEY = Key(bytes(range(16)), "house")
SIGNED = signed_payload("0123456789abcdef00112233", KEY)


def mark(
    payload: Payload, margin: float, quality: float = 0.5, kind: BlockKind = BlockKind.CLIP_A
) -> Mark:
    reading = Reading(payload.message, 0, 11025 * 20, quality, 0.4, margin, kind)
    made = mark_from(reading, PayloadMode.BITS_128, KEY, 0)
    assert made is not None
    return made


def junk(count: int) -> list[Mark]:
    return [mark(Payload(f"{n + 1:032x}"), -0.03, 0.2) for n in range(count)]


def test_a_payload_with_its_check_is_found_however_faint() -> None:
    found = judged([*junk(7), mark(SIGNED, -0.02, 0.2)])[0]
    assert (found.payload, found.verdict, found.verified) == (SIGNED, Verdict.FOUND, True)
    assert found.false_alarm == pytest.approx(8 / 2**32)


def test_a_wrong_check_makes_a_candidate_that_chance_gives() -> None:
    wrong = Payload(SIGNED.digits[:-1] + ("0" if SIGNED.digits[-1] != "0" else "1"))
    (candidate,) = judged([mark(wrong, -0.02)])
    assert (candidate.verdict, candidate.verified) == (Verdict.CANDIDATE, False)
    assert candidate.false_alarm == 1


def test_a_foreign_payload_is_found_by_its_margin_in_a_whole_block() -> None:
    (found,) = judged([mark(Payload("f" * 32), 0.2, kind=BlockKind.A)])
    assert (found.verdict, found.verified) == (Verdict.FOUND, False)
    assert found.false_alarm == pytest.approx(margin_tail(0.2))
    assert found.false_alarm < 1e-15


def test_a_foreign_payload_in_an_excerpt_is_a_candidate_unless_a_block_says_the_same() -> None:
    clip = mark(Payload("f" * 32), 0.2, 1.3)
    assert [each.verdict for each in judged([clip])] == [Verdict.CANDIDATE]
    both = judged([clip, mark(Payload("f" * 32), 0.2, kind=BlockKind.B)])
    assert [each.verdict for each in both] == [Verdict.FOUND] * 2


def beeps(seconds: float, every: float, length: float, seed: int) -> np.ndarray:
    """Tones of random pitch in digital silence, float32 of shape (1, n) at 11,025 Hz."""
    random = np.random.default_rng(seed)
    sound = np.zeros((1, round(seconds * 11025)), np.float32)
    size = round(length * 11025)
    for start in range(500, sound.shape[1] - size, round(every * 11025)):
        tone = np.sin(2 * np.pi * random.uniform(300, 4000) * np.arange(size) / 11025)
        sound[0, start : start + size] = 0.4 * tone * np.hanning(size)
    return sound


@pytest.mark.parametrize(
    ("seconds", "every", "length"), [(3, 1, 0.2), (4, 0.5, 0.05), (4, 1, 0.2), (8, 0.5, 0.05)]
)
def test_a_few_beeps_agree_with_none_of_200_keys(
    seconds: float, every: float, length: float
) -> None:
    """Hardly any bit is heard, and those that are have one magnitude: not what margins are made for."""
    random = np.random.default_rng(0)
    engine = BuiltinWatermarker(params=DetectionParams(speed=False, stretch=False))
    for seed in range(4):
        keys = [Key(random.bytes(16), str(number)) for number in range(50)]
        for each in engine.detect(beeps(seconds, every, length, seed), 11025, keys):
            assert each.verdict is Verdict.CANDIDATE
            assert not agrees(each.quality, each.margin)
            assert each.false_alarm > 1e-3


def test_all_that_reads_the_same_is_as_probable_as_the_best() -> None:
    same = mark(SIGNED, 0.3)
    other = replace(mark(SIGNED, 0.1), kind=BlockKind.A)
    assert len({each.false_alarm for each in judged([same, other])}) == 1


@given(st.floats(-1, 1), st.floats(-1, 1), st.integers(0, 30))
def test_alarms_are_rarer_at_more_margin_and_likelier_among_more(
    one: float, two: float, others: int
) -> None:
    low, high = (
        next(each for each in judged([*junk(others), mark(SIGNED, margin)]) if each.verified)
        for margin in sorted((one, two))
    )
    assert 0 <= high.false_alarm <= low.false_alarm <= 1
    alone = judged([mark(SIGNED, max(one, two))])[0]
    assert alone.false_alarm <= high.false_alarm


def test_a_faint_signed_mark_is_found_and_sure(music: Callable[..., np.ndarray]) -> None:
    """At less than a third of the strength, in an excerpt of 25 s."""
    marked = BuiltinWatermarker().embed(music(2, 80, 44100, 2), 44100, SIGNED, KEY, 3)
    excerpt = marked[:, 20 * 44100 : 45 * 44100]
    found = BuiltinWatermarker().detect(excerpt, 44100, [KEY])[0]
    assert (found.payload, found.verdict, found.verified) == (SIGNED, Verdict.FOUND, True)
    assert found.quality < 0.4
    assert found.false_alarm < 1e-9
