"""The search's shortcuts against the plain way, on sound with a mark at a known place."""

from collections.abc import Callable

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from watermark import BuiltinWatermarker, Key, Payload, PayloadMode
from watermark.blocks import BlockSearch
from watermark.candidates import candidates, peaks
from watermark.clips import clips_of
from watermark.coarse_search import STEP, CoarseScores, Spectrogram, block_sums
from watermark.excerpt import SEARCH_FRAME, SEARCH_RATE, SILENT_LEVEL, Excerpt
from watermark.marks import BlockKind
from watermark.resampling import resampled
from watermark.sync import SyncTemplate, block_template, pair_template
from watermark.tables import BANDS, LOWEST_BAND, KeyTables, key_tables

KEY = Key(bytes(range(16)), "test")
PAYLOAD = Payload("abcd")
FIRST_BLOCK = 250 * SEARCH_FRAME


@pytest.fixture(scope="module")
def tables() -> KeyTables:
    return key_tables(KEY, PayloadMode.BITS_16)


@pytest.fixture(scope="module")
def template(tables: KeyTables) -> SyncTemplate:
    return block_template(tables)


@pytest.fixture(scope="module")
def marked(music: Callable[..., np.ndarray]) -> np.ndarray:
    """Of 90 s: an A block, a B block and the start of another: at 11,025 Hz."""
    sound = BuiltinWatermarker().embed(music(3, 90, 44100, 2), 44100, PAYLOAD, KEY)
    return np.stack([resampled(each, 44100, SEARCH_RATE) for each in sound])


def test_levels_are_decibels_of_the_bins_added_over_channels() -> None:
    random = np.random.default_rng(0)
    samples = random.normal(0, 0.1, (3, 4000)).astype(np.float32)
    samples[1, :2000] = 0
    starts = np.array([0, 700, 2500, 3500])
    hann = 0.5 - 0.5 * np.cos(2 * np.pi * np.arange(SEARCH_FRAME) / SEARCH_FRAME)
    padded = np.pad(samples, ((0, 0), (0, SEARCH_FRAME)))
    for start, levels in zip(starts, Excerpt.of(samples).levels(starts), strict=True):
        frame = padded[:, start : start + SEARCH_FRAME].astype(np.float64)
        bins = np.abs(np.fft.rfft(frame * hann)) * 2 / hann.sum()
        bins = bins[:, LOWEST_BAND : LOWEST_BAND + BANDS]
        decibels = 20 * np.log10(np.where(bins > 0, bins, 10 ** (SILENT_LEVEL / 20)))
        np.testing.assert_allclose(levels, decibels.sum(axis=0), atol=1e-3)


def test_a_full_scale_sine_on_a_bin_has_no_decibels() -> None:
    times = np.arange(SEARCH_FRAME) / SEARCH_FRAME
    samples = np.cos(2 * np.pi * 40 * times)[None].astype(np.float32)
    level = Excerpt.of(samples).levels(np.array([0]))[0, 40 - LOWEST_BAND]
    assert level == pytest.approx(0, abs=1e-3)


@pytest.mark.parametrize("of_pairs", [False, True])
def test_coarse_scores_are_those_of_each_start_by_itself(
    marked: np.ndarray, tables: KeyTables, template: SyncTemplate, *, of_pairs: bool
) -> None:
    """Blocks in whole sound; pairs around a clip, where silence is skipped."""
    if of_pairs:
        excerpt = clips_of(marked[:, : 12 * SEARCH_RATE], tables.mode)[0].excerpt
    else:
        excerpt = Excerpt.of(marked)
    sums = block_sums(Spectrogram.of(excerpt), template, skip_silence=of_pairs)
    coarse = sums.of_pairs() if of_pairs else sums.of_blocks()
    one_by_one = pair_template(template) if of_pairs else template
    places = np.linspace(0, coarse.scores.size - 1, 40).astype(int)
    scores = one_by_one.score(excerpt, places * STEP, skip_silence=of_pairs)
    np.testing.assert_allclose(coarse.scores[places], scores, atol=2e-3)
    assert np.abs(scores).max() > 0.05


