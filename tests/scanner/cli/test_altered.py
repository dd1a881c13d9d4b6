"""Altered copies through the whole pipeline: where they are, how far their pitch and tempo moved."""

import re
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from benchmarks.alterations import RATE, shifted
from tests.program import clearance, initialised, lines
from tests.songs import song, write


def at_rate(seed: int, seconds: float) -> NDArray[np.float32]:
    return song(seed, seconds, rate=RATE)


def test_a_piece_raised_and_sped_up_inside_another_song_is_found_there(tmp_path: Path) -> None:
    """17 s of a reference, a semitone up and a tenth faster, from 0:12 on in a foreign song."""
    home = tmp_path / "home"
    initialised(home)
    files = [write(tmp_path / f"{seed}.wav", at_rate(seed, 45), RATE) for seed in (21, 22, 23)]
    added = lines(clearance(home, "reference", "add", *files, "--json"))
    piece = at_rate(22, 45)[None, int(20 * RATE) : int(37 * RATE)]
    altered = shifted(piece, RATE, 1.0, 1.1)[0]
    host = at_rate(31, 45)
    host[12 * RATE : 12 * RATE + len(altered)] = altered[: len(host) - 12 * RATE]
    upload = write(tmp_path / "mashup.flac", host, RATE)

    (result,) = lines(clearance(home, "scan", upload, "--json", status=1))

    (match,) = result["matches"]
    (segment,) = match["segments"]
    end = 12 + len(altered) / RATE
    assert match["reference_id"] == added[1]["reference_id"]
    assert match["kind"] == "recording"
    assert result["decision"] in {"review", "block"}
    assert segment["query_start"] == pytest.approx(12, abs=1.0)
    assert segment["query_end"] == pytest.approx(end, abs=1.0)
    assert segment["reference_start"] == pytest.approx(20, abs=1.0)
    assert segment["reference_end"] == pytest.approx(37, abs=1.0)
    assert segment["pitch_semitones"] == pytest.approx(1.0, abs=0.15)
    assert segment["tempo_ratio"] == pytest.approx(1.1, abs=0.02)
    assert result["seconds"]["embedding"] > 0
    told = clearance(home, "explain", result["track_id"]).stdout
    (sentence,) = [line for line in told.splitlines() if "your track is the recording" in line]
    assert re.search(r"raised by (0\.9|1\.0|1\.1) semitones?, (9|10|11) % faster", sentence)
