"""A shard as a process: searches the references that are its own, for those who know the secret."""

import socket
import threading
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Annotated, Any, Final

import structlog
import uvicorn
from anyio import CapacityLimiter
from anyio.to_thread import current_default_thread_limiter, run_sync
from fastapi import APIRouter, Depends, FastAPI, HTTPException, Query, Request, Response
from fastapi.responses import JSONResponse
from prometheus_client import generate_latest
from sqlalchemy.exc import SQLAlchemyError
from sqlmodel import select
from starlette.exceptions import HTTPException as StarletteHTTPException

import fingerprint
from scanner import bodies
from scanner.catalogue import Catalogue
from scanner.errors import BusyError, ScannerError, TransientError
from scanner.logs import configure
from scanner.service import Service
from scanner.settings import Settings
from scanner.shards.messages import (
    MODELS,
    MOST_QUERY_BYTES,
    Matches,
    Ready,
    Secret,
    Size,
    Trouble,
)
from scanner.shards.placement import Shard
from scanner.tables import Tenant

THREADS: Final = 16
"""Questions that are worked on at once; others wait."""
PROBES: Final = 2
"""Likewise of those that ask whether it is well."""
CONNECTIONS: Final = 512
"""Those beyond get a 503."""
KEEP_ALIVE_SECONDS: Final = 75
"""Longer than those who ask keep a connection, so that none is closed under a question."""
REFILL_SECONDS: Final = 10.0
"""Until a shard that could not take in everything tries again."""

log = structlog.get_logger()


def create_app(service: Service, shard: Shard) -> FastAPI:
    """Return a shard's application.

    Raises
    ------
    SecretKeyError
        If there is no secret that those who ask could show.
    """
    app = FastAPI(lifespan=_lifespan, docs_url=None, redoc_url=None, openapi_url=None)
    app.router.redirect_slashes = False
    app.state.service = service
    app.state.shard = shard
    app.state.catalogue = service.shard_catalogue(shard)
    app.state.secret = Secret(service.settings.shard_key_file)
    app.state.secret.header()
    app.state.probes = CapacityLimiter(PROBES)
    app.state.filled = threading.Event()
    app.state.stopping = threading.Event()
    app.include_router(router)
    app.add_exception_handler(StarletteHTTPException, _refused)
    for error in (ScannerError, fingerprint.FingerprintError, SQLAlchemyError):
        app.add_exception_handler(error, _troubled)
    return app


def serve(settings: Settings, shard: Shard, announce: Callable[[str, int], None]) -> None:
    """Serve a shard until a signal; the host and port are announced once the socket listens."""
    configure(settings)
    with (
        Service(settings) as service,
        socket.create_server((settings.host, settings.port), backlog=CONNECTIONS) as listener,
    ):
        server = server_of(create_app(service, shard))
        announce(*listener.getsockname()[:2])
        server.run(sockets=[listener])


def server_of(app: FastAPI) -> uvicorn.Server:
    """Return a server of an application, with its limits."""
    return uvicorn.Server(
        uvicorn.Config(
            app,
            log_config=None,
            access_log=False,
            proxy_headers=False,
            server_header=False,
            limit_concurrency=CONNECTIONS,
            timeout_keep_alive=KEEP_ALIVE_SECONDS,
            timeout_graceful_shutdown=10,
        )
    )


@asynccontextmanager
async def _lifespan(app: FastAPI) -> AsyncIterator[None]:
    current_default_thread_limiter().total_tokens = THREADS
    filling = threading.Thread(target=_fill, args=(app,), name="fill", daemon=True)
    filling.start()
    yield
    app.state.stopping.set()


def _fill(app: FastAPI) -> None:
    """Take in what the database has, so that the first search need not wait for it; again while none of it comes in."""
    while not app.state.stopping.is_set():
        if _took_in(app):
            app.state.filled.set()
            return
        app.state.stopping.wait(REFILL_SECONDS)


def _took_in(app: FastAPI) -> bool:
    """Take in every tenant's references; tell whether any came in, or there are none.

    One tenant's that fail keep no other from its turn, nor the shard from saying that it is filled: a search for
    that tenant tries again and fails by itself. Where all fail, it is the store or the shard.
    """
    filled = failed = 0
    try:
        with app.state.service.database.reading() as session:
            tenants = session.exec(select(Tenant.id)).all()
        for tenant_id in tenants:
            if app.state.stopping.is_set():
                return False
            try:
                state = app.state.catalogue.state(tenant_id)
            except (ScannerError, fingerprint.FingerprintError, OSError) as error:
                failed += 1
                log.warning("shard_not_filled", tenant=tenant_id, detail=str(error))
            else:
                filled += state.stats.references > 0
                log.info("shard_filled", tenant=tenant_id, references=state.stats.references)
    except Exception:
        log.exception("shard_not_filled")
        return False
    return not failed or filled > 0


