"""Sentences in English that remember what they are made from, for those who say them in another language."""

from collections.abc import Callable
from typing import Self


class Message(str):
    """An English sentence, its pattern, and the values in it.

    Parameters
    ----------
    pattern : str
        With places such as ``%(model)s``; the message of the PO files.
    values : str or tuple of str
        What stands there; messages themselves, perhaps. Of a tuple each stands there, with commas between.
    """

    pattern: str
    values: dict[str, str | tuple[str, ...]]

    def __new__(cls, pattern: str, **values: str | tuple[str, ...]) -> Self:
        """Write the sentence in English."""
        said = super().__new__(cls, _filled(pattern, values, str))
        said.pattern, said.values = pattern, values
        return said

    def told(self, gettext: Callable[[str], str]) -> str:
        """Return the sentence in the language of ``gettext``."""

        def each(value: str) -> str:
            return value.told(gettext) if isinstance(value, Message) else str(value)

        return _filled(gettext(self.pattern), self.values, each)


def _filled(
    pattern: str, values: dict[str, str | tuple[str, ...]], say: Callable[[str], str]
) -> str:
    if not values:
        return pattern
    return pattern % {
        name: ", ".join(map(say, value)) if isinstance(value, tuple) else say(value)
        for name, value in values.items()
    }
