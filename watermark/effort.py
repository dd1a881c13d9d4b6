"""How much detection does for a mark that is not heard at once."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from watermark.keys import Key

_PART_SECONDS: Final = 1.0
_KEY_SECONDS: Final = 0.4


@dataclass(frozen=True)
class DetectionParams:
    """How far detection goes where a sound, as it is, gives no mark under any key.

    The defaults suit excerpts and files alike: only half a minute of up to half an hour is searched
    for alterations, and sound of less than 8 s is not.

    Parameters
    ----------
    speed : bool
        Search for copies at 0.8 to 1.25 of their speed.
    stretch : bool
        Search for copies at a tempo or a pitch that is up to 5 % off.
    budget_seconds : float
        CPU time that these searches may take in one call, by an estimate that is the same on every
        machine: a second for a part of up to half an hour in one mode, and 0.4 s more for every
        key. Keys that it doesn't last for are searched in the sound as it is only.
    """

    speed: bool = True
    stretch: bool = True
    budget_seconds: float = 5.0


class Budget:
    """What is left of a budget of CPU time."""

    def __init__(self, params: DetectionParams) -> None:
        self._left = params.budget_seconds if params.speed or params.stretch else 0.0

    def spent_on(self, keys: Sequence[Key]) -> Sequence[Key]:
        """Keys for which a part can still be searched, the first ones; their cost is deducted."""
        count = min(len(keys), max(0, int((self._left - _PART_SECONDS) / _KEY_SECONDS)))
        if count:
            self._left -= _PART_SECONDS + count * _KEY_SECONDS
        return keys[:count]
