"""Formulas say of clauses what evaluating them says."""

from hypothesis import given
from hypothesis import strategies as st

from policy import AccountFact, Facts, MatchFact, WatermarkFact
from policy.clauses import Clause, look_up, new_context
from policy.conditions import Condition, Junction, Negation
from policy.facts import values_of
from policy.formulas import OPAQUE, AllOf, AnyOf, Atom, Formula, complement, formula_of, satisfiable
from policy.value_sets import GONE, THING, ValueSet, of_names, of_number, whole

THRESHOLDS = {"high": 0.75, "many": 2}
NUMBERS = st.sampled_from(["0.0", "0.25", "0.75", "1", "2", "thresholds.high", "thresholds.many"])
ORDERS = st.sampled_from(["==", "!=", "<", "<=", ">", ">="])
NUMERIC = st.sampled_from(["match.coverage_query", "match.score", "account.strikes", "duration"])
COMPARED = st.one_of(
    st.tuples(NUMERIC, ORDERS, NUMBERS).map(" ".join),
    st.tuples(NUMBERS, ORDERS, NUMERIC).map(" ".join),
    st.tuples(
        st.sampled_from(["match.kind", "account.standing", "age_band", "match.title"]),
        st.sampled_from(["==", "!="]),
        st.sampled_from(["'recording'", "'good'", "'child'", "'x'", "null"]),
    ).map(" ".join),
    st.tuples(NUMERIC, st.sampled_from(["==", "!="]), st.just("null")).map(" ".join),
    st.sampled_from(["explicit", "match.licensed", "account == null", "account != null"]),
    st.sampled_from(["age_band in ['child', 'teen']", "match.kind in ['composition']"]),
)
TEXTS = st.recursive(
    COMPARED,
    lambda inner: st.one_of(
        inner.map(lambda text: f"!({text})"),
        st.tuples(inner, st.sampled_from([" && ", " || "]), inner).map(lambda p: f"({''.join(p)})"),
    ),
    max_leaves=4,
)
CONDITIONS = st.recursive(
    TEXTS.map(lambda text: Clause.compile(text, 1)),
    lambda inner: st.one_of(
        inner.map(Negation),
        st.builds(
            Junction,
            st.sampled_from(["all", "any"]),
            st.lists(inner, min_size=1, max_size=3).map(tuple),
        ),
    ),
    max_leaves=4,
)
SHARES = st.sampled_from([0.0, 0.2, 0.25, 0.7, 0.75, 0.8, 1.0])
FACTS = st.builds(
    Facts,
    account=st.none()
    | st.builds(
        AccountFact,
        strikes=st.none() | st.integers(0, 3),
        standing=st.sampled_from(["good", "warned", None]),
    ),
    age_band=st.sampled_from(["child", "adult", None]),
    duration=st.none() | st.sampled_from([0.0, 0.5, 1.0, 2.0, 3.0]),
    explicit=st.sampled_from([True, False, None]),
    matches=st.builds(
        MatchFact,
        reference_id=st.just("r"),
        title=st.sampled_from(["x", "y"]),
        kind=st.sampled_from(["recording", "composition"]),
        score=SHARES,
        coverage_query=st.none() | SHARES,
        licensed=st.sampled_from([True, False, None]),
    ).map(lambda match: (match,)),
)


def valuation(facts: Facts) -> dict[str, object]:
    values: dict[str, object] = values_of(facts)
    return values | {"match": values_of(facts.matches)[0], "thresholds": THRESHOLDS}


def holds(formula: Formula, values: dict[str, object]) -> bool:
    match formula:
        case Atom(fact=fact, values=allowed):
            assert fact[0] != OPAQUE, "every comparison here is one that a formula can read"
            gone = len(fact) > 1 and look_up(values, fact[:-1]) is None
            value = GONE if gone else look_up(values, fact)
            return (THING if isinstance(value, dict) else value) in allowed
        case AllOf(parts):
            return all(holds(part, values) for part in parts)
        case AnyOf(parts):
            return any(holds(part, values) for part in parts)


@given(CONDITIONS, FACTS)
def test_formula_holds_just_where_the_condition_is_true(condition: Condition, facts: Facts) -> None:
    values = valuation(facts)
    truth, _ = condition.evaluate(values, new_context(values))
    formula = formula_of(condition, THRESHOLDS)
    assert holds(formula, values) == (truth == "true")
    assert holds(complement(formula), values) != (truth == "true")


@given(CONDITIONS, CONDITIONS, FACTS)
def test_what_some_facts_fulfil_is_never_called_impossible(
    one: Condition, other: Condition, facts: Facts
) -> None:
    values = valuation(facts)
    context = new_context(values)
    formulas = [
        formula if condition.evaluate(values, context)[0] == "true" else complement(formula)
        for condition in (one, other)
        for formula in (formula_of(condition, THRESHOLDS),)
    ]
    assert satisfiable(*formulas)


NAMES = st.sampled_from([True, False, None, "x", "y"])
SETS = st.recursive(
    st.one_of(
        st.builds(of_number, ORDERS, st.sampled_from([0.0, 1.0, 1.5, 2.0])),
        st.lists(NAMES, max_size=3).map(of_names),
    ),
    lambda inner: st.one_of(
        inner.map(lambda each: ~each),
        st.tuples(inner, inner).map(lambda pair: pair[0] | pair[1]),
    ),
    max_leaves=6,
)
VALUES = NAMES | st.sampled_from([-1, 0, 0.5, 1, 1.2, 1.5, 1.7, 2, 9])


@given(SETS, SETS, VALUES)
def test_sets_of_values_follow_their_elements(
    one: ValueSet, other: ValueSet, value: object
) -> None:
    assert (value in one & other) == (value in one and value in other)
    assert (value in one | other) == (value in one or value in other)
    assert (value in ~one) == (value not in one)
    assert (value in one - other) == (value in one and value not in other)
    if isinstance(value, int):
        assert (value in whole(one)) == (value in one)


def test_a_set_without_a_whole_number_is_empty_for_whole_numbers() -> None:
    between = of_number(">", 2) & of_number("<", 3)
    assert between
    assert not whole(between)


def test_mark_of_an_absent_account_is_not_its_standing() -> None:
    """`account.standing != 'good'` can't be read where there is no account."""
    nobody = Clause.compile("account == null", 1)
    other = Clause.compile("account.standing != 'good'", 1)
    assert not satisfiable(formula_of(nobody, {}), formula_of(other, {}))
    assert satisfiable(formula_of(nobody, {}), complement(formula_of(other, {})))


def test_facts_of_a_mark_are_read_where_it_is_one_of_several() -> None:
    marks = Facts(watermarks=(WatermarkFact(scheme="s", false_alarm=0.5),))
    clause = Clause.compile("watermarks.exists(w, w.false_alarm > 1.0)", 1)
    values = valuation(marks.model_copy(update={"matches": (MatchFact.model_construct(),)}))
    assert clause.evaluate(values, new_context(values))[0] == "false"
    assert not satisfiable(formula_of(clause, {}))
