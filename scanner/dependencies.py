"""What routes ask for in their signatures: the caller, the object, the precondition, the page.

FastAPI asks in the order of the signature and checks the body last, so a route that names its
object first answers 404 for a foreign or unknown id before it looks at If-Match or the body.

What asks neither the database nor a file is ``async``: it costs no turn on one of the threads that requests wait for.
"""

import hashlib
import re
from dataclasses import dataclass
from typing import Annotated, Any, Final

from fastapi import Depends, Header, Path, Query, Request, Security
from fastapi.security import HTTPAuthorizationCredentials, HTTPBearer
from sqlmodel import Session

import appeals.tables
from scanner import banks, keys, licensees, policies, queues, references, tracks, webhooks
from scanner.bus import dead_letters
from scanner.callers import Caller
from scanner.errors import (
    ForbiddenError,
    NotFoundError,
    PreconditionFailedError,
    UnauthorisedError,
)
from scanner.limits import RateLimits
from scanner.problems import HttpError
from scanner.replays import Once
from scanner.service import Service
from scanner.tables import (
    ApiKey,
    Bank,
    DeadLetter,
    MarkLicensee,
    PolicyPack,
    Reference,
    Track,
    Webhook,
)
from scanner.wording import Told

_ID: Final = re.compile(r"[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}")
_KEY: Final = re.compile(r"[\x21-\x7e](?:[\x20-\x7e]{0,198}[\x21-\x7e])?")
_TAG: Final = re.compile(r'(W/)?"([^"]*)"')

bearer = HTTPBearer(
    auto_error=False,
    scheme_name="ApiKey",
    description="`Authorization: Bearer KEY`; keys start with `clr_live_`, sandbox keys with "
    "`clr_test_`.",
)


def is_id(text: str) -> bool:
    """Tell whether a text can be an id at all; what can't never reaches the database."""
    return _ID.fullmatch(text) is not None


def known_id(text: str, what: str) -> str:
    """Return an id of a path, or raise ``NotFoundError`` if it can be the id of nothing at all."""
    if not is_id(text):
        raise NotFoundError(what, "of this id")
    return text


async def service_of(request: Request) -> Service:
    """Return the service this application serves."""
    service: Service = request.app.state.service
    return service


ServiceDep = Annotated[Service, Depends(service_of)]


def authenticated(
    request: Request,
    service: ServiceDep,
    credentials: Annotated[HTTPAuthorizationCredentials | None, Depends(bearer)],
) -> Caller:
    """Return who asks, after counting the request."""
    limits: RateLimits = request.app.state.rate_limits
    try:
        if credentials is None:
            raise UnauthorisedError("send `Authorization: Bearer KEY`")
        caller = keys.authenticate(service, credentials.credentials)
    except UnauthorisedError:
        limits.count_address(address_of(request))
        raise
    request.state.caller = caller
    request.state.rate_headers = limits.count_key(caller.actor.id)
    return caller


def public(request: Request) -> None:
    """Count a request that needs no key, by its address."""
    limits: RateLimits = request.app.state.rate_limits
    request.state.rate_headers = limits.count_address(address_of(request))


def address_of(request: Request) -> str:
    """Return the client's address; behind a proxy the server has put the right one there."""
    return request.client.host if request.client else "unknown"


AnyCaller = Annotated[Caller, Depends(authenticated)]
"""Whoever is known, a creator with a link too: for what asks for a scope."""


async def client(caller: AnyCaller) -> Caller:
    """Return who asks, if it is a key: a creator's link reaches only what asks for its scopes."""
    return _with_key(caller)


def _with_key(caller: Caller) -> Caller:
    if caller.account_id is not None:
        raise ForbiddenError("a creator's link reaches the creator's own letters and matters only")
    return caller


CallerDep = Annotated[Caller, Depends(client)]


async def insider(caller: CallerDep) -> Caller:
    """Return who asks, if it is the platform or its staff: whom its rules hold back learns no threshold of them."""
    if caller.holder_id is not None or caller.flagger_id is not None:
        raise ForbiddenError("the rules are for the platform and its staff")
    return caller


InsiderDep = Annotated[Caller, Depends(insider)]


