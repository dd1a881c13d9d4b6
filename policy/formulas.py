"""Conditions as formulas over sets of values, so that two of them can be compared.

A clause's comparisons of one fact with a constant or a threshold become sets of values; whatever
else it says is *opaque*: a thing that is true, false or neither, known by its text alone. What is
shown impossible here is impossible; what is not shown may be so all the same.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Final

from policy.clauses import EACH, LITERALS, TOKEN, Clause, Path
from policy.clauses import chain as read_chain
from policy.conditions import Condition, Junction, Negation
from policy.fact_domains import Domain, constants_of, domain_at
from policy.value_sets import (
    GONE,
    Constant,
    Relation,
    ValueSet,
    of_names,
    of_number,
    whole,
)

Tokens = list[tuple[str, str]]
OPAQUE: Final = "?"
STEPS: Final = 20_000
RELATIONS: Final[dict[str, Relation]] = {
    "==": "==",
    "!=": "!=",
    "<": "<",
    "<=": "<=",
    ">": ">",
    ">=": ">=",
}
MIRRORED: Final[dict[Relation, Relation]] = {
    "==": "==",
    "!=": "!=",
    "<": ">",
    "<=": ">=",
    ">": "<",
    ">=": "<=",
}
THREE: Final = Domain(of_names([True, False, None]))


@dataclass(frozen=True, slots=True)
class Atom:
    """One fact is one of some values."""

    fact: Path
    values: ValueSet
    domain: Domain


@dataclass(frozen=True, slots=True)
class AllOf:
    """All parts hold; with none, it always does."""

    parts: tuple["Formula", ...] = ()


@dataclass(frozen=True, slots=True)
class AnyOf:
    """One of the parts holds; with none, it never does."""

    parts: tuple["Formula", ...] = ()


Formula = Atom | AllOf | AnyOf
ALWAYS: Final = AllOf()
NEVER: Final = AnyOf()


@dataclass(frozen=True, slots=True)
class Comparison:
    """A clause's comparison of one fact with a constant: a place where its truth may change."""

    fact: Path
    relation: Relation
    constant: Constant


@dataclass(frozen=True)
class _Scope:
    """What names mean where a clause is read, and what comparisons were met there."""

    thresholds: Mapping[str, float]
    bound: Mapping[str, Path] = field(default_factory=dict)
    met: list[Comparison] = field(default_factory=list)


def formula_of(condition: Condition, thresholds: Mapping[str, float]) -> Formula:
    """When a condition is true.

    Parameters
    ----------
    condition : Condition
        Clauses under ``all:``, ``any:`` and ``not:``.
    thresholds : mapping
        The pack's numbers.
    """
    if isinstance(condition, Clause):
        return _expression(_tokens(condition.text), _Scope(thresholds), True)
    if isinstance(condition, Negation):
        return complement(formula_of(condition.part, thresholds))
    parts = tuple(formula_of(part, thresholds) for part in condition.parts)
    return (
        AllOf(parts)
        if isinstance(condition, Junction) and condition.word == "all"
        else AnyOf(parts)
    )


def comparisons_of(clause: Clause, thresholds: Mapping[str, float]) -> list[Comparison]:
    """All comparisons of a fact with a constant that a clause makes, in order."""
    scope = _Scope(thresholds)
    _expression(_tokens(clause.text), scope, True)
    return scope.met


def complement(formula: Formula) -> Formula:
    """When a formula does not hold."""
    match formula:
        case Atom(values=values, domain=domain):
            return replace(formula, values=domain.values - values)
        case AllOf(parts):
            return AnyOf(tuple(map(complement, parts)))
        case AnyOf(parts):
            return AllOf(tuple(map(complement, parts)))


def satisfiable(*formulas: Formula) -> bool:
    """Whether some facts make all the formulas hold; true too if that takes too long to tell."""
    steps = [STEPS]

    def search(todo: tuple[Formula, ...], known: dict[Path, ValueSet]) -> bool:
        steps[0] -= 1
        if steps[0] < 0:
            return True
        if not todo:
            return _hangs_together(known)
        first, *rest = todo
        match first:
            case Atom(fact=fact, values=values, domain=domain):
                left = known.get(fact, domain.values) & values
                return bool(left) and search(tuple(rest), known | {fact: left})
            case AllOf(parts):
                return search((*parts, *rest), known)
            case AnyOf(parts):
                return any(search((part, *rest), known) for part in parts)

    # what leaves no choice comes first
    return search(tuple(sorted(formulas, key=lambda each: isinstance(each, AnyOf))), {})


