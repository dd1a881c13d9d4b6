"""`docs/policy.md` is true: its example runs, and it names every fact and every key of a rule."""

import re
from pathlib import Path

import pytest
from pydantic import BaseModel

import policy
from policy import (
    AccountFact,
    AgeFact,
    Facts,
    GenerationFact,
    MatchFact,
    ProvenanceFact,
    WatermarkFact,
    WordsFact,
)
from policy.packs import _RuleText

DOCS = (Path(policy.__file__).parents[1] / "docs" / "policy.md").read_text(encoding="utf-8")
EXAMPLE = re.findall(r"```yaml\n(.*?)```", DOCS, re.DOTALL)[0]
OUTPUT = re.findall(r"```text\n(.*?)```", DOCS, re.DOTALL)[0]


def test_example_of_the_documentation_gives_the_output_printed_below_it() -> None:
    pack = policy.load_pack(EXAMPLE)
    assert [result.differences for result in policy.test_pack(pack)] == [()]
    assert policy.lint_pack(pack) == []
    decision = policy.decide(pack, pack.tests[0].facts)
    first = f"{decision.decision} {decision.outcomes}"
    assert [first, decision.reasons[0].text, decision.pack] == OUTPUT.splitlines()


@pytest.mark.parametrize(
    ("model", "prefix"),
    [
        (Facts, ""),
        (MatchFact, "match."),
        (WatermarkFact, ""),
        (ProvenanceFact, "provenance."),
        (AccountFact, "account."),
        (AgeFact, "age."),
        (WordsFact, ""),
        (GenerationFact, "generation."),
    ],
)
def test_every_fact_is_documented_with_its_meaning(model: type[BaseModel], prefix: str) -> None:
    for name, fact in model.model_fields.items():
        assert re.search(
            rf"^\| `{re.escape(prefix + name)}` \|.*\| {re.escape(fact.description or '-')} \|$",
            DOCS,
            re.MULTILINE,
        ), name


def test_every_key_of_a_rule_is_documented() -> None:
    for key in _RuleText.model_fields:
        assert re.search(rf"^\|.*`{key}(:| |`)", DOCS, re.MULTILINE), key
