"""Marks of one key on top of each other.

Sound that was marked twice with one key, or mixed from two marked tracks in time with each other,
carries two messages in the same bands. What the first explains is taken away to read the second.
"""

from collections.abc import Iterator
from dataclasses import replace
from typing import Final

from watermark.arrays import F32Array
from watermark.convolutional import Code
from watermark.extraction import decoded, remainder
from watermark.readings import Reading
from watermark.verdicts import convinces

_EXPLAINED: Final = 0.09
"""Error of a reading below which there is no room for another mark beneath it."""


def layers(reading: Reading, raw: F32Array, code: Code) -> Iterator[Reading]:
    """A reading and, as long as they are believed, those that lie beneath it.

    Parameters
    ----------
    raw : float32 array, shape (coded bits of the code,)
        What the reading was decoded from.
    """
    yield reading
    while convinces(reading) and reading.error > _EXPLAINED:
        raw = remainder(raw, reading.message, code)
        if (made := decoded(raw, code)) is None:
            return
        reading = replace(reading, message=made.message, error=made.error, margin=made.margin)
        if not convinces(reading):
            return
        yield reading
