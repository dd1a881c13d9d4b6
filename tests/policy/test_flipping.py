"""What would flip a decision is true: made so and decided again, it comes out as was said."""

from typing import Any

import pytest
from hypothesis import given, settings

from policy import (
    AccountFact,
    Facts,
    MatchFact,
    WordsFact,
    altered,
    decide,
    default_pack,
    flips,
    load_pack,
)
from policy.decisions import SEVERITY
from policy.territories import REST
from tests.policy.strategies import facts as any_facts

FOUND = {"fingerprint": "ok"}


def copy(**changes: Any) -> MatchFact:
    given: dict[str, Any] = {
        "reference_id": "r1",
        "kind": "recording",
        "score": 0.995,
        "coverage_query": 1.0,
        "coverage_reference": 0.9,
        "matched_seconds": 60.0,
        "reference_trusted": True,
    }
    return MatchFact.model_validate(given | changes)


def told(facts: Facts, limit: int = 50) -> list[str]:
    return [str(flip) for flip in flips(default_pack(), facts, limit)]


@pytest.mark.parametrize(
    ("facts", "expected"),
    [
        (
            Facts(detectors=FOUND, matches=(copy(),)),
            "match.score of r1 below 0.99 (is 0.995) -> review",
        ),
        (
            Facts(detectors=FOUND, matches=(copy(),)),
            "match.reference_trusted of r1 false (is true) -> review",
        ),
        (
            Facts(detectors=FOUND, matches=(copy(score=0.9),)),
            "match.score of r1 0.99 or more (is 0.9) -> block",
        ),
        (
            Facts(detectors=FOUND, matches=(copy(),)),
            "match.licensed of r1 true (is false) -> clear",
        ),
        (
            Facts(detectors=FOUND, matches=(copy(licensed=True),)),
            "match.licensed of r1 false (is true) -> block",
        ),
        (
            Facts(detectors=FOUND, account=AccountFact(strikes=3)),
            "account.strikes 2 (is 3) -> clear",
        ),
        (
            Facts(
                detectors=FOUND,
                account=AccountFact(),
                age_band="child",
                consents=("monetise",),
            ),
            "consents with publish -> clear",
        ),
        (
            Facts(
                detectors=FOUND, words=(WordsFact(category="hate", source="lyrics", strong=True),)
            ),
            "words without hate, lyrics -> clear",
        ),
    ],
)
def test_smallest_change_that_flips_is_told_with_what_comes_of_it(
    facts: Facts, expected: str
) -> None:
    assert expected in told(facts)


def test_track_on_which_no_rule_fires_has_nothing_that_flips() -> None:
    assert told(Facts(detectors=FOUND)) == []


def test_two_reasons_for_review_are_flipped_by_neither_alone() -> None:
    struck = Facts(detectors=FOUND, account=AccountFact(strikes=9), rights_attested=False)
    assert told(struck) == []
    assert told(struck.model_copy(update={"rights_attested": True})) != []


def test_milder_outcomes_come_first_and_no_more_than_asked_for() -> None:
    doubtful = Facts(detectors=FOUND, matches=(copy(score=0.9),))
    effects = [flip.effect for flip in flips(default_pack(), doubtful, 50)]
    assert {"milder", "stricter"} == set(effects)
    assert effects == sorted(effects)
    milder = [
        flip.decision for flip in flips(default_pack(), doubtful, 50) if flip.effect == "milder"
    ]
    assert milder[0] == "clear"
    assert milder == sorted(milder, key=SEVERITY.__getitem__)
    assert flips(default_pack(), doubtful, 3) == flips(default_pack(), doubtful, 50)[:3]


def test_of_two_ways_below_a_number_the_nearest_is_told() -> None:
    pack = load_pack("""\
name: long
thresholds: {long: 600}
rules:
  - {id: long, title: Long, when: duration >= thresholds.long, outcome: review, statement: Long.}
  - {id: short, title: Short, when: duration < 10.0, outcome: clear, statement: Short.}
""")
    (flip,) = flips(pack, Facts(duration=700.0))
    assert str(flip) == "duration below 600 (is 700) -> clear"
    assert flip.to_json() == {
        "fact": "duration",
        "reference_id": None,
        "change": "below 600 (is 700)",
        "changes": {
            "de": "unter 600 (jetzt: 700)",
            "fr": "moins de 600 (actuellement : 700)",
            "es": "menos de 600 (ahora: 700)",
        },
        "effect": "milder",
        "decision": "clear",
        "outcomes": {"*": "clear"},
    }


@pytest.mark.parametrize(
    ("language", "expected"),
    [
        ("de", {"unter 0,99 (jetzt: 0,995)", "wahr (jetzt: falsch)"}),
        ("fr", {"moins de 0,99 (actuellement : 0,995)", "vrai (actuellement : faux)"}),
        ("es", {"menos de 0,99 (ahora: 0,995)", "verdadero (ahora: falso)"}),
    ],
)
def test_a_change_is_told_with_numbers_and_words_as_the_language_has_them(
    language: str, expected: set[str]
) -> None:
    found = flips(default_pack(), Facts(detectors=FOUND, matches=(copy(),)), 50)
    told_so = {flip.changes[language] for flip in found}
    assert expected <= told_so


@given(any_facts())
@settings(max_examples=25, deadline=None)
def test_altered_facts_decide_as_the_flip_says(given_facts: Facts) -> None:
    pack = default_pack()
    before = decide(pack, given_facts)
    for flip in flips(pack, given_facts, 100):
        changed = Facts.model_validate_json(altered(given_facts, flip).model_dump_json())
        after = decide(pack, changed)
        assert (after.decision, after.outcomes) == (flip.decision, flip.outcomes)
        steps = [
            SEVERITY[after.outcomes.get(cell) or after.outcomes[REST]]
            - SEVERITY[before.outcomes.get(cell) or before.outcomes[REST]]
            for cell in {*after.outcomes, *before.outcomes}
        ]
        assert any(steps)
        assert all(step <= 0 if flip.effect == "milder" else step >= 0 for step in steps)
