"""The written form of a pack: the keys of its YAML, and what is said of one that is wrong."""

from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field

from policy.facts import Name
from policy.territories import Territory

Outcome = Literal["clear", "restrict", "review", "block"]
Verdict = Literal["clear", "restrict", "review", "block", "indeterminate"]


class _Text(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, strict=True)


class Restriction(_Text):
    """What a ``restrict`` rule asks for."""

    kind: Literal["age", "territory", "monetise"]
    min_age: Annotated[int, Field(ge=1, le=99)] | None = None


_Language = Annotated[str, Field(pattern=r"^[a-z]{2}$")]
_Title = Annotated[str, Field(min_length=1, max_length=200)]


class RuleText(_Text):
    """One rule, as it is written."""

    id: Annotated[str, Field(pattern=r"^[a-z][a-z0-9-]*$", max_length=80)]
    title: _Title
    titles: dict[_Language, _Title] = Field(default_factory=dict)
    phase: Literal["exempt", "decide"] = "decide"
    legal_basis: list[Name] = Field(default_factory=list)
    for_each: Literal["matches"] | None = None
    requires: list[Name] = Field(default_factory=list)
    where: list[Territory] | str = Field(default_factory=list)
    applies: Any = None
    when: Any
    outcome: Outcome | None = None
    restriction: Restriction | None = None
    statement: str = ""
    statements: dict[_Language, str] = Field(default_factory=dict)


class Expectation(_Text):
    """What a test case expects; what is left out is not checked."""

    decision: Verdict
    outcomes: dict[str, Verdict] | None = None
    fired: list[str] | None = None
    exempted: list[str] | None = None
    restrictions: list[dict[str, Any]] | None = None


class CaseText(_Text):
    """One test case, as it is written."""

    name: Annotated[str, Field(min_length=1, max_length=300)]
    facts: dict[str, Any]
    expect: Expectation


class PackText(_Text):
    """A pack, as it is written; rules and tests are read one by one, to say where each is wrong."""

    name: Annotated[str, Field(pattern=r"^[a-z][a-z0-9-]*$", max_length=80)]
    description: str = ""
    thresholds: dict[Annotated[str, Field(pattern=r"^[a-z][a-z0-9_]*$")], int | float]
    rules: Annotated[list[dict[str, Any]], Field(min_length=1, max_length=500)]
    tests: list[dict[str, Any]] = Field(default_factory=list)


def say_wrong(kind: str, name: str, message: str, given: Any) -> tuple[str, str]:
    """Say what pydantic found wrong with a part, and what to do about it."""
    if kind == "missing":
        return f"`{name}` is missing", "add it"
    if kind == "extra_forbidden":
        return f"`{name}` is not a key here", "take it out, or mend its spelling"
    shown = f", but is {given!r:.60}" if isinstance(given, str | int | float | bool) else ""
    return f"`{name}` is wrong{shown}", message[0].lower() + message[1:]
