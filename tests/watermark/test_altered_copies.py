"""Marks in copies that were played faster, stretched or shifted in pitch."""

import math
from collections.abc import Callable

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from benchmarks.alterations import MP3_64K, coded, filtered, resampled
from tests.watermark.golden_audio import Golden
from watermark import (
    BuiltinWatermarker,
    DetectionParams,
    Key,
    Mark,
    Payload,
    Verdict,
    signed_payload,
)
from watermark.effort import Budget
from watermark.excerpt import SEARCH_FRAME, SEARCH_RATE, Excerpt
from watermark.payloads import PayloadMode
from watermark.slants import Sheet, slant_template
from watermark.warp_search import Alteration, alterations
from watermark.warps import NO_WARP, Warp, warped_powers

RATE = 44100
KEY = Key(bytes(range(16)), "house")
OTHER = Key(bytes(range(1, 17)), "other")
PAYLOAD = Payload("0123456789abcdef0011223344556677")
SIGNED = signed_payload("0123456789abcdef00112233", KEY)
ENGINE = BuiltinWatermarker()
RATIOS = st.floats(0.8, 1.25)


@pytest.fixture(scope="module")
def marked(music: Callable[..., np.ndarray]) -> np.ndarray:
    return ENGINE.embed(music(2, 80, RATE, 2), RATE, PAYLOAD, KEY)


def found(marks: list[Mark]) -> set[tuple[str, Payload]]:
    return {(mark.key_id, mark.payload) for mark in marks if mark.verdict is Verdict.FOUND}


OURS = {(KEY.name, PAYLOAD)}


@pytest.mark.parametrize("speed", [0.8, 0.995, 1.003, 1.25])
def test_a_mark_is_found_at_another_speed(marked: np.ndarray, speed: float) -> None:
    copy = resampled(marked, speed)
    marks = ENGINE.detect(copy, RATE, [KEY])
    assert found(marks) == OURS
    assert marks[0].speed == pytest.approx(speed, abs=4e-4)
    assert (marks[0].tempo_ratio, marks[0].pitch_ratio) == pytest.approx((1, 1))
    block = min(marks, key=lambda mark: mark.start_seconds if mark.quality > 1 else math.inf)
    assert block.start_seconds == pytest.approx(250 * 1024 / RATE / speed, abs=0.02)


@pytest.mark.parametrize("tempo", [0.95, 1.005])
def test_a_mark_is_found_at_another_tempo(marked: np.ndarray, tempo: float) -> None:
    marks = ENGINE.detect(filtered(marked, RATE, "atempo", str(tempo)), RATE, [KEY])
    assert found(marks) == OURS
    assert (marks[0].speed, marks[0].pitch_ratio) == (1, 1)
    assert marks[0].tempo_ratio == pytest.approx(tempo, abs=1e-3)


@pytest.mark.parametrize("pitch", [0.98, 1.05])
def test_a_mark_is_found_at_another_pitch(marked: np.ndarray, pitch: float) -> None:
    """Played faster, then stretched back."""
    copy = filtered(resampled(marked, pitch), RATE, "atempo", str(1 / pitch))
    marks = ENGINE.detect(copy, RATE, [KEY])
    assert found(marks) == OURS
    assert (marks[0].speed, marks[0].tempo_ratio) == (1, 1)
    assert marks[0].pitch_ratio == pytest.approx(pitch, abs=4e-3)


@pytest.mark.parametrize("seconds", [15, 30])
def test_a_signed_mark_is_found_in_an_excerpt_at_another_speed(
    music: Callable[..., np.ndarray], seconds: int
) -> None:
    marked = ENGINE.embed(music(2, 80, RATE, 2), RATE, SIGNED, KEY)
    copy = resampled(marked[:, 20 * RATE : (20 + seconds) * RATE], 1.02)
    marks = ENGINE.detect(copy, RATE, [KEY])
    assert found(marks) == {(KEY.name, SIGNED)}
    assert (marks[0].start_seconds, marks[0].end_seconds) == pytest.approx(
        (0, copy.shape[1] / RATE), abs=0.01
    )


def test_a_mark_is_found_at_another_speed_as_an_mp3(marked: np.ndarray) -> None:
    copy = coded(resampled(marked, 0.97), RATE, MP3_64K)
    assert found(ENGINE.detect(copy, RATE, [KEY])) == OURS


def test_what_audiowmark_marked_is_read_at_another_speed(
    golden: Callable[[str], Golden],
) -> None:
    file = golden("clip30-strength15")
    copy = resampled(file.sound("marked"), 1.01)
    first = ENGINE.detect(copy, file.rate, [file.key])[0]
    assert (first.payload, first.key_id) == (file.payload, file.key.name)
    assert first.kind.is_clip and first.verdict is Verdict.CANDIDATE  # it has no check of ours
    assert first.speed == pytest.approx(1.01, abs=4e-4)


def test_other_speeds_are_searched_only_as_far_as_asked(marked: np.ndarray) -> None:
    copy = resampled(marked, 1.1)
    for params in (DetectionParams(speed=False), DetectionParams(budget_seconds=1)):
        assert found(BuiltinWatermarker(params=params).detect(copy, RATE, [KEY])) == set()
    speeds = BuiltinWatermarker(params=DetectionParams(stretch=False))
    assert found(speeds.detect(copy, RATE, [KEY])) == OURS


