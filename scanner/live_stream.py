"""One preview as bytes: each bar is compared before it is heard, marked, encoded, and sent in time.

What runs: a player composes and renders bars a little ahead; here the last seconds with the new bar are
looked up among the references; a bar that resembles one is silent, and other draws follow. A bar that is not
there in time is not waited for: the last phrase is repeated, and that is counted.
"""

import hashlib
import time
from collections import deque
from concurrent.futures import Future, ThreadPoolExecutor
from typing import TYPE_CHECKING, Any, Final

import numpy as np
import structlog
from numpy.typing import NDArray

import fingerprint
from scanner import generators, previews
from scanner.errors import ScannerError
from scanner.live_encoding import Encoder
from scanner.live_players import PlayedBar, Player
from scanner.metrics import PREVIEW_BARS, PREVIEW_FIRST_SECONDS, PREVIEWS_PLAYING
from watermark import Key, Payload, StreamEmbedder

if TYPE_CHECKING:
    from scanner.service import Service
    from scanner.tables import Preview

RATE: Final = 44_100
AHEAD_SECONDS: Final = 4.0
"""By how much more than was heard may be sent: what is sent can't be changed any more."""
MARGIN_SECONDS: Final = 0.2
"""So long before it is due, what is not there is late."""
FIRST_PATIENCE: Final = 60.0
WINDOW_SECONDS: Final = 12.0
LEAST_WINDOW_SECONDS: Final = 8.0
"""In less no other performance of a work is recognised."""
RESEMBLES: Final = 0.9
"""Probability from which a match silences a bar."""
PHRASE_BARS: Final = 4
_INDEX_PATIENCE: Final = 2.0
_FADE: Final = RATE // 100
Samples = NDArray[np.float32]

log = structlog.get_logger()