def visitor(
    request: Request,
    service: ServiceDep,
    credentials: Annotated[HTTPAuthorizationCredentials | None, Depends(bearer)],
) -> Caller | None:
    """Return who asks, or None for anybody; a key that is sent must be good."""
    if credentials is None and "authorization" not in request.headers:
        public(request)
        return None
    return _with_key(authenticated(request, service, credentials))


Visitor = Annotated[Caller | None, Depends(visitor)]


class Holding:
    """A caller whose key has a scope; an instance for each scope, so that it is counted once."""

    def __init__(self, scope: str) -> None:
        self.scope = scope

    async def __call__(self, caller: AnyCaller) -> Caller:
        caller.require(self.scope)
        return caller


_tracks_read, _tracks_write = Holding("tracks:read"), Holding("tracks:write")
_references_read, _references_write = Holding("references:read"), Holding("references:write")
_references_settle = Holding("references:settle")
_webhooks, _operations = Holding("webhooks"), Holding("operations")
_policies_write, _policies_approve = Holding("policies:write"), Holding("policies:approve")
_cases_read, _audit_read = Holding("cases:read"), Holding("audit:read")
_cases_decide, _contest_write = Holding("cases:decide"), Holding("contest:write")

TracksReader = Annotated[Caller, Security(_tracks_read)]
TracksWriter = Annotated[Caller, Security(_tracks_write)]
ReferencesReader = Annotated[Caller, Security(_references_read)]
ReferencesWriter = Annotated[Caller, Security(_references_write)]
ReferencesSettler = Annotated[Caller, Security(_references_settle)]
WebhooksCaller = Annotated[Caller, Security(_webhooks)]
CasesReader = Annotated[Caller, Security(_cases_read)]
CasesDecider = Annotated[Caller, Security(_cases_decide)]
Contester = Annotated[Caller, Security(_contest_write)]
AuditReader = Annotated[Caller, Security(_audit_read)]
PolicyWriter = Annotated[Caller, Security(_policies_write)]
PolicyApprover = Annotated[Caller, Security(_policies_approve)]
Operator = Annotated[Caller, Security(_operations)]


# --- objects, by the id in the path; a foreign one, an unknown one and nonsense read the same


class _Own:
    """Finds the caller's object that the path names."""

    def __init__(self, what: str, find: Any) -> None:
        self.what = what
        self.find = find

    def __call__(self, service: Service, caller: Caller, object_id: str) -> Any:
        if not is_id(object_id):
            raise NotFoundError(self.what, "of this id")
        with service.database.reading() as session:
            try:
                return self.find(session, caller.tenant_id, object_id)
            except NotFoundError:
                raise NotFoundError(self.what, "of this id") from None


def _find_case(session: Session, tenant_id: str, case_id: str) -> appeals.tables.Case:
    case = session.get(appeals.tables.Case, case_id)
    if case is None or case.tenant_id != tenant_id:
        raise NotFoundError("case", case_id)
    return case


_own_track = _Own("track", tracks.find)
_own_reference = _Own("reference", references.find)
_own_bank = _Own("bank", banks.find)
_own_webhook = _Own("webhook", webhooks.find)
_own_case = _Own("case", _find_case)
_own_key = _Own("key", keys.find)
_own_licensee = _Own("licensee", licensees.find)
_own_letter = _Own(
    "dead letter", lambda session, tenant, id_: dead_letters.find(session, id_, tenant)
)

TrackId = Annotated[str, Path(description="The track's id.")]
ReferenceId = Annotated[str, Path(description="The reference's id.")]
BankId = Annotated[str, Path(description="The bank's id.")]
WebhookId = Annotated[str, Path(description="The webhook's id.")]


def readable_track(caller: TracksReader, service: ServiceDep, track_id: TrackId) -> Track:
    """Return the track in the path for reading; a reviewer sees it while they hold its case."""
    track: Track = _own_track(service, caller, track_id)
    with service.database.reading() as session:
        queues.check_track(session, caller, track.id, service.now())
    return track


def writable_track(caller: TracksWriter, service: ServiceDep, track_id: TrackId) -> Track:
    """Return the track in the path for changing; a reviewer does so while they hold its case, as they see it."""
    return readable_track(caller, service, track_id)


def readable_reference(
    caller: ReferencesReader, service: ServiceDep, reference_id: ReferenceId
) -> Reference:
    """Return the reference in the path for reading."""
    reference: Reference = _own_reference(service, caller, reference_id)
    return reference


