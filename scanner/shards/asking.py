"""One shard, as those see it who ask it: an answer that can be relied on, or none."""

import math
import time
from typing import Any, Final, TypeVar

import httpx
import structlog
from pydantic import ValidationError

from scanner.errors import BusyError, TransientError
from scanner.metrics import SHARD_FAILURES, SHARD_SECONDS
from scanner.shards.messages import MODELS, Answer, Epoch, Matches, Ready, Secret, Size, Trouble
from scanner.shards.placement import Shard

CONNECT_SECONDS: Final = 3.0
CHECK_SECONDS: Final = 4.0
"""For what a probe waits for; it gives a part five."""
KEPT_SECONDS: Final = 30.0
MOST_ANSWER_BYTES: Final = 32 << 20
A = TypeVar("A", bound=Answer)

log = structlog.get_logger()


class AskedShard:
    """A shard by its number and address.

    Parameters
    ----------
    client : httpx.Client
        Shared by the shards; it follows no redirect and takes no proxy from the environment.
    seconds : float
        How long an answer may take.
    """

    def __init__(
        self, client: httpx.Client, shard: Shard, address: str, secret: Secret, seconds: float
    ) -> None:
        self.shard = shard
        self._client = client
        self._address = address
        self._secret = secret
        self._seconds = seconds

    def __str__(self) -> str:
        """Say which it is; not where, for clients of the service may read it."""
        return f"shard {self.shard} of the index"

    def ready(self) -> Ready:
        """Ask whether it is there, and the right one.

        Raises
        ------
        TransientError
            As all of these do, if it does not answer, or not as it should: nothing is known then.
        """
        return self._asked("GET", "/ready", Ready, {}, seconds=CHECK_SECONDS)

    def size(self, tenant_id: str, patience: float, *, bare: bool = False) -> Size:
        """Ask how large a tenant's index is there."""
        asked = self._of_tenant(tenant_id, patience) | {"bare": bare}
        return self._asked("GET", "/size", Size, asked)

    def search(
        self,
        tenant_id: str,
        query: bytes,
        patience: float,
        min_score: float | None,
        without_banks: tuple[str, ...],
    ) -> Matches:
        """Have it search."""
        asked = self._of_tenant(tenant_id, patience) | {"bank": without_banks}
        if min_score is not None:
            asked["min_score"] = min_score
        return self._asked("POST", "/search", Matches, asked, query)

    def _of_tenant(self, tenant_id: str, patience: float) -> dict[str, Any]:
        # Whoever waits there for another's catching up must still have time to answer.
        return {"tenant": tenant_id, "patience": max(0.001, min(patience, self._seconds / 2))}

    def _asked(
        self,
        method: str,
        path: str,
        kind: type[A],
        asked: dict[str, Any],
        content: bytes | None = None,
        *,
        seconds: float = math.inf,
    ) -> A:
        with SHARD_SECONDS.labels(str(self.shard)).time():
            status, body = self._sent(method, path, asked, content, min(seconds, self._seconds))
        if status != httpx.codes.OK:
            raise self._trouble(status, body)
        try:
            answer = kind.model_validate_json(body)
        except ValidationError as error:
            raise self._failure("wrong", "answers something that is no answer") from error
        if answer.shard != str(self.shard):
            raise self._failure("wrong", f"answers as {answer.shard}: see CLEARANCE_INDEX_SHARDS")
        if answer.models != MODELS:
            raise self._failure(
                "wrong", f"compares {answer.models}, not {MODELS}: run the same release on both"
            )
        return answer

    def _sent(
        self,
        method: str,
        path: str,
        asked: dict[str, Any],
        content: bytes | None,
        seconds: float,
    ) -> tuple[int, bytes]:
        until = time.monotonic() + seconds
        body = bytearray()
        try:
            with self._client.stream(
                method,
                self._address + path,
                params=asked,
                content=content,
                headers={"Authorization": self._secret.header(), "Accept-Encoding": "identity"},
                timeout=httpx.Timeout(seconds, connect=min(CONNECT_SECONDS, seconds)),
            ) as answer:
                for chunk in answer.iter_raw():
                    body += chunk
                    if len(body) > MOST_ANSWER_BYTES or time.monotonic() > until:
                        raise self._failure("wrong", "answers too much, or too slowly")
                return answer.status_code, bytes(body)
        except httpx.HTTPError as error:
            why = f"does not answer ({type(error).__name__})"
            raise self._failure("away", why) from error

    def _trouble(self, status: int, body: bytes) -> TransientError | BusyError:
        try:
            trouble = Trouble.model_validate_json(body)
        except ValidationError:
            trouble = Trouble(detail="no reason given")
        if status == httpx.codes.SERVICE_UNAVAILABLE and trouble.busy:
            SHARD_FAILURES.labels(str(self.shard), "busy").inc()
            return BusyError(f"{self}: {trouble.detail}")
        reason = "secret" if status == httpx.codes.UNAUTHORIZED else "refused"
        return self._failure(reason, f"answers {status}: {trouble.detail}")

    def _failure(self, reason: str, why: str) -> TransientError:
        SHARD_FAILURES.labels(str(self.shard), reason).inc()
        log.warning(
            "shard_failed",
            shard=str(self.shard),
            address=self._address,
            reason=reason,
            detail=why,
        )
        return TransientError(f"{self} {why}; nothing can be told clear without it")

    def behind(self, answer: Epoch, newest: int) -> TransientError:
        """Return the error of an answer that lacks changes of the database, or has others."""
        return self._failure(
            "stale",
            f"answers of change {answer.epoch}, where the database is at {newest}: is its database "
            "the same?",
        )
