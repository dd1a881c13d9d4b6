from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from watermark import (
    BlockKind,
    BuiltinWatermarker,
    Key,
    Mark,
    Payload,
    Verdict,
    signed_payload,
)
from watermark.false_alarms import margin_tail
from watermark.payloads import PayloadMode
from watermark.readings import Reading
from watermark.verdicts import judged, mark_from

KEY = Key(bytes(range(16)), "house")
SIGNED = signed_payload("0123456789abcdef00112233", KEY)


def mark(payload: Payload, margin: float, quality: float = 0.5) -> Mark:
    reading = Reading(payload.message, 0, 11025 * 20, quality, 0.4, margin, BlockKind.CLIP_A)
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


def test_a_foreign_payload_is_found_by_its_margin() -> None:
    (found,) = judged([mark(Payload("f" * 32), 0.2)])
    assert (found.verdict, found.verified) == (Verdict.FOUND, False)
    assert found.false_alarm == pytest.approx(margin_tail(0.2))
    assert found.false_alarm < 1e-15


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
