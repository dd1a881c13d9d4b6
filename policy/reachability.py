"""Rules that can never fire, and rules that change nothing when they do."""

from collections.abc import Iterable, Iterator, Sequence
from itertools import combinations

from policy.clauses import Clause
from policy.conditions import Condition, Junction, clauses_of
from policy.decisions import SEVERITY
from policy.findings import Finding
from policy.formulas import AllOf, Formula, Outline, complement, formula_of, satisfiable
from policy.packs import Pack, Rule
from policy.territories import EVERYWHERE, Area


def impossible_rules(pack: Pack, rules: Iterable[Rule]) -> Iterator[Finding]:
    """Find rules whose conditions no facts can meet.

    Bounds and words of the facts' models are known, and so are the pack's thresholds. A rule on
    matches that all of them are exempted from before it is asked can't fire either.
    """
    exempted = [
        _fires(pack, rule)
        for rule in pack.exemptions
        if rule.where == EVERYWHERE and rule.applies is None
    ]
    for rule in rules:
        dead = [
            clause
            for clause in rule.clauses
            if not satisfiable(formula_of(clause, pack.thresholds))
        ]
        if dead:
            yield from (_never_true(rule, clause) for clause in dead)
        elif not satisfiable(_fires(pack, rule)):
            yield _contradictory(pack, rule)
        elif rule.phase == "decide" and rule.per_match:
            left = [complement(each) for each in exempted]
            if not satisfiable(_fires(pack, rule), *left):
                yield Finding(
                    "impossible",
                    rule.id,
                    rule.line,
                    "every match that it could fire on is exempted before",
                    "take the rule out, or narrow the exemption",
                )


def shadowed_rules(pack: Pack, rules: Sequence[Rule]) -> Iterator[Finding]:
    """Find rules that another rule covers: wherever they fire, it asks for as much or more."""
    fires = {rule.id: _fires(pack, rule) for rule in rules}
    outlines = {name: Outline.of(formula) for name, formula in fires.items()}
    found: set[str] = set()
    for rule in rules:
        for other in rules:
            if other is rule or other.id in found or not _covers(other, rule):
                continue
            if not outlines[rule.id].may_imply(outlines[other.id]):
                continue  # most pairs: told at a glance
            if not satisfiable(fires[rule.id], complement(fires[other.id])):
                found.add(rule.id)
                yield Finding(
                    "shadowed",
                    rule.id,
                    rule.line,
                    f"it changes nothing: where it fires, `{other.id}` (line {other.line}) fires too"
                    f"{_and_asks(other)}",
                    "take one of the two out, or narrow the other",
                )
                break


def _fires(pack: Pack, rule: Rule) -> Formula:
    conditions = [rule.when] if rule.applies is None else [rule.applies, rule.when]
    return AllOf(tuple(formula_of(each, pack.thresholds) for each in conditions))


def _never_true(rule: Rule, clause: Clause) -> Finding:
    return Finding(
        "impossible",
        rule.id,
        clause.line,
        f"`{clause.text}` is never true",
        "compare with a value that the fact can have (docs/policy-facts.md)",
    )


def _contradictory(pack: Pack, rule: Rule) -> Finding:
    """Name two parts that exclude each other, if two do."""
    parts = [
        part for condition in (rule.applies, rule.when) if condition for part in _all_of(condition)
    ]
    for one, two in combinations(parts, 2):
        if not satisfiable(*(formula_of(each, pack.thresholds) for each in (one, two))):
            shown = " and ".join(f"`{_words(each)}`" for each in (one, two))
            problem = f"it can never fire: {shown} exclude each other"
            break
    else:
        problem = "it can never fire: its clauses contradict each other"
    return Finding("impossible", rule.id, rule.line, problem, "mend one of them, or use `any:`")


def _all_of(condition: Condition) -> Iterator[Condition]:
    """Parts that must all hold."""
    if isinstance(condition, Junction) and condition.word == "all":
        for part in condition.parts:
            yield from _all_of(part)
    else:
        yield condition


def _words(condition: Condition) -> str:
    if isinstance(condition, Clause):
        return condition.text
    word = condition.word if isinstance(condition, Junction) else "not"
    return f"{word}: {'; '.join(clause.text for clause in clauses_of(condition))}"


def _covers(other: Rule, rule: Rule) -> bool:
    """Whether a rule, where it fires, leaves nothing for another to do; conditions apart."""
    if (other.phase, other.per_match) != (rule.phase, rule.per_match):
        return False
    if not set(rule.requires) <= set(other.requires):
        return False
    if not _lies_in(rule.where, other.where):
        return False
    if rule.phase == "exempt":
        return True
    if rule.outcome == "clear":
        return other.outcome == "clear"  # what is only recorded is told beside what is acted on
    if rule.outcome == other.outcome == "restrict":
        return rule.restriction == other.restriction
    return SEVERITY[other.outcome] >= SEVERITY[rule.outcome]


def _lies_in(inner: Area | str, outer: Area | str) -> bool:
    if outer in (inner, EVERYWHERE):
        return True
    return isinstance(inner, Area) and isinstance(outer, Area) and not inner - outer


def _and_asks(other: Rule) -> str:
    return "" if other.phase == "exempt" else f" and asks for {other.outcome}"
