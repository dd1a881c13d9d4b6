"""What is told to people, as a template and its values: it reads as English, and can be said in another language."""

import re
from collections.abc import Callable, Mapping
from typing import Any, Final, Self

_PLACE: Final = re.compile(r"%\((\w+)\)s")


class Told(str):
    """A text in English that remembers how it was made.

    ``str(error)`` of an error that was raised with one is the same one still; what is kept as JSON, or joined to
    another text, is plain English.

    Attributes
    ----------
    template : str
        With ``%(name)s`` where values stand.
    values : mapping
    """

    __slots__ = ("template", "values")
    template: str
    values: Mapping[str, Any]

    def __new__(cls, template: str, /, **values: Any) -> Self:
        """Return a template with its values."""
        told = super().__new__(cls, filled(template, values))
        told.template = template
        told.values = values
        return told

    def __str__(self) -> str:
        return self

    def __reduce__(self) -> tuple[Callable[..., "Told"], tuple[str, Mapping[str, Any]]]:
        return _told, (self.template, self.values)


def wrong_with(found: Mapping[str, Any]) -> str:
    """Return what one of pydantic's errors says, in the very words of a validator that raised one."""
    raised = found.get("ctx", {}).get("error")
    if found["type"] == "value_error" and isinstance(raised, ValueError):
        return str(raised)
    return str(found["msg"]).removeprefix("Value error, ")


def filled(template: str, values: Mapping[str, Any]) -> str:
    """Put values into a template; a percent sign that stands by itself stays."""
    return _PLACE.sub(lambda place: str(values[place[1]]), template)


def _told(template: str, values: Mapping[str, Any]) -> Told:
    return Told(template, **values)
