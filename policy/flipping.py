"""What would flip a decision: single facts that, were they otherwise, would change the outcome.

Each is found by altering one fact that a rule which fired has read, and deciding again. Nothing is
guessed, and nothing is searched that needs two changes at once.
"""

import math
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from itertools import islice
from typing import Any, Final, Literal

from pydantic import BaseModel

from policy.change_words import (
    Words,
    beside,
    framed,
    item_words,
    translated,
    value_words,
)
from policy.clauses import EACH, Clause, Path, show_path
from policy.conditions import clauses_of
from policy.core_texts import SOURCE
from policy.decisions import SEVERITY, Decision
from policy.fact_domains import Domain, domain_at
from policy.facts import Facts, MatchFact, Unknown
from policy.formulas import Comparison, comparisons_of
from policy.judgement import decide
from policy.packs import Pack, Rule
from policy.territories import REST

Place = tuple[str | int, ...]
Effect = Literal["milder", "stricter"]
MATCHES_JUDGED: Final = 1000
FEWEST, MOST = 10, 100
LISTED: Final = 5


@dataclass(frozen=True, slots=True)
class Flip:
    """One change to one fact, and what the decision is with it.

    Attributes
    ----------
    fact : str
        As rules name it: ``match.score``.
    reference_id : str or None
        Of the match, if the fact is one of a match.
    place : tuple
        Where it is in the facts: ``("matches", 0, "score")``.
    value : object
        The value that was tried.
    change : str
        The change in words: ``below 0.99 (is 0.995)``.
    changes : mapping
        The same in other languages.
    effect : str
        ``milder`` or ``stricter``.
    decision, outcomes
        What is decided then.
    """

    fact: str
    reference_id: str | None
    place: Place
    value: Any
    change: str
    effect: Effect
    decision: str
    outcomes: dict[str, str]
    changes: Mapping[str, str] = field(default_factory=dict)

    def __str__(self) -> str:
        of = "" if self.reference_id is None else f" of {self.reference_id}"
        return f"{self.fact}{of} {self.change} -> {self.decision}"

    def to_json(self) -> dict[str, Any]:
        """Give the flip as JSON data."""
        return {
            "fact": self.fact,
            "reference_id": self.reference_id,
            "change": self.change,
            "changes": dict(self.changes),
            "effect": self.effect,
            "decision": self.decision,
            "outcomes": dict(self.outcomes),
        }


@dataclass(frozen=True, slots=True)
class _Change:
    place: Place
    fact: Path
    value: Any
    told: Words


