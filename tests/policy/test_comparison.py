"""What counts as a difference of two packs, and what the table of many says."""

import policy
from policy import Confusion, Ruling, compare

CLEAR = Ruling("clear", {"*": "clear"}, (), frozenset({"core.clear"}))
REVIEW = Ruling("review", {"*": "review"}, (), frozenset({"match", "age"}))


def test_other_rules_with_the_same_effect_are_no_difference() -> None:
    found = compare(CLEAR, Ruling("clear", {"*": "clear"}, (), frozenset({"other"})))

    assert not found.differs
    assert (found.only_live, found.only_candidate) == (("core.clear",), ("other",))


def test_another_outcome_in_one_territory_is_a_difference() -> None:
    here = Ruling("restrict", {"*": "clear", "DE": "block"}, (), frozenset())
    there = Ruling("restrict", {"*": "clear", "FR": "block"}, (), frozenset())

    assert compare(here, there).differs


def test_another_age_is_a_difference_and_the_order_of_restrictions_is_none() -> None:
    def aged(*ages: int) -> Ruling:
        gates = tuple({"kind": "age", "min_age": age, "territories": []} for age in ages)
        return Ruling("restrict", {"*": "restrict"}, gates, frozenset())

    assert compare(aged(16), aged(18)).differs
    assert not compare(aged(16, 18), aged(18, 16)).differs


def test_the_table_counts_all_and_names_the_first_of_each_kind() -> None:
    table = Confusion(examples=2)
    for n in range(5):
        table.add(f"same-{n}", compare(CLEAR, CLEAR))
        table.add(f"flip-{n}", compare(REVIEW, CLEAR), "clear" if n == 4 else None)

    told = table.to_json()

    assert (told["compared"], told["differing"]) == (10, 5)
    assert told["table"] == {
        "clear": {"clear": 5, "review": 0},
        "review": {"clear": 5, "review": 0},
    }
    assert [each["track_id"] for each in told["examples"]] == ["flip-0", "flip-1"]
    assert told["examples"][0]["only_live"] == ["age", "match"]
    assert told["overturned"]["differing"] == 1
    assert told["overturned"]["examples"][0]["track_id"] == "flip-4"


def test_a_rule_that_asks_for_something_else_is_named_with_both() -> None:
    text = "name: x\nthresholds: {}\nrules:\n  - id: long\n    title: L\n    when: duration > 1.0\n"
    softer, harder = (
        policy.read_pack(f"{text}    outcome: {asked}\n    statement: L\n")
        for asked in ("clear", "review")
    )
    facts = policy.Facts(duration=2.0, detectors={"fingerprint": "ok"})

    found = compare(*(Ruling.of(policy.decide(pack, facts)) for pack in (softer, harder)))

    assert found.differs
    assert ("long: clear" in found.only_live, found.only_candidate) == (True, ("long: review",))


def test_a_decision_and_itself_are_the_same() -> None:
    pack = policy.default_pack()
    for case in pack.tests:
        ruling = Ruling.of(policy.decide(pack, case.facts))
        assert not compare(ruling, ruling).differs