class LiveSession:
    """A preview that plays.

    Parameters
    ----------
    service : Service
    row : Preview
        As :func:`scanner.previews.begin` gave it, with key and payload.
    encoder : Encoder
    asked_at : float
        By ``time.monotonic``: when its sound was asked for.
    """

    def __init__(
        self,
        service: "Service",
        row: "Preview",
        key: Key,
        payload: Payload,
        encoder: Encoder,
        asked_at: float,
    ) -> None:
        self._service, self._row, self._encoder, self._asked_at = service, row, encoder, asked_at
        self._player: Player = service.players.player()
        self._marker = StreamEmbedder(payload, key, RATE)
        self._digest = hashlib.sha256()
        self.tally: dict[str, Any] = dict(previews.TALLY)
        self._first_sent: float | None = None
        self._waiting: PlayedBar | None = None
        self._check: Future[bool] | None = None
        self._checker = ThreadPoolExecutor(1, "preview-check")
        self._heard = np.zeros((2, 0), np.float32)
        self._phrase: deque[Samples] = deque(maxlen=PHRASE_BARS)
        self._another = self._over = self._closed = self._ending = False
        PREVIEWS_PLAYING.inc()
        fields = generators.fields(row.prompt, row.parameters)
        self._player.begin(
            fields | {"seed": generators.seed_of(row)}, endless=row.parameters.get("endless", True)
        )
        self._player.ask(row.controls)

    @property
    def ahead_seconds(self) -> float:
        """How much more was sent than can have been heard."""
        if self._first_sent is None:
            return 0.0
        return float(self.tally["seconds"]) - (time.monotonic() - self._first_sent)

    def next_chunk(self) -> bytes | None:
        """Return the next bytes, waiting for them no longer than music can; None at the end."""
        if self._over:
            return None
        row = previews.beat(self._service, self._row.id, self.tally)
        if row is None or self.tally["seconds"] >= self._service.settings.preview_seconds:
            return self._last()
        self._row = row
        patience = FIRST_PATIENCE
        if self._first_sent is not None:
            patience = self.ahead_seconds - MARGIN_SECONDS
        try:
            bar = self._checked(patience)
        except TimeoutError:
            if self._first_sent is None:
                return self._last()
            return self._out(self._repeated(), "repeated")
        if bar is None:
            return self._last()
        return self._out(bar, "played")

    def close(self) -> None:
        """End the process and write down what was heard; once."""
        if self._closed:
            return
        self._closed = self._over = True
        PREVIEWS_PLAYING.dec()
        self._player.end()
        self._checker.shutdown(wait=False, cancel_futures=True)
        previews.finish(self._service, self._row.id, self._digest.hexdigest(), self.tally)
        self._service.players.make_ready()

    def _checked(self, patience: float) -> Samples | None:
        """The samples of the next bar once it was compared, silent if it resembles something."""
        until = time.monotonic() + patience
        if self._waiting is None:
            bar = None if self._ending else self._player.take(patience)
            if bar is None:
                return None
            self._ending = bar.last
            if not bar.last:
                self._player.ask(self._row.controls, another=self._another)
            self._another, self._waiting = False, bar
            window = round(WINDOW_SECONDS * RATE)
            self._heard = np.concatenate([self._heard, bar.samples], axis=1)[:, -window:]
            self._check = self._checker.submit(self._resembles, self._heard, bar.samples.shape[1])
        assert self._check is not None
        resembles = self._check.result(max(0.0, until - time.monotonic()))
        bar, self._waiting, self._check = self._waiting, None, None
        self.tally["bars"] += 1
        if bar.said["drawn_anew"]:
            self.tally["drawn_anew"] += 1
            PREVIEW_BARS.labels("drawn_anew").inc()
        if resembles:
            self._another = True
            self.tally["silenced"] += 1
            PREVIEW_BARS.labels("silenced").inc()
            self._heard = self._heard[:, :0]
            return _faded_out(bar.samples)
        self._phrase.append(bar.samples)
        return bar.samples

    def _resembles(self, heard: Samples, fresh: int) -> bool:
        """Whether a reference is heard that reaches into the newest samples; so too if nobody can tell."""
        if heard.shape[1] < LEAST_WINDOW_SECONDS * RATE:
            return False
        try:
            tenant = self._row.tenant_id
            catalogue = self._service.catalogue
            if not catalogue.state(tenant, _INDEX_PATIENCE).stats.references:
                return False
            sound = np.ascontiguousarray(heard)
            print_ = fingerprint.completed(fingerprint.fingerprint(sound, RATE), sound, RATE)
            found = catalogue.search(tenant, print_, _INDEX_PATIENCE)
        except (ScannerError, fingerprint.FingerprintError) as error:
            log.warning("preview_not_compared", preview=self._row.id, error=str(error))
            return True
        self.tally["compared"] += 1
        since = (heard.shape[1] - fresh) / RATE
        return any(
            match.score >= RESEMBLES and any(each.query_end > since for each in match.segments)
            for match in found.matches
        )

    def _repeated(self) -> Samples:
        """The next bar of the last phrase; silence where there is none that may be heard."""
        self.tally["repeated"] += 1
        PREVIEW_BARS.labels("repeated").inc()
        if not self._phrase:
            return np.zeros((2, RATE), np.float32)
        self._phrase.rotate(-1)
        again = self._phrase[-1].copy()
        ramp = np.linspace(0, 1, _FADE, dtype=np.float32)
        again[:, :_FADE] *= ramp
        again[:, -_FADE:] *= ramp[::-1]
        return again

    def _out(self, samples: Samples, kind: str) -> bytes:
        content = self._encoder.feed(self._noted(self._marker.feed(samples)))
        if kind == "played":
            PREVIEW_BARS.labels("played").inc()
        if self._first_sent is None:
            self._first_sent = time.monotonic()
            first = self._first_sent - self._asked_at
            self.tally["first_audio_seconds"] = round(first, 3)
            PREVIEW_FIRST_SECONDS.observe(first)
        self.tally["seconds"] += samples.shape[1] / RATE
        return content

    def _last(self) -> bytes:
        self._over = True
        return self._encoder.feed(self._noted(self._marker.finish())) + self._encoder.finish()

    def _noted(self, marked: Samples) -> Samples:
        self._digest.update(np.ascontiguousarray(marked.T).tobytes())
        return marked


def _faded_out(samples: Samples) -> Samples:
    """Silence, after a hundredth of a second in which what was heard fades."""
    silent = np.zeros_like(samples)
    silent[:, :_FADE] = samples[:, :_FADE] * np.linspace(1, 0, _FADE, dtype=np.float32)
    return silent
