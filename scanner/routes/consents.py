"""HTTP resources of parents' consents: asked for by platforms, moved by them or by a parent's link."""

from collections.abc import Callable
from typing import Annotated, Any
from urllib.parse import quote

from fastapi import APIRouter, Depends, Path, Request, Response
from fastapi.responses import JSONResponse

from scanner import consents, cursors
from scanner.dependencies import (
    Cursor,
    IdempotencyKey,
    Limit,
    OnceDep,
    ServiceDep,
    Visitor,
    etag,
    is_id,
)
from scanner.errors import NotFoundError, UnauthorisedError
from scanner.journal import Actor
from scanner.problems import problems
from scanner.replays import Answer, Once, identity_of
from scanner.routes.accounts import AccountName, AccountsReader, AccountsWriter, ReadableAccount
from scanner.routing import Route
from scanner.schemas import people as shapes
from scanner.service import Service
from scanner.tables import Consent

router = APIRouter(prefix="/v1/accounts/{account}/consents", tags=["people"], route_class=Route)

ConsentId = Annotated[str, Path(description="The consent's id.")]
_POSTED: Any = (
    "malformed-json",
    "unsupported-media-type",
    "bad-fields",
    "in-progress",
    "idempotency-conflict",
)


def own_consent(account: ReadableAccount, service: ServiceDep, consent_id: ConsentId) -> Consent:
    """Return the consent in the path for reading."""
    if not is_id(consent_id):
        raise NotFoundError("consent", "of this id")
    with service.database.reading() as session:
        return consents.find(session, account.tenant_id, account.id, consent_id)


def moved_consent(
    visitor: Visitor, service: ServiceDep, account: AccountName, consent_id: ConsentId
) -> Consent | None:
    """Return the consent in the path for a platform; None: a parent's token has to find it."""
    if visitor is None:
        return None
    visitor.require("accounts:write")
    if not is_id(consent_id):
        raise NotFoundError("consent", "of this id")
    with service.database.reading() as session:
        return consents.of_platform(session, visitor.tenant_id, account, consent_id)


OwnConsent = Annotated[Consent, Depends(own_consent)]
MovedConsent = Annotated[Consent | None, Depends(moved_consent)]


@router.get(
    "",
    response_model=shapes.Consents,
    response_model_exclude_unset=True,
    responses=problems("not-found", "bad-fields", "bad-cursor"),
)
def list_consents(
    account: ReadableAccount,
    caller: AccountsReader,
    service: ServiceDep,
    limit: Limit = 50,
    cursor: Cursor = None,
) -> dict[str, Any]:
    """List an account's consents, newest first, those that ended too. Needs `accounts:read`."""
    (before,) = cursors.decode("consents", cursor, str) or (None,)
    with service.database.reading() as session:
        found = consents.listed(session, account.id, limit=limit + 1, before=before)
        page = found[:limit]
        items = [consents.describe(session, each) for each in page]
    next_cursor = cursors.encode("consents", page[-1].id) if len(found) > limit else None
    return {"items": items, "next_cursor": next_cursor}


@router.post(
    "",
    status_code=201,
    response_model=shapes.ConsentMoved,
    response_model_exclude_unset=True,
    responses=problems(*_POSTED),
)
def request_consent(
    request: Request,
    caller: AccountsWriter,
    account: AccountName,
    once: OnceDep,
    wanted: shapes.ConsentAskedOf,
    service: ServiceDep,
) -> JSONResponse:
    """Ask a parent: send them a link with the `token`, shown this once. Needs `accounts:write`."""

    def work() -> Answer:
        asked = consents.ConsentAsked(**wanted.model_dump() | {"scopes": tuple(wanted.scopes)})
        linked = consents.request(service, caller, account, asked)
        # The account's name is the platform's own, in any script; a header is ASCII.
        location = {"Location": f"/v1/accounts/{quote(account, '')}/consents/{linked.consent.id}"}
        return _answer(service, linked, 201, location)

    return once.answer(identity_of(request.url.path, wanted.model_dump_json().encode()), work)