def test_nothing_stands_out_where_nothing_was_marked(music: Callable[..., np.ndarray]) -> None:
    template = slant_template(KEY, PayloadMode.BITS_128)
    for seed in (2, 5):
        for seconds in (10, 40):
            assert alterations(
                music(seed, 80, SEARCH_RATE, 2)[:, : seconds * SEARCH_RATE], [template]
            ) == [[]]


@pytest.mark.parametrize("kind", ["silence", "constant", "noise", "clicks"])
def test_nothing_stands_out_in_what_is_no_music(kind: str) -> None:
    count = 40 * SEARCH_RATE
    sounds = {
        "silence": np.zeros(count),
        "constant": np.full(count, 0.3),
        "noise": np.random.default_rng(0).normal(0, 0.2, count),
        "clicks": (np.arange(count) % 5512 == 0).astype(float),
    }
    sound = sounds[kind][None].astype(np.float32)
    assert alterations(sound, [slant_template(KEY, PayloadMode.BITS_128)]) == [[]]


def test_channels_that_cancel_do_not_hide_an_altered_mark(marked: np.ndarray) -> None:
    one = resampled(marked[:1], 1.03)
    assert found(ENGINE.detect(np.concatenate([one, -one]), RATE, [KEY])) == OURS


def test_keys_are_searched_together_as_each_by_itself(marked: np.ndarray) -> None:
    copy = resampled(marked, 1.02)[:, ::4].copy()
    templates = [slant_template(key, PayloadMode.BITS_128) for key in (OTHER, KEY)]
    together = alterations(copy, templates)
    assert together == [alterations(copy, [template])[0] for template in templates]
    assert [bool(found) for found in together] == [False, True]


@given(st.integers(0, 12), st.floats(0, 8))
def test_a_budget_is_never_overspent(keys: int, seconds: float) -> None:
    budget = Budget(DetectionParams(budget_seconds=seconds))
    given_keys = [KEY] * keys
    counts = []
    while searched := budget.spent_on(given_keys):
        counts.append(len(searched))
    assert sum(1 + 0.4 * count for count in counts) <= seconds + 1e-9
    assert Budget(DetectionParams(speed=False, stretch=False)).spent_on(given_keys) == []


@given(st.sampled_from(Alteration), RATIOS)
def test_a_warp_says_what_was_done(alteration: Alteration, ratio: float) -> None:
    warp = alteration.warp(ratio)
    said = {"speed": warp.speed, "tempo": warp.tempo_ratio, "pitch": warp.pitch_ratio}
    assert said.pop(alteration.value) == pytest.approx(ratio)
    assert list(said.values()) == pytest.approx([1, 1])


@given(RATIOS, RATIOS, st.integers(20, 100))
def test_a_tone_is_heard_in_the_band_that_it_was_moved_from(
    time: float, bands: float, tone: int
) -> None:
    warp = Warp(time, bands)
    times = np.arange(warp.frame) / SEARCH_FRAME
    sound = np.cos(2 * np.pi * tone * bands * times).astype(np.float32)
    powers = warped_powers(sound[None], warp)[0]
    assert abs(int(powers.argmax()) - (tone - 20)) <= 1
    assert powers[tone - 20] == pytest.approx(1, abs=0.1)


def test_levels_without_a_warp_are_the_same_by_both_ways() -> None:
    samples = np.random.default_rng(0).normal(0, 0.1, (2, 6000)).astype(np.float32)
    starts = np.array([0, 700, 2500, 5000])
    warped = Excerpt.of(samples, warp=Warp(1.0, 1 + 1e-9))
    np.testing.assert_allclose(warped.levels(starts), Excerpt.of(samples).levels(starts), atol=2e-2)
    assert NO_WARP.is_none and not warped.warp.is_none


@given(st.floats(0.85, 1.2), st.integers(0, 2226 * 2 - 1))
def test_a_line_is_found_at_its_slant_wherever_the_block_starts(time: float, start: int) -> None:
    """A sheet of nothing but the template, read at another pace of time."""
    template = slant_template(KEY, PayloadMode.BITS_128)
    dense = np.zeros((2 * template.length, 81), np.float32)
    dense[template.frames] = template.bands
    dense[template.length + template.frames] = -template.bands
    slant = (time - 1) / 100
    rows = np.arange(2500)
    frames = np.rint(rows / 2 / (1 + slant)).astype(int) + start
    noise = np.random.default_rng(start).normal(0, 1, (rows.size, 81)).astype(np.float32)
    line = template.line(
        Sheet(dense[frames % len(dense)] + noise, 2), [0.0005 * n for n in range(-6, 7)]
    )
    assert line.score > 20
    assert line.slant == pytest.approx(slant, abs=8e-4)


def test_a_mark_that_is_half_heard_as_it_is_is_read_where_it_was_moved_to(
    marked: np.ndarray,
) -> None:
    """A shift of 1.9 % leaves blocks where they were, too faint to be believed."""
    copy = filtered(resampled(marked, 1.019), RATE, "atempo", str(1 / 1.019))
    marks = ENGINE.detect(copy, RATE, [KEY])
    assert found(marks) == OURS
    best = max(marks, key=lambda mark: mark.quality)
    assert best.quality > 0.5
    assert best.pitch_ratio == pytest.approx(1.019, abs=4e-3)
