"""`docs/policy.md` is true: its example runs, and it names every fact and every key of a rule."""

import json
import re
from pathlib import Path

import pytest
from hypothesis import given
from jsonschema import Draft202012Validator
from pydantic import BaseModel

import policy
from policy.pack_forms import RuleText
from scripts.policy_facts_page import PAGE, SECTIONS, page
from tests.policy.strategies import facts

DOCS = (Path(policy.__file__).parents[1] / "docs" / "policy.md").read_text(encoding="utf-8")
EXAMPLE = re.findall(r"```yaml\n(.*?)```", DOCS, re.DOTALL)[0]
SCHEMA = Draft202012Validator(policy.facts_schema())
OUTPUT, FLIPS = re.findall(r"```text\n(.*?)```", DOCS, re.DOTALL)


def test_example_of_the_documentation_gives_the_output_printed_below_it() -> None:
    pack = policy.load_pack(EXAMPLE)
    assert [result.differences for result in policy.test_pack(pack)] == [()]
    assert policy.lint_pack(pack) == []
    decision = policy.decide(pack, pack.tests[0].facts)
    first = f"{decision.decision} {decision.outcomes}"
    assert [first, decision.reasons[0].text, decision.pack] == OUTPUT.splitlines()


def test_flips_of_the_example_are_those_printed() -> None:
    pack = policy.load_pack(EXAMPLE)
    found = policy.flips(pack, pack.tests[0].facts)
    assert [str(flip) for flip in found] == FLIPS.splitlines()


def test_page_of_facts_is_written_from_their_models() -> None:
    assert PAGE.read_text(encoding="utf-8") == page()


@pytest.mark.parametrize(("title", "prefix", "model"), SECTIONS)
def test_every_fact_is_documented_with_its_meaning(
    title: str, prefix: str, model: type[BaseModel]
) -> None:
    for name, fact in model.model_fields.items():
        assert fact.description
        row = rf"^\| `{re.escape(prefix + name)}` \|.*\| {re.escape(fact.description)} \|$"
        assert re.search(row, PAGE.read_text(encoding="utf-8"), re.MULTILINE), name


def test_every_model_of_facts_has_its_section() -> None:
    told = {"Facts", "Unknown", *policy.facts_schema()["$defs"]}
    assert told == {model.__name__ for _, _, model in SECTIONS} | {"Unknown"}


@given(facts())
def test_any_facts_fit_their_schema(given_facts: policy.Facts) -> None:
    stored = json.loads(given_facts.model_dump_json())
    SCHEMA.validate(stored)
    assert policy.Facts.model_validate(stored) == given_facts


@pytest.mark.parametrize(
    "wrong",
    [
        {"duration": -1},
        {"origin": "stolen"},
        {"lenght": 3},
        {"matches": [{"reference_id": "r", "kind": "recording"}]},
        {"matches": [{"reference_id": "r", "kind": "recording", "score": 1.5}]},
    ],
)
def test_facts_that_can_not_be_do_not_fit_the_schema(wrong: dict[str, object]) -> None:
    assert not SCHEMA.is_valid(wrong)


def test_every_rule_of_the_default_pack_is_in_the_table_with_outcome_and_basis() -> None:
    for rule in policy.default_pack().rules:
        outcome = "exempt" if rule.phase == "exempt" else rule.outcome
        if rule.restriction is not None:
            age = rule.restriction.min_age
            outcome += f": {rule.restriction.kind}" + (f" {age}" if age else "")
        basis = ", ".join(rule.legal_basis) or "none: only recorded"
        row = rf"^\| `{rule.id}` \|.*\| {re.escape(outcome)} \| {re.escape(basis)} \|$"
        assert re.search(row, DOCS, re.MULTILINE), (rule.id, outcome, basis)


def test_every_key_of_a_rule_is_documented() -> None:
    for key in RuleText.model_fields:
        assert re.search(rf"^\|.*`{key}(:| |`)", DOCS, re.MULTILINE), key
