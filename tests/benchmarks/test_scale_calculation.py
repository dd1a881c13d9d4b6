"""The calculation of scale, by hand."""

import json

import pytest

from benchmarks.scale_calculation import RECORDS, Load, calculated, cpu_by_stage, grown, kept

ROWS = [
    {"tracks": "in no catalogue", "step": "decode", "cpu_seconds": 1.0},
    {"tracks": "in no catalogue", "step": "embedding", "cpu_seconds": 2.0},
    {"tracks": "in no catalogue", "step": "search", "cpu_seconds": 9.0},
    {"tracks": "a clean copy of a reference", "step": "decode", "cpu_seconds": 3.0},
    {"tracks": "in no catalogue", "n": 18, "on_doubt": 18},
]
SEARCH = {
    "words_ms": {"100": 5.0, "10000": 50.0},
    "altered_ms": {"1000": 100, "10000": 1000},
    "altered_seconds": 30,
    "bytes_an_hour": {"words": 300.0, "vectors": 700.0},
}


def test_stages_are_weighed_by_the_share_of_known_tracks_and_what_runs_on_doubt_costs_only_there() -> None:  # fmt: skip
    assert cpu_by_stage(ROWS, 0.25) == {"decode": 1.5, "embedding": 1.5}


def test_a_cost_grows_as_between_the_two_largest_sizes_and_at_most_in_proportion() -> None:
    exponent, by_growth, in_proportion = grown({"1": 7.0, "100": 5.0, "10000": 50.0}, 1_000_000)
    assert (exponent, by_growth, in_proportion) == pytest.approx((0.5, 500.0, 5000.0))
    assert grown({"100": 5.0, "10000": 50.0}, 10_000)[1:] == (50.0, 50.0)


def test_cores_machines_and_money_by_hand() -> None:
    # 10 tracks a second, twice in the busiest hour; 3 CPU s at half load are 120 cores, 12 machines of 10.
    load = Load(tracks_a_day=864_000, references=1e6, peak=2, used=0.5, known=0.0, cores=10, core_hour=0.1)  # fmt: skip
    rows = {row[0]: row[1:5] for row in calculated(load, ROWS, SEARCH)}
    # A day: 864,000 · 3 s / 0.5 = 1,440 core hours, 144 dollars.
    assert rows["all but the search"] == ["3.000", "120", "12.0", "144"]
    assert rows["search of words, n^0.50"][0] == "0.500"
    assert (
        rows["search for altered copies, in proportion"][0] == "800.000"
    )  # 8 times 30 s, 100 s each


def test_the_index_is_held_by_so_many_machines() -> None:
    load = Load(references=15e6, memory_gb=1, memory_gb_hour=1, disk_gb_month=2)
    rows = {row[0]: row[1:] for row in kept(load, SEARCH)}
    assert rows["all"] == ["0.00", "2", "730", "2"]  # a million hours of 1,000 bytes: 1 GB


def test_what_was_measured_can_be_read() -> None:
    detectors = json.loads((RECORDS / "detectors.json").read_text())["rows"]
    search = json.loads((RECORDS / "search_scale.json").read_text())
    assert len(calculated(Load(), detectors, search)) > 10
    assert kept(Load(), search)[-1][0] == "all"
