"""Packs: the rules of a deployment, read from YAML, checked, compiled and named by their content.

A pack is read once and never changes. What is wrong with one is said with rule, line and remedy.
"""

import hashlib
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field, replace
from functools import cached_property, lru_cache
from importlib import resources
from pathlib import Path as FilePath
from typing import Any, Final, Literal, TypeVar

import rfc8785
import yaml
from pydantic import BaseModel, ValidationError

from policy.clauses import Clause
from policy.clauses import Path as FactPath
from policy.conditions import Condition, Junction, Negation, clauses_of
from policy.core_texts import SOURCE
from policy.errors import PackError
from policy.facts import Facts, MatchFact
from policy.manifest import THRESHOLDS, manifest_test
from policy.marked_yaml import Lines, Place, read_marked
from policy.pack_forms import (
    CaseText,
    Expectation,
    Outcome,
    PackText,
    Restriction,
    RuleText,
    say_wrong,
)
from policy.statements import Statement
from policy.territories import EVERYWHERE, Area

_Model = TypeVar("_Model", bound=BaseModel)
DEEPEST_CONDITION: Final = 8
AREA_FACTS: Final = ("territories", "licence_territories", "public_domain_territories")


@dataclass(frozen=True, slots=True)
class Rule:
    """One rule, compiled."""

    id: str
    title: str
    titles: Mapping[str, str]
    phase: Literal["exempt", "decide"]
    legal_basis: tuple[str, ...]
    per_match: bool
    requires: tuple[str, ...]
    where: Area | str
    applies: Condition | None
    when: Condition
    outcome: Outcome
    restriction: Restriction | None
    statement: Statement
    statements: Mapping[str, Statement]
    line: int

    def told(self, values: dict[str, Any], where: Area) -> dict[str, str]:
        """Return what it says of one case, by language; English is always among them."""
        source = {SOURCE: self.statement}
        return {
            language: statement.fill(values, where, language)
            for language, statement in (source | dict(self.statements)).items()
        }

    @property
    def clauses(self) -> tuple[Clause, ...]:
        """All its clauses, those of `applies` first."""
        conditions = (self.when,) if self.applies is None else (self.applies, self.when)
        return tuple(clause for condition in conditions for clause in clauses_of(condition))


@dataclass(frozen=True, slots=True)
class Case:
    """One of a pack's own tests."""

    name: str
    facts: Facts
    expect: Expectation
    line: int


@dataclass(frozen=True)
class Pack:
    """Rules, thresholds, statement texts and test cases of one version.

    Attributes
    ----------
    name : str
    content_hash : str
        SHA-256, hexadecimal, over the RFC 8785 canonical form of the content. Comments, order of
        keys and layout do not count.
    reads : frozenset of tuple of str
        Paths of all facts that a rule or the manifest test reads.
    """

    name: str
    description: str
    thresholds: dict[str, float]
    exemptions: tuple[Rule, ...]
    decisions: tuple[Rule, ...]
    tests: tuple[Case, ...]
    content_hash: str
    reads: frozenset[FactPath] = field(repr=False)

    @property
    def id(self) -> str:
        """Name and content in one: ``default@sha256:…``."""
        return f"{self.name}@sha256:{self.content_hash}"

    @property
    def rules(self) -> tuple[Rule, ...]:
        """All rules, exemptions first."""
        return self.exemptions + self.decisions

    def without(self, rules: Collection[str]) -> "Pack":
        """Return it without some of the rules that decide."""
        return replace(
            self, decisions=tuple(each for each in self.decisions if each.id not in rules)
        )

    @cached_property
    def manifest(self) -> Condition:
        """When a match is manifest."""
        return manifest_test(self.thresholds)

    @cached_property
    def variables(self) -> frozenset[str]:
        """Names of the facts that CEL must be given; thresholds are in its clauses."""
        return frozenset(path[0] for path in self.reads) - {"thresholds"}

    @cached_property
    def variables_beside_match(self) -> frozenset[str]:
        """The same for rules on matches; handing over all for each is slow."""
        conditions = (
            *(rule.when for rule in self.rules if rule.per_match),
            self.manifest,
        )
        clauses = (clause for condition in conditions for clause in clauses_of(condition))
        return self.variables.intersection(
            path[0] for clause in clauses for path in clause.reading.paths
        )

    @cached_property
    def match_facts(self) -> frozenset[str]:
        """Names of the facts of a match that CEL must be given; handing over all is slow."""
        if ("match",) in self.reads:
            return frozenset(MatchFact.model_fields)
        return frozenset(path[1] for path in self.reads if path[0] == "match")


