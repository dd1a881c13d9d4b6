"""What a request says twice and differently: which was taken, which was dropped."""

from collections.abc import Iterator
from typing import Final

from generator.moods import MOODS
from generator.plan import Reason
from generator.prompts.reading import Understood
from generator.request import Request

_ONE: Final = ("tempo", "key", "metre", "bars", "seconds", "genre")
"""Fields that hold one value."""
_NEAR: Final = 1.3
"""Tempos no farther apart than so many times do not contradict: words of pace are vague."""


def contradictions(read: Understood, request: Request) -> tuple[Reason, ...]:
    """A reason for each that was settled.

    Parameters
    ----------
    read : Understood
        What the request's prompt says.
    request : Request
        As it was given: its fields win over its prompt.
    """
    return (*_values(read, request), *_excluded(read, request), *_moods(read, request))


def _values(read: Understood, request: Request) -> Iterator[Reason]:
    for name in _ONE:
        given = getattr(request, name)
        taken = read.fields.get(name) if given is None else given
        said = dict.fromkeys(each.value for each in read.spans if each.field == name)
        for other in said:
            if taken is not None and _differ(name, str(taken), other):
                by = "the field says so" if given is not None else "it was read first"
                yield Reason(name, str(taken), f"the prompt also says {other}: dropped, {by}")


def _differ(name: str, taken: str, other: str) -> bool:
    if name in ("tempo", "seconds", "bars"):
        low, high = sorted((float(taken), float(other)))
        return high > low * (_NEAR if name == "tempo" else 1)
    return taken != other


def _excluded(read: Understood, request: Request) -> Iterator[Reason]:
    """Instruments that are asked for and excluded: what a field says wins, else the exclusion."""
    out = {*request.without, *read.fields.get("without", ())}
    asked = request.instruments or read.fields.get("instruments", ())
    for name in dict.fromkeys(asked):
        if name in out and request.instruments:
            yield Reason(
                "instruments", name, "the prompt excludes it: dropped, the field asks for it"
            )
        elif name in out:
            yield Reason("without", name, "it is asked for and excluded: left out")


def _moods(read: Understood, request: Request) -> Iterator[Reason]:
    """Moods that have neither a mode nor a tempo in common."""
    first, *others = request.moods or read.fields.get("moods", ()) or ("",)
    for other in others:
        one, two = MOODS[first], MOODS[other]
        slow, fast = sorted((one.tempo, two.tempo))
        if not set(one.modes) & set(two.modes) and slow[1] < fast[0]:
            why = f"{first} and {other} contradict: the mode of {first}, a tempo between both"
            yield Reason("moods", first, why)
