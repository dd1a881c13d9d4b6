"""Judgement: what holds for any facts and any pack."""

import json
from dataclasses import replace
from itertools import product
from typing import Any, get_args

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from policy import (
    UNKNOWN,
    AccountFact,
    Decision,
    Facts,
    MatchFact,
    Pack,
    Unknown,
    decide,
    default_pack,
    fold,
    load_pack,
)
from policy.decisions import SEVERITY
from policy.facts import hash_facts, unknown_paths, values_of
from policy.territories import REST
from tests.policy.strategies import CODES, facts, known, matches


def outcome_in(decision: Decision, territory: str) -> str:
    return decision.outcomes.get(territory) or decision.outcomes[REST]


def cells(decision: Decision) -> list[str]:
    """Every territory that may differ, and the rest if it was asked for."""
    return [*CODES, REST] if REST in decision.outcomes else list(decision.outcomes)


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


SMALL = """\
name: small
thresholds: {manifest_score: 0.9, manifest_share: 0.5, manifest_precision: 0.5, manifest_decided: 20}
rules:
  - id: own-work
    title: Own
    phase: exempt
    for_each: matches
    when: match.same_holder
  - id: licensed
    title: Licensed
    phase: exempt
    for_each: matches
    where: match.licence_territories
    when: match.licensed
  - id: monetised
    title: Monetised
    for_each: matches
    where: match.territories
    when: match.reference_policy == 'monetise'
    outcome: restrict
    restriction: {kind: monetise}
"""


def pack_with(rules: str) -> Pack:
    return load_pack(SMALL + rules)


LIVELY = Facts(  # clear
    account=AccountFact(),
    age_band="unassured",
    duration=60.0,
    detectors=dict.fromkeys(("fingerprint", "watermark", "provenance", "lyrics"), "ok"),
    matches=(MatchFact(reference_id="r", kind="recording", score=0.5),),
)


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


RAISING = load_pack("""\
name: raising
thresholds: {}
rules: [{id: broken, title: Broken, when: "duration > 'long'", outcome: clear}]
""")


def rule(outcome: str, when: str, each: bool, where: str) -> str:
    lines = [f"  - id: added\n    title: Added\n    outcome: {outcome}\n    when: {when}\n"]
    if each:
        lines.append("    for_each: matches\n")
    if outcome == "restrict":
        lines.append("    restriction: {kind: age, min_age: 16}\n")
    if where:
        lines.append(f"    where: {where}\n")
    return "".join(lines)


WITHOUT = pack_with("")
ADDED = [
    pack_with(rule(outcome, when, each, where))
    for outcome in ("restrict", "review", "block")
    for where in ("", "[DE]", "[AT, FR]")
    for when, each in (
        ("match.score > 0.7", True),
        ("match.score > 'high'", True),
        ("explicit", False),
        ("matches.exists(m, m.score > 0.9)", False),
    )
]


@given(facts(), st.sampled_from(ADDED))
@settings(max_examples=300)
def test_adding_a_restrictive_rule_loosens_the_outcome_nowhere(
    given_facts: Facts, added: Pack
) -> None:
    before, after = decide(WITHOUT, given_facts), decide(added, given_facts)
    for cell in cells(before):
        assert SEVERITY[outcome_in(after, cell)] >= SEVERITY[outcome_in(before, cell)]


CLAUSES = st.sampled_from(
    [
        "explicit",
        "age_band == 'child'",
        "'publish' in consents",
        "account.strikes > 1",
        "words.exists(w, w.strong)",
        "'hate' in generation.prompt_signals",
        "size(matches) > 1",
        "duration > 'long'",
    ]
)
MATCH_CLAUSES = CLAUSES | st.sampled_from(
    [
        "match.score > 0.5",
        "match.kind == 'recording'",
        "match.other_holders != []",
        "match.licensed",
    ]
)


def conditions(clauses: st.SearchStrategy[str]) -> st.SearchStrategy[Any]:
    return st.recursive(
        clauses,
        lambda inner: st.one_of(
            st.fixed_dictionaries({"not": inner}),
            st.fixed_dictionaries({"all": st.lists(inner, min_size=1, max_size=2)}),
            st.fixed_dictionaries({"any": st.lists(inner, min_size=1, max_size=2)}),
        ),
        max_leaves=3,
    )


