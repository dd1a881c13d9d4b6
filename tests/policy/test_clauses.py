"""Clauses and conditions: what they read, and their truth on values, absent and unknown facts."""

from itertools import product
from typing import Any

import pytest
from cel import Context
from hypothesis import given
from hypothesis import strategies as st

from policy.clauses import Clause, Truth, read_clause, show_path
from policy.conditions import Condition, Junction, Negation
from policy.facts import UNKNOWN, without_unknown


def truth_of(condition: Condition, values: dict[str, Any]) -> Truth:
    return condition.evaluate(values, Context(without_unknown(values)))[0]


@pytest.mark.parametrize(
    ("text", "paths", "depth"),
    [
        ("match.score >= thresholds.high", ["match.score", "thresholds.high"], 0),
        ("age_band in ['child', 'teen']", ["age_band"], 0),
        ("detectors[\"fingerprint\"] == 'ok'", ["detectors.fingerprint"], 0),
        ("size(warnings) > 1", ["warnings"], 0),
        ("warnings.size() > 1", ["warnings"], 0),
        ("title.matches('a.b(c')", ["title"], 0),
        ("'DE' in match.territories && true", ["match.territories"], 0),
        (
            "matches.exists(m, m.score > 0.5) || m.score > 1",
            ["matches", "matches[].score", "m.score"],
            1,
        ),
        (
            "matches.all(m, watermarks.exists(w, w.scheme == m.title))",
            ["matches", "watermarks", "watermarks[].scheme", "matches[].title"],
            2,
        ),
        ("[1, 2].exists(n, n > 1)", [], 1),
        ("x.y == 1 ? 1.5e3 > 2.0 : null == z", ["x.y", "z"], 0),
    ],
)
def test_reading_finds_the_facts_and_the_depth(text: str, paths: list[str], depth: int) -> None:
    reading = read_clause(text)
    assert [show_path(path) for path in reading.paths] == paths
    assert reading.depth == depth


@pytest.mark.parametrize(
    ("text", "values", "truth"),
    [
        ("a.b > 0.5", {"a": {"b": 1}}, "true"),
        ("a.b > 0.5", {"a": {"b": 0.5}}, "false"),
        ("a.b > 0.5", {"a": {"b": None}}, "false"),
        ("a.b > 0.5", {"a": None}, "false"),
        ("a.b == null", {"a": {"b": None}}, "true"),
        ("a.b", {"a": {"b": None}}, "false"),
        ("a.b > 0.5", {"a": {"b": UNKNOWN}}, "unknown"),
        ("a.b", {"a": {"b": UNKNOWN}}, "unknown"),
        ("a.b == null", {"a": {"b": UNKNOWN}}, "unknown"),
        ("!a.b", {"a": {"b": UNKNOWN}}, "unknown"),
        ("a.b > a.c", {"a": {"b": UNKNOWN, "c": None}}, "unknown"),
        ("a.b > 0.5 || a.c", {"a": {"b": UNKNOWN, "c": True}}, "true"),
        ("l.exists(x, x.b > 0.5)", {"l": [{"b": 0.1}, {"b": UNKNOWN}]}, "unknown"),
        ("l.exists(x, x.b > 0.5)", {"l": [{"b": 0.9}, {"b": UNKNOWN}]}, "true"),
        # the binding stops at an item it cannot judge: what stands after it may have mattered
        ("l.exists(x, x.b > 0.5)", {"l": [{"b": None}, {"b": 0.9}]}, "error"),
        ("l.exists(x, x.b > 0.5)", {"l": [{"b": 0.9}, {"b": None}]}, "true"),
        ("l.exists(x, x.b != null && x.b > 0.5)", {"l": [{"b": None}, {"b": 0.9}]}, "true"),
        ("l.exists(x, x.b != null && x.b > 0.5)", {"l": [{"b": None}]}, "false"),
        ("a.c > 0.5", {"a": {"b": 1}}, "error"),
        ("a.b > 0.5", {"a": {"b": "high"}}, "error"),
        ("a.b", {"a": {"b": 1}}, "error"),
        ("a.b / 0 > 1", {"a": {"b": 1}}, "error"),
    ],
)
def test_clause_is_true_false_unknown_or_an_error(
    text: str, values: dict[str, Any], truth: Truth
) -> None:
    assert truth_of(Clause.compile(text, 1), values) == truth


