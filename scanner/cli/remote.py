"""``scan --server``: the same command against a running service."""

import os
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

import httpx

from scanner.cli.batches import error_of, in_order
from scanner.cli.scanning import result_of
from scanner.clock import new_id
from scanner.declarations import Declaration
from scanner.errors import TransientError, UnauthorisedError
from scanner.track_states import FINAL

POLL_SECONDS: Final = 0.2
PATIENCE_SECONDS: Final = 900
TRIES: Final = 5


class Remote:
    """A running service and the key to it."""

    def __init__(self, url: str) -> None:
        key = os.environ.get("CLEARANCE_API_KEY")
        if not key:
            raise UnauthorisedError("set CLEARANCE_API_KEY to a key of the service")
        self._client = httpx.Client(
            base_url=url.rstrip("/"), headers={"Authorization": f"Bearer {key}"}, timeout=120
        )

    def scan(
        self, files: list[Path], declaration: Declaration, jobs: int
    ) -> Iterator[dict[str, Any]]:
        """Yield each file's result, in the order given."""
        with self._client:
            yield from in_order(lambda path: self._scan_file(path, declaration), files, jobs)

    def _scan_file(self, path: Path, declaration: Declaration) -> dict[str, Any]:
        try:
            answer = self._submit(path, declaration)
        except httpx.HTTPError as error:
            raise TransientError(f"the service can't be reached: {error}") from error
        except OSError as error:
            return error_of(path, "file-unreadable", error.strerror or "the file can't be opened")
        if answer.status_code in {401, 403}:
            raise UnauthorisedError(answer.json().get("detail", "the key is refused"))
        if answer.status_code >= 500:
            raise TransientError(f"the service answered {answer.status_code}")
        if answer.status_code >= 400:
            problem = answer.json()
            return error_of(path, problem["type"].rpartition("/")[2], problem.get("detail", ""))
        return result_of(path, self._decided(answer.json()["track_id"]))

    def _submit(self, path: Path, declaration: Declaration) -> httpx.Response:
        key = new_id()
        fields = {
            name: ",".join(value) if isinstance(value, list) else str(value)
            for name, value in declaration.to_json().items()
        }
        for attempt in range(TRIES):
            with path.open("rb") as file:
                answer = self._client.post(
                    "/v1/tracks",
                    data=fields,
                    files={"file": (path.name.encode("utf-8", "replace").decode(), file)},
                    headers={"Idempotency-Key": key},
                    params={"wait": 10},
                )
            if answer.status_code not in {409, 429, 503} or attempt == TRIES - 1:
                return answer
            time.sleep(min(30.0, float(answer.headers.get("Retry-After", 2))))
        raise AssertionError("unreachable")

    def _decided(self, track_id: str) -> dict[str, Any]:
        deadline = time.monotonic() + PATIENCE_SECONDS
        while time.monotonic() < deadline:
            answer = self._client.get(f"/v1/tracks/{track_id}")
            if answer.status_code == 200 and answer.json()["state"] in FINAL:
                view: dict[str, Any] = answer.json()
                return view
            time.sleep(POLL_SECONDS)
        raise TransientError(f"track {track_id} is not decided after {PATIENCE_SECONDS} s")
