"""``clearance explain``: words, a picture, another threshold."""

import xml.etree.ElementTree as ET
from pathlib import Path

import numpy as np
import pytest
import soundfile

from tests.program import answer, clearance, initialised, lines, loaded
from tests.scanner.cli.conftest import Installation


@pytest.fixture(scope="module")
def track(installation: Installation) -> str:
    (result,) = lines(
        clearance(installation.home, "scan", installation.excerpt, "--json", status=None)
    )
    return str(result["track_id"])


@pytest.fixture(scope="module")
def unknown(installation: Installation) -> str:
    (result,) = lines(clearance(installation.home, "scan", installation.unknown, "--json"))
    return str(result["track_id"])


def test_a_match_is_told_in_plain_words(installation: Installation, track: str) -> None:
    told = clearance(installation.home, "explain", track).stdout

    assert "from 0:00 to 0:12 your track is the recording 'first' from 0:15 to 0:27" in told
    assert answer(installation.home, "explain", track)["sentences"] == [
        "from 0:00 to 0:12 your track is the recording 'first' from 0:15 to 0:27"
    ]


def test_why_a_match_counts_for_nothing_is_told(music: dict[str, Path], tmp_path: Path) -> None:
    initialised(tmp_path)
    added = answer(tmp_path, "reference", "add", music["first"])
    clearance(
        tmp_path, "reference", "exclude", added["reference_id"], "--start", "10", "--end", "30"
    )
    scanned = answer(tmp_path, "scan", music["excerpt"])

    told = clearance(tmp_path, "explain", scanned["track_id"]).stdout

    assert scanned["decision"] == "clear"
    assert "  excluded-part: The matching part of 'first' is one that is not claimed." in told


@pytest.mark.parametrize("suffix", ["png", "svg", "SVG"])
def test_a_match_is_drawn_in_the_format_of_the_files_name(
    installation: Installation, track: str, tmp_path: Path, suffix: str
) -> None:
    file = tmp_path / f"match.{suffix}"

    told = clearance(installation.home, "explain", track, "--plot", file).stdout

    assert str(file) in told
    content = file.read_bytes()
    if suffix == "png":
        assert content.startswith(b"\x89PNG")
    else:
        assert "'first'" in (ET.fromstring(content)[0].text or "")


def test_the_match_to_draw_can_be_named(
    installation: Installation, track: str, tmp_path: Path
) -> None:
    first, second = installation.references
    file = tmp_path / "match.svg"

    clearance(installation.home, "explain", track, "--plot", file, "--reference", first)
    refused = clearance(
        installation.home, "explain", track, "--plot", file, "--reference", second, status=1
    )

    assert first in refused.stderr


def test_nothing_to_draw_is_an_answer_of_no(
    installation: Installation, unknown: str, tmp_path: Path
) -> None:
    file = tmp_path / "match.png"

    done = clearance(installation.home, "explain", unknown, "--plot", file, status=1)

    assert "no match was found in this track" in done.stderr
    assert "give a threshold" in done.stderr
    assert not file.exists()


@pytest.mark.parametrize("name", ["match.jpg", "match", "folder/match.png"])
def test_a_file_that_cant_be_drawn_into_is_bad_usage(
    installation: Installation, track: str, tmp_path: Path, name: str
) -> None:
    done = clearance(installation.home, "explain", track, "--plot", tmp_path / name, status=2)

    assert "match" in done.stderr


def test_another_threshold_is_shown_beside_what_was_recorded(
    installation: Installation, track: str
) -> None:
    told = answer(installation.home, "explain", track, "--threshold", "0.3")

    (match,) = told["replay"]["matches"]
    assert match["recorded"] is True
    assert match["reference_id"] == told["matches"][0]["reference_id"]
    assert told["replay"]["threshold"] == 0.3
    assert told["replay"]["index_version"] == told["index_version"]
    words = clearance(installation.home, "explain", track, "--threshold", "1").stdout
    assert "a search now with a least score of 1" in words
    assert words.rstrip().endswith("nothing")


def test_a_threshold_beyond_a_probability_is_bad_usage(
    installation: Installation, track: str
) -> None:
    clearance(installation.home, "explain", track, "--threshold", "1.5", status=2)


def test_words_do_not_wait_for_what_hears_and_draws(installation: Installation, track: str) -> None:
    modules = loaded(installation.home, "explain", track)

    assert "scanner.explanations" in modules
    assert modules.isdisjoint({"matplotlib", "scipy", "onnxruntime"})


def test_what_is_hidden_between_the_channels_is_told_and_not_drawn(
    music: dict[str, Path], tmp_path: Path
) -> None:
    initialised(tmp_path)
    answer(tmp_path, "reference", "add", music["first"])
    (own, rate), (decoy, _) = (soundfile.read(music[name]) for name in ("excerpt", "unknown"))
    length = min(len(own), len(decoy))
    hidden, middle = own[:length], decoy[:length]
    file = tmp_path / "hidden.flac"
    soundfile.write(file, np.stack([middle + hidden, middle - hidden], axis=1) / 2, rate)
    scanned = answer(tmp_path, "scan", file, status=1)

    told = clearance(tmp_path, "explain", scanned["track_id"]).stdout
    plot = clearance(
        tmp_path, "explain", scanned["track_id"], "--plot", tmp_path / "x.png", status=1
    )

    assert {part["stem"] for part in scanned["matches"][0]["segments"]} == {"left/right"}
    assert ", where its channels differ (score 1.000)" in told
    assert "only its mix is drawn" in plot.stderr