LEAVES = [Clause.compile(name, 1) for name in "abc"]
CONDITIONS = st.recursive(
    st.sampled_from(LEAVES),
    lambda parts: st.one_of(
        st.builds(Negation, parts),
        st.builds(
            Junction,
            st.sampled_from(["all", "any"]),
            st.lists(parts, min_size=1, max_size=3).map(tuple),
        ),
    ),
    max_leaves=8,
)


def brute_force(condition: Condition, values: dict[str, Any]) -> bool:
    if isinstance(condition, Clause):
        return bool(values[condition.text])
    if isinstance(condition, Negation):
        return not brute_force(condition.part, values)
    word = {"all": all, "any": any}[condition.word]
    return word([brute_force(part, values) for part in condition.parts])


@given(
    CONDITIONS, st.fixed_dictionaries(dict.fromkeys("abc", st.sampled_from([True, False, None])))
)
def test_condition_that_is_decided_stays_so_whatever_the_unknown_facts_are(
    condition: Condition, known: dict[str, bool | None]
) -> None:
    values = {name: UNKNOWN if value is None else value for name, value in known.items()}
    truth = truth_of(condition, values)
    choices = [[True, False] if value is None else [value] for value in known.values()]
    could_be = {
        brute_force(condition, dict(zip(known, completed, strict=True)))
        for completed in product(*choices)
    }
    if truth == "unknown":
        assert None in known.values()
    else:
        assert could_be == {truth == "true"}


def test_error_outweighs_unknown_and_yields_to_what_settles_the_rest() -> None:
    unknown, error, no = (Clause.compile(text, 1) for text in ("a", "b / 0 > 1", "c"))
    values = {"a": UNKNOWN, "b": 1, "c": False}
    assert truth_of(Junction("all", (unknown, error)), values) == "error"
    assert truth_of(Junction("all", (error, unknown)), values) == "error"
    assert truth_of(Junction("all", (error, unknown, no)), values) == "false"


@pytest.mark.parametrize(
    ("text", "hidden"),
    [
        ("matches != [] && matches.all(a, // )\n matches.all(b, a.score == b.score))", "comment"),
        ("true // '\n || has(match.score) // '", "comment"),
        ("'''a''' == 'a'", "three quotes"),
        (r"r'\' == 'a'", "raw"),
    ],
)
def test_a_clause_hides_nothing_from_the_scan_of_its_tokens(text: str, hidden: str) -> None:
    with pytest.raises(ValueError, match=hidden):
        Clause.compile(text, 1)


def test_a_division_is_no_comment() -> None:
    assert Clause.compile("duration / 2.0 / 3.0 > 1.0", 1).reading.paths == (("duration",),)


@pytest.mark.parametrize(
    ("text", "truth"),
    [
        ("duration > thresholds.long", "true"),
        ("duration > thresholds.longer - 1.0", "false"),
        ("duration * thresholds.below < 0.0", "true"),
        ("'thresholds.long' == origin", "true"),
        ("duration > thresholds.unheard_of", "error"),
    ],
)
def test_thresholds_stand_in_clauses_as_numbers_and_nowhere_else(text: str, truth: str) -> None:
    thresholds = {"long": 60, "longer": 90.5, "below": -1.5}
    facts = {"duration": 75.0, "origin": "thresholds.long"}
    clause = Clause.compile(text, 1, thresholds)
    found, leaf = clause.evaluate(facts | {"thresholds": thresholds}, Context(facts))
    assert (found, leaf["clause"]) == (truth, text)
