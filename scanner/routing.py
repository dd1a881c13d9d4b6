"""The class of every route: strict JSON in, the accepted type out, the sandbox's mark on answers.

FastAPI parses a body before it asks the dependencies. So that an unknown id is a 404 whatever the
body holds, a body that is no JSON becomes the value `MALFORMED` here; validation, which comes after
the dependencies, stumbles over it.
"""

import json
from collections.abc import Callable, Coroutine
from contextlib import nullcontext
from inspect import iscoroutinefunction
from typing import Any, Final

from fastapi import HTTPException, Request, Response
from fastapi.routing import APIRoute

from scanner.bodies import chunks
from scanner.problems import MALFORMED, HttpError
from scanner.strict_json import strict_json
from scanner.wording import Told

JSON: Final = "application/json"
PROBES: Final = frozenset({"/healthz", "/readyz", "/metrics"})
"""What is asked to learn how busy a process is, and so is answered by one that is busy."""
_BLANK: Final = {"identity", ""}


class Route(APIRoute):
    """A route of this service."""

    def get_route_handler(self) -> Callable[[Request], Coroutine[Any, Any, Response]]:
        """Wrap FastAPI's handler."""
        handle = super().get_route_handler()
        produced = getattr(self.response_class, "media_type", None) or JSON
        reads = (self.methods or set()) <= {"GET", "HEAD"} and not iscoroutinefunction(
            self.endpoint
        )

        async def handler(request: Request) -> Response:
            crowd = request.app.state.crowd
            is_probe = request.scope["path"] in PROBES
            if not is_probe:
                await crowd.check()
            _check_accept(request, produced)
            if b"\x00" in request.scope["path"].encode() or "%00" in request.url.query:
                raise HttpError("bad-request", "an address holds no NUL")
            async with crowd.reading() if reads and not is_probe else nullcontext():
                response = await handle(StrictRequest(request.scope, request.receive))
            caller = getattr(request.state, "caller", None)
            if caller is not None and caller.sandbox:
                _mark_sandbox(response)
            return response

        return handler


class StrictRequest(Request):
    """A request whose body is bounded in size and time, and whose JSON is what RFC 8259 and the database allow."""

    async def body(self) -> bytes:
        """Read the body, up to the limit for bodies without a file."""
        if not hasattr(self, "_body"):
            limit = self.app.state.service.settings.max_body_bytes
            if int(self.headers.get("content-length") or 0) > limit:
                raise HTTPException(413, too_large(limit))
            content = bytearray()
            async for chunk in chunks(self):
                content += chunk
                if len(content) > limit:
                    raise HTTPException(413, too_large(limit))
            self._body = bytes(content)
        return self._body

    async def json(self) -> Any:
        """Parse the body; what can't be parsed is the value `MALFORMED`."""
        try:
            return strict_json(await self.body())
        except ValueError:
            return MALFORMED


def too_large(limit: int) -> str:
    """Return the words for a body over the limit."""
    return Told("a body has at most %(limit)s bytes here", limit=limit)


def media_type_of(request: Request) -> str:
    """Return the body's media type, without its parameters.

    Raises
    ------
    HttpError
        If the body is compressed: what a byte limit means would not be clear.
    """
    if request.headers.get("content-encoding", "").strip().lower() not in _BLANK:
        raise HttpError("unsupported-media-type", "send the body without a Content-Encoding")
    return request.headers.get("content-type", "").partition(";")[0].strip().lower()


def _check_accept(request: Request, produced: str) -> None:
    """Refuse a request that accepts nothing of what the route answers (RFC 9110, 12.5.1)."""
    accepted = ",".join(request.headers.getlist("accept"))
    if not accepted.strip():
        return
    main = produced.partition("/")[0]
    for each in accepted.split(","):
        kind, *parameters = (part.strip().lower() for part in each.split(";"))
        if any(p.replace(" ", "") in {"q=0", "q=0.0", "q=0.00", "q=0.000"} for p in parameters):
            continue
        if kind in {"*/*", f"{main}/*", produced} or (
            produced.endswith("/*") and kind.startswith(f"{main}/")
        ):
            return
    raise HttpError(
        "not-acceptable", Told("this address answers with %(produced)s", produced=produced)
    )


def _mark_sandbox(response: Response) -> None:
    body = getattr(response, "body", b"")
    if response.headers.get("content-type", "").startswith(JSON) and body[:1] == b"{":
        marked = json.dumps(json.loads(bytes(body)) | {"sandbox": True}).encode()
        response.body = marked
        response.headers["content-length"] = str(len(marked))
