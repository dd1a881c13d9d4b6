"""Cohen's kappa, against a worked example and its own bounds."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from appeals.agreement import kappa

PAIRS = st.lists(st.tuples(st.sampled_from("abc"), st.sampled_from("abc")), min_size=1)


def test_a_worked_example() -> None:
    """Fifty proposals: both yes 20, both no 15, only the first yes 5, only the second yes 10.

    Observed 35/50 = 0.7; by chance 0.5 x 0.6 + 0.5 x 0.4 = 0.5; so kappa is 0.2/0.5 = 0.4.
    """
    pairs = [("yes", "yes")] * 20 + [("no", "no")] * 15 + [("yes", "no")] * 5 + [("no", "yes")] * 10

    assert kappa(pairs) == pytest.approx(0.4)


def test_it_is_not_defined_without_pairs_or_with_one_answer_only() -> None:
    assert kappa([]) is None
    assert kappa([("block", "block")] * 5) is None


@given(PAIRS)
def test_it_is_one_only_where_all_agree_and_does_not_know_who_was_first(
    pairs: list[tuple[str, str]],
) -> None:
    found = kappa(pairs)
    swapped = kappa([(second, first) for first, second in pairs])

    assert found == pytest.approx(swapped)
    if found is not None:
        assert -1 <= found <= 1
        assert (found == pytest.approx(1)) == all(one == two for one, two in pairs)
