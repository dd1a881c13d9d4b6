"""Judgement: what holds for any facts, and what of them is unknown."""

import json
from itertools import product
from typing import get_args

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from policy import UNKNOWN, AccountFact, Facts, MatchFact, Unknown, decide, default_pack, fold
from policy.decisions import SEVERITY
from policy.facts import hash_facts, unknown_paths, values_of
from tests.policy.judging import LIVELY, cells, outcome_in, pack_with
from tests.policy.strategies import CODES, facts, known, matches


@given(facts())
def test_any_facts_give_an_outcome_with_an_explanation(given_facts: Facts) -> None:
    decision = decide(default_pack(), given_facts)
    assert decision.decision == fold(list(decision.outcomes.values()))
    assert set(decision.outcomes) == (set(given_facts.territories) or set(decision.outcomes))
    assert all(reason.text and reason.area for reason in decision.reasons)
    for cell in cells(decision):
        asked = {r.outcome for r in decision.reasons if cell in r.area} | {"clear"}
        assert max(asked, key=SEVERITY.__getitem__) == outcome_in(decision, cell)
    told = json.loads(json.dumps(decision.to_json(), allow_nan=False))
    assert told["outcome_hash"] == decision.outcome_hash
    assert decision.reasons and told["thresholds"] == default_pack().thresholds


@given(facts())
def test_unknown_fact_or_failed_detector_never_clears_nor_restricts(given_facts: Facts) -> None:
    decision = decide(default_pack(), given_facts)
    if "failed" in given_facts.detectors.values() or unknown_paths(values_of(given_facts)):
        assert set(decision.outcomes.values()) <= {"review", "block", "indeterminate"}
    if given_facts.detectors["fingerprint"] == "failed":
        assert decision.decision == "indeterminate"
        assert decision.restrictions == ()
        assert decision.automation == "none"


def is_manifest(match: MatchFact, given_facts: Facts) -> bool:
    """The words of `domain.md`, Submission, read once more."""
    few = isinstance(match.reference_decided, int) and match.reference_decided < 20
    upheld = isinstance(match.reference_precision, float) and match.reference_precision >= 0.9
    enough = isinstance(match.reference_decided, int) and not few
    return (
        match.kind == "recording"
        and isinstance(match.score, float)
        and match.score >= 0.99
        and isinstance(match.coverage_query, float)
        and match.coverage_query >= 0.9
        and ((enough and upheld) or (few and match.reference_trusted is True))
        and given_facts.lawful_use_flag in (False, None)
        and match.self_declared_licence in (False, None)
        and not given_facts.declared_licences
        and match.same_holder in (False, None)
    )


@given(facts())
@settings(max_examples=200)
def test_automatic_block_has_a_manifest_match_of_a_reference_that_blocks_there(
    given_facts: Facts,
) -> None:
    decision = decide(default_pack(), given_facts)
    found = given_facts.matches if isinstance(given_facts.matches, tuple) else ()
    blocking = [
        match
        for match in found
        if is_manifest(match, given_facts) and match.reference_policy == "block"
    ]
    for cell in cells(decision):
        if outcome_in(decision, cell) == "block":
            assert decision.manifest
            assert any(not match.territories or cell in match.territories for match in blocking)
            assert not any(
                match.licensed is True
                and (not match.licence_territories or cell in match.licence_territories)
                for match in blocking
                if len(blocking) == 1
            )


@given(st.lists(matches(known).filter(lambda match: match.kind == "composition"), max_size=3))
def test_likeness_of_works_alone_never_blocks(found: list[MatchFact]) -> None:
    given_facts = Facts(detectors={"fingerprint": "ok"}, matches=tuple(found))
    assert "block" not in decide(default_pack(), given_facts).outcomes.values()


@given(facts(known, states=("ok",)), st.sampled_from(CODES))
def test_each_territory_is_decided_as_if_it_alone_were_asked_for(
    given_facts: Facts, territory: str
) -> None:
    worldwide = decide(default_pack(), given_facts.model_copy(update={"territories": ()}))
    alone = decide(default_pack(), given_facts.model_copy(update={"territories": (territory,)}))
    assert alone.outcomes == {territory: outcome_in(worldwide, territory)}


