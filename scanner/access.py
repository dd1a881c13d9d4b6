"""Around every request: its id, its line in the log, its time, and the answer to what nobody foresaw."""

import re
import time
from typing import Any, Final

import structlog
from fastapi import Request
from starlette.datastructures import MutableHeaders
from starlette.requests import ClientDisconnect
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from scanner import problems
from scanner.clock import new_id
from scanner.metrics import REQUESTS
from scanner.routing import PROBES

REQUEST_ID: Final = "X-Request-ID"
CLIENT_WENT_AWAY: Final = 499
_METHODS: Final = frozenset({"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"})
_CLIENT_ID: Final = re.compile(r"[0-9A-Za-z._-]{1,64}")

log = structlog.get_logger()


class Access:
    """Middleware: one log line and one observation a request."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        request = Request(scope, receive)
        request.state.request_id = new_id()
        started = time.perf_counter()
        status = 0

        async def tell(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
                headers = MutableHeaders(scope=message)
                headers[REQUEST_ID] = request.state.request_id
                headers.setdefault("X-Content-Type-Options", "nosniff")
                headers.setdefault("Cache-Control", "no-store")
                for name, value in getattr(request.state, "rate_headers", {}).items():
                    headers.setdefault(name, value)
            await send(message)

        structlog.contextvars.clear_contextvars()
        structlog.contextvars.bind_contextvars(request_id=request.state.request_id)
        try:
            await self._app(scope, receive, tell)
        except ClientDisconnect:
            status = status or CLIENT_WENT_AWAY
        except Exception as error:
            if status:
                raise  # half an answer is out: the connection must break
            await problems.answer(error, request)(scope, receive, tell)
        finally:
            _note(request, status, time.perf_counter() - started)


def _note(request: Request, status: int, seconds: float) -> None:
    scope = request.scope
    route = getattr(scope.get("route"), "path", "unmatched")
    method = request.method if request.method in _METHODS else "other"
    REQUESTS.labels(method, route, str(status)).observe(seconds)
    facts: dict[str, Any] = {
        "method": request.method,
        "route": route,
        "status": status,
        "seconds": round(seconds, 4),
    }
    caller = getattr(request.state, "caller", None)
    if caller is not None:
        facts |= {"tenant": caller.tenant_id, "key": caller.actor.id}
    track_id = getattr(request.state, "track_id", scope.get("path_params", {}).get("track_id"))
    if track_id is not None:
        facts["track_id"] = track_id
    if (named := request.headers.get(REQUEST_ID)) and _CLIENT_ID.fullmatch(named):
        facts["client_request_id"] = named
    (log.debug if route in PROBES else log.info)("request", **facts)
