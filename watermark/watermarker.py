"""What every engine can do."""

from collections.abc import Sequence
from typing import Protocol

from watermark.arrays import F32Array
from watermark.keys import Key
from watermark.marks import Mark
from watermark.payloads import Payload


class Watermarker(Protocol):
    """Writes marks into sound and reads them."""

    def embed(
        self,
        samples: F32Array,
        sample_rate: int,
        payload: Payload,
        key: Key,
        strength: float | None = None,
    ) -> F32Array:
        """Mark sound.

        Parameters
        ----------
        samples : float32 array, shape (channels, n)
            -1 to 1; left as they are.
        sample_rate : int
            Hz, 8,000 to 768,000.
        payload : Payload
        key : Key
        strength : float, optional
            Thousandths of its level in decibels by which a band is moved. Without it, what suits the
            sound: 10, or down to 5 where that lies too little below it.

        Returns
        -------
        float32 array, shape (channels, n)
            Within ±0.99; silent where the sound is silent and a frame away from what isn't.

        Raises
        ------
        UnusableAudioError, TooShortError
            See :func:`watermark.samples.checked`.
        BadStrengthError
            If the strength is not in 0 to 50.
        """

    def detect(self, samples: F32Array, sample_rate: int, keys: Sequence[Key]) -> list[Mark]:
        """Read marks.

        Parameters
        ----------
        samples : float32 array, shape (channels, n)
            -1 to 1.
        sample_rate : int
            Hz, 8,000 to 768,000.
        keys : sequence of Key
            All are tried.

        Returns
        -------
        list of Mark
            Found ones first. Sound without a mark may have candidates: believe one only if its payload
            proves itself, by a keyed check or as one that was issued.

        Raises
        ------
        UnusableAudioError, TooShortError
            See :func:`watermark.samples.checked`.
        """
