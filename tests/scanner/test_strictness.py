"""One decision is stricter than another where anybody, in any place, would be worse off (DSA-20, DE-URHDAG)."""

import pytest

from scanner.strictness import stricter
from scanner.tables import PolicyDecision

CLEAR = PolicyDecision(decision="clear", outcomes={"*": "clear"}, restrictions=[])


def limited(*limits: dict, **outcomes: str) -> PolicyDecision:
    return PolicyDecision(
        decision="restrict", outcomes={"*": "restrict"} | outcomes, restrictions=list(limits)
    )


def limit(kind: str, *places: str, **more: object) -> dict:
    return {"kind": kind, "territories": list(places), "except": []} | more


@pytest.mark.parametrize(
    ("milder", "harder", "found"),
    [
        (CLEAR, limited(limit("monetise")), ("*", None)),
        (limited(limit("monetise", "DE")), limited(limit("monetise")), ("*", "monetise")),
        (limited(limit("monetise")), limited(limit("territory", "DE")), ("DE", None)),
        (
            limited(limit("territory", "DE")),
            limited(limit("territory", "DE", "FR")),
            ("FR", None),
        ),
        (
            limited(limit("age", min_age=16)),
            limited(limit("age", min_age=18)),
            ("*", "age"),
        ),
        (
            limited(limit("age", min_age=16)),
            limited(limit("age", min_age=16), limit("monetise", "DE")),
            ("DE", "monetise"),
        ),
        (
            limited({"kind": "monetise", "territories": [], "except": ["US"]}),
            limited(limit("monetise")),
            ("US", "monetise"),
        ),
    ],
)
def test_places_and_limits_count_besides_outcomes(milder, harder, found) -> None:
    worse = stricter(harder, milder)
    assert worse is not None
    assert (worse.place, worse.by) == found
    assert stricter(harder, harder) is None


def test_one_can_be_stricter_in_one_place_and_milder_in_another() -> None:
    german, french = (limited(limit("territory", place)) for place in ("DE", "FR"))
    assert stricter(german, french) is not None
    assert stricter(french, german) is not None


def test_fewer_places_and_lower_ages_are_no_stricter() -> None:
    before = limited(limit("territory", "DE", "FR"), limit("age", min_age=18), limit("monetise"))
    after = limited(limit("territory", "DE"), limit("age", min_age=16))
    assert stricter(after, before) is None