def flips(pack: Pack, facts: Facts, limit: int = 10) -> tuple[Flip, ...]:
    """Find single changes of facts that would change the outcome.

    Only facts that rules which fired have read are changed, and of a match that they acted on those
    that exemptions read: numbers to the nearest side of a number that the pack compares them with,
    words and booleans to another, lists by one element. The number of decisions made is bounded,
    at 100 for a track with few matches.

    Parameters
    ----------
    limit : int
        At most so many.

    Returns
    -------
    tuple of Flip
        Milder outcomes first, the mildest at the head, then stricter ones; of one decision by the
        rules that fired, the most restrictive first, and exemptions last. For a fact and an outcome
        only the smallest change.
    """
    decision = decide(pack, facts)
    count = len(facts.matches) if isinstance(facts.matches, tuple) else 0
    tries = min(MOST, max(FEWEST, MATCHES_JUDGED // (count + 1)))
    found: dict[tuple[Any, ...], Flip] = {}
    for change in islice(_changes(pack, facts, decision), tries):
        flip = _tried(pack, facts, decision, change)
        if flip is not None:
            found.setdefault((flip.place, *_key(flip)), flip)
    ordered = sorted(
        found.values(), key=lambda flip: (flip.effect == "stricter", SEVERITY[flip.decision])
    )
    return tuple(ordered[:limit])


def altered(facts: Facts, flip: Flip) -> Facts:
    """Give the facts with a flip's change made."""
    changed: Facts = _put(facts, flip.place, flip.value)
    return changed


def _key(flip: Flip) -> tuple[Any, ...]:
    """What makes two flips of one fact the same news."""
    if isinstance(flip.value, float | int) and not isinstance(flip.value, bool):
        return (flip.effect, *sorted(flip.outcomes.items()))
    return (flip.effect, repr(flip.value))


def _tried(pack: Pack, facts: Facts, before: Decision, change: _Change) -> Flip | None:
    after = decide(pack, _put(facts, change.place, change.value))
    effect = _effect(before, after)
    if effect is None:
        return None
    match = change.place[1] if change.place[0] == "matches" and len(change.place) > 2 else None
    of = (
        facts.matches[match]
        if isinstance(match, int) and isinstance(facts.matches, tuple)
        else None
    )
    return Flip(
        show_path(change.fact),
        of.reference_id if of else None,
        change.place,
        change.value,
        change.told(SOURCE),
        effect,
        after.decision,
        after.outcomes,
        translated(change.told),
    )


def _effect(before: Decision, after: Decision) -> Effect | None:
    """Whether the outcome is milder or stricter everywhere where it is another."""
    cells = {*before.outcomes, *after.outcomes}
    steps = {
        SEVERITY[after.outcomes.get(cell) or after.outcomes[REST]]
        - SEVERITY[before.outcomes.get(cell) or before.outcomes[REST]]
        for cell in cells
    }
    if min(steps) < 0 and max(steps) <= 0:
        return "milder"
    return "stricter" if max(steps) > 0 and min(steps) >= 0 else None


# Which facts, and what they might be


def _changes(pack: Pack, facts: Facts, decision: Decision) -> Iterator[_Change]:
    """Changes worth trying, in the order of the rules that fired, then exemptions; nearest first."""
    compared = _comparisons(pack)
    met: set[Place] = set()
    fired = list(_fired(pack, facts, decision))
    for rule, match in (*fired, *_exempting(pack, fired)):
        for path in _read(pack, rule):
            if path == ("territories",):
                continue  # other territories are another question, not another fact
            place: Place = path
            if path[0] == "match":
                if match is None or len(path) == 1:
                    continue
                place = ("matches", match, *path[1:])
            if place in met or path[0] == "thresholds":
                continue
            met.add(place)
            yield from _alternatives(facts, place, path, compared.get(path, []))


def _fired(pack: Pack, facts: Facts, decision: Decision) -> Iterator[tuple[Rule, int | None]]:
    rules = {rule.id: rule for rule in pack.rules}
    matches = facts.matches if isinstance(facts.matches, tuple) else ()
    told = [(reason.rule, dict(reason.evidence)) for reason in decision.reasons]
    told += [(each.rule, {"reference_id": each.reference_id}) for each in decision.exempted]
    for name, evidence in told:
        rule = rules.get(name)
        if rule is None:
            continue
        if not rule.per_match:
            yield rule, None
            continue
        for n, match in enumerate(matches):
            if _is_of(match, evidence):
                yield rule, n


def _exempting(
    pack: Pack, fired: Iterable[tuple[Rule, int | None]]
) -> Iterator[tuple[Rule, int | None]]:
    """Exemptions, each with the matches that rules acted on: a licence, say, that is not on record."""
    acted_on = dict.fromkeys(match for rule, match in fired if rule.phase == "decide")
    for match in acted_on:
        if match is not None:
            yield from ((rule, match) for rule in pack.exemptions)


def _is_of(match: MatchFact, evidence: dict[str, Any]) -> bool:
    return match.reference_id == evidence.get("reference_id") and (
        evidence.get("kind", match.kind) == match.kind
    )


def _clauses(pack: Pack, rule: Rule) -> Iterator[Clause]:
    yield from rule.clauses
    if rule.outcome == "block":
        yield from clauses_of(pack.manifest)


def _read(pack: Pack, rule: Rule) -> dict[Path, None]:
    """Facts that a rule reads, each once; of a list's elements, the list."""
    return {
        path[: path.index(EACH)] if EACH in path else path: None
        for clause in _clauses(pack, rule)
        for path in clause.reading.paths
    }


def _comparisons(pack: Pack) -> dict[Path, list[Comparison]]:
    """All that the pack compares each fact with."""
    found: dict[Path, list[Comparison]] = {}
    for rule in pack.rules:
        for clause in _clauses(pack, rule):
            for comparison in comparisons_of(clause, pack.thresholds):
                found.setdefault(comparison.fact, []).append(comparison)
    return found


def _alternatives(
    facts: Facts, place: Place, path: Path, compared: Iterable[Comparison]
) -> Iterator[_Change]:
    domain = domain_at(path)
    now = _get(facts, place)
    if domain is None or isinstance(now, Unknown | BaseModel | dict | _Nowhere):
        return
    if isinstance(now, tuple):
        for value, told in _lists(now, path):
            yield _Change(place, path, value, told)
        return
    for value, told in _scalars(now, domain, list(compared)):
        yield _Change(place, path, value, beside(told, value_words(now)))


def _scalars(now: Any, domain: Domain, compared: list[Comparison]) -> Iterator[tuple[Any, Words]]:
    names: set[str | bool] = {
        each.constant for each in compared if isinstance(each.constant, str | bool)
    }
    if not domain.values.others:
        names |= {name for name in domain.values.named if isinstance(name, str | bool)}
    for name in sorted(names, key=str):
        if name != now and name in domain.values:
            yield name, value_words(name)
    yield from sorted(_numbers(now, domain, compared), key=lambda pair: abs(pair[0] - _number(now)))


def _number(now: Any) -> float:
    return float(now) if isinstance(now, int | float) else 0.0


def _numbers(now: Any, domain: Domain, compared: list[Comparison]) -> Iterator[tuple[float, Words]]:
    """Numbers on either side of those that the fact is compared with, and how to say them."""
    constants = {
        float(each.constant)
        for each in compared
        if isinstance(each.constant, int | float) and not isinstance(each.constant, bool)
    }
    for constant in constants:
        for value, told in _around(constant, now, domain.integer):
            if value != now and value in domain.values:
                yield value, told


def _around(constant: float, now: Any, integer: bool) -> Iterator[tuple[float, Words]]:
    if integer:
        for number in (math.ceil(constant) - 1, math.floor(constant), math.floor(constant) + 1):
            yield number, value_words(number)
        return
    words = value_words(constant)
    if now is None:
        yield constant, words
    else:
        yield constant, framed("or-more" if now < constant else "or-less", words)
    yield math.nextafter(constant, -math.inf), framed("below", words)
    yield math.nextafter(constant, math.inf), framed("above", words)


def _lists(now: tuple[Any, ...], path: Path) -> Iterator[tuple[tuple[Any, ...], Words]]:
    """Lists with one element less or, of words, one more."""
    for n, item in enumerate(now[:LISTED]):
        yield now[:n] + now[n + 1 :], framed("without", item_words(item))
    domain = domain_at((*path, EACH))
    if domain is not None and not domain.values.others:
        words = sorted(name for name in domain.values.named if isinstance(name, str))
        for word in words:
            if word not in now:
                yield (*now, word), framed("with", value_words(word))


# Reaching into facts


class _Nowhere:
    """No such place: what it belongs to is absent."""


def _get(thing: Any, place: Place) -> Any:
    for step in place:
        if isinstance(thing, BaseModel) and not isinstance(thing, Unknown):
            thing = getattr(thing, str(step))
        elif isinstance(thing, tuple) and isinstance(step, int):
            thing = thing[step]
        else:
            return _Nowhere()
    return thing


def _put(thing: Any, place: Place, value: Any) -> Any:
    if not place:
        return value
    step, *rest = place
    if isinstance(step, int):
        return (*thing[:step], _put(thing[step], tuple(rest), value), *thing[step + 1 :])
    return thing.model_copy(update={step: _put(getattr(thing, step), tuple(rest), value)})
