"""The account of a recognition run: what counts as found, as false, and how sure the shares are."""

import math

import pytest

from benchmarks.alterations import ALTERATIONS
from benchmarks.identification import (
    JOINED,
    LAYERED,
    UNRELATED,
    account,
    jobs,
    markdown,
    told,
    wilson,
)
from benchmarks.systems import Found

BUILT = {
    "references": 2,
    "of_them_rendered_scores": 1,
    "reference_hours": 0.1,
    "times_real_time_to_add": 100,
    "bytes_per_reference_hour": 1,
}


def row(
    kind: str,
    number: int,
    true: list[dict[str, float]],
    false_score: float = 0.0,
    false_work: float = 0.0,
) -> dict:
    return {
        "system": "clearance",
        "job": [kind, 10.0, number],
        "seconds": 0.5,
        "peak_mib": 100 + number,
        "false_score": false_score,
        "false_work": false_work,
        "true": true,
    }


def test_every_kind_is_asked_at_every_length_and_negatives_once() -> None:
    asked = jobs([(5.0, 2), (10.0, 3)], negatives=7)
    assert len(set(asked)) == len(asked) == 5 * (len(ALTERATIONS) + 2) + 7
    assert {JOINED, LAYERED, UNRELATED} <= {job.kind for job in asked}


def test_what_is_found_at_the_threshold_counts_and_what_is_wrong_counts_against_it() -> None:
    rows = [
        row("clean", 0, [{"score": 0.9, "start": 0.25, "tempo": 0.01}]),
        row("clean", 1, [{"score": 0.4, "start": 9.0}], false_score=0.6),
        row(LAYERED, 0, [{"score": 0.8}, {"score": 0.0}]),
        row(UNRELATED, 0, [], false_work=0.7),
    ]
    made = account("clearance", rows, BUILT)

    kinds = {each["kind"]: each for each in made["kinds"]}
    assert (kinds["clean"]["recall"], kinds[LAYERED]["recall"]) == (0.5, 0.5)
    assert kinds["clean"]["median_errors"] == {"start": 0.25, "tempo": 0.01}
    assert "recall" not in kinds[UNRELATED]
    assert (made["false_matches"], made["false_works"]) == (1, 1)
    assert (made["queries"], made["peak_mib"]) == (4, 101)
    text = markdown([made])
    assert "| clean | 2 | 50 (9–91) |" in text
    assert "| false_matches | 1 |" in text
    assert "| of_them_rendered_scores | 1 |" in text


def test_the_account_says_how_often_what_is_told_with_a_score_is_true() -> None:
    rows = [row("clean", n, [{"score": 0.93}]) for n in range(3)]
    rows += [row("clean", 3, [{"score": 0.0}], false_score=0.55), row(UNRELATED, 0, [])]
    made = account("clearance", rows, BUILT)
    told = {each["from"]: (each["right"], each["wrong"]) for each in made["reliability"]}
    assert (told[0.9], told[0.5], told[0.0]) == ((3, 0), (0, 1), (0, 0))
    assert "| 0.9–1.0 | 3 | 0 | 93 | 100 |" in markdown([made])


def test_a_peer_that_counts_votes_has_no_reliability() -> None:
    made = account("audfprint", [row("clean", 0, [{"score": 40.0}], false_score=3.0)], BUILT)
    assert made["reliability"] == []
    assert "Reliability" not in markdown([made])


def test_an_interval_holds_its_share_and_narrows_with_the_count() -> None:
    low, high = wilson(12, 12)
    assert (low, high) == (pytest.approx(0.757, abs=0.001), 1.0)
    assert wilson(0, 3000)[1] == pytest.approx(0.00128, abs=1e-5)
    assert all(str(wilson(0, count)[0]) == "0.0" for count in range(1, 5000))


def test_what_is_told_wrongly_is_named_with_its_place():
    found = [
        Found("work", 0.9, kind="composition"),
        Found("less", 0.6, 0.0, 9.0, 1.0, 10.0),
        Found("most", 0.7, 0.004, 9.0, 30.0, math.nan),
    ]
    assert told(found) == ["most", 0.0, 9.0, 30.0, None]
    assert told(found[:1]) is None