async def _authorised(request: Request) -> None:
    """Refuse whoever does not know the secret: before the body is read, and without a thread."""
    if not request.app.state.secret.is_in(request.headers.get("authorization")):
        raise HTTPException(401, "this secret is none of the shard's")


async def _print(request: Request) -> fingerprint.Fingerprint:
    body = bytearray()
    async for chunk in bodies.chunks(request):
        body += chunk
        if len(body) > MOST_QUERY_BYTES:
            raise HTTPException(413, f"a query has {MOST_QUERY_BYTES} bytes at most")
    try:
        return fingerprint.Fingerprint.from_bytes(bytes(body))
    except fingerprint.InvalidFingerprintError as error:
        raise HTTPException(400, str(error)) from error


def _known(request: Request, tenant: Annotated[str, Query(max_length=64)]) -> str:
    """Return the tenant, which becomes a folder's name: none that the database does not have."""
    with request.app.state.service.database.reading() as session:
        if session.get(Tenant, tenant) is None:
            raise HTTPException(404, "the shard's database has no such tenant")
    return tenant


TenantId = Annotated[str, Depends(_known)]
Patience = Annotated[float, Query(gt=0, le=3600)]
router = APIRouter(dependencies=[Depends(_authorised)])


@router.get("/ready")
async def ready(request: Request) -> Response:
    """Say which shard this is, if its database and its folder are well, however many searches wait."""
    state = request.app.state
    await run_sync(state.service.database.check, limiter=state.probes)
    await run_sync(state.catalogue.check, limiter=state.probes)
    return _said(Ready(**_own(request), filled=state.filled.is_set()))


@router.get("/size")
def size(request: Request, tenant: TenantId, patience: Patience, bare: bool = False) -> Response:
    """Say how large a tenant's index is, newest changes included."""
    catalogue: Catalogue = request.app.state.catalogue
    found = catalogue.state(tenant, patience)
    answer = Size(
        **_own(request),
        version=found.version,
        epoch=found.epoch,
        stats=found.stats,
        bare=catalogue.bare(tenant) if bare else None,
    )
    return _said(answer)


@router.post("/search")
def search(
    request: Request,
    tenant: TenantId,
    patience: Patience,
    print_: Annotated[fingerprint.Fingerprint, Depends(_print)],
    min_score: Annotated[float | None, Query(ge=0, le=1)] = None,
    bank: Annotated[list[str] | None, Query()] = None,
) -> Response:
    """Search a tenant's references that are this shard's, without those of some banks."""
    catalogue: Catalogue = request.app.state.catalogue
    found = catalogue.search(
        tenant, print_, patience, min_score=min_score, without_banks=bank or ()
    )
    answer = Matches(
        **_own(request),
        version=found.index_version,
        epoch=found.index_epoch,
        matches=tuple(found.matches),
    )
    return _said(answer)


@router.get("/metrics")
def metrics() -> Response:
    """Say what this process measured, in Prometheus' form."""
    return Response(generate_latest(), media_type="text/plain")


def _own(request: Request) -> dict[str, Any]:
    return {"shard": str(request.app.state.shard), "models": MODELS}


def _said(answer: Any) -> Response:
    return Response(answer.model_dump_json(), media_type="application/json")


def _refused(_: Request, error: Exception) -> Response:
    assert isinstance(error, StarletteHTTPException)
    trouble = Trouble(detail=str(error.detail))
    return JSONResponse(trouble.model_dump(), error.status_code)


def _troubled(_: Request, error: Exception) -> Response:
    """Say why there is no answer now; what no other try would mend is logged as well."""
    if not isinstance(error, BusyError | TransientError):
        log.error("shard_failed", error=type(error).__name__, exc_info=error)
    detail = str(error) if isinstance(error, ScannerError) else type(error).__name__
    trouble = Trouble(detail=detail, busy=isinstance(error, BusyError))
    return JSONResponse(trouble.model_dump(), 503)