@st.composite
def restrictive_rules(draw: st.DrawFn) -> str:
    """A rule of phase `decide` as YAML (of which JSON is a part)."""
    outcome = draw(st.sampled_from(["restrict", "review", "block"]))
    added: dict[str, Any] = {"id": "added", "title": "Added", "outcome": outcome}
    if outcome == "restrict":
        added["restriction"] = {"kind": "age", "min_age": 16}
    if draw(st.booleans()):
        added |= {"for_each": "matches", "when": draw(conditions(MATCH_CLAUSES))}
        if draw(st.booleans()):
            added["where"] = "match.territories"
    else:
        added["when"] = draw(conditions(CLAUSES))
    if draw(st.booleans()):
        added["applies"] = draw(CLAUSES)
    if draw(st.booleans()):
        added["requires"] = [draw(st.sampled_from(["fingerprint", "watermark", "lyrics"]))]
    return f"  - {json.dumps(added)}\n"


@given(facts(), restrictive_rules())
@settings(max_examples=150, deadline=None)
def test_adding_any_restrictive_rule_loosens_the_outcome_nowhere(
    given_facts: Facts, added: str
) -> None:
    before, after = decide(WITHOUT, given_facts), decide(pack_with(added), given_facts)
    for cell in cells(before):
        assert SEVERITY[outcome_in(after, cell)] >= SEVERITY[outcome_in(before, cell)]


def test_rule_that_raises_sends_the_track_to_review_and_says_which_clause() -> None:
    broken = rule("restrict", "duration > 'long'", False, "[DE]")
    decision = decide(pack_with(broken), Facts(duration=1.0))
    assert decision.outcomes == {"*": "clear", "DE": "review"}
    (reason,) = decision.reasons
    assert (reason.rule, reason.outcome) == ("added", "review")
    assert "duration > 'long'" in reason.evidence["errors"][0]


@pytest.mark.parametrize("name", [rule.id for rule in default_pack().rules])
@pytest.mark.parametrize("part", ["when", "applies"])
def test_no_rule_of_the_default_pack_can_raise_and_leave_a_track_clear(
    name: str, part: str
) -> None:
    """Whichever rule breaks, in its condition or in what puts it in play, a person looks."""
    pack = default_pack()
    raising = RAISING.rules[0].when
    broken = {
        phase: tuple(
            replace(rule, **{part: raising}) if rule.id == name else rule
            for rule in getattr(pack, phase)
        )
        for phase in ("exemptions", "decisions")
    }
    (rule,) = (rule for rule in pack.rules if rule.id == name)
    always = rule.applies is None or part == "applies"
    judged = [
        decide(replace(pack, **broken), LIVELY.model_copy(update={"origin": origin}))
        for origin in ("upload", "generated")
    ]
    raised = [
        decision
        for decision in judged
        if any(each.rule == name and each.evidence.get("errors") for each in decision.reasons)
    ]
    assert len(raised) == (2 if always else 1)
    assert {decision.decision for decision in raised} == {"review"}


@pytest.mark.parametrize("frame", ["{not: %s}", "{any: [explicit, %s]}", "{all: [%s, {not: %s}]}"])
def test_a_clause_that_raises_inside_a_condition_never_clears(frame: str) -> None:
    condition = frame.replace("%s", "\"duration > 'long'\"")
    decision = decide(
        load_pack(f"{SMALL}  - {{id: added, title: A, when: {condition}, outcome: restrict, "
                  "restriction: {kind: monetise}}\n"),
        Facts(duration=1.0, explicit=False),
    )  # fmt: skip
    assert decision.outcomes == {"*": "review"}


def test_exemption_that_raises_leaves_the_match_in_doubt_so_nothing_is_blocked() -> None:
    doubtful = pack_with(
        rule("block", "match.score > 0.9", True, "").replace("added", "copy")
        + "  - id: broken\n    title: Broken\n    phase: exempt\n    for_each: matches\n"
        "    where: [DE]\n    when: match.score > 'high'\n"
    )
    whole = MatchFact(
        reference_id="r",
        kind="recording",
        score=1.0,
        coverage_query=1.0,
        reference_trusted=True,
    )
    decision = decide(doubtful, Facts(matches=(whole,)))
    assert decision.outcomes == {"*": "block", "DE": "review"}


