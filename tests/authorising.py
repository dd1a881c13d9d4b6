"""Requests of every kind of caller, to an application in this process; nothing is kept of what they do."""

import asyncio
import contextlib
import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Final

from fastapi import FastAPI

from scanner.api import create_app
from scanner.service import Service

REFUSED: Final = (401, 403, 404)
STREAM: Final = b"text/event-stream"


@dataclass(frozen=True)
class Answer:
    status: int
    location: str
    body: bytes


@contextlib.contextmanager
def nothing_kept(service: Service) -> Iterator[None]:
    """Roll back whatever is committed: each request finds what the one before it found."""
    dialect = service.database.engine.dialect
    commit = dialect.do_commit
    dialect.do_commit = dialect.do_rollback  # type: ignore[method-assign]
    try:
        yield
    finally:
        dialect.do_commit = commit  # type: ignore[method-assign]


@contextlib.contextmanager
def application(service: Service, runner: asyncio.Runner) -> Iterator[FastAPI]:
    """Make the application, without a server; it is asked within a runner's loop."""
    app = create_app(service.settings, service)
    try:
        yield app
    finally:
        runner.run(app.state.progress.close())
        app.state.health.close()


async def ask(
    app: FastAPI, method: str, address: str, headers: Mapping[str, str], body: bytes = b""
) -> Answer:
    """Ask one thing; of an answer without an end only how it begins is waited for."""
    path, _, query = address.partition("?")
    scope = {
        "type": "http",
        "asgi": {"version": "3.0"},
        "http_version": "1.1",
        "method": method,
        "scheme": "http",
        "path": path,
        "raw_path": path.encode(),
        "query_string": query.encode(),
        "root_path": "",
        "headers": [(name.lower().encode(), text.encode()) for name, text in headers.items()],
        "client": ("127.0.0.1", 1),
        "server": ("localhost", 80),
        "state": {},
    }
    sent = [{"type": "http.request", "body": body, "more_body": False}]
    began = asyncio.Event()
    told: dict[str, Any] = {}
    parts: list[bytes] = []

    async def receive() -> dict[str, Any]:
        if sent:
            return sent.pop()
        await began.wait()
        return {"type": "http.disconnect"}

    async def send(message: Any) -> None:
        if message["type"] == "http.response.start":
            told.update(message)
        else:
            parts.append(message.get("body", b""))
        began.set()

    asking = asyncio.ensure_future(app(scope, receive, send))  # type: ignore[arg-type]
    beginning = asyncio.ensure_future(began.wait())
    await asyncio.wait({asking, beginning}, return_when=asyncio.FIRST_COMPLETED)
    beginning.cancel()
    if not asking.done() and dict(told["headers"]).get(b"content-type", b"").startswith(STREAM):
        asking.cancel()
    with contextlib.suppress(asyncio.CancelledError):
        await asking
    named = dict(told["headers"])
    return Answer(told["status"], named.get(b"location", b"").decode(), b"".join(parts))


def filled(path: str, ids: Mapping[str, str]) -> str:
    """Return an address with the ids that its path names."""
    return re.sub(r"{(\w+)}", lambda found: ids[found[1]], path)


def bodies(document: Mapping[str, Any]) -> dict[tuple[str, str], Any]:
    """Return by method and path about the least body that its description allows."""
    components = document["components"]["schemas"]
    return {
        (method.upper(), path): _example(content["application/json"]["schema"], components)
        for path, own in document["paths"].items()
        for method, operation in own.items()
        if "application/json" in (content := operation.get("requestBody", {}).get("content", {}))
    }


def as_json(body: Any) -> tuple[dict[str, str], bytes]:
    """Return the headers and bytes of a body."""
    return {"Content-Type": "application/json"}, json.dumps(body).encode()


def _example(schema: Mapping[str, Any], components: Mapping[str, Any]) -> Any:
    if "$ref" in schema:
        return _example(components[schema["$ref"].rpartition("/")[2]], components)
    for name in ("anyOf", "oneOf", "allOf"):
        if name in schema:
            return _example(schema[name][0], components)
    if "const" in schema or "enum" in schema:
        return schema.get("const", schema.get("enum", [None])[0])
    kind = schema.get("type")
    if kind == "object":
        own = schema.get("properties", {})
        return {name: _example(own[name], components) for name in schema.get("required", ())}
    if kind == "array":
        return [_example(schema["items"], components)] * schema.get("minItems", 0)
    if kind == "string":
        return _text(schema)
    return schema.get("minimum", 1) if kind in ("integer", "number") else kind == "boolean"


def _text(schema: Mapping[str, Any]) -> str:
    formats = {"date-time": "2027-01-02T03:04:05Z", "date": "2027-01-02", "email": "a@example.org"}
    return formats.get(schema.get("format", ""), "x" * max(1, schema.get("minLength", 1)))
