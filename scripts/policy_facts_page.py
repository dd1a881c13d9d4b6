"""Write docs/policy-facts.md from the models of the facts.

Run: python -m scripts.policy_facts_page
"""

import types
import typing
from collections.abc import Iterable
from pathlib import Path
from typing import Any, Final

import annotated_types
from pydantic import BaseModel
from pydantic.fields import FieldInfo

from policy import (
    AccountFact,
    AgeFact,
    Facts,
    GenerationFact,
    MatchFact,
    ProvenanceFact,
    Unknown,
    WatermarkFact,
    WordsFact,
)

PAGE: Final = Path(__file__).resolve().parent.parent / "docs" / "policy-facts.md"
SECTIONS: Final[tuple[tuple[str, str, type[BaseModel]], ...]] = (
    ("The track", "", Facts),
    ("A match (`match.` in a rule with `for_each: matches`)", "match.", MatchFact),
    ("A mark (element of `watermarks`)", "", WatermarkFact),
    ("`provenance`", "provenance.", ProvenanceFact),
    ("`account`", "account.", AccountFact),
    ("`age`", "age.", AgeFact),
    ("Words found (element of `words`)", "", WordsFact),
    ("`generation`", "generation.", GenerationFact),
)
ONE: Final = {
    MatchFact: "a match",
    WatermarkFact: "a mark",
    ProvenanceFact: "a manifest",
    AccountFact: "an account",
    AgeFact: "an age",
    WordsFact: "words found",
    GenerationFact: "a request",
    bool: "true or false",
    float: "number",
    int: "whole number",
    str: "word",
}
MANY: Final = {MatchFact: "matches", WatermarkFact: "marks", WordsFact: "words found"}
_HEAD: Final = """\
# Facts

All that a rule may know about a track. This page is written by `python -m scripts.policy_facts_page` from
`policy/facts.py`; a test holds the two together. `policy.facts_schema()` gives the same as a JSON Schema.
How rules read facts: [policy.md](policy.md).

A fact is a value, *absent* (looked for and not there, or not declared; `null`) or *unknown* (its detector failed;
`{"unknown": why}`). One that may be absent or unknown says so. What is not given is as in the column *by default*.
"""
_TABLE: Final = "\n## {title}\n\n| fact | type | by default | meaning |\n|---|---|---|---|\n"


def page() -> str:
    """Return the page."""
    return _HEAD + "".join(_section(*section) for section in SECTIONS)


def _section(title: str, prefix: str, model: type[BaseModel]) -> str:
    rows = [_row(prefix + name, field) for name, field in model.model_fields.items()]
    return _TABLE.format(title=title) + "".join(rows)


def _row(name: str, field: FieldInfo) -> str:
    kinds = [each for each in _kinds(field.annotation) if each is not Unknown]
    shown = " or ".join(_shown(each, field.metadata) for each in kinds if each is not type(None))
    absent = ", may be absent" if type(None) in kinds else ""
    unknown = ", may be unknown" if Unknown in _kinds(field.annotation) else ""
    cells = (f"`{name}`", shown + absent + unknown, _default(field), field.description)
    return "| " + " | ".join(str(cell) for cell in cells) + " |\n"


def _default(field: FieldInfo) -> str:
    if field.is_required():
        return "must be given"
    value = field.get_default(call_default_factory=True)
    if value is None:
        return "absent"
    if isinstance(value, bool):
        return "true" if value else "false"
    return f"`{value}`" if value not in ((), {}, "") else "none"


def _kinds(annotation: Any) -> list[Any]:
    """Alternatives of a type, each still with its bounds."""
    if typing.get_origin(annotation) in (typing.Union, types.UnionType):
        return [kind for part in typing.get_args(annotation) for kind in _kinds(part)]
    return [annotation]


def _shown(kind: Any, metadata: Iterable[Any]) -> str:
    origin, arguments = typing.get_origin(kind), typing.get_args(kind)
    if origin is typing.Annotated:
        inner, *limits = arguments
        return _shown(inner, [each for limit in limits for each in getattr(limit, "metadata", ())])
    if origin is typing.Literal:
        return " ".join(f"`{word}`" for word in arguments)
    if origin is tuple:
        return f"list of {MANY.get(arguments[0]) or _shown(arguments[0], ())}"
    if origin is dict:
        return f"map of words to {_shown(arguments[1], ())}"
    return ONE[kind] + _bounds(metadata)


def _bounds(metadata: Iterable[Any]) -> str:
    found = []
    for limit in metadata:
        match limit:
            case annotated_types.Ge(ge=number):
                found.append(f"≥ {number}")
            case annotated_types.Gt(gt=number):
                found.append(f"> {number}")
            case annotated_types.Le(le=number) if number != 2**53 - 1:
                found.append(f"≤ {number}")
    return f" {', '.join(found)}" if found else ""


if __name__ == "__main__":
    PAGE.write_text(page(), encoding="utf-8")