def test_detector_that_a_rule_in_play_requires_decides_what_its_absence_means() -> None:
    needs = rule("review", "explicit", False, "") + (
        "    requires: [lyrics]\n    applies: origin == 'generated'\n"
    )
    pack = pack_with(needs)

    def judged(origin: str, **detectors: str) -> str:
        return decide(
            pack, Facts.model_validate({"origin": origin, "detectors": detectors})
        ).decision

    assert judged("upload") == "clear"
    assert judged("upload", lyrics="failed") == "review"
    assert judged("generated") == "review"
    assert judged("generated", lyrics="ok") == "clear"
    assert judged("generated", lyrics="failed") == "indeterminate"


WHOLE = MatchFact(
    reference_id="r", kind="recording", score=1.0, coverage_query=1.0, reference_trusted=True
)
BLOCKS = rule("block", "match.score > 0.9", True, "")


def test_licence_on_record_stops_a_block_even_in_a_pack_that_forgot_to_exempt_it() -> None:
    head, _, _ = SMALL.partition("rules:\n")
    forgetful = load_pack(f"{head}rules:\n{BLOCKS}")
    assert decide(forgetful, Facts(matches=(WHOLE,))).decision == "block"
    here = WHOLE.model_copy(update={"licensed": True, "licence_territories": ("DE",)})
    assert decide(forgetful, Facts(matches=(here,))).outcomes == {"*": "block", "DE": "review"}
    unsure = WHOLE.model_copy(update={"licensed": UNKNOWN})
    assert decide(forgetful, Facts(matches=(unsure,))).outcomes == {"*": "review"}


def test_rule_on_the_whole_track_sees_only_the_matches_that_are_left() -> None:
    pack = pack_with(rule("review", "size(matches) > 1", False, ""))
    mine = WHOLE.model_copy(update={"same_holder": True})
    (reason,) = decide(pack, Facts(matches=(WHOLE, mine, WHOLE))).reasons
    assert (reason.outcome, reason.evidence["seen"]) == ("review", {"matches": {"count": 2}})
    assert decide(pack, Facts(matches=(WHOLE, mine))).decision == "clear"


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


@pytest.mark.parametrize(
    ("rules", "joined", "limits"),
    [
        (
            "",
            "4990a84ffad7763e9ae7f79f6310499f947896a71a0fbdd3f421746c6ffe29a6",
            [((), ("DE",), ["Anywhere"]), (("US",), (), ["Stateside"])],
        ),
        (
            "  - {id: child, title: Child, when: duration > 1.0, where: [DE, FR],\n"
            "     outcome: restrict, restriction: {kind: monetise}}\n",
            "220819e527e76e401d5cdf0481874161dc50934bee5aa417524187446398e96f",
            [((), ("DE",), ["Anywhere"]), (("US",), (), ["Stateside"]), (("DE",), (), [])],
        ),
    ],
)
def test_a_holder_earns_only_where_a_rule_says_so(
    rules: str, joined: str, limits: list[object]
) -> None:
    """DSM-17: nobody is paid for places in which a work is not theirs; nor is whoever uploaded it, if a rule says so.

    The hash of the limits in one is the one that such decisions had before they said that.
    """
    found = MatchFact(reference_id="r", kind="recording", score=1, reference_policy="monetise")
    here = {"holder": "Stateside", "territories": ("US",)}
    all_over = {"reference_id": "s", "holder": "Anywhere", "licence_territories": ("DE",)}
    matches = (
        found.model_copy(update=all_over | {"licensed": True}),
        found.model_copy(update=here),
    )
    facts = LIVELY.model_copy(update={"matches": matches})

    decision = decide(pack_with(rules), facts)

    told = [
        (tuple(each["territories"]), tuple(each["except"]), each["holders"])
        for each in decision.restrictions
    ]
    assert told == limits
    assert decision.joined_hash == joined