def writable_reference(
    caller: ReferencesWriter, service: ServiceDep, reference_id: ReferenceId
) -> Reference:
    """Return the reference in the path for changing."""
    reference: Reference = _own_reference(service, caller, reference_id)
    return reference


def settled_reference(
    caller: ReferencesSettler, service: ServiceDep, reference_id: ReferenceId
) -> Reference:
    """Return the reference in the path for a person to decide on."""
    reference: Reference = _own_reference(service, caller, reference_id)
    return reference


def readable_bank(caller: ReferencesReader, service: ServiceDep, bank_id: BankId) -> Bank:
    """Return the bank in the path for reading."""
    bank: Bank = _own_bank(service, caller, bank_id)
    return bank


def writable_bank(caller: ReferencesWriter, service: ServiceDep, bank_id: BankId) -> Bank:
    """Return the bank in the path for changing."""
    bank: Bank = _own_bank(service, caller, bank_id)
    return bank


def own_webhook(caller: WebhooksCaller, service: ServiceDep, webhook_id: WebhookId) -> Webhook:
    """Return the webhook in the path."""
    webhook: Webhook = _own_webhook(service, caller, webhook_id)
    return webhook


def own_case(
    caller: CasesReader, service: ServiceDep, case_id: Annotated[str, Path(description="Its id.")]
) -> appeals.tables.Case:
    """Return the case in the path."""
    case: appeals.tables.Case = _own_case(service, caller, case_id)
    return case


def decided_case(
    caller: CasesDecider, service: ServiceDep, case_id: Annotated[str, Path(description="Its id.")]
) -> appeals.tables.Case:
    """Return the case in the path for a person to act on."""
    case: appeals.tables.Case = _own_case(service, caller, case_id)
    return case


def contested_case(
    caller: Contester, service: ServiceDep, case_id: Annotated[str, Path(description="Its id.")]
) -> appeals.tables.Case:
    """Return the case in the path for whom it affects."""
    case: appeals.tables.Case = _own_case(service, caller, case_id)
    return case


def own_key(
    caller: Operator, service: ServiceDep, key_id: Annotated[str, Path(description="Its id.")]
) -> ApiKey:
    """Return the API key in the path."""
    key: ApiKey = _own_key(service, caller, key_id)
    return key


def own_letter(
    caller: Operator, service: ServiceDep, letter_id: Annotated[str, Path(description="Its id.")]
) -> DeadLetter:
    """Return the dead letter in the path."""
    letter: DeadLetter = _own_letter(service, caller, letter_id)
    return letter


def own_licensee(
    caller: Operator, service: ServiceDep, licensee_id: Annotated[str, Path(description="Its id.")]
) -> MarkLicensee:
    """Return the licensee in the path."""
    licensee: MarkLicensee = _own_licensee(service, caller, licensee_id)
    return licensee


PolicyId = Annotated[str, Path(description="Its id, `name@sha256:…`, or its hash.")]


def _policy(service: Service, caller: Caller, policy_id: str) -> PolicyPack:
    service.packs.ensure(service, caller.tenant_id)
    with service.database.reading() as session:
        try:
            return policies.find(session, caller.tenant_id, policy_id)
        except NotFoundError:
            raise NotFoundError("policy", "of this id") from None


def readable_policy(caller: InsiderDep, service: ServiceDep, policy_id: PolicyId) -> PolicyPack:
    """Return the pack in the path for reading."""
    return _policy(service, caller, policy_id)


def written_policy(caller: PolicyWriter, service: ServiceDep, policy_id: PolicyId) -> PolicyPack:
    """Return the pack in the path for testing and proposing."""
    return _policy(service, caller, policy_id)


def approved_policy(caller: PolicyApprover, service: ServiceDep, policy_id: PolicyId) -> PolicyPack:
    """Return the pack in the path for a second person to decide on."""
    return _policy(service, caller, policy_id)


