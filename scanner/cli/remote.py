"""``scan --server``: the same command against a running service."""

import json
import os
import time
from collections.abc import Iterator, Mapping
from contextlib import ExitStack
from pathlib import Path
from typing import Any, Final

import httpx

from scanner.cli.batches import error_of, in_order
from scanner.cli.scanning import result_of
from scanner.clock import new_id
from scanner.declarations import Declaration
from scanner.errors import ScannerError, TransientError, UnauthorisedError
from scanner.track_states import FINAL

POLL_SECONDS: Final = 0.2
PATIENCE_SECONDS: Final = 900
TRIES: Final = 5
BUSY: Final = frozenset({409, 429, 503})
Stems = Mapping[str, Path]


class BadServerError(ScannerError):
    """``--server`` names no address."""


class Remote:
    """A running service and the key to it."""

    def __init__(self, url: str) -> None:
        key = os.environ.get("CLEARANCE_API_KEY")
        if not key:
            raise UnauthorisedError("set CLEARANCE_API_KEY to a key of the service")
        if not url.startswith(("http://", "https://")):
            raise BadServerError(f"{url}: --server takes an address with http:// or https://")
        try:
            self._client = httpx.Client(
                base_url=url.rstrip("/"), headers={"Authorization": f"Bearer {key}"}, timeout=120
            )
        except httpx.InvalidURL as error:
            raise BadServerError(f"{url}: {error}") from error

    def scan(
        self, files: list[Path], declaration: Declaration, jobs: int, stems: Stems | None = None
    ) -> Iterator[dict[str, Any]]:
        """Yield each file's result, in the order given."""

        def scan_file(path: Path) -> dict[str, Any]:
            return self._scan_file(path, declaration, stems or {})

        with self._client:
            yield from in_order(scan_file, files, jobs)

    def _scan_file(self, path: Path, declaration: Declaration, stems: Stems) -> dict[str, Any]:
        try:
            answer = self._submit(path, declaration, stems)
            document = _understood(answer)
            if answer.status_code >= 400:
                problem = str(document.get("type", "")).rpartition("/")[2]
                return error_of(path, problem, document.get("detail", ""))
            return result_of(path, self._decided(document["track_id"]))
        except httpx.HTTPError as error:
            raise TransientError(f"the service can't be reached: {error}") from error
        except OSError as error:
            return error_of(path, "file-unreadable", error.strerror or "the file can't be opened")

    def _submit(self, path: Path, declaration: Declaration, stems: Stems) -> httpx.Response:
        key = new_id()
        fields = {name: _as_text(value) for name, value in declaration.to_json().items()}
        for attempt in range(TRIES):
            with ExitStack() as stack:
                parts = [("file", (_plain_name(path), stack.enter_context(path.open("rb"))))]
                for name, stem in stems.items():
                    file = stack.enter_context(stem.open("rb"))
                    parts.append(("stems", (f"{name}{stem.suffix}", file)))
                answer = self._client.post(
                    "/v1/tracks",
                    data=fields,
                    files=parts,
                    headers={"Idempotency-Key": key},
                    params={"wait": 10},
                )
            if answer.status_code not in BUSY or attempt == TRIES - 1:
                return answer
            time.sleep(min(30.0, float(answer.headers.get("Retry-After", 2))))
        raise AssertionError("unreachable")

    def _decided(self, track_id: str) -> dict[str, Any]:
        deadline = time.monotonic() + PATIENCE_SECONDS
        while time.monotonic() < deadline:
            answer = self._client.get(f"/v1/tracks/{track_id}")
            if answer.status_code not in BUSY:
                view = _understood(answer)
                if answer.status_code != 200:
                    raise TransientError(f"track {track_id} can't be read: {view.get('detail')}")
                if view["state"] in FINAL:
                    return view
            time.sleep(POLL_SECONDS)
        raise TransientError(f"track {track_id} is not decided after {PATIENCE_SECONDS} s")


def _plain_name(path: Path) -> str:
    return path.name.encode("utf-8", "replace").decode()


def _as_text(value: Any) -> str:
    """Return a declared value as a form's field takes it."""
    if isinstance(value, dict):
        return json.dumps(value)
    return ",".join(value) if isinstance(value, list) else str(value)


def _understood(answer: httpx.Response) -> dict[str, Any]:
    """Return the JSON of an answer.

    Raises
    ------
    UnauthorisedError
        If the key is refused.
    TransientError
        If the service failed, or what answered is not this service.
    """
    try:
        document = answer.json()
    except ValueError:
        document = None
    if answer.status_code in {401, 403}:
        detail = document.get("detail") if isinstance(document, dict) else None
        raise UnauthorisedError(detail or "the key is refused")
    if answer.status_code >= 500 or 300 <= answer.status_code < 400:
        raise TransientError(f"the service answered {answer.status_code}")
    if not isinstance(document, dict):
        raise TransientError("what answers at this address is not Clearance")
    return document
