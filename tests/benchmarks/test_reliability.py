"""The curve that says whether told probabilities hold."""

import numpy as np
import pytest

from benchmarks.reliability import BINS, CATALOGUE, reliability, reliability_lines


def test_scores_that_tell_the_truth_lie_on_the_diagonal() -> None:
    random = np.random.default_rng(0)
    scores = random.random(20_000)
    right = random.random(20_000) < scores
    curve = reliability(scores[right].tolist(), scores[~right].tolist(), CATALOGUE)
    assert [row["true"] for row in curve] == pytest.approx([r["told"] for r in curve], abs=0.04)
    assert sum(row["right"] + row["wrong"] for row in curve) == 20_000


def test_what_is_wrong_among_few_references_weighs_as_in_a_catalogue() -> None:
    curve = reliability([0.95] * 30, [0.9], CATALOGUE // 10)
    assert curve[-1]["true"] == 0.75
    assert curve[-1]["told"] == pytest.approx((30 * 0.95 + 10 * 0.9) / 40, abs=1e-4)


def test_certainty_lies_in_the_last_bin_and_an_empty_one_says_nothing() -> None:
    curve = reliability([1.0, 0.0], [], 10)
    assert len(curve) == BINS
    assert (curve[0]["right"], curve[-1]["right"]) == (1, 1)
    assert {row["true"] for row in curve[1:-1]} == {None}
    assert reliability_lines(curve)[3] == "| 0.1–0.2 | 0 | 0 |  |  |"