def test_territories_fold_as_the_design_says() -> None:
    """Review anywhere: review; block everywhere: block; restrict anywhere or block somewhere:
    restrict; else clear."""
    words = ("clear", "restrict", "review", "block")
    for outcomes in (each for n in (1, 2, 3, 4) for each in product(words, repeat=n)):
        if any(outcome == "review" for outcome in outcomes):
            expected = "review"
        elif all(outcome == "block" for outcome in outcomes):
            expected = "block"
        elif any(outcome in ("restrict", "block") for outcome in outcomes):
            expected = "restrict"
        else:
            expected = "clear"
        assert fold(outcomes) == expected


@given(facts(known, states=("ok",)))
@settings(max_examples=200)
def test_restrictions_say_where_a_restricted_track_can_not_be_had(given_facts: Facts) -> None:
    decision = decide(default_pack(), given_facts)
    if decision.decision != "restrict":
        assert decision.restrictions == ()
        return
    barred = [r for r in decision.restrictions if r["kind"] == "territory"]
    for cell in cells(decision):
        listed = any(
            cell in r["territories"] or (not r["territories"] and cell not in r["except"])
            for r in barred
        )
        assert listed == (outcome_in(decision, cell) == "block")


@given(facts())
def test_replay_gives_the_same_hash(given_facts: Facts) -> None:
    first = decide(default_pack(), given_facts)
    stored = json.loads(json.dumps(given_facts.model_dump(mode="json")))
    again = decide(default_pack(), Facts.model_validate(stored))
    assert again.facts_hash == first.facts_hash
    assert again.outcome_hash == first.outcome_hash
    assert again.to_json() == first.to_json()


def test_hash_changes_with_facts_and_with_pack() -> None:
    clear = Facts(detectors={"fingerprint": "ok"})
    first = decide(default_pack(), clear)
    longer = decide(default_pack(), clear.model_copy(update={"duration": 1.0}))
    other = decide(pack_with(""), clear)
    assert len({first.outcome_hash, longer.outcome_hash, other.outcome_hash}) == 3
    assert first.facts_hash != longer.facts_hash


def may_be_unknown(model: type[Facts] | type[MatchFact]) -> list[str]:
    """Names of its facts whose detector can fail."""
    fields = model.model_fields.items()
    return [name for name, field in fields if Unknown in get_args(field.annotation)]


@pytest.mark.parametrize("fact", may_be_unknown(Facts))
def test_each_fact_that_is_unknown_by_itself_brings_a_person(fact: str) -> None:
    decision = decide(default_pack(), LIVELY.model_copy(update={fact: UNKNOWN}))
    assert decision.decision == "review"
    assert decision.reasons[0].evidence.get("unknown", [fact]) == [fact]


@pytest.mark.parametrize("fact", may_be_unknown(MatchFact))
def test_each_fact_of_a_match_that_is_unknown_by_itself_brings_a_person(fact: str) -> None:
    doubtful = LIVELY.matches[0].model_copy(update={fact: UNKNOWN})
    facts = LIVELY.model_copy(update={"matches": (doubtful,)})
    assert decide(default_pack(), LIVELY).decision == "clear"
    assert decide(default_pack(), facts).decision == "review"


def test_an_unknown_fact_and_one_that_is_all_defaults_are_two_facts() -> None:
    told = [Facts(account=UNKNOWN), Facts(account=AccountFact()), Facts()]
    hashes = {hash_facts(each) for each in told}
    assert len(hashes) == 3
    assert hash_facts(Facts(account=Unknown(unknown="lost"))) not in hashes


@given(facts(), facts())
def test_equal_hashes_are_equal_facts(one: Facts, other: Facts) -> None:
    assert (hash_facts(one) == hash_facts(other)) == (one == other)


def test_an_empty_map_is_no_unknown_fact():
    """A fact that is unknown says why; what says nothing is a mistake."""
    with pytest.raises(ValueError, match="duration"):
        Facts.model_validate({"duration": {}})