@dataclass(frozen=True)
class Outline:
    """What a formula asks of facts whatever else it does, and which facts it names under a choice."""

    asked: Mapping[Path, ValueSet]
    chosen: frozenset[Path]

    @classmethod
    def of(cls, formula: Formula) -> "Outline":
        """Read the outline of a formula."""
        asked: dict[Path, ValueSet] = {}
        chosen: set[Path] = set()
        todo = [(formula, False)]
        while todo:
            part, choice = todo.pop()
            if not isinstance(part, Atom):
                todo += [(each, choice or isinstance(part, AnyOf)) for each in part.parts]
            elif choice:
                chosen.add(part.fact)
            else:
                asked[part.fact] = asked.get(part.fact, part.domain.values) & part.values
        return cls(asked, frozenset(chosen))

    def may_imply(self, other: "Outline") -> bool:
        """Whether one that can hold may imply the other: false only if it surely does not."""
        for fact, values in other.asked.items():
            if fact in self.chosen:
                continue
            here = self.asked.get(fact)
            if here is None or here - values:
                return False
        return True


def _hangs_together(known: Mapping[Path, ValueSet]) -> bool:
    """Whether facts fit those that they belong to: of an absent thing nothing can be read."""
    absent, gone = of_names([None, GONE]), of_names([GONE])
    for path, values in known.items():
        owner = known.get(path[:-1])
        if owner is None:
            continue
        if not owner - absent and not values & gone:
            return False
        if not owner & absent and not values - gone:
            return False
    return True


# Reading clauses


def _tokens(text: str) -> Tokens:
    """Tokens of a clause, with operators of two marks as one."""
    merged: Tokens = []
    end = -1
    for found in TOKEN.finditer(text):
        group, word = found.lastgroup or "", found.group()
        pair = merged[-1][1] + word if merged and found.start() == end else ""
        if pair in ("&&", "||", "==", "!=", "<=", ">="):
            merged[-1] = ("mark", pair)
        else:
            merged.append((group, word))
        end = found.end()
    return merged


def _split(tokens: Tokens, marks: Sequence[str]) -> list[Tokens]:
    """Parts between marks that stand outside all brackets."""
    parts: list[Tokens] = [[]]
    depth = 0
    for group, word in tokens:
        if group == "mark":
            depth += (word in "([{") - (word in ")]}")
        if depth == 0 and group == "mark" and word in marks:
            parts.append([])
        else:
            parts[-1].append((group, word))
    return parts


def _expression(tokens: Tokens, scope: _Scope, wanted: bool) -> Formula:
    """When an expression gives what is wanted; an error is neither true nor false.

    CEL's ``||`` is true if one side is, whatever becomes of the other; its ``&&`` is false likewise.
    """
    if len(_split(tokens, "?")) > 1:
        return _opaque(tokens, scope, wanted)
    for mark, joins_wanted in (("||", False), ("&&", True)):
        sides = _split(tokens, [mark])
        if len(sides) > 1:
            parts = tuple(_expression(side, scope, wanted) for side in sides)
            return AllOf(parts) if wanted is joins_wanted else AnyOf(parts)
    relation = _relation(tokens, scope, wanted)
    if relation is not None:
        return relation
    if tokens and tokens[0] == ("mark", "!"):
        return _expression(tokens[1:], scope, not wanted)
    if _enclosed(tokens):
        return _expression(tokens[1:-1], scope, wanted)
    path = _path(tokens, scope)
    domain = domain_at(path) if path else None
    if path and domain and True in domain.values:
        scope.met.append(Comparison(path, "==", True))
        return Atom(path, of_names([wanted]), domain)
    if wanted and _never_exists(tokens, scope):
        return NEVER
    return _opaque(tokens, scope, wanted)


def _enclosed(tokens: Tokens) -> bool:
    return (
        len(tokens) > 2
        and tokens[0] == ("mark", "(")
        and tokens[-1] == ("mark", ")")
        and all(_depth(tokens[:n]) > 0 for n in range(1, len(tokens)))
    )


def _depth(tokens: Tokens) -> int:
    marks = [word for group, word in tokens if group == "mark"]
    return sum((word in "([{") - (word in ")]}") for word in marks)


def _opaque(tokens: Tokens, scope: _Scope, wanted: bool) -> Formula:
    words = " ".join(
        ".".join(scope.bound[word]) if group == "name" and word in scope.bound else word
        for group, word in tokens
    )
    return Atom((OPAQUE, words), of_names([wanted]), THREE)


def _path(tokens: Tokens, scope: _Scope) -> Path | None:
    """The fact that tokens name, if they name one and nothing else."""
    if not tokens or tokens[0][0] != "name" or tokens[0][1] in LITERALS:
        return None
    path, last = read_chain(tokens, 0)
    if last != len(tokens) - 1:
        return None
    return (*scope.bound[path[0]], *path[1:]) if path[0] in scope.bound else path


