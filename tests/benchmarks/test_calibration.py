"""What scores are fitted on, what weighs how much, and what the account says of it."""

import numpy as np
import pytest

from benchmarks import rendered_pairs
from benchmarks.calibration import CATALOGUE, Collected, fit, fitted, report, scored
from fingerprint.index import score
from fingerprint.training.scores.works import works


@pytest.fixture(scope="module")
def known() -> dict[str, str]:
    return {each.name: each.group for each in rendered_pairs.known()}


def test_no_tune_of_a_negative_is_a_reference_of_its_kind(known: dict[str, str]) -> None:
    training = {each.group for each in works("train")}
    validation = {each.group for each in works("validation")}
    kinds = {name.split()[0]: set() for name in known}
    for name, group in known.items():
        kinds[name.split()[0]].add(group)
    assert kinds["melody"] | kinds["full"] <= training
    assert kinds["copied"] <= validation
    assert not kinds["melody"] & kinds["full"]


def test_every_query_is_of_its_own_and_each_twin_a_reference(known: dict[str, str]) -> None:
    asked = list(rendered_pairs.asked())
    families = [each.family for each in asked]
    assert len({each.name for each in asked}) == len(asked)
    assert set(families) == {"melodies", "manners", "chords", "copies"}
    assert families.count("melodies") == families.count("manners") == rendered_pairs.EACH
    assert {each.twin in known for each in asked if each.family == "chords"} == {True}
    assert {each.group in set(known.values()) for each in asked if each.family == "copies"} == {
        True
    }


def test_a_fit_finds_the_constants_that_made_its_data() -> None:
    random = np.random.default_rng(0)
    features = np.column_stack([np.ones(40_000), random.normal(size=(40_000, 2))])
    positive = random.random(40_000) < 1 / (1 + np.exp(-features @ [-1.0, 2.0, 0.5]))
    assert fit(features, positive, np.ones(40_000)) == pytest.approx([-1, 2, 0.5], abs=0.06)


EVENS = 0.0
"""Odds of a unison that says nothing, as a logarithm."""


def evidence(rows: list[tuple[float, ...]]) -> Collected:
    """Of peaks alone; of vectors there is one row of each kind."""
    queries = [
        {
            "family": "real" if row[2] else "chords",
            "kind": "clean",
            "seconds": 10.0,
            "holds": row[2],
        }
        for row in rows
    ]
    vectors = [(0.0, 0.0, 1.0, 0.0, 1.0, 0.2, 3.0, 0.0, 9.0, 1.0)]
    vectors += [(float(len(rows) - 1), 0.0, 0.0, 0.0, 0.4, 0.0, 2.0, 0.1, 1.0, 0.5)]
    return Collected(100, queries, {"vectors": np.array(vectors), "peaks": np.array(rows)})


def drawn(twin: float) -> list[tuple[float, ...]]:
    """True ones above false ones, with some between."""
    random = np.random.default_rng(1)
    rows = [(float(n), 0.0, 1.0, 0.0, value) for n, value in enumerate(random.normal(4, 1, 200))]
    return [
        *rows,
        *((200.0 + n, 0.0, 0.0, twin, value) for n, value in enumerate(random.normal(2, 1, 50))),
    ]


def test_a_twin_weighs_little_and_any_other_negative_as_in_a_catalogue() -> None:
    crowd, twins = (fitted("peaks", evidence(drawn(twin))) for twin in (0.0, 1.0))
    even = [-constants[0] / constants[1] for constants in (crowd, twins)]
    assert CATALOGUE / 100 == 100
    assert even[0] > even[1] + 1


def test_the_account_counts_what_is_found_and_what_is_false_by_family() -> None:
    high, low = 2 * -score.BURIED_BIAS / score.BURIED[0], 0.0
    beside = (0.0, EVENS, EVENS, 0.0, 0.0, 0.0)
    made = evidence(
        [
            (0.0, 0.0, 1.0, 0.0, high, *beside),
            (1.0, 0.0, 1.0, 0.0, low, *beside),
            (2.0, 0.0, 0.0, 1.0, high, *beside),
        ]
    )
    peaks = made.evidence["peaks"]
    made.evidence["peaks"] = np.concatenate([peaks, peaks])  # found at two places: counts once
    peaks = scored("peaks", "peaks", (score.BURIED_BIAS, *score.BURIED), made)
    assert peaks.found(3).tolist() == [1, 0, 0]
    assert peaks.false(np.array([False, False, True]), 0.9) == 1
    lines = report(made).splitlines()
    assert any(line.startswith("| clean | 2 |") for line in lines)
    assert any(line.startswith("| chords | 1 |") for line in lines)
    assert "Reliability of vectors, fitted, without twins" in lines