def load_pack(source: FilePath | str) -> Pack:
    """Read, check and compile a pack.

    Parameters
    ----------
    source : Path or str
        A file, or the YAML itself (a ``str`` of more than one line).

    Raises
    ------
    PackError
        If it can't be read or used; it names rule, line and what to do.
    """
    if isinstance(source, str) and "\n" in source:
        return _Reader("pack", source).pack()
    path = FilePath(source)
    try:
        text = path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as failure:
        raise PackError(
            f"it can't be read ({type(failure).__name__})",
            "give the path of a YAML file in UTF-8",
            pack=path.name,
        ) from failure
    return _Reader(path.name, text).pack()


@lru_cache(maxsize=1)
def default_pack() -> Pack:
    """Give the pack that ships with Clearance, ``packs/default.yaml``."""
    return _Reader("default.yaml", default_pack_text(), ours=True).pack()


def default_pack_text() -> str:
    """Give the text of the pack that ships with Clearance."""
    return resources.files("policy").joinpath("packs/default.yaml").read_text(encoding="utf-8")


def read_pack(text: str) -> Pack:
    """Check and compile a pack that is given as text, be it one line; see :func:`load_pack`."""
    return _Reader("pack", text).pack()


class _Reader:
    """Reads one pack; keeps its name and lines at hand for errors."""

    def __init__(self, name: str, text: str, *, ours: bool = False) -> None:
        self.name = name
        self.lines: Lines = {}
        self.thresholds: Mapping[str, float] = {}
        try:
            self.content, self.lines = read_marked(text, ours=ours)
        except yaml.MarkedYAMLError as failure:
            line = failure.problem_mark.line + 1 if failure.problem_mark else None
            raise self.error(
                failure.problem or "it is not YAML", "mend the YAML", line=line
            ) from failure
        except (yaml.YAMLError, RecursionError, ValueError) as failure:
            raise self.error(f"it is not YAML: {failure}", "mend the YAML") from failure

    def error(
        self, problem: str, remedy: str, *, rule: str | None = None, line: int | None = None
    ) -> PackError:
        return PackError(problem, remedy, pack=self.name, rule=rule, line=line)

    def line(self, *at: str | int) -> int | None:
        """Line of the nearest enclosing thing that has one."""
        while at and at not in self.lines:
            at = at[:-1]
        return self.lines.get(at)

    def check(self, model: type[_Model], content: Any, at: Place, rule: str | None) -> _Model:
        """Check the form of a part, and say the first thing that is wrong with it."""
        try:
            return model.model_validate(content)
        except ValidationError as failure:
            first = failure.errors(include_url=False)[0]
            place = (*at, *first["loc"])
            name = ".".join(str(step) for step in first["loc"]) or "this"
            problem, remedy = say_wrong(first["type"], name, first["msg"], first.get("input"))
            raise self.error(problem, remedy, rule=rule, line=self.line(*place)) from failure

    def pack(self) -> Pack:
        text = self.check(PackText, self.content, (), None)
        self.thresholds = text.thresholds
        rules = [self.rule(n, content, text.thresholds) for n, content in enumerate(text.rules)]
        ids: dict[str, Rule] = {}
        for rule in rules:
            if rule.id in ids:
                raise self.error(
                    f"line {ids[rule.id].line} has a rule of this id already",
                    "give each rule its own id",
                    rule=rule.id,
                    line=rule.line,
                )
            ids[rule.id] = rule
        self.check_manifest(rules, text.thresholds)
        return Pack(
            name=text.name,
            description=text.description,
            thresholds=dict(text.thresholds),
            exemptions=tuple(rule for rule in rules if rule.phase == "exempt"),
            decisions=tuple(rule for rule in rules if rule.phase == "decide"),
            tests=tuple(self.case(n, content, ids) for n, content in enumerate(text.tests)),
            content_hash=self.content_hash(),
            reads=frozenset(
                path
                for clause in (
                    *clauses_of(manifest_test(text.thresholds)),
                    *(c for rule in rules for c in rule.clauses),
                )
                for path in clause.reading.paths
            ),
        )

    def content_hash(self) -> str:
        try:
            return hashlib.sha256(rfc8785.dumps(self.content)).hexdigest()
        except rfc8785.CanonicalizationError as failure:
            raise self.error(
                f"it holds a value that has no canonical form: {failure}",
                "use finite numbers below 2**53, words, lists and maps",
            ) from failure

    def check_manifest(self, rules: list[Rule], thresholds: dict[str, float]) -> None:
        missing = [name for name in THRESHOLDS if name not in thresholds]
        for rule in rules:
            if rule.outcome == "block" and missing:
                raise self.error(
                    f"it blocks, but the pack sets no {', '.join(missing)}",
                    "set them under `thresholds`: an automatic block must be manifest",
                    rule=rule.id,
                    line=rule.line,
                )

    def rule(self, n: int, content: Any, thresholds: dict[str, float]) -> Rule:
        at: Place = ("rules", n)
        name = content.get("id") if isinstance(content.get("id"), str) else f"rule {n + 1}"
        text = self.check(RuleText, content, at, name)
        self.check_outcome(text, at)
        per_match = text.for_each == "matches"
        statement = self.statement(text.statement, thresholds, per_match, (*at, "statement"), name)
        statements = {
            language: self.statement(
                words, thresholds, per_match, (*at, "statements", language), name
            )
            for language, words in text.statements.items()
        }
        applies = None
        if text.applies is not None:
            applies = self.condition(text.applies, (*at, "applies"), name)
            self.check_matchless(
                applies, "applies", "`applies` is asked before any match", at, name
            )
        when = self.condition(text.when, (*at, "when"), name)
        if not per_match:
            self.check_matchless(when, "when", "the rule is not asked for each match", at, name)
        return Rule(
            id=text.id,
            title=text.title,
            titles=text.titles,
            phase=text.phase,
            legal_basis=tuple(text.legal_basis),
            per_match=per_match,
            requires=tuple(text.requires),
            where=self.where(text, at),
            applies=applies,
            when=when,
            outcome=text.outcome or "clear",
            restriction=text.restriction,
            statement=statement,
            statements=statements,
            line=self.line(*at) or 0,
        )

    def statement(
        self, words: str, thresholds: dict[str, float], per_match: bool, at: Place, rule: str
    ) -> Statement:
        """Read what a rule tells the person affected."""
        try:
            return Statement.read(words, thresholds, per_match=per_match)
        except ValueError as failure:
            raise self.error(
                f"in the statement, {failure}",
                "name a fact (docs/policy.md lists them), as in {match.title} or {duration:seconds}",
                rule=rule,
                line=self.line(*at),
            ) from failure

    def check_matchless(
        self, condition: Condition, part: str, why: str, at: Place, rule: str
    ) -> None:
        """Refuse a clause that reads ``match`` where there is none: it would read another's."""
        for clause in clauses_of(condition):
            if any(path[0] == "match" for path in clause.reading.paths):
                raise self.error(
                    f"the clause `{clause.text[:80]}` reads `match`, but {why}",
                    "add `for_each: matches` and ask in `when`, or read `matches`",
                    rule=rule,
                    line=self.line(*at, part),
                )

    def check_outcome(self, text: RuleText, at: Place) -> None:
        """Check what the form alone can't: that phase, outcome and restriction go together."""
        wrong = None
        if text.phase == "exempt":
            if text.outcome is not None:
                wrong = ("an exemption has no outcome", "take `outcome` out", "outcome")
            elif text.for_each is None:
                wrong = ("an exemption exempts matches", "add `for_each: matches`", "phase")
        elif text.outcome is None:
            wrong = ("it has no outcome", "add `outcome`: clear, restrict, review or block", "id")
        if wrong is None and (text.outcome == "restrict") != (text.restriction is not None):
            wrong = (
                "`outcome: restrict` and `restriction` belong together",
                "give both or neither",
                "outcome",
            )
        if wrong is None and text.restriction is not None:
            aged = text.restriction.min_age is not None
            if aged != (text.restriction.kind == "age"):
                wrong = (
                    "`kind: age` and `min_age` belong together",
                    "give both or neither",
                    "restriction",
                )
        if wrong is not None:
            raise self.error(wrong[0], wrong[1], rule=text.id, line=self.line(*at, wrong[2]))

    def where(self, text: RuleText, at: Place) -> Area | str:
        if isinstance(text.where, list):
            return Area.of(text.where) if text.where else EVERYWHERE
        of, _, name = text.where.partition(".")
        if of != "match" or name not in AREA_FACTS or text.for_each is None:
            raise self.error(
                f"`where: {text.where}` is not a fact that lists territories",
                "list codes, or name match." + ", match.".join(AREA_FACTS),
                rule=text.id,
                line=self.line(*at, "where"),
            )
        return name

    def condition(self, content: Any, at: Place, rule: str, depth: int = 1) -> Condition:
        """Compile a tree of clauses."""
        line = self.line(*at)
        if isinstance(content, str):
            try:
                return Clause.compile(content, line or 0, self.thresholds)
            except ValueError as failure:
                raise self.error(
                    f"the clause `{content[:80]}` is refused: {_first_line(failure)}",
                    "write one small CEL expression (docs/policy.md)",
                    rule=rule,
                    line=line,
                ) from failure
        if depth > DEEPEST_CONDITION:
            raise self.error(
                f"conditions are nested more than {DEEPEST_CONDITION} deep",
                "split the rule in two",
                rule=rule,
                line=line,
            )
        match content:
            case {"not": part} if len(content) == 1:
                return Negation(self.condition(part, (*at, "not"), rule, depth + 1))
            case {"all": [*parts]} if len(content) == 1 and parts:
                return Junction("all", self.parts(parts, (*at, "all"), rule, depth))
            case {"any": [*parts]} if len(content) == 1 and parts:
                return Junction("any", self.parts(parts, (*at, "any"), rule, depth))
        raise self.error(
            "a condition is neither a clause nor one of all, any, not",
            "write a clause in quotes, or `all:` or `any:` with a list, or `not:` with one",
            rule=rule,
            line=line,
        )

    def parts(self, parts: list[Any], at: Place, rule: str, depth: int) -> tuple[Condition, ...]:
        return tuple(
            self.condition(part, (*at, n), rule, depth + 1) for n, part in enumerate(parts)
        )

    def case(self, n: int, content: Any, rules: dict[str, Rule]) -> Case:
        at: Place = ("tests", n)
        name = content.get("name") if isinstance(content.get("name"), str) else f"test {n + 1}"
        text = self.check(CaseText, content, at, name)
        facts = self.check(Facts, text.facts, (*at, "facts"), name)
        for expected in ("fired", "exempted"):
            for rule in getattr(text.expect, expected) or ():
                if rule not in rules and not rule.startswith("core."):
                    raise self.error(
                        f"it expects rule '{rule}', which the pack does not have",
                        "name a rule of this pack",
                        rule=name,
                        line=self.line(*at, "expect", expected),
                    )
        return Case(text.name, facts, text.expect, self.line(*at) or 0)


def _first_line(failure: Exception) -> str:
    """The useful part of CEL's message: what follows the place, without the drawing below it."""
    return str(failure).rpartition("ERROR: ")[2].splitlines()[0]