def _constant(tokens: Tokens, scope: _Scope) -> tuple[Constant] | None:
    """The value of tokens that are a literal or a threshold, in a tuple since it may be None."""
    match tokens:
        case [("name", "true" | "false" | "null" as word)]:
            return ({"true": True, "false": False, "null": None}[word],)
        case [("string", text)] if text[0] in "\"'" and "\\" not in text:
            return (text[1:-1],)
        case [("number", text)]:
            return _number(text)
        case [("mark", "-"), *rest] if rest:
            negated = _constant(rest, scope)
            return (-float(negated[0] or 0),) if negated and _is_number(negated[0]) else None
    path = _path(tokens, scope)
    number_named = constants_of(scope.thresholds, path) if path else None
    return None if number_named is None else (number_named,)


def _number(text: str) -> tuple[float] | None:
    try:
        return (float(text),)
    except ValueError:
        return None


def _relation(tokens: Tokens, scope: _Scope, wanted: bool) -> Formula | None:
    """A comparison of a fact with a constant, or membership of a fact in a list of constants."""
    depth = 0
    for n, (group, word) in enumerate(tokens):
        if group == "mark":
            depth += (word in "([{") - (word in ")]}")
        if depth:
            continue
        left, right = tokens[:n], tokens[n + 1 :]
        if (group, word) == ("name", "in"):
            return _member(left, right, scope, wanted) or _opaque(tokens, scope, wanted)
        if group == "mark" and word in RELATIONS:
            compared = _compared(left, RELATIONS[word], right, scope, wanted)
            return compared or _opaque(tokens, scope, wanted)
    return None


def _compared(
    left: Tokens, relation: Relation, right: Tokens, scope: _Scope, wanted: bool
) -> Formula | None:
    for fact, other, turned in (
        (left, right, relation),
        (right, left, MIRRORED[relation]),
    ):
        path, constant = _path(fact, scope), _constant(other, scope)
        domain = domain_at(path) if path and path[0] != "thresholds" else None
        if path and domain and constant is not None:
            scope.met.append(Comparison(path, turned, constant[0]))
            return _atom(path, domain, turned, constant[0], wanted)
    one, two = _constant(left, scope), _constant(right, scope)
    if one is not None and two is not None and _is_number(one[0]) and _is_number(two[0]):
        held = one[0] in of_number(relation, float(two[0] or 0))
        return ALWAYS if held is wanted else NEVER
    return None


def _is_number(value: Constant) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


def _atom(
    path: Path, domain: Domain, relation: Relation, constant: Constant, wanted: bool
) -> Formula | None:
    readable = domain.values - of_names([GONE])
    numeric = isinstance(constant, int | float) and not isinstance(constant, bool)
    if relation in ("==", "!="):
        same = of_number("==", float(constant or 0)) if numeric else of_names([constant])  # type: ignore[list-item]
        same = (whole(same) if domain.integer else same) & readable
        values = same if wanted is (relation == "==") else readable - same
        return Atom(path, values, domain)
    if not numeric:
        return None
    numbers = domain.values & ValueSet(below=True)
    held = of_number(relation, float(constant or 0))
    held = (whole(held) if domain.integer else held) & numbers
    return Atom(path, held if wanted else numbers - held, domain)


def _member(left: Tokens, right: Tokens, scope: _Scope, wanted: bool) -> Formula | None:
    """``fact in ['a', 'b']``."""
    path = _path(left, scope)
    domain = domain_at(path) if path else None
    listed = right[:1] == [("mark", "[")] and right[-1:] == [("mark", "]")]
    if path is None or domain is None or not listed:
        return None
    items = [_constant(item, scope) for item in _split(right[1:-1], [","])]
    if not all(items):
        return None
    each = [_atom(path, domain, "==", item[0], True) for item in items if item]
    found = ValueSet()
    for (item,), atom in zip([item for item in items if item], each, strict=True):
        scope.met.append(Comparison(path, "==", item))
        found |= atom.values if isinstance(atom, Atom) else ValueSet()
    readable = domain.values - of_names([GONE])
    return Atom(path, found if wanted else readable - found, domain)


def _never_exists(tokens: Tokens, scope: _Scope) -> bool:
    """Whether tokens are ``list.exists(x, condition)`` with a condition no element can meet."""
    if not tokens or tokens[0][0] != "name":
        return False
    path, last = read_chain(tokens, 0)
    if path[-1] not in ("exists", "exists_one") or tokens[last + 1 : last + 2] != [("mark", "(")]:
        return False
    name, *rest = tokens[last + 2 :]
    if rest[:1] != [("mark", ",")] or rest[-1] != ("mark", ")") or _depth(rest[:-1]) != 0:
        return False
    inner = replace(scope, bound={**scope.bound, name[1]: (*path[:-1], EACH)}, met=[])
    return not satisfiable(_expression(rest[1:-1], inner, True))
