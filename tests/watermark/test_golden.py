"""Files that audiowmark marked: what it wrote is what we write, and what it reads we read."""

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from tests.watermark.golden_audio import GOLDEN, Golden
from watermark import BlockKind, BuiltinWatermarker, Key, Payload, Verdict
from watermark.blocks import BlockSearch, Reading
from watermark.clips import clips_of
from watermark.coarse_search import Spectrogram
from watermark.excerpt import SEARCH_FRAME, SEARCH_RATE, Excerpt
from watermark.payloads import payload_of
from watermark.resampling import resampled
from watermark.sync import block_template
from watermark.tables import key_tables

HERE = ["clip30-strength15", "mono48"]
NAMES = [*HERE, "stereo44", "nokey"]
ENGINE = BuiltinWatermarker()


@pytest.fixture(params=NAMES)
def file(request: pytest.FixtureRequest, golden: Callable[[str], Golden]) -> Golden:
    return golden(request.param)


def readings(sound: np.ndarray, rate: int, key: Key, payload: Payload) -> list[Reading]:
    """Everything audiowmark looks for, whether it is needed or not."""
    samples = np.stack([resampled(each, rate, SEARCH_RATE) for each in sound])
    tables = key_tables(key, payload.mode)
    template = block_template(tables)
    excerpt = Excerpt.of(samples)
    blocks = BlockSearch(excerpt, Spectrogram.of(excerpt), tables, template).readings(least=8)
    clips = [
        each
        for clip in clips_of(samples, payload.mode)
        for read in clip.readings(tables, template)
        for each in read
    ]
    return blocks + clips


def test_every_file_has_its_licence_beside_it() -> None:
    readme = (GOLDEN / "README.md").read_text()
    assert {each.stem.rsplit("-", 1)[0] for each in GOLDEN.glob("*.flac")} == set(HERE)
    assert "Apache-2.0" in readme
    assert all(name in readme for name in HERE)


def test_our_mark_is_audiowmarks_to_the_last_bit_of_sixteen(file: Golden) -> None:
    """At 48 kHz the resampler is another, and tells at the file's ends."""
    ours = ENGINE.embed(file.sound("original"), file.rate, file.payload, file.key, file.strength)
    differences = np.abs(np.floor(ours * 32768) - file.samples("marked"))
    assert differences.max() <= (1 if file.rate == 44100 else 8)
    assert (differences > 0).mean() < 1e-3


def test_marks_of_audiowmark_are_read_and_found_in_whole_blocks(file: Golden) -> None:
    marks = ENGINE.detect(file.sound("marked"), file.rate, [file.key])
    assert marks[0].payload == file.payload
    assert marks[0].key_id == file.key.name
    has_blocks = any(not BlockKind(each["type"]).is_clip for each in file.matches)
    found = {mark.payload for mark in marks if mark.verdict is Verdict.FOUND}
    assert found == ({file.payload} if has_blocks else set())


def test_marks_are_read_where_audiowmark_reads_them_and_as_clearly(file: Golden) -> None:
    ours = readings(file.sound("marked"), file.rate, file.key, file.payload)
    wanted = [each for each in file.matches if each["bits"] == file.payload.digits]
    assert wanted
    for match in wanted:
        same = [each for each in ours if _agree(each, match, file.payload)]
        assert len(same) == 1, match
        assert same[0].quality == pytest.approx(match["quality"], abs=2e-3)
        if not BlockKind(match["type"]).is_clip:  # ours leaves out what a clip did not hold
            assert same[0].error == pytest.approx(match["error"], abs=1e-3)


def test_most_that_is_no_mark_is_read_as_by_audiowmark(file: Golden) -> None:
    """Candidates are junk, but the same junk: search, refinement and decoding agree to the bit."""
    ours = readings(file.sound("marked"), file.rate, file.key, file.payload)
    junk = [each for each in file.matches if each["bits"] != file.payload.digits]
    agreed = [
        match
        for match in junk
        if any(
            payload_of(each.message, file.payload.mode) == Payload(match["bits"]) for each in ours
        )
    ]
    assert len(agreed) >= 0.5 * len(junk)


def _agree(reading: Reading, match: dict[str, Any], payload: Payload) -> bool:
    minutes, seconds = match["pos"].split(":")
    return (
        payload_of(reading.message, payload.mode) == payload
        and reading.kind == match["type"]
        and int(_told_start(reading, payload)) == 60 * int(minutes) + int(seconds)
    )


def _told_start(reading: Reading, payload: Payload) -> float:
    """Seconds that audiowmark tells: a pair by its second block, all blocks as 0."""
    match reading.kind:
        case BlockKind.ALL:
            return 0.0
        case BlockKind.AB:
            return (reading.end - payload.mode.block_frames * SEARCH_FRAME) / SEARCH_RATE
        case _:
            return reading.start / SEARCH_RATE
