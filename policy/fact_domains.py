"""What each fact can be: the bounds and words of its model, as a set of values."""

import types
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import Annotated, Any, Literal, Union, get_args, get_origin

import annotated_types
from pydantic import BaseModel

from policy.clauses import EACH, Path
from policy.facts import Facts, MatchFact, Unknown
from policy.value_sets import (
    ANY_WORD,
    EMPTY,
    GONE,
    NUMBERS,
    THING,
    Mark,
    Relation,
    ValueSet,
    of_names,
    of_number,
    whole,
)


@dataclass(frozen=True, slots=True)
class Domain:
    """What a fact can be.

    Parameters
    ----------
    values : ValueSet
        Its values; ``None`` among them if it may be absent, `GONE` if what it belongs to may be.
    integer : bool
        Its numbers are whole.
    """

    values: ValueSet
    integer: bool = False


def constants_of(thresholds: Mapping[str, float], path: Path) -> float | None:
    """The number that a path names, if it is a threshold of the pack."""
    return thresholds.get(path[1]) if path[0] == "thresholds" and len(path) == 2 else None


@lru_cache(maxsize=512)
def domain_at(path: Path) -> Domain | None:
    """What the fact at a path can be; none if there is no such fact.

    Behind ``[]`` it is the fact of one element.
    """
    of_match = path[0] == "match"
    kinds: list[tuple[Any, Any]] = [(MatchFact if of_match else Facts, ())]
    for name in path[of_match:]:
        gone = any(kind in (type(None), _Reaching) for kind, _ in kinds)
        kinds = [found for kind, _ in kinds for found in _step(kind, name)]
        if not kinds:
            return None
        if gone and name != EACH:
            kinds.append((_Reaching, ()))
    values = EMPTY
    for kind, limits in kinds:
        values |= _values(kind, limits)
    return Domain(values, integer=any(kind is int for kind, _ in kinds))


class _Reaching:
    """Stands for what is found where nothing is."""


def _values(kind: Any, limits: Iterable[Any]) -> ValueSet:
    if kind is _Reaching:
        return of_names([GONE])
    if kind is type(None):
        return of_names([None])
    if kind is bool:
        return of_names([True, False])
    if get_origin(kind) is Literal:
        return of_names(get_args(kind))
    if kind in (int, float):
        numbers = NUMBERS
        for limit in limits:
            for relation, number in _bounds(limit):
                numbers &= of_number(relation, number)
        return whole(numbers) if kind is int else numbers
    if kind is str:
        return ANY_WORD - of_names([True, False, None, *Mark])
    return of_names([THING])


def _bounds(limit: Any) -> Iterator[tuple[Relation, float]]:
    match limit:
        case annotated_types.Ge(ge=number):
            yield ">=", float(str(number))
        case annotated_types.Gt(gt=number):
            yield ">", float(str(number))
        case annotated_types.Le(le=number):
            yield "<=", float(str(number))
        case annotated_types.Lt(lt=number):
            yield "<", float(str(number))
        case _ if hasattr(limit, "metadata"):  # pydantic's Field inside Annotated
            for inner in limit.metadata:
                yield from _bounds(inner)


def _step(kind: Any, name: str) -> Iterator[tuple[Any, tuple[Any, ...]]]:
    if isinstance(kind, type) and issubclass(kind, BaseModel):
        if name in kind.model_fields:
            field = kind.model_fields[name]
            yield from _alternatives(field.annotation, tuple(field.metadata))
    elif get_origin(kind) is tuple and name == EACH:
        yield from _alternatives(get_args(kind)[0], ())
    elif get_origin(kind) is dict:
        yield from _alternatives(get_args(kind)[1], ())
        yield type(None), ()


def _alternatives(annotation: Any, limits: tuple[Any, ...]) -> Iterator[tuple[Any, Any]]:
    origin = get_origin(annotation)
    if origin is Annotated:
        inner, *more = get_args(annotation)
        yield from _alternatives(inner, (*limits, *more))
    elif origin in (Union, types.UnionType):
        for part in get_args(annotation):
            yield from _alternatives(part, ())
    elif annotation is not Unknown:
        yield annotation, limits