@pytest.mark.parametrize("cut", [0, 2, 14, 34, 130, 254, 7777])
def test_a_block_is_placed_within_half_a_millisecond_wherever_the_sound_was_cut(
    marked: np.ndarray, template: SyncTemplate, cut: int
) -> None:
    excerpt = Excerpt.of(marked[:, cut:])
    coarse = block_sums(Spectrogram.of(excerpt), template, skip_silence=False).of_blocks()
    places = candidates(excerpt, template, coarse, least=0)
    wanted = [FIRST_BLOCK + n * template.length * SEARCH_FRAME - cut for n in (0, 1)]
    assert [each.is_a for each in places] == [True, False]
    np.testing.assert_allclose([each.start for each in places], wanted, atol=4)
    assert min(each.quality for each in places) > 1


def test_the_best_candidates_are_kept_where_none_is_good(
    marked: np.ndarray, tables: KeyTables
) -> None:
    """Eight seconds searched with the wrong key: chance alone scores well in so little."""
    clip = clips_of(marked[:, : 8 * SEARCH_RATE], tables.mode)[0].excerpt
    template = block_template(key_tables(Key(bytes(range(1, 17))), tables.mode))
    coarse = block_sums(Spectrogram.of(clip), template, skip_silence=True).of_pairs()
    pair = pair_template(template)
    good = candidates(clip, pair, coarse, least=0, skip_silence=True)
    kept = candidates(clip, pair, coarse, least=8, skip_silence=True)
    assert len(good) < len(kept) == 8
    assert [each.start for each in kept] == sorted(each.start for each in kept)
    assert len(candidates(clip, pair, coarse, least=8, most=3, skip_silence=True)) == 3


@given(arrays(np.float32, st.integers(1, 120), elements=st.floats(-2, 2, width=16)))
def test_peaks_stand_out_and_lie_in_no_shadow(scores: np.ndarray) -> None:
    quality = np.abs(scores)
    tops = [
        n
        for n in range(scores.size)
        if (n == 0 or quality[n] > quality[n - 1])
        and (n == scores.size - 1 or quality[n] >= quality[n + 1])
    ]
    free = [
        n
        for n in tops
        if not any(
            abs(n - m) <= 23 and scores[n] * scores[m] < 0 and quality[m] > 3 * quality[n]
            for m in tops
        )
    ]
    assert peaks(CoarseScores(scores, np.zeros_like(scores))).tolist() == free


def test_blocks_are_read_alone_in_pairs_and_all_together(
    marked: np.ndarray, tables: KeyTables, template: SyncTemplate
) -> None:
    excerpt = Excerpt.of(marked)
    search = BlockSearch(excerpt, Spectrogram.of(excerpt), tables, template)
    read = {each.kind: each for each in search.readings(least=0)}
    assert set(read) == {BlockKind.A, BlockKind.B, BlockKind.AB, BlockKind.ALL}
    messages = np.stack([each.message for each in read.values()])
    assert (messages == PAYLOAD.message).all()
    block = tables.mode.block_frames * SEARCH_FRAME
    assert (read[BlockKind.AB].start, read[BlockKind.AB].end) == (
        read[BlockKind.A].start,
        read[BlockKind.B].start + block,
    )
    assert read[BlockKind.AB].error < max(read[BlockKind.A].error, read[BlockKind.B].error)


def test_a_gap_does_not_break_the_chain_of_blocks(
    music: Callable[..., np.ndarray], tables: KeyTables, template: SyncTemplate
) -> None:
    """The second of four blocks is drowned in noise: the first, third and fourth still add up."""
    sound = BuiltinWatermarker().embed(music(6, 145, 22050), 22050, PAYLOAD, KEY, 15)
    samples = resampled(sound[0], 22050, SEARCH_RATE)[None].copy()
    size = tables.mode.block_frames * SEARCH_FRAME
    hidden = samples[:, FIRST_BLOCK + size : FIRST_BLOCK + 2 * size]
    hidden[:] = np.random.default_rng(0).normal(0, 0.1, hidden.shape)
    excerpt = Excerpt.of(samples)
    found = BlockSearch(excerpt, Spectrogram.of(excerpt), tables, template).readings(least=0)
    starts = [each.start for each in found if each.kind in {BlockKind.A, BlockKind.B}]
    wanted = [FIRST_BLOCK + n * size for n in (0, 2, 3)]
    np.testing.assert_allclose(starts, wanted, atol=2)
    together = next(each for each in found if each.kind is BlockKind.ALL)
    assert (together.start, together.end) == (starts[0], starts[-1] + size)
    np.testing.assert_array_equal(together.message, PAYLOAD.message)