ReadablePolicy = Annotated[PolicyPack, Depends(readable_policy)]
WrittenPolicy = Annotated[PolicyPack, Depends(written_policy)]
ApprovedPolicy = Annotated[PolicyPack, Depends(approved_policy)]
ReadableTrack = Annotated[Track, Depends(readable_track)]
WritableTrack = Annotated[Track, Depends(writable_track)]
ReadableReference = Annotated[Reference, Depends(readable_reference)]
WritableReference = Annotated[Reference, Depends(writable_reference)]
SettledReference = Annotated[Reference, Depends(settled_reference)]
ReadableBank = Annotated[Bank, Depends(readable_bank)]
WritableBank = Annotated[Bank, Depends(writable_bank)]
OwnWebhook = Annotated[Webhook, Depends(own_webhook)]
OwnCase = Annotated[appeals.tables.Case, Depends(own_case)]
DecidedCase = Annotated[appeals.tables.Case, Depends(decided_case)]
ContestedCase = Annotated[appeals.tables.Case, Depends(contested_case)]
OwnKey = Annotated[ApiKey, Depends(own_key)]
OwnLicensee = Annotated[MarkLicensee, Depends(own_licensee)]
OwnLetter = Annotated[DeadLetter, Depends(own_letter)]


# --- preconditions, pages, idempotency


@dataclass(frozen=True)
class Precondition:
    """What If-Match named; ``versions`` is None for ``*``."""

    versions: frozenset[str] | None

    def check(self, present: int) -> int | None:
        """Return the version to expect, or raise ``PreconditionFailedError`` if it is another."""
        if self.versions is None:
            return None
        if str(present) not in self.versions:
            raise PreconditionFailedError(
                Told(
                    "the object is at version %(present)s, If-Match named another: read it again",
                    present=present,
                )
            )
        return present


async def if_match(
    header: Annotated[
        str | None,
        Header(alias="If-Match", description="The `ETag` of the version you read, or `*`."),
    ] = None,
) -> Precondition:
    """Return the precondition of a change, which every change must have."""
    return _precondition(header)


def _precondition(header: str | None) -> Precondition:
    if header is None or not header.strip():
        raise HttpError(
            "precondition-required", "send If-Match with the ETag of the version you read"
        )
    if header.strip() == "*":
        return Precondition(None)
    # A weak tag never matches (RFC 9110, 13.1.1).
    return Precondition(frozenset(tag for weak, tag in _TAG.findall(header) if not weak))


IfMatch = Annotated[Precondition, Depends(if_match)]


@dataclass(frozen=True)
class UpdatePrecondition:
    """What If-Match named for a PUT, which needs none where nothing is there yet."""

    given: Precondition | None

    def check(self, present: int) -> int | None:
        """Return the version to expect, or raise as `Precondition.check` and `if_match` do."""
        if self.given is not None:
            return self.given.check(present)
        if present:
            _precondition(None)
        return present


async def update_match(
    header: Annotated[
        str | None,
        Header(
            alias="If-Match",
            description="The `ETag` of the version you read, or `*`; not needed for the first.",
        ),
    ] = None,
) -> UpdatePrecondition:
    """Return the precondition of a PUT."""
    return UpdatePrecondition(_precondition(header) if header is not None else None)


UpdateMatch = Annotated[UpdatePrecondition, Depends(update_match)]


def etag(version: int) -> dict[str, str]:
    """Return the header that names an object's version."""
    return {"ETag": f'"{version}"'}


Limit = Annotated[int, Query(alias="limit", ge=1, le=200, description="Items on a page.")]
Cursor = Annotated[
    str | None, Query(max_length=500, description="`next_cursor` of the page before.")
]


async def idempotency_key(
    header: Annotated[
        str | None,
        Header(
            alias="Idempotency-Key",
            description="Your own name for this request, 1 to 200 printable ASCII characters; "
            "a repeat under the same key gets the first answer.",
        ),
    ] = None,
) -> str | None:
    """Return the client's key for this request."""
    if header is not None and not _KEY.fullmatch(header):
        raise HttpError(
            "idempotency-key-invalid", "an Idempotency-Key has 1 to 200 printable ASCII characters"
        )
    return header


IdempotencyKey = Annotated[str | None, Depends(idempotency_key)]


async def once(
    request: Request, caller: AnyCaller, service: ServiceDep, key: IdempotencyKey
) -> Once:
    """Return what does the work of this POST once."""
    operation = f"{request.method} {request.scope['route'].path}"
    party = caller.account_id or caller.holder_id or caller.flagger_id or caller.user_id
    if key is not None and party is not None:  # a party's keys are not the platform's
        key = hashlib.sha256(f"{party}\n{key}".encode()).hexdigest()
    return Once(service, caller.tenant_id, key, operation)


OnceDep = Annotated[Once, Depends(once)]
