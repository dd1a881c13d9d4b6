"""Tempo, key and loudness in an analysis; one that fails takes nothing with it."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from fingerprint import TooShortError
from scanner import analysis
from scanner.audio_facts import audio_facts, told
from scanner.callers import Caller
from scanner.metrics import FACTS_FAILED
from scanner.service import Service
from tests.songs import RATE, song, write


def analysed(service: Service, caller: Caller, path: Path) -> analysis.Evidence:
    return analysis.analyse_audio(service, caller.tenant_id, path, "seed")


def test_an_analysis_says_what_the_track_is_like(
    service: Service, caller: Caller, tmp_path: Path
) -> None:
    evidence = analysed(service, caller, write(tmp_path / "song.wav", song(1, 20)))

    audio = evidence.audio
    assert (audio["container"], audio["sample_rate"]) == ("wav", RATE)
    assert 40 <= audio["tempo"]["bpm"] <= 240
    assert -40 < audio["loudness"]["integrated_lufs"] < 0
    assert audio["loudness"]["true_peak_dbtp"] > 20 * np.log10(np.abs(song(1, 20)).max()) - 0.01
    assert audio["loudness"]["silence_share"] < 0.1
    assert set(audio) >= {"tempo", "key", "loudness"}
    assert evidence.seconds["facts"] > 0


def test_music_half_as_loud_is_six_decibels_quieter(
    service: Service, caller: Caller, tmp_path: Path
) -> None:
    loud, quiet = (
        analysed(service, caller, write(tmp_path / f"{gain}.wav", gain * song(1, 10))).audio
        for gain in (0.5, 0.25)
    )

    for name in ("integrated_lufs", "true_peak_dbtp"):
        assert loud["loudness"][name] - quiet["loudness"][name] == pytest.approx(6.02, abs=0.05)


def test_silence_has_no_tempo_and_no_key(service: Service, caller: Caller, tmp_path: Path) -> None:
    path = write(tmp_path / "silence.wav", np.zeros(10 * RATE, np.float32))

    audio = analysed(service, caller, path).audio

    assert (audio["tempo"], audio["key"]) == (None, None)
    assert audio["loudness"] == {
        "integrated_lufs": None,
        "range_lu": None,
        "true_peak_dbtp": None,
        "silence_share": 1.0,
    }


def test_what_this_audio_has_not_got_is_unknown_and_the_scan_goes_on(
    service: Service, caller: Caller, tmp_path: Path
) -> None:
    path = write(tmp_path / "low.wav", song(1, 20, 4000), 4000)

    evidence = analysed(service, caller, path)

    assert evidence.audio["loudness"] == {
        "unknown": "loudness needs 8000 Hz or more, this is 4000 Hz"
    }
    assert evidence.audio["tempo"] is None or "bpm" in evidence.audio["tempo"]
    assert evidence.detectors["fingerprint"] == "ok"


def test_a_measure_that_breaks_is_unknown_counted_and_tells_no_secrets() -> None:
    def breaks() -> Any:
        raise ZeroDivisionError("/home/somebody/secret")

    before = FACTS_FAILED.labels("tempo")._value.get()

    found = told("tempo", breaks)

    assert found == {"unknown": "measuring the tempo failed (ZeroDivisionError)"}
    assert FACTS_FAILED.labels("tempo")._value.get() == before + 1


def test_audio_that_is_refused_says_why_and_is_no_failure() -> None:
    def refuses() -> Any:
        raise TooShortError("only 0.1 s")

    before = FACTS_FAILED.labels("key")._value.get()

    assert told("key", refuses) == {"unknown": "only 0.1 s"}
    assert FACTS_FAILED.labels("key")._value.get() == before


@pytest.mark.parametrize("n", [1, 100, 5000])
@pytest.mark.parametrize("channels", [1, 2, 6])
def test_the_shortest_track_has_facts(channels: int, n: int) -> None:
    samples = np.full((channels, n), 0.5, np.float32)

    found = audio_facts(samples, 44100)

    assert (found["tempo"], found["key"]) == (None, None)
    assert "unknown" not in found["loudness"]
