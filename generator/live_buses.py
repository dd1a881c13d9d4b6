"""Buses that are played on and on, and the gain that stands for a master while nobody knows what comes next.

What a stem sounds like before its bus, and its filters, are those of the whole to the sample. The room is the same but
for rounding. Levels are not: a take's are set by all of it, these by what was played so far, and they glide.
"""

from collections.abc import Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import Final

import numpy as np
from scipy import signal

from generator.arrays import F32Array
from generator.mastering import LUFS, loudness
from generator.mixing import CEILING, MOMENT, active_rms, filters, level, placed, room
from generator.plan import Seat
from generator.rendering import RATE, SOUNDFONT, Move, channel

_HEARD_SECONDS: Final = 12.0
"""What of the past the gain is set by."""
_SHORTEST_SECONDS: Final = 0.5
_MOST_GAIN_DB: Final = 26.0
_GLIDE_DB: Final = 1.0
"""By how much the gain moves in a bar, once it is set."""


class LiveBus:
    """One stem as it stands in the mix, part by part.

    Parameters
    ----------
    seat : Seat
    soundfont : Path

    Raises
    ------
    MissingPartError
        As :func:`generator.rendering.render`.
    """

    def __init__(self, seat: Seat, soundfont: Path = SOUNDFONT) -> None:
        self.seat = seat
        self._open = ExitStack()
        self._channel = self._open.enter_context(channel(seat.instrument, soundfont))
        self._filters = filters(seat)
        self._state = np.zeros((len(self._filters), 2, 2), np.float32)
        self._tail = np.zeros((2, 0), np.float32)
        self._rest = np.zeros((2, 0), np.float32)
        self._squares: list[float] = []
        self._peak = 0.0
        self._gain: float | None = None

    def play(self, moves: Sequence[Move], samples: int) -> F32Array:
        """The next samples, shape (2, samples); see :meth:`generator.rendering.Channel.play`."""
        dry = self._channel.play(moves, samples)
        shaped, self._state = signal.sosfilt(self._filters, dry, axis=1, zi=self._state)
        shaped = np.asarray(shaped, np.float32)
        player = self.seat.instrument
        own = placed(shaped, player.pan) + self._room(shaped) * np.float32(player.reverb)
        return own * self._gains(own)

    def close(self) -> None:
        """Take the instrument down."""
        self._open.close()

    def _room(self, shaped: F32Array) -> F32Array:
        """What the room answers, shape (2, samples); what rings on is kept for the next part."""
        count = shaped.shape[1]
        answer = room()
        wet = np.asarray(signal.oaconvolve(shaped.mean(axis=0)[None], answer, axes=1), np.float32)
        wet[:, : self._tail.shape[1]] += self._tail
        self._tail = wet[:, count:].copy()
        return wet[:, :count]

    def _gains(self, own: F32Array) -> F32Array:
        """From the gain of before to the one that what was played so far asks for, shape (samples,)."""
        self._listen(own)
        if not self._squares or max(self._squares) == 0:
            return np.ones(own.shape[1], np.float32)
        wanted = level(self.seat) / active_rms(np.array(self._squares))
        wanted = min(wanted, CEILING / max(self._peak, 1e-9))
        before = wanted if self._gain is None else self._gain
        self._gain = wanted
        return np.linspace(before, wanted, own.shape[1], dtype=np.float32)

    def _listen(self, own: F32Array) -> None:
        self._peak = max(self._peak, float(np.abs(own).max(initial=0)))
        heard = np.concatenate([self._rest, own], axis=1)
        count = heard.shape[1] // MOMENT
        if count == 0 and not self._squares and heard.any():
            count, heard = 1, np.pad(heard, ((0, 0), (0, MOMENT - heard.shape[1])))
        parts = heard[:, : count * MOMENT].reshape(2, count, MOMENT)
        self._squares += (parts**2).mean(axis=(0, 2)).tolist()
        self._rest = heard[:, count * MOMENT :]


class LiveLoudness:
    """Brings a mix near the loudness of a take: a gain that follows the last seconds."""

    def __init__(self) -> None:
        self._heard = np.zeros((2, 0), np.float32)
        self._gain_db: float | None = None

    def louder(self, mix: F32Array) -> F32Array:
        """The next samples at their gain, not limited, shape (2, n)."""
        self._heard = np.concatenate([self._heard, mix], axis=1)[:, -round(_HEARD_SECONDS * RATE) :]
        before = self._gain_db
        wanted = self._wanted()
        if wanted is None:
            return mix * np.float32(10 ** ((before or 0.0) / 20))
        if before is None:
            before = after = wanted
        else:
            after = before + float(np.clip(wanted - before, -_GLIDE_DB, _GLIDE_DB))
        self._gain_db = after
        gains = 10 ** (np.linspace(before, after, mix.shape[1]) / 20)
        return mix * gains.astype(np.float32)

    def _wanted(self) -> float | None:
        """Decibels; None as long as there is too little to measure."""
        if self._heard.shape[1] < _SHORTEST_SECONDS * RATE or not self._heard.any():
            return None
        measured = loudness(self._heard)
        return min(_MOST_GAIN_DB, LUFS - measured) if np.isfinite(measured) else None
