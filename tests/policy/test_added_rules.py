"""Rules that are added to a pack or break in one: none loosens or clears anything, each acts where it says."""

import json
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from policy import UNKNOWN, Facts, MatchFact, Pack, decide, default_pack, load_pack
from policy.decisions import SEVERITY
from tests.policy.judging import LIVELY, SMALL, cells, outcome_in, pack_with
from tests.policy.strategies import facts

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
