"""Embedding in sound that comes bit by bit: the samples that the whole would get, a frame later."""

import numpy as np

from watermark.arrays import F32Array
from watermark.embedding import marks_of_frames
from watermark.errors import StreamEndedError, UnusableAudioError
from watermark.keys import Key
from watermark.layout import actions
from watermark.payloads import Payload
from watermark.samples import usable
from watermark.spectrum import FRAME, RATE
from watermark.stream_limiter import StreamLimiter
from watermark.strength import DEFAULT_STRENGTH, checked_strength
from watermark.tables import key_tables


class StreamEmbedder:
    """Writes a mark into blocks of samples as they come, from the first frame on.

    What comes out is what :meth:`watermark.BuiltinWatermarker.embed` makes of the whole at the same strength: a
    frame's mark reaches into its neighbours, so sound comes out one frame (23 ms) and the limiter's reach (10 ms)
    later. What strength a sound can bear only the whole tells, so it is given.

    Parameters
    ----------
    payload : Payload
    key : Key
    sample_rate : int
        44,100 Hz, which marks are made at.
    channels : int
    strength : float

    Raises
    ------
    UnusableAudioError
        If the rate is another: resample the sound first.
    BadStrengthError
    """

    def __init__(
        self,
        payload: Payload,
        key: Key,
        sample_rate: int,
        channels: int = 2,
        strength: float = DEFAULT_STRENGTH,
    ) -> None:
        if sample_rate != RATE:
            raise UnusableAudioError(
                f"a stream is marked at {RATE} Hz, not {sample_rate}: resample the sound first"
            )
        self._actions = actions(payload, key_tables(key, payload.mode))
        self._strength = checked_strength(strength)
        self._held = np.zeros((channels, FRAME), np.float32)  # the frame before those to come
        self._frame = 0
        self._limiter = StreamLimiter(sample_rate, channels)
        self._ended = False

    def feed(self, samples: F32Array) -> F32Array:
        """Take in the next samples; return marked ones, as many as are known.

        Parameters
        ----------
        samples : float32 array, shape (channels, n)

        Returns
        -------
        float32 array, shape (channels, m)
            Those that follow what was returned before.

        Raises
        ------
        UnusableAudioError
            If they can't be used, or have other channels.
        StreamEndedError
            After :meth:`finish`.
        """
        if self._ended:
            raise StreamEndedError("the stream was finished: make another embedder for another one")
        usable(samples, RATE)
        if len(samples) != len(self._held):
            raise UnusableAudioError(
                f"the stream has {len(self._held)} channels and these are {len(samples)}"
            )
        self._held = np.concatenate([self._held, samples], axis=1)
        return self._limiter.feed(self._marked(self._held.shape[1] // FRAME - 2))

    def finish(self) -> F32Array:
        """Return what is left, shape (channels, m)."""
        if self._ended:
            raise StreamEndedError("the stream was finished before")
        self._ended = True
        left = self._held.shape[1] - FRAME
        count = -(-left // FRAME)
        padding = (count + 2) * FRAME - self._held.shape[1]
        self._held = np.pad(self._held, ((0, 0), (0, padding)))
        last = self._limiter.feed(self._marked(count)[:, :left])
        return np.concatenate([last, self._limiter.finish()], axis=1)

    def _marked(self, count: int) -> F32Array:
        """So many frames with their mark, of which a frame before and one after are held."""
        if count <= 0:
            return np.zeros((len(self._held), 0), np.float32)
        found = np.empty((len(self._held), count * FRAME), np.float32)
        for channel, out in zip(self._held, found, strict=True):
            frames = channel[: (count + 2) * FRAME].reshape(-1, FRAME)
            mark = marks_of_frames(frames, self._frame, self._actions, self._strength)
            np.add(frames[1:-1].ravel(), mark.ravel(), out=out)
        self._held = self._held[:, count * FRAME :]
        self._frame += count
        return found
