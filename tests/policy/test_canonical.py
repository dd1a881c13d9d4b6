"""The quick way to canonical JSON writes what the slow one does, byte for byte."""

import math

import pytest
import rfc8785
from hypothesis import example, given
from hypothesis import strategies as st
from hypothesis.strategies import SearchStrategy

from policy import Facts
from policy.canonical import canonical
from policy.facts import values_of
from tests.policy.strategies import facts

SCALARS: SearchStrategy[object] = (
    st.none()
    | st.booleans()
    | st.integers(-(2**53) + 1, 2**53 - 1)
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.floats(-2, 2)
    | st.text()
)
VALUES = st.recursive(
    SCALARS,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(), inner, max_size=4),
    max_leaves=12,
)


@given(VALUES)
@example({"\U0001f600": 1, "\ufb01": 2})
@example([1.0, -0.0, 1e15, 1e16, 1e21, 1e-4, 1e-5, 1e-7, 0.1, 5e-324, 1e-9, 333333333.3333333])
@example('\x00\x1f\x7f\u2028\u00e9"\\/\b\t\n\f\r')
@example({"b": 1, "a": 2, "A": 3, "": 4, "a1": 5})
def test_canonical_json_is_that_of_the_library(value: object) -> None:
    assert canonical(value) == rfc8785.dumps(value)


@given(facts(lambda value: value | st.none()))
def test_canonical_json_of_facts_is_that_of_the_library(given_facts: Facts) -> None:
    assert canonical(values_of(given_facts)) == rfc8785.dumps(values_of(given_facts))


@pytest.mark.parametrize("value", [math.nan, math.inf, 2**60, "\ud800", {"a": [math.nan]}])
def test_what_has_no_canonical_form_is_refused(value: object) -> None:
    with pytest.raises(rfc8785.CanonicalizationError):
        canonical(value)
