"""Opt-in: marks of either engine are read by the other on real music.

Runs where audiowmark is on PATH and the corpus was fetched (``python -m scripts.music_corpus``).
"""

import shutil

import pytest

from benchmarks.watermark_interop import exchanged
from benchmarks.watermark_tracks import chosen
from scripts.music_corpus import FOLDER

TRACKS = 6

pytestmark = [
    pytest.mark.slow,
    pytest.mark.timeout(900),
    pytest.mark.skipif(shutil.which("audiowmark") is None, reason="audiowmark is not installed"),
    pytest.mark.skipif(not FOLDER.exists(), reason="the corpus of real music is not here"),
]


@pytest.mark.parametrize("number", range(TRACKS))
def test_either_engine_reads_the_others_mark(number: int) -> None:
    """As it is, after MP3 at 64 kbit/s and in 15 s."""
    for each in exchanged(chosen(TRACKS)[number], 75):
        if each.copy != "15 s, mp3 64k":
            assert each.read, each