@router.get(
    "/{consent_id}",
    response_model=shapes.ConsentAnswer,
    response_model_exclude_unset=True,
    responses=problems("not-found"),
)
def read_consent(consent: OwnConsent, service: ServiceDep, response: Response) -> dict[str, Any]:
    """One consent, with its receipt. Needs the scope `accounts:read`."""
    response.headers.update(etag(consent.version))
    with service.database.reading() as session:
        return consents.describe(session, consent)


@router.post(
    "/{consent_id}/grant",
    response_model=shapes.ConsentMoved,
    response_model_exclude_unset=True,
    responses=problems("not-found", *_POSTED, "illegal-transition"),
)
def grant_consent(
    request: Request,
    consent: MovedConsent,
    account: AccountName,
    consent_id: ConsentId,
    visitor: Visitor,
    key: IdempotencyKey,
    wanted: shapes.GrantAsked,
    service: ServiceDep,
) -> JSONResponse:
    """Agree: by the parent's `token` without a key, or on their word with `accounts:write`.

    The answer's `token` is that of the link by which consent is taken back.
    """

    def move(actor: Actor, row: Consent, token: str | None) -> consents.Linked:
        return consents.grant(service, row.id, actor, wanted.method, wanted.scopes, token)

    mover = _Mover(service, request, account, consent_id, wanted.token, key)
    actor = visitor.actor if visitor else None
    return mover.answer(consent, actor, wanted.model_dump_json(), move)


@router.post(
    "/{consent_id}/withdraw",
    response_model=shapes.ConsentMoved,
    response_model_exclude_unset=True,
    responses=problems("not-found", *_POSTED, "illegal-transition"),
)
def withdraw_consent(
    request: Request,
    consent: MovedConsent,
    account: AccountName,
    consent_id: ConsentId,
    visitor: Visitor,
    key: IdempotencyKey,
    wanted: shapes.WithdrawalAsked,
    service: ServiceDep,
) -> JSONResponse:
    """Say no, or take consent back, by the parent's `token` or with `accounts:write`.

    It holds no more from the answer on; what it had allowed is pulled.
    """

    def move(actor: Actor, row: Consent, token: str | None) -> consents.Linked:
        return consents.withdraw(service, row.id, actor, token)

    mover = _Mover(service, request, account, consent_id, wanted.token, key)
    actor = visitor.actor if visitor else None
    return mover.answer(consent, actor, wanted.model_dump_json(), move)


class _Mover:
    """Moves a consent once for each Idempotency-Key, for a platform or for a parent."""

    def __init__(
        self,
        service: Service,
        request: Request,
        account: str,
        consent_id: str,
        token: str | None,
        key: str | None,
    ) -> None:
        self._service = service
        self._path = request.url.path
        self._operation = f"{request.method} {request.scope['route'].path}"
        self._account = account
        self._consent_id = consent_id
        self._token = token
        self._key = key

    def answer(
        self,
        consent: Consent | None,
        actor: Actor | None,
        body: str,
        move: Callable[[Actor, Consent, str | None], consents.Linked],
    ) -> JSONResponse:
        """Let the platform's ``actor`` move ``consent``; without them, the parent whose token it is."""
        by_parent = consent is None or actor is None
        row = self._of_parent() if consent is None or actor is None else consent
        who = consents.parent_actor(row) if actor is None else actor

        def work() -> Answer:
            return _answer(self._service, move(who, row, self._token if by_parent else None), 200)

        once = Once(self._service, row.tenant_id, self._key, self._operation)
        return once.answer(identity_of(self._path, body.encode()), work)

    def _of_parent(self) -> Consent:
        if self._token is None:
            raise UnauthorisedError("send the `token` of the parent's link, or an API key")
        if not is_id(self._consent_id):
            raise NotFoundError("consent", "of this id")
        with self._service.database.reading() as session:
            return consents.of_parent(session, self._account, self._consent_id)


def _answer(
    service: Service,
    linked: consents.Linked,
    status: int,
    headers: dict[str, str] | None = None,
) -> Answer:
    with service.database.reading() as session:
        view = consents.describe(session, linked.consent)
    tag = etag(linked.consent.version)
    return Answer(status, view | {"token": linked.token}, tag | (headers or {}))
