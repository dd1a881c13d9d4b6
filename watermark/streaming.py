"""Detection in sound that comes bit by bit and may never end, in bounded memory."""

from collections.abc import Sequence
from dataclasses import replace
from typing import Final

import numpy as np
import soxr

from watermark.arrays import F32Array
from watermark.effort import Budget, DetectionParams
from watermark.errors import StreamEndedError, UnusableAudioError
from watermark.excerpt import SEARCH_FRAME, SEARCH_RATE
from watermark.keys import Key
from watermark.marks import Mark, Verdict
from watermark.parts import Part, marks_in, overlap_of
from watermark.payloads import PayloadMode
from watermark.resampling import QUALITY
from watermark.samples import MIN_SECONDS, sounding, usable
from watermark.verdicts import judged

STREAM_PART_SECONDS: Final = 300.0
"""How much sound is read at once: what is heard is told at most so much later."""
_LEAST_PART_SECONDS: Final = 180.0
_LEAST_SAMPLES: Final = int(MIN_SECONDS * SEARCH_RATE) - 1
_SAME_SECONDS: Final = 2 * SEARCH_FRAME / SEARCH_RATE


class StreamDetector:
    """Reads marks from blocks of samples as they come.

    Sound is read in parts that overlap by 2.6 blocks, so every mark of one block or of a pair of them lies
    in a part and is told once. Keys are screened in each part by itself: what
    :class:`watermark.BuiltinWatermarker` finds in the whole sound is told if its key stands out there,
    as every mark does that is clear by itself. Marks of all blocks together reach through one part. At 11,025 Hz a part takes 13 MB a channel, and its spectra 17 MB.

    Parameters
    ----------
    sample_rate : int
        Hz, 8,000 to 768,000.
    keys : sequence of Key
        All are tried.
    modes : sequence of PayloadMode
    params : DetectionParams, optional
        The budget is that of each part.
    part_seconds : float
        At least 180.

    Raises
    ------
    ValueError
        If parts are too short.
    """

    def __init__(
        self,
        sample_rate: int,
        keys: Sequence[Key],
        modes: Sequence[PayloadMode] = (PayloadMode.BITS_128,),
        params: DetectionParams | None = None,
        part_seconds: float = STREAM_PART_SECONDS,
    ) -> None:
        if part_seconds < _LEAST_PART_SECONDS:
            raise ValueError(f"a part has at least {_LEAST_PART_SECONDS} s, not {part_seconds}")
        self._rate, self._keys, self._modes = sample_rate, tuple(keys), tuple(modes)
        self._params = params or DetectionParams()
        self._size = round(part_seconds * SEARCH_RATE)
        self._advance = self._size - overlap_of(modes)
        self._offset = 0  # of the waiting samples, in samples of the stream at 11,025 Hz
        self._waiting: list[F32Array] = []
        self._count = 0  # of samples that wait
        self._ended = False
        self._resampler: soxr.ResampleStream | None = None
        self._channels = 0
        self._told: list[Mark] = []
        self._found: set[tuple[str, str]] = set()

    def feed(self, samples: F32Array) -> list[Mark]:
        """Take in the next samples.

        Parameters
        ----------
        samples : float32 array, shape (channels, n)
            -1 to 1; any n, always the same channels. The caller may use the array again.

        Returns
        -------
        list of Mark
            Those that were not told before, found ones first; times from the stream's beginning.

        Raises
        ------
        UnusableAudioError
            See :func:`watermark.samples.checked`; or if the number of channels changes.
        StreamEndedError
            After :meth:`finish`.
        """
        self._go_on()
        usable(samples, self._rate)
        if self._channels not in {0, len(samples)}:
            raise UnusableAudioError(
                f"the stream had {self._channels} channels and now has {len(samples)}"
            )
        self._channels = len(samples)
        self._wait(self._resampled(samples, last=False))
        marks = []
        while self._count >= self._size:
            marks += self._next_part()
        return marks

    def finish(self) -> list[Mark]:
        """Read what is left at the end of the stream, if it has 3 s in all.

        Raises
        ------
        StreamEndedError
            If it was called before.
        """
        self._go_on()
        self._ended = True
        if not self._channels:
            return []
        self._wait(self._resampled(np.zeros((self._channels, 0), np.float32), last=True))
        marks: list[Mark] = []
        while self._count > (self._size - self._advance if self._offset else _LEAST_SAMPLES):
            marks += self._next_part()
        return marks

    def _next_part(self) -> list[Mark]:
        """Read the first part of what waits, and keep only what the next part shares with it."""
        waiting = np.concatenate(self._waiting, axis=1)
        self._waiting = [waiting[:, self._advance :].copy()]
        self._count = self._waiting[0].shape[1]
        sound = sounding(waiting[:, : self._size])
        marks: list[Mark] = []
        if len(sound):
            parts = [Part(sound, self._offset, mode) for mode in self._modes]
            marks = judged(marks_in(parts, self._keys, self._params, Budget(self._params)))
        self._offset += self._advance
        return self._fresh(marks)

    def _fresh(self, marks: Sequence[Mark]) -> list[Mark]:
        """Marks that were not told before; what reads the same as a found one is found."""
        self._found |= {_name(mark) for mark in marks if mark.verdict is Verdict.FOUND}
        fresh = [
            replace(mark, verdict=Verdict.FOUND) if _name(mark) in self._found else mark
            for mark in marks
            if not any(_same(mark, other) for other in self._told)
        ]
        begin = self._offset / SEARCH_RATE
        self._told = [mark for mark in [*self._told, *fresh] if mark.end_seconds > begin]
        return fresh

    def _resampled(self, samples: F32Array, *, last: bool) -> F32Array:
        if self._rate == SEARCH_RATE:
            return samples.copy()
        if self._resampler is None:
            self._resampler = soxr.ResampleStream(
                self._rate, SEARCH_RATE, self._channels, quality=QUALITY
            )
        made: F32Array = self._resampler.resample_chunk(np.ascontiguousarray(samples.T), last=last)
        return made.reshape(-1, self._channels).T

    def _wait(self, samples: F32Array) -> None:
        self._waiting.append(samples)
        self._count += samples.shape[1]

    def _go_on(self) -> None:
        if self._ended:
            raise StreamEndedError("the stream was finished: make another detector for another one")


def _name(mark: Mark) -> tuple[str, str]:
    return mark.key_id, mark.payload.digits


def _same(one: Mark, other: Mark) -> bool:
    return (_name(one), one.kind) == (_name(other), other.kind) and abs(
        one.start_seconds - other.start_seconds
    ) < _SAME_SECONDS
